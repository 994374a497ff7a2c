//! This machine: folder, permissions, room on the disk, the two ports.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::config::Config;
use crate::platform;

use super::Finding;
use super::platform::client;
use super::running;

const MIB: u64 = 1024 * 1024;
/// MiB left: a burst or a backup may not fit any more.
pub(super) const FULL: u64 = 100;

/// May the program write there, and may others not read what is private?
pub(super) fn folder(config: &Config, found: &mut Vec<Finding>) {
    let folder = &config.storage.data_dir;
    if !folder.exists() {
        found.push(Finding::FolderMissing);
        return;
    }
    if tempfile::tempfile_in(folder).is_err() {
        found.push(Finding::FolderReadOnly);
        return;
    }
    let private = ["karibarai.db", "keys/ledger.key", "keys/observation.key"];
    let open = private.iter().filter(|name| platform::is_open_to_others(&folder.join(name))).count();
    found.push(match open {
        _ if !platform::TELLS_RIGHTS => Finding::FolderWritable,
        0 => Finding::FolderGood,
        open => Finding::FilesOpen(open),
    });
}

/// Room on the file system of the data folder, or of the folder in which it will be made.
pub(super) fn room_on_disk(config: &Config, found: &mut Vec<Finding>) {
    let Some(free) = free(&config.storage.data_dir) else { return };
    found.push(match free {
        ..FULL => Finding::DiskFull(free),
        _ if free < config.storage.warn_free => Finding::DiskLow(free),
        _ => Finding::DiskGood(free),
    });
}

/// MiB that are left there.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let place = folder.ancestors().find(|it| it.exists())?;
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    Some(platform::free_space(place).ok()? / MIB)
}

/// The public port: free for `serve`, or held by it, or held by another program.
pub(super) async fn ports(config: &Config, found: &mut Vec<Finding>) {
    let address = config.server.listen;
    if TcpListener::bind(address).is_ok() {
        found.push(Finding::PortFree);
        return;
    }
    if !is_ours(address).await {
        found.push(Finding::PortTaken(address.port()));
        return;
    }
    found.push(Finding::Listening);
    found.extend(running::readiness(config).await.into_iter().filter(|it| *it != Finding::ServeReady));
}

/// What `serve` answers to a delivery without a signature, and hardly anything else does: 401 without a word.
async fn is_ours(address: SocketAddr) -> bool {
    let Some(client) = client() else { return false };
    let address = running::reached(address);
    let healthy = client.get(format!("http://{address}/healthz")).send().await;
    let refused = client.post(format!("http://{address}/webhook")).send().await;
    healthy.is_ok_and(|it| it.status() == 200) && refused.is_ok_and(|it| it.status() == 401)
}
