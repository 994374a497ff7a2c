//! The papers of a case for people who decide: the facts in their order, a time table, a list of exhibits. What the owner
//! said of the case stands here as the owner's word, beside the messages that show it.

mod court;
mod sheets;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::chatwork::notation;
use crate::domain::{CaseId, Digest, EntryIndex, EntryKind, MessageId, UtcMillis, unhex};
use crate::files::Shelf;
use crate::proof::bundle::Manifest;
use crate::store::{Record, Store, TreeStore as _};

use self::sheets::{Section, Sheets, section, sheet};
use self::words::{day, excerpt, state_words, title};
use super::ExportError;
use super::rows::{self, People};
use super::select::BATCH;
use super::spool::{Shown, Spool, State};

/// Characters of a message in a table.
const EXCERPT: usize = 80;
/// Characters of a message among the facts; the report has it whole.
const QUOTED: usize = 2000;

/// Whom the papers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Court,
    Lawyer,
    CrowdWorks,
}

/// Content of `case.changed`, as far as the papers need it.
#[derive(Deserialize)]
struct Step {
    case: CaseId,
    state: String,
    from: Option<String>,
    request_message: MessageId,
    #[serde(default)]
    messages: Vec<Part>,
    terms: Option<Terms>,
    #[serde(default)]
    by: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Part {
    message: MessageId,
}

#[derive(Clone, Default, Deserialize)]
struct Terms {
    deliverable: Option<String>,
    quantity: Option<String>,
    amount: Option<String>,
    deadline: Option<String>,
}

/// A step as it is shown.
struct Fact {
    at: UtcMillis,
    n: EntryIndex,
    words: &'static str,
    by_owner: bool,
    messages: Vec<MessageId>,
}

/// A file that the stretch speaks of. The second exhibit is the first of these.
struct Attached {
    at: UtcMillis,
    name: String,
    /// `None` where the package does not show it.
    sha256: Option<Digest>,
}

/// Everything that the papers are made of.
pub(super) struct Dossier<'a> {
    manifest: &'a Manifest,
    people: People<'a>,
    case: CaseId,
    facts: Vec<Fact>,
    terms: Terms,
    /// What the package shows of the case's messages: versions and disappearances in order.
    shown: HashMap<MessageId, Vec<Shown>>,
    files: Vec<Attached>,
    /// Edits, deletions and holes in the stretch.
    events: Vec<Shown>,
}

