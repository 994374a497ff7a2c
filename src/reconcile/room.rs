//! The rest of a room: what it is called, and who is in it.

use crate::domain::{EntryKind, RoomId};
use crate::store::ArchiveStore as _;

use super::{ReconcileError, Reconciler, as_read};

impl Reconciler {
    /// Room and members at first contact; names are needed to address people.
    pub(super) async fn describe(&self, room: RoomId, raw: &[u8]) -> Result<(), ReconcileError> {
        let known = self.store.members(room).await?;
        let mut observations =
            vec![as_read(EntryKind::RoomFound, room, raw).once(format!("room.found:{room}"))];
        for member in self.api.members(room).await? {
            let before = known.iter().find(|it| it.account == member.value.account_id);
            let kind = match before {
                None => EntryKind::MemberJoined,
                Some(it) if it.name != member.value.name => EntryKind::MemberRenamed,
                Some(_) => continue,
            };
            observations.push(as_read(kind, room, member.raw.as_bytes()));
        }
        self.ledger.append(observations).await?;
        Ok(())
    }
}
