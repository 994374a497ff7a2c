//! The texts as people read them, and what template files may not hold.

mod answers;

use std::sync::LazyLock;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

static BUILTIN_TEXTS: LazyLock<Templates> = LazyLock::new(|| Templates::builtin().unwrap());

fn message() -> MessageId {
    MessageId::new("1789012345678901248").unwrap()
}

fn reminder(name: Option<&str>, automatic_line: bool, start_before_escrow: bool) -> String {
    let message = message();
    BUILTIN_TEXTS.render_reminder(&ReminderContext {
        room: RoomId(567_890_123),
        message: &message,
        account: AccountId(123_456),
        sender_name: name,
        automatic_line,
        start_before_escrow,
        form: ReminderForm::NewJob,
    })
}

fn note_about(quote: &str, kind: NoteKind<'_>) -> String {
    let message = message();
    let subject = NoteSubject {
        room: RoomId(567_890_123),
        room_name: Some("LP制作"),
        message: &message,
        sender_name: Some("山田太郎"),
        quote,
    };
    BUILTIN_TEXTS.render_note(&subject, kind)
}

fn note(kind: NoteKind<'_>) -> String {
    note_about("追加でバナーを3枚、\n来週までにお願いできますか？", kind)
}

fn refusal(content: &str) -> String {
    let files = [("my.toml".to_owned(), content.to_owned())];
    Templates::from_files(&files).expect_err("must be refused").to_string()
}

