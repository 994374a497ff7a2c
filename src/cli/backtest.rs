//! `backtest`: what the bot would have said over the archive, and what another rule set would change.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::app;
use crate::backtest::{self, Act, Line, Play, Setting};
use crate::chatwork::notation;
use crate::config::{Config, Mode};
use crate::detect::RuleSet;
use crate::domain::{Clock as _, RoomId, SystemClock, Tier, UtcMillis};
use crate::reply::decide::Why;
use crate::store::{ArchiveStore as _, RoomRow};

use super::detect::rules_of;
use super::start::{self, Place};
use super::suggestions;
use super::terminal::{Busy, Terminal, until_closed};
use super::{Exit, Language};

/// Characters of a message in a line for people.
const EXCERPT: usize = 48;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// So many days back from now
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Only this room
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
    /// Show only what these rules would change: a folder with *.toml, and model.txt if there is a model
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// What your judgements (right, wrong, dismissed, dropped drafts) have in common, and what could be set: nothing is changed
    #[arg(long, conflicts_with = "rules")]
    suggest: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let store = start::reader(&config).await?;
    let builtin = RuleSet::builtin()?;
    let other = arguments.rules.as_deref().map(rules_of).transpose()?;
    let owners = app::known_owners(&config, &store).await?.unwrap_or_default();
    let rooms = store.rooms().await?;
    let room_types: BTreeMap<_, _> = rooms.iter().filter_map(|it| Some((it.room, it.room_type?))).collect();
    let since = SystemClock.now().0 - i64::try_from(DAY.as_millis()).unwrap_or(0) * i64::from(arguments.days);
    let setting = Setting {
        config: &config,
        owners: &owners,
        names: &backtest::names(&store, &rooms, &owners).await?,
        room_types: &room_types,
        roles: &BTreeMap::new(),
        since: UtcMillis(since),
    };
    let busy = Busy::begin(terminal.words("記録を読み直しています", "reading the record again"));
    let said = backtest::from_archive(&store, arguments.room.map(RoomId), setting.since).await?;
    let play = backtest::play(&builtin, &setting, &said);
    let other = other.map(|it| backtest::play(&it, &setting, &said));
    let suggested = match arguments.suggest {
        true => Some(backtest::suggest(&play, &backtest::judged(&store).await?, &said)),
        false => None,
    };
    drop(busy);
    if let Some(found) = &suggested {
        return suggestions::show(found, &builtin, &rooms, arguments.json, terminal);
    }
    let show = Show { terminal, rooms: &rooms, json: arguments.json };
    match &other {
        None => show.play(&play, &config, arguments)?,
        Some(other) => show.differences(&play, other, arguments.days)?,
    }
    Ok(Exit::Done)
}

struct Show<'a> {
    terminal: &'a Terminal,
    rooms: &'a [RoomRow],
    json: bool,
}

