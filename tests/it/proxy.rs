//! The recipes of `deploy/` as they stand there, run by the real programs: signed deliveries come through unharmed.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::support::{Bot, all_records, created, environment, sign, until};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const AT_ONCE: usize = 32;
const TOO_LARGE: reqwest::StatusCode = reqwest::StatusCode::PAYLOAD_TOO_LARGE;

/// A program that is ended when the test is.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None` where it is not installed; under `tests/run` it is.
fn program(name: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|it| Path::new(it).join(name));
    let found = found.into_iter().find(|it| it.exists());
    assert!(found.is_some() || environment("KARIBARAI_TESTS_RUN").is_none(), "{name} is not installed");
    found
}

/// The recipe with what belongs to the place put in; every part must stand in it.
fn recipe(name: &str, parts: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(Path::new(ROOT).join("deploy").join(name)).unwrap();
    for (part, own) in parts {
        assert!(text.contains(part), "deploy/{name} has no `{part}` any more");
        text = text.replace(part, own);
    }
    text
}

/// A certificate for `localhost` and its key.
fn certificate(folder: &Path) -> (String, String) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    (cert.display().to_string(), key.display().to_string())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_carries_signed_deliveries_unharmed() {
    let Some(nginx) = program("nginx") else { return };
    let bot = Bot::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let port = free_port();
    let site = recipe(
        "nginx.conf",
        &[
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")),
            ("\tlisten [::]:443 ssl;\n", ""),
            ("/etc/letsencrypt/live/bot.example.jp/fullchain.pem", &cert),
            ("/etc/letsencrypt/live/bot.example.jp/privkey.pem", &key),
            ("server_name bot.example.jp;", "server_name localhost;"),
            ("server 127.0.0.1:8787", &format!("server {}", bot.public)),
        ],
    );
    let here = folder.path().display();
    fs::write(folder.path().join("site.conf"), site).unwrap();
    let main = format!(
        "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\n\
         client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\nfastcgi_temp_path {here}/f;\n\
         uwsgi_temp_path {here}/u;\nscgi_temp_path {here}/s;\ninclude {here}/site.conf;\n}}\n"
    );
    fs::write(folder.path().join("nginx.conf"), main).unwrap();
    let mut command = Command::new(nginx);
    command.arg("-c").arg(folder.path().join("nginx.conf")).arg("-p").arg(folder.path());
    let proxy = Proxy(command.stdin(Stdio::null()).spawn().unwrap());
    carries(bot, port, &cert).await;
    drop(proxy);
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_carries_signed_deliveries_unharmed() {
    let bot = Bot::start().await;
    let folder = tempfile::tempdir().unwrap();
    let Some((proxy, port, cert)) = caddy_before(&bot.public.to_string(), folder.path()) else { return };
    carries(bot, port, &cert).await;
    drop(proxy);
}

/// Caddy with its recipe before what listens at `upstream`; the port of its HTTPS and its certificate.
fn caddy_before(upstream: &str, folder: &Path) -> Option<(Proxy, u16, String)> {
    let caddy = program("caddy")?;
    let (cert, key) = certificate(folder);
    let port = free_port();
    let config = recipe(
        "Caddyfile",
        &[
            ("{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {"),
            ("{$KARIBARAI_HOST:localhost} {", &format!("https://localhost:{port} {{\n\ttls {cert} {key}")),
            ("127.0.0.1:8787", upstream),
        ],
    );
    fs::write(folder.join("Caddyfile"), config).unwrap();
    let mut command = Command::new(caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
    command.env_clear().env("HOME", folder).env("XDG_DATA_HOME", folder);
    command.env("XDG_CONFIG_HOME", folder).stdin(Stdio::null()).stderr(Stdio::null());
    Some((Proxy(command.spawn().unwrap()), port, cert))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_over_ssh_carries_what_caddy_took_on_the_server() {
    let (Some(server), Some(client)) = (program("sshd"), program("ssh")) else { return };
    let bot = Bot::start().await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    for key in ["host", "own"] {
        let mut made = Command::new("ssh-keygen");
        let made = made.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        assert!(made.arg(folder.path().join(key)).status().unwrap().success());
    }
    let (port, entry) = (free_port(), free_port());
    // As the unit says it of the server.
    let own = fs::read_to_string(folder.path().join("own.pub")).unwrap();
    let unit = recipe("karibarai-tunnel.service", &[("127.0.0.1:8787\"", &format!("127.0.0.1:{entry}\""))]);
    let restricted = unit.lines().find_map(|it| it.split_once("authorized_keys: ")?.1.split_once(" ssh-"));
    fs::write(folder.path().join("authorized"), format!("{} {own}", restricted.unwrap().0)).unwrap();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nPidFile none\nStrictModes no\nUsePAM no\n\
         AuthorizedKeysFile {here}/authorized\nPasswordAuthentication no\n"
    );
    fs::write(folder.path().join("sshd_config"), config).unwrap();
    let mut command = Command::new(server);
    command.args(["-D", "-e", "-f"]).arg(folder.path().join("sshd_config"));
    let server = Proxy(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the server to listen", || async { TcpStream::connect(("127.0.0.1", port)).is_ok() }).await;

    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let start = unit.lines().find_map(|it| it.strip_prefix("ExecStart=/usr/bin/ssh ")).unwrap();
    let start = start.replace("127.0.0.1:8787:127.0.0.1:8787", &format!("127.0.0.1:{entry}:{}", bot.public));
    let start = start.replace("karibarai@bot.example.jp", &format!("{}@127.0.0.1", user.trim()));
    let mut command = Command::new(client);
    command.args(["-F", "none", "-o", "StrictHostKeyChecking=accept-new", "-o"]);
    command.arg(format!("UserKnownHostsFile={here}/known")).arg("-i").arg(folder.path().join("own"));
    command.arg("-p").arg(port.to_string()).args(start.split(' ')).stdin(Stdio::null());
    let tunnel = Proxy(command.stderr(Stdio::null()).spawn().unwrap());
    until("the tunnel to stand", || async { TcpStream::connect(("127.0.0.1", entry)).is_ok() }).await;

    let before = caddy_before(&format!("127.0.0.1:{entry}"), folder.path());
    let Some((proxy, port, cert)) = before else { return };
    carries(bot, port, &cert).await;
    drop((proxy, tunnel, server));
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_brings_each_owner_s_deliveries_to_his_own_process() {
    let Some(caddy) = program("caddy") else { return };
    let bots = [Bot::start().await, Bot::start().await];
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let port = free_port();
    let ports = [0, 1].map(|it| bots[it].public.port().to_string());
    let config = recipe(
        "owners.Caddyfile",
        &[
            ("{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {"),
            ("{$KARIBARAI_HOST:localhost} {", &format!("https://localhost:{port} {{\n\ttls {cert} {key}")),
            ("yamada 8801", &format!("yamada {}", ports[0])),
            ("suzuki 8802", &format!("suzuki {}", ports[1])),
        ],
    );
    fs::write(folder.path().join("Caddyfile"), config).unwrap();
    let mut command = Command::new(caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.path().join("Caddyfile"));
    command.env_clear().env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path());
    command.env("XDG_CONFIG_HOME", folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let proxy = Proxy(command.spawn().unwrap());
    let root = reqwest::Certificate::from_pem(&fs::read(&cert).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    let base = format!("https://localhost:{port}/webhook");
    until("the proxy to answer", || async {
        client.get(format!("{base}/nobody")).send().await.is_ok_and(|it| it.status() == 404)
    })
    .await;
    for (bot, owner) in bots.iter().zip(["yamada", "suzuki"]) {
        for n in 0..20 {
            let text = format!("{owner} {}", body_of(n));
            let body = created(bot.world.direct_room, 8_000 + n as u64, bot.world.colleague, &text);
            let signature = sign(&bot.world.webhook_tokens[0], body.as_bytes());
            let request = client.post(format!("{base}/{owner}"));
            // The query comes along when the path is cut.
            let request = match n % 2 {
                0 => request.query(&[("chatwork_webhook_signature", &signature)]),
                _ => request.header("x-chatworkwebhooksignature", &signature),
            };
            assert_eq!(request.body(body).send().await.unwrap().status(), 200, "{owner} {n}");
        }
        let large =
            client.post(format!("{base}/{owner}")).body("x".repeat((1 << 20) + 1)).send().await.unwrap();
        assert_eq!(large.status(), TOO_LARGE);
    }
    for path in ["", "/", "/nobody", "/yamada/x", "/../healthz"] {
        let answer = client.post(format!("{base}{path}")).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    drop(proxy);
    for (bot, owner) in bots.into_iter().zip(["yamada", "suzuki"]) {
        let contents: Vec<String> = bot
            .records()
            .await
            .iter()
            .filter(|it| it.entry().unwrap().source.as_str() == "webhook")
            .filter_map(|it| Some(String::from_utf8_lossy(it.content_bytes()?).into_owned()))
            .collect();
        assert_eq!(contents.len(), 20);
        assert!(contents.iter().all(|it| it.contains(owner)), "one owner's words came to another");
        bot.finish().await;
    }
}

/// Texts that a proxy might change, of all sizes.
fn body_of(n: usize) -> String {
    match n % 5 {
        0 => format!("{n}件目：お世話になっております。\r\n「追加」の件です😀"),
        1 => format!("{n} & <b>{}</b> \\ \" \u{0} %2B+/==", "a".repeat(n % 4000)),
        2 => format!("{n}{}", "長".repeat(20_000)),
        3 => format!("{n}[info][title]件名[/title]本文[/info]\n\n"),
        _ => n.to_string(),
    }
}

async fn carries(bot: Bot, port: u16, cert: &str) {
    let root = reqwest::Certificate::from_pem(&fs::read(cert).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    let base = format!("https://localhost:{port}");
    until("the proxy to answer", || async {
        let answer = client.get(format!("{base}/healthz")).send().await;
        answer.is_ok_and(|it| it.status() == 200)
    })
    .await;
    let count = if environment("KARIBARAI_TESTS_LONG").is_some() { 10_000 } else { 400 };
    let token = Arc::new(bot.world.webhook_tokens[0].clone());
    let room = bot.world.direct_room;
    let author = bot.world.colleague;
    let sent: BTreeMap<String, String> = stream::iter(0..count)
        .map(|n| {
            let (client, base, token) = (client.clone(), base.clone(), Arc::clone(&token));
            async move {
                let body = created(room, 7_000_000_000_000_000_000 + n as u64, author, &body_of(n));
                let signature = sign(&token, body.as_bytes());
                let url = format!("{base}/webhook");
                // Either place where a signature may stand.
                let request = match n % 3 {
                    0 => client.post(url).query(&[("chatwork_webhook_signature", &signature)]),
                    _ => client.post(url).header("x-chatworkwebhooksignature", &signature),
                };
                let answer = request.body(body.clone()).send().await.unwrap();
                assert_eq!(answer.status(), 200, "delivery {n}");
                (signature, body)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert_eq!(sent.len(), count);
    let refused = client.post(format!("{base}/webhook")).body("{}").send().await.unwrap();
    assert_eq!(refused.status(), 401, "without a signature");
    for length in [(1 << 20) + 1, 2 << 20] {
        let large = "x".repeat(length);
        // With its length announced, and without.
        let parts: Vec<std::io::Result<Vec<u8>>> =
            large.as_bytes().chunks(1 << 16).map(|it| Ok(it.to_vec())).collect();
        let parts = reqwest::Body::wrap_stream(stream::iter(parts));
        let announced = client.post(format!("{base}/webhook")).body(large).send().await.unwrap();
        let unannounced = client.post(format!("{base}/webhook")).body(parts).send().await.unwrap();
        assert_eq!((announced.status(), unannounced.status()), (TOO_LARGE, TOO_LARGE), "{length} bytes");
    }
    let elsewhere = client.get(format!("{base}/metrics")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404, "the pages and figures are not shown to the world");
    let mut unharmed = 0;
    for record in all_records(&bot.store).await {
        let Some((_, content)) = &record.content else { continue };
        let Ok(content) = serde_json::from_slice::<Value>(content) else { continue };
        if let Some(body) = content["signature"].as_str().and_then(|it| sent.get(it)) {
            assert_eq!(content["body"].as_str(), Some(body.as_str()));
            unharmed += 1;
        }
    }
    assert_eq!(unharmed, count, "what was answered 200 stands in the ledger, byte for byte");
    bot.finish().await;
}
