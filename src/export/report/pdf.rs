//! `report.pdf`, and `report-2.pdf` and so on where one file would be too thick: the report as a court takes it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chatwork::notation;
use crate::domain::{AccountId, UtcMillis};

use super::{Article, Body, Cover, Event, VersionView};
use crate::export::ExportError;
use crate::export::paper::{BODY, COLUMN, Cell, Frame, HEADING, Paper, SMALL, STRONG, Style, TITLE};
use crate::export::rows::People;

/// Pages of a volume, about: a message that began before is finished in it. Bounds the memory.
const VOLUME: usize = 500;
/// Versions and disappearances that are put on paper; the page has all of them.
const MAX_LISTED: u64 = 50_000;
/// Between two columns, in points.
const GUTTER: f32 = 14.0;

/// The volumes on their way to the folder.
pub(super) struct Volumes<'a> {
    folder: PathBuf,
    people: &'a People<'a>,
    head: String,
    root: &'a str,
    paper: Option<Paper>,
    made: Vec<String>,
    /// When the newest entry so far was recorded.
    newest: UtcMillis,
    /// More than is put on paper.
    too_many: bool,
}

impl<'a> Volumes<'a> {
    pub(super) fn begin(
        folder: &Path,
        people: &'a People<'a>,
        cover: &Cover<'a>,
    ) -> Result<Self, ExportError> {
        let counts = &cover.manifest.counts;
        let too_many = counts.messages + counts.edits + counts.gone > MAX_LISTED;
        let case = cover.manifest.filter.case.map(|it| format!("案件 {it}　")).unwrap_or_default();
        let head = format!("{case}ルーム {}　{}　日本時間（UTC+9）", cover.room_name, span(cover));
        let mut paper = Paper::new()?;
        declare(&mut paper, cover, too_many);
        Ok(Self {
            folder: folder.to_owned(),
            people,
            head,
            root: cover.root,
            paper: Some(paper),
            made: Vec::new(),
            newest: UtcMillis(0),
            too_many,
        })
    }

    pub(super) fn article(&mut self, it: &Article<'_>) -> Result<(), ExportError> {
        self.newest = self.newest.max(it.recorded);
        if self.too_many {
            return Ok(());
        }
        let people = self.people;
        let paper = self.paper(it.day.as_deref(), it.first.n)?;
        paper.keep(&[STRONG, SMALL, BODY, BODY]);
        paper.text(&format!("{}　{}", it.name, it.role), STRONG);
        let mut when = it.sent.clone();
        if it.automatic {
            when.push_str("　自動投稿");
        }
        if it.begins_before {
            when.push_str("　（これより前の版は、この資料の範囲の外にあります）");
        }
        paper.text(&when, SMALL);
        if it.later.is_empty() {
            body(paper, &it.first, people);
        } else {
            paper.text("編集されています（版を並べて示します）", STRONG);
            versions(paper, it, people);
        }
        for gone in &it.gone {
            paper.shows(Some(gone.n));
            paper.text(gone.words, STRONG);
            paper.text(&format!("{} に確認　記録 {}", gone.at, gone.n), SMALL);
        }
        let first = &it.first;
        paper.shows(Some(first.n));
        let state = match first.state {
            "shown" => String::new(),
            state => format!("　内容の開示: {state}"),
        };
        paper.text(&format!("記録 {}　{} に記録{state}\n{}", first.n, first.observed, it.link), SMALL);
        paper.space(4.0);
        paper.rule();
        paper.space(4.0);
        Ok(())
    }

    pub(super) fn event(&mut self, it: &Event<'_>) -> Result<(), ExportError> {
        self.newest = self.newest.max(it.recorded);
        if self.too_many {
            return Ok(());
        }
        let paper = self.paper(it.day.as_deref(), it.n)?;
        let exhibit = it.exhibit.map(|it| format!("甲第{it}号証　")).unwrap_or_default();
        let words = if it.words.is_empty() { String::new() } else { format!("　{}", it.words) };
        paper.text(&format!("■ {exhibit}{}{words}", it.kind), SMALL);
        paper.text(&format!("　{} に記録　記録 {}", it.at, it.n), SMALL);
        paper.space(4.0);
        paper.rule();
        paper.space(4.0);
        Ok(())
    }

