//! Checks a package from nothing but itself (and a head that the reader knows): container, manifest, every file, the
//! entries, the tree, and that what people read is what the entries say.

mod entries;
mod proofs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, UtcMillis, hex};
use crate::proof::bundle::{Manifest, ManifestError, Member, is_stored};
use crate::proof::checkpoint::{self, Checkpoint};
use crate::proof::note::Verifier;
use crate::proof::timestamp::{Roots, TimestampError};
use crate::proof::verify::{Findings, ProblemCode};

use super::ExportError;
use super::derive::{FIXED, derive};
use super::open::{OpenError, Opened, Package, Sums};
use super::spool::{Spool, Survey};

/// Largest manifest and largest note that are read.
const MAX_MANIFEST: usize = 64 * 1024 * 1024;
const MAX_NOTE: usize = 64 * 1024;

pub(super) const CHECKPOINT: &str = "proof/checkpoint.note";
pub(super) const KEY: &str = "proof/ledger.pub";
pub(super) const HEADS: &str = "proof/heads.jsonl";
pub(super) const SUBTREES: &str = "proof/subtrees.jsonl";
pub(super) const INCLUSION: &str = "proof/inclusion/";
pub(super) const ANCHORS: &str = "proof/anchors/";

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A byte of the zip file that belongs to no file in it.
    Container,
    Manifest(ManifestError),
    /// The key in the package is not one, or not that of the ledger that the manifest names.
    Key,
    Absent,
    Added,
    /// Its bytes are not those that the manifest names.
    Differs,
    /// A line of this file is not of its one form.
    Line(u64),
    Entry(ProblemCode),
    /// An entry that belongs to another room, or to no package.
    Stranger,
    /// Leaves and subtrees do not fit together here.
    Cover,
    /// A signed head is refused, or the entries do not lead to it.
    Head,
    /// What people read here is not what the entries say.
    Derived,
    /// What the manifest declares (counts, gaps, chain) is not what the entries give.
    Declared,
    /// The proof does not lead from its entry to the checkpoint.
    Inclusion,
    /// The time stamp is not one over this head.
    Anchor(TimestampError),
    /// The head that the reader knows is another ledger's, or of another history of this one.
    KnownDiffers,
    /// The package ends before the head that the reader knows.
    KnownNewer {
        ends: u64,
    },
    /// Nothing in the package shows that its ledger contains the head that the reader knows.
    KnownNotShown,
}

/// Where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAt {
    Byte(u64),
    File(String),
    Entry(u64),
    Head { size: u64, label: String },
}

/// No damage, but to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Report and README were laid out by another version: only their hashes were checked.
    OtherLayout(String),
    /// The bytes of a file that an entry speaks of, by its SHA-256, are not in the package.
    FileLeftOut(String),
    /// This time stamp leads to no root that is trusted here.
    UnknownAuthority(String),
}

/// A time stamp of an authority over a head that the package's entries lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub size: u64,
    /// By the authority's clock.
    pub at: UtcMillis,
    /// The name in its certificate.
    pub authority: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    pub manifest: Option<Manifest>,
    pub faults: Findings<(FaultAt, Fault)>,
    pub remarks: Vec<Remark>,
    pub anchors: Vec<Confirmed>,
    /// The head that the reader knows is in the package's history.
    pub known: bool,
}

impl Checked {
    pub fn intact(&self) -> bool {
        self.faults.total == 0
    }

    fn fault(&mut self, at: FaultAt, fault: Fault) {
        self.faults.push((at, fault));
    }

    fn file(&mut self, path: &str, fault: Fault) {
        self.fault(FaultAt::File(path.to_owned()), fault);
    }
}

/// Checks the package at `path`. `known` is a note with the place it came from; `roots` are those whose time stamps are
/// believed.
pub fn check(path: &Path, known: Option<(&str, &str)>, roots: &Roots) -> Result<Checked, OpenError> {
    let mut checked = Checked::default();
    let mut package = match Package::open(path)? {
        Opened::Package(package) => package,
        Opened::Damaged(at) => {
            checked.fault(FaultAt::Byte(at), Fault::Container);
            return Ok(checked);
        }
    };
    let work = tempfile::tempdir()?;
    Check { package: &mut package, checked: &mut checked, work: work.path(), roots }.run(known)?;
    Ok(checked)
}

