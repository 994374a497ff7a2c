//! A table of what people write, and what it is.

use proptest::prelude::*;

use super::*;

fn case(word: CaseWord, number: u64) -> Reading {
    Reading::Word(Word::Case(word, CaseId(number)))
}

#[test]
fn words_alone() {
    for (texts, word) in [
        (
            &["一覧", " 一覧 ", "いちらん", "リスト", "ﾘｽﾄ", "一覧。", "一覧お願いします", "LIST", "案件"][..],
            Word::List,
        ),
        (&["状況", "状況です", "ステータス", "ｽﾃｰﾀｽ", "Status"], Word::Status),
        (&["集計", "集計をお願いします"], Word::Figures),
        (&["ヘルプ", "ﾍﾙﾌﾟ", "へるぷ", "help", "ＨＥＬＰ", "使い方", "?", "？"], Word::Help),
        (&["停止", "停 止", "停止！", "停止してください", "ストップ", "STOP", "ていし"], Word::Stop),
        (&["再開", "再開します", "さいかい", "再開。"], Word::Resume),
    ] {
        for text in texts {
            assert_eq!(read(text), Reading::Word(word.clone()), "{text}");
        }
    }
}

#[test]
fn words_with_the_number_of_a_case() {
    for text in [
        "承認 12",
        "承認12",
        "承認　１２",
        "承認：12",
        "承認 #12",
        "承認 12番",
        "12番を承認",
        "12 承認",
        "１２番　承認",
        "案件12を承認します",
        "承認 案件12",
        "承認 No.12",
        "承認 12 お願いします",
        "しょうにん 12",
        "ショウニン１２",
        "承認 12。",
        "12番の件、承認してください",
        "承認 ⑫",
    ] {
        assert_eq!(read(text), case(CaseWord::Approve, 12), "{text}");
    }
    for (text, word) in [
        ("却下 3", CaseWord::Reject),
        ("確認 3", CaseWord::Confirm),
        ("確認 3 しました", CaseWord::Confirm),
        ("3番、確認済みです", CaseWord::Confirm),
        ("仮払い確認 3", CaseWord::Confirm),
        ("取消 3", CaseWord::Dismiss),
        ("取り消し 3", CaseWord::Dismiss),
        ("取消し3", CaseWord::Dismiss),
        ("着手 3", CaseWord::Begin),
        ("納品 3", CaseWord::Deliver),
        ("検収 3", CaseWord::Accept),
        ("入金 3", CaseWord::Paid),
        ("取り下げ 3", CaseWord::Withdraw),
        ("証拠 3", CaseWord::Evidence),
        ("条件 3", CaseWord::Conditions),
        ("状況 3", CaseWord::Show),
        ("詳細 3", CaseWord::Show),
        ("正解 3", CaseWord::Right),
        ("誤り 3", CaseWord::Wrong),
        ("間違い 3", CaseWord::Wrong),
    ] {
        assert_eq!(read(text), case(word, 3), "{text}");
    }
    assert_eq!(read("承認"), Reading::NumberMissing(CaseWord::Approve));
    assert_eq!(read("証拠をお願いします"), Reading::NumberMissing(CaseWord::Evidence));
    assert_eq!(CaseWord::Approve.spelling(), "承認");
}

#[test]
fn what_the_owner_notes_for_himself_is_left_alone() {
    for text in [
        "",
        "   ",
        "確認 12時に電話",
        "12時 確認",
        "確認 12/31",
        "確認 12 13",
        "承認 0",
        "承認 99999999999999999999999",
        "承認 -",
        "確認事項をまとめる",
        "一覧表を作る",
        "明日は停止線の撮影",
        "再開発の資料",
        "納品",
        "着手",
        "契約書を送る",
        "契約",
        "静かな部屋を予約",
        "メモ 12時に電話",
        "メモ帳を買う",
        "メモ 12",
        "承認\n12",
        "牛乳 2本",
        "パスワード 12345",
        "https://www.chatwork.com/#!rid1-2",
        "[info][title]karibarai 案件の一覧[/title]承認 12[/info]",
        &"承認 12 ".repeat(40),
    ] {
        assert_eq!(read(text), Reading::Nothing, "{text}");
    }
}

