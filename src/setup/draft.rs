//! The configuration file as it will be: what stands in it stays, with its comments; only what was chosen changes.
//!
//! `toml_edit`, since `toml` forgets comments and order, and the owner wrote them.

use std::path::PathBuf;

use secrecy::SecretString;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TomlError, Value, value};

use crate::config::Mode;
use crate::domain::{AccountId, RoomId};

/// What the owner chose; `None` leaves what is there.
#[derive(Default)]
pub struct Choices {
    /// Only where it is not the usual one.
    pub api_base: Option<String>,
    pub api_token: Option<SecretString>,
    /// All of them, in order.
    pub webhook_tokens: Option<Vec<SecretString>>,
    pub public_url: Option<String>,
    pub owners: Option<Vec<AccountId>>,
    pub control_room: Option<RoomId>,
    pub quiet_hours: Option<String>,
    pub settle: Option<String>,
    pub authorities: Option<Vec<String>>,
    pub rooms: Vec<RoomChoice>,
}

/// A room of the configuration, new or there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomChoice {
    pub id: RoomId,
    /// As the account sees it, for the comment above a new block.
    pub name: Option<String>,
    pub clients: Option<Vec<AccountId>>,
    pub others: Option<Vec<AccountId>>,
    pub bots: Option<Vec<AccountId>>,
    pub mode: Option<Mode>,
}

/// Where things stand, as the file names them.
pub struct Where {
    pub token_file: String,
    /// One for each webhook token.
    pub webhook_token_files: Vec<String>,
    /// Database and data folder, where they are not below the folder of the start.
    pub data: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("{0}")]
    Toml(#[from] TomlError),
    #[error("`{0}` is written in a form that cannot be changed here; write it as a section of its own")]
    Form(&'static str),
}

const HEAD: &str = "# karibarai の設定。すべての項目と説明: config/karibarai.default.toml
# 変更したら karibarai を起動し直してください。確認: karibarai doctor
# (Settings of karibarai; restart it after a change. `karibarai setup` may be run again.)

";

/// The new text of the file. `existing` is what stands there.
pub fn draft(existing: Option<&str>, choices: &Choices, at: &Where) -> Result<String, DraftError> {
    let is_new = existing.is_none();
    let text = existing.unwrap_or_default().trim_start_matches('\u{feff}');
    let mut document: DocumentMut = text.parse()?;
    if let Some(base) = &choices.api_base {
        set(&mut document, "chatwork", "api_base", base.as_str())?;
    }
    if choices.api_token.is_some() {
        set(&mut document, "chatwork", "api_token_file", at.token_file.as_str())?;
    }
    if choices.webhook_tokens.is_some() {
        let files: Array = at.webhook_token_files.iter().map(String::as_str).collect();
        set(&mut document, "chatwork", "webhook_token_files", files)?;
    }
    if let Some(url) = &choices.public_url {
        set(&mut document, "server", "public_url", url.as_str())?;
    }
    if let Some(folder) = at.data.as_deref().filter(|_| is_new) {
        let database = format!("sqlite:{}", folder.join("karibarai.db").display());
        set(&mut document, "storage", "url", database)?;
        set(&mut document, "storage", "data_dir", folder.display().to_string())?;
    }
    if let Some(owners) = &choices.owners {
        set(&mut document, "owner", "account_ids", ids(owners))?;
    }
    if let Some(room) = choices.control_room {
        set(&mut document, "owner", "control_room", integer(room.0))?;
    }
    if let Some(hours) = &choices.quiet_hours {
        set(&mut document, "reply", "quiet_hours", hours.as_str())?;
    }
    if let Some(span) = &choices.settle {
        set(&mut document, "reply", "settle", span.as_str())?;
    }
    if let Some(authorities) = &choices.authorities {
        let list: Array = authorities.iter().map(String::as_str).collect();
        set(&mut document, "anchor", "authorities", list)?;
    }
    for room in &choices.rooms {
        put_room(&mut document, room)?;
    }
    Ok(format!("{}{document}", if is_new { HEAD } else { "" }))
}

fn integer(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn ids(accounts: &[AccountId]) -> Array {
    accounts.iter().map(|it| integer(it.0)).collect()
}

fn set(
    document: &mut DocumentMut,
    section: &'static str,
    key: &str,
    to: impl Into<Value>,
) -> Result<(), DraftError> {
    let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
    put(table.as_table_like_mut().ok_or(DraftError::Form(section))?, key, to.into());
    Ok(())
}

/// Replaces a value and keeps what is written around it.
fn put(table: &mut dyn toml_edit::TableLike, key: &str, mut to: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *to.decor_mut() = old.decor().clone();
            *old = to;
        }
        None => _ = table.insert(key, value(to)),
    }
}

