//! Holds `docs/format.md` to the program: its worked example is computed here and must stand there, byte for byte.

use crate::domain::{Entry, EntryIndex, EntryKind, MessageId, RoomId, Source, UtcMillis, commitment, hex};
use crate::proof::checkpoint::{Checkpoint, ledger_id, origin};
use crate::proof::note::{Signer, public_key};
use crate::proof::tree::{Frontier, inclusion_proof, leaf_hash, root_of};

const FORMAT: &str = include_str!("../../docs/format.md");

const WEBHOOK: &str = r#"{"body":"{\"webhook_setting_id\":\"12345\",\"webhook_event_type\":\"message_created\",\"webhook_event_time\":1700000001,\"webhook_event\":{\"message_id\":\"1789012345678901248\",\"room_id\":567890123,\"account_id\":123456,\"body\":\"追加で記事を3本お願いできますか？\",\"send_time\":1700000000,\"update_time\":0}}","signature":"kcm2lm58x8DB/XauDquAeswJdEu13tLiwicNcDVskGA=","token_n":0}"#;
const POLL: &str = r#"{"message_id":"1789012345678901248","account":{"account_id":123456,"name":"Bob","avatar_image_url":"https://example.com/ico_avatar.png"},"body":"追加で記事を5本お願いできますか？","send_time":1700000000,"update_time":1700000120}"#;
const SENT: &str = r#"{"text":"[rp aid=123456 to=567890123-1789012345678901248]\nご依頼ありがとうございます。","decided":2}"#;
const IMPORT: &str = r#"{"import":"5cfb664eb452a726861cbd5eb2a27ef861a03cad988ac208790cbde060b129b2","format":"csv","place":2,"account":123456,"name":"Bob","body":"はじめまして","record":{"ルームID":"567890123","メッセージID":"1780000000000000000","アカウントID":"123456","名前":"Bob","送信日時":"2023/11/01 10:00","メッセージ":"はじめまして"}}"#;
const SYSTEM: &str = r#"{"program":"0.1.0"}"#;

/// Kind, source, time of the source, content; and whether it is of the room.
type Example = (EntryKind, Source, Option<i64>, &'static str, bool);

const EXAMPLES: [Example; 5] = [
    (EntryKind::SystemStarted, Source::System, None, SYSTEM, false),
    (EntryKind::MessageCreated, Source::Webhook, Some(1_700_000_000), WEBHOOK, true),
    (EntryKind::MessageUpdated, Source::Poll, Some(1_700_000_120), POLL, true),
    (EntryKind::ReplySent, Source::Sent, None, SENT, true),
    (EntryKind::MessageImported, Source::Import, Some(1_698_800_400), IMPORT, true),
];

/// What the document must contain, in its order.
fn worked_example() -> Vec<String> {
    let mut words = Vec::new();
    let mut leaves = Vec::new();
    let mut previous = None;
    let mut room_n = 0;
    for (n, (kind, source, source_time, content, in_room)) in (0_u64..).zip(EXAMPLES) {
        let mut salt = [0; 32];
        for (to, value) in salt.iter_mut().zip((n * 32) as u8..) {
            *to = value;
        }
        let (message, version) = match source {
            Source::Webhook => ("1789012345678901248", Some(1)),
            Source::Poll => ("1789012345678901248", Some(2)),
            Source::Sent => ("1789012345678905344", None),
            Source::Import => ("1780000000000000000", None),
            Source::System => ("", None),
        };
        let chained = in_room && kind.in_room_chain();
        room_n += u64::from(chained);
        let entry = Entry {
            n: EntryIndex(n),
            kind,
            source,
            source_time: source_time.map(UtcMillis::from_seconds),
            observed_at: UtcMillis(1_700_000_000_000 + n as i64 * 60_250),
            room: in_room.then_some(RoomId(567_890_123)),
            message: MessageId::new(message),
            version,
            content: Some(commitment(&salt, content.as_bytes())),
            room_n: chained.then_some(room_n),
            room_prev: previous.filter(|_| chained),
        };
        let bytes = entry.to_bytes();
        let leaf = leaf_hash(&bytes);
        if chained {
            previous = Some(leaf);
        }
        leaves.push(leaf);
        words.push(content.to_owned());
        words.push(hex(&salt));
        words.push(hex(&commitment(&salt, content.as_bytes())));
        words.push(String::from_utf8(bytes).unwrap());
        words.push(hex(&leaf));
    }
    let seed: [u8; 32] = std::array::from_fn(|at| 0xe0 + at as u8);
    let public_key = public_key(&seed);
    let id = ledger_id(&public_key);
    let signer = Signer::from_seed(&origin(&id), &seed).unwrap();
    let mut frontier = Frontier::empty();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    let head = Checkpoint { origin: origin(&id), size: 5, root: frontier.root() };
    let proof =
        inclusion_proof(2, 5, |part| Ok::<_, ()>(root_of(&leaves[part.start as usize..part.end as usize])));
    words.extend(proof.unwrap().unwrap().iter().map(|it| hex(it)));
    words.push(hex(&head.root));
    words.push(hex(&seed));
    words.push(hex(&public_key));
    words.push(id);
    words.push(signer.verifier().to_string());
    words.push(head.sign(&signer).unwrap());
    words
}

#[test]
fn the_worked_example_of_the_document_is_what_the_program_computes() {
    let mut rest = FORMAT;
    for words in worked_example() {
        let at = rest.find(&words);
        assert!(at.is_some(), "docs/format.md lacks, or has in another order:\n{words}");
        rest = &rest[at.unwrap() + words.len()..];
    }
}

#[test]
fn the_document_names_every_kind_and_its_place_in_the_chain() {
    for kind in EntryKind::ALL {
        let row = format!("| `{}` | {} |", kind.as_str(), if kind.in_room_chain() { "yes" } else { "no" });
        assert!(FORMAT.contains(&row), "docs/format.md lacks: {row}");
    }
    for source in [Source::Webhook, Source::Poll, Source::Sent, Source::Import, Source::System] {
        assert!(FORMAT.contains(&format!("`{}`", source.as_str())));
    }
}

#[test]
fn the_signature_of_the_webhook_example_fits_its_raw_body() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use hmac::{Hmac, KeyInit as _, Mac as _};

    #[derive(serde::Deserialize)]
    struct Webhook {
        body: String,
        signature: String,
    }
    let content: Webhook = serde_json::from_str(WEBHOOK).unwrap();
    let token: [u8; 32] = std::array::from_fn(|at| at as u8);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&token).unwrap();
    mac.update(content.body.as_bytes());
    assert_eq!(BASE64_STANDARD.encode(mac.finalize().into_bytes()), content.signature);
    assert!(FORMAT.contains(&BASE64_STANDARD.encode(token)));
}