impl<'a> Dossier<'a> {
    pub(super) async fn gather(
        store: &Store,
        spool: &Spool,
        manifest: &'a Manifest,
        base: u64,
        case: CaseId,
    ) -> Result<Self, ExportError> {
        let mut dossier = Self {
            manifest,
            people: People::of(manifest),
            case,
            facts: Vec::new(),
            terms: Terms::default(),
            shown: HashMap::new(),
            files: Vec::new(),
            events: Vec::new(),
        };
        let part = format!(r#""kind":"{}""#, EntryKind::CaseChanged.as_str());
        let mut next = EntryIndex(base);
        loop {
            // Up to the head that the package is shown under, so that the same question gets the same papers.
            let until = EntryIndex(base + manifest.tree_size);
            let found = store.matching(part.clone(), next, until, true, BATCH).await?;
            let Some(last) = found.last() else { break };
            next = EntryIndex(last.n.0 + 1);
            // Numbered as in the package.
            let own = found.into_iter().map(|it| Record { n: EntryIndex(it.n.0 - base), base: 0, ..it });
            own.for_each(|it| dossier.step(&it));
        }
        dossier.own_posts(spool)?;
        let wanted: Vec<MessageId> = dossier.facts.iter().flat_map(|it| it.messages.clone()).collect();
        spool.each(|_, shown| {
            dossier.take(shown, &wanted);
            Ok(())
        })?;
        Ok(dossier)
    }

    /// The program's posts about the case stand beside the step that they made.
    fn own_posts(&mut self, spool: &Spool) -> Result<(), ExportError> {
        #[derive(Deserialize)]
        struct Posted {
            case: Option<CaseId>,
        }
        spool.each(|_, shown| {
            let entry = &shown.entry;
            let about = || shown.content::<Posted>().and_then(|it| it.case);
            if let (EntryKind::ReplySent, Some(message)) = (entry.kind, &entry.message)
                && about() == Some(self.case)
            {
                // The step is recorded right after the post.
                let fact = self.facts.iter_mut().find(|it| it.n > entry.n);
                if let Some(fact) = fact.filter(|it| !it.messages.contains(message)) {
                    fact.messages.push(*message);
                }
            }
            Ok(())
        })
    }

    fn step(&mut self, record: &Record) {
        let step: Option<Step> = record.content_bytes().and_then(|it| serde_json::from_slice(it).ok());
        let (Some(step), Ok(entry)) = (step, record.entry()) else { return };
        if step.case != self.case {
            return;
        }
        if let Some(terms) = step.terms {
            self.terms = terms;
        }
        let moved = step.from.as_deref() != Some(step.state.as_str());
        let mut messages: Vec<MessageId> = step.messages.into_iter().map(|it| it.message).collect();
        if step.from.is_none() && !messages.contains(&step.request_message) {
            messages.insert(0, step.request_message);
        }
        if moved || !messages.is_empty() {
            self.facts.push(Fact {
                at: entry.observed_at,
                n: entry.n,
                words: if moved { state_words(&step.state) } else { "案件に関わる発言" },
                by_owner: step.by.is_some(),
                messages,
            });
        }
    }

    fn take(&mut self, shown: Shown, wanted: &[MessageId]) {
        #[derive(Deserialize)]
        struct Named {
            name: Option<String>,
            sha256: Option<String>,
        }
        let entry = &shown.entry;
        if entry.kind == EntryKind::FileStored {
            let told = shown.content::<Named>();
            let sha256 = told.as_ref().and_then(|it| unhex(it.sha256.as_deref()?));
            let name = told.and_then(|it| it.name).unwrap_or_else(|| "（名称の開示なし）".to_owned());
            self.files.push(Attached { at: entry.observed_at, name, sha256 });
            return;
        }
        let of_case = entry.message.as_ref().filter(|it| rows::is_listed(entry.kind) && wanted.contains(it));
        if let Some(message) = of_case {
            self.shown.entry(*message).or_default().push(shown);
        } else if matches!(
            entry.kind,
            EntryKind::MessageUpdated
                | EntryKind::MessageDeletedReported
                | EntryKind::MessageMissingAtRecheck
                | EntryKind::GapFound
                | EntryKind::RoomAccessLost
        ) {
            self.events.push(shown);
        }
    }

    /// Writes the papers below `folder/case`, and for a court everything laid flat below `folder/court`. `root` is the first
    /// digits of the checkpoint's root.
    pub(super) fn write(
        &self,
        audience: Audience,
        root: &str,
        shelf: &Shelf,
        package: &Path,
    ) -> Result<(), ExportError> {
        let folder = package.join("case");
        fs::create_dir_all(&folder)?;
        let at = self.facts.iter().map(|it| it.at).max().unwrap_or(UtcMillis(0));
        let sheets = Sheets { folder: &folder, root, at };
        sheets.write("facts", title(audience), &self.lead(), &self.sections())?;
        if audience == Audience::CrowdWorks {
            return Ok(());
        }
        let timeline = self.timeline();
        sheet(&folder.join("timeline.csv"), &TIMELINE, &timeline)?;
        let table = [section("出来事", &TIMELINE, timeline)];
        sheets.write("timeline", "時系列表（案）", &self.lead(), &table)?;
        let exhibits = self.exhibits();
        sheet(&folder.join("exhibits.csv"), &EXHIBITS, &exhibits)?;
        let mut lead = self.lead();
        lead.push("号証の番号と立証趣旨は、提出する方が決めて書き入れてください。".to_owned());
        let flat = match audience {
            Audience::Court => Some(court::lay_flat(&self.files, shelf, package)?),
            _ => None,
        };
        lead.extend(flat.iter().flat_map(court::Flat::words));
        sheets.write("exhibits", "証拠説明書（案）", &lead, &[section("証拠", &EXHIBITS, exhibits)])?;
        if let Some(flat) = flat {
            flat.add_papers(&folder)?;
        }
        Ok(())
    }

    fn lead(&self) -> Vec<String> {
        vec![
            format!(
                "案件 {}　Chatworkルーム {}（ルームID {}）",
                self.case,
                self.manifest.room_name.as_deref().unwrap_or("名称の記録なし"),
                self.manifest.room
            ),
            "時刻はすべて日本時間です。「記録」の番号は、同じ資料の report.html と entries.jsonl の番号です。".to_owned(),
            "「本人の申告」とあるものは、この資料を作った人が述べたことで、発言の記録による裏づけはありません。".to_owned(),
        ]
    }

    fn sections(&self) -> Vec<Section> {
        let mut parties = Vec::new();
        for role in ["client", "owner"] {
            for it in self.manifest.people.iter().filter(|it| it.role == role) {
                let name = self.people.name_of(it.account);
                parties.push(vec![name, it.account.to_string(), rows::role_words(role).to_owned()]);
            }
        }
        let mut sections = vec![section("当事者", &["名前", "アカウントID", "立場"], parties)];
        let terms = [
            ("内容", &self.terms.deliverable),
            ("数量", &self.terms.quantity),
            ("金額", &self.terms.amount),
            ("期日", &self.terms.deadline),
        ];
        let terms = terms.into_iter().map(|(name, it)| {
            vec![name.to_owned(), it.clone().unwrap_or_else(|| "発言からは読み取れません".to_owned())]
        });
        let mut agreed = section("依頼の条件（発言の中の言葉）", &["項目", "言葉"], terms.collect());
        agreed
            .notes
            .push("発言から抜き出した言葉です。合意があったことを示すものではありません。".to_owned());
        sections.push(agreed);
        for fact in &self.facts {
            let mut rows = Vec::new();
            for message in &fact.messages {
                rows.extend(self.versions(message, QUOTED));
            }
            let mut shown = section(fact.words, &TIMELINE, rows);
            shown.notes.push(format!("{}　記録 {}", fact.at.japan_long(), fact.n));
            if fact.by_owner {
                shown.notes.push("本人の申告".to_owned());
            }
            sections.push(shown);
        }
        sections
    }

    /// Rows of a message: each version, and its disappearance. A message outside the package has none.
    fn versions(&self, message: &MessageId, limit: usize) -> Vec<Vec<String>> {
        let shown = self.shown.get(message).map(Vec::as_slice).unwrap_or_default();
        shown.iter().map(|it| self.row(it, limit)).collect()
    }

    fn row(&self, shown: &Shown, limit: usize) -> Vec<String> {
        let entry = &shown.entry;
        let body = match (shown.state, &shown.capture) {
            (State::Withheld, _) => "（開示していません）".to_owned(),
            (State::Erased, _) => "（消去されています）".to_owned(),
            (State::Shown, Some(it)) => excerpt(&notation::parse(&it.body).plain_text(), limit),
            (State::Shown, None) => String::new(),
        };
        let link = match (entry.room, &entry.message) {
            (Some(room), Some(message)) => rows::message_link(room, message),
            _ => String::new(),
        };
        vec![
            when(shown).japan_long(),
            rows::kind_words(entry.kind).to_owned(),
            self.people.name(shown).unwrap_or_default(),
            body,
            format!("記録 {}", entry.n),
            link,
        ]
    }

    /// Steps, the case's messages, and whatever was edited, deleted or not seen, by time.
    fn timeline(&self) -> Vec<Vec<String>> {
        let mut rows: BTreeMap<(UtcMillis, u64), Vec<String>> = BTreeMap::new();
        for shown in self.shown.values().flatten().chain(&self.events) {
            rows.insert((when(shown), shown.entry.n.0), self.row(shown, EXCERPT));
        }
        for fact in &self.facts {
            let by = if fact.by_owner { "本人の申告" } else { "発言の記録による" };
            let row = [&fact.at.japan_long(), fact.words, "", by, &format!("記録 {}", fact.n), ""];
            rows.insert((fact.at, fact.n.0), row.map(str::to_owned).to_vec());
        }
        rows.into_values().collect()
    }

    fn exhibits(&self) -> Vec<Vec<String>> {
        let times = || self.shown.values().flatten().map(when);
        let span = match (times().min(), times().max()) {
            (Some(first), Some(last)) => format!("{} 〜 {}", day(first), day(last)),
            _ => String::new(),
        };
        let who = self.manifest.people.iter().map(|it| self.people.name_of(it.account)).collect::<Vec<_>>();
        let room = self.manifest.room_name.as_deref().unwrap_or("名称の記録なし");
        let record = [
            "甲第1号証",
            &format!("チャットの記録（Chatworkルーム「{room}」）"),
            "写し（電磁的記録の出力）",
            &span,
            &who.join("、"),
            "",
        ];
        let mut rows = vec![record.map(str::to_owned).to_vec()];
        for (number, it) in (2..).zip(&self.files) {
            let row = [&format!("甲第{number}号証"), it.name.as_str(), "写し", &day(it.at), "", ""];
            rows.push(row.map(str::to_owned).to_vec());
        }
        rows
    }
}

const TIMELINE: [&str; 6] = ["年月日・時刻", "出来事", "発言者", "内容", "証拠", "メッセージのリンク"];
const EXHIBITS: [&str; 6] = ["号証", "標目", "原本・写しの別", "作成年月日", "作成者", "立証趣旨"];

fn when(shown: &Shown) -> UtcMillis {
    shown.entry.source_time.unwrap_or(shown.entry.observed_at)
}
