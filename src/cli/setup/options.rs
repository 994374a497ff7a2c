//! The options of `setup`, for running it without questions.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::Mode;
use crate::domain::{AccountId, RoomId};
use crate::setup::RoomChoice;

/// A longer file holds no token.
const MAX_TOKEN: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Folder for karibarai.toml, its token files and the data [default: the present folder]
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// File that holds the API token ("-": standard input). A token is never given as an argument: others could see it
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// A room of a client; client, other and bot may come several times [example: 87654321:client=111,mode=suggest]
    #[arg(long = "room", value_name = "ID[:KEY=VALUE,…]", value_parser = room)]
    pub(super) rooms: Vec<RoomChoice>,
    /// The https address that Chatwork calls; "" for polling alone
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// File with the token of a webhook setting, one for each setting
    #[arg(long = "webhook-token-file", value_name = "FILE")]
    pub(super) webhook_token_files: Vec<PathBuf>,
    /// When nothing is posted, Japan time; "none" for never silent [example: 22:00-07:00]
    #[arg(long, value_name = "FROM-TO")]
    pub(super) quiet_hours: Option<String>,
    /// A time-stamp authority (RFC 3161) that confirms the record daily [example: http://timestamp.digicert.com]
    #[arg(long = "authority", value_name = "URL")]
    pub(super) authorities: Vec<String>,
    /// Account of the person whom the bot serves, where the token belongs to a separate account
    #[arg(long = "owner", value_name = "ID")]
    pub(super) owners: Vec<u64>,
    /// Room in which the bot talks with its owner alone [default: マイチャット of the token's account]
    #[arg(long, value_name = "ID")]
    pub(super) control_room: Option<u64>,
    /// Ask nothing: what no option says keeps its value or its default
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// Write the configuration and leave the bot untried
    #[arg(long)]
    pub(super) no_proof: bool,
}

impl Arguments {
    pub(super) fn webhook_tokens(&self) -> anyhow::Result<Option<Vec<SecretString>>> {
        if self.webhook_token_files.is_empty() {
            return Ok(None);
        }
        self.webhook_token_files.iter().map(|it| token(it)).collect::<Result<_, _>>().map(Some)
    }
}

/// The one token of a file. The message does not repeat what stands in it.
pub(super) fn token(path: &Path) -> anyhow::Result<SecretString> {
    let mut text = Zeroizing::new(String::new());
    let read = |text: &mut String| match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(MAX_TOKEN + 1).read_to_string(text),
        false => File::open(path).and_then(|it| it.take(MAX_TOKEN + 1).read_to_string(text)),
    };
    read(&mut text).with_context(|| format!("the token file {} cannot be read", path.display()))?;
    let token = text.trim_start_matches('\u{feff}').trim();
    match token.lines().count() {
        1 if text.len() as u64 <= MAX_TOKEN => Ok(SecretString::from(token)),
        0 => Err(anyhow!("the token file {} is empty; write the token into it", path.display())),
        _ => Err(anyhow!("the token file {} holds more than a token; write the token alone", path.display())),
    }
}

fn room(text: &str) -> Result<RoomChoice, String> {
    let (id, rest) = text.split_once(':').unwrap_or((text, ""));
    let number = |text: &str, what: &str| match text.parse::<u64>() {
        Ok(it) if it > 0 => Ok(it),
        _ => Err(format!("`{text}` is no {what} (a number)")),
    };
    let id = RoomId(number(id, "room id")?);
    let mut choice = RoomChoice { id, name: None, clients: None, others: None, bots: None, mode: None };
    for part in rest.split(',').filter(|it| !it.is_empty()) {
        let (key, value) = part.split_once('=').ok_or(format!("`{part}` is not KEY=VALUE"))?;
        let list = match key {
            "client" | "clients" => &mut choice.clients,
            "other" | "others" => &mut choice.others,
            "bot" | "bots" => &mut choice.bots,
            "mode" => {
                let modes = [Mode::Observe, Mode::Suggest, Mode::Approve, Mode::Auto];
                let mode = modes.into_iter().find(|it| it.as_str() == value);
                choice.mode = Some(mode.ok_or("mode is one of observe, suggest, approve, auto")?);
                continue;
            }
            _ => return Err(format!("`{key}` is not one of client, other, bot, mode")),
        };
        list.get_or_insert_default().push(AccountId(number(value, "account id")?));
    }
    Ok(choice)
}
