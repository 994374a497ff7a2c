//! Reads a whole copy back and recomputes it.

use std::collections::HashMap;

use super::names;
use super::source::ObjectSource;
use super::{Objects, ObjectsError};
use crate::proof::checkpoint::{self, Checkpoint};
use crate::proof::note::Verifier;
use crate::proof::verify::{self, Expected, Report};
use crate::store::StoreError;

/// Tries, at most, to read a copy while the bot goes on with it.
const LOOKS: u32 = 5;

/// What a copy of a ledger holds.
#[derive(Debug)]
pub struct CheckedObjects {
    pub id: String,
    pub report: Report,
    /// Its key is the one that began this ledger.
    pub own_key: bool,
    /// Entries whose file is there with its hash, and those whose file is not.
    pub files: u64,
    pub bad_files: Vec<u64>,
    /// Tiles that are missing, or are not those of the entries.
    pub bad_tiles: Vec<String>,
    /// Entries whose content was erased, and is still in the copy.
    pub left: Vec<u64>,
    /// Entries of earlier ledgers whose erasure this one declares.
    earlier: Vec<crate::ledger::Earlier>,
}

impl CheckedObjects {
    pub fn intact(&self) -> bool {
        self.report.intact()
            && self.own_key
            && self.bad_files.is_empty()
            && self.bad_tiles.is_empty()
            && self.left.is_empty()
    }
}

/// Every ledger of the copy up to its newest head. `known` is a head that one of them must contain, with its place.
pub async fn check(
    objects: &Objects,
    known: Option<(&str, &str)>,
) -> Result<(Vec<CheckedObjects>, bool), ObjectsError> {
    let mut found = Vec::new();
    let mut met = known.is_none();
    let ids = objects.ledgers().await?;
    for id in &ids {
        found.extend(check_one(objects, id, known, &mut met, &[]).await?);
    }
    let mut declared: HashMap<String, Vec<u64>> = HashMap::new();
    for it in found.iter_mut().flat_map(|it| std::mem::take(&mut it.earlier)) {
        declared.entry(it.ledger).or_default().extend(it.entries);
    }
    for it in &mut found {
        // A later ledger declares what is erased of an earlier one, and which is which shows when all were read.
        if let Some(entries) = declared.get(&it.id)
            && let Some(again) = check_one(objects, &it.id, known, &mut met, entries).await?
        {
            *it = again;
        }
    }
    if found.is_empty() { Err(ObjectsError::Nothing) } else { Ok((found, met)) }
}

/// Looks once more where a newer head came meanwhile: it takes the place of what the older one stood on.
async fn check_one(
    objects: &Objects,
    id: &str,
    known: Option<(&str, &str)>,
    met: &mut bool,
    declared: &[u64],
) -> Result<Option<CheckedObjects>, ObjectsError> {
    let mut looks = 0;
    loop {
        let before = objects.get(id, names::CHECKPOINT).await?;
        let checked = check_now(objects, id, known, met, declared).await?;
        looks += 1;
        let fine = checked.as_ref().is_none_or(CheckedObjects::intact);
        if fine || looks == LOOKS || objects.get(id, names::CHECKPOINT).await? == before {
            return Ok(checked);
        }
    }
}

async fn check_now(
    objects: &Objects,
    id: &str,
    known: Option<(&str, &str)>,
    met: &mut bool,
    declared: &[u64],
) -> Result<Option<CheckedObjects>, ObjectsError> {
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).ok();
    let key = objects.get(id, names::KEY).await?.and_then(text);
    let head = objects.get(id, names::CHECKPOINT).await?.and_then(text);
    // Nothing is published before its head is.
    let (Some(key), Some(head)) = (key, head) else { return Ok(None) };
    let verifier = Verifier::parse(key.trim())?;
    let own_key =
        checkpoint::ledger_id(&verifier.public_key()) == id && verifier.name() == checkpoint::origin(id);
    let size = Checkpoint::open(&head, &verifier).map_err(crate::ledger::LedgerError::Sign)?.size;
    let newest = Expected::from_note(&head, &verifier, names::CHECKPOINT);
    let mut expected = vec![newest.map_err(crate::ledger::LedgerError::Sign)?];
    if let Some((note, place)) = known
        && let Ok(it) = Expected::from_known(note, &verifier, place)
    {
        expected.push(it);
        *met = true;
    }
    let source = ObjectSource::new(objects.clone(), id, size);
    let declared_later = declared.to_vec();
    let work = tokio::task::spawn_blocking(move || {
        let report = verify::verify_part(&source, expected, &declared_later);
        (report, source)
    });
    let (report, source) =
        work.await.map_err(|_| StoreError::Corrupt("the check of the copy was cut off"))?;
    let report = report.map_err(|error| match error.0.downcast::<ObjectsError>() {
        Ok(error) => *error,
        Err(_) => ObjectsError::Store(StoreError::Corrupt("the copy cannot be read")),
    })?;
    let mut seen = source.finish().await?;
    let mut left: Vec<u64> = declared.to_vec();
    left.append(&mut seen.erased);
    left.sort_unstable();
    left.dedup();
    left.retain(|it| seen.present.binary_search(it).is_ok());
    Ok(Some(CheckedObjects {
        id: id.to_owned(),
        report,
        own_key,
        files: seen.files,
        bad_files: seen.bad_files,
        bad_tiles: seen.bad_tiles,
        left,
        earlier: seen.earlier,
    }))
}
