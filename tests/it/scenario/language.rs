//! The language of `tests/scenarios/*.txt`: who does what when, and what must then be so.
//!
//! ```text
//! # A sentence that says what is shown
//! set reply.quiet_hours = 22:00-07:00     of the room; `set all …` of the bot, which then runs alone
//! people client other                     besides the owner; one client alone makes a direct chat
//! 10:00 client: 追加で記事を3本お願いできますか？     \n is a line feed
//! 10:00:30 expect reminders 1             a line without a time goes on at the time before
//! d2 09:00 owner confirms 1               d1 is Monday, 23 November 2026, which begins at 10:00
//! ```

use std::path::Path;

use karibarai::domain::UtcMillis;

use crate::support::MORNING;

/// A scenario as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) people: Vec<String>,
    /// Keys and values for the room.
    pub(crate) settings: Vec<(String, String)>,
    /// Keys and values for the whole bot.
    pub(crate) all: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: UtcMillis,
    pub(crate) line: usize,
    pub(crate) act: Act,
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Says {
        who: String,
        text: String,
    },
    /// The person's message number `n`, from 1.
    Edits {
        who: String,
        n: usize,
        text: String,
    },
    Deletes {
        who: String,
        n: usize,
    },
    /// A word of the owner, with its arguments.
    Owner(Vec<String>),
    Restart,
    Expect {
        not: bool,
        what: Vec<String>,
        text: Option<String>,
    },
}

impl Scenario {
    /// It changes what holds for all rooms.
    pub(crate) fn alone(&self) -> bool {
        let stops = |step: &Step| match &step.act {
            Act::Owner(words) => matches!(words[0].as_str(), "stops" | "resumes" | "quiet"),
            Act::Restart => true,
            _ => false,
        };
        !self.all.is_empty() || self.steps.iter().any(stops)
    }

    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(text.starts_with("# "), "{name} does not begin with what it shows");
        let mut scenario = Self {
            name,
            people: vec!["client".to_owned()],
            settings: Vec::new(),
            all: Vec::new(),
            steps: Vec::new(),
        };
        let mut at = MORNING;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            scenario.line(line, text, &mut at);
        }
        assert!(
            scenario.steps.iter().any(|it| matches!(it.act, Act::Expect { .. })),
            "{} expects nothing",
            scenario.name
        );
        scenario
    }

    fn line(&mut self, line: usize, text: &str, at: &mut UtcMillis) {
        let place = format!("{}:{line}", self.name);
        if let Some(people) = text.strip_prefix("people ") {
            self.people = people.split_whitespace().map(str::to_owned).collect();
            return;
        }
        if let Some(setting) = text.strip_prefix("set ") {
            let (key, value) =
                setting.split_once('=').unwrap_or_else(|| panic!("{place}: a setting has a ="));
            let (key, value) = (key.trim(), value.trim().to_owned());
            match key.strip_prefix("all ") {
                Some(key) => self.all.push((key.trim().to_owned(), value)),
                None => self.settings.push((key.to_owned(), value)),
            }
            return;
        }
        let (time, rest) = take_time(text, *at);
        assert!(time >= *at, "{place}: goes back in time");
        *at = time;
        let act = self.act(rest, &place);
        self.steps.push(Step { at: time, line, act });
    }

    fn act(&self, text: &str, place: &str) -> Act {
        let unescape = |text: &str| text.trim().replace("\\n", "\n");
        if text == "restart" {
            return Act::Restart;
        }
        if let Some(what) = text.strip_prefix("expect ") {
            let (what, quoted) = match what.split_once('"') {
                Some((what, quoted)) => (what, Some(unescape(quoted.trim_end().trim_end_matches('"')))),
                None => (what, None),
            };
            let mut what: Vec<String> = what.split_whitespace().map(str::to_owned).collect();
            let not = what.first().is_some_and(|it| it == "no");
            if not {
                what.remove(0);
            }
            return Act::Expect { not, what, text: quoted };
        }
        let (who, rest) = text.split_once([' ', ':']).unwrap_or_else(|| panic!("{place}: who does what?"));
        assert!(who == "owner" || self.people.iter().any(|it| it == who), "{place}: who is {who}?");
        let who = who.to_owned();
        if text[who.len()..].starts_with(':') {
            return Act::Says { who, text: unescape(rest) };
        }
        let number = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{place}: which message?"));
        if let Some(edit) = rest.strip_prefix("edits ") {
            let (n, text) = edit.split_once(':').unwrap_or_else(|| panic!("{place}: an edit has a text"));
            return Act::Edits { who, n: number(n), text: unescape(text) };
        }
        if let Some(n) = rest.strip_prefix("deletes ") {
            return Act::Deletes { who, n: number(n) };
        }
        assert_eq!(who, "owner", "{place}: only the owner has words");
        Act::Owner(rest.split_whitespace().map(str::to_owned).collect())
    }
}

/// `d2 09:00:30 rest`, `09:00 rest`, or just `rest`.
fn take_time(text: &str, before: UtcMillis) -> (UtcMillis, &str) {
    const DAY: i64 = 24 * 3600 * 1000;
    /// Midnight in Japan before the first morning.
    const FIRST: i64 = MORNING.0 - 10 * 3600 * 1000;
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let day = word.strip_prefix('d').and_then(|it| it.parse::<i64>().ok());
    let (day, clock, after) = match day {
        Some(day) => {
            let (clock, after) = rest.split_once(' ').expect("a day has a time");
            (day - 1, clock, after)
        }
        None => ((before.0 - FIRST).div_euclid(DAY), word, rest),
    };
    let parts: Option<Vec<i64>> = clock.split(':').map(|it| it.parse().ok()).collect();
    match parts.as_deref() {
        Some([hour, minute]) => (UtcMillis(FIRST + day * DAY + (hour * 60 + minute) * 60_000), after),
        Some([hour, minute, second]) => {
            (UtcMillis(FIRST + day * DAY + ((hour * 60 + minute) * 60 + second) * 1000), after)
        }
        _ => (before, text),
    }
}
