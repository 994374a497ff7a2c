//! The settings as the rest of the program sees them: typed, checked, complete.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::cases::{OutsideContact, Patience, RoomContract};
use crate::domain::{AccountId, RoomId, Tuning, UtcMillis, is_holiday_in_japan};

use super::objects::ObjectsUrl;

/// Everything that can be set. Made by [`Config::load`] only, so that what exists has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub chatwork: ChatworkConfig,
    pub server: ServerConfig,
    pub storage: StorageConfig,
    pub owner: OwnerConfig,
    pub reply: ReplyConfig,
    pub templates: TemplatesConfig,
    pub mirror: MirrorConfig,
    pub reconcile: ReconcileConfig,
    pub anchor: AnchorConfig,
    pub patience: Patience,
    pub log: LogConfig,
    /// In the order of the file; ids are unique.
    pub rooms: Vec<RoomConfig>,
    /// The file that was read, if any.
    pub origin: Option<PathBuf>,
}

/// `[chatwork]`: how to reach the platform.
#[derive(Clone, Debug)]
pub struct ChatworkConfig {
    /// https, or http to this machine; without a slash at the end.
    pub api_base: String,
    /// Visible ASCII, fit for a header.
    pub api_token: Option<SecretString>,
    /// One for each webhook setting; standard Base64 of the key.
    pub webhook_tokens: Vec<SecretString>,
}

/// `[server]`: the two listeners.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Public listener: webhooks and the health check.
    pub listen: SocketAddr,
    /// Private listener: pages for the owner, metrics.
    pub review_listen: SocketAddr,
    /// The whole https address that is entered in Chatwork; absent: polling alone.
    pub public_url: Option<String>,
    /// The address of the pages behind a proxy that does TLS, without a path; absent: this machine alone.
    pub review_url: Option<String>,
    /// Connections at a time on each listener.
    pub max_connections: usize,
    /// For the body of a delivery, from the end of its head (`body_seconds`).
    pub body_time: Duration,
}

/// `[storage]`: where the data lies.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    pub url: StorageUrl,
    pub data_dir: PathBuf,
    /// Bytes that all stored files together may take (`files_quota_mb`).
    pub files_quota: u64,
    /// MiB on the disk of `data_dir`, below which the owner is told; 0: never.
    pub warn_free: u64,
    /// `[storage.objects]`; `None`: no copy is kept anywhere.
    pub objects: Option<ObjectsUrl>,
}

/// The database.
#[derive(Clone, Debug)]
pub enum StorageUrl {
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

/// A schema of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresUrl {
    /// The whole URL: it may hold a password.
    pub url: SecretString,
    /// From a file of its own (`password_file`).
    pub password: Option<SecretString>,
    pub schema: String,
    /// Connections at most.
    pub connections: usize,
    /// Certificates of the authorities that vouch for the server; empty: the public ones.
    pub ca_files: Vec<PathBuf>,
}

/// `[owner]`: whom the bot serves.
#[derive(Clone, Debug)]
pub struct OwnerConfig {
    /// Empty: the token's own account.
    pub account_ids: Vec<AccountId>,
    pub control_room: ControlRoom,
}

/// Where the bot talks with its owner alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRoom {
    /// マイチャット of the token's account.
    My,
    Room(RoomId),
}

/// What the bot may do in a room, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Records only.
    Observe,
    /// Hands drafts to the owner.
    Suggest,
    /// Posts when the owner has said yes.
    Approve,
    /// Posts by itself.
    Auto,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Observe, Self::Suggest, Self::Approve, Self::Auto];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// As the configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

/// `[reply]`: when the bot speaks in a client's room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyConfig {
    pub mode: Mode,
    /// Wait before a post; the owner's own answer within it cancels.
    pub delay: Duration,
    /// Posts a calendar day in Japan.
    pub max_per_room_per_day: u32,
    /// Posts a calendar day in Japan in all rooms together.
    pub max_per_day: u32,
    /// A request older than this at first sight becomes a draft.
    pub max_age: Duration,
    /// Replies other than the reminder may appear in the room too.
    pub follow_ups: bool,
    /// Silent where the owner has written within this time.
    pub owner_active: Duration,
    pub quiet_hours: Option<QuietHours>,
    /// After a start or wake nothing is posted for so long.
    pub settle: Duration,
    /// The reminder says that it was sent automatically.
    pub automatic_line: bool,
    pub quiet_days: QuietDays,
    /// What would be posted goes to the owner instead; not per room.
    pub dry_run: bool,
    /// The room is told once that it is recorded.
    pub notice: bool,
    /// The room gets the newest signed head in one line now and then, for the others to keep.
    pub witness: bool,
    pub on_withdrawal: OnWithdrawal,
}

impl ReplyConfig {
    /// The first instant from `at` on at which neither quiet hours nor a quiet day keep the bot from posting.
    pub fn next_open(&self, at: UtcMillis) -> UtcMillis {
        let mut open = at;
        // No run of quiet days is longer than this; a setting that leaves no time open ends here, not never.
        for _ in 0..64 {
            let next = self.quiet_days.next_outside(open);
            let next = self.quiet_hours.map_or(next, |hours| hours.next_outside(next));
            if next == open {
                break;
            }
            open = next;
        }
        open
    }
}

/// What becomes of the bot's own reminder when the client takes the request back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWithdrawal {
    /// It stays, and the owner is told.
    #[default]
    Leave,
    /// Its text is replaced by a short one.
    Edit,
    Delete,
}

