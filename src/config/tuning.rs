//! `detect.…` of a room: thresholds and phrases, for the room and for single clients.

use std::ops::RangeInclusive;

use crate::domain::{AccountId, Tuning};

use super::layers::Place;
use super::reader::{Reader, within};
use super::settings::RoomConfig;

/// Above the confidence of what a gate keeps from being certain.
const CERTAIN: RangeInclusive<u64> = 61..=100;
/// Above the confidence of what shows no hint of a request.
const UNSURE: RangeInclusive<u64> = 5..=100;
/// Phrases of one list, and the characters of each: a single letter would match everything.
const MAX_PHRASES: usize = 200;
const PHRASE: RangeInclusive<usize> = 2..=100;

pub(super) fn of_room(r: &mut Reader, n: usize) -> Tuning {
    let key = |name: &str| format!("room.{n}.detect.{name}");
    Tuning {
        certain: r.given_number(&key("certain_percent"), CERTAIN).and_then(|it| it.try_into().ok()),
        unsure: r.given_number(&key("unsure_percent"), UNSURE).and_then(|it| it.try_into().ok()),
        allow: r.given(&key("allow")).unwrap_or_default(),
        deny: r.given(&key("deny")).unwrap_or_default(),
    }
}

pub(super) fn of_clients(r: &mut Reader, n: usize, begin: &Place) -> Vec<(AccountId, Tuning)> {
    let key = |name: &str| format!("room.{n}.detect.{name}");
    let mut found: Vec<(AccountId, Tuning)> = Vec::new();
    let mut of = |account: AccountId, set: &mut dyn FnMut(&mut Tuning)| match found
        .iter_mut()
        .find(|(known, _)| *known == account)
    {
        Some((_, tuning)) => set(tuning),
        None => {
            let mut tuning = Tuning::default();
            set(&mut tuning);
            found.push((account, tuning));
        }
    };
    for (name, range) in [("client_certain_percent", CERTAIN), ("client_unsure_percent", UNSURE)] {
        let given: Option<Vec<(AccountId, u64)>> = r.given(&key(name));
        for (account, percent) in given.unwrap_or_default() {
            if !range.contains(&percent) {
                let what = (
                    format!("アカウント {account} の `detect.{name}` が範囲の外です"),
                    format!("`detect.{name}` of account {account} is out of range"),
                );
                r.problem(begin, what, within(&range));
                continue;
            }
            let percent = u8::try_from(percent).ok();
            of(account, &mut |it| match name {
                "client_certain_percent" => it.certain = percent,
                _ => it.unsure = percent,
            });
        }
    }
    for name in ["client_allow", "client_deny"] {
        let given: Option<Vec<(AccountId, String)>> = r.given(&key(name));
        for (account, phrase) in given.unwrap_or_default() {
            of(account, &mut |it| match name {
                "client_allow" => it.allow.push(phrase.clone()),
                _ => it.deny.push(phrase.clone()),
            });
        }
    }
    found
}

/// What contradicts itself, or would match nearly everything.
pub(super) fn check(r: &mut Reader, room: &RoomConfig, begin: &Place) {
    let clients = room.client_detect.iter().map(|(account, own)| (Some(*account), own));
    for (account, own) in std::iter::once((None, &room.detect)).chain(clients) {
        let whose = account.map(|it| format!(" of account {it}")).unwrap_or_default();
        let of = account.map(|it| format!("アカウント {it} の ")).unwrap_or_default();
        let certain = own.certain.or(room.detect.certain);
        let unsure = own.unsure.or(room.detect.unsure);
        if certain.zip(unsure).is_some_and(|(certain, unsure)| unsure > certain) {
            let what = (
                format!("{of}`detect.unsure_percent` が `detect.certain_percent` より大きくなっています"),
                format!("`detect.unsure_percent`{whose} is above `detect.certain_percent`"),
            );
            let hint = (
                "確実なものは「たずねる」ものにも含まれます。こちらを小さくしてください",
                "what is certain is at least unsure: make it the smaller one",
            );
            r.problem(begin, what, hint);
        }
        for (name, phrases) in [("allow", &own.allow), ("deny", &own.deny)] {
            if phrases.len() > MAX_PHRASES {
                let what = (
                    format!("{of}`detect.{name}` の言い回しが {MAX_PHRASES} を超えています"),
                    format!("`detect.{name}`{whose} has more than {MAX_PHRASES} phrases"),
                );
                r.problem(begin, what, ("大事なものだけにしてください", "keep those that matter"));
            }
            if phrases.iter().any(|it| !PHRASE.contains(&it.trim().chars().count())) {
                let what = (
                    format!("{of}`detect.{name}` に短すぎるか長すぎる言い回しがあります"),
                    format!("`detect.{name}`{whose} holds a phrase that is too short or too long"),
                );
                let (least, most) = (PHRASE.start(), PHRASE.end());
                let hint = (
                    format!("{least} から {most} 文字にしてください"),
                    format!("make it {least} to {most} characters"),
                );
                r.problem(begin, what, hint);
            }
        }
        if let Some(both) = own.allow.iter().find(|it| own.deny.contains(it)) {
            // The phrase itself is not told: it may be somebody's words.
            let at = own.allow.iter().position(|it| it == both).unwrap_or(0) + 1;
            let what = (
                format!("{of}`detect.allow` の {at} 番目の言い回しが `detect.deny` にもあります"),
                format!("phrase {at} of `detect.allow`{whose} is in `detect.deny` too"),
            );
            r.problem(begin, what, ("どちらか一方だけに入れてください", "keep it in one list"));
        }
    }
}
