//! The control surface as a script sees it.

use serde_json::json;

use super::support::{Bed, START_MS};

#[tokio::test]
async fn a_script_can_play_a_whole_scene() {
    let bed = Bed::new().await;
    let body = json!({ "webhook_url": bed.receiver.url }).to_string();
    let world = bed.control("POST", "/world", &body).await.json();
    assert_eq!(world["api_base"], bed.sandbox.api_base());
    assert_eq!(world["webhooks"].as_array().unwrap().len(), 3);
    let room = &world["direct_room_id"];
    let client = &world["client"]["account_id"];
    let messages = format!("/rooms/{room}/messages");

    let body = json!({"account_id": client, "body": "追加で3本お願いします"}).to_string();
    let posted = bed.control("POST", &messages, &body).await.json();
    let id = posted["message_id"].as_str().unwrap();
    assert_eq!(bed.control("PUT", &format!("{messages}/{id}"), r#"{"body":"5本"}"#).await.status, 200);
    let reply = format!("[rp aid={client} to={room}-{id}]山田さん\n仮払いをお願いします");
    let token = world["owner"]["api_token"].as_str().unwrap();
    bed.call_as(token, "POST", &messages, &[("body", &reply)]).await;
    assert_eq!(bed.control("DELETE", &format!("{messages}/{id}"), "").await.status, 200);

    let replies = bed.control("GET", &format!("{messages}/{id}/replies"), "").await.json();
    assert_eq!((&replies[0]["body"], &replies[0]["by_api"]), (&json!(reply), &json!(true)));
    let history = bed.control("GET", &format!("/rooms/{room}/history"), "").await.json();
    let kinds: Vec<_> = history.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "edited", "created", "deleted"]);
    assert_eq!(bed.control("POST", "/idle", "").await.json(), json!({"idle": true, "held": 0}));
    let deliveries = bed.control("GET", "/deliveries", "").await.json();
    assert_eq!(deliveries.as_array().unwrap().len(), 3);
    assert_eq!((&deliveries[0]["outcome"], &deliveries[0]["status"]), (&json!("delivered"), &json!(200)));
    let calls = bed.control("GET", "/calls", "").await.json();
    assert_eq!(calls["by_endpoint"]["POST /rooms/{room_id}/messages"], 1);
}

#[tokio::test]
async fn people_rooms_tasks_files_and_webhooks_by_hand() {
    let bed = Bed::new().await;
    let one = bed.control("POST", "/accounts", r#"{"name":"一","free_plan":true}"#).await.json();
    let two = bed.control("POST", "/accounts", r#"{"name":"二"}"#).await.json();
    let (one, two) = (&one["account_id"], &two["account_id"]);
    assert_eq!(bed.control("PUT", &format!("/accounts/{one}"), r#"{"free_plan":false}"#).await.status, 200);
    let body = json!({"kind": "group", "name": "部屋", "members": [{"account_id": one, "role": "admin"}]});
    let room = bed.control("POST", "/rooms", &body.to_string()).await.json()["room_id"].clone();

    let hook = json!({"account_id": one, "url": bed.receiver.url, "kind": "room", "room_id": room, "created": true,
        "updated": false});
    let hook = bed.control("POST", "/webhooks", &hook.to_string()).await.json();
    assert_eq!(hook["kind"], "room");
    let hook = format!("/webhooks/{}", hook["setting_id"].as_str().unwrap());
    assert_eq!(bed.control("PUT", &hook, r#"{"valid":false}"#).await.status, 200);
    assert_eq!(bed.control("GET", "/webhooks", "").await.json()[3]["valid"], false);

    let member = json!({ "account_id": two }).to_string();
    assert_eq!(bed.control("POST", &format!("/rooms/{room}/members"), &member).await.status, 200);
    let task = json!({"account_id": one, "to": [two], "body": "t", "limit": 5}).to_string();
    let task =
        bed.control("POST", &format!("/rooms/{room}/tasks"), &task).await.json()["task_ids"][0].clone();
    let done = json!({"account_id": two, "done": true}).to_string();
    assert_eq!(bed.control("PUT", &format!("/rooms/{room}/tasks/{task}"), &done).await.status, 200);
    let file = json!({"account_id": two, "filename": "a.txt", "content_base64": "aGVsbG8="}).to_string();
    let file = bed.control("POST", &format!("/rooms/{room}/files"), &file).await.json()["file_id"].clone();
    assert_eq!(bed.control("DELETE", &format!("/rooms/{room}/files/{file}"), "").await.status, 200);
    let by = json!({ "by": one }).to_string();
    assert_eq!(bed.control("DELETE", &format!("/rooms/{room}/members/{two}"), &by).await.status, 200);
    let posts = bed.control("GET", &format!("/rooms/{room}/messages"), "").await.json();
    assert_eq!(posts.as_array().unwrap().len(), 5);
    assert_eq!(bed.control("DELETE", &format!("/rooms/{room}"), "").await.status, 200);
    assert_eq!(bed.control("DELETE", &format!("/rooms/{room}"), "").await.status, 404);
}

#[tokio::test]
async fn faults_and_clock_by_hand() {
    let bed = Bed::new().await;
    let fault = r#"{"kind":"status","status":503,"next":1,"method":"GET","path":"/me"}"#;
    assert_eq!(bed.control("POST", "/faults", fault).await.status, 200);
    assert_eq!(bed.control("GET", "/faults", "").await.json()[0]["next"], 1);
    assert_eq!(bed.get("/me").await.status, 503);
    assert_eq!(bed.control("POST", "/faults", r#"{"kind":"webhook_held"}"#).await.status, 200);
    bed.client_posts("x");
    assert_eq!(bed.control("POST", "/idle", r#"{"timeout_ms":50}"#).await.json()["held"], 1);
    assert_eq!(bed.control("DELETE", "/faults", "").await.status, 200);
    assert_eq!(bed.control("POST", "/release", "").await.json(), json!({"released": 1}));
    let clock = bed.control("POST", "/clock", r#"{"advance_ms":5000}"#).await.json();
    assert_eq!(clock["now_ms"], START_MS + 5_000);
    assert_eq!(bed.control("GET", "/clock", "").await.json(), clock);
}

#[tokio::test]
async fn slips_are_told() {
    let bed = Bed::new().await;
    for (method, path, body, status) in [
        ("POST", "/faults", r#"{"kind":"refused","nxt":1}"#, 400),
        ("POST", "/faults", r#"{"kind":"unknown"}"#, 400),
        ("POST", "/accounts", r#"{"name":""}"#, 400),
        ("POST", "/accounts", "no json", 400),
        ("POST", "/world", r#"{"webhook_url":"http://example.com/"}"#, 400),
        ("POST", "/world", r#"{"webhook":"x"}"#, 400),
        ("GET", "/nothing", "", 404),
        ("GET", "/rooms/x/history", "", 404),
        ("GET", "/rooms/1/history", "", 404),
        ("POST", "/idle", "[", 400),
    ] {
        let reply = bed.control(method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}");
        assert!(!reply.error().is_empty());
    }
}

#[tokio::test]
async fn web_pages_cannot_steer_it() {
    let bed = Bed::new().await;
    let url = format!("http://{}/_sandbox/world", bed.sandbox.addr());
    let client = crate::sandbox::deliver::client(std::time::Duration::from_secs(5)).unwrap();
    let reply = client.post(url).header("origin", "https://example.com").send().await.unwrap();
    assert_eq!(reply.status(), 403);
}
