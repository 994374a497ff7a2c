//! The texts as people read them, and what template files may not hold.

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

mod answers {
    use std::time::Duration;

    use crate::cases::{Item, Nudge, State, Term};
    use crate::domain::{Terms, UtcMillis};

    use super::*;
    use crate::reply::template::{Alert, Answer, CaseLine, ClientLine, ItemLine, MonthLine, Running, Sums};

    const AT: UtcMillis = UtcMillis(1_795_395_600_000);

    fn line() -> CaseLine {
        CaseLine {
            case: CaseId(12),
            state: State::Reminded,
            room: RoomId(5),
            room_name: Some("LP制作".to_owned()),
            client: Some("山田太郎".to_owned()),
            terms: "ブログ記事 3本 1本5,000円 来週金曜".to_owned(),
        }
    }

    fn all() -> Vec<Answer> {
        let case = CaseId(12);
        let found = Some((message(), "1本5,000円".to_owned()));
        vec![
            Answer::List {
                lines: vec![line(), CaseLine { client: None, room_name: None, ..line() }],
                closed: 3,
            },
            Answer::List { lines: Vec::new(), closed: 0 },
            Answer::Status {
                running: Running::On,
                sums: Sums {
                    open: 3,
                    without_escrow: 2,
                    without_escrow_yen: 45_000,
                    in_work_yen: 1_200_000,
                    drafts: 1,
                },
            },
            Answer::Status { running: Running::Stopped, sums: Sums::default() },
            Answer::Status { running: Running::QuietUntil(AT), sums: Sums::default() },
            Answer::Figures {
                clients: vec![ClientLine {
                    client: "山田太郎".to_owned(),
                    open: 2,
                    without_escrow_yen: 15_000,
                    in_work_yen: 0,
                }],
                months: vec![MonthLine {
                    month: "2026-11".to_owned(),
                    requests: 4,
                    confirmed: 3,
                    yen: 60_000,
                }],
                answer_time: Some(Duration::from_secs(7_500)),
            },
            Answer::Help,
            Answer::Stopped { already: false },
            Answer::Stopped { already: true },
            Answer::Resumed { already: false },
            Answer::Resumed { already: true },
            Answer::Quiet { until: AT },
            Answer::NoSuchCase(case),
            Answer::NumberMissing { word: "承認" },
            Answer::SpanMissing,
            Answer::Approved(case),
            Answer::Rejected(case),
            Answer::NoDraft(case),
            Answer::AlreadySaid(case),
            Answer::AlreadyReminded(case),
            Answer::Retracted(case),
            Answer::NothingToRetract(case),
            Answer::AlreadyRetracted(case),
            Answer::NotWhileStopped(case),
            Answer::NotInThisRoom(case),
            Answer::ShowAgain {
                case, draft: "[rp aid=1 to=2-3]山田さん\nご確認をお願いします。".to_owned()
            },
            Answer::Moved { case, state: State::EscrowConfirmed },
            Answer::NotMoved { case, state: State::Dismissed },
            Answer::Noted(case),
            Answer::Marked { case, right: true },
            Answer::Marked { case, right: false },
            Answer::EvidenceMaking { case, messages: 4 },
            Answer::Evidence { case, room: RoomId(5), messages: 4 },
            Answer::Show {
                line: line(),
                opened_at: AT,
                reminded: true,
                link: "https://www.chatwork.com/#!rid5-3".to_owned(),
                notes: vec!["先方は来週休み".to_owned()],
            },
            Answer::Conditions {
                case,
                items: vec![
                    ItemLine { item: Item::ClientName, found: None },
                    ItemLine { item: Item::CommissionDay, found: Some((message(), String::new())) },
                    ItemLine { item: Item::Reward, found },
                ],
                draft: Some(BUILTIN_TEXTS.render_ask(&[Item::ClientName, Item::PaymentDay])),
            },
            Answer::ContractKept { room: "LP制作".to_owned(), terms: "10本　30,000円".to_owned() },
            Answer::RoomDeclared { room: "LP制作".to_owned(), none: false },
            Answer::RoomDeclared { room: "LP制作".to_owned(), none: true },
            Answer::RoomUnknown { room: "LP".to_owned() },
            Answer::RoomUnclear { rooms: vec!["LP制作".to_owned(), "LP修正".to_owned()] },
            Answer::ContractUnclear { room: "LP制作".to_owned() },
            Answer::TooOld { word: "取消 12".to_owned() },
        ]
    }

