//! A copy of the record in an object storage, or in a folder by the same code: entries, tree and signed heads as objects
//! that never change, contents and files beside them, from where an erasure deletes them. `docs/format.md` names them all.
//!
//! Never: changes the ledger, believes that an object is there before it was read back, holds up anything else.

mod check;
mod names;
mod ship;
mod source;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use reqwest::{Certificate, Client, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::domain::Digest;
use crate::ledger::LedgerError;
use crate::platform;
use crate::proof::note::NoteError;
use crate::store::StoreError;

pub use check::{CheckedObjects, check};
pub use ship::{Shipper, shipped};

const CONNECT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// A request that fails is repeated this often at once; longer patience is the caller's.
const REPEATS: usize = 2;
const REPEATS_TIME: Duration = Duration::from_secs(20);
/// A larger file goes up in parts of this size.
const PART: usize = 8 << 20;
/// No object but a file is larger: 256 entries of a tile, or one content.
const MAX_OBJECT: u64 = 64 << 20;

/// Why the copy could not be brought on, or read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("cannot use the folder {path}")]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    /// The text of the source may name objects, and with them rooms and messages: it is for the owner's terminal.
    #[error("the object storage {}", said(.0))]
    Storage(#[from] Error),
    #[error("an object reads back as something else than was written")]
    Differs,
    #[error("an object that was deleted is still there")]
    NotDeleted,
    #[error("a stored file cannot be read")]
    File(#[source] io::Error),
    #[error("entry {0} cannot be copied: its bytes are not what its hash says")]
    Damaged(u64),
    #[error("there is no copy of a ledger")]
    Nothing,
}

fn said(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => "does not know the bucket or the object",
        Error::PermissionDenied { .. } => "does not allow it",
        Error::Unauthenticated { .. } => "does not accept the key",
        Error::Generic { .. } => "cannot be reached, or answers with an error",
        _ => "does not do what is asked",
    }
}

/// Where the copy is.
#[derive(Clone, Debug)]
pub enum Place {
    Folder(PathBuf),
    Bucket(Bucket),
}

/// A part of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub bucket: String,
    pub prefix: String,
    /// `None`: Amazon's own, by the region.
    pub endpoint: Option<String>,
    pub region: String,
    pub key_id: String,
    pub secret_key: SecretString,
}

/// The storage. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Tells one place from another.
    name: Digest,
}

impl Objects {
    /// Nothing is asked of a bucket yet; a folder is made.
    pub fn open(place: &Place) -> Result<Self, ObjectsError> {
        match place {
            Place::Folder(path) => {
                let failed = |source| ObjectsError::Folder { path: path.clone(), source };
                if !path.is_dir() {
                    platform::make_private_folder(path).map_err(failed)?;
                }
                let path = path.canonicalize().map_err(failed)?;
                let store = LocalFileSystem::new_with_prefix(&path)?.with_fsync(true);
                let name = Sha256::digest(format!("file {}", path.display())).into();
                Ok(Self { store: Arc::new(store), prefix: Path::default(), name })
            }
            Place::Bucket(it) => {
                let retry = RetryConfig {
                    backoff: BackoffConfig::default(),
                    max_retries: REPEATS,
                    retry_timeout: REPEATS_TIME,
                };
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(&it.bucket)
                    .with_region(&it.region)
                    .with_access_key_id(&it.key_id)
                    .with_secret_access_key(it.secret_key.expose_secret())
                    .with_retry(retry)
                    .with_http_connector(Connector(client()?));
                if let Some(endpoint) = &it.endpoint {
                    // The configuration allows http to this machine alone.
                    builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
                }
                let name = format!(
                    "s3 {} {} {}",
                    it.endpoint.as_deref().unwrap_or(&it.region),
                    it.bucket,
                    it.prefix
                );
                let prefix = Path::parse(&it.prefix).map_err(Error::from)?;
                Ok(Self { store: Arc::new(builder.build()?), prefix, name: Sha256::digest(name).into() })
            }
        }
    }

    fn path(&self, ledger: &str, name: &str) -> Result<Path, ObjectsError> {
        let whole = match self.prefix.as_ref() {
            "" => format!("{ledger}/{name}"),
            prefix => format!("{prefix}/{ledger}/{name}"),
        };
        Ok(Path::parse(whole).map_err(Error::from)?)
    }

