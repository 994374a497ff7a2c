//! Whether all is well, in words and in numbers.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use crate::anchor;
use crate::domain::UtcMillis;
use crate::reconcile::{RoomCoverage, coverage};
use crate::review::show;
use crate::review::strip::Strip;
use crate::review::words;
use crate::store::{CaseStore as _, FollowStore as _, LedgerStore as _, OutboxState, StandingStore as _};

use super::{Broken, Frame, Login, Review, page};

/// A follower that is further behind than this is told of.
const BEHIND: u64 = 1000;

#[derive(Template)]
#[template(path = "health.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    health: Vec<Finding>,
    rooms: Vec<Covered>,
    numbers: Vec<Number>,
}

/// What the record covers of a room.
struct Covered {
    name: String,
    since: String,
    window: String,
    older: String,
    holes: String,
    strip: Strip,
}

pub(super) struct Finding {
    pub(super) mark: &'static str,
    pub(super) class: &'static str,
    pub(super) words: String,
}

impl Finding {
    fn new(good: bool, words: impl Into<String>) -> Self {
        let (mark, class) = if good { ("良好", "good") } else { ("注意", "warn") };
        Self { mark, class, words: words.into() }
    }
}

/// Rooms that are read, with what the record of each lacks.
pub(super) async fn room_coverage(review: &Review) -> Result<Vec<RoomCoverage>, Broken> {
    let parts = &review.0;
    Ok(coverage(&parts.store, &parts.config, parts.ledger.now(), None, UtcMillis(0)).await?)
}

/// In one line: how closely the room is read, and what is missing.
pub(super) fn coverage_words(it: &RoomCoverage) -> String {
    if let Some(lost) = it.lost_at {
        return format!("{}から、このルームを読めません", lost.japan_long());
    }
    let window = match it.exposure {
        Some((longest, _)) => format!("読み取りの間隔は最長{}", show::span(longest)),
        None => "まだ読み取っていません".to_owned(),
    };
    match it.gaps.len() {
        0 => window,
        n => format!("{window}・記録の抜け{n}回"),
    }
}

struct Number {
    name: String,
    value: String,
}

/// What the overview says of the bot's health.
pub(super) async fn findings(review: &Review) -> Result<Vec<Finding>, Broken> {
    let parts = &review.0;
    let size = parts.ledger.head().await?.end();
    let mut found = Vec::new();
    found.push(match parts.is_working() {
        true => Finding::new(true, "記録しています。"),
        false => Finding::new(
            false,
            "準備中です。Chatworkに接続できると始まります。届いたWebhookは記録しています。",
        ),
    });
    let behind = size.saturating_sub(parts.store.cursor("casebook").await?.0);
    if behind > BEHIND {
        found.push(Finding::new(false, format!("整理が{behind}件遅れています。記録は失われていません。")));
    }
    for name in parts.metrics.stuck_followers() {
        let name = words::follower(name);
        found.push(Finding::new(
            false,
            format!(
                "「{name}」の処理が止まっています。発言の記録は続いていて、失われていません。ボットを止めて `karibarai verify` で記録を確かめ、\
                 そのあと `karibarai rebuild` をお試しください。"
            ),
        ));
    }
    for name in parts.metrics.troubles() {
        found.push(Finding::new(false, words::trouble(name)));
    }
    let uncertain =
        parts.store.outbox().await?.iter().filter(|it| it.state == OutboxState::Uncertain).count();
    if uncertain > 0 {
        found.push(Finding::new(
            false,
            format!("投稿できたか分からないものが{uncertain}件あります。Chatworkの画面でご確認ください。"),
        ));
    }
    let switches = parts.store.switches().await?;
    let quiet = switches.quiet_until.filter(|it| *it > parts.ledger.now());
    found.push(match (switches.stopped, quiet) {
        (true, _) => Finding::new(false, "投稿は停止中です。記録は続けています。"),
        (false, Some(until)) => {
            Finding::new(true, format!("{}まで、投稿を控えています。", until.japan_long()))
        }
        (false, None) => Finding::new(true, "投稿は、ルームごとの設定のとおりです。"),
    });
    Ok(found)
}

fn covered_room(it: &RoomCoverage, name: String, now: UtcMillis) -> Covered {
    let never = || "まだです".to_owned();
    Covered {
        name,
        since: it.since.map_or_else(never, UtcMillis::japan_long),
        window: it.exposure.map_or_else(never, |(longest, _)| show::span(longest)),
        older: it.older.map_or_else(never, show::span),
        holes: match it.gaps.len() {
            0 => "ありません".to_owned(),
            n => format!("{n}回、合計{}", show::span(it.in_gaps)),
        },
        strip: Strip::of(it, now),
    }
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
) -> Result<Response, Broken> {
    let store = &review.0.store;
    let head = review.0.ledger.head().await?;
    let size = head.end();
    let mut numbers = vec![Number { name: "記録".to_owned(), value: format!("{size}件") }];
    if let Some((signed, _)) = store.checkpoints().await?.last() {
        numbers.push(Number {
            name: "署名済み".to_owned(), value: format!("{}件まで", head.base + signed)
        });
    }
    for (name, cursor) in [
        ("整理", "archive"),
        ("検出", "detector"),
        ("案件", "casebook"),
        ("検索", crate::search::INDEX_CURSOR),
    ] {
        let behind = size.saturating_sub(store.cursor(cursor).await?.0);
        numbers.push(Number { name: format!("{name}の遅れ"), value: format!("{behind}件") });
    }
    if let Some(left) = review.0.metrics.calls_left() {
        let value = format!("あと{left}回（5分ごとに300回まで）");
        numbers.push(Number { name: "Chatworkの利用回数".to_owned(), value });
    }
    let stamp = anchor::arrived(&review.0.config.storage.data_dir);
    let value = stamp.map_or_else(|| "まだありません".to_owned(), UtcMillis::japan_long);
    numbers.push(Number { name: "時刻認証".to_owned(), value });
    let open = store.open_outbox().await?.len();
    numbers.push(Number { name: "送信待ち".to_owned(), value: format!("{open}件") });
    let frame = Frame::new(&review, &login, "health").await?;
    let rooms = review.rooms().await?;
    let now = review.0.ledger.now();
    let covered = room_coverage(&review).await?;
    let rooms = covered.iter().map(|it| covered_room(it, show::room_name(&rooms, it.room), now)).collect();
    page(&Page { frame, health: findings(&review).await?, rooms, numbers })
}
