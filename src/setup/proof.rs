//! One delivery from end to end, in the control room alone: a word stands there, the bot sees it, the ledger has it, the
//! bot answers it, and the record verifies. With webhooks, also one signed delivery for each token.
//!
//! The signed deliveries are of an event that Chatwork does not have: the record must not hold a message that nobody wrote.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::app::{App, AppError, Outside, database};
use crate::chatwork::api::{Api, BuildError, Error as ApiError};
use crate::chatwork::signature::{SIGNATURE_HEADER, sign};
use crate::config::{Config, ControlRoom};
use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId, Source};
use crate::store::{LedgerStore as _, Record, Store, StoreError};
use crate::upkeep::{self, CheckError};

/// The word that is said: its answer tells the owner what else he may say.
const WORD: &str = "ヘルプ";
/// The control room is looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// The owner has to open Chatwork first.
const OWNERS_PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For a delivery by way of the public address.
const REACH: Duration = Duration::from_secs(10);
const BATCH: usize = 1024;

/// Who says the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The token is the owner's own: the program posts it.
    Post,
    /// The token belongs to a separate account, whose words the bot does not obey: the owner writes it himself.
    Owner,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Entries of the ledger that verified.
    pub entries: u64,
    /// A bot was at work already, with the configuration of its start.
    pub beside: bool,
    /// Webhook tokens whose delivery was taken on this machine.
    pub deliveries: usize,
    /// What the public address did with them; `None` without one.
    pub public: Option<Public>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Public {
    /// All deliveries came through, unchanged.
    Reached,
    Silent,
    /// Something answered, with this status.
    Foreign(u16),
}

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("the API client cannot be built")]
    Api(#[from] BuildError),
    #[error("the word could not be posted in the control room")]
    Post(#[source] ApiError),
    #[error("the word did not come into the record")]
    NotRecorded,
    #[error("the word was recorded, but the bot's answer did not come")]
    NotAnswered,
    #[error("the delivery with webhook token {n} was answered {status} on this machine")]
    Refused { n: usize, status: u16 },
    #[error("the listener on this machine could not be reached")]
    Listener(#[source] reqwest::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the record cannot be checked")]
    Check(#[from] CheckError),
    #[error("the record does not verify")]
    Damaged,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Tries the bot out as it is configured; where one runs on the folder already, that one.
pub async fn prove(config: Config, outside: Outside, way: Way) -> Result<Proof, ProofError> {
    let data_dir = config.storage.data_dir.clone();
    let (store, mut proof) = if is_at_work(&config)? {
        let store = database::read(&config.storage.url).await?.ok_or(StoreError::Closed)?;
        let proof = deliver(&config, &outside, &store, config.server.listen, way).await?;
        (store, Proof { beside: true, ..proof })
    } else {
        let (public, private) = listeners(&config)?;
        let app = App::prepare_on(config.clone(), outside.clone(), public, private).await?.in_rehearsal();
        let (store, listen) = (app.store().clone(), app.public_address());
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(app.run(stopped));
        let proof = deliver(&config, &outside, &store, listen, way).await;
        let _ = stop.send(true);
        running.await.map_err(std::io::Error::other)??;
        (store, proof?)
    };
    let checked = upkeep::check(&store, &data_dir, None).await?;
    if !checked.intact() {
        return Err(ProofError::Damaged);
    }
    proof.entries = checked.report.size;
    Ok(proof)
}

/// Only where deliveries from outside are expected must it be the configured port: a proxy leads there.
fn listeners(config: &Config) -> Result<(TcpListener, TcpListener), ProofError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = if config.server.public_url.is_some() { config.server.listen } else { any };
    let public = TcpListener::bind(address).map_err(|source| AppError::Listen { address, source })?;
    Ok((public, TcpListener::bind(any)?))
}

/// The lock of the worker is the system's: held exactly while one lives.
fn is_at_work(config: &Config) -> std::io::Result<bool> {
    match File::open(config.storage.data_dir.join("worker.lock")) {
        Ok(file) => Ok(file.try_lock().is_err()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn deliver(
    config: &Config,
    outside: &Outside,
    store: &Store,
    listen: SocketAddr,
    way: Way,
) -> Result<Proof, ProofError> {
    let token = config.chatwork.api_token.clone().ok_or(AppError::NoToken)?;
    let api = Api::new(&config.chatwork.api_base, token, Arc::clone(&outside.clock))?;
    let from = store.head().await?.map_or(0, |it| it.frontier.size());
    let room = match config.owner.control_room {
        ControlRoom::Room(room) => room,
        ControlRoom::My => api.me().await.map_err(ProofError::Post)?.room_id,
    };
    let (word, patience) = match way {
        Way::Owner => (None, OWNERS_PATIENCE),
        Way::Post => {
            // A word from before the ledger began would not be obeyed; times of the platform are whole seconds.
            if from == 0 {
                until(store, from, PATIENCE, |it| it.kind == EntryKind::SystemStarted).await?;
            }
            (Some(api.post_message(room, WORD).await.map_err(ProofError::Post)?), PATIENCE)
        }
    };
    let is_word = |it: &Seen| {
        it.kind == EntryKind::MessageCreated
            && it.room == Some(room)
            && (word.is_none() || it.message == word)
    };
    let Some(seen) = until(store, from, patience, is_word).await? else {
        return Err(ProofError::NotRecorded);
    };
    let is_answer = |it: &Seen| it.source == Source::Sent && it.room == Some(room) && it.message != word;
    if until(store, seen, PATIENCE, is_answer).await?.is_none() {
        return Err(ProofError::NotAnswered);
    }
    let (deliveries, public) = match &config.server.public_url {
        Some(url) => by_webhook(url, listen, &config.chatwork.webhook_tokens, outside).await?,
        None => (0, None),
    };
    Ok(Proof { entries: 0, beside: false, deliveries, public })
}

/// What is needed of an entry.
struct Seen {
    kind: EntryKind,
    source: Source,
    room: Option<RoomId>,
    message: Option<MessageId>,
}

fn seen(record: &Record) -> Option<Seen> {
    let it = record.entry().ok()?;
    Some(Seen { kind: it.kind, source: it.source, room: it.room, message: it.message })
}

/// Waits for an entry at `from` or later; its index.
async fn until(
    store: &Store,
    mut from: u64,
    patience: Duration,
    wanted: impl Fn(&Seen) -> bool,
) -> Result<Option<u64>, StoreError> {
    let look = async {
        loop {
            let records = store.records(EntryIndex(from), BATCH).await?;
            if let Some(found) = records.iter().find(|it| seen(it).is_some_and(|it| wanted(&it))) {
                return Ok(found.n.0);
            }
            match records.last() {
                Some(last) => from = last.n.0 + 1,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(patience, look).await.ok().transpose()
}

/// A signed delivery for each token: on this machine, where it must be taken, and once more through the public address.
async fn by_webhook(
    url: &str,
    listen: SocketAddr,
    tokens: &[SecretString],
    outside: &Outside,
) -> Result<(usize, Option<Public>), ProofError> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.timeout(REACH).build().map_err(ProofError::Listener)?;
    let ip = if listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen.ip() };
    let here = format!("http://{}/webhook", SocketAddr::new(ip, listen.port()));
    let mut public = (!tokens.is_empty()).then_some(Public::Reached);
    for (n, token) in tokens.iter().enumerate() {
        let seconds = outside.clock.now().0 / 1000;
        let body = serde_json::json!({
            "webhook_setting_id": "0",
            "webhook_event_type": "karibarai_setup",
            "webhook_event_time": seconds,
            "webhook_event": { "token": n + 1 },
        })
        .to_string();
        let Some(signature) = sign(token, body.as_bytes()) else {
            continue;
        };
        let post = |url: &str| {
            let request = client.post(url).header(SIGNATURE_HEADER, &signature);
            request.header("content-type", "application/json").body(body.clone()).send()
        };
        let status = post(&here).await.map_err(|it| ProofError::Listener(it.without_url()))?.status();
        if status != 200 {
            return Err(ProofError::Refused { n: n + 1, status: status.as_u16() });
        }
        let outcome = match post(url).await {
            Ok(answer) if answer.status() == 200 => Public::Reached,
            Ok(answer) => Public::Foreign(answer.status().as_u16()),
            Err(_) => Public::Silent,
        };
        if outcome != Public::Reached {
            public = Some(outcome);
        }
    }
    Ok((tokens.len(), public))
}
