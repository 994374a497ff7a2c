//! Layers → checked settings. Goes on after a fault, so that all of them are reported together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use tracing_subscriber::EnvFilter;

use crate::cases::Patience;
use crate::domain::{AccountId, RoomId};

use super::DEFAULT_FILE;
use super::layers::{Layer, Place};
use super::problem::ConfigError;
use super::reader::Reader;
use super::secret;
use super::settings::{
    AnchorConfig, ChatworkConfig, Config, ControlRoom, LogConfig, MirrorConfig, OwnerConfig, QuietHours,
    ReconcileConfig, ReplyConfig, ReplyOverrides, RoomConfig, ServerConfig, TemplatesConfig,
};
use super::storage::storage;
use super::tuning;

const DELAY_SECONDS: RangeInclusive<u64> = 0..=3600;
const PER_ROOM_PER_DAY: RangeInclusive<u64> = 0..=100;
const PER_DAY: RangeInclusive<u64> = 0..=10_000;
const CONNECTIONS: RangeInclusive<u64> = 1..=65_536;
const BODY_SECONDS: RangeInclusive<u64> = 1..=120;
const MAX_FILE_MB: RangeInclusive<u64> = 0..=10_000;
const MEBIBYTE: u64 = 1 << 20;
/// Least time between two stamps of one authority.
const ANCHOR_EVERY: Duration = Duration::from_secs(3600);
const INTERVAL_SECONDS: RangeInclusive<u64> = 1..=86_400;

/// Builds the configuration from a file (path as named, text) and the environment.
pub(super) fn config(
    file: Option<(PathBuf, String)>,
    env: &[(String, String)],
    cwd: &Path,
) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let defaults = Layer::from_toml(DEFAULT_FILE, None, &mut problems);
    let mut given = match &file {
        Some((path, text)) => Layer::from_toml(text, Some(path), &mut problems),
        None => Layer::default(),
    };
    if !problems.is_empty() {
        // With a broken file every further message would be a guess.
        return Err(ConfigError { problems });
    }
    given.add_env(env, &mut problems);
    let mut reader = Reader::new(defaults, given, problems);
    let config = read(&mut reader, cwd, file.map(|(path, _)| path));
    reader.refuse_rest();
    match (config, reader.into_problems()) {
        (Some(config), problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(ConfigError { problems }),
    }
}

/// `None` only after a problem was noted.
fn read(r: &mut Reader, cwd: &Path, origin: Option<PathBuf>) -> Option<Config> {
    let config = Config {
        chatwork: ChatworkConfig {
            api_base: api_base(r)?,
            api_token: secret::api_token(r, cwd),
            webhook_tokens: secret::webhook_tokens(r, cwd),
        },
        server: server(r)?,
        storage: storage(r, cwd)?,
        owner: OwnerConfig {
            account_ids: r.take("owner.account_ids")?,
            control_room: r.take("owner.control_room")?,
        },
        reply: reply(r)?,
        templates: TemplatesConfig {
            files: r.take::<Vec<String>>("templates.files")?.into_iter().map(|it| cwd.join(it)).collect(),
        },
        mirror: MirrorConfig {
            rooms: r.take("mirror.rooms")?,
            max_file: r.number("mirror.max_file_mb", MAX_FILE_MB)? * MEBIBYTE,
        },
        reconcile: ReconcileConfig { interval: r.seconds("reconcile.interval_seconds", INTERVAL_SECONDS)? },
        anchor: anchor(r, cwd)?,
        patience: Patience {
            escrow: r.take("patience.escrow")?,
            claim: r.take("patience.claim")?,
            inspection: r.take("patience.inspection")?,
            silence: r.take("patience.silence")?,
            deadline: r.take("patience.deadline")?,
        },
        log: LogConfig { format: r.take("log.format")?, filter: log_filter(r)? },
        rooms: Vec::new(),
        origin,
    };
    let rooms = rooms(r, &config.owner);
    Some(Config { rooms, ..config })
}