#[test]
fn spans_of_quiet() {
    for (text, minutes) in [
        ("静か 3時間", 180),
        ("静かに 3時間", 180),
        ("静か３時間", 180),
        ("静か 三時間", 180),
        ("静か 1時間半", 90),
        ("静か 1時間30分", 90),
        ("しずか 30分", 30),
        ("静かに 2日間", 2880),
        ("静か 半日", 720),
        ("ミュート 90分", 90),
        ("静か 3h", 180),
        ("静か 3時間お願いします", 180),
        ("静か 3時間だけ", 180),
    ] {
        assert_eq!(read(text), Reading::Word(Word::Quiet(Duration::from_secs(minutes * 60))), "{text}");
    }
    for text in ["静か", "静かに", "静か 0分", "静か 8日", "静か 99999999999日"] {
        let reading = read(text);
        assert!(matches!(reading, Reading::SpanMissing | Reading::Nothing), "{text}: {reading:?}");
    }
    assert_eq!(read("静か"), Reading::SpanMissing);
    assert_eq!(read("静か 8日"), Reading::SpanMissing);
}

#[test]
fn notes_keep_their_text() {
    let note = |number, text: &str| Reading::Word(Word::Note(CaseId(number), text.to_owned()));
    assert_eq!(read("メモ 12 先方は来週休み。ＯＫ"), note(12, "先方は来週休み。ＯＫ"));
    assert_eq!(read("メモ１２：\n1行目\n2行目"), note(12, "1行目\n2行目"));
    assert_eq!(read("ﾒﾓ #3番 折り返し"), note(3, "折り返し"));
    assert_eq!(read(&format!("メモ 1 {}", "あ".repeat(MAX_NOTE_CHARS + 1))), Reading::Nothing);
}

#[test]
fn contracts() {
    use crate::cases::{Form, RoomContract};
    use crate::domain::RoomId;
    let contract = |text: &str| match read(text) {
        Reading::Word(Word::Contract(word)) => word,
        other => panic!("{text}: {other:?}"),
    };
    let day = |year, month, day| Some(Day { year, month, day });
    let usual = contract("契約 87654321 10本 30000円 12/31まで");
    assert_eq!(
        usual,
        ContractWord {
            room: Some(RoomId(87_654_321)),
            room_name: "87654321".to_owned(),
            quantity: Some(10),
            unit: "本".to_owned(),
            yen: Some(30_000),
            until: day(None, 12, 31),
            ..ContractWord::default()
        }
    );
    assert_eq!(contract("契約　８７６５４３２１　１０本　３０，０００円　１２／３１まで"), usual);
    assert_eq!(
        contract("契約 https://www.chatwork.com/#!rid87654321 3万円 2027年1月31日 10本").until,
        day(Some(2027), 1, 31)
    );
    let named = contract("契約 山田商事 LP 3本 月4記事 1.5万円");
    assert_eq!((named.room_name.as_str(), named.room), ("山田商事 LP 3本", None));
    assert_eq!((named.form, named.quantity, named.yen), (Some(Form::Monthly), Some(4), Some(15_000)));
    assert_eq!(contract("契約 山田商事 時給").form, Some(Form::Hourly));
    assert_eq!(contract("契約 山田商事 なし").standing, Some(RoomContract::None));
    assert_eq!(contract("契約 山田商事 10本 仮払い前").standing, Some(RoomContract::Contracted));
    let link = contract("契約 山田商事 https://crowdworks.jp/contracts/123 5件").link;
    assert_eq!(link.as_deref(), Some("https://crowdworks.jp/contracts/123"));
    assert!(contract("契約 更新の件").is_empty());
    assert_eq!(contract("契約 山田商事 13/45まで").until, None);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,80}", piece in "(承認|確認|静か|契約|メモ|[0-9０-９]|[ 　]|番|円|/|まで|\\PC){0,20}") {
        let _ = read(&text);
        let _ = read(&piece);
    }

    #[test]
    fn width_and_spaces_change_nothing(number in 1_u64..100_000, gap in "[ 　]{0,3}", full in any::<bool>()) {
        let digits: String = number
            .to_string()
            .chars()
            .map(|it| if full { char::from_u32(u32::from(it) - 0x30 + 0xff10).unwrap_or(it) } else { it })
            .collect();
        for (spelling, word) in [("承認", CaseWord::Approve), ("取消", CaseWord::Dismiss), ("誤り", CaseWord::Wrong)] {
            prop_assert_eq!(read(&format!("{spelling}{gap}{digits}")), case(word, number));
            prop_assert_eq!(read(&format!("{digits}番{gap}{spelling}")), case(word, number));
        }
    }
}