impl Show<'_> {
    fn play(&self, play: &Play, config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
        let mut out = self.terminal.data();
        for line in &play.lines {
            let text = if self.json { json(line).to_string() } else { self.human(line) };
            if !until_closed(writeln!(out, "{text}"))? {
                return Ok(());
            }
        }
        until_closed(out.flush())?;
        if self.json {
            return Ok(());
        }
        let (reminders, drafts) =
            (play.count(|it| it == Act::Remind), play.count(|it| matches!(it, Act::Draft(_))));
        let (silent, notes) =
            (play.count(|it| matches!(it, Act::Silent(_))), play.count(|it| it == Act::Note));
        self.terminal.talk(&match self.terminal.language {
            Language::Ja => format!(
                "{}日分、{}件の発言を確かめました。自動（auto）なら、案内の投稿{reminders}回、文案{drafts}件、何もしない{silent}件、ご本人へのお知らせ{notes}件でした。何も投稿していません。",
                arguments.days, play.looked_at
            ),
            Language::En => format!(
                "{} messages of {} days: in the mode auto {reminders} reminders, {drafts} drafts, {silent} times nothing on purpose, {notes} notes to the owner. Nothing was posted.",
                play.looked_at, arguments.days
            ),
        });
        for room in config.rooms.iter().filter(|it| arguments.room.is_none_or(|id| id == it.id.0)) {
            let reminded =
                play.lines.iter().filter(|it| it.said.room == room.id && it.act == Act::Remind).count();
            let mode = config.reply_for(room.id, self.type_of(room.id)).mode;
            if mode < Mode::Auto {
                let name = self.name(room.id);
                self.terminal.talk(&match self.terminal.language {
                    Language::Ja => format!(
                        "{name}：いまは {}。案内{reminded}回の内容でよければ、設定ファイルの [[room]] id = {} に reply.mode = \"auto\" と書いて、karibarai を起動し直してください。",
                        mode.as_str(), room.id
                    ),
                    Language::En => format!(
                        "{name}: now {}. If these {reminded} reminders are right, write reply.mode = \"auto\" below [[room]] id = {} in the configuration and start karibarai again.",
                        mode.as_str(), room.id
                    ),
                });
            }
        }
        Ok(())
    }

    fn differences(&self, before: &Play, after: &Play, days: u32) -> anyhow::Result<()> {
        let mut out = self.terminal.data();
        let differences = backtest::compare(before, after);
        for it in &differences {
            let text = if self.json {
                json!({ "before": it.before.map(json), "after": it.after.map(json) }).to_string()
            } else {
                let side = |mark, line: Option<&Line>| line.map(|it| format!("{mark} {}", self.human(it)));
                let sides: Vec<String> =
                    [side('-', it.before), side('+', it.after)].into_iter().flatten().collect();
                sides.join("\n")
            };
            if !until_closed(writeln!(out, "{text}"))? {
                return Ok(());
            }
        }
        until_closed(out.flush())?;
        if !self.json {
            let reminders = |play: &Play| play.count(|it| it == Act::Remind);
            let (old, new) = (reminders(before), reminders(after));
            self.terminal.talk(&match self.terminal.language {
                Language::Ja => format!(
                    "{days}日分、{}件の発言のうち、{}件で動きが変わります（案内の投稿は{old}回から{new}回）。",
                    before.looked_at, differences.len()
                ),
                Language::En => format!(
                    "{} of {} messages of {days} days would be handled otherwise (reminders: {old} before, {new} after)",
                    differences.len(), before.looked_at
                ),
            });
        }
        Ok(())
    }

    fn human(&self, line: &Line) -> String {
        let body = match &line.said.change {
            backtest::Change::Text(body) => notation::parse(body).plain_text(),
            backtest::Change::Gone => String::new(),
        };
        let mut chars = body.chars().map(|it| if it.is_control() { ' ' } else { it });
        let mut text: String = chars.by_ref().take(EXCERPT).collect();
        if chars.next().is_some() {
            text.push('…');
        }
        let (act, why) = self.words(line.act);
        let why = if why.is_empty() { String::new() } else { format!("（{why}）") };
        format!("{}  {}  {act}{why}  {}", line.said.at.japan_text(), self.name(line.said.room), text.trim())
    }

    fn words(&self, act: Act) -> (&'static str, &'static str) {
        let word = |ja: &'static str, en: &'static str| match self.terminal.language {
            Language::Ja => ja,
            Language::En => en,
        };
        match act {
            Act::Remind => (word("案内を投稿", "reminder"), ""),
            Act::Draft(why) => (word("文案", "draft"), why_words(why, self.terminal.language)),
            Act::Silent(why) => (word("何もしない", "nothing"), why_words(why, self.terminal.language)),
            Act::Note => {
                (word("お知らせ", "note"), word("CrowdWorksの外でのやりとりの話", "talk of dealing outside"))
            }
        }
    }

    fn name(&self, room: RoomId) -> String {
        let name = self.rooms.iter().find(|it| it.room == room).and_then(|it| it.name.as_deref());
        match name {
            Some(name) => name.chars().filter(|it| !it.is_control()).collect(),
            None => room.to_string(),
        }
    }

    fn type_of(&self, room: RoomId) -> Option<crate::domain::RoomType> {
        self.rooms.iter().find(|it| it.room == room).and_then(|it| it.room_type)
    }
}

fn json(line: &Line) -> serde_json::Value {
    let (act, why) = match line.act {
        Act::Remind => ("remind", None),
        Act::Draft(why) => ("draft", Some(why.as_str())),
        Act::Silent(why) => ("silent", Some(why.as_str())),
        Act::Note => ("note", None),
    };
    let tier = match line.signal.tier {
        Tier::Certain => "certain",
        Tier::Unsure => "unsure",
        Tier::No => "no",
    };
    json!({
        "n": line.said.n,
        "at": line.said.at.to_string(),
        "room_id": line.said.room,
        "message_id": line.said.message,
        "account_id": line.said.account,
        "sender_role": line.role,
        "act": act,
        "why": why,
        "tier": tier,
        "confidence": line.signal.confidence,
        "labels": line.signal.labels,
        "terms": line.signal.terms,
        "reasons": line.signal.reasons,
    })
}

/// Why nothing was posted.
fn why_words(why: Why, language: Language) -> &'static str {
    let (ja, en) = match why {
        Why::NotClient => ("クライアントではない人の発言", "not a client"),
        Why::Unsure => ("依頼かどうか、はっきりしない", "unsure"),
        Why::CaseReminded => ("この案件では案内済み", "its case has its reminder"),
        Why::CasePosted => ("掲載か仮払いの連絡がある案件", "its case is posted or paid into escrow"),
        Why::SaysPosted => ("掲載か仮払いの連絡を含む", "it says that the job is posted or paid"),
        Why::DecidedBefore => ("編集前の文で案内済み", "its earlier text was answered"),
        Why::OwnerAnswered => ("ご本人がすぐに返信", "the owner answered at once"),
        Why::OwnerActive => ("ご本人が会話中", "the owner was talking"),
        Why::CallsEverybody => ("全員への呼びかけ", "a call to everybody"),
        Why::RoomBudget => ("ルームの1日の上限", "the room's budget of the day"),
        Why::Budget => ("1日の上限", "the budget of the day"),
        other => (other.as_str(), other.as_str()),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
