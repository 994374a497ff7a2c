//! `setup`: from nothing to a working room, by questions or by options. Nothing is written before the last question.

mod ask;
mod finish;
mod options;
mod questions;
mod rooms;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, LoadArgs};
use crate::domain::{AccountId, RoomId};
use crate::platform::Interrupt;
use crate::setup::{self, Account, Choices, LookError, Where};

use self::ask::Asker;
pub(super) use self::options::Arguments;
use super::start::{self, Place};
use super::terminal::{Busy, Terminal};
use super::{Exit, Language, login_link};

const FILE: &str = "karibarai.toml";
/// How often a token is asked for before it is left.
const TRIES: usize = 3;

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    // From before the first question on: the terminal is not left without echo.
    let mut interrupt = Interrupt::watch().context("cannot wait for Ctrl-C")?;
    let written = Cell::new(false);
    let wizard = Wizard::begin(arguments, place, terminal, &written)?;
    tokio::select! {
        done = wizard.run() => done,
        () = interrupt.came() => {
            terminal.talk(match written.get() {
                false => terminal.words("\n中止しました。何も書き込んでいません。", "\ncancelled; nothing was written."),
                true => terminal.words(
                    "\n中止しました。設定は書き込み済みです。動作の確認は karibarai setup をもう一度実行してください。",
                    "\ncancelled. The configuration is written, but untried; run `karibarai setup` again to try it.",
                ),
            });
            Ok(Exit::Failed)
        }
    }
}

/// What stands there already.
struct Existing {
    text: String,
    config: Config,
}

struct Wizard<'a> {
    arguments: &'a Arguments,
    place: &'a Place,
    terminal: &'a Terminal,
    asker: Asker<'a>,
    /// Turns true when the files have taken their places.
    written: &'a Cell<bool>,
    /// The configuration file, new or old.
    target: PathBuf,
    cwd: PathBuf,
    existing: Option<Existing>,
    /// What holds without any choice.
    base: Config,
}

