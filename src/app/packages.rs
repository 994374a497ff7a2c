//! Makes the packages that the owner asks for in the control room, one after the other, and says there when one is ready.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};

use crate::config::Config;
use crate::domain::{AccountId, CaseId, Clock, EntryKind, RoomId};
use crate::export::{ExportError, Exported, Exporter, Packages, Request};
use crate::ledger::Ledger;
use crate::proof::bundle::Withhold;
use crate::reply::outbox::Me;
use crate::reply::record::{self, Decision};
use crate::reply::template::{Alert, Templates};
use crate::store::{Purpose, Store};

use super::work::Workshop;

/// Packages that may wait for their turn.
pub(super) const WAITING: usize = 8;

pub(super) struct Packer {
    config: Arc<Config>,
    store: Store,
    ledger: Ledger,
    templates: Arc<Templates>,
    clock: Arc<dyn Clock>,
    me: Me,
}

impl Workshop {
    pub(super) fn packer(&self, me: &Me) -> Packer {
        Packer {
            config: Arc::clone(&self.config),
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            templates: Arc::clone(&self.templates),
            clock: Arc::clone(&self.outside.clock),
            me: me.clone(),
        }
    }
}

impl Packer {
    /// Makes what is asked for until `stop` turns true; rings `send` when there is something to say.
    pub(super) async fn run(
        &self,
        mut asked: mpsc::Receiver<CaseId>,
        send: &Notify,
        mut stop: watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            let case = tokio::select! {
                case = asked.recv() => case,
                _ = stop.changed() => continue,
            };
            let Some(case) = case else { return };
            let alert = match self.make(case).await {
                Ok((place, exported)) => Alert::EvidenceMade {
                    case,
                    place: place.display().to_string(),
                    sha256: exported.sha256,
                    withheld: exported.manifest.counts.withheld,
                },
                Err(error) => {
                    tracing::error!(error = %error, case = case.0, "a package could not be made");
                    Alert::EvidenceFailed { case }
                }
            };
            self.tell(case, &alert).await;
            send.notify_one();
        }
    }

    async fn make(&self, case: CaseId) -> Result<(PathBuf, Exported), ExportError> {
        let data_dir = &self.config.storage.data_dir;
        let place = Packages::new(data_dir).place(None, Some(case), self.clock.now())?;
        let role =
            |room: RoomId, account: AccountId| self.config.role_of(room, None, account, &self.me.owners);
        let exporter = Exporter { store: &self.store, ledger: &self.ledger, data_dir, role: &role };
        let request = Request {
            case: Some(case),
            withhold: vec![Withhold::Others, Withhold::Secrets],
            ..Request::default()
        };
        let exported = exporter.export(&request, &place).await?;
        Ok((std::path::absolute(&place).unwrap_or(place), exported))
    }

    async fn tell(&self, case: CaseId, alert: &Alert) {
        let Some(room) = self.me.control_room else { return };
        let content = Decision {
            purpose: Purpose::Note.as_str().to_owned(),
            case: Some(case),
            post_room: Some(room),
            why: "evidence".to_owned(),
            templates: self.templates.version().to_owned(),
            text: Some(self.templates.render_alert(alert)),
            due_at: Some(self.clock.now().0),
            ..Decision::default()
        };
        let note = record::decision(EntryKind::ReplyDecided, &content);
        if let Err(error) = record::append_and_apply(&self.ledger, &self.store, vec![note], None).await {
            tracing::error!(error = %error, case = case.0, "it could not be told that a package is ready");
        }
    }
}
