//! The command line: types of clap, one file for each subcommand, exit codes, the two languages.
//!
//! Never: decides anything; a subcommand converts its arguments, calls one workflow, prints what it gave.

mod backtest;
mod backup;
mod bundle;
mod case;
mod case_lines;
mod checkpoint;
mod coverage;
mod demo;
mod detect;
mod doctor;
mod erase;
mod export;
mod import;
mod log;
mod login_link;
mod manual;
mod migrate_store;
mod objects;
mod problem;
mod proof;
mod rebuild;
mod restore;
mod sandbox;
mod say;
mod search;
mod serve;
mod setup;
mod start;
mod suggestions;
mod sync;
mod template;
mod terminal;
mod verify;
mod workers;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::ConfigError;
use crate::platform;

use self::terminal::Terminal;

/// 0 done, 1 the answer is "no", 2 it could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    No,
    Failed,
}

/// What people read is Japanese or English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Ja,
    En,
}

/// A Chatwork bot for CrowdWorks freelancers: it asks once for a job and escrow on CrowdWorks, remembers every message
/// and edit, and proves the record.
#[derive(Debug, Parser)]
#[command(name = "karibarai", version, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    /// Configuration file [default: KARIBARAI_CONFIG, ./karibarai.toml, config/karibarai.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Language of what people read [default: by LANG]
    #[arg(long, global = true, value_enum)]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bot: webhook listener, reader of rooms, followers, sender, pages
    Serve,
    /// Ask for the token, the rooms and the people, write the configuration, and prove one delivery
    Setup(setup::Arguments),
    /// Watch the whole bot at work against the built-in simulator: no account, no network, nothing left behind
    Demo(demo::Arguments),
    /// Run the Chatwork simulator alone (API v2 and webhook sender, with faults on request)
    Sandbox(sandbox::Arguments),
    /// Look at token, rooms, clock, webhook, folder, disk, ledger and anchors, and say what to do: exit 0 / 1
    Doctor(doctor::Arguments),
    /// Say what detection finds in a text, in corpus records, or how it scores against labels
    Detect(detect::Arguments),
    /// Tell what the bot would have said over the archive, and what other rules would change: nothing is posted
    Backtest(backtest::Arguments),
    /// Print the mirror, oldest first
    Log(log::Arguments),
    /// Find words in every version of every message, edited and deleted ones too, newest first
    Search(search::Arguments),
    /// Read the rooms once, now; also beside a running bot: exit 1 where some could not be read
    Sync(sync::Arguments),
    /// List the cases, show one, say how it stands
    Case(case::Arguments),
    /// Do what a word of the control room does, from here: 一覧, 承認 12, 停止, 静か 3時間, 契約 … (beside a running bot too)
    Say(say::Arguments),
    /// Check or show the texts of the bot
    Template(template::Arguments),
    /// Make an evidence package of a room or a case that a stranger can check offline
    Export(export::Arguments),
    /// Bring in an older copy of a room: it is kept apart from what was captured
    Import(import::Arguments),
    /// Check the whole ledger or an evidence package: exit 0 intact, 1 damaged, tampered or rolled back, 2 absent or not ours
    Verify(verify::Arguments),
    /// Print a link that logs in to the pages once
    LoginLink,
    /// Sign the present head of the ledger, have it stamped by the configured authorities, and print the checkpoint
    Checkpoint,
    /// Print the proof of one entry (c2sp.org/tlog-proof)
    Proof(proof::Arguments),
    /// Take the words of a message, or of a room's past, out of everything; every proof still verifies
    Erase(erase::Arguments),
    /// Make the derived tables and the mirror files anew from the ledger
    Rebuild,
    /// Write man pages and shell completions
    #[command(hide = true)]
    Manual(manual::Arguments),
    /// Copy everything into one file, also beside a running bot, and verify the copy
    Backup(backup::Arguments),
    /// Put a backup in place, as a ledger that continues the old one under a new key: exit 1 damaged, 2 absent or not ours
    Restore(restore::Arguments),
    /// Move the ledger and everything beside it from a file of SQLite into the configured PostgreSQL, and compare every row
    MigrateStore(migrate_store::Arguments),
}

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    platform::keep_memory_private();
    let environment = crate::config::process_env();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed pipe is no error.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let language = arguments.lang.unwrap_or_else(|| language_of(&environment));
    let terminal = Terminal::new(language);
    let place = start::Place { file: arguments.config, environment };
    let opened = arguments.command.is_none();
    let result = match start::runtime() {
        Ok(runtime) => match arguments.command.or_else(|| without_command(&place, &terminal)) {
            Some(command) => runtime.block_on(dispatch(command, &place, &terminal)),
            None => Ok(Exit::Failed),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = &result {
        match error.downcast_ref::<ConfigError>() {
            Some(error) => terminal
                .talk(&format!("karibarai: {}", terminal.words(&error.japanese(), &error.to_string()))),
            None => terminal.talk(&format!("karibarai: {error:#}")),
        }
    }
    if opened && platform::WINDOW_CLOSES && std::io::stdin().is_terminal() {
        terminal.talk(terminal.words("Enterキーで閉じます。", "press Enter to close"));
        let _ = platform::read_line(false);
    }
    match result {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::No) => ExitCode::from(1),
        Ok(Exit::Failed) => ExitCode::from(2),
        Err(_) => ExitCode::from(2),
    }
}

