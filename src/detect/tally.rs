//! Right, false and missed: what is counted of a question, and the shares that follow.

/// Counts of one yes-or-no question over a corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub right: usize,
    pub false_alarms: usize,
    pub missed: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, truth: bool, said: bool) {
        self.right += usize::from(truth && said);
        self.false_alarms += usize::from(!truth && said);
        self.missed += usize::from(truth && !said);
    }

    /// What came on top of `before` until `after`.
    pub(crate) fn add_since(&mut self, before: Self, after: Self) {
        self.right += after.right - before.right;
        self.false_alarms += after.false_alarms - before.false_alarms;
        self.missed += after.missed - before.missed;
    }

    /// Share of the alarms that were right; 1 without any alarm.
    pub fn precision(&self) -> f64 {
        share(self.right, self.right + self.false_alarms)
    }

    /// Share of the true ones that were found; 1 without any true one.
    pub fn recall(&self) -> f64 {
        share(self.right, self.right + self.missed)
    }

    /// The harmonic mean of both.
    pub fn f1(&self) -> f64 {
        share(2 * self.right, 2 * self.right + self.false_alarms + self.missed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a corpus are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}