impl<'a> Wizard<'a> {
    fn begin(
        arguments: &'a Arguments,
        place: &'a Place,
        terminal: &'a Terminal,
        written: &'a Cell<bool>,
    ) -> anyhow::Result<Self> {
        let cwd = std::env::current_dir().context("cannot tell the current folder")?;
        let target = target(arguments, place, &cwd)?;
        let load =
            |path: Option<PathBuf>| LoadArgs { path, env: place.environment.clone(), cwd: cwd.clone() };
        let existing = match std::fs::read_to_string(cwd.join(&target)) {
            Ok(text) => {
                let config = Config::load(&load(Some(target.clone()))).map_err(|error| {
                    anyhow!(
                        "{error}\n{}",
                        terminal.words(
                            "いまの設定ファイルに問題があります。直すか、別の場所に移してから、もう一度お試しください",
                            "the configuration that is there is refused; mend it or move it away, then run setup again"
                        )
                    )
                })?;
                Some(Existing { text, config })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", target.display())),
        };
        let base = match &existing {
            Some(it) => it.config.clone(),
            None => setup::check("", &[], load(None))?,
        };
        Ok(Self { arguments, place, terminal, asker: Asker(terminal), written, target, cwd, existing, base })
    }

    async fn run(&self) -> anyhow::Result<Exit> {
        self.greet();
        let mut choices = Choices::default();
        let (token, mut account) = self.account().await?;
        let known = self.existing.as_ref().and_then(|it| it.config.chatwork.api_token.as_ref());
        if known.is_none_or(|it| it.expose_secret() != token.expose_secret()) || self.token_is_from_env() {
            choices.api_token = Some(token.clone());
        }
        if self.existing.is_none() {
            choices.settle = Some("10m".to_owned());
            let usual = "https://api.chatwork.com/v2";
            choices.api_base = Some(self.base.chatwork.api_base.clone()).filter(|it| it != usual);
        }
        self.owner(&account, &mut choices).await?;
        let owners = self.owners(&choices, account.me.account_id);
        choices.rooms = self.rooms(&mut account, &owners).await?;
        self.webhook(&account, &mut choices).await?;
        self.quiet_hours(&mut choices).await?;
        self.authorities(&mut choices).await?;
        let at = self.whereabouts(&choices);
        let text = setup::draft(self.existing.as_ref().map(|it| it.text.as_str()), &choices, &at)
            .with_context(|| format!("{} cannot be changed", self.target.display()))?;
        let config = self.checked(&text, &choices)?;
        self.preview(&config, &account)?;
        if !self.agree(&text, &choices).await? {
            self.terminal.talk(self.terminal.words("何も書き込んでいません。", "nothing was written."));
            return Ok(Exit::Failed);
        }
        self.write(&text, &choices)?;
        let owner_is_token = owners.contains(&account.me.account_id);
        self.prove(config, owner_is_token).await
    }

    fn is_asking(&self) -> bool {
        !self.arguments.yes
    }

    /// Where the environment alone gave it, it has to be written down: `serve` may be started without that environment.
    fn token_is_from_env(&self) -> bool {
        self.existing.is_none()
    }

    fn greet(&self) {
        let t = self.terminal;
        if !self.is_asking() {
            return;
        }
        t.say(t.words("── karibarai の初期設定 ──", "── setting up karibarai ──"));
        t.say(t.words(
            "質問に順に答えると設定ファイルができます。最後に確認するまで、何も書き込みません（Ctrl-Cで中止）。",
            "A few questions, then the configuration is written; nothing before that (Ctrl-C cancels).",
        ));
        if self.existing.is_some() {
            t.say(&format!(
                "{} {}",
                t.words(
                    "いまの設定を変更します（Enterだけで、そのまま）:",
                    "changing (Enter keeps what is there):"
                ),
                self.target.display()
            ));
        }
    }

    /// A token that works, and what it shows.
    async fn account(&self) -> anyhow::Result<(SecretString, Account)> {
        let t = self.terminal;
        let mut given = match &self.arguments.token_file {
            Some(path) => Some(options::token(path)?),
            None => self.base.chatwork.api_token.clone(),
        };
        if given.is_none() && self.is_asking() {
            t.say("");
            t.say(t.words(
                "1. APIトークン: Chatwork（パソコン版）の右上の自分の名前 →「サービス連携」→「API Token」で表示し、コピーしてください。",
                "1. API token: in Chatwork (on a computer), your name → サービス連携 → API Token.",
            ));
        }
        for _ in 0..TRIES {
            let token = match given.take() {
                Some(token) => token,
                None if self.is_asking() => {
                    let prompt = t.words(
                        "貼り付けてEnter（画面には出ません）: ",
                        "paste it, then Enter (it is not shown): ",
                    );
                    match self.asker.secret(prompt).await? {
                        Some(token) => token,
                        None => continue,
                    }
                }
                None => {
                    return Err(anyhow!(t.words(
                    "APIトークンがありません。--token-file FILE でトークンを書いたファイルを指定してください",
                    "there is no API token; name the file that holds it with --token-file FILE"
                )));
                }
            };
            let clock = start::outside().clock;
            match Account::look(&self.base.chatwork.api_base, &token, Arc::clone(&clock)).await {
                Ok(account) => {
                    t.say(&format!(
                        "{} {} ({})",
                        t.words("○ トークンを確認しました:", "○ the token works:"),
                        harmless(&account.me.name),
                        account.me.account_id
                    ));
                    return Ok((token, account));
                }
                Err(error @ (LookError::Refused | LookError::Webhook)) if self.is_asking() => {
                    t.say(&format!("× {}", self.look_words(&error)));
                }
                Err(error) => return Err(anyhow!(self.look_words(&error))),
            }
        }
        Err(anyhow!(t.words(
            "APIトークンを確認できませんでした。何も書き込んでいません",
            "no API token that works was given; nothing was written"
        )))
    }

    fn look_words(&self, error: &LookError) -> &'static str {
        let words: (&'static str, &'static str) = match error {
            LookError::Refused => (
                "ChatworkがこのAPIトークンを受け付けません。「サービス連携 → API Token」から、1行全体をコピーし直してください",
                "Chatwork does not accept this API token; copy the whole line again from サービス連携 → API Token",
            ),
            LookError::Webhook => (
                "これはWebhookのトークンです。「サービス連携 → API Token」のほうをコピーしてください",
                "this is the token of a webhook; copy the one of サービス連携 → API Token",
            ),
            LookError::Busy => (
                "Chatworkの利用回数の上限に達しています。5分ほどおいて、もう一度お試しください",
                "Chatwork's rate limit is used up; try again in five minutes",
            ),
            LookError::Unreachable(_) => (
                "Chatworkに接続できません。ネットワークと CHATWORK_API_BASE（設定していれば）をお確かめください",
                "Chatwork cannot be reached; look at the network, and at CHATWORK_API_BASE if it is set",
            ),
        };
        match self.terminal.language {
            Language::Ja => words.0,
            Language::En => words.1,
        }
    }