    /// The object is there with these bytes when it returns.
    async fn put(&self, ledger: &str, name: &str, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        let path = self.path(ledger, name)?;
        let bytes = Bytes::from(bytes);
        self.store.put(&path, bytes.clone().into()).await?;
        let back = self.store.get(&path).await?.bytes().await?;
        if back == bytes { Ok(()) } else { Err(ObjectsError::Differs) }
    }

    /// The same for a file, in parts; it must have that hash.
    async fn put_file(
        &self,
        ledger: &str,
        name: &str,
        file: File,
        hash: &Digest,
    ) -> Result<(), ObjectsError> {
        let path = self.path(ledger, name)?;
        let (mut file, first) = part_of(file).await?;
        if first.len() < PART {
            self.store.put(&path, first.into()).await?;
        } else {
            let mut upload = self.store.put_multipart(&path).await?;
            if let Err(error) = send_parts(&mut *upload, &mut file, first).await {
                // What it leaves otherwise is paid for, and shows nowhere.
                upload.abort().await?;
                return Err(error);
            }
        }
        if self.hash(ledger, name).await? == Some(*hash) { Ok(()) } else { Err(ObjectsError::Differs) }
    }

    /// `None` where there is no such object.
    async fn get(&self, ledger: &str, name: &str) -> Result<Option<Bytes>, ObjectsError> {
        let found = match self.store.get(&self.path(ledger, name)?).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        if found.meta.size > MAX_OBJECT {
            return Err(ObjectsError::Differs);
        }
        Ok(Some(found.bytes().await?))
    }

    /// SHA-256 of an object's bytes, whatever their number.
    async fn hash(&self, ledger: &str, name: &str) -> Result<Option<Digest>, ObjectsError> {
        let mut parts = match self.store.get(&self.path(ledger, name)?).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found?.into_stream(),
        };
        let mut hash = Sha256::new();
        while let Some(part) = parts.next().await {
            hash.update(part?);
        }
        Ok(Some(hash.finalize().into()))
    }

    /// The object is not there any more when it returns.
    async fn delete(&self, ledger: &str, name: &str) -> Result<(), ObjectsError> {
        let path = self.path(ledger, name)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match self.store.head(&path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            Ok(_) => Err(ObjectsError::NotDeleted),
            Err(error) => Err(error.into()),
        }
    }

    /// Ids of the ledgers that have objects here.
    async fn ledgers(&self) -> Result<Vec<String>, ObjectsError> {
        let prefix = Some(&self.prefix).filter(|it| !it.as_ref().is_empty());
        let found = self.store.list_with_delimiter(prefix).await?;
        Ok(found.common_prefixes.iter().filter_map(|it| Some(it.filename()?.to_owned())).collect())
    }
}

/// The next part, and the file to go on with; less than [`PART`] at the end alone.
async fn part_of(mut file: File) -> Result<(File, Bytes), ObjectsError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::with_capacity(PART);
        let limit = u64::try_from(PART).unwrap_or(u64::MAX);
        (&mut file).take(limit).read_to_end(&mut bytes)?;
        Ok((file, Bytes::from(bytes)))
    });
    read.await.map_err(|error| ObjectsError::File(io::Error::other(error)))?.map_err(ObjectsError::File)
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    file: &mut File,
    first: Bytes,
) -> Result<(), ObjectsError> {
    let mut part = first;
    while !part.is_empty() {
        upload.put_part(part.into()).await?;
        let again = file.try_clone().map_err(ObjectsError::File)?;
        part = part_of(again).await?.1;
    }
    upload.complete().await?;
    Ok(())
}

/// Hands out our own client: its roots, no proxy, no redirects.
#[derive(Debug)]
struct Connector(Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

fn client() -> Result<Client, ObjectsError> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|it| Certificate::from_der(it));
    let roots = roots.collect::<Result<Vec<_>, _>>().map_err(ObjectsError::Client)?;
    Client::builder()
        .user_agent(concat!("karibarai/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(roots)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
        .map_err(ObjectsError::Client)
}
