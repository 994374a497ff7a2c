//! Nothing grows without end: each bound is met, and the sandbox goes on.

use super::support::Bed;
use crate::sandbox::{Fault, FaultKind, Limits, Outcome, Role, RoomKind, Rules, SandboxError};

fn is_full<T>(result: Result<T, SandboxError>) -> bool {
    matches!(result, Err(SandboxError::Full(_)))
}

#[tokio::test]
async fn messages_and_bodies_are_bounded() {
    let limits = Limits { messages_per_room: 3, body_bytes: 20, ..Limits::default() };
    let bed = Bed::with_limits(Rules::default(), limits).await;
    let id = bed.client_posts("1234567890");
    bed.client_posts("2");
    bed.client_posts("3");
    let (client, direct, group) =
        (bed.world.client.account_id, bed.world.direct_room_id, bed.world.group_room_id);
    assert!(is_full(bed.handle().post(client, direct, "4")));
    let reply = bed.call("POST", &bed.direct("/messages"), &[("body", "4")]).await;
    assert_eq!(reply.status, 503);
    assert!(is_full(bed.handle().edit(direct, &id, "123456789")));
    bed.handle().edit(direct, &id, "12345678").unwrap();
    assert!(is_full(bed.handle().post(client, group, "x")));
}

#[tokio::test]
async fn accounts_rooms_and_members_are_bounded() {
    let limits = Limits { accounts: 4, rooms: 7, members_per_room: 3, ..Limits::default() };
    let bed = Bed::with_limits(Rules::default(), limits).await;
    let handle = bed.handle();
    let fourth = handle.create_account("四").unwrap().account_id;
    assert!(is_full(handle.create_account("五")));
    assert!(is_full(handle.add_member(bed.world.group_room_id, fourth, Role::Member)));
    let pair = [(fourth, Role::Admin), (bed.world.owner.account_id, Role::Admin)];
    handle.create_room(RoomKind::Direct, "x", &pair).unwrap();
    assert!(is_full(handle.create_room(RoomKind::Direct, "x", &pair)));
}

#[tokio::test]
async fn tasks_and_files_are_bounded() {
    let limits = Limits { tasks_per_room: 1, files_per_room: 2, file_bytes: 10, ..Limits::default() };
    let bed = Bed::with_limits(Rules::default(), limits).await;
    let (handle, room, owner) = (bed.handle(), bed.world.direct_room_id, bed.world.owner.account_id);
    handle.add_task(owner, room, &[owner], "t", None).unwrap();
    assert!(is_full(handle.add_task(owner, room, &[owner], "t", None)));
    let file = handle.add_file(owner, room, "a", b"123456", "").unwrap();
    assert!(is_full(handle.add_file(owner, room, "b", b"12345", "")));
    handle.delete_file(room, file).unwrap();
    handle.add_file(owner, room, "b", b"12345", "").unwrap();
    handle.add_file(owner, room, "c", b"1", "").unwrap();
    assert!(is_full(handle.add_file(owner, room, "d", b"1", "")));
}

#[tokio::test]
async fn webhooks_beyond_the_bound_are_lost_and_the_log_forgets_its_oldest() {
    let limits = Limits { pending_webhooks: 2, deliveries: 3, ..Limits::default() };
    let bed = Bed::with_limits(Rules::default(), limits).await;
    bed.handle().set_fault(Fault::always(FaultKind::WebhookHeld)).unwrap();
    for n in 0..6 {
        bed.client_posts(&n.to_string());
    }
    assert_eq!(bed.handle().held_webhooks(), 2);
    assert_eq!(bed.handle().release_webhooks(), 2);
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["0", "1"]);
    let log = bed.handle().deliveries();
    let outcomes: Vec<_> = log.iter().map(|it| (it.n, it.outcome)).collect();
    assert_eq!(outcomes, [(4, Outcome::Lost), (5, Outcome::Delivered), (6, Outcome::Delivered)]);
}

#[tokio::test]
async fn requests_are_bounded() {
    let bed = Bed::new().await;
    let reply = bed.control("POST", "/world", &" ".repeat((8 << 20) + 1)).await;
    assert_eq!(reply.status, 413);
}
