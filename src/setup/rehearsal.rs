//! What the bot would have said in a room, over the messages that Chatwork still shows: to be seen before it may speak.

use std::collections::BTreeMap;

use crate::backtest::{self, Act, Change, Said, Setting};
use crate::chatwork::notation;
use crate::chatwork::wire::RoomKind;
use crate::config::Config;
use crate::detect::RuleSet;
use crate::domain::{AccountId, Role, RoomType, UtcMillis};

use super::account::{Account, LookError, SeenRoom};

/// A message and what would have come of it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub at: UtcMillis,
    /// What people read, without notation.
    pub text: String,
    pub act: Act,
}

/// What was looked at, and what the bot would have done about it.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    pub looked_at: u64,
    pub shown: Vec<Shown>,
}

impl Rehearsal {
    pub fn reminders(&self) -> usize {
        self.shown.iter().filter(|it| it.act == Act::Remind).count()
    }
}

/// Reads the newest messages (100 at most) and plays them through as the mode `auto` would have.
pub async fn rehearse(
    account: &Account,
    seen: &SeenRoom,
    config: &Config,
    owners: &[AccountId],
    clients: &[AccountId],
) -> Result<Rehearsal, LookError> {
    let room = seen.room.room_id;
    let page = account.messages(room).await?;
    let Ok(rules) = RuleSet::builtin() else { return Ok(Rehearsal::default()) };
    let said: Vec<Said> = page
        .into_iter()
        .filter(|it| !notation::is_deleted(&it.body))
        .map(|it| Said {
            n: None,
            room,
            message: it.message_id,
            account: it.account.account_id,
            at: it.send_time,
            change: Change::Text(it.body),
        })
        .collect();
    let room_type = if seen.room.kind == RoomKind::Direct { RoomType::Direct } else { RoomType::Group };
    let role = |id: AccountId| match (owners.contains(&id), clients.contains(&id)) {
        (true, _) => Role::Worker,
        (false, true) => Role::Client,
        (false, false) => Role::Other,
    };
    let people = seen.members.iter().map(|it| it.account_id).chain(said.iter().map(|it| it.account));
    let roles = people.map(|id| ((room, id), role(id))).collect();
    let own = seen.members.iter().filter(|it| owners.contains(&it.account_id));
    let names = own.map(|it| it.name.clone()).collect();
    let setting = Setting {
        config,
        owners,
        names: &BTreeMap::from([(room, names)]),
        room_types: &BTreeMap::from([(room, room_type)]),
        roles: &roles,
        since: UtcMillis(0),
    };
    let play = backtest::play(&rules, &setting, &said);
    let shown = play.lines.into_iter().filter_map(|line| {
        let Change::Text(body) = &line.said.change else { return None };
        let text = notation::parse(body).plain_text();
        Some(Shown { at: line.said.at, text, act: line.act })
    });
    Ok(Rehearsal { looked_at: play.looked_at, shown: shown.collect() })
}
