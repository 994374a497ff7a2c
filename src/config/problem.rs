//! What is wrong with a configuration, said so that a person can repair it.

use std::fmt;

/// One thing that has to be changed before the program can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong. Names keys, never values: a value may be a secret.
    pub what: String,
    /// `file:line`, or the name of the environment variable.
    pub place: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn new(place: impl fmt::Display, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), place: place.to_string(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.hint)
    }
}

/// Everything that is wrong, found in one go; displayed one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
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
