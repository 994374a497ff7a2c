//! What lies in `deploy/` and `.github/`: checked by the programs that will read it, where they are at hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use karibarai::config::{Config, LoadArgs, StorageUrl};

use crate::support::{Bot, environment};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Tenths: `systemd-analyze security` calls 0.0–2.0 safe.
const EXPOSURE: &str = "--threshold=20";

fn deploy(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("deploy").join(name)).unwrap()
}

#[test]
fn the_systemd_unit_is_sound_and_shut() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        assert!(environment("KARIBARAI_TESTS_RUN").is_none(), "systemd-analyze is not installed");
        return;
    }
    let unit = sound_and_shut("karibarai.service", "karibarai.service");
    // The one for many owners is the same but for their names, their database and their share of the machine.
    let owners = sound_and_shut("karibarai@.service", "karibarai@yamada.service");
    let own = |line: &&str| !["LoadCredential", "Environment", "#"].iter().any(|it| line.starts_with(it));
    let lines =
        |unit: &str| unit.replace("/%i", "").lines().filter(own).map(str::to_owned).collect::<BTreeSet<_>>();
    let more: Vec<_> = lines(&owners).difference(&lines(&unit)).cloned().collect();
    let description =
        "Description=karibarai of %i: Chatwork bot that asks for escrow and keeps a provable log";
    let after = "After=network-online.target time-sync.target postgresql.service";
    assert_eq!(more, [after, "CPUWeight=100", description, "MemoryMax=256M"]);
    // The unit for one person has no manager here; it starts the same program in the same way.
    let user = deploy("karibarai-user.service");
    for line in ["Type=notify", "WatchdogSec=60", "TimeoutStopSec=20", "Restart=on-failure", "UMask=0077"] {
        assert!(unit.contains(line) && user.contains(line), "{line}");
    }
}

/// `name` of `deploy/`, as systemd reads and rates it under the name `as_unit`; gives its text.
fn sound_and_shut(name: &str, as_unit: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let unit = deploy(name);
    let program = "/usr/local/bin/karibarai";
    assert!(unit.contains(program));
    let path = folder.path().join(as_unit);
    fs::write(&path, unit.replace(program, env!("CARGO_BIN_EXE_karibarai"))).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
    let mut security = Command::new("systemd-analyze");
    let security = security.args(["security", "--offline=true", EXPOSURE, "--no-pager"]).arg(&path);
    let security = security.output().unwrap();
    assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
    unit
}

#[test]
fn the_files_for_other_programs_can_be_read() {
    let script = "import plistlib, sys
it = plistlib.load(open(sys.argv[1], 'rb'))
assert it['ProgramArguments'][1] == 'serve' and it['RunAtLoad'], it";
    let plist = Path::new(ROOT).join("deploy/jp.karibarai.plist");
    assert!(Command::new("python3").args(["-c", script]).arg(plist).status().unwrap().success());
    let script = Path::new(ROOT).join("deploy/build-static");
    assert!(Command::new("bash").arg("-n").arg(script).status().unwrap().success());
}

#[test]
fn the_task_for_windows_starts_the_program_at_log_in_and_never_ends_it() {
    let script = "import sys, xml.etree.ElementTree as tree
space = '{http://schemas.microsoft.com/windows/2004/02/mit/task}'
it = tree.parse(sys.argv[1]).getroot()
text = lambda path: it.find('/'.join(space + name for name in path.split('/'))).text
assert text('Triggers/LogonTrigger/Enabled') == 'true'
assert text('Actions/Exec/Arguments') == 'serve'
assert text('Actions/Exec/Command') == text('Actions/Exec/WorkingDirectory') + '\\\\karibarai.exe'
assert text('Settings/ExecutionTimeLimit') == 'PT0S', 'three days are the default'
assert text('Settings/StopIfGoingOnBatteries') == 'false'
assert text('Principals/Principal/RunLevel') == 'LeastPrivilege'";
    let task = Path::new(ROOT).join("deploy/karibarai-task.xml");
    assert!(Command::new("python3").args(["-c", script]).arg(task).status().unwrap().success());
}

