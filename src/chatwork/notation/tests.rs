//! Tables of bodies and what they must become; and properties over arbitrary text.

use proptest::prelude::*;

use super::*;

/// Own words, joined with `|`.
fn own(body: &str) -> String {
    let message = parse(body);
    message.own_words().iter().map(|it| message.source(it)).collect::<Vec<_>>().join("|")
}

#[test]
fn own_words_are_what_the_sender_says_himself() {
    for (body, expected) in [
        ("追加で3本お願いします", "追加で3本お願いします"),
        // Names behind an address.
        ("[To:123] 山田さん\n追加で3本", "\n追加で3本"),
        ("[To:1]佐藤さん\r\n追加", "\r\n追加"),
        ("[To:1]遠藤様 上記ご対応可能でしょうか?", " 上記ご対応可能でしょうか?"),
        ("[To:1]のぞみさん、おはよう!\n2枚ほしい", "、おはよう!\n2枚ほしい"),
        ("[To:1]遠藤様お世話になります", "お世話になります"),
        ("[To:1]ライター 小野寺さん\n(CC:広報チーム)\n急遽", "\n(CC:広報チーム)\n急遽"),
        ("[To:1]モデル事務所 橘様\nギャラは", "\nギャラは"),
        ("[To:1]店長 次の新作いつ出ます?", " 次の新作いつ出ます?"),
        ("[To:1]野々村\n稲葉さん来週空いてる", "\n稲葉さん来週空いてる"),
        ("[To:1]みさきちゃん\n次の案件", "\n次の案件"),
        ("[To:1]吉沢さん [To:2]遠藤様\nパネル", "\nパネル"),
        ("[To:1]川野さん[To:2]瀬戸さん\n枠", "\n枠"),
        ("お願いです。[To:1]矢野さん、部屋に", "お願いです。|、部屋に"),
        ("・[To:1]有村さん:APIのエラー", "・|:APIのエラー"),
        ("[To:1]山田太郎さん", ""),
        ("[rp aid=1 to=2-3]店長\nカードも", "\nカードも"),
        ("[rp aid=1 to=2-3]先生\nサイン会で", "\nサイン会で"),
        ("[rp aid=1 to=2-3]広報チーム\n原稿", "\n原稿"),
        ("[rp aid=1 to=2-3] sue445\ntest", "\ntest"),
        ("[rp aid=1 to=2-3]\n西村さんがいいと思います", "\n西村さんがいいと思います"),
        // Not names.
        ("[rp aid=1 to=2-3]そうしよ。頼んでおいて", "そうしよ。頼んでおいて"),
        ("[To:1] 佐藤さんにもお願いしたい\nです", " 佐藤さんにもお願いしたい\nです"),
        ("[To:1]あと3本\n来週まで", "あと3本\n来週まで"),
        ("[To:1]お願いします\n来週まで", "お願いします\n来週まで"),
        ("[To:1]追加お願い、小野寺さん", "追加お願い、小野寺さん"),
        ("[To:1] はい", " はい"),
        // Quotations.
        ("[qt][qtmeta aid=1 time=2]バナーも作れます[/qt] ぜひお願いしたいです", " ぜひお願いしたいです"),
        ("[引用 aid=1 time=2]作れます[/引用]ぜひ", "ぜひ"),
        ("[qt]a[qt]b[/qt]c[/qt]d", "d"),
        ("> 追加費用は?\n不要です", "不要です"),
        (">来月もう1本\n>> もう2本\n無視", "無視"),
        ("a > b\n5 > 3", "a > b\n5 > 3"),
        ("> 引用 https://example.com (bow) 続き\n本文", "本文"),
        ("[qt]\n> a[/qt] ぜひ", " ぜひ"),
        ("[info]\n> a[/info]ぜひ", "ぜひ"),
        ("[qt]閉じていない引用、3本お願いします", "[qt]閉じていない引用、3本お願いします"),
        // Code, files, frames, decoration.
        ("[code]追加でお願いします[/code]\n見てください", "\n見てください"),
        ("[code]追加で", "[code]追加で"),
        ("[code][qt][/code]x[/qt]", "x[/qt]"),
        ("[info][title]再見積のお願い[/title]・内容[/info]\nご検討", "再見積のお願い|・内容|\nご検討"),
        ("[info]a[qt]b[/qt]c[hr]d[/info]", "a|c|d"),
        ("[info]a[qt][info][dtext:task_done][/info][/qt]c[/info]", "a|c"),
        ("あと3本(bow)お願い:)", "あと3本|お願い"),
        ("資料:D案 C:Documents http://a.example/(y)", "資料:D案 C:Documents http://a.example/(y)"),
        ("無理でしょうか(^_^;)(;_;)", "無理でしょうか(^_^;)(;_;)"),
        ("[toall]\n皆さん", "\n皆さん"),
        ("TO ALL >>>\n皆さん", "\n皆さん"),
        ("[picon:1][piconname:2][pname:3]です", "です"),
        ("[重要][1] 納品", "[重要][1] 納品"),
        // System frames.
        (
            "[info][title][dtext:task_added][/title][task aid=1 st=open lt=2]バナー2本[/task][/info]",
            "バナー2本",
        ),
        ("[info][title][dtext:task_edited][/title][task aid=1 st=open lt=2]a[qt]b[/qt][/task][/info]", "a"),
        ("[info][title][dtext:task_done][/title][task aid=1 st=done lt=0]追加[/task][/info]", ""),
        ("[info][dtext:chatroom_chatname_is]追加でお願いします[dtext:chatroom_set][/info]", ""),
        (
            "見積です\n[info][title][dtext:file_uploaded][/title][preview id=5 ht=16][download:5]お願い.pdf (5 KB)[/download][/info]",
            "見積です\n",
        ),
        ("[info][title][dtext:live_start][/title]ChatworkLiveを開始しました[/info]", ""),
    ] {
        assert_eq!(own(body), expected, "{body}");
    }
}

