//! Article 3 of the Freelance Act (フリーランス法): which conditions of a commission were stated in the chat, and which are
//! missing. Pure; a reading of words, no legal advice.

use std::sync::LazyLock;

use regex::Regex;

/// What a client has to state at once, in writing, when commissioning work (Article 1 of the rules of the Japan Fair
/// Trade Commission for Article 3), and the legal address, without which a claim finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Name of who commissions.
    ClientName,
    ClientAddress,
    /// The day of the commission.
    CommissionDay,
    Deliverable,
    /// When it is to be delivered.
    DueDay,
    /// Where it is to be delivered.
    Place,
    /// By when it is inspected, if it is.
    InspectionDay,
    Reward,
    /// When the reward is paid.
    PaymentDay,
    /// How it is paid, if not in cash.
    PaymentWay,
}

impl Item {
    pub const ALL: [Self; 10] = [
        Self::ClientName,
        Self::ClientAddress,
        Self::CommissionDay,
        Self::Deliverable,
        Self::DueDay,
        Self::Place,
        Self::InspectionDay,
        Self::Reward,
        Self::PaymentDay,
        Self::PaymentWay,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientName => "client_name",
            Self::ClientAddress => "client_address",
            Self::CommissionDay => "commission_day",
            Self::Deliverable => "deliverable",
            Self::DueDay => "due_day",
            Self::Place => "place",
            Self::InspectionDay => "inspection_day",
            Self::Reward => "reward",
            Self::PaymentDay => "payment_day",
            Self::PaymentWay => "payment_way",
        }
    }
}

/// One message of the client about the case: which, and his own words.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a, M> {
    pub message: M,
    pub text: &'a str,
}

/// An item, and the message that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<M> {
    pub item: Item,
    pub found: Option<Shown<M>>,
}

/// Where an item was stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<M> {
    pub message: M,
    /// The words, shortened.
    pub words: String,
}

/// Longest excerpt, in characters.
const MAX_WORDS: usize = 40;

/// Ways in which people state an item.
static PATTERNS: LazyLock<Vec<(Item, Regex)>> = LazyLock::new(|| {
    const DAY: &str = r"(?:[0-9０-９]{1,4}\s*[年月/／日]|[0-9０-９]+\s*(?:日|営業日|週間)|(?:今|来|翌|当|毎)?月末|末日|(?:今|来|再来|翌)週|[月火水木金土日]曜|明日|本日|年内|中旬|下旬|上旬)";
    [
        (Item::ClientName, r"(?:[（(]株[）)]|株式会社|有限会社|合同会社|合資会社|合名会社|一般社団法人|社団法人|財団法人|NPO法人)[^\s、。]{0,24}|[^\s、。「]{1,24}(?:株式会社|有限会社|合同会社)|(?:会社名|社名|法人名|屋号|発注者|委託者|契約者名|氏名|本名)\s*[:：はが]\s*[^\s、。]{2,30}".to_owned()),
        (Item::ClientAddress, r"〒\s*[0-9０-９]{3}[-－ー]?[0-9０-９]{4}|(?:住所|所在地|本店)\s*[:：はが]\s*[^\s、。]{4,}|(?:東京都|北海道|大阪府|京都府|[一-龠]{2,3}県)[一-龠ぁ-んァ-ヶ]{1,8}[市区町村郡][^\s、。]{0,30}[0-9０-９]".to_owned()),
        (Item::DueDay, format!(r"(?:納期|納品日|納品期日|期日|期限|締切|締め切り|〆切|デッドライン)[^。\n]{{0,12}}{DAY}[^\s。、]{{0,8}}|{DAY}[^。、\n]{{0,8}}(?:まで(?:に|で)?|必着|納品|入稿|締切|〆)")),
        (Item::Place, r"(?:納品先|納品場所|納入先|納入場所|提出先|納品方法|納品形式|作業場所|勤務地)[^。\n]{0,30}|(?:Google|グーグル)?(?:ドライブ|ドキュメント|スプレッドシート)[^。\n]{0,8}(?:納品|提出|入れ|共有|アップ)[^。\n]{0,6}|(?:ギガファイル|Dropbox|WordPress|ワードプレス|CMS|サーバー?)[^。\n]{0,10}(?:納品|入稿|提出|アップ|入れ)[^。\n]{0,6}|クラウドワークス(?:上|の画面)?(?:で|に)[^。\n]{0,6}納品|(?:フルリモート|完全在宅|リモート(?:で|での)|在宅(?:で|での)|オンライン(?:で|での))[^。\n]{0,10}".to_owned()),
        (Item::InspectionDay, format!(r"(?:検収|検品|検査|ご確認期間|確認期間)[^。\n]{{0,16}}{DAY}[^\s。、]{{0,8}}|{DAY}[^。\n]{{0,10}}(?:検収|検品|検査)")),
        (Item::Reward, r"(?:[0-9０-９][0-9０-９,，.．]*\s*(?:万|千)?\s*円[^\s。、]{0,8}|[¥￥]\s*[0-9０-９][0-9０-９,，]*)".to_owned()),
        (Item::PaymentDay, format!(r"(?:支払期日|支払い期日|支払日|支払い日|お支払い?は|支払い?は|入金日|入金は)[^。\n]{{0,14}}(?:{DAY}|検収後|納品後)[^\s。、]{{0,8}}|(?:月末|末日|[0-9０-９]+日)\s*締め?[^。\n]{{0,10}}(?:払い|支払)|{DAY}[^。、\n]{{0,8}}(?:払い|支払い?(?:ます|予定|いたし)|入金)")),
        (Item::PaymentWay, r"(?:支払方法|支払い方法|お支払い方法)[^。\n]{0,24}|クラウドワークス(?:の|で|上の|経由の?)[^。\n]{0,8}(?:仮払い|支払)|仮払い(?:で|にて|します|いたします|済)[^。\n]{0,8}".to_owned()),
    ]
    .into_iter()
    // A pattern that did not compile would find nothing; the table test below holds each of them.
    .filter_map(|(item, pattern)| Regex::new(&pattern).ok().map(|it| (item, it)))
    .collect()
});

