//! `verify`: recomputes the whole ledger. Exit 0 intact, 1 ours but damaged, tampered or rolled back, 2 absent or not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::anchor;
use crate::app::{self, database};
use crate::config::{Config, StorageUrl};
use crate::detect::RuleSet;
use crate::export;
use crate::files::Condition;
use crate::follow::{Annex, Archive, Casebook, Detector, Index, Mirror, Tiles};
use crate::ledger::Ledger;
use crate::objects::{Objects, Place as ObjectsPlace};
use crate::proof::timestamp::{Roots, TimestampError};
use crate::store::{FollowStore as _, Store, StoreError};
use crate::upkeep::{
    BackupError, BadFile, CheckError, Checked, ContainerError, Key, Rebuild, check_trusting, decided_up_to,
    finish_restore, looks_like_backup, open_backup,
};

use super::problem::problem_words;
use super::start::{self, Place};
use super::terminal::{Busy, Terminal};
use super::{Exit, Language, bundle, objects};

/// Files that are named one by one.
const MAX_FILES: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A database file, a data folder with karibarai.db in it, an evidence package (zip or unpacked), or a folder of objects
    /// as `[storage.objects]` keeps them [default: the configured ledger]
    path: Option<PathBuf>,
    /// A checkpoint that you know of: the ledger must contain it
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// The copy that `[storage.objects]` names, read back object by object
    #[arg(long, conflicts_with_all = ["path", "deep"])]
    objects: bool,
    /// Also make the derived tables anew and compare
    #[arg(long)]
    deep: bool,
    /// Certificates (PEM) of time-stamp authorities that you trust beside the public roots
    #[arg(long, value_name = "FILE")]
    authority: Vec<PathBuf>,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let known = match &arguments.known {
        Some(path) => Some((
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            path.display().to_string(),
        )),
        None => None,
    };
    let known = known.as_ref().map(|(note, place)| (note.as_str(), place.as_str()));
    let mut trusted = arguments.authority.clone();
    if let Some(path) = arguments.path.as_deref().filter(|it| looks_like_backup(it)) {
        return verify_backup(path, &anchor::roots(&trusted)?, terminal).await;
    }
    if let Some(path) = arguments.path.as_deref().filter(|it| export::looks_like_bundle(it)) {
        return bundle::verify(path, known, &anchor::roots(&trusted)?, terminal);
    }
    if let Some(path) = arguments.path.as_deref().filter(|it| objects::looks_like_copy(it)) {
        return objects::verify(&Objects::open(&ObjectsPlace::Folder(path.to_owned()))?, known, terminal)
            .await;
    }
    let config = place.config()?;
    if arguments.objects {
        let objects = app::objects::open(&config)?;
        let objects = objects.ok_or_else(|| anyhow!("[storage.objects] names no place; set its url"))?;
        return objects::verify(&objects, known, terminal).await;
    }
    trusted.extend(config.anchor.ca_files.iter().cloned());
    let roots = anchor::roots(&trusted)?;
    let (url, data_dir) = locate(arguments.path.as_deref(), &config);
    finish_restore(&data_dir)?;
    let name = database::named(&url);
    let store = database::read(&url).await.with_context(|| format!("{name} is not a ledger of karibarai"))?;
    let store = store.ok_or_else(|| anyhow!("there is no database at {name}"))?;
    let busy = Busy::begin(terminal.words("確かめています", "checking"));
    let checked = check_trusting(&store, &data_dir, known, &roots).await;
    drop(busy);
    let checked = match checked {
        Ok(checked) => checked,
        // The file is ours and was readable: what cannot be read inside it was damaged.
        Err(
            error @ (CheckError::Store(StoreError::Corrupt(_) | StoreError::Unavailable(_))
            | CheckError::Source(_)
            | CheckError::Files(_)),
        ) => {
            let damaged = terminal.words(
                "不一致: データベースの中に、読めないところがあります",
                "does not fit: a part of the database cannot be read",
            );
            terminal.say(&format!("{damaged}: {:#}", anyhow!(error)));
            return Ok(Exit::No);
        }
        Err(error) => return Err(error.into()),
    };
    let mut problems = problems(&checked, terminal);
    if arguments.deep && problems.is_empty() {
        for table in compare_derived(&config, &store, &data_dir).await? {
            let words = terminal.words(
                "記録から作り直した内容と一致しません（karibarai rebuild で直せます）",
                "differs from what the ledger gives (karibarai rebuild mends it)",
            );
            problems.push(format!("{table}: {words}"));
        }
    }
    show(&checked, &problems, terminal);
    Ok(if problems.is_empty() { Exit::Done } else { Exit::No })
}

