//! The rules held to their examples, their score and exact spans.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use crate::detect::corpus::{Score, respond, score};
use crate::detect::{Corpus, RuleSet};
use crate::domain::{
    AccountId, ContextMessage, Label, Labels, Role, RoomType, Signal, SignalInput, Tier, Tuning,
};

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().expect("the built-in rules compile"));
const OWN: &str = include_str!("../../tests/data/detection/own.jsonl");

fn read(role: Role, body: &str) -> Signal {
    RULES.read(&SignalInput {
        room_type: RoomType::Direct,
        sender_role: role,
        body,
        context: &[],
        workers: &[],
        worker_names: &[],
    })
}

#[test]
fn every_rule_means_what_its_examples_say() {
    RULES.compile_all().expect("every pattern compiles");
    let failures = RULES.check_examples();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_rule_without_both_kinds_of_examples_is_refused() {
    let rule = |matches: &str| {
        format!(
            "[[mark]]\nid = \"a\"\ngives = \"x\"\npatterns = [\"猫\"]\nreason = \"猫\"\nmatch = {matches}\nnot = []\n"
        )
    };
    let failures =
        |text: &str| RuleSet::from_files(&[("a.toml", text)]).expect("a rule set").check_examples();
    assert_eq!(failures(&rule("[\"猫\"]")), ["a: needs both match and not examples"]);
    assert_eq!(failures(&rule("[\"犬\"]")).len(), 2);
}

#[test]
fn a_broken_rule_set_is_refused_with_the_rule_named() {
    let mark = "[[mark]]\nid = \"a\"\ngives = \"x\"\nreason = \"r\"\nmatch = []\nnot = []\n";
    let verdict =
        "[[verdict]]\nid = \"v\"\nlabel = \"contact_exchange\"\nreason = \"r\"\nmatch = []\nnot = []\n";
    for (text, says) in [
        ("[[mark]]\nid = 1".to_owned(), "not a rule file"),
        (format!("{mark}patterns = [\"(\"]"), "rule a"),
        (format!("{mark}patterns = [\"{{{{nowhere}}}}\"]"), "nowhere"),
        (format!("{mark}patterns = []"), "rule a"),
        (format!("{mark}patterns = [\"(?:[一-龠]{{1,400}}){{200}}\"]"), "rule a"),
        (format!("{verdict}all = [\"y\"]"), "y"),
        (format!("{verdict}all = []"), "rule v"),
        (format!("{verdict}all = [\"@client\"]\ntier = \"certain\"\nconfidence = 0.5"), "rule v"),
        (format!("{verdict}all = [\"%none\"]"), "none"),
    ] {
        let refusal = RuleSet::from_files(&[("a.toml", &text)]).expect_err(&text).to_string();
        assert!(refusal.contains(says), "{refusal} for {text}");
    }
}

#[test]
fn the_version_names_the_files() {
    let mark = |reason: &str| {
        format!(
            "dated = \"2026-01-02\"\n[[mark]]\nid=\"a\"\ngives=\"x\"\npatterns=[\"猫\"]\nreason=\"{reason}\"\nmatch=[]\nnot=[]"
        )
    };
    let version = |text: &str| RuleSet::from_files(&[("a", text)]).expect("a rule set").version().to_owned();
    assert_eq!(version(&mark("a")), version(&mark("a")));
    assert_ne!(version(&mark("a")), version(&mark("b")));
    assert!(version(&mark("a")).starts_with("2026-01-02."));
    assert_eq!(RULES.version(), RuleSet::builtin().expect("the built-in rules compile").version());
    assert_eq!(RULES.version().len(), "2026-11-24.".len() + 12);
}

#[test]
fn every_reason_is_explained_in_japanese() {
    let signal = read(Role::Client, "追加でバナーを3枚お願いできますか?");
    assert_eq!(signal.tier, Tier::Certain);
    for reason in &signal.reasons {
        let why = RULES.explain(&reason.rule).expect("a reason");
        assert!(why.chars().any(|c| matches!(c, 'ぁ'..='ん' | '一'..='龠')), "{why}");
    }
}

#[test]
fn words_of_others_never_ring() {
    let asks = "追加でバナーを3枚お願いできますか?契約はまだですが先に進めてください。仮払い済みです。LINE交換しませんか?";
    assert!(read(Role::Client, asks).labels.any());
    for body in [
        format!("[qt][qtmeta aid=1 time=1735000000]{asks}[/qt]"),
        format!("[qt]{asks}[/qt]"),
        format!("> {asks}"),
        format!("[code]{asks}[/code]"),
        format!("[info][title][dtext:task_done][/title][task aid=1 st=done lt=0]{asks}[/task][/info]"),
        format!("[info][title][dtext:file_uploaded][/title][download:1]{asks}.zip (1 KB)[/download][/info]"),
    ] {
        let signal = read(Role::Client, &body);
        assert!(!signal.labels.any(), "{body}: {:?}", signal.reasons);
    }
}

#[test]
fn a_worker_or_a_bot_never_asks() {
    for line in OWN.lines() {
        for role in ["worker", "bot"] {
            let line = ["client", "other"].iter().fold(line.to_owned(), |line, from| {
                line.replacen(
                    &format!("\"sender_role\": \"{from}\""),
                    &format!("\"sender_role\": \"{role}\""),
                    1,
                )
            });
            let task = line.contains("task_added") && role == "bot";
            assert!(
                task || respond(&RULES, line.as_bytes(), |_, _| None::<()>)
                    .json
                    .contains("\"new_request\":false"),
                "{line}"
            );
        }
    }
}

#[test]
fn spelling_tricks_change_nothing() {
    for body in [
        "バナーを３枚追加でお願いできますか",
        "ﾊﾞﾅｰを3枚追加でお願いできますか",
        "バナーを3枚追加で御願い出来ますか?",
        "バ\u{200b}ナーを3枚追\u{feff}加でお願\u{200d}いできますか",
        "バナーを3枚、追 加 で お 願 い でき ます か",
        "バナーを3枚🎨追加でお願い🙏できますか✨",
        "バナーを3枚追加でお願いできますか〜〜!!",
    ] {
        let signal = read(Role::Client, body);
        assert_eq!(signal.tier, Tier::Certain, "{body}");
        assert!(signal.terms.quantity.is_some_and(|quantity| body.contains(&quantity)), "{body}");
    }
}

#[test]
fn spans_count_scalar_values_of_the_body() {
    let body = "🙏🙏ﾊﾞﾅｰ、あと３枚お願いできますか";
    let signal = read(Role::Client, body);
    assert!(signal.reasons.iter().any(|reason| reason.text == "あと３枚"), "{:?}", signal.reasons);
    assert_exact(body, &signal);
}

fn assert_exact(body: &str, signal: &Signal) {
    for reason in &signal.reasons {
        let words: String = body.chars().skip(reason.start).take(reason.end - reason.start).collect();
        assert_eq!(words, reason.text);
    }
    let terms = &signal.terms;
    for term in [&terms.deliverable, &terms.quantity, &terms.amount, &terms.deadline].into_iter().flatten() {
        assert!(body.contains(term), "{term} is not in the body");
    }
}

/// Pieces that rules and notation care about, put together at random.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "\\PC{0,6}",
        prop::sample::select(vec![
            "追加で",
            "あと3本",
            "お願い",
            "できますか",
            "?",
            "バナー",
            "も",
            "[qt]",
            "[/qt]",
            "[To:1]",
            "[code]",
            "[/code]",
            "仮払い",
            "済み",
            "契約",
            "先に進めて",
            "\n",
            "。",
            "ｵﾈｶﾞｲ",
            "ﾞ",
            "🙏",
            "\u{200d}",
            "〜",
            "ー",
            "1本4,000円",
            "12/4",
            "まで",
            "を",
            "、",
            "「",
            "」と言われ",
            "頂",
            "下さい",
            "もらえ",
            "ます",
            "LINE",
            "交換",
            "納品",
            "不要",
            "[info]",
            "[title][dtext:task_added][/title][task aid=1 st=open lt=0]",
            "[/task][/info]",
            " ",
            "　",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_and_every_span_is_exact(body in pieces(), before in pieces(), role in 0..4_usize, group: bool) {
        let role = [Role::Client, Role::Worker, Role::Other, Role::Bot][role];
        let context = [ContextMessage { sender_role: Role::Worker, body: before }];
        let room_type = if group { RoomType::Group } else { RoomType::Direct };
        let input = SignalInput { room_type, sender_role: role, body: &body, context: &context, workers: &[], worker_names: &[] };
        let signal = RULES.read(&input);
        assert_exact(&body, &signal);
        prop_assert_eq!(signal.labels.new_request, signal.tier > Tier::No);
        prop_assert!((0.0..=1.0).contains(&signal.confidence));
        prop_assert_eq!(&signal, &RULES.read(&input));
    }
}

#[test]
fn the_longest_bodies_are_read() {
    for piece in [
        "お願い",
        "追加であと",
        "1,",
        "「",
        "[qt]",
        "あ",
        "バナーも",
        "ｱﾞ",
        "\u{200b}",
        "🙏",
        "はい!",
        "お願いできますか。",
    ] {
        let body: String = piece.chars().cycle().take(65_535).collect();
        assert_exact(&body, &read(Role::Client, &body));
    }
}

#[test]
fn what_is_posted_and_paid_for_is_no_certain_request() {
    let asked = "ふりかけの小袋、5種類のデザインを新しくお願いします。";
    assert_eq!(read(Role::Client, asked).tier, Tier::Certain);
    let settled = format!("{asked}クラウドワークスで契約を送りました。仮払いも完了しました。");
    let signal = read(Role::Client, &settled);
    assert!(signal.labels.contract_posted && signal.labels.escrow_claimed, "{signal:?}");
    assert!(signal.tier < Tier::Certain, "{signal:?}");
}

#[test]
fn a_record_is_answered_in_the_agreed_shape() {
    // Extra keys are ignored, also where a corpus has its labels.
    let line = r#"{"id":"x-1","sender_role":"client","body":"あと3本お願いできますか","labels":{},"terms":1,"more":1}"#;
    let answer: serde_json::Value =
        serde_json::from_str(&respond(&RULES, line.as_bytes(), |_, _| None::<()>).json).expect("JSON");
    assert_eq!(answer["id"], "x-1");
    assert_eq!(answer["labels"]["new_request"], true);
    assert_eq!(answer["terms"]["quantity"], "3本");
    assert!(answer["terms"]["amount"].is_null());
    assert_eq!(answer["reasons"][0]["label"], "new_request");
    let keys: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 6);
    for line in ["", "{", "[]", r#"{"id":1,"body":"a"}"#, r#"{"sender_role":"boss","body":"a"}"#, "\u{0}"] {
        let refused = respond(&RULES, line.as_bytes(), |_, _| None::<()>);
        assert!(!refused.accepted);
        assert!(refused.json.starts_with(r#"{"id":null,"error":"#), "{}", refused.json);
    }
}

fn assert_floors(score: &Score, request: f64, certain: f64, others: f64, plain: usize) {
    assert!(score.of(Label::NewRequest).f1() >= request, "{score}");
    assert!(score.certain.precision() >= certain, "{score}");
    assert!(score.plain_certain <= plain, "{score}");
    for label in Label::ALL {
        assert!(score.of(label).f1() >= others, "{}\n{score}", label.as_str());
    }
}

#[test]
fn the_same_records_give_the_same_model_and_it_is_read() {
    let records: String = OWN.lines().take(40).flat_map(|line| [line, "\n"]).collect();
    let learn = || {
        let mut corpus = Corpus::default();
        corpus.add(&RULES, "own", records.as_bytes()).expect("records");
        corpus.fit(&RULES)
    };
    let model = learn();
    assert_eq!(model, learn());
    let rule =
        "[[mark]]\nid = \"a\"\ngives = \"x\"\npatterns = [\"猫\"]\nreason = \"猫\"\nmatch = []\nnot = []\n";
    let with = RuleSet::from_files(&[("a.toml", rule), ("model.txt", &model)]).expect("a rule set");
    let without = RuleSet::from_files(&[("a.toml", rule)]).expect("a rule set");
    assert_ne!(with.version(), without.version());
    let refusal = RuleSet::from_files(&[("a.toml", rule), ("model.txt", "nonsense")]).expect_err("no model");
    assert!(refusal.to_string().contains("model.txt: line 1"), "{refusal}");
}

/// What a client's message in a group comes to.
fn in_group(body: &str, context: &[ContextMessage], worker_names: &[String]) -> Signal {
    let (room_type, sender_role) = (RoomType::Group, Role::Client);
    RULES.read(&SignalInput { room_type, sender_role, body, context, workers: &[], worker_names })
}

#[test]
fn who_is_called_by_name_in_a_group_is_the_one_who_is_asked() {
    let said = |role, body: &str| ContextMessage { sender_role: role, body: body.to_owned() };
    let body = "戸崎さん、バナーも追加で3枚お願いできますか?1枚5,000円です";
    let of = |context: &[ContextMessage]| in_group(body, context, &[]);
    let another =
        of(&[said(Role::Other, "模型の戸崎です、来週あがります"), said(Role::Worker, "承知しました")]);
    assert!(!another.labels.new_request, "{another:?}");
    let worker = of(&[said(Role::Worker, "デザインの戸崎です、よろしくお願いします")]);
    assert_eq!((worker.labels.new_request, worker.tier), (true, Tier::Certain), "{worker:?}");
    // Nothing tells who that is: nobody is reminded of it in public.
    assert_eq!(of(&[]).tier, Tier::Unsure);
    for (name, tier) in [
        ("戸崎 美咲", Tier::Certain),
        ("戸崎美咲@デザイン", Tier::Certain),
        ("デザイナー 戸崎", Tier::Certain),
        ("瀬戸崎 聡", Tier::Unsure),
        ("Misaki", Tier::Unsure),
        ("", Tier::Unsure),
    ] {
        assert_eq!(in_group(body, &[], &[name.to_owned()]).tier, tier, "{name}");
    }
    for (name, tier) in [("中 花子", Tier::Certain), ("中村 花子", Tier::Unsure)] {
        let body = body.replace("戸崎", "中");
        assert_eq!(in_group(&body, &[], &[name.to_owned()]).tier, tier, "{name}");
    }
    let body = body.replace("戸崎", "一の瀬");
    assert_eq!(in_group(&body, &[], &["一の瀬 聡".to_owned()]).tier, Tier::Certain);
}

#[test]
fn a_call_at_the_start_is_told_from_a_person_spoken_of() {
    let said = |role, body: &str| ContextMessage { sender_role: role, body: body.to_owned() };
    let asks = |call: &str, context: &[ContextMessage]| {
        in_group(&format!("{call}バナーも追加で3枚お願いできますか?1枚5,000円です"), context, &[])
    };
    let talk = [
        said(Role::Other, "コーダーの白石です。トップページを組みました"),
        said(Role::Worker, "承知しました"),
    ];
    for call in [
        "コーダーの白石さん、",
        "白石先生ご無沙汰しております。",
        "穂積です。白石様、",
        "白石さんにお願いしたいのですが、",
    ] {
        let signal = asks(call, &talk);
        assert!(!signal.labels.new_request, "{call} {signal:?}");
    }
    for spoken_of in ["白石さんに断られました。", "白石さんから聞きました。", "白石さんの分とは別に、"]
    {
        let signal = asks(spoken_of, &talk);
        assert!(signal.labels.new_request, "{spoken_of} {signal:?}");
    }
    // Without a stop behind it a name that nobody in the talk has may be anything.
    assert_eq!(asks("白石先生ご無沙汰しております。", &[]).tier, Tier::Certain);
}

#[test]
fn a_department_is_not_the_worker_and_a_name_like_one_may_be() {
    let of = |name: &str| {
        let body = format!("[To:12]{name}\nバナーも追加で3枚お願いできますか?1枚5,000円です");
        in_group(&body, &[], &[]).labels.new_request
    };
    assert!(!of("衣裳室 倉本さん") && !of("校正室"));
    assert!(of("大室さん") && of("大室 健さん"));
}

#[test]
fn ordinary_conversation_is_what_others_than_the_worker_write() {
    let of = |file: &str, role: &str, escrow_claimed: bool| {
        let labels = serde_json::json!(Labels { escrow_claimed, ..Labels::default() });
        let line = format!(r#"{{"sender_role":"{role}","body":"了解です","labels":{labels}}}"#);
        let mut score = Score::new("");
        assert!(score.take(&RULES, file, line.as_bytes()).is_ok());
        assert_eq!(score.records, 1);
        score.ordinary
    };
    assert_eq!(["talk", "talk_frozen", "ordinary"].map(|file| of(file, "client", false)), [1, 1, 1]);
    assert_eq!(["more_ordinary", "train", "frozen"].map(|file| of(file, "client", false)), [0, 0, 0]);
    assert_eq!([of("talk", "other", false), of("talk", "worker", false)], [1, 0]);
    assert_eq!(of("talk", "client", true), 0);
}

#[test]
fn the_own_corpus_keeps_its_score() {
    let score = score(&RULES, OWN.as_bytes()).expect("the own corpus");
    assert!(score.records >= 150);
    assert_floors(&score, 0.95, 0.99, 0.9, 0);
}

#[test]
fn the_development_corpus_keeps_its_score_where_it_is() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join("shared/detection/dev.jsonl"))
        .find(|path| path.is_file());
    let Some(corpus) = corpus else {
        eprintln!(
            "NOT SCORED: shared/detection/dev.jsonl is not beside this repository; its floors were not checked"
        );
        return;
    };
    let file = File::open(corpus).expect("the development corpus");
    let score = score(&RULES, BufReader::new(file)).expect("the development corpus");
    println!("{score}");
    assert_floors(&score, 0.88, 0.97, 0.85, 3);
}

fn tuned(role: Role, body: &str, tuning: &Tuning) -> Signal {
    let input = SignalInput {
        room_type: RoomType::Direct,
        sender_role: role,
        body,
        context: &[],
        workers: &[],
        worker_names: &[],
    };
    RULES.read_tuned(&input, tuning)
}

#[test]
fn what_is_set_for_a_room_moves_the_tiers() {
    let certain = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";
    let unsure = "来週の稼働、空きはありますか？";
    let talk = "週刊メモ、いつもどおり出しておいてください。";
    let tier = |body, tuning: &Tuning| tuned(Role::Client, body, tuning).tier;
    let none = Tuning::default();
    assert_eq!([certain, unsure, talk].map(|it| tier(it, &none)), [Tier::Certain, Tier::Unsure, Tier::No]);
    assert_eq!(RULES.version_tuned(&none), RULES.version());

    let strict = Tuning { certain: Some(100), unsure: Some(100), ..Tuning::default() };
    assert_eq!(tier(certain, &strict), Tier::No);
    let careful = Tuning { certain: Some(100), ..Tuning::default() };
    assert_eq!(tier(certain, &careful), Tier::Unsure);
    let bold = Tuning { certain: Some(61), ..Tuning::default() };
    let signal = tuned(Role::Client, unsure, &bold);
    assert_eq!(signal.tier, Tier::Certain);
    assert!(signal.reasons.iter().any(|it| it.rule == "room.threshold"), "{:?}", signal.reasons);
    assert_ne!(RULES.version_tuned(&bold), RULES.version_tuned(&careful));

    // A phrase in other spelling, with its place in the body.
    let phrases =
        Tuning { allow: vec!["週刊メモ".into()], deny: vec!["ブログ".into()], ..Tuning::default() };
    let signal = tuned(Role::Client, "お疲れさまです。週刊ﾒﾓ、いつもどおり出しておいてください。", &phrases);
    assert_eq!((signal.tier, signal.labels.new_request), (Tier::Certain, true));
    let reason = signal.reasons.iter().find(|it| it.rule == "room.allow").expect("a reason");
    assert_eq!((reason.text.as_str(), reason.start, reason.end), ("週刊ﾒﾓ", 8, 12));
    let signal = tuned(Role::Client, certain, &phrases);
    assert_eq!((signal.tier, signal.labels.any(), signal.reasons.len()), (Tier::No, false, 0));
    assert_eq!(signal.terms, crate::domain::Terms::default());

    // Gates stand above what is set.
    let open = Tuning {
        certain: Some(61),
        unsure: Some(5),
        allow: vec!["メモ".into(), "記事".into()],
        ..Tuning::default()
    };
    for role in [Role::Worker, Role::Bot] {
        assert_eq!(tuned(role, certain, &open).tier, Tier::No);
    }
    assert_eq!(
        tier(&format!("[qt][qtmeta aid=1 time=1]{certain}[/qt]ありがとうございます。"), &open),
        Tier::No
    );
    let many = format!("[To:1][To:2]{certain}");
    let input = SignalInput {
        room_type: RoomType::Group,
        sender_role: Role::Client,
        body: &many,
        context: &[],
        workers: &[AccountId(1)],
        worker_names: &[],
    };
    assert_eq!(RULES.read_tuned(&input, &open).tier, Tier::Unsure);
    assert_eq!(RULES.read(&input).tier, Tier::Unsure);
}

/// Who is meant by `[To:…]` is known only where the worker's accounts are.
#[test]
fn the_workers_accounts_tell_whom_a_message_is_for() {
    let asks = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";
    let tier = |room_type, workers: &[u64], to: &str| {
        let workers: Vec<AccountId> = workers.iter().copied().map(AccountId).collect();
        let body = format!("{to}{asks}");
        let input = SignalInput {
            room_type,
            sender_role: Role::Client,
            body: &body,
            context: &[],
            workers: &workers,
            worker_names: &[],
        };
        RULES.read(&input).tier
    };
    for (workers, to, expected) in [
        (&[7][..], "[To:7]佐藤さん\n", Tier::Certain),
        (&[7], "[To:8]鈴木さん\n", Tier::No),
        (&[7, 8], "[To:8]鈴木さん\n", Tier::Certain),
        (&[7], "[rp aid=8 to=1-2]鈴木さん\n", Tier::No),
        (&[7], "[rp aid=7 to=1-2]佐藤さん\n", Tier::Certain),
        // Both of them: it is a request, but nobody knows whose.
        (&[7], "[To:7]佐藤さん [To:8]鈴木さん\n", Tier::Unsure),
        // Without the accounts it may be anybody's.
        (&[], "[To:8]鈴木さん\n", Tier::Unsure),
    ] {
        assert_eq!(tier(RoomType::Group, workers, to), expected, "{workers:?} {to}");
    }
    assert_eq!(tier(RoomType::Direct, &[7], ""), Tier::Certain);
}
