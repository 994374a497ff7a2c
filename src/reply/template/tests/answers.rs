//! The answers to the owner's words and what the owner is told by itself, as they stand in the control room.

use std::time::Duration;

use crate::cases::{Item, Nudge, Reading, State, Term, read_price};
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
        Answer::List { lines: vec![line(), CaseLine { client: None, room_name: None, ..line() }], closed: 3 },
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
            months: vec![MonthLine { month: "2026-11".to_owned(), requests: 4, confirmed: 3, yen: 60_000 }],
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
                ItemLine { item: Item::ClientName, found: None, reading: None },
                ItemLine {
                    item: Item::CommissionDay,
                    found: Some((message(), String::new())),
                    reading: None,
                },
                ItemLine {
                    item: Item::Reward,
                    found,
                    reading: read_price("1本5,000円").map(Reading::Amount),
                },
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
    ○ 報酬の額：「1本5,000円」→ 1本あたり5,000円（税の記載なし）

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
    let mut alerts: Vec<Alert> =
        nudges.into_iter().map(|nudge| Alert::Nudge { nudge, line: line(), day: AT.japan_date() }).collect();
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