/// Negations right behind: 「納期は未定です」.
static NOT_YET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^[^。\n]{0,8}(?:未定|まだ決ま|決まっていません|調整中|追って|後日|後ほど|わかりません)").ok()
});

/// Checks all items against what the client said, in order; the first statement counts. `request` is the message that
/// asked for the work: its day is the day of the commission. `deliverable` is what detection read out of it.
pub fn check<M: Clone>(request: &M, deliverable: Option<&str>, said: &[Said<'_, M>]) -> Vec<Checked<M>> {
    Item::ALL
        .into_iter()
        .map(|item| {
            let found = match item {
                Item::CommissionDay => Some(Shown { message: request.clone(), words: String::new() }),
                Item::Deliverable => {
                    deliverable.map(|words| Shown { message: request.clone(), words: short(words) })
                }
                _ => said.iter().find_map(|it| stated(item, it)),
            };
            Checked { item, found }
        })
        .collect()
}

/// The items that are missing.
pub fn missing<M>(checked: &[Checked<M>]) -> Vec<Item> {
    checked.iter().filter(|it| it.found.is_none()).map(|it| it.item).collect()
}

fn stated<M: Clone>(item: Item, said: &Said<'_, M>) -> Option<Shown<M>> {
    PATTERNS.iter().filter(|(of, _)| *of == item).find_map(|(_, pattern)| {
        let found = pattern.find(said.text)?;
        let behind = &said.text[found.start()..];
        let put_off = NOT_YET.as_ref().is_some_and(|it| it.is_match(behind));
        (!put_off).then(|| Shown { message: said.message.clone(), words: short(found.as_str()) })
    })
}

fn short(words: &str) -> String {
    words.trim().chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<Item> {
        let checked = check(&0, None, &[Said { message: 1, text }]);
        checked
            .into_iter()
            .filter(|it| it.found.is_some() && it.item != Item::CommissionDay)
            .map(|it| it.item)
            .collect()
    }

    #[test]
    fn ways_to_state_an_item() {
        assert_eq!(PATTERNS.len(), 8);
        for (text, expected) in [
            ("株式会社山田商事の山田です。", &[Item::ClientName][..]),
            ("会社名：ヤマダ企画", &[Item::ClientName]),
            ("〒150-0001 東京都渋谷区神宮前1-2-3", &[Item::ClientAddress]),
            ("所在地は大阪市北区梅田です", &[Item::ClientAddress]),
            ("納期は12月20日です", &[Item::DueDay]),
            ("来週金曜までにお願いします", &[Item::DueDay]),
            ("納品先はGoogleドライブです", &[Item::Place]),
            ("ドキュメントで提出してください", &[Item::Place]),
            ("検収は納品から7日以内に行います", &[Item::InspectionDay]),
            ("1本5,000円です", &[Item::Reward]),
            ("¥30,000", &[Item::Reward]),
            ("お支払いは翌月末です", &[Item::PaymentDay]),
            ("月末締め翌月払いです", &[Item::PaymentDay]),
            ("支払方法はクラウドワークスの仮払いです", &[Item::PaymentWay]),
            ("ありがとうございました。また連絡します", &[]),
            ("納期は未定です", &[]),
            ("金額はまだ決まっていません", &[]),
        ] {
            assert_eq!(items(text), expected, "{text}");
        }
    }

    #[test]
    fn a_bare_request_lacks_nearly_everything() {
        let text = "追加でブログ記事を3本お願いします。";
        let checked = check(&7, Some("ブログ記事"), &[Said { message: 7, text }]);
        assert_eq!(
            missing(&checked),
            [
                Item::ClientName,
                Item::ClientAddress,
                Item::DueDay,
                Item::Place,
                Item::InspectionDay,
                Item::Reward,
                Item::PaymentDay,
                Item::PaymentWay
            ]
        );
        let deliverable = checked.iter().find(|it| it.item == Item::Deliverable).unwrap();
        assert_eq!(deliverable.found, Some(Shown { message: 7, words: "ブログ記事".to_owned() }));
    }

    #[test]
    fn the_first_message_that_states_it_is_shown() {
        let said = [
            Said { message: 1, text: "単価は未定です" },
            Said { message: 2, text: "1本5,000円でお願いします" },
            Said { message: 3, text: "やはり1本6,000円で" },
        ];
        let checked = check(&1, None, &said);
        let reward = checked.iter().find(|it| it.item == Item::Reward).unwrap().found.as_ref().unwrap();
        assert_eq!((reward.message, reward.words.as_str()), (2, "5,000円でお願いします"));
    }
}
