//! Output: data to stdout, talk to stderr, in one of two languages. A closed pipe is no error.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Language;

pub(crate) struct Terminal {
    pub(crate) language: Language,
}

impl Terminal {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    /// The words of the chosen language.
    pub(crate) fn words<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Ja => ja,
            Language::En => en,
        }
    }

    /// Prints lines of data until `write` says that nobody reads any more.
    pub(crate) fn data(&self) -> BufWriter<io::Stdout> {
        BufWriter::new(io::stdout())
    }

    /// Prints a text on stdout; that nobody reads any more is no error.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        let mut out = self.data();
        if until_closed(writeln!(out, "{text}"))? {
            until_closed(out.flush())?;
        }
        Ok(())
    }

    /// One line to the person at the terminal, on stderr.
    pub(crate) fn talk(&self, line: &str) {
        // Nothing can be done about a closed stderr.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// One line of a story, on stdout, at once.
    pub(crate) fn say(&self, line: &str) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Shows on a terminal that work goes on, and for how long; gone when dropped, and nothing at all elsewhere.
pub(crate) struct Busy(Option<ProgressBar>);

impl Busy {
    pub(crate) fn begin(words: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let bar = ProgressBar::new_spinner().with_message(words);
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Turns the error of a closed pipe into the quiet end that it is.
pub(crate) fn until_closed(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}
