//! Linux and macOS.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Service;

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

pub(super) fn shut_folder(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

pub(super) fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Where it is refused, what follows still holds; and a program that cannot begin helps nobody.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A handler of core dumps that the kernel feeds by a pipe is not bound by that limit.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

pub(super) fn tell(service: Service) {
    let state = match service {
        Service::Ready => sd_notify::NotifyState::Ready,
        Service::Alive => sd_notify::NotifyState::Watchdog,
        Service::Stopping => sd_notify::NotifyState::Stopping,
    };
    // Without systemd there is nobody to be told.
    let _ = sd_notify::notify(&[state]);
}

/// Ctrl-C.
pub struct Interrupt(Signal);

impl Interrupt {
    /// From now on it no longer ends the process by itself.
    pub fn watch() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?))
    }

    /// Waits for it.
    pub async fn came(&mut self) {
        self.0.recv().await;
    }
}

/// What asks the program to end: Ctrl-C, or SIGTERM of a service manager.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From now on neither ends the process by itself.
    pub fn watch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first of them.
    pub async fn came(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// While it lives, what is typed at the terminal does not appear.
pub struct Hidden(Termios);

impl Hidden {
    /// `None` where the input is no terminal, which shows nothing.
    pub fn begin() -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO;
        tcsetattr(&stdin, OptionalActions::Now, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

pub(super) fn read_line(_hidden: bool) -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

pub(super) fn locale() -> Option<String> {
    None
}