struct Check<'a> {
    package: &'a mut Package,
    checked: &'a mut Checked,
    work: &'a Path,
    roots: &'a Roots,
}

impl Check<'_> {
    fn run(mut self, known: Option<(&str, &str)>) -> Result<(), OpenError> {
        let verifier = self.key()?;
        let Some(manifest) = self.manifest(verifier.as_ref())? else { return Ok(()) };
        let sums = self.files(&manifest)?;
        let Some(verifier) = verifier else { return Ok(()) };
        let spool = Spool::new(&self.work.join("entries.jsonl"));
        if spool.path().exists() {
            let heads = self.heads(&manifest, &verifier, known)?;
            entries::check(&spool, &self.work.join("subtrees.jsonl"), &manifest, heads, self.checked)?;
            self.inclusion(&manifest, &verifier, &spool)?;
            self.anchors(&manifest, &verifier)?;
        }
        // What is derived is compared only where the entries are sound: otherwise one fault would be told twice.
        if self.checked.intact() && self.derived(&manifest, &spool, &sums).map_err(io_error)?.is_none() {
            self.checked.file("entries.jsonl", Fault::Declared);
        }
        self.checked.manifest = Some(manifest);
        Ok(())
    }

    fn key(&mut self) -> Result<Option<Verifier>, OpenError> {
        let text = self.package.small(KEY, MAX_NOTE)?;
        let verifier = text.and_then(|it| {
            let text = String::from_utf8(it).ok()?;
            Verifier::parse(text.strip_suffix('\n')?).ok()
        });
        if verifier.is_none() {
            self.checked.file(KEY, Fault::Key);
        }
        Ok(verifier)
    }

    fn manifest(&mut self, verifier: Option<&Verifier>) -> Result<Option<Manifest>, OpenError> {
        let Some(bytes) = self.package.small("manifest.json", MAX_MANIFEST)? else {
            self.checked.file("manifest.json", Fault::Absent);
            return Ok(None);
        };
        if let Some(verifier) = verifier {
            let note = self.package.small("manifest.note", MAX_NOTE)?;
            match note.map(String::from_utf8) {
                Some(Ok(note)) => {
                    if let Err(error) = Manifest::check_note(&bytes, &note, verifier) {
                        self.checked.file("manifest.note", Fault::Manifest(error));
                    }
                }
                Some(Err(_)) => self.checked.file("manifest.note", Fault::Differs),
                None => self.checked.file("manifest.note", Fault::Absent),
            }
        }
        match Manifest::parse(&bytes) {
            Ok(manifest) => {
                let own = verifier.is_some_and(|it| {
                    checkpoint::ledger_id(&it.public_key()) == manifest.ledger
                        && it.name() == checkpoint::origin(&manifest.ledger)
                });
                if verifier.is_some() && !own {
                    self.checked.file(KEY, Fault::Key);
                }
                Ok(Some(manifest))
            }
            Err(error) => {
                self.checked.file("manifest.json", Fault::Manifest(error));
                Ok(None)
            }
        }
    }

    /// Every file is there, no other is, and each has its hash. Those that are read again are kept in the work folder.
    fn files(&mut self, manifest: &Manifest) -> Result<BTreeMap<String, Digest>, OpenError> {
        let paths = self.package.paths();
        let named = |path: &str| manifest.files.iter().any(|it| it.path == path);
        for path in &paths {
            if !named(path) && !["manifest.json", "manifest.note"].contains(&path.as_str()) {
                self.checked.file(path, Fault::Added);
            }
        }
        let in_order = match self.package {
            Package::Zip(_) => paths.iter().map(String::as_str).eq(manifest
                .files
                .iter()
                .map(|it| it.path.as_str())
                .chain(["manifest.json", "manifest.note"])),
            Package::Folder { .. } => true,
        };
        let mut sums = BTreeMap::new();
        for member in &manifest.files {
            if !paths.contains(&member.path) {
                self.checked.file(&member.path, Fault::Absent);
                continue;
            }
            let mut out: Box<dyn io::Write> = match member.path.as_str() {
                "entries.jsonl" => Box::new(BufWriter::new(File::create(self.work.join("entries.jsonl"))?)),
                SUBTREES => Box::new(BufWriter::new(File::create(self.work.join("subtrees.jsonl"))?)),
                _ => Box::new(io::sink()),
            };
            let found = self.package.extract(&member.path, &mut *out)?;
            out.flush()?;
            match found {
                Some(found) if fits(member, &found) => {
                    sums.insert(member.path.clone(), found.sha256);
                }
                _ => self.checked.file(&member.path, Fault::Differs),
            }
        }
        if !in_order && self.checked.intact() {
            self.checked.file("manifest.json", Fault::Container);
        }
        Ok(sums)
    }

    /// Makes everything that people read anew and compares; `None` where the manifest declares something else than the
    /// entries give.
    fn derived(
        &mut self,
        manifest: &Manifest,
        spool: &Spool,
        sums: &BTreeMap<String, Digest>,
    ) -> Result<Option<()>, ExportError> {
        let mut survey = Survey::of(spool)?;
        if survey.counts != manifest.counts || survey.gaps != manifest.gaps {
            return Ok(None);
        }
        self.attached(manifest, &survey);
        let folder = self.work.join("derived");
        let root = self.root_digits()?;
        let laid_out = derive(spool, &mut survey, manifest, &root, &folder)?;
        let same_layout = manifest.program == env!("CARGO_PKG_VERSION");
        if !same_layout {
            self.checked.remarks.push(Remark::OtherLayout(manifest.program.clone()));
        }
        let laid_out = laid_out.iter().map(String::as_str).filter(|_| same_layout);
        for path in FIXED.into_iter().chain(laid_out) {
            let made = digest_of(&folder.join(path))?;
            if sums.get(path) != Some(&made) {
                self.checked.file(path, Fault::Derived);
            }
        }
        Ok(Some(()))
    }

    /// Files bear their hash as their name, and an entry speaks of each.
    fn attached(&mut self, manifest: &Manifest, survey: &Survey) {
        let mut there = BTreeSet::new();
        for member in &manifest.files {
            let Some(name) = member.path.strip_prefix("files/") else { continue };
            there.insert(name.to_owned());
            if name != member.sha256 || !survey.files.contains(name) {
                self.checked.file(&member.path, Fault::Stranger);
            }
        }
        // What is laid flat for a court is a copy of something that stands elsewhere in the package.
        let original =
            |it: &&Member| ["files/", "case/", "report"].iter().any(|start| it.path.starts_with(start));
        let originals: BTreeSet<&str> =
            manifest.files.iter().filter(original).map(|it| it.sha256.as_str()).collect();
        for copy in manifest.files.iter().filter(|it| it.path.starts_with("court/")) {
            if !originals.contains(copy.sha256.as_str()) {
                self.checked.file(&copy.path, Fault::Stranger);
            }
        }
        self.checked.remarks.extend(survey.files.difference(&there).cloned().map(Remark::FileLeftOut));
    }

    fn root_digits(&mut self) -> Result<String, ExportError> {
        let note =
            self.package.small(CHECKPOINT, MAX_NOTE).map_err(|error| io::Error::other(error.to_string()))?;
        let note = note.and_then(|it| String::from_utf8(it).ok()).unwrap_or_default();
        Ok(root_digits(&note))
    }
}

/// First digits of the root in a checkpoint's note, as the report shows them.
pub(super) fn root_digits(note: &str) -> String {
    let text = note.split_once("\n\n").map(|(text, _)| format!("{text}\n")).unwrap_or_default();
    let root = Checkpoint::parse(&text).map(|it| hex(&it.root)).unwrap_or_default();
    root.chars().take(16).collect()
}

pub(super) fn inclusion_path(n: u64) -> String {
    format!("{INCLUSION}{n}.tlog-proof")
}

fn fits(member: &Member, found: &Sums) -> bool {
    let plain = member.size == found.size && member.sha256 == hex(&found.sha256);
    let packed = match (&found.packed, is_stored(&member.path)) {
        (None, _) => true,
        (Some(_), true) => member.packed_size.is_none() && member.packed_sha256.is_none(),
        (Some((size, sha256)), false) => {
            member.packed_size == Some(*size) && member.packed_sha256.as_deref() == Some(hex(sha256).as_str())
        }
    };
    plain && packed
}

pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&chunk[..count]),
        }
    }
}

fn io_error(error: ExportError) -> OpenError {
    match error {
        ExportError::File(error) => OpenError::Io(error),
        other => OpenError::Io(io::Error::other(other.to_string())),
    }
}
