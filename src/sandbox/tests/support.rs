//! A sandbox with the usual world, a clock to move, a client, and a receiver of webhooks that answers as told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use reqwest::Client;
use serde_json::Value;

use crate::sandbox::{Limits, Rules, Sandbox, SandboxConfig, SandboxHandle, World, deliver};

/// 2023-11-14T22:13:20Z
pub(super) const START_MS: i64 = 1_700_000_000_000;

pub(super) struct Bed {
    pub(super) sandbox: Sandbox,
    pub(super) world: World,
    pub(super) receiver: Receiver,
    clock: Arc<AtomicI64>,
    client: Client,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|it| it.to_str().unwrap())
    }

    pub(super) fn error(&self) -> String {
        self.json()["errors"][0].as_str().unwrap().to_owned()
    }
}

impl Bed {
    pub(super) async fn new() -> Self {
        Self::with(Rules::default()).await
    }

    pub(super) async fn with(rules: Rules) -> Self {
        Self::with_limits(rules, Limits::default()).await
    }

    pub(super) async fn with_limits(rules: Rules, limits: Limits) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let hand = Arc::clone(&clock);
        let mut config = SandboxConfig::new(Arc::new(move || hand.load(Ordering::SeqCst)));
        config.rules = rules;
        config.limits = limits;
        let sandbox = Sandbox::start(config).await.unwrap();
        let receiver = Receiver::start().await;
        let world = sandbox.handle().world(Some(&receiver.url)).unwrap();
        let client = deliver::client(Duration::from_secs(10)).unwrap();
        Self { sandbox, world, receiver, clock, client }
    }

    pub(super) fn handle(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    pub(super) fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// The client posts into the direct room.
    pub(super) fn client_posts(&self, body: &str) -> String {
        self.handle().post(self.world.client.account_id, self.world.direct_room_id, body).unwrap()
    }

    /// Path of the direct room, followed by `rest`.
    pub(super) fn direct(&self, rest: &str) -> String {
        format!("/rooms/{}{rest}", self.world.direct_room_id)
    }

    pub(super) fn group(&self, rest: &str) -> String {
        format!("/rooms/{}{rest}", self.world.group_room_id)
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[]).await
    }

    /// As the owner.
    pub(super) async fn call(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        self.call_as(&self.world.owner.api_token, method, path, form).await
    }

    pub(super) async fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
    ) -> Reply {
        self.try_call(token, method, path, form).await.unwrap()
    }

    pub(super) async fn try_call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
    ) -> reqwest::Result<Reply> {
        let url = format!("{}{path}", self.sandbox.api_base());
        let mut request = self.client.request(method.parse().unwrap(), url).header("x-chatworktoken", token);
        if !form.is_empty() {
            request = request.form(form);
        }
        read(request.send().await?).await
    }

    pub(super) async fn fetch(&self, url: &str) -> Reply {
        read(self.client.get(url).send().await.unwrap()).await.unwrap()
    }

    /// The control surface, with a body or "".
    pub(super) async fn control(&self, method: &str, path: &str, body: &str) -> Reply {
        let url = format!("http://{}/_sandbox{path}", self.sandbox.addr());
        let request = self.client.request(method.parse().unwrap(), url).body(body.to_owned());
        read(request.send().await.unwrap()).await.unwrap()
    }
}

async fn read(response: reqwest::Response) -> reqwest::Result<Reply> {
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

/// One webhook as it arrived.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) headers: HeaderMap,
    pub(super) uri: Uri,
    pub(super) body: String,
}

impl Arrival {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn text(&self) -> String {
        self.json()["webhook_event"]["body"].as_str().unwrap().to_owned()
    }

    pub(super) fn event_type(&self) -> String {
        self.json()["webhook_event_type"].as_str().unwrap().to_owned()
    }
}

#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    arrivals: Mutex<Vec<Arrival>>,
    /// Answers to come; 200 without a body when there are none.
    answers: Mutex<VecDeque<(u16, usize)>>,
}

impl Receiver {
    async fn start() -> Self {
        let inner = Arc::new(Inner { arrivals: Mutex::default(), answers: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=1", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(receive).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    pub(super) fn answer_next(&self, status: u16, n_bytes: usize) {
        self.inner.answers.lock().unwrap().push_back((status, n_bytes));
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.inner.arrivals.lock().unwrap().clone()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.arrivals().iter().map(Arrival::text).collect()
    }
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    inner.arrivals.lock().unwrap().push(Arrival { headers, uri, body });
    let (status, n_bytes) = inner.answers.lock().unwrap().pop_front().unwrap_or((200, 0));
    (StatusCode::from_u16(status).unwrap(), vec![b'x'; n_bytes])
}