/// Days without posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuietDays {
    /// Saturdays and Sundays.
    pub weekends: bool,
    /// Public holidays in Japan.
    pub holidays: bool,
}

impl QuietDays {
    /// The first instant from `at` on that is on no such day: `at` itself, or midnight in Japan.
    pub fn next_outside(self, at: UtcMillis) -> UtcMillis {
        const DAY: i64 = 24 * 3600 * 1000;
        const JAPAN: i64 = 9 * 3600 * 1000;
        let mut open = at;
        // The longest run that the calendar allows is well below a month.
        for _ in 0..31 {
            let day = open.japan().date();
            let weekend =
                matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
            if !(self.weekends && weekend || self.holidays && is_holiday_in_japan(day)) {
                return open;
            }
            open = UtcMillis((open.0 + JAPAN).div_euclid(DAY) * DAY + DAY - JAPAN);
        }
        open
    }
}

/// `reply.…` of a room; what is absent is as in `[reply]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyOverrides {
    pub mode: Option<Mode>,
    pub delay: Option<Duration>,
    pub max_per_room_per_day: Option<u32>,
    pub max_age: Option<Duration>,
    pub follow_ups: Option<bool>,
    pub owner_active: Option<Duration>,
    /// `Some(None)`: this room has no quiet hours.
    pub quiet_hours: Option<Option<QuietHours>>,
    pub automatic_line: Option<bool>,
    pub quiet_days: Option<QuietDays>,
    pub notice: Option<bool>,
    pub witness: Option<bool>,
    pub on_withdrawal: Option<OnWithdrawal>,
}

/// What the owner has said of a room while the bot runs; what is absent is as the configuration has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub mode: Option<Mode>,
    /// `Some(None)`: no quiet hours.
    pub quiet_hours: Option<Option<QuietHours>>,
}

/// A daily span in Japan time, from its first minute up to but not including its last; may pass midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Minutes since midnight, below 1440.
    from: u16,
    to: u16,
}

impl QuietHours {
    /// `HH:MM-HH:MM`; equal times would be all day or never, and are refused.
    pub fn parse(text: &str) -> Option<Self> {
        fn minutes(text: &str) -> Option<u16> {
            let (hour, minute) = text.trim().split_once(':')?;
            let digits = |it: &str| (1..=2).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_digit());
            if !digits(hour) || !digits(minute) || minute.len() != 2 {
                return None;
            }
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        }
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// As [`QuietHours::parse`] reads it.
    pub fn text(&self) -> String {
        let time = |it: u16| format!("{:02}:{:02}", it / 60, it % 60);
        format!("{}-{}", time(self.from), time(self.to))
    }

    /// Whether `at` lies in the span, by the clock in Japan.
    pub fn contains(&self, at: UtcMillis) -> bool {
        let minute = self.minute_of(at);
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }

    /// The first instant from `at` on that is outside the span: when a post that waits may go out.
    pub fn next_outside(&self, at: UtcMillis) -> UtcMillis {
        if !self.contains(at) {
            return at;
        }
        const DAY: u64 = 24 * 60;
        let wait = (DAY + u64::from(self.to) - u64::from(self.minute_of(at))) % DAY;
        let start_of_minute = UtcMillis(at.0.saturating_sub(at.0.rem_euclid(60_000)));
        start_of_minute.plus(Duration::from_secs(wait * 60))
    }

    fn minute_of(&self, at: UtcMillis) -> u16 {
        let civil = at.japan();
        u16::from(civil.hour().unsigned_abs()) * 60 + u16::from(civil.minute().unsigned_abs())
    }
}

/// `[templates]`: own words in the place of the built-in ones.
#[derive(Clone, Debug)]
pub struct TemplatesConfig {
    /// Read at start, the later file winning.
    pub files: Vec<PathBuf>,
}

/// `[mirror]`: which rooms are read by the API.
#[derive(Clone, Debug)]
pub struct MirrorConfig {
    pub rooms: MirrorRooms,
    /// Bytes of one file (`max_file_mb`).
    pub max_file: u64,
}

/// Which rooms are read by the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorRooms {
    Listed,
    /// Every room of the account.
    All,
}

/// `[reconcile]`: how often rooms and log are compared.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    pub interval: Duration,
}

/// `[anchor]`: who confirms the ledger's heads from outside.
#[derive(Clone, Debug)]
pub struct AnchorConfig {
    /// Addresses of RFC 3161 time-stamp authorities, http or https.
    pub authorities: Vec<String>,
    /// PEM files with certificates of authorities beside the public roots.
    pub ca_files: Vec<PathBuf>,
    /// Between two stamps of one authority.
    pub every: Duration,
}

/// `[log]`: what goes to stderr.
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    /// In the language of `tracing_subscriber::EnvFilter`; known to parse.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// `[[room]]`: a room with a client. No account is in two of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomConfig {
    pub id: RoomId,
    /// Absent: the other side of a direct chat; in a group everybody may be one.
    pub clients: Option<Vec<AccountId>>,
    pub others: Vec<AccountId>,
    pub bots: Vec<AccountId>,
    pub reply: ReplyOverrides,
    /// Until the owner says otherwise.
    pub contract: RoomContract,
    pub outside_contact: OutsideContact,
    /// Clients who want no automatic messages.
    pub opted_out: Vec<AccountId>,
    /// Clients for whom the mode is at most this.
    pub client_modes: Vec<(AccountId, Mode)>,
    /// What counts as a request here.
    pub detect: Tuning,
    /// The same for single clients: thresholds instead of the room's, phrases beside them.
    pub client_detect: Vec<(AccountId, Tuning)>,
}
