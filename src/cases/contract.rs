//! What a registered contract covers, and what a request inside it means.

use crate::domain::{Terms, UtcMillis};

use super::quantity::read_quantity;

/// The form of a contract on CrowdWorks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A fixed price for so many pieces.
    Fixed,
    /// A fixed price in steps, each with its own escrow.
    Milestones,
    /// By the hour.
    Hourly,
    /// So many pieces each month.
    Monthly,
    /// More than was agreed, by a request to change the conditions (条件変更リクエスト).
    ExtraScope,
}

impl Form {
    pub const ALL: [Self; 5] = [Self::Fixed, Self::Milestones, Self::Hourly, Self::Monthly, Self::ExtraScope];

    /// As entries and commands spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Milestones => "milestones",
            Self::Hourly => "hourly",
            Self::Monthly => "monthly",
            Self::ExtraScope => "extra_scope",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// A registered contract as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub form: Form,
    /// Pieces that it covers, in all or (monthly) each month of Japan's calendar; absent where none were named.
    pub quantity: Option<u32>,
    /// Empty where none was named: then any unit is counted.
    pub unit: String,
    /// Pieces already asked for; of a monthly contract this month's.
    pub used: u32,
    /// The last instant at which it covers anything.
    pub until: Option<UtcMillis>,
    /// Its escrow is paid, by the owner's word.
    pub escrowed: bool,
    pub ended: bool,
    /// An hourly contract in whose room a request is reminded all the same.
    pub remind: bool,
}

/// What the contract says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Nothing: the request is weighed as if there were no contract.
    No,
    /// Inside what is in escrow; `left` pieces after it.
    Inside { count: u32, left: u32 },
    /// More than is left.
    Beyond { left: u32 },
    /// In escrow, but how much is asked for or covered is not known: the owner has to see.
    NotSure,
    /// By the hour: only recorded.
    Hourly,
}

impl Contract {
    /// Pieces left; `None` where none were named.
    pub fn left(&self) -> Option<u32> {
        self.quantity.map(|all| all.saturating_sub(self.used))
    }

    /// In escrow, not ended, and not run out at `now`.
    pub fn runs(&self, now: UtcMillis) -> bool {
        self.escrowed && !self.ended && self.until.is_none_or(|until| now <= until)
    }
}

/// Weighs a request's terms against a contract.
pub fn cover(contract: &Contract, terms: &Terms, now: UtcMillis) -> Cover {
    if !contract.runs(now) {
        return Cover::No;
    }
    if contract.form == Form::Hourly {
        return if contract.remind { Cover::No } else { Cover::Hourly };
    }
    let Some(left) = contract.left() else { return Cover::NotSure };
    let asked = terms.quantity.as_deref().and_then(read_quantity);
    match asked {
        _ if left == 0 => Cover::Beyond { left },
        Some(asked) if !contract.unit.is_empty() && !asked.unit.is_empty() && asked.unit != contract.unit => {
            // Another thing than what was agreed: 10本 cover no 2枚.
            Cover::No
        }
        Some(asked) if asked.count <= left => Cover::Inside { count: asked.count, left: left - asked.count },
        Some(_) => Cover::Beyond { left },
        None => Cover::NotSure,
    }
}
