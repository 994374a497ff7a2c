//! `template check` and `template preview` through the command line, and a bot that speaks with its owner's words.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{Bot, settings};

fn karibarai(folder: &Path, arguments: &[&str], env: &[(String, String)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(arguments)
        .env_clear()
        .envs(env.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const GOOD: &str = "[reminder]\nclosing_plain = 'のちほど、こちらからお返事いたします。'\n";
const BAD: &str =
    "[reminder]\ntext = '喜んで対応します。LINEでお願いします！'\n[draft]\nbody = '[info]{x}'\n";

#[test]
fn template_files_are_checked_and_each_fault_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("good.toml"), GOOD).unwrap();
    fs::write(here.join("bad.toml"), BAD).unwrap();
    fs::write(here.join("karibarai.toml"), "[templates]\nfiles = [\"bad.toml\"]\n").unwrap();

    let good = karibarai(here, &["template", "check", "good.toml"], &[]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert!(good.stdout.is_empty());

    // Without a file, those of the configuration.
    for arguments in
        [&["template", "check", "bad.toml"][..], &["template", "check"], &["template", "preview"]]
    {
        let bad = karibarai(here, arguments, &[]);
        assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stderr));
        let lines = text(&bad.stdout);
        for needed in
            ["bad.toml: reminder.text: says 「喜んで」", "line", "！", "must thank", "[info]", "{room}"]
        {
            assert!(lines.contains(needed), "{needed}: {lines}");
        }
    }
    let japanese = karibarai(here, &["--lang", "ja", "template", "check", "bad.toml"], &[]);
    assert!(text(&japanese.stdout).contains("引き受けや約束と受け取られます"), "{}", text(&japanese.stdout));

    let absent = karibarai(here, &["template", "check", "none.toml"], &[]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("none.toml"), "{}", text(&absent.stderr));
    // A bot does not start with words that are refused.
    let serve = karibarai(here, &["serve"], &[("CHATWORK_API_TOKEN".to_owned(), "x".to_owned())]);
    assert_eq!(serve.status.code(), Some(2), "{}", text(&serve.stderr));
    assert!(text(&serve.stderr).contains("bad.toml: reminder.text"), "{}", text(&serve.stderr));
}

#[test]
fn a_preview_without_a_case_says_that_it_is_invented() {
    let folder = tempfile::tempdir().unwrap();
    let output = karibarai(folder.path(), &["--lang", "ja", "template", "preview", "--notes"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("例を使って"));
    let shown = text(&output.stdout);
    assert!(shown.contains("山田 太郎さん") && shown.contains("「承認 12」"), "{shown}");
    let absent = karibarai(folder.path(), &["template", "preview", "--case", "7"], &[]);
    assert_eq!(absent.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn own_words_are_posted_and_previewed_with_real_data() {
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("own.toml");
    fs::write(&file, GOOD).unwrap();
    let path = file.to_str().unwrap().to_owned();
    let extra = [("KARIBARAI_TEMPLATES__FILES", path.as_str()), ("KARIBARAI_REPLY__AUTOMATIC_LINE", "false")];
    let bot = Bot::start_with(&extra).await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？1本5,000円です。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    let post = bot.chatwork.replies_to(bot.world.direct_room, &request).remove(0).body;
    assert!(post.ends_with("のちほど、こちらからお返事いたします。"), "{post}");

    let settings = settings(bot.folder.path(), &bot.sandbox.api_base(), &bot.world, &extra);
    let output = karibarai(own.path(), &["template", "preview", "--case", "1"], &settings);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(&post), "{}", text(&output.stdout));
    bot.finish().await;
}
