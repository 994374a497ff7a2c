//! Names of files and folders as people give them: with spaces, and in Japanese.

use std::fs;
use std::process::Command;

use crate::support::{Bot, folder};

#[tokio::test(flavor = "multi_thread")]
async fn files_may_have_spaces_and_japanese_names_everywhere() {
    let bot = Bot::start().await;
    assert!(bot.data_dir().to_str().unwrap().contains("仮払い の記録"), "every test works in such a folder");
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    let place = folder();
    let here = place.path();
    let run = |arguments: &[&str], env: Vec<(String, String)>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
        let output = command.args(arguments).env_clear().envs(env).current_dir(here).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&said));
        String::from_utf8(said).unwrap()
    };
    // A configuration of such a name that names such folders, a token file among them.
    let (data, token) = (bot.data_dir(), here.join("API トークン.txt"));
    fs::write(&token, &bot.world.owner_token).unwrap();
    let text = format!(
        "[chatwork]\napi_base = \"{}\"\napi_token_file = \"API トークン.txt\"\n\n[storage]\nurl = \"sqlite:{}\"\ndata_dir = \"{}\"\n",
        bot.sandbox.api_base(),
        data.join("karibarai.db").display(),
        data.display(),
    );
    fs::write(here.join("わたしの 設定.toml"), text).unwrap();
    let with = |arguments: &[&str]| {
        let all: Vec<&str> = ["--config", "わたしの 設定.toml"].iter().chain(arguments).copied().collect();
        run(&all, Vec::new())
    };
    assert!(with(&["log"]).contains("ブログ記事"));
    let room = bot.world.direct_room.to_string();
    with(&["export", "--room", &room, "--out", "証拠 その1.zip"]);
    run(&["verify", "証拠 その1.zip"], Vec::new());
    with(&["backup", "--out", "控え その1.karibarai"]);
    run(&["verify", "控え その1.karibarai"], Vec::new());
    let restored = [
        ("KARIBARAI_STORAGE__URL", "sqlite:戻した 記録/karibarai.db"),
        ("KARIBARAI_STORAGE__DATA_DIR", "戻した 記録"),
    ];
    let restored: Vec<_> =
        restored.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    run(&["restore", "控え その1.karibarai"], restored.clone());
    run(&["verify"], restored);
    bot.finish().await;
}