#[test]
fn a_release_has_the_program_for_all_three_systems() {
    let workflow = fs::read_to_string(Path::new(ROOT).join(".github/workflows/release.yml")).unwrap();
    let targets: Vec<&str> = workflow
        .lines()
        .filter_map(|it| it.trim().strip_prefix("- { os: ")?.split_once("target: "))
        .map(|(_, rest)| rest.trim_end_matches(" }").split(',').next().unwrap())
        .collect();
    for target in ["x86_64-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
        assert!(targets.contains(&target), "{target} of {targets:?}");
    }
    // What is said to be packed is there.
    let packed = workflow.lines().find(|it| it.trim().starts_with("cp target/")).unwrap();
    let is_plain = |it: &&str| it.ends_with(".md") || *it == "LICENSE";
    let names: Vec<&str> = packed.split_whitespace().filter(is_plain).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        assert!(Path::new(ROOT).join(name).exists(), "{name}");
    }
}

/// Names that begin with `karibarai_` and stand alone.
fn names(text: &str) -> BTreeSet<String> {
    let word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let words = text.split(|it: char| !word(it)).filter(|it| it.starts_with("karibarai_"));
    words.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_rest_on_figures_that_there_are() {
    let alerts = names(&deploy("alerts.yaml"));
    let manual = names(&fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap());
    assert!(alerts.len() > 8 && alerts.is_subset(&manual), "{:?}", alerts.difference(&manual));
    let bot = Bot::start().await;
    let message = bot.client_says("よろしくお願いします。");
    bot.recorded(&message, 1).await;
    bot.settled().await;
    let url = format!("http://{}/metrics", bot.private);
    let shown = reqwest::get(url).await.unwrap().text().await.unwrap();
    let shown = names(&shown);
    // Figures of what has not happened yet come into being when it does.
    for name in alerts.iter().filter(|it| !it.ends_with("_total")) {
        assert!(shown.contains(name), "{name} of {shown:?}");
    }
    bot.finish().await;
}

/// What the compose file for many owners says to the program, as the program takes it; and that it fits the Caddyfile.
#[test]
fn the_compose_file_for_many_owners_fits_the_program_and_the_caddyfile() {
    let text = deploy("owners.compose.yaml");
    let caddyfile = deploy("owners.Caddyfile");
    let folder = tempfile::tempdir().unwrap();
    for name in ["api_token", "database_password"] {
        fs::write(folder.path().join(name), "abc").unwrap();
    }
    fs::write(folder.path().join("webhook_token"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    let setting = |line: &str| {
        let (name, value) = line.trim().split_once(": ")?;
        let value = value.trim_matches('"').replace("/run/secrets", &folder.path().display().to_string());
        name.starts_with("KARIBARAI_").then(|| (name.to_owned(), value))
    };
    let (common, services) = text.split_once("\nservices:\n").unwrap();
    let common: Vec<_> =
        common.lines().filter_map(setting).filter(|(name, _)| name != "KARIBARAI_CONFIG").collect();
    let mut owners = 0;
    for service in services.split("\n\n").filter(|it| it.contains("<<: *owner")) {
        let owner = service.trim().split(':').next().unwrap();
        let env = common.iter().cloned().chain(service.lines().filter_map(setting)).collect();
        let arguments = LoadArgs { path: None, env, cwd: folder.path().to_owned() };
        let config = Config::load(&arguments).unwrap();
        let StorageUrl::Postgres(url) = &config.storage.url else { panic!("{owner}: no PostgreSQL") };
        assert_eq!((url.schema.as_str(), url.connections), (owner, 4));
        let port = config.server.listen.port();
        assert!(caddyfile.contains(&format!("/webhook/{owner} {port}\n")), "{owner}");
        let pages = config.server.review_listen.port();
        assert!(text.contains(&format!("127.0.0.1:{pages}:{pages}")), "{owner}'s pages");
        owners += 1;
    }
    assert_eq!(owners, caddyfile.matches("\t/webhook/").count());
}