/// Kinds in source order, nested ones in brackets.
fn shape(body: &str) -> String {
    fn list(message: &Message<'_>, indices: Vec<usize>) -> String {
        let words = indices.into_iter().map(|index| {
            let kind = format!("{:?}", message.nodes[index].kind);
            let name = kind.split([' ', '(']).next().unwrap_or_default().to_owned();
            let inside = list(message, message.children(index).collect());
            if inside.is_empty() { name } else { format!("{name}[{inside}]") }
        });
        words.collect::<Vec<_>>().join(" ")
    }
    let message = parse(body);
    list(&message, message.siblings(0, message.nodes.len()).collect())
}

#[test]
fn the_tree_of_well_formed_and_malformed_bodies() {
    for (body, expected) in [
        ("", ""),
        ("[info][title]a[/title]b[/info]", "Info[Title[Text] Text]"),
        ("[info]x[title]a[/title][/info]", "Info[Text]"),
        ("[info] [title]a[/title][/info]", "Info[Text]"),
        ("[title]a[/title]", "Text"),
        ("[info][title][/title]b[/info]", "Info[Text]"),
        ("[info][title]a[/info]", "Info[Text]"),
        ("[info][title]a[/title]b", "Text"),
        ("[info]a", "Text"),
        ("a[/info]b[/qt][/title][/task]", "Text"),
        ("[info][qt][/info][/qt]", "Info[Text] Text"),
        ("[qt][qtmeta aid=1]a[/qt]", "Quote[Text]"),
        ("[qt]a[qtmeta aid=1][/qt]", "Quote[Text]"),
        ("[qt][qtmeta aid=1][qtmeta aid=2][/qt]", "Quote[Text]"),
        ("[qtmeta aid=1]", "Text"),
        ("[qt][qt][/qt]", "Text Quote"),
        ("[To:1][to:1][To:][To: 1][To:+1][To:x][To:99999999999999999999999]", "To Text"),
        ("[rp aid=1 to=2-3][Reply aid=1 to=2-3][返信 aid=1 to=2-3]", "Reply Reply Reply"),
        ("[rp aid=1][rp to=2-3][rp aid=1 to=2][rp aid=1 to=2-x][rp]", "Text"),
        ("[rp  to=2-3 x=y aid=1]", "Reply"),
        (
            "[hr][picon:1][piconname:1][pname:1][dtext:a_b][preview id=5]",
            "Rule Icon Name Name SystemText Preview",
        ),
        ("[dtext:][dtext:あ][dtext:a b][preview ht=1]", "Text"),
        ("[download:5][hr].pdf[/download]", "Download"),
        ("[download:5]a\nb[/download]", "Text"),
        ("[download:5]a", "Text"),
        ("[code][code][/code][/code]", "Code Text"),
        ("[task aid=1]a[/task]", "Task[Text]"),
        ("[task]a[/task]", "Text"),
        ("[[To:1]]", "Text To Text"),
        ("[deleted] ", "Text"),
        ("x TO ALL >>>", "Text"),
        (":) (bow)8-) 18-)", "Emoticon Text Emoticon Emoticon Text"),
        ("見て https://example.com/a?b=c#d、お願い", "Text Url Text"),
        ("(https://example.com).", "Text Url Text"),
        ("https:// http", "Text"),
    ] {
        assert_eq!(shape(body), expected, "{body}");
    }
}

