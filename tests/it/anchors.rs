//! Time stamps: a local authority made with openssl, the bot that asks it, and everybody who checks its answers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::evidence::{karibarai, text};
use crate::support::Bot;

const CONFIG: &str = "
[tsa]
default_tsa = here
[here]
dir = .
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
";

/// An authority in a folder of its own, answering on loopback.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    address: SocketAddr,
    /// Answers over something else than was asked.
    pub(crate) lies: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Authority {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_owned();
        fs::write(here.join("tsa.cnf"), CONFIG).unwrap();
        // An even number of digits, as `openssl ts` wants it.
        fs::write(here.join("serial"), "01\n").unwrap();
        let key = |name: &str| {
            openssl(
                &here,
                &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name],
            );
        };
        key("ca.key");
        key("tsa.key");
        let days = "3650";
        openssl(
            &here,
            &[
                "req",
                "-x509",
                "-new",
                "-key",
                "ca.key",
                "-subj",
                "/CN=Test Root",
                "-days",
                days,
                "-out",
                "ca.pem",
                "-config",
                "/dev/null",
                "-addext",
                "basicConstraints=critical,CA:true",
                "-addext",
                "keyUsage=critical,keyCertSign",
            ],
        );
        openssl(
            &here,
            &[
                "req",
                "-new",
                "-key",
                "tsa.key",
                "-subj",
                "/CN=Test Authority",
                "-out",
                "tsa.csr",
                "-config",
                "/dev/null",
            ],
        );
        openssl(
            &here,
            &[
                "x509",
                "-req",
                "-in",
                "tsa.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-set_serial",
                "7",
                "-days",
                days,
                "-extfile",
                "tsa.cnf",
                "-extensions",
                "stamping",
                "-out",
                "tsa.pem",
            ],
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (lies, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (lying, stopping) = (Arc::clone(&lies), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream.unwrap(), &here, lying.load(Ordering::SeqCst));
            }
        });
        Self { folder, address, lies, stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/tsr", self.address)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, folder: &Path, lies: bool) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    let (head, length) = loop {
        let count = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..count]);
        if let Some(at) = request.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..at]).to_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
            break (at + 4, length.parse::<usize>().unwrap());
        }
        assert!(count > 0, "the request ended early");
    };
    while request.len() < head + length {
        let count = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..count]);
    }
    fs::write(folder.join("query.tsq"), &request[head..]).unwrap();
    if lies {
        fs::write(folder.join("other.txt"), "something else").unwrap();
        openssl(folder, &["ts", "-query", "-data", "other.txt", "-sha256", "-cert", "-out", "query.tsq"]);
    }
    openssl(folder, &["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"]);
    let reply = fs::read(folder.join("reply.tsr")).unwrap();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", reply.len()).unwrap();
    stream.write_all(&reply).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_is_got_kept_and_confirms_ledger_and_package() {
    let authority = Authority::start();
    let root = authority.root().display().to_string();
    let bot = Bot::start_with(&[
        ("KARIBARAI_ANCHOR__AUTHORITIES", &authority.url()),
        ("KARIBARAI_ANCHOR__CA_FILES", &root),
    ])
    .await;
    bot.until("the first time stamp", || async { bot.count("checkpoint.anchored").await == 1 }).await;
    bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.settled().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // By hand, over what has come since.
    let signed = karibarai(here, &["checkpoint"], &env);
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed));
    assert!(text(&signed).contains("Test Authority"), "{}", text(&signed));
    let made = karibarai(here, &["export", "--room", &room, "--out", "a.zip"], &env);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let package = here.join("a.zip").display().to_string();
    // Who trusts the authority is told so; who does not know it, is told that as well; both find it intact.
    let known = karibarai(here, &["verify", &package, "--authority", &root], &[]);
    assert_eq!(known.status.code(), Some(0), "{}", text(&known));
    assert!(text(&known).contains("Test Authority shows that"), "{}", text(&known));
    let unknown = karibarai(here, &["verify", &package], &[]);
    assert_eq!(unknown.status.code(), Some(0), "{}", text(&unknown));
    assert!(
        text(&unknown).contains("is not known here") && text(&unknown).contains("nothing outside"),
        "{}",
        text(&unknown)
    );
    let live = karibarai(here, &["verify"], &env);
    assert_eq!(live.status.code(), Some(0), "{}", text(&live));
    assert!(text(&live).contains("Test Authority shows that"), "{}", text(&live));

    // openssl says the same of the stored answer.
    let anchors = bot.data_dir().join("anchors");
    let stamps: Vec<PathBuf> = fs::read_dir(&anchors)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "tsr"))
        .collect();
    assert_eq!(stamps.len(), 2);
    let database = rusqlite::Connection::open(bot.data_dir().join("karibarai.db")).unwrap();
    for stamp in &stamps {
        let name = stamp.file_name().unwrap().to_str().unwrap();
        let size: i64 = name.split('-').next().unwrap().parse().unwrap();
        let note: String = database
            .query_row("SELECT note FROM checkpoints WHERE size = ?1", (size,), |row| row.get(0))
            .unwrap();
        fs::write(here.join("checkpoint.note"), note).unwrap();
        // openssl takes a space in this place for the end of a name.
        fs::copy(stamp.with_extension("pem"), here.join("chain.pem")).unwrap();
        openssl(
            here,
            &[
                "ts",
                "-verify",
                "-data",
                "checkpoint.note",
                "-in",
                stamp.to_str().unwrap(),
                "-CAfile",
                &root,
                "-untrusted",
                "chain.pem",
            ],
        );
    }
    // A stamp over another head, and one with any byte changed, is not called a confirmation.
    let (one, other) = (&stamps[0], &stamps[1]);
    let good = fs::read(one).unwrap();
    fs::copy(other, one).unwrap();
    let swapped = karibarai(here, &["verify"], &env);
    assert_eq!(swapped.status.code(), Some(1), "{}", text(&swapped));
    assert!(text(&swapped).contains("over something else"), "{}", text(&swapped));
    for at in (0..good.len()).step_by(good.len() / 12) {
        let mut bent = good.clone();
        bent[at] ^= 1;
        fs::write(one, &bent).unwrap();
        let found = karibarai(here, &["verify"], &env);
        assert_eq!(found.status.code(), Some(1), "byte {at}: {}", text(&found));
    }
    fs::remove_file(one).unwrap();
    assert_eq!(karibarai(here, &["verify"], &env).status.code(), Some(1), "a stamp that is gone");
    fs::write(one, &good).unwrap();
    assert_eq!(karibarai(here, &["verify"], &env).status.code(), Some(0));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_something_else_or_of_a_stranger_is_refused() {
    let authority = Authority::start();
    authority.lies.store(true, Ordering::SeqCst);
    let bot = Bot::start().await;
    bot.settled().await;
    let folder = tempfile::tempdir().unwrap();
    let root = authority.root().display().to_string();
    let with = |root: &str| {
        let mut env = bot.settings();
        env.push(("KARIBARAI_ANCHOR__AUTHORITIES".to_owned(), authority.url()));
        env.push(("KARIBARAI_ANCHOR__CA_FILES".to_owned(), root.to_owned()));
        env
    };
    let lied = karibarai(folder.path(), &["checkpoint"], &with(&root));
    assert_eq!(lied.status.code(), Some(1), "{}", text(&lied));
    assert!(text(&lied).contains("over something else"), "{}", text(&lied));
    authority.lies.store(false, Ordering::SeqCst);
    let stranger = Authority::start();
    let refused = karibarai(folder.path(), &["checkpoint"], &with(&stranger.root().display().to_string()));
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("does not lead to a root"), "{}", text(&refused));
    assert_eq!(bot.count("checkpoint.anchored").await, 0);
    assert!(!bot.data_dir().join("anchors").exists());
    bot.finish().await;
}
