//! What the owner says is already covered: from his words to a registered contract.

use jiff::civil::Date;

use crate::cases::{Form, RoomContract};
use crate::domain::{RoomId, UtcMillis};
use crate::reply::record::{By, Declared};
use crate::reply::template::Answer;
use crate::store::{ArchiveStore, ContractRow, StandingStore, StoreError};

use super::Desk;
use super::words::{ContractWord, Day};

/// Where a room's name leads.
enum Picked {
    One(RoomId, String),
    None,
    Several(Vec<String>),
}

impl Desk {
    /// Registers a contract, or says how a room stands. `None` where neither room nor terms were meant.
    pub(super) async fn contract(&self, word: &ContractWord, by: &By) -> Result<Option<Answer>, StoreError> {
        let (room, name) = match self.pick(word).await? {
            Picked::One(room, name) => (room, name),
            // 「契約 更新の件」 in a notebook is no word for the bot.
            Picked::None if word.is_empty() => return Ok(None),
            Picked::None => return Ok(Some(Answer::RoomUnknown { room: word.room_name.clone() })),
            Picked::Several(rooms) => return Ok(Some(Answer::RoomUnclear { rooms })),
        };
        if word.is_empty() {
            return Ok(Some(Answer::ContractUnclear { room: name }));
        }
        let bare = word.quantity.is_none() && word.yen.is_none() && word.form.is_none();
        let standing = word.standing.unwrap_or(RoomContract::Escrowed);
        let declared = Declared { contract: Some(standing), ..Declared::default() };
        self.acts.declare(room, &declared, by).await?;
        if bare && word.standing.is_some() {
            return Ok(Some(Answer::RoomDeclared { room: name, none: standing == RoomContract::None }));
        }
        let now = self.clock.now();
        let until = word.until.and_then(|day| end_of(day, now));
        let row = ContractRow {
            id: self.store.next_contract().await?,
            room,
            client: None,
            form: word.form.unwrap_or(Form::Fixed).as_str().to_owned(),
            quantity: word.quantity,
            unit: word.unit.clone(),
            yen: word.yen,
            until,
            escrowed: standing == RoomContract::Escrowed,
            ended: standing == RoomContract::Ended,
            remind: false,
            link: word.link.clone(),
            registered_at: now,
            changed_n: crate::domain::EntryIndex(0),
        };
        self.acts.contract(row, by).await?;
        Ok(Some(Answer::ContractKept {
            room: name,
            terms: self.templates.contract_terms(&word_terms(word, until)),
        }))
    }

    async fn pick(&self, word: &ContractWord) -> Result<Picked, StoreError> {
        let rooms = self.store.rooms().await?;
        let name = |room: RoomId| {
            let named = rooms.iter().find(|it| it.room == room).and_then(|it| it.name.clone());
            named.unwrap_or_else(|| room.to_string())
        };
        if let Some(room) = word.room {
            let known = rooms.iter().any(|it| it.room == room) || self.config.room(room).is_some();
            return Ok(if known { Picked::One(room, name(room)) } else { Picked::None });
        }
        let wanted = folded(&word.room_name);
        // Only listed rooms: others are none of the bot's business by name.
        let named: Vec<(RoomId, String)> = rooms
            .iter()
            .filter(|it| self.config.room(it.room).is_some())
            .map(|it| (it.room, it.name.as_deref().map(folded).unwrap_or_default()))
            .filter(|(_, name)| !name.is_empty())
            .collect();
        let exact: Vec<RoomId> =
            named.iter().filter(|(_, it)| *it == wanted).map(|(room, _)| *room).collect();
        let found = match exact.is_empty() {
            false => exact,
            true => named.iter().filter(|(_, it)| it.contains(&wanted)).map(|(room, _)| *room).collect(),
        };
        Ok(match found[..] {
            [] => Picked::None,
            [room] => Picked::One(room, name(room)),
            _ => Picked::Several(found.into_iter().map(name).collect()),
        })
    }
}

/// What was read, for the answer.
fn word_terms(
    word: &ContractWord,
    until: Option<UtcMillis>,
) -> (Option<String>, Option<u64>, Option<UtcMillis>) {
    (word.quantity.map(|it| format!("{it}{}", word.unit)), word.yen, until)
}

/// One width and case, no spaces.
fn folded(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    text.nfkc().flat_map(char::to_lowercase).filter(|it| !it.is_whitespace()).collect()
}

/// The last instant of the day in Japan; without a year, of the next such day.
fn end_of(day: Day, now: UtcMillis) -> Option<UtcMillis> {
    let today = now.japan().date();
    let years = match day.year {
        Some(year) => vec![year],
        None => vec![today.year(), today.year() + 1],
    };
    let date = years
        .into_iter()
        .filter_map(|year| Date::new(year, day.month, day.day).ok())
        .find(|it| day.year.is_some() || *it >= today)?;
    UtcMillis::end_of_japan_day(date)
}
