//! `契約 <部屋> 10本 30000円 12/31まで`: what the owner says is already covered.

use unicode_normalization::UnicodeNormalization as _;

use crate::cases::{Form, RoomContract};
use crate::domain::RoomId;

/// A calendar day; without a year it is the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub year: Option<i16>,
    pub month: i8,
    pub day: i8,
}

/// A contract as the owner wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractWord {
    /// The number after `#!rid`, where he gave that.
    pub room: Option<RoomId>,
    /// Else the room's name, or a part of it.
    pub room_name: String,
    pub form: Option<Form>,
    pub quantity: Option<u32>,
    pub unit: String,
    pub yen: Option<u64>,
    pub until: Option<Day>,
    /// `なし`, `終了`, `仮払い前`: the state of the room instead of, or beside, a contract.
    pub standing: Option<RoomContract>,
    /// Address of the contract on CrowdWorks.
    pub link: Option<String>,
}

impl ContractWord {
    /// Nothing was read but the room.
    pub fn is_empty(&self) -> bool {
        let bare = Self { room: self.room, room_name: self.room_name.clone(), ..Self::default() };
        *self == bare
    }
}

/// `None` where the text is no such word.
pub(super) fn read(text: &str) -> Option<ContractWord> {
    let text: String = text.nfkc().collect();
    let rest = ["契約", "けいやく", "contract"].iter().find_map(|word| text.strip_prefix(word))?;
    let rest = rest.strip_prefix([':', ' '])?;
    let mut tokens: Vec<&str> = rest.split_whitespace().collect();
    let mut word = ContractWord::default();
    // From the end, since a room may be named 「LP 3本」 too.
    while tokens.len() > 1 && tokens.last().is_some_and(|it| word.take(it)) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return None;
    }
    word.room = tokens.first().filter(|_| tokens.len() == 1).and_then(|it| room(it));
    word.room_name = tokens.join(" ");
    Some(word)
}

/// `87654321`, `#!rid87654321`, `rid87654321`, or the whole address.
fn room(token: &str) -> Option<RoomId> {
    let token = token.rsplit_once("#!rid").map_or(token, |(_, it)| it);
    let token = token.strip_prefix("rid").unwrap_or(token);
    let token = token.split('-').next().unwrap_or(token);
    // A short number is rather a name.
    (token.len() >= 5).then(|| token.parse().ok().filter(|it| *it > 0).map(RoomId)).flatten()
}

impl ContractWord {
    /// Takes one token for what it says; false where it says nothing of a contract, or something once more.
    fn take(&mut self, token: &str) -> bool {
        if let Some(form) = form(token).filter(|_| self.form.is_none()) {
            self.form = Some(form);
            return true;
        }
        if let Some(standing) = standing(token).filter(|_| self.standing.is_none()) {
            self.standing = Some(standing);
            return true;
        }
        if self.link.is_none() && token.starts_with("https://crowdworks.jp/") {
            self.link = Some(token.to_owned());
            return true;
        }
        if let Some(day) = day(token).filter(|_| self.until.is_none()) {
            self.until = Some(day);
            return true;
        }
        if let Some(yen) = yen(token).filter(|_| self.yen.is_none()) {
            self.yen = Some(yen);
            return true;
        }
        match quantity(token).filter(|_| self.quantity.is_none()) {
            Some((count, unit)) => {
                if let Some(rest) = token.strip_prefix("毎月").or_else(|| token.strip_prefix('月'))
                    && rest.starts_with(|it: char| it.is_ascii_digit())
                {
                    self.form = self.form.or(Some(Form::Monthly));
                }
                self.quantity = Some(count);
                self.unit = unit;
                true
            }
            None => false,
        }
    }
}

fn form(token: &str) -> Option<Form> {
    Some(match token {
        "固定" | "固定報酬" | "固定報酬制" => Form::Fixed,
        "マイルストーン" | "マイルストン" | "分割" | "段階払い" => Form::Milestones,
        "時給" | "時間単価" | "時間単価制" | "時間制" => Form::Hourly,
        "毎月" | "月額" | "定期" | "継続" => Form::Monthly,
        "追加" | "条件変更" | "条件変更リクエスト" => Form::ExtraScope,
        _ => return None,
    })
}

fn standing(token: &str) -> Option<RoomContract> {
    Some(match token {
        "なし" | "無し" | "ない" | "無" => RoomContract::None,
        "終了" | "完了" | "おわり" => RoomContract::Ended,
        "仮払い前" | "仮払前" | "未払い" | "契約済み" | "契約済" => RoomContract::Contracted,
        "仮払い済み" | "仮払済み" | "仮払い済" | "仮払済" => RoomContract::Escrowed,
        _ => return None,
    })
}

/// `30000円`, `30,000円`, `3万円`, `¥30,000`.
fn yen(token: &str) -> Option<u64> {
    let number = match (token.strip_suffix('円'), token.strip_prefix(['¥', '\\'])) {
        (Some(number), _) | (None, Some(number)) => number.replace(',', ""),
        (None, None) => return None,
    };
    match number.strip_suffix('万') {
        Some(number) => {
            let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
            let tenth: u64 = tenth.parse().ok().filter(|it| *it < 10)?;
            whole.parse::<u64>().ok()?.checked_mul(10_000)?.checked_add(tenth * 1000)
        }
        None => number.parse().ok(),
    }
    .filter(|it| *it > 0)
}

/// `12/31まで`, `2026/12/31`, `12月31日まで`; the まで is needed where there is no year.
fn day(token: &str) -> Option<Day> {
    let (text, until) = match token.strip_suffix("まで") {
        Some(text) => (text, true),
        None => (token, false),
    };
    let text = text.strip_suffix('日').unwrap_or(text).replace(['年', '月', '-'], "/");
    let parts: Vec<i16> = text.split('/').map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let (year, month, day) = match parts[..] {
        [month, day] if until => (None, month, day),
        [year, month, day] if (2000..9000).contains(&year) => (Some(year), month, day),
        _ => return None,
    };
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    // Of a leap year, so that 2/29 can be written.
    jiff::civil::Date::new(year.unwrap_or(2028), month, day).ok()?;
    Some(Day { year, month, day })
}

/// `10本`, `月4記事`: a number with a unit of its own.
fn quantity(token: &str) -> Option<(u32, String)> {
    let rest = token.strip_prefix("毎月").or_else(|| token.strip_prefix('月')).unwrap_or(token);
    let end = rest.find(|it: char| !it.is_ascii_digit() && it != ',')?;
    let count: u32 = rest[..end].replace(',', "").parse().ok().filter(|it| *it > 0)?;
    let unit = rest[end..].strip_suffix("まで").unwrap_or(&rest[end..]);
    let fits = (1..=6).contains(&unit.chars().count()) && unit.chars().all(char::is_alphabetic);
    fits.then(|| (count, unit.to_owned()))
}
