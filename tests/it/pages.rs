//! What is fetched from the pages: packages, files, proofs; and what the pages say of the record's coverage.

use std::fs;

use karibarai::store::Purpose;
use reqwest::StatusCode;

use crate::review::Visitor;
use crate::support::Bot;

const REQUEST: &str = "追加でバナーを3枚お願いできますか？1枚5,000円で、金曜までです。";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n not a whole picture";

/// The address of the newest package.
pub(crate) fn newest_package(page: &str) -> Option<String> {
    let rest = page.split("/export/karibarai-").nth(1)?;
    Some(format!("/export/karibarai-{}", rest.split('"').next()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_asked_for_made_fetched_and_verified() {
    let bot = Bot::start().await;
    let request = bot.client_says(REQUEST);
    let secret = bot.client_says("管理画面のパスワードは hunter2hunter2 です");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.recorded(&secret, 1).await;
    bot.settled().await;
    let visitor = Visitor::by_link(&bot).await;
    let empty = visitor.text("/export?preview=1").await;
    assert!(empty.contains("ルームか案件を選んでください"), "{empty}");
    let bad = visitor.text(&format!("/export?preview=1&room={}&from=yesterday", bot.world.direct_room)).await;
    assert!(bad.contains("日付として読めません"), "{bad}");
    let preview = visitor.text(&format!("/export?preview=1&room={}", bot.world.direct_room)).await;
    assert!(preview.contains("1件の内容は開示しません") && preview.contains("hunter2hunter2"), "{preview}");
    let room = bot.world.direct_room.to_string();
    let form = format!("/export?preview=1&room={room}");
    let mut made = Vec::new();
    for fields in [vec![("room", room.as_str())], vec![("case", "1"), ("for", "court")]] {
        let asked = visitor.submit(&form, "/export", &fields).await;
        assert_eq!(asked.status(), StatusCode::SEE_OTHER);
        bot.until("the package", || async {
            let page = visitor.text("/export").await;
            page.contains("できあがり") && newest_package(&page).is_some_and(|it| !made.contains(&it))
        })
        .await;
        made.push(newest_package(&visitor.text("/export").await).unwrap());
    }
    for address in &made {
        let answer = visitor.get(address).await;
        assert_eq!(answer.headers()["content-type"], "application/zip");
        assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
        let bytes = answer.bytes().await.unwrap();
        let here = bot.folder.path().join("fetched.zip");
        fs::write(&here, &bytes).unwrap();
        assert_eq!(bot.command(&["verify", here.to_str().unwrap()]).status.code(), Some(0));
        assert!(!bytes.windows(14).any(|it| it == b"hunter2hunter2"));
    }
    assert_eq!(bot.count("evidence.exported").await, 2);
    for foreign in ["/export/other.zip", "/export/karibarai-..%2F..%2Fkaribarai.zip"] {
        assert_eq!(visitor.get(foreign).await.status(), StatusCode::NOT_FOUND, "{foreign}");
    }
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_what_was_searched_for_is_made_from_the_pages() {
    let bot = Bot::start().await;
    for n in 0..9 {
        let words = if n == 6 { "単価は5,000円です" } else { "進捗はいかがでしょうか" };
        let id = bot.client_says(&format!("{words} 番号{n}番"));
        bot.recorded(&id, 1).await;
    }
    bot.settled().await;
    let room = bot.world.direct_room.to_string();
    let visitor = Visitor::by_link(&bot).await;
    let everywhere = visitor.text("/search?q=5,000円").await;
    assert!(!everywhere.contains("/export?"), "a package is of one room: {everywhere}");
    let hits = visitor.text(&format!("/search?q=5,000円&room={room}")).await;
    let link = hits.split("href=\"").map(|it| it.split('"').next().unwrap().replace("&#38;", "&"));
    let link = link.into_iter().find(|it| it.starts_with("/export?")).expect("a link to the package");
    let preview = visitor.text(&link).await;
    assert!(preview.contains("value=\"5,000円\""), "{preview}");
    let fields = [("room", room.as_str()), ("q", "5,000円")];
    assert_eq!(visitor.submit(&link, "/export", &fields).await.status(), StatusCode::SEE_OTHER);
    bot.until("the package", || async { visitor.text("/export").await.contains("できあがり") }).await;
    let address = newest_package(&visitor.text("/export").await).unwrap();
    let here = bot.folder.path().join("fetched.zip");
    fs::write(&here, visitor.get(&address).await.bytes().await.unwrap()).unwrap();
    assert_eq!(bot.command(&["verify", here.to_str().unwrap()]).status.code(), Some(0));
    let files = crate::sweep::contents(&fs::read(&here).unwrap());
    let csv = String::from_utf8(files["messages.csv"].clone()).unwrap();
    let shown: Vec<bool> = (0..9).map(|n| csv.contains(&format!("番号{n}番"))).collect();
    assert_eq!(shown, [false, false, false, false, true, true, true, true, true]);
    let fields = [("room", room.as_str()), ("q", "どこにもない言葉")];
    visitor.submit(&link, "/export", &fields).await;
    bot.until("the answer", || async {
        visitor.text("/export").await.contains("そのことばを含むメッセージが、このルームと期間にありません")
    })
    .await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_shown_other_files_are_handed_out_sealed() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room;
    bot.chatwork.upload(bot.world.client, room, "見積\"<b>.png", PNG);
    bot.chatwork.upload(bot.world.client, room, "page.html", b"<script>alert(1)</script>");
    bot.until("two files", || async { bot.count("file.stored").await == 2 }).await;
    bot.settled().await;
    let visitor = Visitor::by_link(&bot).await;
    let page = visitor.text(&format!("/rooms/{room}")).await;
    assert_eq!(page.matches("<img ").count(), 1, "{page}");
    assert!(!page.contains("<b>.png"), "{page}");
    let mut kinds = Vec::new();
    let mut addresses: Vec<&str> = page
        .split("href=\"")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .filter(|it| it.contains("/files/"))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    for address in addresses {
        let answer = visitor.get(address).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(header("x-content-type-options"), "nosniff");
        kinds.push((
            header("content-type"),
            header("content-disposition").split(';').next().unwrap().to_owned(),
        ));
    }
    kinds.sort();
    let pair = |kind: &str, how: &str| (kind.to_owned(), how.to_owned());
    assert_eq!(kinds, [pair("application/octet-stream", "attachment"), pair("image/png", "inline")]);
    assert_eq!(
        visitor.get(&format!("/rooms/{room}/messages/1/files/1")).await.status(),
        StatusCode::NOT_FOUND
    );
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_its_proof_and_a_room_its_coverage() {
    let bot = Bot::start().await;
    let message = bot.client_says("よろしくお願いいたします");
    bot.recorded(&message, 1).await;
    bot.settled().await;
    bot.looked().await;
    assert_eq!(bot.command(&["checkpoint"]).status.code(), Some(0));
    let visitor = Visitor::by_link(&bot).await;
    let page = visitor.text(&format!("/rooms/{}/messages/{message}", bot.world.direct_room)).await;
    let address = page.split("href=\"").find(|it| it.starts_with("/proof/")).unwrap();
    let proof = visitor.text(address.split('"').next().unwrap()).await;
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1"), "{proof}");
    assert_eq!(visitor.get("/proof/999999.tlog-proof").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/proof/x").await.status(), StatusCode::NOT_FOUND);
    let overview = visitor.text("/").await;
    assert!(overview.contains("読み取りの間隔は最長"), "{overview}");
    let health = visitor.text("/health").await;
    assert!(health.contains("<svg class=\"strip\"") && health.contains("記録の抜け"), "{health}");
    assert!(health.contains("Chatworkの利用回数") && health.contains("時刻認証"), "{health}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_shows_what_is_stated_and_what_will_be_told_and_words_work_from_a_page() {
    let bot = Bot::start().await;
    let request = bot.client_says(REQUEST);
    bot.until("the case", || async { bot.cases().await.first().is_some_and(|it| it.state == "reminded") })
        .await;
    bot.settled().await;
    let visitor = Visitor::by_link(&bot).await;
    let case = visitor.text("/cases/1").await;
    assert!(case.contains("報酬の額：<a href") && case.contains("未確認</span> 発注者の住所"), "{case}");
    // Monday, 23 November 2026: what the terms mean stands beside them, twice.
    assert_eq!(case.matches("→ 2026年11月27日（金）").count(), 2, "{case}");
    assert_eq!(case.matches("→ 1枚あたり5,000円（税の記載なし）").count(), 2, "{case}");
    assert!(case.contains("仮払いの連絡がない") && case.contains("だれも発言していない"), "{case}");
    for act in ["right", "retract"] {
        let answer = visitor.submit("/cases/1", "/cases/1", &[("act", act)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    bot.until("the trace", || async { bot.count("reply.amended").await == 1 }).await;
    assert_eq!(bot.count("detection.marked").await, 1);
    let answer = visitor.submit("/say", "/say", &[("text", "契約 山田 太郎 10本 30000円 12/31まで")]).await;
    assert!(answer.text().await.unwrap().contains("30,000円"));
    let answer = visitor.submit("/say", "/say", &[("text", "<b>あした電話</b>")]).await;
    let text = answer.text().await.unwrap();
    assert!(text.contains("使えることばではありません") && !text.contains("<b>あした"), "{text}");
    let rehearsal = visitor.text("/rehearsal").await;
    assert!(
        rehearsal.contains("案内の投稿は1回") && rehearsal.contains(&format!("at={request}")),
        "{rehearsal}"
    );
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_and_quiet_hours_of_a_room_are_changed_on_the_page_for_good() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room.to_string();
    let visitor = Visitor::by_link(&bot).await;
    let speak = async |visitor: &Visitor, mode: &str, quiet: &str| {
        let fields = [("act", "speak"), ("room", room.as_str()), ("mode", mode), ("quiet", quiet)];
        let answer = visitor.submit("/settings", "/settings", &fields).await;
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let chosen = |mode: &str| format!("<option value=\"{mode}\" selected>");
    assert!(visitor.text("/settings").await.contains(&chosen("auto")));
    // Without a request: from auto to drafts.
    assert_eq!(speak(&visitor, "approve", "").await, "/settings?said=done");
    let first = bot.client_says(REQUEST);
    bot.until("the draft", || async { bot.notes().iter().any(|it| it.contains("承認 1")) }).await;
    bot.settled().await;
    assert_eq!(bot.replies(&first), 0);
    // The same again is no entry, and what cannot be read changes nothing.
    assert_eq!(speak(&visitor, "approve", "").await, "/settings?said=same");
    for (mode, quiet) in [("approve", "22時から"), ("louder", ""), ("approve", "22:00-22:00")] {
        assert_eq!(speak(&visitor, mode, quiet).await, "/settings?said=not_read", "{mode} {quiet}");
    }
    assert_eq!(bot.count("room.declared").await, 1);
    // Quiet hours, as people type them; it is ten in the morning. Across a restart.
    assert_eq!(speak(&visitor, "auto", "９：００〜１１：００").await, "/settings?said=done");
    let bot = bot.restart().await;
    let visitor = Visitor::by_link(&bot).await;
    let page = visitor.text("/settings").await;
    assert!(page.contains(&chosen("auto")) && page.contains("value=\"09:00-11:00\""), "{page}");
    assert!(page.contains("ここで変えた設定で動いています"), "{page}");
    bot.clock.advance(std::time::Duration::from_secs(60));
    let second = bot.client_says("別件で、ロゴの制作を1点お願いできますか？");
    bot.recorded(&second, 1).await;
    bot.until("the decision", || async {
        bot.outbox().await.iter().any(|it| {
            it.purpose == Purpose::Reminder
                && it.request.as_ref().is_some_and(|it| it.message.as_str() == second)
        })
    })
    .await;
    let passes = || bot.chatwork.0.api_calls().of("GET /rooms");
    let before = passes();
    bot.until("two passes", || async { passes() >= before + 2 }).await;
    assert_eq!(bot.replies(&second), 0, "it waits for eleven");
    bot.clock.advance(std::time::Duration::from_secs(3600));
    bot.until("the reminder", || async { bot.replies(&second) == 1 }).await;
    // A stranger's form changes nothing; a room that is not listed neither.
    let forged = crate::review::client().post(format!("http://{}/settings", bot.private)).form(&[
        ("act", "speak"),
        ("room", room.as_str()),
        ("mode", "observe"),
        ("quiet", ""),
    ]);
    assert!(!forged.send().await.unwrap().status().is_success());
    let foreign = [("act", "speak"), ("room", "4242"), ("mode", "auto"), ("quiet", "")];
    visitor.submit("/settings", "/settings", &foreign).await;
    assert_eq!(bot.count("room.declared").await, 2);
    // Back to the file.
    let back = [("act", "as_file"), ("room", room.as_str())];
    visitor.submit("/settings", "/settings", &back).await;
    let page = visitor.text("/settings").await;
    assert!(page.contains(&chosen("auto")) && !page.contains("ここで変えた設定で動いています"), "{page}");
    assert!(page.contains("name=\"quiet\" value=\"\""), "{page}");
    bot.finish().await;
}
