//! The database that the configuration names, whichever engine it is of.

use secrecy::ExposeSecret as _;

use crate::config::{PostgresUrl, StorageUrl};
use crate::store::{PostgresPlace, Store, StoreError};

/// For writing; made where it is missing.
pub async fn open(url: &StorageUrl) -> Result<Store, StoreError> {
    match url {
        StorageUrl::Sqlite(path) => Store::open(path).await,
        StorageUrl::Postgres(it) => Store::connect(&place(it)).await,
    }
}

/// For reading alone; `None` where none was made yet.
pub async fn read(url: &StorageUrl) -> Result<Option<Store>, StoreError> {
    match url {
        StorageUrl::Sqlite(path) if !path.exists() => Ok(None),
        StorageUrl::Sqlite(path) => Store::open_read_only(path).await.map(Some),
        StorageUrl::Postgres(it) => Store::connect_read_only(&place(it)).await,
    }
}

/// Where it is, in words that hold no secret.
pub fn named(url: &StorageUrl) -> String {
    match url {
        StorageUrl::Sqlite(path) => path.display().to_string(),
        StorageUrl::Postgres(it) => format!("PostgreSQL, schema {}", it.schema),
    }
}

/// What the store needs to know of it.
pub fn place(url: &PostgresUrl) -> PostgresPlace {
    PostgresPlace {
        url: url.url.expose_secret().to_owned(),
        password: url.password.as_ref().map(|it| it.expose_secret().to_owned()),
        schema: url.schema.clone(),
        connections: url.connections,
        ca_files: url.ca_files.clone(),
    }
}
