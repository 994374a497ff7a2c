//! One room: read, compared with the archive, recorded together with what could not be seen since the read before.

use std::time::Duration;

use crate::chatwork::api::{Error as ApiError, MessagePage};
use crate::domain::{EntryKind, UtcMillis};
use crate::ledger::Observation;
use crate::store::{CoverageStore as _, Exposure, NewRead, RoomRead};

use super::compare::{self, Before, Span};
use super::gaps::{self, Cause, Pace};
use super::memory::Mark;
use super::{ReconcileError, Reconciler, as_read, deep};

/// A room to be read, with what is known of it.
pub(super) struct Target<'a> {
    pub(super) state: RoomRead,
    /// As `GET /rooms` shows it; `None` where it does not.
    pub(super) listed: Option<(&'a str, Mark)>,
    pub(super) pace: Pace,
}

/// How the read of a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Read,
    /// 403 or 404.
    NoAccess,
    /// The room's answer is of no use this time; the others go on.
    Failed,
}

/// The two ends of a request, by the wall clock and by the one that never steps.
struct Asked {
    at: UtcMillis,
    monotonic: Duration,
}

impl Reconciler {
    /// Reads one room. An error ends the pass; what is wrong with this room alone is an outcome.
    pub(super) async fn read(&self, target: &Target<'_>) -> Result<Outcome, ReconcileError> {
        let room = target.state.room;
        let asked = Asked { at: self.clock.now(), monotonic: self.clock.monotonic() };
        match self.api.messages(room).await {
            Ok(page) => {
                self.record(target, &page, &asked).await?;
                Ok(Outcome::Read)
            }
            Err(ApiError::NoAccess { status, limited: false }) => {
                self.lose(&target.state, status).await?;
                Ok(Outcome::NoAccess)
            }
            Err(error) if super::ends_the_pass(&error) => Err(error.into()),
            Err(error) => {
                self.metrics.api_failed(error.kind());
                tracing::warn!(
                    room = room.0,
                    kind = error.kind(),
                    "a room could not be read; the others go on"
                );
                self.note(room, Cause::Unreadable);
                Ok(Outcome::Failed)
            }
        }
    }

    async fn record(
        &self,
        target: &Target<'_>,
        page: &MessagePage,
        asked: &Asked,
    ) -> Result<(), ReconcileError> {
        let state = &target.state;
        let room = state.room;
        let now = self.clock.now();
        let span = Span::of(page, state.reached.as_ref());
        let before = Before {
            known: self.store.known_since(room, span.since(), compare::COMPARED).await?,
            missing: self.store.missing(room).await?.into_iter().collect(),
            absent: self.absent(room),
        };
        let compared = compare::compare(room, page, &span, &before, asked.at);
        if let (Some((raw, _)), None) = (target.listed, self.mark(room)) {
            match self.describe(room, raw.as_bytes()).await {
                Err(ReconcileError::Api(error)) if !super::ends_the_pass(&error) => {
                    self.metrics.api_failed(error.kind());
                }
                other => other?,
            }
        }
        let mut observations = Vec::new();
        if let (Some(lost_at), Some((raw, _))) = (state.lost_at, target.listed) {
            let back = as_read(EntryKind::RoomFound, room, raw.as_bytes());
            observations.push(back.once(format!("room.found:{room}:after:{}", lost_at.0)));
        }
        observations.extend(compared.observations);
        let told = self.told(room);
        let missing: Vec<_> = compared.missing.into_iter().filter(|it| !told.contains(it)).collect();
        observations.extend(missing.iter().map(|it| deep::missing(room, it, "list")));
        let (holes, exposure) = self.holes(target, &span, asked, now);
        self.metrics.gaps_found(holes.len());
        observations.extend(holes);
        self.ledger.append(observations).await?;
        self.store
            .put_read(NewRead {
                room,
                asked_at: asked.at,
                reached: span.newest,
                limited: page.limited,
                exposure,
            })
            .await?;
        if state.lost_at.is_some() {
            self.store.put_lost(room, None).await?;
        }
        self.remember_read(target, &span, asked.at, asked.monotonic, compared.absent, missing);
        Ok(())
    }

    /// What could not be seen since the read before, and otherwise how long nobody looked.
    fn holes(
        &self,
        target: &Target<'_>,
        span: &Span,
        asked: &Asked,
        now: UtcMillis,
    ) -> (Vec<Observation>, Option<Exposure>) {
        let state = &target.state;
        let room = state.room;
        let Some(read_at) = state.read_at else {
            let unread = state.lost_at.map(|at| gaps::between(room, &[Cause::AccessLost], at, now));
            let older = (!span.whole).then(|| gaps::before_watch(room, now, span));
            return (unread.into_iter().chain(older).collect(), None);
        };
        // The wall clock may have been set back meanwhile; the other one tells the truth of this run.
        let by_monotonic = self.read_before(room).map(|at| asked.monotonic.saturating_sub(at));
        let elapsed = now.since(read_at).max(by_monotonic.unwrap_or_default());
        let mut causes = self.causes(room);
        if let Some(lost_at) = state.lost_at {
            causes.note(Cause::AccessLost, lost_at.max(UtcMillis(read_at.0 + 1)));
        }
        let mut holes = Vec::new();
        let too_long = gaps::too_long(&causes, read_at, elapsed, target.pace);
        if let Some(causes) = &too_long {
            holes.push(gaps::between(room, causes, read_at, now.max(read_at)));
        }
        if span.overflows(state.reached.as_ref()) {
            holes.push(gaps::overflow(room, read_at, state.reached.as_ref(), span));
        }
        let exposure = Exposure { room, day: now.japan_day(), longest: elapsed, began: read_at };
        (holes, too_long.is_none().then_some(exposure))
    }

    /// Said once for each loss.
    async fn lose(&self, state: &RoomRead, status: u16) -> Result<(), ReconcileError> {
        if state.lost_at.is_some() {
            return Ok(());
        }
        let room = state.room;
        let content = serde_json::json!({
            "status": status,
            "read_at": state.read_at.map(|it| it.to_string()),
        });
        let since = state.read_at.map_or(0, |it| it.0);
        let lost = Observation::system(EntryKind::RoomAccessLost, &content).about(room, None);
        self.ledger.append_one(lost.once(format!("access_lost:{room}:{since}"))).await?;
        self.store.put_lost(room, Some(self.clock.now())).await?;
        tracing::warn!(room = room.0, status, "a room can no longer be read");
        Ok(())
    }
}