fn api_base(r: &mut Reader) -> Option<String> {
    let (text, place): (String, Place) = r.take_at("chatwork.api_base")?;
    let text = text.trim_end_matches('/');
    let hint = (
        "アドレスだけを書いてください（例: \"https://api.chatwork.com/v2\"）",
        "give the address alone, e.g. \"https://api.chatwork.com/v2\"",
    );
    match Url::parse(text) {
        Ok(url) if !is_plain(&url) => {
            let what = (
                "`chatwork.api_base` がhttpのアドレスだけになっていません",
                "`chatwork.api_base` is not a plain http address",
            );
            r.problem(&place, what, hint);
        }
        Ok(url) if url.scheme() == "https" || is_loopback(&url) => {}
        Ok(_) => {
            let what = (
                "`chatwork.api_base` ではAPIトークンが暗号化されずに送られます",
                "`chatwork.api_base` would send the API token unencrypted",
            );
            let hint = (
                "https で始めてください（http は 127.0.0.1、::1、localhost だけ）",
                "begin it with https (http only for 127.0.0.1, ::1 or localhost)",
            );
            r.problem(&place, what, hint);
        }
        Err(_) => {
            let what =
                ("`chatwork.api_base` がアドレスではありません", "`chatwork.api_base` is not an address");
            r.problem(&place, what, hint);
        }
    }
    Some(text.to_owned())
}

/// http or https, a host, a path; nothing that could hold a secret or change where a request goes.
fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

fn server(r: &mut Reader) -> Option<ServerConfig> {
    let listen: SocketAddr = r.take("server.listen")?;
    let (review_listen, place): (SocketAddr, Place) = r.take_at("server.review_listen")?;
    let same_ip = listen.ip() == review_listen.ip()
        || listen.ip().is_unspecified()
        || review_listen.ip().is_unspecified();
    // Port 0 lets the system choose, so two of them differ.
    if listen.port() != 0 && listen.port() == review_listen.port() && same_ip {
        let what = (
            "`server.review_listen` のポートが `server.listen` と同じです",
            "`server.review_listen` takes the port of `server.listen`",
        );
        let hint = ("別々のポートにしてください", "give the two listeners different ports");
        r.problem(&place, what, hint);
    }
    let (public_url, place): (String, Place) = r.take_at("server.public_url")?;
    let fine = |url: &Url| is_plain(url) && (url.scheme() == "https" || is_loopback(url));
    if !public_url.is_empty() && !Url::parse(&public_url).as_ref().is_ok_and(fine) {
        let what = (
            "`server.public_url` がhttpsのアドレスだけになっていません",
            "`server.public_url` is not a plain https address",
        );
        let hint = (
            "Chatworkが呼び出せるのはhttpsだけです（例: \"https://bot.example.jp/webhook\"。Webhookを使わないなら \"\"）",
            "Chatwork calls https only: e.g. \"https://bot.example.jp/webhook\", or \"\" for polling alone",
        );
        r.problem(&place, what, hint);
    }
    let (review_url, place): (String, Place) = r.take_at("server.review_url")?;
    let fine =
        |url: &Url| is_plain(url) && url.path() == "/" && (url.scheme() == "https" || is_loopback(url));
    if !review_url.is_empty() && !Url::parse(&review_url).as_ref().is_ok_and(fine) {
        let what = (
            "`server.review_url` がhttpsのアドレスだけになっていません",
            "`server.review_url` is not a plain https address",
        );
        let hint = (
            "https:// とホスト名だけを書いてください（例: \"https://karibarai.example.jp\"。このパソコンだけで見るなら \"\"）",
            "give scheme and host alone, e.g. \"https://karibarai.example.jp\", or \"\" for this machine alone",
        );
        r.problem(&place, what, hint);
    }
    Some(ServerConfig {
        listen,
        review_listen,
        review_url: Some(review_url).filter(|it| !it.is_empty()),
        public_url: Some(public_url).filter(|it| !it.is_empty()),
        max_connections: r.number("server.max_connections", CONNECTIONS)?.try_into().ok()?,
        body_time: Duration::from_secs(r.number("server.body_seconds", BODY_SECONDS)?),
    })
}

