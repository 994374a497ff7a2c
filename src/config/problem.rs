//! What is wrong with a configuration, said so that a person can repair it.

use std::fmt;

/// The same in Japanese and in English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    pub ja: String,
    pub en: String,
}

impl<J: Into<String>, E: Into<String>> From<(J, E)> for Wording {
    fn from((ja, en): (J, E)) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

/// One thing that has to be changed before the program can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong. Names keys, never values: a value may be a secret.
    pub what: Wording,
    /// `file:line`, or the name of the environment variable.
    pub place: String,
    /// What to do.
    pub hint: Wording,
}

impl Problem {
    pub(super) fn new(place: impl fmt::Display, what: impl Into<Wording>, hint: impl Into<Wording>) -> Self {
        Self { what: what.into(), place: place.to_string(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what.en, self.hint.en)
    }
}

/// Everything that is wrong, found in one go; displayed one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// What [`fmt::Display`] says in English.
    pub fn japanese(&self) -> String {
        let line = |it: &Problem| format!("{}: {}。{}", it.place, it.what.ja, it.hint.ja);
        self.problems.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}
