//! Few values in many buckets, and how to find them.

/// The value of a bucket, or that of nothing. Whether a bucket has one is a bit, and its row is how many bits stand before
/// it: 192 KiB for a million buckets, which stay in a near cache where a table of all buckets would not.
#[derive(Debug)]
pub(crate) struct Sparse<T> {
    /// A bit for each bucket.
    known: Vec<u64>,
    /// For each word of bits how many are set in the words before it.
    before: Vec<u32>,
    /// The first is that of all buckets without one.
    values: Vec<T>,
}

impl<T: Copy + Default> Sparse<T> {
    /// Values of some of `1 << bits` buckets. Of a bucket that is there twice the first counts.
    pub(crate) fn new(bits: u32, mut values: Vec<(u32, T)>) -> Self {
        values.sort_by_key(|(bucket, _)| *bucket);
        values.dedup_by_key(|(bucket, _)| *bucket);
        let mut known = vec![0_u64; 1 << (bits - u64::BITS.trailing_zeros())];
        for (bucket, _) in &values {
            known[(bucket / u64::BITS) as usize] |= 1 << (bucket % u64::BITS);
        }
        let mut before = Vec::with_capacity(known.len());
        let mut sum = 0;
        for word in &known {
            before.push(sum);
            sum += word.count_ones();
        }
        let nothing = std::iter::once(T::default());
        Self { known, before, values: nothing.chain(values.into_iter().map(|(_, value)| value)).collect() }
    }

    #[inline]
    pub(crate) fn get(&self, bucket: u32) -> &T {
        let (at, bit) = ((bucket / u64::BITS) as usize, bucket % u64::BITS);
        let word = self.known[at];
        let row = self.before[at] + (word & ((1 << bit) - 1)).count_ones() + 1;
        // Not a branch: nothing tells beforehand which buckets have values.
        let there = (word >> bit & 1) as u32;
        &self.values[(row * there) as usize]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let there = [(0, 7), (63, 1), (64, 2), (65, 3), (1023, 4), (64, 9)];
        let sparse = Sparse::new(10, there.to_vec());
        for bucket in 0..1024 {
            let value = there.iter().find(|(at, _)| *at == bucket).map_or(0, |(_, value)| *value);
            assert_eq!(*sparse.get(bucket), value, "{bucket}");
        }
        assert!(Sparse::<i16>::new(10, Vec::new()).is_empty() && !sparse.is_empty());
    }
}