fn log_filter(r: &mut Reader) -> Option<String> {
    let (text, place): (String, Place) = r.take_at("log.filter")?;
    if EnvFilter::try_new(&text).is_err() {
        let what = ("`log.filter` がログの段階の指定ではありません", "`log.filter` is not a list of levels");
        let hint = (
            "例: \"info\"、\"warn,karibarai::reconcile=debug\" のように書いてください",
            "write e.g. \"info\" or \"warn,karibarai::reconcile=debug\"",
        );
        r.problem(&place, what, hint);
    }
    Some(text)
}

fn anchor(r: &mut Reader, cwd: &Path) -> Option<AnchorConfig> {
    let (authorities, place): (Vec<String>, Place) = r.take_at("anchor.authorities")?;
    for text in &authorities {
        if !Url::parse(text).as_ref().is_ok_and(is_plain) {
            let what = (
                "`anchor.authorities` にhttpのアドレスでないものがあります",
                "`anchor.authorities` holds what is not a plain http address",
            );
            let hint = (
                "[\"http://timestamp.digicert.com\"] のように書くか、なしなら [] にしてください",
                "write addresses as [\"http://timestamp.digicert.com\"], or [] for none",
            );
            r.problem(&place, what, hint);
        }
    }
    let (every, place): (Duration, Place) = r.take_at("anchor.every")?;
    if every < ANCHOR_EVERY {
        let what = ("`anchor.every` が短すぎます", "`anchor.every` is too short");
        let hint = (
            "相手は他者のサーバーです。1h 以上にしてください",
            "authorities are others' machines: make it 1h or more",
        );
        r.problem(&place, what, hint);
    }
    let ca_files: Vec<String> = r.take("anchor.ca_files")?;
    Some(AnchorConfig { authorities, ca_files: ca_files.iter().map(|it| cwd.join(it)).collect(), every })
}

fn reply(r: &mut Reader) -> Option<ReplyConfig> {
    Some(ReplyConfig {
        mode: r.take("reply.mode")?,
        delay: r.seconds("reply.delay_seconds", DELAY_SECONDS)?,
        max_per_room_per_day: r.count("reply.max_per_room_per_day", PER_ROOM_PER_DAY)?,
        max_per_day: r.count("reply.max_per_day", PER_DAY)?,
        max_age: r.take("reply.max_age")?,
        follow_ups: r.take("reply.follow_ups")?,
        owner_active: r.take("reply.owner_active")?,
        quiet_hours: r.take("reply.quiet_hours")?,
        settle: r.take("reply.settle")?,
        automatic_line: r.take("reply.automatic_line")?,
        quiet_days: r.take("reply.quiet_days")?,
        dry_run: r.take("reply.dry_run")?,
        notice: r.take("reply.notice")?,
        witness: r.take("reply.witness")?,
        on_withdrawal: r.take("reply.on_withdrawal")?,
    })
}