fn put_room(document: &mut DocumentMut, room: &RoomChoice) -> Result<(), DraftError> {
    let rooms = document.entry("room").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let rooms = rooms.as_array_of_tables_mut().ok_or(DraftError::Form("room"))?;
    let id = integer(room.id.0);
    let known = rooms.iter().position(|it| it.get("id").and_then(Item::as_integer) == Some(id));
    if known.is_none() {
        let mut table = Table::new();
        table.insert("id", value(id));
        if let Some(name) = &room.name {
            // A name is another's word: no line of the file may begin with it.
            let name: String = name.chars().filter(|it| !it.is_control()).take(80).collect();
            table.decor_mut().set_prefix(format!("\n# {name}\n"));
        }
        rooms.push(table);
    }
    let n = known.unwrap_or(rooms.len().saturating_sub(1));
    let table = rooms.get_mut(n).ok_or(DraftError::Form("room"))?;
    for (key, accounts) in [("clients", &room.clients), ("others", &room.others), ("bots", &room.bots)] {
        if let Some(accounts) = accounts {
            put(table, key, ids(accounts).into());
        }
    }
    if let Some(mode) = room.mode {
        let reply = table.entry("reply").or_insert_with(|| {
            let mut dotted = Table::new();
            dotted.set_dotted(true);
            Item::Table(dotted)
        });
        put(reply.as_table_like_mut().ok_or(DraftError::Form("room.reply"))?, "mode", mode.as_str().into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Where {
        Where {
            token_file: "api_token.txt".to_owned(),
            webhook_token_files: vec!["webhook_token.txt".to_owned()],
            data: None,
        }
    }

    fn room(id: u64, mode: Option<Mode>) -> RoomChoice {
        let clients = Some(vec![AccountId(111)]);
        RoomChoice {
            id: RoomId(id),
            name: Some("山田\n[x]".to_owned()),
            clients,
            others: None,
            bots: None,
            mode,
        }
    }

    #[test]
    fn a_new_file_holds_what_was_chosen_and_no_secret() {
        let choices = Choices {
            api_token: Some("very-secret".into()),
            webhook_tokens: Some(vec!["hidden".into()]),
            public_url: Some("https://bot.example.jp/webhook".to_owned()),
            quiet_hours: Some("22:00-07:00".to_owned()),
            settle: Some("10m".to_owned()),
            authorities: Some(Vec::new()),
            rooms: vec![room(5, Some(Mode::Suggest)), room(6, None)],
            ..Choices::default()
        };
        let text = draft(None, &choices, &at()).unwrap();
        let expected = format!(
            "{HEAD}
[chatwork]
api_token_file = \"api_token.txt\"
webhook_token_files = [\"webhook_token.txt\"]

[server]
public_url = \"https://bot.example.jp/webhook\"

[reply]
quiet_hours = \"22:00-07:00\"
settle = \"10m\"

[anchor]
authorities = []

# 山田[x]
[[room]]
id = 5
clients = [111]
reply.mode = \"suggest\"

# 山田[x]
[[room]]
id = 6
clients = [111]
"
        );
        // Where the first section stands against the head is the library's affair.
        let squeezed = |it: &str| it.lines().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n");
        assert_eq!(squeezed(&text), squeezed(&expected), "{text}");
    }

    #[test]
    fn only_what_was_chosen_changes_and_comments_stay() {
        let before = "# mine\n[reply]\nquiet_hours = \"\" # nights too\nmode = \"auto\"\n\n# the first\n[[room]]\nid = 5 # him\nclients = [1] # two\nreply.mode = \"observe\"   # for now\n";
        let choices = Choices { quiet_hours: Some("21:00-08:00".to_owned()), ..Choices::default() };
        let after = draft(Some(before), &choices, &at()).unwrap();
        assert_eq!(after, before.replace("\"\" #", "\"21:00-08:00\" #"));
        let rooms = vec![RoomChoice { clients: None, ..room(5, Some(Mode::Approve)) }];
        let after = draft(Some(before), &Choices { rooms, ..Choices::default() }, &at()).unwrap();
        assert_eq!(after, before.replace("observe", "approve"));
        assert_eq!(draft(Some(before), &Choices::default(), &at()).unwrap(), before);
    }
}
