//! Makes a package: collects the entries, derives the rest, packs, checks the result, and only then puts it in place.

mod plan;
mod proofs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Cursor, Write as _};
use std::path::{Path, PathBuf};

use crate::domain::{EntryIndex, EntryKind, MessageId, Role, hex, unhex};
use crate::files::Shelf;
use crate::ledger::{Ledger, Observation};
use crate::platform;
use crate::proof::bundle::{
    EntryLine, Exposure, FORMAT, Manifest, Member, Packer, Person, VERSION, Withhold,
};
use crate::proof::timestamp::Roots;
use crate::proof::verify::Content;
use crate::store::{ArchiveStore as _, CoverageStore as _, Record, Store};

use self::plan::Plan;
use super::ExportError;
use super::check::{self, root_digits};
use super::derive::derive;
use super::dossier::Dossier;
use super::select::{ChainReader, Request};
use super::spool::{Shown, Spool, State, Survey};
use super::withhold::{Roles, Rules};

/// What packages are made of. `role` says who is who in the room.
pub struct Exporter<'a> {
    pub store: &'a Store,
    pub ledger: &'a Ledger,
    pub data_dir: &'a Path,
    pub role: &'a Roles<'a>,
}

/// A package that was made, checked and put in place.
#[derive(Debug)]
pub struct Exported {
    pub manifest: Manifest,
    /// Of the whole file, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
    /// Time stamps of others that confirm it.
    pub anchors: Vec<check::Confirmed>,
}

/// An entry whose content is left out, for the owner's eyes.
pub struct Withheld {
    pub n: EntryIndex,
    pub message: Option<MessageId>,
    pub reason: Withhold,
    pub body: Option<String>,
}

