//! What the words of the terms mean: the day behind a deadline, the kind of an amount. Made from the words and the time
//! at which they were written alone, so that the same ledger gives the same readings for ever.

use serde::Serialize;

use crate::domain::{Terms, UtcMillis};

use super::deadline::{DueBy, read_due};
use super::price::{Price, read_price};

/// The terms of a request as they were read; what is absent was not named, or names no day or sum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Readings {
    pub amount: Option<Price>,
    pub deadline: Option<DueBy>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    Amount(Price),
    Deadline(DueBy),
}

/// Reads the terms of a message that was written at that time; without a time no day is read.
pub fn readings(terms: &Terms, written: Option<UtcMillis>) -> Readings {
    Readings {
        amount: terms.amount.as_deref().and_then(read_price),
        deadline: terms.deadline.as_deref().zip(written).and_then(|(text, written)| read_due(text, written)),
    }
}
