//! Each endpoint: shape, errors, limits, and what fetching means.

use serde_json::json;

use super::support::{Bed, START_MS};
use crate::sandbox::{Role, RoomKind};

const START_S: i64 = START_MS / 1_000;

#[tokio::test]
async fn me_has_all_documented_fields() {
    let bed = Bed::new().await;
    let reply = bed.get("/me").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        r#"{"account_id":2000001,"room_id":300000001,"name":"佐藤 花子","chatwork_id":"sandbox2000001","organization_id":101,"organization_name":"Sandbox","department":"","title":"","url":"","introduction":"","mail":"account2000001@example.com","tel_organization":"","tel_extension":"","tel_mobile":"","skype":"","facebook":"","twitter":"","avatar_image_url":"https://example.com/avatar/2000001.png","login_mail":"account2000001@example.com"}"#
    );
    assert_eq!(reply.header("date"), Some("Tue, 14 Nov 2023 22:13:20 GMT"));
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_the_documented_words() {
    let bed = Bed::new().await;
    for token in ["", "nonsense"] {
        let reply = bed.call_as(token, "GET", "/me", &[]).await;
        assert_eq!((reply.status, reply.text.as_str()), (401, r#"{"errors":["Invalid API token"]}"#));
        assert!(reply.header("x-ratelimit-limit").is_some());
    }
}

#[tokio::test]
async fn rooms_show_kind_role_and_counts() {
    let bed = Bed::new().await;
    bed.client_posts("一");
    bed.client_posts(&format!("[To:{}] 佐藤さん\n二", bed.world.owner.account_id));
    let rooms = bed.get("/rooms").await.json();
    assert_eq!(rooms.as_array().unwrap().len(), 3);
    assert_eq!(
        rooms[1],
        json!({"room_id": bed.world.direct_room_id, "name": "山田 太郎", "type": "direct", "role": "admin",
            "sticky": false, "unread_num": 2, "mention_num": 1, "mytask_num": 0, "message_num": 2, "file_num": 0,
            "task_num": 0, "icon_path": "https://example.com/ico_group.png", "last_update_time": START_S})
    );
    let one = bed.get(&bed.direct("")).await.json();
    assert_eq!(one["description"], "");
    let other = bed.call_as(&bed.world.other.api_token, "GET", "/rooms", &[]).await.json();
    assert_eq!(other.as_array().unwrap().len(), 2);
    assert_eq!(other[1]["role"], "member");
    assert_eq!(
        bed.get("/my/status").await.json(),
        json!({"unread_room_num": 1, "mention_room_num": 1, "mytask_room_num": 0, "unread_num": 2, "mention_num": 1,
            "mytask_num": 0})
    );
}

#[tokio::test]
async fn rooms_of_others_and_unknown_paths_are_404() {
    let bed = Bed::new().await;
    let other = &bed.world.other.api_token;
    for path in ["", "/members", "/messages", "/tasks", "/files"] {
        assert_eq!(bed.call_as(other, "GET", &bed.direct(path), &[]).await.status, 404, "{path}");
    }
    let post = bed.call_as(other, "POST", &bed.direct("/messages"), &[("body", "x")]).await;
    assert_eq!(post.status, 404);
    for path in ["/rooms/1", "/rooms/x/messages", "/nothing", "", "/rooms/99999999999999999999"] {
        assert_eq!(bed.get(path).await.status, 404, "{path}");
    }
    for (method, path) in [("DELETE", bed.direct("")), ("PUT", bed.direct("/members"))] {
        assert_eq!(bed.call(method, &path, &[("x", "y")]).await.status, 501);
    }
}

#[tokio::test]
async fn members_and_contacts() {
    let bed = Bed::new().await;
    let members = bed.get(&bed.group("/members")).await.json();
    let roles: Vec<_> = members.as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["admin", "admin", "member"]);
    assert_eq!(members[2]["organization_id"], 101);
    let contacts = bed.get("/contacts").await.json();
    assert_eq!(contacts.as_array().unwrap().len(), 1);
    assert_eq!(contacts[0]["room_id"], bed.world.direct_room_id);
    assert!(contacts[0].get("role").is_none());
    assert_eq!(bed.call_as(&bed.world.other.api_token, "GET", "/contacts", &[]).await.status, 204);
}

#[tokio::test]
async fn posting_editing_deleting_one_message() {
    let bed = Bed::new().await;
    let posted = bed.call("POST", &bed.direct("/messages"), &[("body", "こんにちは & [info]")]).await;
    assert_eq!(posted.status, 200);
    let id = posted.json()["message_id"].as_str().unwrap().to_owned();
    assert_eq!(posted.text, format!(r#"{{"message_id":"{id}"}}"#));
    assert_eq!(id.len(), 19);
    let path = bed.direct(&format!("/messages/{id}"));
    assert_eq!(
        bed.get(&path).await.text,
        format!(
            r#"{{"message_id":"{id}","account":{{"account_id":2000001,"name":"佐藤 花子","avatar_image_url":"https://example.com/avatar/2000001.png"}},"body":"こんにちは & [info]","send_time":{START_S},"update_time":0}}"#
        )
    );

    bed.advance(5_000);
    assert_eq!(bed.call("PUT", &path, &[("body", "直し")]).await.text, posted.text);
    let edited = bed.get(&path).await.json();
    assert_eq!((edited["body"].as_str(), edited["update_time"].as_i64()), (Some("直し"), Some(START_S + 5)));

    assert_eq!(bed.call("DELETE", &path, &[]).await.text, posted.text);
    assert_eq!(bed.get(&path).await.json()["body"], "[deleted]");
    assert_eq!(bed.get(&bed.direct("/messages?force=1")).await.json()[0]["body"], "[deleted]");
    assert_eq!(bed.call("PUT", &path, &[("body", "zurück")]).await.status, 400);

    let history = bed.handle().history(bed.world.direct_room_id).unwrap();
    let bodies: Vec<&str> = history.iter().map(|it| it.body.as_str()).collect();
    assert_eq!(bodies, ["こんにちは & [info]", "直し", "直し"]);
}

#[tokio::test]
async fn methods_can_be_named_in_the_query() {
    let bed = Bed::new().await;
    let posted = bed.call("POST", &bed.direct("/messages"), &[("body", "a")]).await.json();
    let path = bed.direct(&format!("/messages/{}", posted["message_id"].as_str().unwrap()));
    assert_eq!(bed.call("POST", &format!("{path}?method=PUT"), &[("body", "b")]).await.status, 200);
    assert_eq!(bed.get(&path).await.json()["body"], "b");
    assert_eq!(bed.call("POST", &format!("{path}?method=DELETE"), &[]).await.status, 200);
    assert_eq!(bed.get(&path).await.json()["body"], "[deleted]");
}

#[tokio::test]
async fn only_own_messages_can_be_changed() {
    let bed = Bed::new().await;
    let id = bed.client_posts("依頼");
    let path = bed.direct(&format!("/messages/{id}"));
    assert_eq!(bed.call("PUT", &path, &[("body", "x")]).await.status, 403);
    assert_eq!(bed.call("DELETE", &path, &[]).await.status, 403);
    assert_eq!(bed.call("DELETE", &bed.direct("/messages/17"), &[]).await.status, 404);
}

#[tokio::test]
async fn bad_bodies_and_flags_are_400_and_post_nothing() {
    let bed = Bed::new().await;
    let path = bed.direct("/messages");
    let longest = "あ".repeat(65_535);
    let too_long = "a".repeat(65_536);
    assert_eq!(bed.call("POST", &path, &[("body", &longest)]).await.status, 200);
    for form in [
        &[("body", "")][..],
        &[("other", "x")],
        &[("body", &too_long)],
        &[("body", "x"), ("self_unread", "true")],
    ] {
        let reply = bed.call("POST", &path, form).await;
        assert_eq!(reply.status, 400);
        assert!(!reply.error().is_empty());
    }
    assert_eq!(bed.call("POST", &path, &[]).await.status, 400);
    assert_eq!(bed.get(&format!("{path}?force=2")).await.status, 400);
    assert_eq!(bed.handle().posts_in(bed.world.direct_room_id).unwrap().len(), 1);
}

#[tokio::test]
async fn readonly_members_cannot_post() {
    let bed = Bed::new().await;
    let reader = bed.handle().create_account("reader").unwrap();
    bed.handle().add_member(bed.world.group_room_id, reader.account_id, Role::Readonly).unwrap();
    let reply = bed.call_as(&reader.api_token, "POST", &bed.group("/messages"), &[("body", "x")]).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn without_force_only_news_since_the_last_call_come() {
    let bed = Bed::new().await;
    let path = bed.direct("/messages");
    assert_eq!(bed.get(&path).await.status, 204);
    bed.client_posts("一");
    bed.client_posts("二");
    let first = bed.get(&path).await.json();
    let bodies: Vec<_> = first.as_array().unwrap().iter().map(|it| it["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["一", "二"], "oldest first");
    let nothing = bed.get(&path).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (204, ""));
    bed.client_posts("三");
    // Neither force=1 nor someone else's call moves the cursor.
    assert_eq!(bed.get(&format!("{path}?force=1")).await.json().as_array().unwrap().len(), 3);
    bed.call_as(&bed.world.client.api_token, "GET", &path, &[]).await;
    assert_eq!(bed.get(&format!("{path}?force=0")).await.json()[0]["body"], "三");
    assert_eq!(bed.get(&path).await.status, 204);
}

#[tokio::test]
async fn the_window_is_the_newest_hundred() {
    let bed = Bed::new().await;
    assert_eq!(bed.get(&bed.direct("/messages?force=1")).await.status, 204);
    for n in 0..150 {
        bed.client_posts(&n.to_string());
    }
    for path in ["/messages?force=1&offset=10&limit=5", "/messages?force=1", "/messages"] {
        let list = bed.get(&bed.direct(path)).await.json();
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 100);
        assert_eq!((&list[0]["body"], &list[99]["body"]), (&json!("50"), &json!("149")));
    }
    // What the cursor skipped is gone for it.
    assert_eq!(bed.get(&bed.direct("/messages")).await.status, 204);
    let oldest = bed.handle().posts_in(bed.world.direct_room_id).unwrap()[0].message_id.clone();
    assert_eq!(bed.get(&bed.direct(&format!("/messages/{oldest}"))).await.json()["body"], "0");
}

#[tokio::test]
async fn ids_rise_and_exceed_what_a_float_holds() {
    let bed = Bed::new().await;
    let ids: Vec<u64> = (0..50).map(|_| bed.client_posts("x").parse().unwrap()).collect();
    assert!(ids.windows(2).all(|it| it[0] < it[1]));
    assert!(ids.iter().any(|it| *it as f64 as u64 != *it));
}

#[tokio::test]
async fn read_and_unread() {
    let bed = Bed::new().await;
    let first = bed.client_posts("一");
    bed.client_posts(&format!("[To:{}]二", bed.world.owner.account_id));
    let read = bed.direct("/messages/read");
    let reply = bed.call("PUT", &read, &[("message_id", &first)]).await;
    assert_eq!(reply.text, r#"{"unread_num":1,"mention_num":1}"#);
    assert_eq!(bed.call("PUT", &read, &[("message_id", &first)]).await.status, 400);
    assert_eq!(bed.call("PUT", &read, &[("message_id", "17")]).await.status, 404);
    assert_eq!(bed.call("PUT", &read, &[]).await.text, r#"{"unread_num":0,"mention_num":0}"#);
    let unread = bed.direct("/messages/unread");
    assert_eq!(bed.call("PUT", &unread, &[("message_id", &first)]).await.json()["unread_num"], 2);
    assert_eq!(bed.call("PUT", &unread, &[("message_id", &first)]).await.status, 400);
    assert_eq!(bed.call("PUT", &unread, &[("x", "y")]).await.status, 400);
}

#[tokio::test]
async fn an_own_post_hides_what_came_before_it_unless_self_unread() {
    let bed = Bed::new().await;
    let messages = bed.direct("/messages");
    bed.client_posts("依頼");
    bed.call("POST", &messages, &[("body", "a"), ("self_unread", "1")]).await;
    assert_eq!(bed.get(&bed.direct("")).await.json()["unread_num"], 2);
    bed.call("POST", &messages, &[("body", "b")]).await;
    assert_eq!(bed.get(&bed.direct("")).await.json()["unread_num"], 0);
}

#[tokio::test]
async fn tasks_have_their_life() {
    let bed = Bed::new().await;
    let (owner, client) = (bed.world.owner.account_id, bed.world.client.account_id);
    let tasks = bed.direct("/tasks");
    assert_eq!(bed.get(&tasks).await.status, 204);
    let ids =
        bed.handle().add_task(client, bed.world.direct_room_id, &[owner], "記事3本", Some(START_S)).unwrap();
    let post = bed.handle().posts_in(bed.world.direct_room_id).unwrap().remove(0);
    assert_eq!(
        post.body,
        format!(
            "[info][title][dtext:task_added][/title][task aid={owner} st=open lt={START_S} ltype=date]記事3本[/task][/info]"
        )
    );
    let task = &bed.get(&tasks).await.json()[0];
    assert_eq!(
        task,
        &json!({"task_id": ids[0],
            "account": {"account_id": owner, "name": "佐藤 花子", "avatar_image_url": "https://example.com/avatar/2000001.png"},
            "assigned_by_account": {"account_id": client, "name": "山田 太郎", "avatar_image_url": "https://example.com/avatar/2000002.png"},
            "message_id": post.message_id, "body": "記事3本", "limit_time": START_S, "status": "open", "limit_type": "date"})
    );
    assert_eq!(&bed.get(&format!("{tasks}/{}", ids[0])).await.json(), task);
    let mine = bed.get("/my/tasks").await.json();
    assert_eq!(mine[0]["room"]["room_id"], bed.world.direct_room_id);
    assert!(mine[0].get("account").is_none());
    assert_eq!(bed.get(&bed.direct("")).await.json()["mytask_num"], 1);

    let status = format!("{tasks}/{}/status", ids[0]);
    assert_eq!(bed.call("PUT", &status, &[("body", "later")]).await.status, 400);
    assert_eq!(bed.call("PUT", &status, &[("body", "done")]).await.json(), json!({"task_id": ids[0]}));
    assert_eq!(bed.get(&tasks).await.status, 204);
    assert_eq!(bed.get(&format!("{tasks}?status=done&account_id={owner}")).await.json()[0]["status"], "done");
    assert_eq!(bed.get(&format!("{tasks}?status=all")).await.status, 400);
    let last = bed.handle().posts_in(bed.world.direct_room_id).unwrap().remove(1);
    assert!(last.body.starts_with("[info][title][dtext:task_done][/title][task aid="));
    assert_eq!(bed.get(&format!("{tasks}/1")).await.status, 404);
}

#[tokio::test]
async fn tasks_are_created_by_form() {
    let bed = Bed::new().await;
    let (owner, client) = (bed.world.owner.account_id, bed.world.client.account_id);
    let both = format!("{owner},{client}");
    let tasks = bed.direct("/tasks");
    let reply = bed.call("POST", &tasks, &[("body", "x"), ("to_ids", &both), ("limit", "1700001000")]).await;
    assert_eq!(reply.json()["task_ids"].as_array().unwrap().len(), 2);
    assert_eq!(bed.get(&tasks).await.json()[0]["limit_type"], "time");
    let stranger = bed.world.other.account_id.to_string();
    for form in [
        &[("body", "x")][..],
        &[("to_ids", &both)],
        &[("body", "x"), ("to_ids", "a,b")],
        &[("body", "x"), ("to_ids", &stranger)],
        &[("body", "x"), ("to_ids", &both), ("limit", "soon")],
        &[("body", "x"), ("to_ids", &both), ("limit_type", "week")],
    ] {
        assert_eq!(bed.call("POST", &tasks, form).await.status, 400, "{form:?}");
    }
}

#[tokio::test]
async fn files_are_listed_and_their_address_dies_after_30_seconds() {
    let bed = Bed::new().await;
    let room = bed.world.direct_room_id;
    let files = bed.direct("/files");
    assert_eq!(bed.get(&files).await.status, 204);
    let content = vec![7_u8; 2_232];
    let id =
        bed.handle().add_file(bed.world.client.account_id, room, "見積書.pdf", &content, "ご確認を").unwrap();
    let post = bed.handle().posts_in(room).unwrap().remove(0);
    assert_eq!(
        post.body,
        format!(
            "ご確認を\n[info][title][dtext:file_uploaded][/title][download:{id}]見積書.pdf (2.2 KB)[/download][/info]"
        )
    );
    let listed = bed.get(&files).await.json();
    assert_eq!(
        listed[0],
        json!({"file_id": id,
            "account": {"account_id": 2_000_002, "name": "山田 太郎", "avatar_image_url": "https://example.com/avatar/2000002.png"},
            "message_id": post.message_id, "filename": "見積書.pdf", "filesize": 2232, "upload_time": START_S})
    );
    assert_eq!(bed.get(&format!("{files}?account_id={}", bed.world.owner.account_id)).await.status, 204);
    let one = bed.get(&format!("{files}/{id}?create_download_url=1")).await.json();
    let url = one["download_url"].as_str().unwrap();
    bed.advance(29_999);
    assert_eq!(bed.fetch(url).await.text.as_bytes(), content);
    bed.advance(1);
    assert_eq!(bed.fetch(url).await.status, 403);
    assert!(bed.get(&format!("{files}/{id}")).await.json().get("download_url").is_none());
    bed.handle().delete_file(room, id).unwrap();
    assert_eq!(bed.get(&format!("{files}/{id}")).await.status, 404);
    assert_eq!(bed.call("POST", &files, &[("message", "x")]).await.status, 501);
}

#[tokio::test]
async fn members_come_and_go_with_a_word() {
    let bed = Bed::new().await;
    let room = bed.world.group_room_id;
    let (client, other) = (bed.world.client.account_id, bed.world.other.account_id);
    bed.handle().add_file(other, room, "a.txt", b"a", "").unwrap();
    bed.handle().remove_member(room, other, Some(client)).unwrap();
    bed.handle().add_member(room, other, Role::Member).unwrap();
    bed.handle().remove_member(room, other, None).unwrap();
    let posts = bed.handle().posts_in(room).unwrap();
    let last: Vec<_> = posts[1..].iter().map(|it| (it.account_id, it.body.clone())).collect();
    let owner = bed.world.owner.account_id;
    assert_eq!(
        last,
        [
            (
                client,
                format!(
                    "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:{other}][dtext:chatroom_deleted][/info]"
                )
            ),
            (
                owner,
                format!(
                    "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:{other}][dtext:chatroom_added][/info]"
                )
            ),
            (
                other,
                format!("[info][dtext:chatroom_member_is][piconname:{other}][dtext:chatroom_leaved][/info]")
            ),
        ]
    );
    assert_eq!(bed.get(&bed.group("/files")).await.status, 204, "files go with their uploader");
    assert_eq!(bed.call_as(&bed.world.other.api_token, "GET", &bed.group(""), &[]).await.status, 404);
}

#[tokio::test]
async fn a_deleted_room_is_gone_but_its_history_stays() {
    let bed = Bed::new().await;
    bed.client_posts("証拠");
    bed.handle().delete_room(bed.world.direct_room_id).unwrap();
    assert_eq!(bed.get(&bed.direct("/messages?force=1")).await.status, 404);
    assert_eq!(bed.get("/rooms").await.json().as_array().unwrap().len(), 2);
    assert_eq!(bed.handle().history(bed.world.direct_room_id).unwrap()[0].body, "証拠");
}

#[tokio::test]
async fn three_hundred_requests_in_five_minutes() {
    let bed = Bed::new().await;
    let first = bed.get("/me").await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("300"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("299"));
    assert_eq!(first.header("x-ratelimit-reset"), Some((START_S + 300).to_string().as_str()));
    bed.advance(100_000);
    for _ in 0..299 {
        assert_eq!(bed.get("/me").await.status, 200);
    }
    let refused = bed.get("/me").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-reset"), Some((START_S + 300).to_string().as_str()));
    assert_eq!(bed.call_as(&bed.world.client.api_token, "GET", "/me", &[]).await.status, 200);
    bed.advance(199_999);
    assert_eq!(bed.get("/me").await.status, 429);
    bed.advance(1);
    assert_eq!(bed.get("/me").await.header("x-ratelimit-remaining"), Some("299"));
}

#[tokio::test]
async fn ten_posts_in_ten_seconds_for_each_room() {
    let bed = Bed::new().await;
    let owner = bed.world.owner.account_id.to_string();
    let task: &[_] = &[("body", "t"), ("to_ids", &owner)];
    assert_eq!(bed.call("POST", &bed.direct("/tasks"), task).await.status, 200);
    bed.advance(4_000);
    for n in 0..9 {
        // People's own posts do not count.
        bed.client_posts("手で");
        assert_eq!(bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await.status, 200, "{n}");
    }
    let refused = bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.text, r#"{"errors":["Rate limit for message posting per room exceeded."]}"#);
    assert_ne!(refused.header("x-ratelimit-remaining"), Some("0"), "the headers describe the other limit");
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(bed.call("POST", &bed.direct("/tasks"), task).await.status, 429);
    assert_eq!(bed.call("POST", &bed.group("/messages"), &[("body", "x")]).await.status, 200);
    bed.advance(6_000);
    assert_eq!(bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await.status, 200);
    assert_eq!(bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await.status, 429);
}

#[tokio::test]
async fn the_free_plan_hides_what_is_older_than_40_days() {
    const DAY_MS: i64 = 86_400_000;
    let bed = Bed::new().await;
    bed.handle().set_free_plan(bed.world.owner.account_id, true).unwrap();
    let old = bed.client_posts("古い");
    bed.advance(20 * DAY_MS);
    let middle = bed.client_posts("新しい");
    let list = bed.direct("/messages?force=1");
    assert_eq!(bed.get(&list).await.header("chatwork-message-limitation"), None);
    bed.advance(20 * DAY_MS + 1_000);
    let part = bed.get(&list).await;
    assert_eq!((part.status, part.header("chatwork-message-limitation")), (200, Some("true")));
    assert!(part.header("chatwork-message-limitation-summary").is_some());
    assert_eq!(part.json().as_array().unwrap().len(), 1);
    let hidden = bed.get(&bed.direct(&format!("/messages/{old}"))).await;
    assert_eq!((hidden.status, hidden.header("chatwork-message-limitation")), (404, Some("true")));
    assert_eq!(bed.get(&bed.direct(&format!("/messages/{middle}"))).await.status, 200);
    bed.advance(20 * DAY_MS);
    let all = bed.get(&list).await;
    assert_eq!((all.status, all.header("chatwork-message-limitation")), (204, Some("true")));
    let paying = bed.call_as(&bed.world.client.api_token, "GET", &list, &[]).await;
    assert_eq!(paying.json().as_array().unwrap().len(), 2);
    assert_eq!(paying.header("chatwork-message-limitation"), None);
}

#[tokio::test]
async fn rooms_are_made_for_two_or_with_an_administrator() {
    let bed = Bed::new().await;
    let ids = [bed.world.owner.account_id, bed.world.client.account_id, bed.world.other.account_id];
    let handle = bed.handle();
    let all = ids.map(|id| (id, Role::Member));
    assert!(handle.create_room(RoomKind::Direct, "x", &all).is_err());
    assert!(handle.create_room(RoomKind::Group, "x", &all).is_err());
    assert!(handle.create_room(RoomKind::My, "x", &all[..1]).is_err());
    assert!(handle.create_room(RoomKind::Group, "x", &[(17, Role::Admin)]).is_err());
    assert!(handle.post(ids[2], bed.world.direct_room_id, "x").is_err());
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_status() {
    let bed = Bed::new().await;
    bed.get("/me").await;
    bed.get(&bed.direct("/messages")).await;
    bed.get(&bed.group("/messages")).await;
    bed.get("/none").await;
    let calls = bed.handle().api_calls();
    assert_eq!(calls.of("GET /rooms/{room_id}/messages"), 2);
    assert_eq!((calls.of("GET /me"), calls.of("(unknown)"), calls.total()), (1, 1, 4));
    assert_eq!(calls.by_status.into_iter().collect::<Vec<_>>(), [(200, 1), (204, 2), (404, 1)]);
}
