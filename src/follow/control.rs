//! The control room: reads it by the API, hands the owner's words to the desk, and puts the answer into the outbox.
//!
//! A control room is often the owner's own notebook, so only his words for the bot are recorded, and nothing else of it.
//! What is obeyed is what the API shows at that moment; a webhook of the room only makes the look come sooner.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::chatwork::api::{Api, Error as ApiError, Read};
use crate::chatwork::notation::{self, Kind};
use crate::chatwork::wire::ApiMessage;
use crate::config::{Config, ControlRoom};
use crate::desk::words::{self, Reading};
use crate::desk::{Desk, Reply};
use crate::domain::{Clock, EntryIndex, EntryKind, MessageId, RoomId, Source, UtcMillis};
use crate::ledger::{Identity, Ledger, Observation};
use crate::reply::acts::Seen;
use crate::reply::outbox::Me;
use crate::reply::record::{self, By, Decision};
use crate::reply::template::Answer;
use crate::store::{ArchiveStore, Purpose, Store, StoreError};

/// A word older than this at first sight is answered and not obeyed: much may have happened since.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Reads the control room.
pub struct Control {
    pub api: Api,
    pub store: Store,
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub desk: Desk,
    pub me: Me,
    /// Words that are known to be answered; the ledger knows them too.
    pub answered: Mutex<BTreeSet<MessageId>>,
}

/// Why a look ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Chatwork did not show the control room")]
    Api(#[from] ApiError),
}

impl Control {
    /// One look: every new word of the owner, oldest first. Returns how many were answered.
    pub async fn tick(&self) -> Result<usize, ControlError> {
        let Some(room) = self.me.control_room else { return Ok(0) };
        let page = self.api.messages(room).await?;
        let mut candidates = Vec::new();
        for message in &page.messages {
            if let Some(reading) = self.word(&message.value)
                && !self.is_answered(&message.value.message_id).await?
            {
                candidates.push((message, reading));
            }
        }
        if candidates.is_empty() || !self.alone(room).await? {
            return Ok(0);
        }
        let founded = self.founded().await?;
        let mut count = 0;
        for (message, reading) in candidates {
            let id = &message.value.message_id;
            // Times of the platform are whole seconds.
            let before = message.value.send_time.0 + 1000 <= founded.0;
            if !before && self.answer(room, message, &reading).await? {
                count += 1;
            }
            self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(*id);
        }
        Ok(count)
    }

    /// The newest message of the control room that a webhook brought.
    pub async fn newest(&self) -> Result<Option<MessageId>, StoreError> {
        let Some(room) = self.me.control_room else { return Ok(None) };
        Ok(self.store.room_messages(room, None, 1).await?.pop().map(|it| it.message))
    }

    /// A word of the owner, if the message is nothing else. The bot's own posts are frames, which hold no word.
    fn word(&self, message: &ApiMessage) -> Option<Reading> {
        if !self.me.owners.contains(&message.account.account_id) || notation::is_deleted(&message.body) {
            return None;
        }
        let parsed = notation::parse(&message.body);
        let plain = |kind: &Kind| {
            matches!(
                kind,
                Kind::Text | Kind::Url | Kind::To(_) | Kind::Reply(_) | Kind::Icon(_) | Kind::Name(_)
            )
        };
        if !parsed.nodes().iter().all(|node| plain(&node.kind)) {
            return None;
        }
        let own: String = parsed.own_words().iter().map(|span| parsed.source(span)).collect();
        Some(words::read(&own)).filter(|it| *it != Reading::Nothing)
    }

    async fn is_answered(&self, id: &MessageId) -> Result<bool, StoreError> {
        if self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
            return Ok(true);
        }
        Ok(self.ledger.find_once(&answer_key(id)).await?.is_some())
    }

    /// In マイチャット there is nobody else; in a room that was named, it is asked anew each time a word stands there.
    async fn alone(&self, room: RoomId) -> Result<bool, ControlError> {
        if self.config.owner.control_room == ControlRoom::My {
            return Ok(true);
        }
        let members = self.api.members(room).await?;
        let allowed = |it| it == self.me.account || self.me.owners.contains(&it);
        let alone = members.iter().all(|it| allowed(it.value.account_id));
        if !alone {
            tracing::error!(room = room.0, "the control room has other members; no word there is obeyed");
        }
        Ok(alone)
    }

    /// When this ledger began: what was written before was not written to this bot, or the one before has heard it.
    async fn founded(&self) -> Result<UtcMillis, StoreError> {
        let first = self.ledger.records(EntryIndex(self.ledger.head().await?.base), 1).await?;
        let entry = first.first().and_then(|it| it.entry().ok());
        Ok(entry.map_or(self.clock.now(), |it| it.observed_at))
    }

    async fn answer(
        &self,
        room: RoomId,
        message: &Read<ApiMessage>,
        reading: &Reading,
    ) -> Result<bool, StoreError> {
        let id = message.value.message_id;
        let by = By::ControlRoom(id);
        let now = self.clock.now();
        let reply = match reading {
            Reading::Nothing => return Ok(false),
            _ if now.since(message.value.send_time) > MAX_AGE => {
                Answer::TooOld { word: message.value.body.clone() }.into()
            }
            Reading::NumberMissing(word) => Answer::NumberMissing { word: word.spelling() }.into(),
            Reading::SpanMissing => Answer::SpanMissing.into(),
            Reading::Word(word) => {
                // The word stands in the ledger before what it does.
                self.ledger.append_one(captured(room, message)).await?;
                match self.desk.obey(word, &Seen::Before(id), &by).await? {
                    Some(reply) => reply,
                    None => return Ok(false),
                }
            }
        };
        let observations = vec![self.posted(room, &id, reply, by, now)];
        record::append_and_apply(&self.ledger, &self.store, observations, None).await?;
        tracing::info!("a word of the owner was answered");
        Ok(true)
    }

    fn posted(&self, room: RoomId, id: &MessageId, reply: Reply, by: By, now: UtcMillis) -> Observation {
        let text = self.desk.templates.render_answer(&reply.answer);
        let (case, draft) = reply.draft.map_or((None, None), |(case, draft)| (Some(case), Some(draft)));
        let content = Decision {
            purpose: Purpose::Answer.as_str().to_owned(),
            case,
            post_room: Some(room),
            why: "answer".to_owned(),
            templates: self.desk.templates.version().to_owned(),
            text: Some(text),
            due_at: Some(now.0),
            draft,
            by: Some(by),
            ..Decision::default()
        };
        record::decision(EntryKind::ReplyDecided, &content).once(answer_key(id))
    }
}

fn answer_key(id: &MessageId) -> String {
    format!("said:{id}:answer")
}

/// The owner's message as the API shows it, byte for byte.
fn captured(room: RoomId, message: &Read<ApiMessage>) -> Observation {
    let it = &message.value;
    Observation {
        kind: EntryKind::MessageCreated,
        source: Source::Poll,
        source_time: Some(it.update_time.unwrap_or(it.send_time)),
        room: Some(room),
        message: Some(it.message_id),
        content: Some(message.raw.as_bytes().to_vec()),
        identity: Some(Identity {
            update_time: it.update_time,
            body: it.body.clone(),
            channel: "poll".to_owned(),
        }),
        once: None,
    }
}
