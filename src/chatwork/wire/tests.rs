//! The documented shapes, and everything near them that must be refused without a panic.

use proptest::prelude::*;

use crate::domain::{AccountId, RoomId};

use super::*;

fn message(body: &[u8]) -> MessageEvent {
    match decode(body) {
        Decoded::Message(it) => it,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_three_events_are_read() {
    let created = message(include_bytes!("../../../tests/data/chatwork/signed_d.json"));
    assert_eq!(created.setting_id, "12345");
    assert_eq!(created.event_type, EventType::Created);
    assert_eq!(created.event_time, UtcMillis(1_700_000_001_000));
    assert_eq!((created.room, created.account), (RoomId(567_890_123), AccountId(123_456)));
    assert_eq!(created.message.as_str(), "1789012345678901248");
    assert_eq!(created.body, "追加で記事を3本お願いできますか？");
    assert_eq!((created.send_time, created.update_time), (UtcMillis(1_700_000_000_000), None));
    assert_eq!(created.to_account, None);
    for same in [
        &include_bytes!("../../../tests/data/chatwork/signed_e.json")[..],
        include_bytes!("../../../tests/data/chatwork/signed_f.json"),
        include_bytes!("../../../tests/data/chatwork/signed_g.json"),
    ] {
        assert!(message(same) == created, "other bytes, same value");
    }

    let mention = message(include_bytes!("../../../tests/data/chatwork/signed_published.json"));
    assert_eq!(mention.event_type, EventType::Mention);
    assert_eq!((mention.account, mention.to_account), (AccountId(2_861_671), Some(AccountId(2_739_132))));
    assert!(mention.body.ends_with("sue445\ntest"));

    let text = include_str!("../../../tests/data/chatwork/signed_d.json")
        .replace("message_created", "message_updated")
        .replace(r#""update_time":0"#, r#""update_time":1700000120,"new_field":{"x":[1]}"#);
    let updated = message(text.as_bytes());
    assert_eq!(
        (updated.event_type, updated.update_time),
        (EventType::Updated, Some(UtcMillis(1_700_000_120_000)))
    );
    assert!(!format!("{updated:?}").contains("記事"));
}

#[test]
fn near_misses_are_undecodable() {
    let good = include_str!("../../../tests/data/chatwork/signed_c.json");
    for (from, to) in [
        (r#""1789012345678901248""#, "1789012345678901248"),
        (r#""1789012345678901248""#, r#""17x""#),
        (r#""1789012345678901248""#, r#""""#),
        (r#""1789012345678901248""#, "null"),
        ("567890123", "-567890123"),
        ("567890123", "567890123.0"),
        ("567890123", r#""567890123""#),
        ("567890123", "99999999999999999999999"),
        (r#""account_id":123456"#, r#""account_id":null"#),
        (r#""account_id":123456,"#, ""),
        (r#""hello""#, "1"),
        (r#""hello""#, r#""\ud800""#),
        (r#""send_time":1700000000"#, r#""send_time":-1"#),
        (r#""update_time":0"#, r#""update_time":"0""#),
        (r#""update_time":0"#, r#""update_time":0,"update_time":1"#),
        (r#""webhook_setting_id":"12345""#, r#""webhook_setting_id":12345"#),
        ("webhook_event_type", "webhook_event_kind"),
        (r#""message_created""#, "1"),
        ("message_created", "mention_to_me"),
        ("}}", "}"),
        ("}}", "}}x"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert_eq!(decode(bad.as_bytes()), Decoded::Undecodable, "{bad}");
    }
    for bad in ["", "{}", "null", "1", "[]", "\"x\"", "\u{feff}{}", r#"["message_created",{}]"#, "{", "[[["] {
        assert_eq!(decode(bad.as_bytes()), Decoded::Undecodable, "{bad}");
    }
    let array = r#"{"webhook_setting_id":"1","webhook_event_type":"message_created","webhook_event_time":1,"webhook_event":["5",6,7,"b",8,0]}"#;
    assert_eq!(decode(array.as_bytes()), Decoded::Undecodable);
    assert_eq!(decode(b"\xff\xfe"), Decoded::Undecodable);
    assert_eq!(decode("[".repeat(1 << 20).as_bytes()), Decoded::Undecodable);
    let deep = good.replace(r#""hello""#, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(decode(deep.as_bytes()), Decoded::Undecodable);
}

#[test]
fn other_types_are_kept_apart_from_rubbish() {
    let unknown = |room| Decoded::Unknown { event_type: "room_deleted".to_owned(), room };
    for (event, room) in [
        (r#","webhook_event":{"room_id":5,"x":1}"#, Some(RoomId(5))),
        (r#","webhook_event":{"room_id":-5}"#, None),
        (r#","webhook_event":[5]"#, None),
        (r#","webhook_event":null"#, None),
        ("", None),
    ] {
        let body = format!(r#"{{"webhook_event_type":"room_deleted"{event}}}"#);
        assert_eq!(decode(body.as_bytes()), unknown(room), "{body}");
    }
}

#[test]
fn the_documented_objects_are_read() {
    let message: ApiMessage = serde_json::from_str(r#"{"message_id":"5","account":{"account_id":123,"name":"Bob","avatar_image_url":"https://example.com/ico_avatar.png"},"body":"Hello","send_time":1384242850,"update_time":0}"#).unwrap();
    assert_eq!((message.message_id.as_str(), message.account.account_id), ("5", AccountId(123)));
    assert_eq!((message.send_time, message.update_time), (UtcMillis(1_384_242_850_000), None));
    assert!(!format!("{message:?}").contains(['H', 'B']));

    let room: Room = serde_json::from_str(r#"{"room_id":123,"name":"案件A","type":"group","role":"admin","sticky":false,"unread_num":10,"mention_num":1,"mytask_num":0,"message_num":122,"file_num":10,"task_num":17,"icon_path":"https://example.com/ico_group.png","last_update_time":1298905200,"description":"概要"}"#).unwrap();
    assert_eq!((room.kind, room.role, room.message_num), (RoomKind::Group, MemberRole::Admin, 122));
    assert_eq!(room.description.as_deref(), Some("概要"));

    let member: Member = serde_json::from_str(r#"{"account_id":123,"role":"member","name":"John Smith","chatwork_id":"tarochatworkid","organization_id":101,"organization_name":"Hello Company","department":"Marketing","avatar_image_url":"https://example.com/abc.png"}"#).unwrap();
    assert_eq!((member.account_id, member.role), (AccountId(123), MemberRole::Member));

    let task: Task = serde_json::from_str(r#"{"task_id":3,"account":{"account_id":123,"name":"Bob","avatar_image_url":"https://example.com/abc.png"},"assigned_by_account":{"account_id":456,"name":"Anna","avatar_image_url":"https://example.com/def.png"},"message_id":"13","body":"buy milk","limit_time":1384354799,"status":"open","limit_type":"date"}"#).unwrap();
    assert_eq!((task.task_id, task.status, task.limit_type), (3, TaskStatus::Open, LimitType::Date));

    let file: File = serde_json::from_str(r#"{"file_id":3,"account":{"account_id":123,"name":"Bob","avatar_image_url":"https://example.com/ico_avatar.png"},"message_id":"22","filename":"README.md","filesize":2232,"upload_time":1384414750}"#).unwrap();
    assert_eq!((file.file_id, file.filesize, file.download_url), (3, 2232, None));

    let kind: RoomKind = serde_json::from_str(r#""channel""#).unwrap();
    assert_eq!(kind, RoomKind::Unknown);
}

proptest! {
    #[test]
    fn damaged_deliveries_never_panic(at in 0_usize..248, byte: u8, cut in 0_usize..249) {
        let mut body = include_bytes!("../../../tests/data/chatwork/signed_c.json").to_vec();
        body[at] = byte;
        body.truncate(cut);
        decode(&body);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        decode(&body);
    }
}
