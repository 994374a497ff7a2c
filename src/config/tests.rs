//! Configuration from outside: a directory with a file, an environment, and what comes of them.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::domain::{AccountId, Role, RoomId, RoomType, Tuning, UtcMillis};

use super::*;

/// Base64 of 32 bytes, as Chatwork's webhook tokens are.
const WEBHOOK_TOKEN: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn load_in(dir: &TempDir, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&LoadArgs { path: None, env, cwd: dir.path().to_owned() })
}

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("karibarai.toml"), file).unwrap();
    load_in(&dir, env)
}

/// What a person reads when the configuration is refused.
fn refusal(file: &str, env: &[(&str, &str)]) -> String {
    load(file, env).expect_err("must be refused").to_string()
}

#[test]
fn the_default_file_gives_the_defaults() {
    let dir = TempDir::new().unwrap();
    let alone = load_in(&dir, &[]).unwrap();
    assert_eq!(alone.origin, None);
    assert_eq!(alone.chatwork.api_base, "https://api.chatwork.com/v2");
    assert!(alone.chatwork.api_token.is_none() && alone.chatwork.webhook_tokens.is_empty());
    assert_eq!(alone.server.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(alone.server.review_listen.to_string(), "127.0.0.1:8788");
    assert_eq!((alone.server.public_url, alone.server.max_connections), (None, 1024));
    let StorageUrl::Sqlite(path) = alone.storage.url else { panic!("not a file") };
    assert_eq!(path, dir.path().join("data/karibarai.db"));
    assert_eq!(alone.storage.data_dir, dir.path().join("data"));
    assert_eq!(alone.owner.account_ids, []);
    assert_eq!(alone.owner.control_room, ControlRoom::My);
    assert_eq!(
        alone.reply,
        ReplyConfig {
            mode: Mode::Auto,
            delay: Duration::from_secs(20),
            max_per_room_per_day: 3,
            max_per_day: 50,
            max_age: Duration::from_secs(12 * 3600),
            follow_ups: false,
            owner_active: Duration::from_secs(300),
            quiet_hours: None,
            settle: Duration::ZERO,
            automatic_line: true,
            quiet_days: QuietDays::default(),
            dry_run: false,
            notice: false,
            witness: false,
            on_withdrawal: OnWithdrawal::Leave,
        }
    );
    assert_eq!(alone.mirror.rooms, MirrorRooms::Listed);
    assert_eq!(alone.reconcile.interval, Duration::from_secs(30));
    assert_eq!((alone.log.format, alone.log.filter.as_str()), (LogFormat::Human, "info"));
    assert_eq!(alone.rooms, []);
}

#[test]
fn the_default_file_can_be_used_as_a_file_and_names_every_key() {
    let config = load(DEFAULT_FILE, &[]).unwrap();
    assert_eq!(config.origin, Some(PathBuf::from("karibarai.toml")));
    // Keys that have no default stand in its comments; the others cannot be missing, since reading would fail.
    for key in ["api_token", "webhook_tokens", "id", "clients", "others", "bots", "reply.mode"] {
        assert!(DEFAULT_FILE.contains(key), "{key} is not described");
    }
    for key in reader::ROOM_REPLY_KEYS {
        assert!(
            DEFAULT_FILE.split("[[room]]").last().unwrap().contains(key),
            "{key} is not described for rooms"
        );
    }
    // Its example of a room is one that works.
    let (_, example) = DEFAULT_FILE.rsplit_once("# [[room]]").unwrap();
    let lines = example
        .lines()
        .map(|line| line.trim_start_matches("# ").trim_start())
        .filter(|it| it.contains(" = "));
    let room = format!("[[room]]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let config = load(&room, &[]).unwrap();
    assert_eq!(config.rooms[0].clients, Some(vec![AccountId(111)]));
    assert_eq!(config.rooms[0].reply.mode, Some(Mode::Approve));
}

#[test]
fn the_environment_wins_over_the_file() {
    let file =
        "[reply]\nmode = 'suggest'\nmax_age = '1h'\n[[room]]\nid = 5\nclients = [1]\n[[room]]\nid = 6\n";
    let env = [
        ("KARIBARAI_REPLY__MODE", "approve"),
        ("KARIBARAI_REPLY__DELAY_SECONDS", "0"),
        ("KARIBARAI_REPLY__FOLLOW_UPS", "true"),
        ("KARIBARAI_OWNER__ACCOUNT_IDS", "7, 8"),
        ("KARIBARAI_OWNER__CONTROL_ROOM", "99"),
        ("KARIBARAI_ROOM__0__CLIENTS", "2,3"),
        ("KARIBARAI_ROOM__0__REPLY__MODE", "auto"),
        ("KARIBARAI_ROOM__2__ID", "9"),
        ("CHATWORK_API_BASE", "http://127.0.0.1:9999/v2/"),
        ("CHATWORK_API_TOKEN", "secret-token"),
        ("CHATWORK_WEBHOOK_TOKEN", WEBHOOK_TOKEN),
        ("KARIBARAI_LOG", "debug"),
        ("KARIBARAI_LANG", "ja"),
        ("HOME", "/nowhere"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!(config.reply.mode, Mode::Approve);
    assert_eq!(config.reply.delay, Duration::ZERO);
    assert_eq!(config.reply.max_age, Duration::from_secs(3600));
    assert!(config.reply.follow_ups);
    assert_eq!(config.owner.account_ids, [AccountId(7), AccountId(8)]);
    assert_eq!(config.owner.control_room, ControlRoom::Room(RoomId(99)));
    assert_eq!(config.rooms.iter().map(|it| it.id.0).collect::<Vec<_>>(), [5, 6, 9]);
    assert_eq!(config.rooms[0].clients, Some(vec![AccountId(2), AccountId(3)]));
    assert_eq!(config.rooms[0].reply.mode, Some(Mode::Auto));
    assert_eq!(config.chatwork.api_base, "http://127.0.0.1:9999/v2");
    assert_eq!(config.chatwork.api_token.unwrap().expose_secret(), "secret-token");
    assert_eq!(config.chatwork.webhook_tokens[0].expose_secret(), WEBHOOK_TOKEN);
}

#[test]
fn the_file_is_looked_for_in_order() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("config")).unwrap();
    let write = |name: &str, days: u32| {
        fs::write(dir.path().join(name), format!("[reply]\nmax_per_day = {days}\n")).unwrap();
    };
    write("config/karibarai.toml", 4);
    assert_eq!(load_in(&dir, &[]).unwrap().reply.max_per_day, 4);
    write("karibarai.toml", 3);
    assert_eq!(load_in(&dir, &[]).unwrap().reply.max_per_day, 3);
    write("other.toml", 2);
    let env = [("KARIBARAI_CONFIG", "other.toml")];
    assert_eq!(load_in(&dir, &env).unwrap().reply.max_per_day, 2);
    write("named.toml", 1);
    let env = vec![("KARIBARAI_CONFIG".to_owned(), "other.toml".to_owned())];
    let args = LoadArgs { path: Some("named.toml".into()), env, cwd: dir.path().to_owned() };
    assert_eq!(Config::load(&args).unwrap().reply.max_per_day, 1);
    let error = load_in(&dir, &[("KARIBARAI_CONFIG", "gone.toml")]).unwrap_err();
    assert_snapshot!(error, @"gone.toml: there is no such file; correct the path in --config or KARIBARAI_CONFIG");
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let file = "[reply]\nmode = 'auto'\nmod = 'auto'\n\n[repply]\nmode = 'auto'\ndelay = 3\n\n[[room]]\nid = 5\nclient = [1]\nreply.max_per_day = 4\n";
    assert_snapshot!(refusal(file, &[("KARIBARAI_REPLY__MOOD", "x"), ("KARIBARAI_ROOM__X__ID", "1")]), @r#"
    KARIBARAI_ROOM__X__ID: no room number; write KARIBARAI_ROOM__0__ID, KARIBARAI_ROOM__1__ID, …
    karibarai.toml:3: unknown key `reply.mod`; [reply] has automatic_line, delay_seconds, dry_run, follow_ups, max_age, max_per_day, max_per_room_per_day, mode, notice, on_withdrawal, owner_active, quiet_days, quiet_hours, settle, witness
    KARIBARAI_REPLY__MOOD: unknown key `reply.mood`; [reply] has automatic_line, delay_seconds, dry_run, follow_ups, max_age, max_per_day, max_per_room_per_day, mode, notice, on_withdrawal, owner_active, quiet_days, quiet_hours, settle, witness
    karibarai.toml:5: unknown section `repply`; there are anchor, chatwork, log, mirror, owner, patience, reconcile, reply, server, storage, templates, room
    karibarai.toml:11: unknown key `client` in a room; a room has id, clients, others, bots, client_modes, opted_out, contract, outside_contact, reply.mode, reply.delay_seconds, reply.max_per_room_per_day, reply.max_age, reply.follow_ups, reply.owner_active, reply.quiet_hours, reply.automatic_line, reply.quiet_days, reply.notice, reply.witness, reply.on_withdrawal, detect.certain_percent, detect.unsure_percent, detect.allow, detect.deny, detect.client_certain_percent, detect.client_unsure_percent, detect.client_allow, detect.client_deny
    karibarai.toml:12: `reply.max_per_day` holds for all rooms together; set it under [reply]
    "#);
    assert_snapshot!(refusal("reply = 'auto'\n[room]\nid = 5\n[mirror]\n[fancy]\n", &[]), @r#"
    karibarai.toml:5: unknown section `fancy`; there are anchor, chatwork, log, mirror, owner, patience, reconcile, reply, server, storage, templates, room
    karibarai.toml:1: `reply` is a section; begin it with a line [reply]
    karibarai.toml:3: `room` is a list of blocks; begin each room with a line [[room]]
    "#);
}

#[test]
fn wrong_values_are_refused_together() {
    let file = "[reply]\nmode = 'loud'\nmax_age = '12 o clock'\nsettle = 10\ndelay_seconds = 1.5\nmax_per_room_per_day = 101\nfollow_ups = 'yes'\nquiet_hours = '25:00-07:00'\n[owner]\naccount_ids = [1, 'two']\n[server]\nlisten = 'localhost'\n[log]\nfilter = 'info,=,='\n";
    assert_snapshot!(refusal(file, &[("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "soon")]), @r#"
    karibarai.toml:12: `server.listen` is not valid; make it an address with a port, e.g. "127.0.0.1:8787"
    karibarai.toml:10: `owner.account_ids` is not valid; make it a list of account ids (numbers), e.g. [111, 222]
    karibarai.toml:2: `reply.mode` is not valid; make it one of "observe", "suggest", "approve", "auto"
    karibarai.toml:5: `reply.delay_seconds` is a number with a decimal point; make it a whole number, 0 or more
    karibarai.toml:6: `reply.max_per_room_per_day` is out of range; make it 0 to 100
    karibarai.toml:3: `reply.max_age` is not valid; make it a span of time with its unit, e.g. "90s", "5m", "12h", "2d"
    karibarai.toml:7: `reply.follow_ups` is not valid; make it true or false
    karibarai.toml:8: `reply.quiet_hours` is not valid; make it two times of day, e.g. "22:00-07:00", or "" for none
    karibarai.toml:4: `reply.settle` is a number; make it a span of time with its unit, e.g. "90s", "5m", "12h", "2d"
    KARIBARAI_RECONCILE__INTERVAL_SECONDS: `reconcile.interval_seconds` is not valid; make it a whole number, 0 or more
    karibarai.toml:14: `log.filter` is not a list of levels; write e.g. "info" or "warn,karibarai::reconcile=debug"
    "#);
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    assert_snapshot!(refusal("[reply]\nmode = auto\nmax_age = '1h\n", &[]), @r#"
    karibarai.toml:2: not TOML: string values must be quoted, expected literal string; correct this line
    karibarai.toml:3: not TOML: invalid literal string, expected `'`; correct this line
    "#);
    assert_snapshot!(refusal("[reply]\nmode = 'auto'\nmode = 'auto'\n", &[]), @"karibarai.toml:3: not TOML: duplicate key; correct this line");
}

#[test]
fn contradictions_are_refused() {
    let file = "[owner]\naccount_ids = [1]\ncontrol_room = 7\n[server]\nreview_listen = '0.0.0.0:8787'\n[[room]]\nid = 5\nclients = [1, 2]\nothers = [2]\n[[room]]\nclients = [3]\n[[room]]\nid = 5\n[[room]]\nid = 7\n";
    assert_snapshot!(refusal(file, &[]), @r#"
    karibarai.toml:5: `server.review_listen` takes the port of `server.listen`; give the two listeners different ports
    karibarai.toml:6: account 1 is the owner and in `clients` of this room; remove it from one of the two
    karibarai.toml:6: account 2 is in `clients` and in `others` of this room; keep it in one list
    karibarai.toml:10: a room without `id`; add `id`, the number after #!rid in the room's address, or remove the room
    karibarai.toml:13: room 5 is listed twice (first at karibarai.toml:7); join the two blocks
    karibarai.toml:15: room 7 is the control room and a client's room at once; remove it here, or name another `owner.control_room`
    "#);
}

#[test]
fn addresses_that_would_leak_or_never_work_are_refused() {
    for base in
        ["http://api.chatwork.com/v2", "ftp://localhost", "https://u:p@example.jp", "https://a.jp/?t=1", "x"]
    {
        let error = refusal("", &[("CHATWORK_API_BASE", base)]);
        assert!(error.starts_with("CHATWORK_API_BASE: `chatwork.api_base`"), "{error}");
    }
    for base in
        ["http://localhost:1/v2", "http://[::1]:1", "http://127.0.0.9", "https://api.chatwork.com/v2/"]
    {
        assert!(!load("", &[("CHATWORK_API_BASE", base)]).unwrap().chatwork.api_base.ends_with('/'));
    }
    let file = "[server]\npublic_url = 'http://bot.example.jp/webhook'\n[storage]\nurl = 'postgres://me:hunter2@db/k'\n";
    assert_snapshot!(refusal(file, &[]), @r#"
    karibarai.toml:2: `server.public_url` is not a plain https address; Chatwork calls https only: e.g. "https://bot.example.jp/webhook", or "" for polling alone
    karibarai.toml:4: `storage.url` holds a password, which does not belong in a configuration file; put it alone into a file of its own and name that in password_file
    "#);
    for url in ["sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "mysql:x", "data.db"] {
        assert!(load(&format!("[storage]\nurl = '{url}'\n"), &[]).is_err(), "{url}");
    }
    let config = load("[storage]\nurl = 'sqlite:///var/lib/k.db'\n", &[]).unwrap();
    assert!(matches!(config.storage.url, StorageUrl::Sqlite(path) if path == Path::new("/var/lib/k.db")));
}

#[test]
fn tokens_come_from_files_and_never_from_the_configuration_file() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("api", "  api-secret\n");
    write("hook1", &format!("{WEBHOOK_TOKEN}\r\n"));
    write("hook2", WEBHOOK_TOKEN);
    write("karibarai.toml", "[chatwork]\napi_token_file = 'api'\nwebhook_token_files = ['hook1', 'hook2']\n");
    let config = load_in(&dir, &[]).unwrap();
    assert_eq!(config.chatwork.api_token.as_ref().unwrap().expose_secret(), "api-secret");
    assert_eq!(config.chatwork.webhook_tokens.len(), 2);
    assert!(!format!("{config:?}").contains("api-secret") && !format!("{config:?}").contains("MDEyMz"));
    let config = load_in(&dir, &[("CHATWORK_API_TOKEN", "other"), ("CHATWORK_WEBHOOK_TOKEN", "")]).unwrap();
    assert_eq!(config.chatwork.api_token.unwrap().expose_secret(), "other");
    assert_eq!(config.chatwork.webhook_tokens.len(), 2);

    write("empty", " \n");
    write("two", "one\ntwo\n");
    write("prose", "not base64!");
    write(
        "karibarai.toml",
        "[chatwork]\napi_token_file = 'empty'\nwebhook_token_files = ['two', 'gone-SECRET', 'prose']\n",
    );
    assert_snapshot!(load_in(&dir, &[]).unwrap_err(), @r#"
    karibarai.toml:2: the token file named here is empty; write the token into it
    karibarai.toml:3: token file 1 of those named here has several lines; write one token into each file
    karibarai.toml:3: token file 2 of those named here does not exist; create it, or correct the path
    karibarai.toml:3: what is given here cannot be a webhook token (Base64); copy the token again from Chatwork's page
    "#);

    write("karibarai.toml", "[chatwork]\napi_token = 'SECRET'\nwebhook_tokens = ['SECRET']\n");
    assert_snapshot!(load_in(&dir, &[]).unwrap_err(), @r#"
    karibarai.toml:2: `chatwork.api_token` does not belong in a configuration file; put the token alone into a file of its own and name that in api_token_file
    karibarai.toml:3: `chatwork.webhook_tokens` does not belong in a configuration file; put the token alone into a file of its own and name that in webhook_token_files
    "#);

    write("karibarai.toml", "");
    let env = [
        ("CHATWORK_API_TOKEN", "SECRET"),
        ("KARIBARAI_CHATWORK__API_TOKEN", "SECRET2"),
        ("KARIBARAI_CHATWORK__WEBHOOK_TOKENS", "SECRET!,SECRET?"),
        ("KARIBARAI_CHATWORK__WEBHOOK_TOKEN_FILES", "hook1"),
    ];
    let error = load_in(&dir, &env).unwrap_err();
    assert_snapshot!(error, @r#"
    KARIBARAI_CHATWORK__API_TOKEN: says something else than CHATWORK_API_TOKEN, which sets the same; keep one of the two
    KARIBARAI_CHATWORK__WEBHOOK_TOKENS: set beside webhook_token_files, which gives the same; keep one of the two
    "#);
}

#[test]
fn serving_needs_an_api_token() {
    let config = load("", &[("CHATWORK_WEBHOOK_TOKEN", WEBHOOK_TOKEN)]).unwrap();
    assert_snapshot!(config.validate_for_serve().unwrap_err(), @"chatwork.api_token: there is no API token, and serve needs one; set CHATWORK_API_TOKEN, or api_token_file under [chatwork]");
    let config = load("", &[("CHATWORK_API_TOKEN", "t")]).unwrap();
    assert_eq!(config.validate_for_serve(), Ok(()));
}

#[test]
fn what_holds_in_a_room() {
    let file = "[owner]\naccount_ids = [1]\n[[room]]\nid = 5\nclients = [10]\nothers = [11]\nbots = [12]\nreply = { mode = 'approve', max_age = '1d', quiet_hours = '22:00-07:00' }\n[[room]]\nid = 6\n";
    let config = load(file, &[]).unwrap();
    let (listed, open, unlisted) = (RoomId(5), RoomId(6), RoomId(7));
    let (direct, group) = (Some(RoomType::Direct), Some(RoomType::Group));

    let reply = config.reply_for(listed, group);
    assert_eq!((reply.mode, reply.max_age), (Mode::Approve, Duration::from_secs(86_400)));
    assert_eq!(reply.quiet_hours, QuietHours::parse("22:00-07:00"));
    assert_eq!(reply.owner_active, config.reply.owner_active);
    assert_eq!(config.reply_for(open, direct).mode, Mode::Auto);
    assert_eq!(config.reply_for(open, group).mode, Mode::Suggest);
    assert_eq!(config.reply_for(open, None).mode, Mode::Suggest);
    assert_eq!(config.reply_for(unlisted, direct).mode, Mode::Observe);

    let role =
        |room, room_type, account| config.role_of(room, room_type, AccountId(account), &[AccountId(2)]);
    for (account, expected) in [
        (1, Role::Worker),
        (2, Role::Worker),
        (10, Role::Client),
        (11, Role::Other),
        (12, Role::Bot),
        (13, Role::Other),
    ] {
        assert_eq!(role(listed, group, account), expected, "{account}");
    }
    assert_eq!(role(open, direct, 10), Role::Client);
    assert_eq!(role(open, None, 10), Role::Client);
    assert_eq!(role(unlisted, group, 10), Role::Client);
    assert_eq!(role(unlisted, group, 1), Role::Worker);
}

#[test]
fn quiet_hours_follow_the_clock_in_japan_and_pass_midnight() {
    let at = |text: &str| UtcMillis::parse(&format!("2026-11-23T{text}.000Z")).unwrap();
    let night = QuietHours::parse("22:00-07:00").unwrap();
    // 13:00 UTC is 22:00 in Japan, 22:00 UTC is 07:00.
    for (utc, quiet) in
        [("12:59:59", false), ("13:00:00", true), ("18:00:00", true), ("21:59:59", true), ("22:00:00", false)]
    {
        assert_eq!(night.contains(at(utc)), quiet, "{utc}");
    }
    assert_eq!(night.next_outside(at("13:30:15")), at("22:00:00"));
    assert_eq!(night.next_outside(at("12:30:15")), at("12:30:15"));
    let lunch = QuietHours::parse("12:00 - 13:00").unwrap();
    assert!(lunch.contains(at("03:30:00")) && !lunch.contains(at("04:00:00")));
    for text in ["22:00-22:00", "24:00-07:00", "22-7", "22:0-07:00", "+1:00-02:00", "22:00", ""] {
        assert_eq!(QuietHours::parse(text), None, "{text}");
    }
    assert!(!night.contains(UtcMillis(i64::MIN)) || night.next_outside(UtcMillis(i64::MIN)).0 < 0);
}

#[test]
fn spans_of_time_have_a_unit() {
    let span =
        |text: &str| load("", &[("KARIBARAI_REPLY__MAX_AGE", text)]).map(|it| it.reply.max_age.as_secs());
    for (text, seconds) in
        [("12h", 43_200), ("5m", 300), ("0s", 0), ("90s", 90), ("2d", 172_800), ("1h 30m", 5_400)]
    {
        assert_eq!(span(text), Ok(seconds), "{text}");
    }
    for text in ["12", "-5m", "5m ago", "1 month", "1y", "", "99999d", "s"] {
        assert!(span(text).is_err(), "{text}");
    }
}

#[test]
fn a_file_from_notepad_is_read() {
    assert_eq!(load("\u{feff}[reply]\r\nmode = 'suggest'\r\n", &[]).unwrap().reply.mode, Mode::Suggest);
    let error = refusal("[reply]\r\n\r\nmood = 'suggest'\r\n", &[]);
    assert!(error.starts_with("karibarai.toml:3: "), "{error}");
}

proptest! {
    #[test]
    fn any_file_and_environment_is_read_or_refused(
        text in "([\\[\\]{}=,.'\"\n0-9]|room|reply|id|mode|\\PC){0,80}",
        name in "(ROOM|REPLY|__|0|ID|[A-Z_]){0,8}",
        value in "\\PC{0,20}",
    ) {
        let env = [(format!("KARIBARAI_{name}"), value)];
        let file = (PathBuf::from("karibarai.toml"), text);
        if let Err(error) = read::config(Some(file), &env, Path::new("")) {
            prop_assert!(!error.problems.is_empty());
        }
    }
}

#[test]
fn a_client_has_at_most_the_mode_of_the_room() {
    let file = "[[room]]\nid = 5\nclients = [1, 2, 3]\nreply.mode = 'approve'\n\
                client_modes = ['1=observe', '2=auto']\ncontract = 'none'\noutside_contact = 'approved'\n";
    let config = load(file, &[]).unwrap();
    let mode = |client| config.reply_to(RoomId(5), Some(RoomType::Group), AccountId(client)).mode;
    assert_eq!([mode(1), mode(2), mode(3)], [Mode::Observe, Mode::Approve, Mode::Approve]);
    assert_eq!(config.rooms[0].contract.as_str(), "none");
    assert_eq!(config.rooms[0].outside_contact.as_str(), "approved");
    let wrong =
        load("[[room]]\nid = 5\nclient_modes = ['1']\ncontract = 'x'\n", &[]).unwrap_err().to_string();
    assert!(wrong.contains("client_modes") && wrong.contains("contract"), "{wrong}");
}

#[test]
fn quiet_hours_and_days_end_at_the_first_open_minute() {
    let reply = |days: &str| {
        let file = format!("[reply]\nquiet_hours = '22:00-07:00'\nquiet_days = {days}\n");
        load(&file, &[]).unwrap().reply
    };
    let at = |text: &str| UtcMillis::parse(text).unwrap();
    let hours = reply("[]");
    let all = reply("['weekends', 'holidays']");
    for (settings, from, to) in [
        // 23:30 in Japan waits until 07:00; noon does not wait.
        (&hours, "2026-11-24T14:30:00.000Z", "2026-11-24T22:00:00.000Z"),
        (&hours, "2026-11-24T03:00:00.000Z", "2026-11-24T03:00:00.000Z"),
        // Friday night over the weekend and the holiday of Monday, 23 November, until Tuesday morning.
        (&all, "2026-11-20T14:30:00.000Z", "2026-11-23T22:00:00.000Z"),
        (&all, "2026-11-23T03:00:00.000Z", "2026-11-23T22:00:00.000Z"),
    ] {
        assert_eq!(settings.next_open(at(from)), at(to), "{from}");
    }
}

#[test]
fn what_counts_as_a_request_is_set_for_rooms_and_clients() {
    let file = "[[room]]\nid = 5\nclients = [1, 2]\n[room.detect]\ncertain_percent = 95\nunsure_percent = 40\n\
                allow = ['次号も']\ndeny = ['定例']\nclient_certain_percent = ['1=99']\n\
                client_deny = ['1=テスト投稿', '1=いつもの']\n[[room]]\nid = 6\n";
    let config = load(file, &[("KARIBARAI_ROOM__1__DETECT__DENY", "朝会,夕会")]).unwrap();
    let own = config.tuning_for(RoomId(5), AccountId(1));
    assert_eq!((own.certain, own.unsure), (Some(99), Some(40)));
    assert_eq!(
        (own.allow, own.deny),
        (vec!["次号も".into()], vec!["定例".into(), "テスト投稿".into(), "いつもの".into()])
    );
    let other = config.tuning_for(RoomId(5), AccountId(2));
    assert_eq!((other.certain, other.deny.len()), (Some(95), 1));
    assert_eq!(config.tuning_for(RoomId(6), AccountId(1)).deny, ["朝会", "夕会"]);
    assert_eq!(config.tuning_for(RoomId(7), AccountId(1)), Tuning::default());

    let wrong = "[[room]]\nid = 5\n[room.detect]\ncertain_percent = 60\nunsure_percent = 0.4\nallow = ['あ', '次号']\n\
                 deny = '定例'\nclient_allow = ['次号']\nclient_deny = ['x=定例']\nclient_unsure_percent = ['3=101', '4=80']\nphrase = 1\n\
                 [[room]]\nid = 6\ndetect.certain_percent = 70\ndetect.unsure_percent = 71\ndetect.allow = ['次号']\ndetect.deny = ['次号']\n\
                 detect.client_certain_percent = ['8=65']\n";
    assert_snapshot!(refusal(wrong, &[]), @r#"
    karibarai.toml:4: `detect.certain_percent` is out of range; make it 61 to 100
    karibarai.toml:5: `detect.unsure_percent` is a number with a decimal point; make it a whole number, 0 or more
    karibarai.toml:7: `detect.deny` is not valid; make it a list of texts
    karibarai.toml:1: `detect.client_unsure_percent` of account 3 is out of range; make it 5 to 100
    karibarai.toml:8: `detect.client_allow` is not valid; make it a list of accounts with a phrase, e.g. ["111=いつもの件"]
    karibarai.toml:9: `detect.client_deny` is not valid; make it a list of accounts with a phrase, e.g. ["111=いつもの件"]
    karibarai.toml:1: `detect.allow` holds a phrase that is too short or too long; make it 2 to 100 characters
    karibarai.toml:1: `detect.unsure_percent` of account 4 is above `detect.certain_percent`; what is certain is at least unsure: make it the smaller one
    karibarai.toml:12: `detect.unsure_percent` is above `detect.certain_percent`; what is certain is at least unsure: make it the smaller one
    karibarai.toml:12: phrase 1 of `detect.allow` is in `detect.deny` too; keep it in one list
    karibarai.toml:12: `detect.unsure_percent` of account 8 is above `detect.certain_percent`; what is certain is at least unsure: make it the smaller one
    karibarai.toml:11: unknown key `detect.phrase` in a room; a room has id, clients, others, bots, client_modes, opted_out, contract, outside_contact, reply.mode, reply.delay_seconds, reply.max_per_room_per_day, reply.max_age, reply.follow_ups, reply.owner_active, reply.quiet_hours, reply.automatic_line, reply.quiet_days, reply.notice, reply.witness, reply.on_withdrawal, detect.certain_percent, detect.unsure_percent, detect.allow, detect.deny, detect.client_certain_percent, detect.client_unsure_percent, detect.client_allow, detect.client_deny
    "#);
}

#[test]
fn a_schema_of_postgresql_is_named_without_its_password() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("password"), "hunter2\n").unwrap();
    let file = format!(
        "[storage]\nurl = 'postgres://me@db.example.jp/k'\nschema = 'yamada'\npassword_file = '{}'\nconnections = 3\n\
         ca_files = ['ca.pem']\n",
        dir.path().join("password").display()
    );
    let StorageUrl::Postgres(it) = load(&file, &[]).unwrap().storage.url else { panic!("a file") };
    assert_eq!((it.schema.as_str(), it.connections, it.ca_files.len()), ("yamada", 3, 1));
    assert_eq!(it.password.as_ref().unwrap().expose_secret(), "hunter2");
    assert!(!format!("{it:?}").contains("hunter2"));
    // The environment is no file that others read.
    let env = [("KARIBARAI_STORAGE__URL", "postgres://me:hunter2@db/k")];
    assert!(matches!(load("", &env).unwrap().storage.url, StorageUrl::Postgres(_)));
    for (key, value) in [
        ("url", "'postgres://db'"),
        ("url", "'postgres://me@db/k?password=x'"),
        ("schema", "'Yamada'"),
        ("schema", "'pg_temp'"),
        ("schema", "'a\"b'"),
        ("schema", "''"),
        ("connections", "1"),
    ] {
        assert!(load(&format!("[storage]\n{key} = {value}\n"), &[]).is_err(), "{key} = {value}");
    }
}

#[test]
fn a_copy_goes_to_a_folder_or_to_a_bucket_with_its_key() {
    assert!(load("", &[]).unwrap().storage.objects.is_none());
    let folder = load("[storage.objects]\nurl = 'file:///srv/写し'\n", &[]).unwrap().storage.objects;
    assert!(matches!(folder, Some(ObjectsUrl::Folder(path)) if path == Path::new("/srv/写し")));
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "hush\n").unwrap();
    let bucket = |more: &str| {
        let key = key.display();
        let file =
            format!("[storage.objects]\nurl = 's3://copies/owners/me/'\nsecret_key_file = '{key}'\n{more}");
        load(&file, &[])
    };
    let good = bucket("access_key_id = 'me'\nendpoint = 'https://s3.example.jp/'\n").unwrap();
    assert!(!format!("{good:?}").contains("hush"));
    let Some(ObjectsUrl::Bucket(it)) = good.storage.objects else { panic!("no bucket") };
    assert_eq!(
        (it.bucket.as_str(), it.prefix.as_str(), it.region.as_str()),
        ("copies", "owners/me", "us-east-1")
    );
    assert_eq!(it.endpoint.as_deref(), Some("https://s3.example.jp"));
    assert!(bucket("access_key_id = 'me'\nendpoint = 'http://127.0.0.1:9000'\n").is_ok());
    // Half a key, the network in the clear, no address.
    assert!(bucket("").is_err());
    assert!(bucket("access_key_id = 'me'\nendpoint = 'http://s3.example.jp'\n").is_err());
    assert!(bucket("access_key_id = 'me'\nendpoint = 's3.example.jp'\n").is_err());
    for url in ["s3://", "s3://UPPER", "s3://copies/a//b", "s3://copies/../x", "https://x", "file://"] {
        let file = format!(
            "[storage.objects]\nurl = '{url}'\naccess_key_id = 'me'\nsecret_key_file = '{}'\n",
            key.display()
        );
        assert!(load(&file, &[]).is_err(), "{url}");
    }
}

#[test]
fn what_is_wrong_is_said_in_japanese_too() {
    let file = "[server]\nlisten = 5\nbody_seconds = 500\n[reply]\nwitnes = true\nmode = 'loud'\nmax_age = 1.5\n[storage]\nurl = 'mysql:x'\n\
                [[room]]\nclients = [1]\nothers = [1]\ncolour = 'red'\n[replies]\na = 1\n[anchor]\nevery = '5m'\n";
    let error = load(file, &[("CHATWORK_WEBHOOK_TOKEN", "?"), ("CHATWORK_API_BASE", "http://example.jp")]);
    assert_snapshot!(error.unwrap_err().japanese(), @r#"
    CHATWORK_API_BASE: `chatwork.api_base` ではAPIトークンが暗号化されずに送られます。https で始めてください（http は 127.0.0.1、::1、localhost だけ）
    CHATWORK_WEBHOOK_TOKEN: ここで指定された内容はWebhookのトークン（Base64）ではありません。Chatworkのページからもう一度コピーしてください
    karibarai.toml:2: `server.listen` が数になっています。ポートつきのアドレス（例: "127.0.0.1:8787"）を書いてください
    karibarai.toml:3: `server.body_seconds` が範囲の外です。1 から 120 の間にしてください
    karibarai.toml:9: `storage.url` の種類がわかりません。"sqlite:" とパスを書いてください（例: "sqlite:data/karibarai.db"）
    karibarai.toml:6: `reply.mode` が正しい値ではありません。"observe"、"suggest"、"approve"、"auto" のどれかを書いてください
    karibarai.toml:7: `reply.max_age` が小数になっています。単位つきの時間（例: "90s"、"5m"、"12h"、"2d"）を書いてください
    karibarai.toml:17: `anchor.every` が短すぎます。相手は他者のサーバーです。1h 以上にしてください
    karibarai.toml:10: アカウント 1 がこのルームの `clients` と `others` の両方に入っています。どちらか一方だけに入れてください
    karibarai.toml:10: `id` のないルームがあります。`id`（ルームのURLの #!rid の後の数字）を書くか、このルームを消してください
    karibarai.toml:14: `replies` というセクションはありません。使えるのは anchor, chatwork, log, mirror, owner, patience, reconcile, reply, server, storage, templates, room です
    karibarai.toml:5: `reply.witnes` という設定はありません。[reply] で使えるのは automatic_line, delay_seconds, dry_run, follow_ups, max_age, max_per_day, max_per_room_per_day, mode, notice, on_withdrawal, owner_active, quiet_days, quiet_hours, settle, witness です
    karibarai.toml:13: ルームに `colour` という設定はありません。ルームで使えるのは id, clients, others, bots, client_modes, opted_out, contract, outside_contact, reply.mode, reply.delay_seconds, reply.max_per_room_per_day, reply.max_age, reply.follow_ups, reply.owner_active, reply.quiet_hours, reply.automatic_line, reply.quiet_days, reply.notice, reply.witness, reply.on_withdrawal, detect.certain_percent, detect.unsure_percent, detect.allow, detect.deny, detect.client_certain_percent, detect.client_unsure_percent, detect.client_allow, detect.client_deny です
    "#);
    let error = load("a = ", &[]).unwrap_err();
    assert_eq!(error.japanese().lines().count(), error.to_string().lines().count());
    let config = load("", &[]).unwrap();
    assert_snapshot!(config.validate_for_serve().unwrap_err().japanese(), @"chatwork.api_token: APIトークンがありません（serve には必要です）。[chatwork] の api_token_file か、環境変数 CHATWORK_API_TOKEN で指定してください");
}
