//! No room on the disk, or a disk that went read-only: 503 with `Retry-After`, nothing pretended; and when it is writable again,
//! deliveries are taken without a restart.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::{Place, Run, Sender, founded};

/// More than a ledger of a few hundred messages needs with its log.
const DISK_MIB: usize = 24;

fn is_root() -> bool {
    let uid = Command::new("id").arg("-u").output().unwrap();
    let root = uid.stdout == b"0\n";
    if !root {
        println!("left out, since only root may do it: full and read-only disks");
    }
    root
}

/// A file system of its own; unmounted with this value.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m");
        let mut mount = Command::new("mount");
        assert!(
            mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder.path()).status().unwrap().success()
        );
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        for part in [vec![0; 65_536], vec![0; 512], vec![0; 1]] {
            while file.write(&part).is_ok_and(|it| it > 0) {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Deliveries until `refusals` in a row were refused; which were taken, and how many were refused.
async fn refused(url: &str, first: u64, refusals: usize) -> (Vec<u64>, usize) {
    let sender = Sender::new();
    let (mut taken, mut row, mut all) = (Vec::new(), 0, 0);
    for message in first..first + 4000 {
        let answer = sender.answer(url, message).await.expect("an answer, whatever the disk does");
        match answer.status().as_u16() {
            200 => {
                row = 0;
                taken.push(message);
            }
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                (row, all) = (row + 1, all + 1);
            }
            other => panic!("status {other}"),
        }
        if row == refusals {
            return (taken, all);
        }
    }
    panic!("the disk never refused");
}

/// Taken again by the same process, and everything that was ever acknowledged is there.
async fn taken_again(place: &Place, mut run: Run, url: &str, mut acknowledged: Vec<u64>) {
    let sender = Sender::new();
    let mut tries = 0;
    while sender.deliver(url, 800_000_000).await != Some(200) {
        tries += 1;
        assert!(tries < 200 && run.alive(), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    acknowledged.push(800_000_000);
    acknowledged.extend(sender.burst(url, 800_000_001..800_000_021).await);
    assert!(acknowledged.ends_with(&[800_000_020]), "it takes everything again");
    let (status, said) = run.terminate();
    assert!(status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    place.recovers(&acknowledged, "when it was writable again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_503_and_recovers_without_a_restart() {
    if !is_root() {
        return;
    }
    let disk = Disk::mount();
    let place = founded(disk.path(), 5).await;
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    let mut acknowledged = Sender::new().burst(&url, 1_000_000..1_000_020).await;
    assert_eq!(acknowledged.len(), 20);
    let mut refusals = 0;
    for round in 1..=3 {
        let ballast = disk.fill();
        let (taken, all) = refused(&url, 1_000_000 * (round + 1), 20).await;
        acknowledged.extend(taken);
        refusals += all;
        fs::remove_file(ballast).unwrap();
    }
    println!("full disk: 3 times full, {refusals} refused, {} acknowledged, losses 0", acknowledged.len());
    taken_again(&place, run, &url, acknowledged).await;
}

/// The kernel's answers on a file system that it made read-only, given by a tracer that comes and goes.
struct ReadOnly(Child);

impl ReadOnly {
    fn begin(place: &Place, run: &Run) -> Self {
        let data = place.data();
        let mut strace = Command::new("strace");
        for name in ["karibarai.db", "karibarai.db-wal"] {
            strace.arg("-P").arg(data.join(name));
        }
        let child = strace
            .args(["-f", "-qq", "-e", "trace=pwrite64,ftruncate,fsync,fdatasync"])
            .args(["-e", "inject=pwrite64,ftruncate,fsync,fdatasync:error=EROFS"])
            .args(["-o", "/dev/null", "-p", &run.child.id().to_string()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn end(mut self) {
        // Asked, it lets go of the program; killed, it might take it along.
        assert!(Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_503_and_recovers_without_a_restart() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = founded(folder.path(), 5).await;
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    let mut acknowledged = Sender::new().burst(&url, 1_000_000..1_000_010).await;
    let disk = ReadOnly::begin(&place, &run);
    let (taken, refusals) = refused(&url, 2_000_000, 20).await;
    acknowledged.extend(taken);
    disk.end();
    println!("read-only disk: {refusals} refused, {} acknowledged, losses 0", acknowledged.len());
    taken_again(&place, run, &url, acknowledged).await;
}
