//! Windows. Files lie in a person's folders, which the system shuts to everybody else; names in a folder are kept by the file
//! system's own journal; there is no service manager that waits for a word.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::Path;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

use super::Service;

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

pub(super) fn shut_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_open_to_others(_path: &Path) -> bool {
    false
}

pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn keep_memory_private() {}

pub(super) fn tell(_service: Service) {}

/// Ctrl-C.
pub struct Interrupt(CtrlC);

impl Interrupt {
    /// From now on it no longer ends the process by itself.
    pub fn watch() -> io::Result<Self> {
        Ok(Self(ctrl_c()?))
    }

    /// Waits for it.
    pub async fn came(&mut self) {
        self.0.recv().await;
    }
}

/// What asks the program to end: Ctrl-C, Ctrl-Break, its window closed, the machine shutting down.
pub struct Stop {
    interrupt: CtrlC,
    pause: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Stop {
    /// From now on none of them ends the process by itself at once.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            pause: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the first of them.
    pub async fn came(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.pause.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

/// Says that what is typed now must not appear; the console itself reads such a line.
pub struct Hidden(());

impl Hidden {
    /// `None` where the input is no terminal, which shows nothing.
    pub fn begin() -> Option<Self> {
        io::stdin().is_terminal().then_some(Self(()))
    }
}

pub(super) fn read_line(hidden: bool) -> io::Result<String> {
    if hidden {
        return console::Term::stderr().read_secure_line().map(|it| it + "\n");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

pub(super) fn locale() -> Option<String> {
    sys_locale::get_locale()
}