#[test]
fn reminders() {
    assert_snapshot!(reminder(Some("山田太郎"), true, false), @r#"
    [rp aid=123456 to=567890123-1789012345678901248]山田太郎さん
    お仕事のご相談をいただき、ありがとうございます。

    お手数をおかけしますが、こちらのお仕事は、クラウドワークスで新規の依頼としてご登録のうえ、仮払いの手続きをお願いいたします。「ワーカー管理」の「一括で仕事を依頼する」からご登録いただけます。

    クラウドワークスの決まりにより、作業は仮払いの確認後に始めることになっています。行き違いを防ぎ、お互いに安心して進めるためのお願いです。

    ご相談の内容については、あらためて本人からお返事します。

    ※このメッセージは自動で送信しています。
    "#);
    assert_snapshot!(reminder(Some("山田太郎"), true, true), @r#"
    [rp aid=123456 to=567890123-1789012345678901248]山田太郎さん
    お仕事のご相談をいただき、ありがとうございます。

    お急ぎのところ恐れ入りますが、クラウドワークスでは、仮払いの確認前に作業を始めることが認められていません。行き違いを防ぎ、お互いに安心して進めるための決まりです。

    お手数をおかけしますが、こちらのお仕事は、クラウドワークスで新規の依頼としてご登録のうえ、仮払いの手続きをお願いいたします。「ワーカー管理」の「一括で仕事を依頼する」からご登録いただけます。

    ご相談の内容については、あらためて本人からお返事します。

    ※このメッセージは自動で送信しています。
    "#);
    assert_snapshot!(reminder(None, false, false), @r#"
    [rp aid=123456 to=567890123-1789012345678901248]
    お仕事のご相談をいただき、ありがとうございます。

    お手数をおかけしますが、こちらのお仕事は、クラウドワークスで新規の依頼としてご登録のうえ、仮払いの手続きをお願いいたします。「ワーカー管理」の「一括で仕事を依頼する」からご登録いただけます。

    クラウドワークスの決まりにより、作業は仮払いの確認後に始めることになっています。行き違いを防ぎ、お互いに安心して進めるためのお願いです。

    ご相談の内容については、あらためてお返事します。
    "#);
}

#[test]
fn a_draft_tells_why_it_was_not_posted() {
    let draft = reminder(Some("山田太郎"), true, false);
    let kind =
        NoteKind::Draft { reason: DraftReason::Approve, draft: Some(&draft), approve: Some(CaseId(12)) };
    assert_snapshot!(note(kind), @r#"
    [info][title]karibarai 返信の文案（まだ投稿していません）[/title]「LP制作」に、お仕事のご依頼と思われるメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    このルームは承認後に投稿する設定（approve）のため、投稿せずにお待ちしています。

    文案：
    [code]お仕事のご相談をいただき、ありがとうございます。

    お手数をおかけしますが、こちらのお仕事は、クラウドワークスで新規の依頼としてご登録のうえ、仮払いの手続きをお願いいたします。「ワーカー管理」の「一括で仕事を依頼する」からご登録いただけます。

    クラウドワークスの決まりにより、作業は仮払いの確認後に始めることになっています。行き違いを防ぎ、お互いに安心して進めるためのお願いです。

    ご相談の内容については、あらためて本人からお返事します。

    ※このメッセージは自動で送信しています。[/code]

    この文案を送るときは「承認 12」、送らないときは「却下 12」と書いてください。[/info]
    "#);
    let kind = NoteKind::Draft { reason: DraftReason::UnlistedRoom, draft: None, approve: Some(CaseId(12)) };
    assert_snapshot!(note(kind), @r#"
    [info][title]karibarai 返信の文案（まだ投稿していません）[/title]「LP制作」に、お仕事のご依頼と思われるメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    設定ファイルにないルームのため、投稿していません。[/info]
    "#);
}

#[test]
fn every_reason_has_its_sentence() {
    let all = [
        DraftReason::Observe,
        DraftReason::Suggest,
        DraftReason::Approve,
        DraftReason::Unsure,
        DraftReason::OwnerActive,
        DraftReason::OwnerAnswered,
        DraftReason::RoomBudget,
        DraftReason::DayBudget,
        DraftReason::QuietHours,
        DraftReason::UnlistedRoom,
        DraftReason::TooOld,
        DraftReason::Settling,
        DraftReason::Paused,
    ];
    let sentences: Vec<String> = all.into_iter().map(|it| BUILTIN_TEXTS.fill(reason_text(it), &[])).collect();
    assert_snapshot!(sentences.join("\n"), @r#"
    このルームは記録だけの設定（observe）のため、投稿していません。
    このルームは文案だけの設定（suggest）のため、投稿していません。
    このルームは承認後に投稿する設定（approve）のため、投稿せずにお待ちしています。
    ご依頼かどうかを判断できなかったため、投稿していません。
    少し前にご自身がこのルームに書き込んでいるため、投稿していません。
    このメッセージのあとにご自身が書き込んでいるため、投稿していません。
    このルームへの今日の投稿数が上限に達しているため、投稿していません。
    今日の投稿数の合計が上限に達しているため、投稿していません。
    投稿しない時間帯（quiet_hours）のため、投稿していません。
    設定ファイルにないルームのため、投稿していません。
    メッセージが書かれてから時間がたっているため、投稿していません。
    起動してから間もないため、投稿していません。
    停止中のため、投稿していません。
    "#);
}

#[test]
fn notes_on_dealing_outside() {
    assert_snapshot!(note(NoteKind::OffPlatform(OffPlatform::Payment)), @r#"
    [info][title]karibarai クラウドワークスを通さない支払いの話[/title]「LP制作」に、クラウドワークスを通さない支払いについてのメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    クラウドワークスを通さない支払いは利用規約で禁じられており、仮払いによる保護も受けられません。ルームには何も投稿していません。

    お返事の例：
    ご提案をいただき、ありがとうございます。お支払いについては、クラウドワークスの決まりにより、仮払いでお願いしております。お手数をおかけしますが、どうぞよろしくお願いいたします。[/info]
    "#);
    assert_snapshot!(note(NoteKind::OffPlatform(OffPlatform::Contact)), @r#"
    [info][title]karibarai 連絡先の交換の話[/title]「LP制作」に、連絡先の交換についてのメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    クラウドワークスでは、サイトの外での連絡は原則として認められていません。必要なときは、ご相談や契約ごとに「サービス外連絡申請」を行います。ルームには何も投稿していません。

    お返事の例：
    お声がけをいただき、ありがとうございます。連絡方法を変えるには、クラウドワークスの決まりにより申請が必要なため、引き続きこれまでの方法でお願いできますと幸いです。[/info]
    "#);
    assert_snapshot!(note(NoteKind::OffPlatform(OffPlatform::Delivery)), @r#"
    [info][title]karibarai クラウドワークスを通さない納品・検収の話[/title]「LP制作」に、納品や検収をクラウドワークスの外で済ませることについてのメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    クラウドワークスの画面で検収が行われないと、報酬は確定しません。ルームには何も投稿していません。

    お返事の例：
    ご連絡をいただき、ありがとうございます。納品と検収については、クラウドワークスの画面で手続きをお願いしております。お手数をおかけしますが、どうぞよろしくお願いいたします。[/info]
    "#);
}

#[test]
fn notes_on_contract_and_escrow() {
    assert_snapshot!(note(NoteKind::StartBeforeEscrow), @r#"
    [info][title]karibarai 仮払い前の着手の話[/title]「LP制作」に、仮払いの前に作業を始めることについてのメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    クラウドワークスの決まりでは、作業は仮払いの確認後に始めます。着手の前に、仮払いの状況をクラウドワークスの画面でご確認ください。[/info]
    "#);
    assert_snapshot!(note(NoteKind::OwnerStart { case: Some(CaseId(12)) }), @r#"
    [info][title]karibarai 着手の前に仮払いのご確認を[/title]「LP制作」に、ご自身が作業の開始について書き込んでいます。
    https://www.chatwork.com/#!rid567890123-1789012345678901248

    この案件の仮払いは、まだ確認されていません。作業を始める前に、クラウドワークスの画面でご確認ください。

    仮払いを確認できたら「確認 12」と書いてください。[/info]
    "#);
    assert_snapshot!(note(NoteKind::ContractPosted), @r#"
    [info][title]karibarai 依頼の登録・契約の連絡[/title]「LP制作」に、クラウドワークスでの依頼の登録や契約についてのメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    内容は、クラウドワークスの画面でご確認ください。[/info]
    "#);
    assert_snapshot!(note(NoteKind::EscrowClaimed { case: Some(CaseId(12)) }), @r#"
    [info][title]karibarai 仮払いの連絡[/title]「LP制作」に、仮払いが済んだというメッセージがありました。
    https://www.chatwork.com/#!rid567890123-1789012345678901248
    山田太郎さん：「追加でバナーを3枚、 来週までにお願いできますか？」

    作業を始める前に、仮払いの状況をクラウドワークスの画面でご確認ください。

    仮払いを確認できたら「確認 12」と書いてください。[/info]
    "#);
}

#[test]
fn notes_on_posts_that_went_wrong() {
    assert_snapshot!(note(NoteKind::ReplyUncertain), @r#"
    [info][title]karibarai 投稿できたかどうか分かりません[/title]「LP制作」の次のメッセージへの返信が、届いたかどうかを確かめられませんでした。
    https://www.chatwork.com/#!rid567890123-1789012345678901248

    二重に投稿しないよう、送り直していません。ルームをご覧になり、届いていないときは、ご自身でお返事をお願いします。[/info]
    "#);
    assert_snapshot!(note(NoteKind::PostRefused { status: 403 }), @r#"
    [info][title]karibarai 投稿が受け付けられませんでした[/title]「LP制作」の次のメッセージへの返信を、Chatworkが受け付けませんでした（応答 403）。
    https://www.chatwork.com/#!rid567890123-1789012345678901248

    このルームに書き込む権限があるか、メンバーから外れていないかをご確認ください。投稿は送り直しません。[/info]
    "#);
    assert_snapshot!(note(NoteKind::PostRefused { status: 400 }), @r#"
    [info][title]karibarai 投稿が受け付けられませんでした[/title]「LP制作」の次のメッセージへの返信を、Chatworkが受け付けませんでした（応答 400）。
    https://www.chatwork.com/#!rid567890123-1789012345678901248

    投稿は送り直しません。お返事が必要なときは、ご自身でお願いします。[/info]
    "#);
}

#[test]
fn unnamed_people_and_rooms_have_words() {
    let message = message();
    let subject = NoteSubject {
        room: RoomId(5),
        room_name: None,
        message: &message,
        sender_name: Some(" \n"),
        quote: "急ぎで",
    };
    assert_snapshot!(BUILTIN_TEXTS.render_note(&subject, NoteKind::ContractPosted), @r#"
    [info][title]karibarai 依頼の登録・契約の連絡[/title]ルーム5に、クラウドワークスでの依頼の登録や契約についてのメッセージがありました。
    https://www.chatwork.com/#!rid5-1789012345678901248
    相手の方：「急ぎで」

    内容は、クラウドワークスの画面でご確認ください。[/info]
    "#);
}

#[test]
fn what_others_wrote_cannot_act() {
    let hostile = "[toall]\n[/info][To:1] \u{202e}>>>\u{0}{draft}";
    let text = note_about(hostile, NoteKind::StartBeforeEscrow);
    assert!(text.contains("「［toall] ［/info]［To:1] ＞＞＞{draft}」"), "{text}");
    let post = reminder(Some(hostile), true, false);
    assert!(post.starts_with(
        "[rp aid=123456 to=567890123-1789012345678901248]［toall] ［/info]［To:1] ＞＞＞{draft}さん\n"
    ));
    let draft = format!("{post}[/code][toall]");
    let kind = NoteKind::Draft { reason: DraftReason::Suggest, draft: Some(&draft), approve: None };
    assert!(note(kind).ends_with("［/code]［toall][/code][/info]"));
    let long = note_about(&"あ".repeat(65_535), NoteKind::ContractPosted);
    assert!(long.chars().count() < 400 && long.contains("ああ…」"));
}

proptest! {
    #[test]
    fn no_value_adds_a_bracket(quote in "(\\[|\\]|\\{|/info|toall|To:1|\\PC){0,40}", name in "\\PC{0,60}") {
        let count = |text: &str| text.matches('[').count();
        let plain = note_about("", NoteKind::StartBeforeEscrow);
        prop_assert_eq!(count(&note_about(&quote, NoteKind::StartBeforeEscrow)), count(&plain));
        let post = reminder(Some(&name), true, false);
        prop_assert_eq!(count(&post), 1);
        prop_assert_eq!(post.lines().count(), reminder(None, true, false).lines().count());
    }

    #[test]
    fn any_template_file_is_read_or_refused(content in "\\PC{0,200}", text in "(\\[|\\]|\\{|\\}|code|hr|room|\\PC){0,60}") {
        let _ = Templates::from_files(&[("a".to_owned(), content)]);
        let _ = Templates::from_files(&[("b".to_owned(), format!("[draft]\nbody = {text:?}\n"))]);
    }
}

#[test]
fn the_version_changes_with_any_text() {
    let builtin = Templates::builtin().unwrap();
    assert_eq!(builtin.version().len(), 16);
    assert_eq!(builtin.version(), Templates::builtin().unwrap().version());
    let own = [("my.toml".to_owned(), "[words]\nsender = 'お相手'\n".to_owned())];
    let changed = Templates::from_files(&own).unwrap();
    assert_ne!(builtin.version(), changed.version());
    assert_eq!(changed.fill(TextId::UnknownSender, &[]), "お相手");
}

#[test]
fn a_bad_template_file_is_refused_with_all_its_faults() {
    assert_snapshot!(refusal("[reminder]\ntext = 'お受けします。LINEで[toall]{name}！'\n[draft]\nbody = '{quote} {amount}'\ntitle = \"a\\nb\"\n[drafts]\nbody = ''\n"), @r#"
    my.toml: draft.body: has an unknown placeholder; there are {room} {link} {sender} {quote} {reason}
    my.toml: draft.title: must be one line
    my.toml: drafts.body: is no text that the bot has
    my.toml: reminder.text: has the Chatwork tag [toall]; only [hr] and [code] may be used
    my.toml: reminder.text: says 「お受けします」, which reads like an acceptance or a promise
    my.toml: reminder.text: says 「！」, which declines, blames or threatens
    my.toml: reminder.text: says 「line」, which reads like dealing outside CrowdWorks
    my.toml: reminder.text: must name クラウドワークス and 仮払い
    my.toml: reminder.text: must thank
    my.toml: reminder.text: has a placeholder, and there are none for this text
    "#);
    assert_snapshot!(refusal("[reminder]\ntext = 5\n"), @"my.toml:2: not a template file: invalid type: integer `5`, expected a string");
    assert_snapshot!(refusal("[confirm]\ntext = ''\n[draft]\ntext = '[code]{draft}'\nbody = '[{quote}] }'\napprove = '[To:1'\n"), @r#"
    my.toml: confirm.text: is empty
    my.toml: draft.approve: has a Chatwork tag that does not end
    my.toml: draft.body: has a placeholder after an open `[`
    my.toml: draft.body: has a `{` or `}` that is no placeholder
    my.toml: draft.text: has [code] without [/code]
    "#);
}

#[test]
fn wording_is_compared_folded_and_by_whole_latin_words() {
    let refused = |text: &str| refusal(&format!("[reminder]\nclosing_plain = '{text}'\n"));
    for text in
        ["ＬＩＮＥでお話しします", "L I N Eで", "PayPayで", "よろこんでお返事します", "お振 込でお願いします"]
    {
        assert!(refused(text).contains("says 「"), "{text}");
    }
    for text in
        ["オンラインでお返事します", "onlineでお返事します", "[重要] お返事します", "[hr]お返事します"]
    {
        let files = [("my.toml".to_owned(), format!("[reminder]\nclosing_plain = '{text}'\n"))];
        assert!(Templates::from_files(&files).is_ok(), "{text}");
    }
}

#[test]
fn a_regular_client_reads_other_words_each_time() {
    let message = message();
    for kind in crate::cases::FollowUp::ALL {
        let texts: Vec<String> = (0..4)
            .map(|earlier| {
                let ctx = FollowUpContext {
                    room: RoomId(567_890_123),
                    message: &message,
                    account: AccountId(123_456),
                    sender_name: Some("山田太郎"),
                    automatic_line: false,
                    earlier,
                };
                BUILTIN_TEXTS.render_follow_up(kind, &ctx)
            })
            .collect();
        assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2], "{kind:?}");
        assert_eq!(texts[0], texts[3]);
        assert!(texts[0].starts_with("[rp aid=123456 to=567890123-1789012345678901248]山田太郎さん\n"));
    }
}

#[test]
fn a_note_shows_its_draft_and_the_word_that_sends_it() {
    let message = message();
    let subject = NoteSubject {
        room: RoomId(567_890_123),
        room_name: Some("LP制作"),
        message: &message,
        sender_name: Some("山田太郎"),
        quote: "仮払いしました。",
    };
    let draft = "[rp aid=123456 to=567890123-1]山田太郎さん\nありがとうございます。";
    let kind = NoteKind::EscrowClaimed { case: Some(CaseId(12)) };
    let note = BUILTIN_TEXTS.render_note_with_draft(&subject, kind, draft, Some(CaseId(12)));
    assert!(note.contains("[code]ありがとうございます。[/code]"), "{note}");
    assert!(note.contains("確認 12") && note.contains("承認 12") && !note.contains("[rp"), "{note}");
    let covered = BUILTIN_TEXTS.render_case_note(&subject, CaseNote::Covered { left: "7本" });
    assert!(covered.contains("残りは7本"), "{covered}");
}

#[test]
fn a_text_for_a_client_is_polite_to_the_end_of_each_sentence() {
    let refused = |text: &str| refusal(&format!("[reminder]\nclosing_plain = '{text}'\n"));
    for (text, needed) in [
        ("本日の連絡だ。", "「…本日の連絡だ。」"),
        ("ご確認をお願いします。あとで返事する。", "「…あとで返事する。」"),
        ("早くしてください。", "「早くして」"),
        ("あなたにお返事します。", "「あなた」"),
        ("見積もりを出してくれ。", "「てくれ」"),
    ] {
        assert!(refused(text).contains(needed), "{text}: {}", refused(text));
    }
    for text in [
        "ご確認いただけますと幸いです。",
        "お返事をお待ちしております（本人より）。",
        "※お休みの日は翌日にお返事します",
    ] {
        let files = [("my.toml".to_owned(), format!("[reminder]\nclosing_plain = '{text}'\n"))];
        assert!(Templates::from_files(&files).is_ok(), "{text}");
    }
    let doubled = refusal("[contract_posted]\nbody = '{room} {sender}様からです。'\n");
    assert!(doubled.contains("{sender}"), "{doubled}");
}

#[test]
fn each_fault_has_its_japanese() {
    let files = [(
        "my.toml".to_owned(),
        "[reminder]\ntext = 'お受けします。LINEで！'\n[draft]\nbody = '{x}'\n".to_owned(),
    )];
    let error = Templates::from_files(&files).expect_err("must be refused");
    let lines: Vec<String> =
        error.problems.iter().map(|it| format!("{}: {}", it.place, it.what.japanese())).collect();
    assert_snapshot!(lines.join("\n"), @r"
    my.toml: draft.body: 知らない差し込み項目です（使えるのは {room} {link} {sender} {quote} {reason}）
    my.toml: reminder.text: 「お受けします」は、引き受けや約束と受け取られます
    my.toml: reminder.text: 「！」は、断りや非難と受け取られます
    my.toml: reminder.text: 「line」は、クラウドワークスを通さない取引と受け取られます
    my.toml: reminder.text: 「クラウドワークス」と「仮払い」の両方を入れてください
    my.toml: reminder.text: お礼（ありがとうございます）を入れてください
    ");
}
