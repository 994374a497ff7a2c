//! The command line: clear refusals, exit codes, machine output.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::Bot;

fn karibarai(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(arguments)
        .env_clear()
        .envs(env.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().to_str().unwrap();
    let output =
        karibarai(folder.path(), &["demo", "--once"], &[("TMPDIR", temporary), ("LANG", "ja_JP.UTF-8")]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", stderr(&output));
    assert!(told.contains("仮払い") && told.contains("投稿（回）: 1"), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}

/// What is tried, with which arguments and environment, and what the line must say.
type Refusal<'a> = (&'a str, Vec<&'a str>, Vec<(&'a str, &'a str)>, &'a str);

#[test]
fn what_is_wrong_at_start_is_one_clear_line_and_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    fs::write(here.join("not-a-folder"), "x").unwrap();
    fs::write(here.join("bad.toml"), "[reply]\nmoed = \"auto\"\n").unwrap();
    let token = ("CHATWORK_API_TOKEN", "secret-token-1234");
    let free = ("KARIBARAI_SERVER__LISTEN", "127.0.0.1:0");
    let free_pages = ("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0");
    let cases: Vec<Refusal<'_>> = vec![
        ("no token", vec!["serve"], vec![free, free_pages], "API token"),
        ("unknown key", vec!["--config", "bad.toml", "serve"], vec![token], "moed"),
        ("no such file", vec!["--config", "none.toml", "serve"], vec![token], "none.toml"),
        (
            "port in use",
            vec!["serve"],
            vec![token, ("KARIBARAI_SERVER__LISTEN", &port), free_pages],
            "cannot listen",
        ),
        (
            "unwritable folder",
            vec!["serve"],
            vec![token, free, free_pages, ("KARIBARAI_STORAGE__DATA_DIR", "not-a-folder/data")],
            "cannot be written",
        ),
        ("no database", vec!["log"], vec![], "no database"),
    ];
    for (what, arguments, env, needed) in cases {
        let output = karibarai(here, &arguments, &env);
        assert_eq!(output.status.code(), Some(2), "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains(needed), "{what}: {}", stderr(&output));
        assert!(!stderr(&output).contains("secret-token"), "{what}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{what}: {}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused() {
    let bot = Bot::start().await;
    bot.settled().await;
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    rusqlite::Connection::open(data.join("karibarai.db"))
        .unwrap()
        .execute_batch("PRAGMA user_version = 999")
        .unwrap();
    let output = karibarai(&data, &["verify", "."], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("newer karibarai"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_json_lines_with_the_promised_fields() {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.chatwork.edit(bot.world.direct_room, &request, "追加でブログ記事を5本お願いできますか？");
    bot.recorded(&request, 2).await;
    bot.settled().await;
    let settings = bot.settings();
    let env: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let room = bot.world.direct_room.to_string();
    let output = karibarai(bot.folder.path(), &["log", "--json", "--room", &room], &env);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    for line in &lines {
        for field in [
            "n",
            "kind",
            "room_id",
            "message_id",
            "account_id",
            "body",
            "source",
            "source_time",
            "observed_at",
        ] {
            assert!(line.get(field).is_some(), "{field} is missing in {line}");
        }
        assert_eq!(line["room_id"], bot.world.direct_room);
    }
    let numbers: Vec<u64> = lines.iter().map(|it| it["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted());
    let of = |kind: &str| {
        lines.iter().find(|it| it["kind"] == kind && it["message_id"] == request.as_str()).unwrap()
    };
    assert_eq!(of("message.created")["body"], "追加でブログ記事を3本お願いできますか？");
    assert_eq!(of("message.created")["account_id"], bot.world.client);
    assert_eq!(of("message.updated")["body"], "追加でブログ記事を5本お願いできますか？");
    assert!(of("message.updated")["source_time"].as_str().unwrap().ends_with(".000Z"));
    let cases = karibarai(bot.folder.path(), &["case", "list", "--json"], &env);
    let case: Value = serde_json::from_slice(&cases.stdout).unwrap();
    assert_eq!((&case["case"], &case["reminded"]), (&1.into(), &true.into()));
    assert_eq!(case["request_message_id"], request.as_str());
    bot.finish().await;
}

#[test]
fn detection_answers_records_in_order_and_names_bad_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(["detect", "--jsonl"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = concat!(
        r#"{"id":"a","sender_role":"client","body":"追加で記事を3本お願いできますか？","context":[]}"#,
        "\n",
        "not json\n",
        r#"{"id":"b","room_type":"direct","sender_role":"worker","body":"追加で記事を3本お願いできますか？","context":[],"note":"x"}"#,
        "\n",
    );
    let mut bytes = input.as_bytes().to_vec();
    bytes.extend_from_slice(b"{\"id\":\"c\",\"sender_role\":\"client\",\"body\":\"\xff\"}\n");
    // Keys in any order, what is null is missing, no line end at the end.
    bytes.extend_from_slice(
        r#"{"context":null,"body":"了解です","room_type":null,"sender_role":"client","id":7}"#.as_bytes(),
    );
    // 1 December 2026 in Japan; what the terms mean stands beside them.
    bytes.extend_from_slice(
        concat!(
            "\n",
            r#"{"id":"d","sender_role":"client","body":"追加で記事を3本お願いできますか？1本3〜5千円（税別）、来週金曜までに。","send_time":1796050800}"#
        )
        .as_bytes(),
    );
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!((&lines[0]["id"], &lines[0]["labels"]["new_request"]), (&"a".into(), &true.into()));
    assert_eq!(lines[0]["terms"]["quantity"], "3本");
    assert!(lines[1]["id"].is_null() && lines[1]["error"].is_string());
    assert_eq!((&lines[2]["id"], &lines[2]["labels"]["new_request"]), (&"b".into(), &false.into()));
    assert_eq!(lines[2]["tier"], "no");
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["readings"], serde_json::json!({ "amount": null, "deadline": null }));
    assert_eq!(lines[5]["terms"]["deadline"], "来週金曜");
    assert_eq!(
        lines[5]["readings"]["deadline"],
        serde_json::json!({ "date": "2026-12-11", "time": null, "way": "weekday" })
    );
    assert!(lines[3]["id"].is_null() && lines[3]["error"].is_string());
    assert_eq!((&lines[4]["id"], &lines[4]["tier"]), (&7.into(), &"no".into()));
}

#[test]
fn man_pages_and_completions_are_made_for_every_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let output = karibarai(folder.path(), &["manual", "--dir", "out"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let read = |path: &str| fs::read_to_string(folder.path().join("out").join(path)).unwrap();
    let help = karibarai(folder.path(), &["--help"], &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|it| *it != "Commands:").skip(1).take_while(|it| !it.is_empty());
    let names: Vec<&str> = listed.filter_map(|it| it.split_whitespace().next()).collect();
    assert!(names.len() > 15 && names.contains(&"setup"), "{names:?}");
    let bash = read("completions/karibarai.bash");
    for name in &names {
        let page = read(&format!("man1/karibarai-{name}.1"));
        assert!(page.contains(".TH") && page.contains(".SH DESCRIPTION"), "{name}");
        assert!(bash.contains(name), "{name}");
    }
    assert!(read("man1/karibarai-setup.1").contains("token\\-file"));
    assert!(read("man1/karibarai.1").contains("karibarai"));
    let script = folder.path().join("out/completions/karibarai.bash");
    assert!(Command::new("bash").arg("-n").arg(script).status().unwrap().success());
    for other in ["_karibarai", "karibarai.fish", "_karibarai.ps1"] {
        assert!(read(&format!("completions/{other}")).contains("setup"), "{other}");
    }
}
