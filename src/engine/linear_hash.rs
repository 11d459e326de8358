//! Linear hashing (Litwin, VLDB 1980): as many buckets as a total asks for, one more at a time, each new one
//! split off from one that was there. So a hash table kept under keys grows without ever being made anew.

/// Buckets for `total` entries at `load` to a bucket; at least one.
pub(super) fn bucket_count(total: u64, load: u64) -> u32 {
    u32::try_from(total.div_ceil(load)).unwrap_or(u32::MAX).max(1)
}

/// The bucket of a hash among `buckets`: by as many bits as there are, less one where that bucket is not
/// split off yet.
pub(super) fn bucket_of(hash: u64, buckets: u32) -> u32 {
    let mask = u64::from(buckets).next_power_of_two() - 1;
    let at = hash & mask;
    if at < u64::from(buckets) { at as u32 } else { split_from(at as u32) }
}

/// The bucket that a bucket, not the first, was split off from.
pub(super) fn split_from(bucket: u32) -> u32 {
    bucket - (1 << bucket.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_more_bucket_takes_only_from_the_one_it_splits_from(hash: u64, buckets in 1_u32..5000) {
            let (before, after) = (bucket_of(hash, buckets), bucket_of(hash, buckets + 1));
            prop_assert!(before < buckets);
            if before != after {
                prop_assert_eq!((after, before), (buckets, split_from(buckets)));
            }
        }
    }

    #[test]
    fn buckets_follow_the_total() {
        assert_eq!([0, 1, 32, 33, 64, 65].map(|total| bucket_count(total, 32)), [1, 1, 1, 2, 2, 3]);
        assert_eq!(bucket_count(u64::MAX, 1), u32::MAX);
    }
}
