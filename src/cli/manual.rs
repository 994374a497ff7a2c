//! `manual`: man pages and shell completions, made from the same definition as `--help`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::terminal::Terminal;
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder for man1/*.1 and completions/*; made where it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, mut command: Command, terminal: &Terminal) -> anyhow::Result<Exit> {
    // Completes the subcommands with what they have in common.
    command.build();
    let pages = arguments.dir.join("man1");
    let completions = arguments.dir.join("completions");
    for folder in [&pages, &completions] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut count = page(&pages, &command, "karibarai")?;
    let subcommands: Vec<Command> =
        command.get_subcommands().filter(|it| !it.is_hide_set()).cloned().collect();
    for it in &subcommands {
        count += page(&pages, it, &format!("karibarai-{}", it.get_name()))?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        let file = clap_complete::generate_to(shell, &mut command, "karibarai", &completions);
        file.with_context(|| format!("cannot write in {}", completions.display()))?;
        count += 1;
    }
    let place = arguments.dir.display();
    terminal.talk(&match terminal.language {
        Language::Ja => format!("{count}個のファイルを {place} に書き込みました。"),
        Language::En => format!("{count} files written below {place}"),
    });
    Ok(Exit::Done)
}

fn page(folder: &Path, command: &Command, name: &str) -> anyhow::Result<usize> {
    let path = folder.join(format!("{name}.1"));
    let man = Man::new(command.clone()).title(name).manual("karibarai");
    let mut text = Vec::new();
    man.render(&mut text).with_context(|| format!("cannot make {}", path.display()))?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(1)
}
