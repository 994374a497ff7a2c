//! How connections are made: TLS, time-outs, the pools, and what their errors mean.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::{StoreError, StoreResult};

use super::PostgresPlace;

/// A connection has to stand within this time.
const CONNECT: Duration = Duration::from_secs(5);
/// A call waits for a free connection no longer.
const WAIT: Duration = Duration::from_secs(10);
/// Of one statement; long works switch it off for themselves. Without it a lost lock would be waited for without end.
const STATEMENT: Duration = Duration::from_secs(60);
/// A lock is waited for no longer.
const LOCK: Duration = Duration::from_secs(10);
/// A transaction whose program stopped lets go of its locks after this time.
const IDLE: Duration = Duration::from_secs(5);
/// The same of a transaction that holds up others: with the lock on the head nobody appends, with the one on changes nobody
/// derives. A process that was halted holds it once for each of its connections that wait for it, one after the other.
pub(super) const STALLED: Duration = Duration::from_millis(1500);
/// The server has to acknowledge what was sent to it within this time.
const SILENCE: Duration = Duration::from_secs(15);

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("it is not an address of PostgreSQL")]
    Address,
    #[error("it names no database")]
    Database,
    #[error("the schema is not a plain name")]
    Schema,
}

impl PostgresPlace {
    /// Whether it can be one, without a connection.
    pub fn check(&self) -> Result<(), PlaceError> {
        let config = self.config().ok_or(PlaceError::Address)?;
        if config.get_hosts().is_empty() {
            return Err(PlaceError::Address);
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(PlaceError::Database);
        }
        let first = self.schema.starts_with(|it: char| it.is_ascii_lowercase() || it == '_');
        let rest = self.schema.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
        // It stands inside statements; and PostgreSQL cuts longer names without a word.
        if !first || !rest || self.schema.len() > 63 || self.schema.starts_with("pg_") {
            return Err(PlaceError::Schema);
        }
        Ok(())
    }

    fn config(&self) -> Option<Config> {
        let mut config: Config = self.url.parse().ok()?;
        let here = ["localhost", "127.0.0.1", "::1"];
        let far = |it: &Host| matches!(it, Host::Tcp(name) if !here.contains(&name.as_str()));
        // Elsewhere the words of other people would travel in the clear; who wants that says so.
        if config.get_hosts().iter().any(far) && !self.url.contains("sslmode=") {
            config.ssl_mode(SslMode::Require);
        }
        config.connect_timeout(CONNECT).keepalives_idle(SILENCE).tcp_user_timeout(SILENCE);
        if let Some(password) = &self.password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("karibarai");
        }
        Some(config)
    }

    fn tls(&self) -> StoreResult<MakeRustlsConnect> {
        let mut roots = RootCertStore::empty();
        if self.ca_files.is_empty() {
            roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        let unreadable = || StoreError::Unavailable("a file of ca_files cannot be read".to_owned());
        for path in &self.ca_files {
            let certificates = CertificateDer::pem_file_iter(path).map_err(|_| unreadable())?;
            for certificate in certificates {
                roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// The pool of all, and the one connection that appends: readers cannot keep it waiting.
pub(super) fn pools(place: &PostgresPlace, write: bool) -> StoreResult<(Pool, Pool)> {
    place.check().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let config = place.config().ok_or(StoreError::Closed)?;
    let tls = place.tls()?;
    let millis = |it: Duration| it.as_millis();
    let setup: Arc<str> = format!(
        "SET search_path TO \"{}\"; SET TIME ZONE 'UTC'; SET statement_timeout = {}; SET lock_timeout = {};
         SET idle_in_transaction_session_timeout = {}; SET default_transaction_read_only = {}",
        place.schema,
        millis(STATEMENT),
        millis(LOCK),
        millis(IDLE),
        if write { "off" } else { "on" },
    )
    .into();
    let pool = |size: usize| {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let setup = Arc::clone(&setup);
        Pool::builder(Manager::from_config(config.clone(), tls.clone(), manager))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .post_create(Hook::async_fn(move |client, _| {
                let setup = Arc::clone(&setup);
                Box::pin(async move { client.batch_execute(&setup).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    };
    Ok((pool(place.connections.saturating_sub(1).max(1))?, pool(1)?))
}

/// Values never stand in what is said: PostgreSQL's own texts may quote them, so only the state is told.
impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            let text = error.to_string();
            if text.starts_with("error deserializing") {
                return Self::Corrupt("a column has an unexpected type");
            }
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            return Self::Unavailable(format!("PostgreSQL: {text} {source}").trim_end().to_owned());
        };
        let what = match *state {
            SqlState::DISK_FULL => "its disk is full",
            SqlState::OUT_OF_MEMORY => "it has no memory left",
            SqlState::TOO_MANY_CONNECTIONS => "it takes no more connections",
            SqlState::READ_ONLY_SQL_TRANSACTION => "it only lets us read (is it a standby?)",
            SqlState::QUERY_CANCELED => "a statement took too long",
            SqlState::LOCK_NOT_AVAILABLE => "a lock was not had in time",
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
                "it is shutting down or starting"
            }
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "it does not know this user or password"
            }
            SqlState::INVALID_CATALOG_NAME => "there is no database of this name",
            SqlState::INSUFFICIENT_PRIVILEGE => "this user may not do that",
            SqlState::UNDEFINED_TABLE => "a table is missing",
            _ => "a statement failed",
        };
        Self::Unavailable(format!("PostgreSQL: {what} ({})", state.code()))
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            PoolError::Timeout(_) => {
                Self::Unavailable("PostgreSQL: no connection was had in time".to_owned())
            }
            PoolError::Closed => Self::Closed,
            other => Self::Unavailable(format!("PostgreSQL: {other}")),
        }
    }
}