impl Exporter<'_> {
    /// What would be left out, without making anything.
    pub async fn preview(&self, request: &Request) -> Result<Vec<Withheld>, ExportError> {
        let plan = self.plan(request).await?;
        let filter = request.filter();
        let rules = Rules {
            withhold: &filter.withhold,
            released: &filter.released,
            shown: plan.shown.as_ref(),
            role: &|it| (self.role)(plan.room, it),
        };
        let mut found = Vec::new();
        self.each_entry(&plan, |record| {
            let shown = Shown::from_line(line(record, &plan))?;
            if let Some(reason) = rules.reason(&shown).filter(|_| shown.state == State::Shown) {
                let body = shown.capture.map(|it| it.body);
                found.push(Withheld { n: shown.entry.n, message: shown.entry.message, reason, body });
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// Makes the package at `out` and records that it was made. Reads and writes files: not for a thread that answers.
    pub async fn export(&self, request: &Request, out: &Path) -> Result<Exported, ExportError> {
        let plan = self.plan(request).await?;
        let parent = out.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let work = tempfile::Builder::new().prefix(".karibarai-export-").tempdir_in(parent)?;
        let folder = work.path();
        let filter = request.filter();
        let rules = Rules {
            withhold: &filter.withhold,
            released: &filter.released,
            shown: plan.shown.as_ref(),
            role: &|it| (self.role)(plan.room, it),
        };
        let spool = Spool::new(&folder.join("entries.jsonl"));
        self.write_entries(&plan, &rules, &spool).await?;
        let mut survey = Survey::of(&spool)?;
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: plan.era.id.clone(),
            room: plan.room,
            room_name: survey.room_name.clone(),
            filter,
            tree_size: plan.checkpoint.size,
            chain: plan.stretch.chain,
            counts: survey.counts,
            gaps: std::mem::take(&mut survey.gaps),
            exposure: self.exposure(&plan, &survey).await?,
            people: self.people(&plan, &spool, &survey).await?,
            files: Vec::new(),
        };
        let root = root_digits(&plan.note);
        derive(&spool, &mut survey, &manifest, &root, folder)?;
        if let (Some(case), Some(audience)) = (request.case, request.audience) {
            Dossier::gather(self.store, &spool, &manifest, plan.era.base, case).await?.write(
                audience,
                &root,
                &Shelf::new(self.data_dir),
                folder,
            )?;
        }
        self.write_proofs(&plan, &spool, folder).await?;
        let packed = folder.join("package.zip");
        manifest.files = self.pack(&plan.era.signer, &mut manifest, folder, &survey.files, &packed)?;
        let checked = check::check(&packed, None, &Roots::public())
            .map_err(|error| ExportError::NotIntact(error.to_string()))?;
        if let Some((at, fault)) = checked.faults.list.first() {
            return Err(ExportError::NotIntact(format!("{at:?}: {fault:?}")));
        }
        let bytes = fs::metadata(&packed)?.len();
        let sha256 = hex(&check::digest_of(&packed)?);
        fs::rename(&packed, out)?;
        platform::sync_folder(parent)?;
        self.record(request, &manifest, &sha256).await?;
        Ok(Exported { manifest, sha256, bytes, anchors: checked.anchors })
    }

    /// Calls `each` with every entry of the package in order, contents and all.
    async fn each_entry(
        &self,
        plan: &Plan,
        mut each: impl FnMut(Record) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let until = EntryIndex(plan.stretch.last.0 + 1);
        let mut reader = ChainReader::new(self.store, plan.room, plan.stretch.first, until).with_contents();
        let mut erasures: VecDeque<Record> = plan.erasures.values().cloned().collect();
        loop {
            let batch = reader.next().await?;
            let Some((last, _)) = batch.last() else { break };
            let last = last.n;
            for (_, record) in batch {
                while let Some(erasure) = erasures.pop_front_if(|it| it.n < record.n) {
                    each(erasure)?;
                }
                each(record)?;
            }
            if last == plan.stretch.last {
                break;
            }
        }
        erasures.into_iter().try_for_each(each)
    }

    /// Writes `entries.jsonl`.
    async fn write_entries(&self, plan: &Plan, rules: &Rules<'_>, spool: &Spool) -> Result<(), ExportError> {
        let mut out = BufWriter::with_capacity(256 * 1024, File::create(spool.path())?);
        self.each_entry(plan, |record| {
            let shown = Shown::from_line(line(record, plan))?;
            let withheld = shown.state == State::Shown
                && shown.record.content.is_some()
                && rules.reason(&shown).is_some();
            let content = match (withheld, shown.state, shown.record.content) {
                (true, ..) | (_, State::Withheld, _) => Content::Withheld,
                (false, State::Erased, _) => Content::Erased,
                (false, _, Some((salt, bytes))) => Content::Present { salt, bytes },
                (false, _, None) => Content::None,
            };
            let line = EntryLine { entry: shown.record.bytes, content }.to_line()?;
            Ok(writeln!(out, "{line}")?)
        })
        .await?;
        Ok(out.flush()?)
    }

    /// The longest time between two looks on the days of the stretch.
    async fn exposure(&self, plan: &Plan, survey: &Survey) -> Result<Option<Exposure>, ExportError> {
        let Some((first, last)) = &survey.days else { return Ok(None) };
        let days = self.store.exposures(Some(plan.room), first.clone()).await?;
        let longest = days.into_iter().filter(|it| it.day <= *last).max_by_key(|it| it.longest);
        Ok(longest.map(|it| Exposure { minutes: it.longest.as_secs().div_ceil(60), day: it.day }))
    }

    /// Everybody who speaks in the package, by account.
    async fn people(&self, plan: &Plan, spool: &Spool, survey: &Survey) -> Result<Vec<Person>, ExportError> {
        let mut accounts = BTreeSet::new();
        spool.each(|_, shown| {
            accounts.extend(shown.capture.map(|it| it.account));
            Ok(())
        })?;
        let members = self.store.members(plan.room).await?;
        let name = |account| {
            let member = members.iter().find(|it| it.account == account).map(|it| it.name.clone());
            survey.names.get(&account).cloned().or(member)
        };
        let role = |account| match (self.role)(plan.room, account) {
            Role::Worker => "owner",
            Role::Client => "client",
            Role::Other => "other",
            Role::Bot => "bot",
        };
        let person = |account| Person { account, name: name(account), role: role(account).to_owned() };
        Ok(accounts.into_iter().map(person).collect())
    }

    /// Packs everything in the work folder and the files, in the order of the paths, then the manifest and its note.
    fn pack(
        &self,
        signer: &Ledger,
        manifest: &mut Manifest,
        folder: &Path,
        attached: &BTreeSet<String>,
        out: &Path,
    ) -> Result<Vec<Member>, ExportError> {
        let mut sources: BTreeMap<String, PathBuf> = BTreeMap::new();
        collect(folder, "", &mut sources)?;
        let shelf = Shelf::new(self.data_dir);
        for sha256 in attached {
            let path = unhex(sha256).map(|it| shelf.path(&it)).filter(|it| it.is_file());
            sources.extend(path.map(|it| (format!("files/{sha256}"), it)));
        }
        let mut packer = Packer::new(BufWriter::with_capacity(256 * 1024, File::create(out)?));
        for (path, source) in sources {
            let packed = packer.add(&path, &mut BufReader::with_capacity(256 * 1024, File::open(source)?))?;
            manifest.files.push(packed.member(&path));
        }
        let bytes = manifest.to_bytes();
        let note = signer.sign_manifest(&bytes)?;
        packer.add("manifest.json", &mut Cursor::new(&bytes))?;
        packer.add("manifest.note", &mut Cursor::new(note.as_bytes()))?;
        let file = packer.finish()?.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        file.sync_all()?;
        Ok(std::mem::take(&mut manifest.files))
    }

    async fn record(&self, request: &Request, manifest: &Manifest, sha256: &str) -> Result<(), ExportError> {
        let content = serde_json::json!({
            "room": manifest.room,
            "filter": manifest.filter,
            "chain": manifest.chain,
            "tree_size": manifest.tree_size,
            "counts": manifest.counts,
            "sha256": sha256,
        });
        let case = request.case.is_some();
        let observation =
            Observation::system(EntryKind::EvidenceExported, &content).about(manifest.room, None);
        tracing::info!(entries = manifest.counts.entries, case, "a package was made");
        self.ledger.append_one(observation).await?;
        Ok(())
    }
}

/// An entry as the ledger has it: content there, none, or erased.
fn line(record: Record, plan: &Plan) -> EntryLine {
    let commits = record.entry().is_ok_and(|it| it.content.is_some());
    let content = match record.content {
        Some((salt, bytes)) => Content::Present { salt, bytes },
        // What a later ledger erased is declared in that one, which is not in the package.
        None if commits && plan.era.of.is_some() && !plan.declares(record.n) => Content::Withheld,
        None if commits && !plan.erasures.is_empty() => Content::Erased,
        None => Content::None,
    };
    EntryLine { entry: record.bytes, content }
}

/// The files below a folder, with forward slashes. The package itself is not among them.
fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if path != "package.zip" {
            found.insert(path, entry.path());
        }
    }
    Ok(())
}
