//! `say`: the words of the control room on the command line: 一覧, 承認 12, 停止, 契約 …

use anyhow::anyhow;

use crate::chatwork::notation;
use crate::desk::words::{self, Reading};
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::template::Answer;

use super::Exit;
use super::case::{reader, writer};
use super::start::Place;
use super::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What you would write in the control room, e.g. 一覧, 「承認 12」, 停止, 「静か 3時間」, 「契約 山田 10本 30000円 12/31まで」, ヘルプ
    #[arg(value_name = "WORDS", required = true, num_args = 1..)]
    words: Vec<String>,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let text = arguments.words.join(" ");
    obey(&text, place, terminal).await
}

/// Does what the words say, beside a running bot or without one, and prints the answer that the control room would give.
pub(super) async fn obey(text: &str, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = std::sync::Arc::new(place.config()?);
    let unknown = || anyhow!("「{text}」 is none of the words; `karibarai say ヘルプ` shows them");
    let (answer, done) = match words::read(text) {
        Reading::Nothing => return Err(unknown()),
        Reading::NumberMissing(word) => (Answer::NumberMissing { word: word.spelling() }, false),
        Reading::SpanMissing => (Answer::SpanMissing, false),
        Reading::Word(word) => {
            let desk = if word.only_asks() { reader(&config).await? } else { writer(&config).await? };
            let reply = desk.obey(&word, &Seen::Newest, &By::Command).await?;
            let answer = reply.ok_or_else(unknown)?.answer;
            let done = !answer.refuses();
            (answer, done)
        }
    };
    let templates = crate::app::load_templates(&config.templates.files)?;
    terminal.print(notation::parse(&templates.render_answer(&answer)).plain_text().trim())?;
    Ok(if done { Exit::Done } else { Exit::No })
}
