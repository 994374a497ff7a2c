//! `import`: an older copy into the ledger, told apart from everything that was captured.

use std::path::PathBuf;

use crate::domain::RoomId;
use crate::import::{Import, Options, Report};

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Chatwork's CSV export, `log --json` lines, pasted text, a saved page (HTML), or a PNG, JPEG or PDF file
    file: PathBuf,
    /// The room it is of, where the file does not say it; of several rooms only this one is taken
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
    /// Read everything and say what would be imported, but write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let (store, ledger) = start::ledger(&config).await?;
    let import = Import {
        ledger,
        store,
        data_dir: config.storage.data_dir.clone(),
        max_file: config.mirror.max_file,
        files_quota: config.storage.files_quota,
    };
    let options = Options { room: arguments.room.map(RoomId), dry_run: arguments.dry_run };
    let report = import.run(&arguments.file, options).await?;
    show(&report, options, terminal);
    Ok(Exit::Done)
}

fn show(report: &Report, options: Options, terminal: &Terminal) {
    let format = report.format;
    let encoding = report.encoding.map(|it| format!(", {it}")).unwrap_or_default();
    terminal.say(&format!("SHA-256 {}  ({format}{encoding}, {} bytes)", report.sha256, report.size));
    let read = terminal.words("件を読み取りました", "records read");
    let outcome = if options.dry_run {
        terminal.words("書き込みはしていません（--dry-run）", "nothing was written (--dry-run)").to_owned()
    } else {
        let new = terminal.words("件を新しく取り込みました", "newly imported");
        let known = terminal.words("件は取り込み済みでした", "had been imported before");
        let and = terminal.words("、", ", ");
        format!("{} {new}{and}{} {known}", report.new, report.records.saturating_sub(report.new))
    };
    terminal.say(&format!("{} {read}: {outcome}", report.records));
    for (count, ja, en) in [
        (report.left_out, "件は別のルームのため除きました", "are of other rooms and were left out"),
        (report.without_time, "件は日時を読み取れませんでした", "have no time that could be read"),
        (
            report.year_assumed,
            "件は年が書かれていないため、今日までの直近の年としました",
            "do not say the year; the latest one that is not in the future was taken",
        ),
        (
            report.deleted,
            "件は、元のファイルで削除済みと表示されています",
            "are shown as deleted in the file",
        ),
    ] {
        if count > 0 {
            terminal.say(&format!("  {count} {}", terminal.words(ja, en)));
        }
    }
    if !options.dry_run {
        terminal.say(terminal.words(
            "元のファイルは、そのまま保管してください。上のハッシュが、取り込んだファイルと同じものであることを示します。",
            "Keep the original file as it is: the hash above shows that it is the one that was imported.",
        ));
    }
}