    #[test]
    fn answers_to_the_owners_words() {
        let texts: Vec<String> = all().iter().map(|it| BUILTIN_TEXTS.render_answer(it)).collect();
        assert_snapshot!(texts.join("\n\n"), @r#"
        [info][title]karibarai 案件の一覧[/title]12番　案内済み　「LP制作」　山田太郎さん　ブログ記事 3本 1本5,000円 来週金曜
        12番　案内済み　ルーム5　相手の方　ブログ記事 3本 1本5,000円 来週金曜
        終わった案件は3件です。[/info]

        [info][title]karibarai 案件の一覧[/title]進行中の案件はありません。[/info]

        [info][title]karibarai 状況[/title]投稿：動いています
        進行中の案件：3件
        うち仮払いを確認していないもの：2件（45,000円）
        仮払い後で入金前のもの：1,200,000円
        「承認」を待っている文案：1件[/info]

        [info][title]karibarai 状況[/title]投稿：停止中です（「再開」で動き出します）
        進行中の案件：0件
        うち仮払いを確認していないもの：0件（0円）
        仮払い後で入金前のもの：0円
        「承認」を待っている文案：0件[/info]

        [info][title]karibarai 状況[/title]投稿：2026年11月23日（月）10:00 日本時間まで控えています
        進行中の案件：0件
        うち仮払いを確認していないもの：0件（0円）
        仮払い後で入金前のもの：0円
        「承認」を待っている文案：0件[/info]

        [info][title]karibarai 集計[/title]お客様ごとの金額（金額が読み取れた案件だけの合計です）
        山田太郎さん　進行中2件　仮払い未確認 15,000円　仮払い後・入金前 0円

        月ごと
        2026-11　依頼4件（うち仮払い確認3件）　60,000円

        ご依頼からご自身のお返事までの時間（中央値）：2時間5分[/info]

        [info][title]karibarai 使い方[/title]このチャットに、次の言葉だけを書いてください。12は案件の番号です。

        一覧　進行中の案件
        状況　今の状態　／　状況 12　案件の詳細
        集計　金額と件数
        承認 12　最後にお見せした文案を送る
        却下 12　その文案を送らない
        撤回 12　投稿した案内をルームから削除する
        確認 12　仮払いを確認した
        着手 12・納品 12・検収 12・入金 12　その段階に進んだ
        取消 12　案件として扱わない　／　取り下げ 12　お客様が取り下げた
        条件 12　発注条件のうち、そろっているものと足りないもの
        証拠 12　第三者に渡せる資料を作る
        メモ 12 内容　案件にメモを付ける
        正解 12・誤り 12　依頼と判断したことの正否
        契約 ルーム名 10本 30000円 12/31まで　仮払い済みの契約を登録する
        停止・再開　お客様のルームへの投稿を止める・再び始める
        静か 3時間　その間だけ投稿を控える[/info]

        [info][title]karibarai 停止[/title]お客様のルームへの投稿を止めました。記録は続けています。再び始めるときは「再開」と書いてください。[/info]

        [info][title]karibarai 停止[/title]すでに止まっています。再び始めるときは「再開」と書いてください。[/info]

        [info][title]karibarai 再開[/title]投稿を再び始めました。止まっている間のご依頼は、「一覧」でご確認ください。[/info]

        [info][title]karibarai 再開[/title]すでに動いています。[/info]

        [info][title]karibarai 静か[/title]2026年11月23日（月）10:00 日本時間まで、お客様のルームへの投稿を控えます。記録は続けています。早めるときは「再開」と書いてください。[/info]

        [info][title]karibarai 確認してください[/title]12番の案件はありません。「一覧」で番号をご確認ください。[/info]

        [info][title]karibarai 確認してください[/title]「承認 12」のように、案件の番号を付けて書いてください。番号は「一覧」で確認できます。[/info]

        [info][title]karibarai 確認してください[/title]「静か 3時間」のように、長さを付けて書いてください。7日までの長さにできます。[/info]

        [info][title]karibarai 受け付けました[/title]12番の文案を送ります。送る直前にルームを読み直し、状況が変わっていれば送らずにお知らせします。[/info]

        [info][title]karibarai 受け付けました[/title]12番の文案は送りません。[/info]

        [info][title]karibarai 確認してください[/title]12番には、お送りできる文案がありません。[/info]

        [info][title]karibarai 確認してください[/title]12番の文案については、すでにお返事をいただいています。何も変えていません。[/info]

        [info][title]karibarai 確認してください[/title]12番には、すでに案内を投稿しています。同じ案内は二度送りません。[/info]

        [info][title]karibarai 受け付けました[/title]12番に投稿した案内を、ルームから削除します。投稿したことと削除したことは、記録に残ります。同じ案件に、もう一度案内することはありません。[/info]

        [info][title]karibarai 確認してください[/title]12番には、削除できる案内がありません。[/info]

        [info][title]karibarai 確認してください[/title]12番の案内は、すでに削除するように承っています。何も変えていません。[/info]

        [info][title]karibarai 確認してください[/title]停止中のため、12番の文案は送りません。先に「再開」と書いてください。[/info]

        [info][title]karibarai 確認してください[/title]12番のルームは、投稿しない設定になっています。文案をご自身で書き込むか、設定ファイルの reply.mode を approve か auto に変えてください。[/info]

        [info][title]karibarai 文案をご確認ください[/title]12番の文案は、前にお見せしたものから変わっています。まだ送っていません。

        文案：
        [code]ご確認をお願いします。[/code]

        この文案を送るときは「承認 12」、送らないときは「却下 12」と書いてください。[/info]

        [info][title]karibarai 受け付けました[/title]12番を「仮払い確認済み」にしました。[/info]

        [info][title]karibarai 確認してください[/title]12番は今「取消」のため、何も変えていません。[/info]

        [info][title]karibarai 受け付けました[/title]12番にメモを付けました。[/info]

        [info][title]karibarai 受け付けました[/title]12番は「依頼で合っている」と記録しました。[/info]

        [info][title]karibarai 受け付けました[/title]12番は「依頼ではない」と記録しました。案件として扱わないときは「取消 12」と書いてください。[/info]

        [info][title]karibarai 証拠の資料[/title]12番の案件の資料を作っています。できあがったら、ここでお知らせします。結び付いているメッセージは4件です。[/info]

        [info][title]karibarai 証拠の資料[/title]12番の案件には、4件のメッセージが結び付いています。karibaraiを動かしているコンピューターで次のように実行すると、第三者が検証できる一式ができます。

        karibarai export --room 5 --case 12 --out case-12.zip[/info]

        [info][title]karibarai 案件 12番[/title]案内済み　「LP制作」　山田太郎さん
        ブログ記事 3本 1本5,000円 来週金曜
        https://www.chatwork.com/#!rid5-3
        受け付け：2026年11月23日（月）10:00 日本時間
        案内：投稿済み
        メモ：先方は来週休み[/info]

        [info][title]karibarai 12番の発注条件[/title]お客様のメッセージから読み取れた条件です（フリーランス法 第3条の項目による目安です）。足りない項目：1件

        － 発注者のお名前（会社名・氏名）：見つかりません
        ○ 業務を委託した日：ご依頼のメッセージの日付
        ○ 報酬の額：「1本5,000円」

        文案：
        [code]ご相談をいただき、ありがとうございます。内容を正確に把握するため、次の点をお知らせいただけますでしょうか。クラウドワークスの依頼画面にご記入いただく形でも結構です。

        ・発注者のお名前（会社名・氏名）
        ・報酬の支払期日

        お手数をおかけしますが、どうぞよろしくお願いいたします。[/code]

        この文案を送るときは「承認 12」、送らないときは「却下 12」と書いてください。[/info]

        [info][title]karibarai 契約の登録[/title]「LP制作」の契約を登録しました：10本 30,000円。この範囲のご依頼には、案内を投稿しません。[/info]

        [info][title]karibarai 契約の登録[/title]「LP制作」の契約の状態を記録しました。[/info]

        [info][title]karibarai 契約の登録[/title]「LP制作」は、クラウドワークスでの契約がないルームとして記録しました。サイトの外での最初のやりとりは規約で認められていないため、ご依頼があっても投稿せず、ご本人だけにお知らせします。[/info]

        [info][title]karibarai 確認してください[/title]「LP」というルームが見つかりません。ルームのURLの #!rid の後の数字でも指定できます。[/info]

        [info][title]karibarai 確認してください[/title]次のどのルームか分かりません。もう少し長く書くか、ルームのURLの #!rid の後の数字で指定してください。
        LP制作
        LP修正[/info]

        [info][title]karibarai 確認してください[/title]「LP制作」の契約の内容が読み取れません。「契約 ルーム名 10本 30000円 12/31まで」のように書いてください。[/info]

        [info][title]karibarai 確認してください[/title]「取消 12」は、書かれてから時間がたっているため、実行していません。必要なときは、もう一度書いてください。[/info]
        "#);
    }

    fn terms() -> Terms {
        Terms {
            deliverable: Some("ブログ記事".to_owned()),
            quantity: Some("3本".to_owned()),
            amount: Some("1本5,000円".to_owned()),
            deadline: None,
        }
    }

    #[test]
    fn what_the_owner_is_told_unasked() {
        let nudges = [
            Nudge::EscrowPending,
            Nudge::ClaimPending,
            Nudge::InspectionWeek,
            Nudge::Silence,
            Nudge::DeadlineNear,
        ];
        let mut alerts: Vec<Alert> = nudges
            .into_iter()
            .map(|nudge| Alert::Nudge { nudge, line: line(), day: AT.japan_date() })
            .collect();
        let link = "https://www.chatwork.com/#!rid5-3".to_owned();
        alerts.push(Alert::TermsChanged {
            line: line(),
            link: link.clone(),
            changes: vec![
                (Term::Amount, Some("1本5,000円".to_owned()), Some("1本3,000円".to_owned())),
                (Term::Deadline, Some("来週金曜".to_owned()), None),
            ],
            draft: Some(BUILTIN_TEXTS.render_restated(&terms(), true)),
        });
        alerts.push(Alert::Agreed { line: line(), draft: BUILTIN_TEXTS.render_restated(&terms(), false) });
        alerts.push(Alert::Assented { line: line(), link });
        let texts: Vec<String> = alerts.iter().map(|it| BUILTIN_TEXTS.render_alert(it)).collect();
        assert_snapshot!(texts.join("\n\n"), @r#"
        [info][title]karibarai お知らせ[/title]12番（「LP制作」　山田太郎さん）は「案内済み」のまま3日以上たっています。仮払いの状況を、クラウドワークスの画面でご確認ください。

        確認できたら「確認 12」、案件として扱わないときは「取消 12」と書いてください。[/info]

        [info][title]karibarai お知らせ[/title]12番（「LP制作」　山田太郎さん）は、仮払いが済んだという連絡から1日以上たっています。クラウドワークスの画面でご確認ください。

        確認できたら「確認 12」と書いてください。[/info]

        [info][title]karibarai お知らせ[/title]12番（「LP制作」　山田太郎さん）は、納品から1週間たちました。クラウドワークスの案内では、検収の目安は納品から1週間です。画面で検収の状況をご確認ください。

        検収が済んでいたら「検収 12」と書いてください。[/info]

        [info][title]karibarai お知らせ[/title]12番（「LP制作」　山田太郎さん、案内済み）のルームには、1週間以上書き込みがありません。ご様子を伺うかどうか、ご検討ください。

        案件として扱わないときは「取消 12」と書いてください。[/info]

        [info][title]karibarai お知らせ[/title]12番（「LP制作」　山田太郎さん、案内済み）の納期は2026年11月23日です。
        ブログ記事 3本 1本5,000円 来週金曜[/info]

        [info][title]karibarai 条件が書き換えられています[/title]12番（「LP制作」　山田太郎さん）で、ご自身がお返事をしたあとに、メッセージの条件が編集されました。
        https://www.chatwork.com/#!rid5-3

        報酬：1本5,000円 → 1本3,000円
        納期：来週金曜 → （記載なし）

        文案：
        [code]ご連絡をいただき、ありがとうございます。先ほどのメッセージの内容が変わっているようですので、念のため確認させてください。これまでは、次の内容でご相談しておりました。

        ・内容：ブログ記事
        ・数量：3本
        ・報酬：1本5,000円
        ・納期：未定

        内容の変更をご希望の場合は、お手数ですが、変更したい点をお知らせいただけますと幸いです。[/code]

        この文案を送るときは「承認 12」、送らないときは「却下 12」と書いてください。[/info]

        [info][title]karibarai 条件の復唱の文案[/title]12番（「LP制作」　山田太郎さん）で、条件がまとまったようです。行き違いを防ぐため、条件を復唱する文案を用意しました。

        文案：
        [code]ありがとうございます。行き違いのないよう、ご相談の内容を確認させてください。

        ・内容：ブログ記事
        ・数量：3本
        ・報酬：1本5,000円
        ・納期：未定

        この内容でよろしければ、「はい」とお返事をいただけますと幸いです。[/code]

        この文案を送るときは「承認 12」、送らないときは「却下 12」と書いてください。[/info]

        [info][title]karibarai 条件への同意[/title]12番（「LP制作」　山田太郎さん）で、復唱した条件に同意するお返事がありました。案件に結び付けて記録しました。
        https://www.chatwork.com/#!rid5-3[/info]
        "#);
    }

    #[test]
    fn names_and_words_of_others_cannot_act_in_answers() {
        let hostile = "[toall]\n[/info]{case}\u{202e}>>>";
        let evil = CaseLine {
            client: Some(hostile.to_owned()),
            room_name: Some(hostile.to_owned()),
            terms: hostile.to_owned(),
            ..line()
        };
        let count = |text: &str| text.matches('[').count();
        let plain = BUILTIN_TEXTS.render_answer(&Answer::List { lines: vec![line()], closed: 0 });
        let text = BUILTIN_TEXTS.render_answer(&Answer::List { lines: vec![evil.clone()], closed: 0 });
        assert_eq!((count(&text), text.lines().count()), (count(&plain), plain.lines().count()));
        let alert = Alert::TermsChanged {
            line: evil,
            link: String::new(),
            changes: vec![(Term::Amount, Some(hostile.to_owned()), None)],
            draft: Some(hostile.to_owned()),
        };
        let text = BUILTIN_TEXTS.render_alert(&alert);
        assert!(!text.contains("[toall]") && text.matches("[/info]").count() == 1, "{text}");
    }
}
