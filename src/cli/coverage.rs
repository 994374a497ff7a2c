//! `log --coverage`: since when each room is watched, how closely, what is missing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{Clock as _, RoomId, SystemClock, UtcMillis};
use crate::reconcile::{RoomCoverage, coverage, room_names};
use crate::store::GapRow;

use super::start::{self, Place};
use super::terminal::{Terminal, until_closed};
use super::{Exit, Language};

/// Holes shown of each room; `--json` has all of them.
const SHOWN: usize = 10;

#[derive(Serialize)]
struct Row {
    room_id: RoomId,
    since: Option<String>,
    read_at: Option<String>,
    lost_at: Option<String>,
    plan_hides: bool,
    /// The exposure window: the longest time between two complete reads, holes apart.
    exposure_seconds: Option<u64>,
    exposure_began: Option<String>,
    declared_seconds: u64,
    older_messages_seconds: Option<u64>,
    gap_seconds: u64,
    gaps: Vec<Gap>,
    save_by_hand_until: Option<String>,
}

#[derive(Serialize)]
struct Gap {
    n: u64,
    kind: String,
    from: Option<String>,
    to: String,
}

pub(super) async fn run(
    room: Option<u64>,
    json: bool,
    place: &Place,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let store = start::reader(&config).await?;
    let now = SystemClock.now();
    let rooms = coverage(&store, &config, now, room.map(RoomId), UtcMillis(0)).await?;
    let names = room_names(&store).await?;
    let mut out = terminal.data();
    for it in rooms {
        let text = if json { serde_json::to_string(&row(&it))? } else { human(&it, &names, now, terminal) };
        if !until_closed(writeln!(out, "{text}"))? {
            return Ok(Exit::Done);
        }
    }
    until_closed(out.flush())?;
    Ok(Exit::Done)
}

fn row(it: &RoomCoverage) -> Row {
    let time = |at: Option<UtcMillis>| at.map(|it| it.to_string());
    let gap = |gap: &GapRow| Gap {
        n: gap.n.0,
        kind: gap.kind.clone(),
        from: time(gap.from),
        to: gap.to.to_string(),
    };
    Row {
        room_id: it.room,
        since: time(it.since),
        read_at: time(it.read_at),
        lost_at: time(it.lost_at),
        plan_hides: it.limited,
        exposure_seconds: it.exposure.map(|(longest, _)| longest.as_secs()),
        exposure_began: time(it.exposure.map(|(_, began)| began)),
        declared_seconds: it.declared.as_secs(),
        older_messages_seconds: it.older.map(|it| it.as_secs()),
        gap_seconds: it.in_gaps.as_secs(),
        gaps: it.gaps.iter().map(gap).collect(),
        save_by_hand_until: time(it.fuse),
    }
}

fn human(it: &RoomCoverage, names: &BTreeMap<RoomId, String>, now: UtcMillis, terminal: &Terminal) -> String {
    let name = names.get(&it.room).map(String::as_str).unwrap_or_default();
    let name: String = name.chars().filter(|it| !it.is_control()).collect();
    let mut lines = vec![format!("{} {}  {name}", terminal.words("ルーム", "room"), it.room)];
    let mut line = |ja: &str, en: &str, value: String| {
        lines.push(format!("  {}  {value}", terminal.words(ja, en)));
    };
    let at = |at: Option<UtcMillis>| at.map_or_else(|| "-".to_owned(), UtcMillis::japan_text);
    line("記録の開始　　　　", "watched since      ", at(it.since));
    line("最後の読み取り　　", "last read          ", at(it.read_at));
    if let Some(lost) = it.lost_at {
        line("読めなくなった時刻", "cannot be read since", lost.japan_text());
    }
    let exposure = it.exposure.map_or_else(
        || "-".to_owned(),
        |(longest, began)| format!("{} ({})", span(longest, terminal), began.japan_text()),
    );
    line("読み取りの最長間隔", "exposure window    ", exposure);
    let older = it.older.map_or_else(|| "-".to_owned(), |it| span(it, terminal));
    line("100件より前の見直し", "older than 100     ", older);
    let total = format!("{}, {}", it.gaps.len(), span(it.in_gaps, terminal));
    line("記録の抜け　　　　", "holes, time in them", total);
    for gap in it.gaps.iter().rev().take(SHOWN) {
        let from = gap.from.map_or_else(|| "…".to_owned(), UtcMillis::japan_text);
        lines.push(format!("    {from} – {}  {}", gap.to.japan_text(), kind(&gap.kind, terminal)));
    }
    if let Some(fuse) = it.fuse {
        let days = fuse.since(now).as_secs() / 86_400;
        lines.push(match terminal.language {
            Language::Ja => format!(
                "  記録にない発言は、無料プランではあと{days}日でChatworkから見られなくなります（{}まで）。",
                fuse.japan_text()
            ),
            Language::En => format!(
                "  what the record lacks can be seen in Chatwork (free plan) for {days} more days, until {}",
                fuse.japan_text()
            ),
        });
    }
    lines.join("\n")
}

fn kind(name: &str, terminal: &Terminal) -> String {
    let words = match name {
        "downtime" => ("停止していました", "the program did not run"),
        "sleep" => ("パソコンがスリープしていました", "the machine slept"),
        "access_lost" => ("ルームを読めませんでした", "the room could not be read"),
        "rate_limited" => ("Chatworkの利用回数の上限に達しました", "Chatwork's rate limit was used up"),
        "unreachable" => ("Chatworkに接続できませんでした", "Chatwork could not be reached"),
        "unreadable" => ("Chatworkの応答を読めませんでした", "Chatwork's answer could not be read"),
        "restored" => ("バックアップからの復元", "restored from a backup"),
        "overflow" => ("一度に100件を超える発言がありました", "more than 100 messages at once"),
        "before_watch" => ("記録を始める前の発言です", "from before the watch began"),
        "late" => ("読み取りが遅れました", "the read came late"),
        other => (other, other),
    };
    terminal.words(words.0, words.1).to_owned()
}

fn span(value: Duration, terminal: &Terminal) -> String {
    let seconds = value.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match terminal.language {
        Language::Ja if hours > 0 => format!("{hours}時間{minutes}分"),
        Language::Ja if minutes > 0 => format!("{minutes}分{seconds}秒"),
        Language::Ja => format!("{seconds}秒"),
        Language::En if hours > 0 => format!("{hours} h {minutes} min"),
        Language::En if minutes > 0 => format!("{minutes} min {seconds} s"),
        Language::En => format!("{seconds} s"),
    }
}