#[test]
fn too_deep_nesting_is_text_and_closes_in_step() {
    let body = format!("{}x{}y", "[qt]".repeat(40), "[/qt]".repeat(40));
    assert_eq!(own(&body), "y");
    assert_eq!(parse(&body).nodes.iter().filter(|it| it.kind != Kind::Text).count(), MAX_DEPTH);
}

#[test]
fn addresses_and_replies_outside_quotations() {
    let body = "[rp aid=12 to=34-1789012345678901248]山田さん\n[qt][To:9][toall][rp aid=8 to=7-6][/qt][info][To:5]a[/info][To:5]";
    let message = parse(body);
    assert_eq!(message.mentions(), [AccountId(5), AccountId(5)]);
    assert!(!message.to_all());
    let reply = message.reply().unwrap();
    assert_eq!((reply.account, reply.room), (AccountId(12), RoomId(34)));
    assert_eq!(reply.message.as_str(), "1789012345678901248");
    assert!(parse("[toall]\nx").to_all());
    assert!(!parse("[code][toall][/code]").to_all());
    assert!(message.has_quote() && !message.has_code());
}

#[test]
fn system_messages_tasks_and_files() {
    let added = "[info][title][dtext:task_added][/title][task aid=8638511 st=open lt=1705642989 ltype=date]本文[/task][/info]";
    let message = parse(added);
    assert!(message.is_system());
    let task = message.task().unwrap();
    assert_eq!(
        (task.event, task.tag.assignee, task.tag.done),
        (TaskEvent::Added, AccountId(8_638_511), false)
    );
    assert_eq!(task.tag.limit, Some(UtcMillis(1_705_642_989_000)));
    assert_eq!(message.source(&task.text), "本文");

    let done = parse("[info][title][dtext:task_done][/title][task aid=1 st=done lt=0]本文[/task][/info]");
    let task = done.task().unwrap();
    assert_eq!((task.event, task.tag.done, task.tag.limit), (TaskEvent::Done, true, None));

    let file = parse(
        "見積です\n[info][title][dtext:file_uploaded][/title][download:1341503124]見積書 (最終).pdf (54.2 KB)[/download][/info]",
    );
    assert!(!file.is_system());
    assert_eq!(file.downloads(), [Download { file: 1_341_503_124, name: "見積書 (最終).pdf" }]);
    assert_eq!(parse("[download:1]a (x KB)[/download]").downloads()[0].name, "a (x KB)");
    assert!(parse("[info][dtext:chatroom_chat_joined][/info]").is_system());
    assert!(!parse("[info]お知らせ[/info]").is_system());
    assert!(!parse("[qt][info][dtext:chatroom_chat_joined][/info][/qt]").is_system());
    assert!(parse("[task aid=1]手書き[/task]").task().is_none());
    assert!(parse("[deleted]").is_deleted());
    assert!(!parse("[deleted]\n").is_deleted());
    assert!(!format!("{message:?} {:?}", file.downloads()).contains(['本', '見']));
}