async fn dispatch(command: Command, place: &start::Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    match command {
        Command::Serve => serve::run(place, terminal).await,
        Command::Setup(arguments) => setup::run(&arguments, place, terminal).await,
        Command::Demo(arguments) => demo::run(&arguments, terminal).await,
        Command::Sandbox(arguments) => sandbox::run(&arguments, terminal).await,
        Command::Doctor(arguments) => doctor::run(&arguments, place, terminal).await,
        Command::Detect(arguments) => detect::run(&arguments, terminal),
        Command::Backtest(arguments) => backtest::run(&arguments, place, terminal).await,
        Command::Log(arguments) => log::run(&arguments, place, terminal).await,
        Command::Search(arguments) => search::run(&arguments, place, terminal).await,
        Command::Sync(arguments) => sync::run(&arguments, place, terminal).await,
        Command::Case(arguments) => case::run(&arguments, place, terminal).await,
        Command::Export(arguments) => export::run(&arguments, place, terminal).await,
        Command::Import(arguments) => import::run(&arguments, place, terminal).await,
        Command::Say(arguments) => say::run(&arguments, place, terminal).await,
        Command::Template(arguments) => template::run(&arguments, place, terminal).await,
        Command::Verify(arguments) => verify::run(&arguments, place, terminal).await,
        Command::LoginLink => login_link::run(place, terminal).await,
        Command::Proof(arguments) => proof::run(&arguments, place, terminal).await,
        Command::Checkpoint => checkpoint::run(place, terminal).await,
        Command::Erase(arguments) => erase::run(&arguments, place, terminal).await,
        Command::Rebuild => rebuild::run(place, terminal).await,
        Command::Manual(arguments) => manual::run(&arguments, Arguments::command(), terminal),
        Command::Backup(arguments) => backup::run(&arguments, place, terminal).await,
        Command::Restore(arguments) => restore::run(&arguments, place, terminal).await,
        Command::MigrateStore(arguments) => migrate_store::run(&arguments, place, terminal).await,
    }
}

/// Opened on a desktop, the program sets itself up; else it says what to do. A script gets the help, and exit 2.
fn without_command(place: &start::Place, terminal: &Terminal) -> Option<Command> {
    let at_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !at_terminal {
        let _ = Arguments::command().print_help();
        return None;
    }
    if !setup::is_set_up(place) {
        return Arguments::try_parse_from(["karibarai", "setup"]).ok()?.command;
    }
    terminal.say(terminal.words(
        "設定はできています。\n  karibarai serve    動かす（Ctrl-Cで終了）\n  karibarai doctor   動かないところを調べる\n  karibarai setup    設定を変える\n  karibarai --help   すべてのコマンド",
        "It is set up.\n  karibarai serve    run it (Ctrl-C ends)\n  karibarai doctor   find what does not work\n  karibarai setup    change the settings\n  karibarai --help   all commands",
    ));
    None
}

/// As the system's programs do: `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set; else what the system itself says.
fn language_of(environment: &[(String, String)]) -> Language {
    let value = |name: &str| environment.iter().find(|(key, value)| key == name && !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(value);
    let locale = locale.map(|(_, value)| value.clone()).or_else(platform::locale);
    if locale.is_some_and(|it| it.starts_with("ja")) { Language::Ja } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn language_follows_the_locale() {
        let environment = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(language_of(&environment(&[("LANG", "ja_JP.UTF-8")])), Language::Ja);
        assert_eq!(language_of(&environment(&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")])), Language::En);
        assert_eq!(language_of(&environment(&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "")])), Language::Ja);
        assert_eq!(language_of(&[]), Language::En);
    }
}