    /// The present volume, with the heading of the day; a full one is written first.
    fn paper(&mut self, day: Option<&str>, entry: u64) -> Result<&mut Paper, ExportError> {
        if self.paper.as_ref().is_some_and(|it| it.pages() > VOLUME) {
            self.write()?;
        }
        let paper = match &mut self.paper {
            Some(paper) => paper,
            none => none.insert(Paper::new()?),
        };
        paper.shows(Some(entry));
        if let Some(day) = day {
            paper.space(8.0);
            paper.heading(day, HEADING);
        }
        Ok(paper)
    }

    fn write(&mut self) -> Result<(), ExportError> {
        let Some(paper) = self.paper.take() else { return Ok(()) };
        let number = self.made.len() + 1;
        let (name, mark) = match number {
            1 => ("report.pdf".to_owned(), "甲第1号証".to_owned()),
            _ => (format!("report-{number}.pdf"), format!("甲第1号証の{number}")),
        };
        let frame = Frame {
            title: "チャットの記録",
            head: &self.head,
            mark: &mark,
            root: self.root,
            at: self.newest,
        };
        fs::write(self.folder.join(&name), paper.finish(&frame)?)?;
        self.made.push(name);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<String>, ExportError> {
        self.write()?;
        Ok(self.made)
    }
}

fn span(cover: &Cover<'_>) -> String {
    if cover.from.is_empty() && cover.to.is_empty() {
        return "記録のあるすべての期間".to_owned();
    }
    let or = |day: &str, without: &str| if day.is_empty() { without.to_owned() } else { day.to_owned() };
    format!("{} から {} まで", or(cover.from, "最初"), or(cover.to, "最後"))
}

/// The first page.
fn declare(paper: &mut Paper, cover: &Cover<'_>, too_many: bool) {
    let it = cover.manifest;
    paper.text("番号は案です。提出する方が決めてください", SMALL);
    paper.heading("チャットの記録", TITLE);
    let mut hidden = format!("{}件", it.counts.withheld);
    if cover.others_withheld {
        hidden.push_str("　発注者・受注者・自動投稿以外の人の発言は、開示していません。");
    }
    if cover.secrets_withheld {
        hidden.push_str("　パスワードやカード番号と見られるものを含む発言は、開示していません。");
    }
    if it.filter.search.is_some() {
        hidden.push_str("　検索に合わない発言は、開示していません。");
    }
    if !it.filter.released.is_empty() {
        hidden.push_str(&format!("　個別に開示した発言 {}件。", it.filter.released.len()));
    }
    let mut part = it.filter.case.map(|it| format!("　案件 {it} の前後")).unwrap_or_default();
    if let Some(query) = &it.filter.search {
        part.push_str(&format!("　検索「{query}」に合う発言と、その前後の2件ずつ"));
    }
    let counts = &it.counts;
    let rows = [
        ("ルーム", format!("{}（Chatwork ルームID {}）", cover.room_name, it.room)),
        ("期間の指定", format!("{}{part}", span(cover))),
        ("時刻", "すべて日本時間（UTC+9）".to_owned()),
        (
            "件数",
            format!(
                "メッセージ {}件、編集 {}回、削除・所在不明 {}件、ファイル {}件",
                counts.messages, counts.edits, counts.gone, counts.files
            ),
        ),
        ("開示していない内容", hidden),
        ("消去された内容", format!("{}件", counts.erased)),
        (
            "通し番号",
            format!(
                "このルームの記録 {} から {} まで。この範囲に抜けはありません。",
                it.chain.first, it.chain.last
            ),
        ),
        ("記録台帳", format!("{}\n記録 {}件の時点の署名済み要約　{}…", it.ledger, it.tree_size, cover.root)),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, words)| vec![name.to_owned(), words]).collect();
    paper.table(&[1.0, 3.2], None, &rows);
    paper.heading("登場する人", HEADING);
    let people: Vec<Vec<String>> = cover
        .people
        .iter()
        .map(|it| vec![it.name.clone(), it.account.to_string(), it.role.to_owned()])
        .collect();
    paper.table(&[2.0, 1.0, 1.0], Some(&["名前", "アカウントID", "立場"]), &people);
    paper.text("名前はこの記録での表示名です。立場は、この資料を作った人の申告によります。", SMALL);
    paper.space(8.0);
    paper.heading("見ていなかった時間", HEADING);
    if cover.gaps.is_empty() {
        paper.text(
            "この範囲に、欠落の記録はありません。ただし、確認と確認の間に書かれて消された発言は、この記録に残りません。",
            BODY,
        );
    } else {
        paper.text("次の間に書かれて消された発言は、この記録に残っていない可能性があります。", BODY);
        let gaps: Vec<Vec<String>> = cover
            .gaps
            .iter()
            .map(|it| vec![it.n.to_string(), it.kind.to_owned(), it.from.clone(), it.to.clone()])
            .collect();
        paper.table(&[0.6, 1.4, 1.6, 1.6], Some(&["記録", "種類", "から", "まで"]), &gaps);
    }
    let exposure = match &it.exposure {
        Some(it) => format!(
            "この期間に、ルームの内容を確認した間隔は、最も長い日（{}）で {}分でした（作成者の記録による。上の欠落を除く）。これより短い間に書かれて消された発言は、残っていないことがあります。",
            it.day, it.minutes
        ),
        None => "この期間に、ルームの内容を確認した間隔の記録はありません。".to_owned(),
    };
    paper.text(&exposure, BODY);
    paper.space(8.0);
    paper.heading("この資料で確かめられること、確かめられないこと", HEADING);
    for line in LIMITS {
        let style = BODY;
        paper.beside(&[
            Cell { text: "・", x: 0.0, width: 12.0, style },
            Cell { text: line, x: 12.0, width: COLUMN - 12.0, style },
        ]);
    }
    if too_many {
        paper.space(8.0);
        paper.heading("発言は紙面に収めていません", HEADING);
        paper.text(
            "件数が多いため、このPDFにあるのは最初のページだけです。すべての発言は、同じ資料の report.html と messages.csv にあります。期間を短く分けて作り直すと、発言もPDFになります。",
            BODY,
        );
    } else {
        paper.new_page();
    }
}