fn rooms(r: &mut Reader, owner: &OwnerConfig) -> Vec<RoomConfig> {
    let mut rooms = Vec::new();
    let mut first: BTreeMap<RoomId, Place> = BTreeMap::new();
    for (n, begin) in r.take_rooms() {
        let key = |name: &str| format!("room.{n}.{name}");
        let had_id = r.is_given(&key("id"));
        let id: Option<(RoomId, Place)> = r.given_at(&key("id"));
        let room = RoomConfig {
            id: id.as_ref().map_or(RoomId(0), |(id, _)| *id),
            clients: r.given(&key("clients")),
            others: r.given(&key("others")).unwrap_or_default(),
            bots: r.given(&key("bots")).unwrap_or_default(),
            reply: overrides(r, n),
            contract: r.given(&key("contract")).unwrap_or_default(),
            outside_contact: r.given(&key("outside_contact")).unwrap_or_default(),
            opted_out: r.given(&key("opted_out")).unwrap_or_default(),
            client_modes: r.given(&key("client_modes")).unwrap_or_default(),
            detect: tuning::of_room(r, n),
            client_detect: tuning::of_clients(r, n, &begin),
        };
        tuning::check(r, &room, &begin);
        check_people(r, &room, &begin, owner);
        let Some((id, place)) = id else {
            if !had_id {
                let what = ("`id` のないルームがあります", "a room without `id`");
                let hint = (
                    "`id`（ルームのURLの #!rid の後の数字）を書くか、このルームを消してください",
                    "add `id`, the number after #!rid in the room's address, or remove the room",
                );
                r.problem(&begin, what, hint);
            }
            continue;
        };
        if let Some(earlier) = first.get(&id) {
            let what = (
                format!("ルーム {id} が2回書かれています（最初は {earlier}）"),
                format!("room {id} is listed twice (first at {earlier})"),
            );
            r.problem(&place, what, ("1つのブロックにまとめてください", "join the two blocks"));
            continue;
        }
        if owner.control_room == ControlRoom::Room(id) {
            let what = (
                format!("ルーム {id} が操作用のルームと依頼者のルームを兼ねています"),
                format!("room {id} is the control room and a client's room at once"),
            );
            let hint = (
                "ここから消すか、`owner.control_room` を別のルームにしてください",
                "remove it here, or name another `owner.control_room`",
            );
            r.problem(&place, what, hint);
        }
        first.insert(id, place);
        rooms.push(room);
    }
    rooms
}

/// Nobody may be two things in one room.
fn check_people(r: &mut Reader, room: &RoomConfig, begin: &Place, owner: &OwnerConfig) {
    let lists: [(&str, &[AccountId]); 3] = [
        ("clients", room.clients.as_deref().unwrap_or_default()),
        ("others", &room.others),
        ("bots", &room.bots),
    ];
    let mut seen: BTreeMap<AccountId, &str> = BTreeMap::new();
    for (name, accounts) in lists {
        for account in accounts.iter().collect::<BTreeSet<_>>() {
            if owner.account_ids.contains(account) {
                let what = (
                    format!("アカウント {account} は持ち主ですが、このルームの `{name}` にも入っています"),
                    format!("account {account} is the owner and in `{name}` of this room"),
                );
                let hint = ("どちらか一方から消してください", "remove it from one of the two");
                r.problem(begin, what, hint);
            }
            if let Some(other) = seen.insert(*account, name) {
                let what = (
                    format!("アカウント {account} がこのルームの `{other}` と `{name}` の両方に入っています"),
                    format!("account {account} is in `{other}` and in `{name}` of this room"),
                );
                r.problem(begin, what, ("どちらか一方だけに入れてください", "keep it in one list"));
            }
        }
    }
}

fn overrides(r: &mut Reader, n: usize) -> ReplyOverrides {
    let key = |name: &str| format!("room.{n}.reply.{name}");
    ReplyOverrides {
        mode: r.given(&key("mode")),
        delay: r.given_number(&key("delay_seconds"), DELAY_SECONDS).map(Duration::from_secs),
        max_per_room_per_day: r
            .given_number(&key("max_per_room_per_day"), PER_ROOM_PER_DAY)
            .and_then(|it| it.try_into().ok()),
        max_age: r.given(&key("max_age")),
        follow_ups: r.given(&key("follow_ups")),
        owner_active: r.given(&key("owner_active")),
        quiet_hours: r.given::<Option<QuietHours>>(&key("quiet_hours")),
        automatic_line: r.given(&key("automatic_line")),
        quiet_days: r.given(&key("quiet_days")),
        notice: r.given(&key("notice")),
        witness: r.given(&key("witness")),
        on_withdrawal: r.given(&key("on_withdrawal")),
    }
}
