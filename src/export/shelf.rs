//! Where packages lie that were asked for without a place: `exports/` in the data folder, readable for its owner alone.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::domain::{CaseId, RoomId, UtcMillis};
use crate::platform;

const BEGINS: &str = "karibarai-";
const ENDS: &str = ".zip";

/// The folder of all packages.
#[derive(Clone, Debug)]
pub struct Packages {
    folder: PathBuf,
}

/// A package that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// Size of the file.
    pub bytes: u64,
    pub made: UtcMillis,
}

impl Packages {
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("exports") }
    }

    /// Where a new package goes; the folder is there afterwards.
    pub fn place(&self, room: Option<RoomId>, case: Option<CaseId>, now: UtcMillis) -> io::Result<PathBuf> {
        platform::make_private_folder(&self.folder)?;
        let about = match (case, room) {
            (Some(case), _) => format!("case{case}"),
            (None, Some(room)) => format!("room{room}"),
            (None, None) => "package".to_owned(),
        };
        let at = now.japan().strftime("%Y%m%d-%H%M%S").to_string();
        let millis = now.0.rem_euclid(1000);
        Ok(self.folder.join(format!("{BEGINS}{about}-{at}-{millis:03}{ENDS}")))
    }

    /// Newest first. What is no package of ours is left out.
    pub fn list(&self) -> io::Result<Vec<Package>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let about = entry.metadata()?;
            if !is_ours(&name) || !about.is_file() {
                continue;
            }
            let made = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let made = UtcMillis(i64::try_from(made.as_millis()).unwrap_or(i64::MAX));
            found.push(Package { name, bytes: about.len(), made });
        }
        found.sort_by(|a, b| (b.made, &b.name).cmp(&(a.made, &a.name)));
        Ok(found)
    }

    /// The package of this name; `None` where there is none, or where the name could not be one of ours.
    pub fn open(&self, name: &str) -> io::Result<Option<File>> {
        if !is_ours(name) {
            return Ok(None);
        }
        match File::open(self.folder.join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// No name of ours leads out of the folder.
fn is_ours(name: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
    name.strip_prefix(BEGINS)
        .and_then(|it| it.strip_suffix(ENDS))
        .is_some_and(|it| !it.is_empty() && it.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let packages = Packages::new(folder.path());
        let now = UtcMillis::parse("2026-11-24T01:02:03.004Z").unwrap();
        let place = packages.place(Some(RoomId(7)), None, now).unwrap();
        assert_eq!(place.file_name().unwrap(), "karibarai-room7-20261124-100203-004.zip");
        fs::write(&place, b"x").unwrap();
        fs::write(place.with_file_name("other.zip"), b"x").unwrap();
        let names: Vec<String> = packages.list().unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["karibarai-room7-20261124-100203-004.zip"]);
        assert!(packages.open(&names[0]).unwrap().is_some());
        for name in [
            "other.zip",
            "karibarai-../../x.zip",
            "karibarai-.zip",
            "karibarai-a/b.zip",
            "../karibarai-a.zip",
        ] {
            assert!(packages.open(name).unwrap().is_none(), "{name}");
        }
    }
}
