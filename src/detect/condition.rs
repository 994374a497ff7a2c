//! Marks in places, and what a gate or a verdict asks of them.

/// Different marks that a rule set may have.
pub(crate) const MAX_MARKS: usize = 64 * WORDS;
const WORDS: usize = 6;

/// All of `all` (each a list of alternatives) and none of `none`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) all: Vec<Vec<Atom>>,
    pub(crate) none: Vec<Atom>,
}

/// A mark somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) place: Place,
    pub(crate) mark: u16,
}

/// Where a mark is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The sentence (or the message, for a verdict over messages).
    Here,
    /// The sentence, the one before and the one after.
    Near,
    Message,
    /// The message right before, whoever wrote it, or only if it is the worker's, the client's, another's.
    Prev,
    PrevWorker,
    PrevClient,
    PrevOther,
    /// Any message of the context.
    Context,
    ContextWorker,
    ContextClient,
}

impl Place {
    /// What was said before, as far as it is told apart.
    pub(crate) const EARLIER: [Self; 5] =
        [Self::PrevWorker, Self::PrevClient, Self::PrevOther, Self::ContextWorker, Self::ContextClient];
    pub(crate) const COUNT: usize = 10;
    pub(crate) const NAMES: [(&'static str, Self); 9] = [
        ("near.", Self::Near),
        ("msg.", Self::Message),
        ("prev.worker.", Self::PrevWorker),
        ("prev.client.", Self::PrevClient),
        ("prev.other.", Self::PrevOther),
        ("prev.", Self::Prev),
        ("ctx.worker.", Self::ContextWorker),
        ("ctx.client.", Self::ContextClient),
        ("ctx.", Self::Context),
    ];
}

/// A set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    pub(crate) fn set(&mut self, mark: u16) {
        self.0[usize::from(mark) / 64] |= 1 << (mark % 64);
    }

    pub(crate) fn has(&self, mark: u16) -> bool {
        self.0[usize::from(mark) / 64] >> (mark % 64) & 1 == 1
    }

    /// The marks that are set.
    pub(crate) fn marks(&self) -> impl Iterator<Item = u16> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let word = bits.iter().position(|word| *word != 0)?;
            let bit = bits[word].trailing_zeros();
            bits[word] &= bits[word] - 1;
            u16::try_from(word * 64).ok().zip(u16::try_from(bit).ok()).map(|(base, bit)| base + bit)
        })
    }

    /// The marks that are set here and not there.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine &= !theirs);
        rest
    }

    /// The marks that are set both here and there.
    pub(crate) fn both(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine &= theirs);
        rest
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }
}