/// A backup, unpacked for the while.
async fn verify_backup(path: &Path, roots: &Roots, terminal: &Terminal) -> anyhow::Result<Exit> {
    let folder = tempfile::tempdir().context("cannot make a folder to unpack into")?;
    let checked = match open_backup(path, folder.path(), roots).await {
        Ok((checked, _)) => checked,
        Err(error @ BackupError::Container(ContainerError::Damaged { .. })) => {
            terminal.say(&format!("{}: {:#}", terminal.words("不一致", "does not fit"), anyhow!(error)));
            return Ok(Exit::No);
        }
        Err(error) => return Err(error.into()),
    };
    let problems = problems(&checked, terminal);
    show(&checked, &problems, terminal);
    Ok(if problems.is_empty() { Exit::Done } else { Exit::No })
}

/// Everything that does not fit, in the ledgers before first.
pub(super) fn problems(checked: &Checked, terminal: &Terminal) -> Vec<String> {
    let mut problems = Vec::new();
    for it in &checked.earlier {
        let name = short(&it.id);
        let earlier = terminal.words("以前の台帳", "earlier ledger");
        problems.extend(self::problems(it, terminal).iter().map(|line| format!("{earlier} {name}: {line}")));
    }
    if checked.uncommitted {
        let words = terminal.words(
            "台帳のつながりが切れています（以前の台帳が失われたか、書き換えられています）",
            "the ledgers do not continue each other: an earlier one is gone or was changed",
        );
        problems.push(words.to_owned());
    }
    problems.extend(own_problems(checked, terminal));
    problems
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn own_problems(checked: &Checked, terminal: &Terminal) -> Vec<String> {
    let found = &checked.report.problems;
    let mut problems: Vec<String> =
        found.list.iter().map(|it| problem_words(&it.at, &it.code, terminal.language)).collect();
    let more = found.total.saturating_sub(found.list.len() as u64);
    if more > 0 {
        problems.push(format!("… +{more}"));
    }
    for BadFile { n, condition } in checked.files.bad.iter().take(MAX_FILES) {
        let words = match condition {
            Condition::Altered => terminal.words(
                "保存したファイルの中身が変わっています（ハッシュ不一致）",
                "the stored file was changed (hash differs)",
            ),
            Condition::Missing | Condition::Good => terminal
                .words("保存したファイルが data/files にありません", "the stored file is not in data/files"),
        };
        problems.push(format!("{} {n}: {words}", terminal.words("記録", "entry")));
    }
    if checked.files.bad.len() > MAX_FILES {
        problems.push(format!("… +{}", checked.files.bad.len() - MAX_FILES));
    }
    for place in &checked.foreign {
        let words = terminal.words(
            "この記録の鍵で署名されたものではありません",
            "is not signed by this ledger's key over this ledger",
        );
        problems.push(format!("{place}: {words}"));
    }
    if checked.unsigned {
        let words = terminal.words(
            "署名済みの要約が1つも見つかりません（取り除かれています）",
            "not one signed head was found: they were taken away",
        );
        problems.push(words.to_owned());
    }
    for it in &checked.anchors {
        let Some(error) = it.stamp.as_ref().err().filter(|it| **it != TimestampError::Chain) else {
            continue;
        };
        let words = terminal.words(
            "時刻認証が、この記録の要約に対するものではありません",
            "not a time stamp over a head of this ledger",
        );
        problems.push(format!("{}: {words} ({error})", it.path.display()));
    }
    for path in &checked.altered {
        let words = terminal.words(
            "時刻認証のファイルがなくなっているか、受け取ったときのものではありません",
            "the time stamp is gone, or is not as it came",
        );
        problems.push(format!("{}: {words}", path.display()));
    }
    match checked.key {
        Key::Good => {}
        Key::Missing => problems.push(
            terminal
                .words(
                    "公開鍵（keys/ledger.pub）がないため、署名を確かめられません",
                    "keys/ledger.pub is missing, so no signature can be checked",
                )
                .to_owned(),
        ),
        Key::Foreign => problems.push(
            terminal
                .words(
                    "公開鍵がこの記録のものではありません",
                    "the public key is not the one that began this ledger",
                )
                .to_owned(),
        ),
    }
    problems
}

fn locate(path: Option<&Path>, config: &Config) -> (StorageUrl, PathBuf) {
    let Some(path) = path else {
        return (config.storage.url.clone(), config.storage.data_dir.clone());
    };
    if path.is_dir() {
        return (StorageUrl::Sqlite(path.join("karibarai.db")), path.to_owned());
    }
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    (StorageUrl::Sqlite(path.to_owned()), folder)
}

/// Makes the tables anew beside the live ones and names those that differ.
async fn compare_derived(config: &Config, store: &Store, data_dir: &Path) -> anyhow::Result<Vec<String>> {
    let scratch = data_dir.join(format!("verify-{}.tmp", std::process::id()));
    fs::create_dir_all(&scratch).context("cannot make a folder for the comparison")?;
    let compared = compare_in(config, store, &scratch).await;
    fs::remove_dir_all(&scratch).context("cannot remove the folder of the comparison")?;
    compared
}

async fn compare_in(config: &Config, store: &Store, scratch: &Path) -> anyhow::Result<Vec<String>> {
    let copy_path = scratch.join("copy.db");
    store.copy_to(&copy_path).await?;
    let copy = Store::open(&copy_path).await?;
    // Keys of the copy do not matter: nothing is appended or signed.
    let outside = start::outside();
    let Some(owners) = app::known_owners(config, &copy).await? else { return Ok(Vec::new()) };
    let until = decided_up_to(&copy).await?;
    let ledger = Ledger::read_only(copy.clone(), Arc::clone(&outside.clock), Arc::clone(&outside.entropy))?;
    let rules = Arc::new(RuleSet::builtin()?);
    let rebuild = Rebuild {
        archive: Archive::new(ledger.clone(), copy.clone()).until(copy.cursor(Archive::NAME).await?),
        annex: Annex::new(ledger.clone(), copy.clone()).until(copy.cursor(Annex::NAME).await?),
        detector: Detector::new(ledger.clone(), copy.clone(), Arc::new(config.clone()), rules, owners)
            .until(copy.cursor(Detector::NAME).await?),
        mirror: Mirror::new(ledger.clone(), copy.clone(), scratch).until(copy.cursor(Mirror::NAME).await?),
        index: Index::new(ledger.clone(), copy.clone()).until(copy.cursor(Index::NAME).await?),
        tiles: Tiles::new(copy.clone()).until(copy.cursor(Tiles::NAME).await?),
        casebook: Casebook { ledger, store: copy.clone(), decider: None, until: Some(until) },
        store: copy.clone(),
    };
    rebuild.file_behind().await?;
    let before = copy.derived_digests().await?;
    rebuild.run(|_| {}).await?;
    let after = copy.derived_digests().await?;
    Ok(before.into_iter().zip(after).filter(|(a, b)| a != b).map(|((table, _), _)| table).collect())
}

fn show(checked: &Checked, problems: &[String], terminal: &Terminal) {
    let report = &checked.report;
    let all = || checked.earlier.iter().chain([checked]);
    let files: u64 = all().map(|it| it.files.good).sum();
    let erased: u64 = all().map(|it| it.report.erased).sum();
    let size = report.size;
    let anchors = terminal.words(
        "外部の時刻認証などはまだありません。確かめられるのは、手元の記録どうしが一致することまでです。",
        "nothing outside confirms this ledger yet: what is shown is that the owner's own records agree",
    );
    if problems.is_empty() {
        for it in &checked.earlier {
            terminal.say(&match terminal.language {
                Language::Ja => format!(
                    "以前の台帳 {}: 改ざんなし、{}件の記録（次の台帳が、その最後の要約を受け継いでいます）",
                    short(&it.id),
                    it.report.size
                ),
                Language::En => format!(
                    "earlier ledger {}: intact, {} entries; the next one commits to its last head",
                    short(&it.id),
                    it.report.size
                ),
            });
        }
        let intact = terminal.words("改ざんなし", "intact");
        let entries = terminal.words("件の記録を計算し直しました", "entries recomputed");
        let heads = terminal.words("個の署名済みの要約と一致", "signed heads and the stored head agree");
        let comma = terminal.words("、", ", ");
        terminal.say(&format!(
            "{intact}: {size} {entries}{comma}{} {heads}",
            report.confirmed.len().saturating_sub(1)
        ));
        if files > 0 {
            let words = terminal.words(
                "個の保存したファイルも、記録のハッシュと一致しました",
                "stored files also have the hashes of their entries",
            );
            terminal.say(&format!("{files} {words}"));
        }
        if erased > 0 {
            let words = terminal.words(
                "件は内容が消去されています（記録あり）",
                "contents were erased, and the erasures are recorded",
            );
            terminal.say(&format!("{erased} {words}"));
        }
        let mut confirmed = checked.anchors.iter().filter_map(|it| Some((it, it.stamp.as_ref().ok()?)));
        let count = confirmed.clone().count();
        match confirmed.next_back() {
            Some((it, stamp)) => {
                let at = stamp.at.japan_text();
                terminal.say(&match terminal.language {
                    Language::Ja => format!(
                        "時刻認証 {}件。最新: {}件の時点の記録が {at} までに存在したことを、{} が証明しています",
                        count, it.size, stamp.authority
                    ),
                    Language::En => format!(
                        "{} time stamps; the newest: {} shows that the first {} entries existed at {at}",
                        count, stamp.authority, it.size
                    ),
                });
            }
            None => terminal.say(anchors),
        }
        return;
    }
    terminal.say(terminal.words(
        "不一致: 記録は、作られたときのままではありません",
        "does not fit: the ledger is not as it was made",
    ));
    for problem in problems {
        terminal.say(&format!("  {problem}"));
    }
    terminal.say(terminal.words(
        "この記録に書き加えないでください。フォルダごと写しを取り、控えの要約（checkpoints）と比べてください。",
        "Do not add to this ledger. Copy the whole folder, and compare with checkpoints that you keep elsewhere.",
    ));
}
