//! A PostgreSQL of the tests' own: made when the first test asks for it, on a socket of its own, gone with the process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use karibarai::store::PostgresPlace;

/// Makes the cluster, says where it is, and ends it when standard input does: however the tests end, that happens.
const SCRIPT: &str = r#"
set -eu
umask 077
# Short, since the path of a socket is: and readable for the user who runs it.
home=$(mktemp -d /tmp/postgres.XXXXXX)
trap 'rm -rf "$home"' EXIT
"$1/initdb" --no-sync -D "$home/data" -U karibarai -A trust -E UTF8 --locale=C --locale-provider=icu --icu-locale=ja-JP >"$home/log" 2>&1 || { cat "$home/log" >&2; exit 1; }
options="-c listen_addresses="
# With a port: over the network by TLS and password alone.
if [ -n "$2" ]; then
    cd "$home"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt 2>>log
    openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr 2>>log
    printf 'subjectAltName=IP:127.0.0.1\n' >names
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt 2>>log
    printf 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n' >data/pg_hba.conf
    options="-c listen_addresses=127.0.0.1 -c port=$2 -c ssl=on -c ssl_cert_file=$home/server.crt -c ssl_key_file=$home/server.key"
fi
start() {
    "$1/postgres" -D "$home/data" -k "$home" $options -c max_connections=400 -c shared_buffers=64MB \
        -c log_min_messages=fatal >>"$home/log" 2>&1 &
    server=$!
    until "$1/pg_isready" -q -h "$home" -p "${2:-5432}"; do kill -0 $server || { cat "$home/log" >&2; exit 1; }; sleep 0.05; done
}
start "$1" "$2"
echo "$home"
while read -r order; do
    case "$order" in
        # As a power cut leaves it: nothing is finished, memory is gone.
        crash) kill -QUIT $server; wait $server || true ;;
        start) start "$1" "$2" ;;
    esac
    echo "$order"
done
kill -INT $server; wait $server || true
"#;

pub(crate) struct Cluster {
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    home: String,
    pub(crate) port: Option<u16>,
    // Its input ends with this value, and with it the server.
    _script: Child,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::start_on(None)
    }

    /// One that listens on a port of 127.0.0.1 too, with TLS and a password.
    pub(crate) fn start_with_tls() -> Self {
        // Let go of at once: PostgreSQL cannot be told to take any that is free.
        let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::start_on(Some(port))
    }

    fn start_on(port: Option<u16>) -> Self {
        let programs = programs();
        let root =
            std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
        // PostgreSQL refuses to run as root.
        let mut command = if root { Command::new("setpriv") } else { Command::new("bash") };
        if root {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "bash"]);
        }
        let mut script = command
            .args(["-c", SCRIPT, "cluster"])
            .arg(&programs)
            .arg(port.map(|it| it.to_string()).unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut answers = BufReader::new(answers);
        let mut home = String::new();
        answers.read_line(&mut home).unwrap();
        assert!(!home.is_empty(), "no PostgreSQL could be started from {}", programs.display());
        Self { orders, answers, home: home.trim().to_owned(), port, _script: script }
    }

    /// `crash` or `start`; back when it is done.
    pub(crate) fn order(&mut self, order: &str) {
        use std::io::Write as _;
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), order);
    }

    pub(crate) fn url(&self, user: &str) -> String {
        let port = self.port.unwrap_or(5432);
        format!("postgres:///postgres?user={user}&port={port}&host={}", self.home.replace('/', "%2F"))
    }

    /// The certificate of the authority that vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        Path::new(&self.home).join("ca.crt")
    }

    pub(crate) fn place(&self, schema: &str) -> PostgresPlace {
        PostgresPlace {
            url: self.url("karibarai"),
            password: None,
            schema: schema.to_owned(),
            connections: 6,
            ca_files: Vec::new(),
        }
    }
}

/// Where the newest PostgreSQL's programs lie, 15 or later.
fn programs() -> PathBuf {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|it| it.path());
    let newest = found.filter(|it| version(it).is_some_and(|it| it >= 15)).max_by_key(|it| version(it));
    // Skipping would pass what was not looked at.
    newest.expect("PostgreSQL 15 or later is needed; tests/run installs it").join("bin")
}

/// The one of this process.
pub(crate) fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

/// A schema of its own in the shared cluster.
pub(crate) fn fresh() -> PostgresPlace {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    shared().place(&format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}
