//! Sessions in the store, by the hash of their key.

use std::fmt;

use sha2::{Digest as _, Sha256};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use crate::domain::{Digest, UtcMillis};
use crate::store::{DoorStore as _, Store, StoreError};

/// Sessions at a time; the one that ends first makes room.
const MAX_SESSIONS: u32 = 64;

#[derive(Clone)]
pub(in crate::review) struct Sessions(Store);

impl Sessions {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    async fn put(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_string(record).map_err(|it| Error::Encode(it.to_string()))?;
        let now = tower_sessions::cookie::time::OffsetDateTime::now_utc();
        let millis = |it: tower_sessions::cookie::time::OffsetDateTime| {
            UtcMillis(it.unix_timestamp().saturating_mul(1000))
        };
        let ends = millis(record.expiry_date);
        self.0.put_session(key(&record.id), text, ends, millis(now), MAX_SESSIONS).await.map_err(backend)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

fn key(id: &Id) -> Digest {
    Sha256::digest(id.0.to_be_bytes()).into()
}

fn backend(error: StoreError) -> Error {
    Error::Backend(error.to_string())
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // Keys are 128 random bits; one that is taken is a fault of the generator.
        if self.0.session(key(&record.id)).await.map_err(backend)?.is_some() {
            return Err(Error::Backend("the key of a session is taken".to_owned()));
        }
        self.put(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.put(record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let record = self.0.session(key(id)).await.map_err(backend)?;
        let record: Option<Record> = record
            .map(|it| serde_json::from_str(&it))
            .transpose()
            .map_err(|it| Error::Decode(it.to_string()))?;
        let now = tower_sessions::cookie::time::OffsetDateTime::now_utc();
        Ok(record.filter(|it| it.expiry_date > now))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.end_session(key(id)).await.map_err(backend)
    }
}
