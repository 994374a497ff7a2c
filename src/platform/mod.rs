//! What differs between the systems on which the program runs: private files, folders on the disk, signals, the terminal, the
//! service manager. Each has its Unix and its Windows form here, and stands nowhere else.
//!
//! Never: knows what the program keeps in its files, decides anything, holds unsafe code.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// What is waited for.
pub use system::{Hidden, Interrupt, Stop};

/// A file made with these options can be read by its owner alone. On Windows that is what the folders of a person give to
/// everything in them.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    system::private(options)
}

/// Makes a folder, and those above it that are missing, for its owner alone.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    system::make_private_folder(folder)
}

/// Shuts a folder that is there to everybody but its owner.
pub fn shut_folder(folder: &Path) -> io::Result<()> {
    system::shut_folder(folder)
}

/// Whether [`is_open_to_others`] can tell.
pub const TELLS_RIGHTS: bool = cfg!(unix);

/// Others on this machine may read it.
pub fn is_open_to_others(path: &Path) -> bool {
    system::is_open_to_others(path)
}

/// Names that were made, changed or removed in the folder outlive a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    system::sync_folder(folder)
}

/// Bytes that this account may still write on the disk of that folder.
pub fn free_space(folder: &Path) -> io::Result<u64> {
    fs4::available_space(folder)
}

/// No image of this process's memory is written when a signal ends it, and no other process of this account may read it:
/// tokens and messages are in it. On Windows that is for the settings of the system.
pub fn keep_memory_private() {
    system::keep_memory_private();
}

/// The person's language, where the system tells it in another way than by the environment.
pub fn locale() -> Option<String> {
    system::locale()
}

/// Whole paths begin with the letter of a drive.
pub const HAS_DRIVES: bool = cfg!(windows);

/// A program that was opened by a double click has a window of its own, which closes with it.
pub const WINDOW_CLOSES: bool = cfg!(windows);

/// Reads a line of the input; `hidden` while a [`Hidden`] lives. Empty at the end of the input.
pub fn read_line(hidden: bool) -> io::Result<String> {
    system::read_line(hidden)
}

/// Tells the service manager, where there is one, how the service stands.
pub fn tell(service: Service) {
    system::tell(service);
}

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Ready,
    Alive,
    Stopping,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_in_japanese_are_as_good_as_any() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("書類 フォルダ").join("仮払い の 記録");
        make_private_folder(&folder).unwrap();
        shut_folder(&folder).unwrap();
        let file = folder.join("鍵 その1.key");
        private(OpenOptions::new().write(true).create_new(true)).open(&file).unwrap();
        sync_folder(&folder).unwrap();
        assert!(!is_open_to_others(&file) && !is_open_to_others(&folder));
        assert!(free_space(&folder).unwrap() > 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_read_is_found() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("open");
        std::fs::write(&file, "x").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_open_to_others(&file));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!is_open_to_others(&file));
    }
}
