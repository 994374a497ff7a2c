//! What detection says of one message.

use serde::{Deserialize, Serialize};

use super::ids::AccountId;

/// What a person is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The ordering party, all of its staff.
    Client,
    /// The owner: the freelancer whom the bot serves.
    Worker,
    /// Anybody else.
    Other,
    /// An automatic poster.
    Bot,
}

/// The kind of room, as far as detection cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomType {
    #[default]
    Direct,
    Group,
}

/// An earlier message of the same room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMessage {
    pub sender_role: Role,
    pub body: String,
}

/// Everything that detection may look at: one message, its sender's role, up to six earlier messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalInput<'a> {
    pub room_type: RoomType,
    pub sender_role: Role,
    pub body: &'a str,
    pub context: &'a [ContextMessage],
    /// The worker's own accounts; empty where nobody knows them.
    pub workers: &'a [AccountId],
    /// What the worker is called in the room; empty where nobody knows.
    pub worker_names: &'a [String],
}

/// What the owner has set for a room or a client beside the rules; nothing set changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// A request is certain from this confidence on, in percent.
    pub certain: Option<u8>,
    /// The owner is asked from this confidence on, in percent.
    pub unsure: Option<u8>,
    /// Phrases that are requests.
    pub allow: Vec<String>,
    /// Phrases of messages that are none; stronger than the other list.
    pub deny: Vec<String>,
}

/// One of the seven labels; the definitions are those of `docs/detection.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    NewRequest,
    StartBeforeEscrow,
    OffPlatformPayment,
    ContactExchange,
    OffPlatformDelivery,
    ContractPosted,
    EscrowClaimed,
}

impl Label {
    pub const ALL: [Self; 7] = [
        Self::NewRequest,
        Self::StartBeforeEscrow,
        Self::OffPlatformPayment,
        Self::ContactExchange,
        Self::OffPlatformDelivery,
        Self::ContractPosted,
        Self::EscrowClaimed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewRequest => "new_request",
            Self::StartBeforeEscrow => "start_before_escrow",
            Self::OffPlatformPayment => "off_platform_payment",
            Self::ContactExchange => "contact_exchange",
            Self::OffPlatformDelivery => "off_platform_delivery",
            Self::ContractPosted => "contract_posted",
            Self::EscrowClaimed => "escrow_claimed",
        }
    }
}

/// The seven booleans, as `detect --jsonl` prints them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    pub new_request: bool,
    pub start_before_escrow: bool,
    pub off_platform_payment: bool,
    pub contact_exchange: bool,
    pub off_platform_delivery: bool,
    pub contract_posted: bool,
    pub escrow_claimed: bool,
}

impl Labels {
    pub fn get(&self, label: Label) -> bool {
        let mut copy = *self;
        *copy.slot(label)
    }

    pub fn set(&mut self, label: Label, value: bool) {
        *self.slot(label) = value;
    }

    pub fn any(&self) -> bool {
        Label::ALL.into_iter().any(|label| self.get(label))
    }

    fn slot(&mut self, label: Label) -> &mut bool {
        match label {
            Label::NewRequest => &mut self.new_request,
            Label::StartBeforeEscrow => &mut self.start_before_escrow,
            Label::OffPlatformPayment => &mut self.off_platform_payment,
            Label::ContactExchange => &mut self.contact_exchange,
            Label::OffPlatformDelivery => &mut self.off_platform_delivery,
            Label::ContractPosted => &mut self.contract_posted,
            Label::EscrowClaimed => &mut self.escrow_claimed,
        }
    }
}

/// How sure detection is of `new_request`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Nothing to do.
    #[default]
    No,
    /// The owner is asked in the control room.
    Unsure,
    /// The room's mode applies.
    Certain,
}

/// What the request names; exact substrings of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub deliverable: Option<String>,
    pub quantity: Option<String>,
    pub amount: Option<String>,
    pub deadline: Option<String>,
}

/// Why a label was set: the rule and the words that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub label: Label,
    /// Id of the rule in the rule file.
    pub rule: String,
    /// The matched words of the body; empty when the rule speaks of the conversation.
    pub text: String,
    /// Half-open span of `text` in Unicode scalar values of the body.
    pub start: usize,
    pub end: usize,
}

/// What detection says of one message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub labels: Labels,
    /// Of `new_request`.
    pub tier: Tier,
    /// Of `new_request`, 0 to 1.
    pub confidence: f64,
    pub terms: Terms,
    pub reasons: Vec<Reason>,
}