#[test]
fn plain_text_reads_like_the_screen() {
    let names = |account: AccountId| (account == AccountId(367)).then(|| "佐藤".to_owned());
    for (body, expected) in [
        ("[To:1]山田さん\n追加", "To 山田さん\n追加"),
        ("[To:367]\n追加", "To 佐藤 \n追加"),
        ("[rp aid=1 to=2-3] sue445\ntest", "Re  sue445\ntest"),
        ("[qt][qtmeta aid=1 time=2]a\n[qt]b[/qt]\nc[/qt]\nd", "> a\n> > b\n> c\nd"),
        (
            "[info][title][dtext:chatroom_groupchat_created][/title][dtext:chatroom_chatname_is]test[dtext:chatroom_set]\n\n[dtext:chatroom_member_is][piconname:367][piconname:5][dtext:chatroom_added][/info]",
            "【新しくグループチャットを作成しました。】\nチャット名を「test」に設定しました。\n\nメンバー「佐藤、アカウント5」を追加しました。",
        ),
        (
            "[info][title][dtext:task_added][/title][task aid=367 st=open lt=1705642989 ltype=date]本文[/task][/info]",
            "【タスクを追加しました。】\n担当 佐藤、期限 2024-01-19 14:43:09 JST\n本文",
        ),
        ("a[hr]\nb", "a\n――――――――\nb"),
        ("見て[code]\nlet x = \"[hr]\";\n[/code]\n以上", "見て\nlet x = \"[hr]\";\n以上"),
        ("[dtext:new_key](bow)[preview id=1][picon:2]", "new_key(bow)"),
        ("[download:1]a.pdf (5 KB)[/download]", "a.pdf (5 KB)"),
        ("[deleted]", "（削除されたメッセージ）"),
        ("[重要] x", "[重要] x"),
    ] {
        assert_eq!(parse(body).plain_text_with(&names), expected, "{body}");
    }
}