    fn owners(&self, choices: &Choices, own: AccountId) -> Vec<AccountId> {
        let chosen = choices.owners.clone().unwrap_or_else(|| self.base.owner.account_ids.clone());
        if chosen.is_empty() { vec![own] } else { chosen }
    }

    /// Paths as the file names them: short where it stands in the folder of the start, else whole.
    fn whereabouts(&self, choices: &Choices) -> Where {
        let folder = self.folder();
        let is_here = std::path::absolute(&folder).ok() == std::path::absolute(&self.cwd).ok();
        let name = |file: &str| match is_here {
            true => file.to_owned(),
            false => folder.join(file).display().to_string(),
        };
        let count = choices.webhook_tokens.as_ref().map_or(0, Vec::len);
        Where {
            token_file: name(TOKEN_FILE),
            webhook_token_files: (0..count).map(|n| name(&webhook_file(n))).collect(),
            data: (!is_here).then(|| folder.join("data")),
        }
    }

    /// Of the configuration, whole.
    fn folder(&self) -> PathBuf {
        let path = self.cwd.join(&self.target);
        path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// The new text as `serve` will read it.
    fn checked(&self, text: &str, choices: &Choices) -> anyhow::Result<Config> {
        let join =
            |all: &[SecretString]| all.iter().map(|it| it.expose_secret()).collect::<Vec<_>>().join(",");
        let mut tokens = Vec::new();
        if let Some(token) = &choices.api_token {
            tokens.push(("CHATWORK_API_TOKEN", token.expose_secret().to_owned()));
        }
        if let Some(all) = &choices.webhook_tokens {
            tokens.push(("CHATWORK_WEBHOOK_TOKEN", join(all)));
        }
        let env = self.place.environment.clone();
        let arguments = LoadArgs { path: None, env, cwd: self.cwd.clone() };
        setup::check(text, &tokens, arguments).map_err(|error| anyhow!("{error}"))
    }

    fn room_name(&self, account: &Account, room: RoomId) -> String {
        account.position(room).map(|n| harmless(&account.rooms[n].room.name)).unwrap_or_default()
    }
}

const TOKEN_FILE: &str = "api_token.txt";

fn webhook_file(n: usize) -> String {
    if n == 0 { "webhook_token.txt".to_owned() } else { format!("webhook_token_{}.txt", n + 1) }
}

/// The file that `serve` would read, else the one that it will.
fn target(arguments: &Arguments, place: &Place, cwd: &Path) -> anyhow::Result<PathBuf> {
    let from_env =
        place.environment.iter().find(|(name, value)| name == "KARIBARAI_CONFIG" && !value.is_empty());
    match (&arguments.dir, &place.file, from_env) {
        (Some(_), Some(_), _) => Err(anyhow!("give either --dir or --config, not both")),
        (Some(folder), None, _) => Ok(folder.join(FILE)),
        (None, Some(file), _) => Ok(file.clone()),
        (None, None, Some((_, file))) => Ok(PathBuf::from(file)),
        (None, None, None) => {
            let usual = [PathBuf::from(FILE), Path::new("config").join(FILE)];
            Ok(usual.into_iter().find(|it| cwd.join(it).exists()).unwrap_or_else(|| PathBuf::from(FILE)))
        }
    }
}

/// Whether a configuration is where it is looked for.
pub(super) fn is_set_up(place: &Place) -> bool {
    let named = place.environment.iter().any(|(name, value)| {
        ["KARIBARAI_CONFIG", "CHATWORK_API_TOKEN"].contains(&name.as_str()) && !value.is_empty()
    });
    named
        || place.file.is_some()
        || [Path::new(FILE), &Path::new("config").join(FILE)].iter().any(|it| it.exists())
}

/// Control characters of a name must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}
