//! The signed heads of a package, the proofs of single entries, and the time stamps over heads.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::domain::Entry;
use crate::proof::bundle::{EntryLine, Manifest};
use crate::proof::checkpoint::Checkpoint;
use crate::proof::note::Verifier;
use crate::proof::timestamp::{self, TimestampError};
use crate::proof::tlog_proof::TlogProof;
use crate::proof::tree::leaf_hash;
use crate::proof::verify::Expected;

use super::{
    ANCHORS, CHECKPOINT, Check, Confirmed, Fault, FaultAt, HEADS, INCLUSION, MAX_NOTE, Remark, entries,
    inclusion_path,
};
use crate::anchor;
use crate::export::open::OpenError;
use crate::export::spool::Spool;

/// Heads of the ledger beside the package's own, in bytes.
const MAX_HEADS: usize = 32 * 1024 * 1024;

impl Check<'_> {
    /// Every signed head in the package, and the one that the reader knows.
    pub(super) fn heads(
        &mut self,
        manifest: &Manifest,
        verifier: &Verifier,
        known: Option<(&str, &str)>,
    ) -> Result<Vec<entries::Head>, OpenError> {
        let mut heads = Vec::new();
        match self.package.small(CHECKPOINT, MAX_NOTE)?.map(String::from_utf8) {
            Some(Ok(note)) => match Expected::from_note(&note, verifier, CHECKPOINT) {
                Ok(head) if head.size == manifest.tree_size => heads.push(entries::Head::of(head, false)),
                _ => self.checked.file(CHECKPOINT, Fault::Head),
            },
            _ => self.checked.file(CHECKPOINT, Fault::Head),
        }
        let listed = self.package.small(HEADS, MAX_HEADS)?.unwrap_or_default();
        let listed = String::from_utf8(listed).unwrap_or_default();
        for (number, line) in (1_u64..).zip(listed.split_terminator('\n')) {
            let note: Option<String> = serde_json::from_str(line).ok();
            match note.and_then(|it| Expected::from_note(&it, verifier, HEADS).ok()) {
                Some(head) if head.size < manifest.tree_size => heads.push(entries::Head::of(head, false)),
                _ => self.checked.file(HEADS, Fault::Line(number)),
            }
        }
        if let Some((note, place)) = known {
            let at = |size| FaultAt::Head { size, label: place.to_owned() };
            match Expected::from_known(note, verifier, place) {
                Ok(head) if head.size > manifest.tree_size => {
                    self.checked.fault(at(head.size), Fault::KnownNewer { ends: manifest.tree_size });
                }
                Ok(head) => heads.push(entries::Head::of(head, true)),
                Err(_) => self.checked.fault(at(0), Fault::KnownDiffers),
            }
        }
        Ok(heads)
    }

    /// The proofs of single entries.
    pub(super) fn inclusion(
        &mut self,
        manifest: &Manifest,
        verifier: &Verifier,
        spool: &Spool,
    ) -> Result<(), OpenError> {
        let mut proofs: BTreeMap<u64, String> = BTreeMap::new();
        for member in manifest.files.iter().filter(|it| it.path.starts_with(INCLUSION)) {
            let text = self.package.small(&member.path, MAX_NOTE)?;
            let proof = text.and_then(|it| TlogProof::parse(&String::from_utf8(it).ok()?).ok());
            let named = |index: u64| member.path == inclusion_path(index);
            match proof {
                Some(it) if named(it.index) => {
                    proofs.insert(it.index, it.to_text());
                }
                _ => self.checked.file(&member.path, Fault::Inclusion),
            }
        }
        let mut lines = spool.lines()?;
        while let Some((_, line)) = lines.next().unwrap_or_default() {
            let Ok(line) = EntryLine::parse(&line) else { continue };
            let Ok(entry) = Entry::parse(&line.entry) else { continue };
            let Some(text) = proofs.remove(&entry.n.0) else { continue };
            let checked: Option<Checkpoint> = TlogProof::parse(&text)
                .ok()
                .and_then(|it| it.check(&leaf_hash(&line.entry), verifier).ok())
                .filter(|it| it.size == manifest.tree_size);
            if checked.is_none() {
                self.checked.file(&inclusion_path(entry.n.0), Fault::Inclusion);
            }
        }
        for index in proofs.into_keys() {
            self.checked.file(&inclusion_path(index), Fault::Inclusion);
        }
        Ok(())
    }

    /// Every time stamp in the package is one over a head of the package, and by which authority.
    pub(super) fn anchors(&mut self, manifest: &Manifest, verifier: &Verifier) -> Result<(), OpenError> {
        let mut notes: BTreeMap<u64, String> = BTreeMap::new();
        let checkpoint = self.package.small(CHECKPOINT, MAX_NOTE)?.unwrap_or_default();
        notes.insert(manifest.tree_size, String::from_utf8(checkpoint).unwrap_or_default());
        let listed = self.package.small(HEADS, MAX_HEADS)?.unwrap_or_default();
        for line in String::from_utf8(listed).unwrap_or_default().lines() {
            let note: String = serde_json::from_str(line).unwrap_or_default();
            if let Ok(head) = Checkpoint::open(&note, verifier) {
                notes.insert(head.size, note);
            }
        }
        for member in manifest.files.iter().filter(|it| it.path.starts_with(ANCHORS)) {
            let name = member.path.trim_start_matches(ANCHORS);
            if !name.ends_with(".tsr") {
                continue;
            }
            let response = self.package.small(&member.path, timestamp::MAX_RESPONSE)?.unwrap_or_default();
            let note = anchor::size_of(name).and_then(|size| Some((size, notes.get(&size)?)));
            let checked = note.ok_or(TimestampError::Imprint).and_then(|(size, note)| {
                let imprint = Sha256::digest(note.as_bytes()).into();
                Ok((size, timestamp::check(&response, &imprint, None, self.roots)?))
            });
            match checked {
                Ok((size, stamp)) => {
                    self.checked.anchors.push(Confirmed { size, at: stamp.at, authority: stamp.authority })
                }
                // The reader has not said that this authority is to be believed; that is no damage.
                Err(TimestampError::Chain) => {
                    self.checked.remarks.push(Remark::UnknownAuthority(member.path.clone()));
                }
                Err(error) => self.checked.file(&member.path, Fault::Anchor(error)),
            }
        }
        Ok(())
    }
}