#[test]
fn html_escapes_everything_and_links_only_the_web() {
    for (body, expected) in [
        ("<b>\"&'</b>\nx", "&lt;b&gt;&quot;&amp;&#39;&lt;/b&gt;<br>\nx"),
        (
            "https://example.com/?a=1&b='x'",
            r#"<a class="cw-link" rel="noopener noreferrer nofollow" href="https://example.com/?a=1&amp;b=&#39;x">https://example.com/?a=1&amp;b=&#39;x</a>&#39;"#,
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
        (
            "[info][title]<i>[/title]b[/info]\nc",
            r#"<div class="cw-info"><div class="cw-title">&lt;i&gt;</div>b</div>c"#,
        ),
        (
            "[qt][qtmeta aid=5 time=1700000000]a[/qt]\n\nb",
            r#"<blockquote class="cw-quote"><span class="cw-quote-head">アカウント5 2023-11-15 07:13:20 JST</span>a</blockquote><br>
b"#,
        ),
        (
            "[code]\n<x>[hr]\n[/code][hr]\na",
            r#"<pre class="cw-code"><code>&lt;x&gt;[hr]</code></pre><hr class="cw-rule">a"#,
        ),
        ("[To:1]山田さん\nx", "<span class=\"cw-to\">To</span>山田さん<br>\nx"),
        ("a\u{0}\u{1b}b", "a\u{fffd}\u{fffd}b"),
    ] {
        assert_eq!(parse(body).to_html(), expected, "{body}");
    }
}

#[test]
fn foreign_text_is_inert_after_defusing() {
    let inert = defuse("[toall][To:1][qt][info]");
    assert_eq!(parse(&inert).nodes.iter().map(|it| it.kind.clone()).collect::<Vec<_>>(), [Kind::Text]);
    let message = MessageId::new("1789012345678901248").unwrap();
    let tag = reply_tag(AccountId(12), RoomId(34), &message);
    assert_eq!(tag, "[rp aid=12 to=34-1789012345678901248]");
    assert_eq!(parse(&tag).reply().unwrap().message, message);
}

/// The greatest body, made of the pieces that cost a careless parser most: everything must stay as large as its input.
#[test]
fn the_largest_hostile_bodies_stay_small() {
    const LEN: usize = 65_535;
    for piece in [
        "[qt]",
        "[info]",
        "[info][title]",
        "[/qt]",
        "[qt][/info]",
        "[code]",
        "[download:1]",
        "[task aid=1]",
        "[To:1]",
        "[To:1]あ",
        "[",
        "[[[[To:",
        "[rp aid=1 to=",
        "[qt]\n>",
        ">\n",
        "(((",
        ":",
        "https://",
        "https://a.b/)",
        "[info][dtext:a]",
        "[dtext:",
        "[qt][qtmeta aid=1]",
    ] {
        for tail in ["", "\n[/code][/download][/info][/qt]"] {
            let body = format!("{}{tail}", piece.repeat(LEN / piece.chars().count()));
            let message = parse(&body);
            assert!(message.nodes.len() <= body.len() + 1, "{piece}");
            check(&body);
        }
    }
    let nested = format!("{}x{}", "[qt]\n".repeat(7_000), "[/qt]".repeat(6_000));
    check(&nested);
}

/// What holds for every body.
fn check(body: &str) {
    let message = parse(body);
    // Spans lie in order on character boundaries; siblings tile what encloses them but for its tags.
    let mut at = 0;
    for index in message.siblings(0, message.nodes.len()) {
        let node = &message.nodes[index];
        assert_eq!(node.span.start, at);
        at = node.span.end;
    }
    assert_eq!(at, body.len());
    for (index, node) in message.nodes.iter().enumerate() {
        assert!(body.get(node.span.clone()).is_some() && body.get(node.inner.clone()).is_some());
        assert!(node.span.start <= node.inner.start && node.inner.end <= node.span.end);
        assert!(node.end > index && node.end <= message.nodes.len());
        let mut inside = node.inner.start;
        for child in message.children(index) {
            assert_eq!(message.nodes[child].span.start, inside);
            inside = message.nodes[child].span.end;
        }
        assert!(message.children(index).next().is_none() || inside == node.inner.end);
    }
    let mut last = 0;
    for words in message.own_words() {
        assert!(words.start >= last && words.start < words.end && words.end <= body.len());
        assert!(body.get(words.clone()).is_some());
        last = words.end;
    }
    // Twice the depth for the marks of quoted lines, and some hundred bytes for what a tag stands for.
    assert!(message.plain_text().len() <= 40 * (body.len() + 40));
    let html = message.to_html();
    assert!(html.len() <= 60 * (body.len() + 40));
    let own_tags = ["span", "div", "blockquote", "pre", "code", "a", "hr", "br"];
    for piece in html.split('<').skip(1) {
        let name = piece.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        assert!(own_tags.contains(&name), "<{piece}");
    }
    for tag in ["span", "div", "blockquote", "pre", "a"] {
        let opened = html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    message.task();
    message.downloads();
    message.mentions();
    message.is_system();
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,6}",
        any::<String>(),
        prop::sample::select(vec![
            "[qt]",
            "[/qt]",
            "[qtmeta aid=1 time=2]",
            "[info]",
            "[/info]",
            "[title]",
            "[/title]",
            "[code]",
            "[/code]",
            "[hr]",
            "[To:1]",
            "[rp aid=1 to=2-3]",
            "[toall]",
            "[task aid=1 lt=5]",
            "[/task]",
            "[dtext:task_added]",
            "[download:7]",
            "[/download]",
            "[preview id=1]",
            "[引用 aid=1]",
            "[/引用]",
            "[",
            "]",
            "\n",
            "\n>",
            ">",
            "山田さん",
            " ",
            "(bow)",
            ":)",
            "https://a.example/<x>",
            "<script>",
            "&amp;",
            "TO ALL >>>",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn any_text_parses_with_sound_spans_and_safe_html(body in pieces()) {
        check(&body);
    }

    #[test]
    fn defused_text_holds_no_tag(body in pieces()) {
        let text = defuse(&body);
        let plain = |it: &Node| matches!(it.kind, Kind::Text | Kind::Url | Kind::Emoticon);
        prop_assert!(parse(&text).nodes.iter().all(plain));
    }
}
