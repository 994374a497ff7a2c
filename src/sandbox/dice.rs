//! Repeatable randomness: the same seed gives the same tokens and the same misfortunes.

/// SplitMix64. Good enough to throw dice, useless as protection, which nothing here needs.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True with probability `p`; 0 is never, 1 is always.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        // 53 bits fill the mantissa of a float exactly.
        let unit = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < p
    }

    pub(crate) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.roll().to_be_bytes());
        }
        bytes
    }

    /// 32 hexadecimal digits, the look of an API token.
    pub(crate) fn hex_token(&mut self) -> String {
        format!("{:016x}{:016x}", self.roll(), self.roll())
    }
}
