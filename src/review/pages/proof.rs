//! Checking the ledger from a page: started here, done in the background, its answer kept for the next look.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::domain::EntryIndex;
use crate::ledger;
use crate::store::LedgerStore as _;
use crate::upkeep::{self, Key};

use super::{Broken, Frame, Login, Review, absent, page};

/// How the name of a proof ends.
pub(super) const PROOF: &str = ".tlog-proof";
/// Problems that are listed.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "proof.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    entries: u64,
    check: CheckView,
    checkpoint: Option<String>,
}

/// What is known of the last check.
#[derive(Clone, Default)]
pub(in crate::review) enum CheckView {
    #[default]
    None,
    /// Since when.
    Running(String),
    Done(Outcome),
}

#[derive(Clone)]
pub(in crate::review) struct Outcome {
    class: &'static str,
    mark: &'static str,
    words: String,
    at: String,
    problems: Vec<String>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "proof").await?;
    let entries = review.0.ledger.head().await?.end();
    let checkpoint = review.0.store.checkpoints().await?.pop().map(|(_, note)| note);
    page(&Page { frame, entries, check: review.0.check(), checkpoint })
}

/// Asks for a check; one that runs already is not begun again.
pub(in crate::review) async fn verify(State(review): State<Review>) -> Redirect {
    let now = review.0.ledger.now().japan_long();
    if !matches!(review.0.check(), CheckView::Running(_)) {
        review.0.set_check(CheckView::Running(now));
        review.0.check_wanted.notify_one();
    }
    Redirect::to("/proof")
}

/// The proof of one entry, as `c2sp.org/tlog-proof` fixes it, under the newest signed head that covers it.
pub(in crate::review) async fn download(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Path(name): Path<String>,
) -> Result<Response, Broken> {
    let n = name.strip_suffix(PROOF).and_then(|it| it.parse().ok()).map(EntryIndex);
    let data_dir = &review.0.config.storage.data_dir;
    let proof = match n {
        Some(n) => ledger::proof_of(&review.0.store, data_dir, n).await.map_err(|error| {
            tracing::error!(error = %error, "a proof could not be made");
            Broken
        })?,
        None => None,
    };
    let Some(proof) = proof else { return absent(Frame::new(&review, &login, "proof").await?) };
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, proof.to_text()).into_response())
}

/// One check of the whole ledger.
pub(in crate::review) async fn check(review: &Review) -> Outcome {
    let parts = &review.0;
    let at = parts.ledger.now().japan_long();
    match upkeep::check(&parts.store, &parts.config.storage.data_dir, None).await {
        Ok(checked) if checked.intact() => Outcome {
            class: "good",
            mark: "改ざんなし",
            words: format!("{}件の記録を計算し直し、署名済みの要約と一致しました。", checked.report.size),
            at,
            problems: Vec::new(),
        },
        Ok(checked) => {
            let found = &checked.report.problems;
            let mut problems: Vec<String> =
                found.list.iter().take(LISTED).map(|it| format!("{:?}: {:?}", it.at, it.code)).collect();
            problems.extend(checked.foreign.iter().take(LISTED).cloned());
            match checked.key {
                Key::Good => {}
                Key::Missing => problems.push("公開鍵（keys/ledger.pub）がありません".to_owned()),
                Key::Foreign => problems.push("公開鍵が、この記録のものではありません".to_owned()),
            }
            Outcome {
                class: "bad",
                mark: "不一致",
                words: "一致しないところがあります。データのフォルダーを複製してから、karibarai verify で詳しく確かめてください。"
                    .to_owned(),
                at,
                problems,
            }
        }
        Err(error) => {
            tracing::error!(error = %error, "the ledger could not be checked");
            Outcome {
                class: "warn",
                mark: "検証できません",
                words:
                    "検証できませんでした。記録は変えていません。しばらくしてから、もう一度お試しください。"
                        .to_owned(),
                at,
                problems: Vec::new(),
            }
        }
    }
}