const LIMITS: [&str; 7] = [
    "各発言の「記録」の番号と、各ページの下の「照合」から、同じ資料の entries.jsonl にある元の記録と、proof にある証明をたどれます。確かめ方は README.txt にあります。",
    "署名された要約が作成者の手を離れた時点（時刻認証、相手方や第三者の手元の控え）より後に、記録が変わっていないことを確かめられます。",
    "Webhookの署名は、鍵を持つ人にしか確かめられず、鍵を持つ人は作ることもできます。Chatworkが送った証明になるのは、鍵の持ち主を信じられる範囲です。",
    "記録が、ルームで起きたことのすべてだとは証明できません。見ていなかった時間は上のとおりです。",
    "別の記録台帳がほかにないことは、台帳全体か、外部に預けた要約がなければ確かめられません。",
    "アカウントの持ち主が誰であるかは、この記録からは分かりません。",
    "この書体にない文字（絵文字など）は〔U+1F600〕のように番号で示します。元の文字は messages.csv と entries.jsonl にあります。",
];

/// Two columns: each version beside the one that it replaced.
fn versions(paper: &mut Paper, article: &Article<'_>, people: &People<'_>) {
    let width = (COLUMN - GUTTER) / 2.0;
    let all: Vec<&VersionView> = std::iter::once(&article.first).chain(&article.later).collect();
    for (number, pair) in all.windows(2).enumerate() {
        let caption = |place: usize, it: &VersionView| match place {
            0 => format!("はじめの版　{}　記録 {}", it.at, it.n),
            _ => format!("{place}回目の編集後　{}　記録 {}（{} に確認）", it.at, it.n, it.observed),
        };
        let (left, right) = (caption(number, pair[0]), caption(number + 1, pair[1]));
        let beside = |paper: &mut Paper, left: &str, right: &str, style: Style| {
            paper.beside(&[
                Cell { text: left, x: 0.0, width, style },
                Cell { text: right, x: width + GUTTER, width, style },
            ]);
        };
        paper.keep(&[SMALL, BODY, BODY]);
        pair.iter().for_each(|it| paper.shows(Some(it.n)));
        beside(paper, &left, &right, SMALL);
        beside(paper, &words(pair[0], people), &words(pair[1], people), BODY);
        paper.space(4.0);
    }
}

fn body(paper: &mut Paper, it: &VersionView, people: &People<'_>) {
    let style = if matches!(it.body, Body::Instead(_)) { SMALL } else { BODY };
    paper.text(&words(it, people), style);
}

fn words(it: &VersionView, people: &People<'_>) -> String {
    let names = |account: AccountId| Some(people.name_of(account));
    match &it.body {
        Body::Text(body) => notation::parse(body).plain_text_with(&names),
        Body::Instead(words) => (*words).to_owned(),
    }
}

#[cfg(test)]
mod tests;
