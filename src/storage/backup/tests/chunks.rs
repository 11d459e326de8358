//! Where chunks end, and what a change makes anew.

use super::super::chunk::{self, Cutter};
use super::*;
use crate::error::Error;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The chunks of a map.
fn cut(entries: &Entries, cut: Cut) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::new(cut);
    let mut chunks: Vec<_> = entries.iter().filter_map(|(key, value)| cutter.push(key, value)).collect();
    chunks.extend(cutter.finish());
    chunks.into_iter().map(|chunk| chunk.bytes).collect()
}

/// How many of the chunks of `after` are not among those of `before`.
fn made_anew(before: &Entries, after: &Entries) -> usize {
    let before: BTreeSet<_> = cut(before, CUT).into_iter().collect();
    cut(after, CUT).iter().filter(|chunk| !before.contains(*chunk)).count()
}

#[test]
fn chunks_are_as_long_as_they_should_be_and_hold_everything_in_order() {
    let entries = entries(3, 20_000);
    let chunks = cut(&entries, CUT);
    let longest = entries.iter().map(|(key, value)| key.len() + value.len() + 6).max().unwrap();
    let mut found = Vec::new();
    for (at, bytes) in chunks.iter().enumerate() {
        assert!(bytes.len() < CUT.most + longest);
        assert!(bytes.len() >= CUT.least || at + 1 == chunks.len());
        chunk::entries("test", bytes, |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            Ok(())
        })
        .unwrap();
    }
    assert_eq!(found, entries.into_iter().collect::<Vec<_>>());
    let mean = chunks.iter().map(Vec::len).sum::<usize>() / chunks.len();
    assert!((CUT.mean..CUT.least + CUT.mean + CUT.mean / 2).contains(&mean), "{mean}");
}

#[test]
fn chunks_of_long_values_are_as_long_as_those_of_short_ones() {
    let mean = |len: usize| {
        let entries: Entries = (0..40_000 / len as u64).map(|n| (entry(5, n).0, vec![7; len])).collect();
        let cut_at = Cut { least: 2560, mean: 7680, most: 40_960 };
        let many: Entries = entries
            .iter()
            .flat_map(|(key, value)| (0..100_u8).map(|n| ([&key[..], &[n]].concat(), value.clone())))
            .collect();
        let chunks = cut(&many, cut_at);
        chunks.iter().map(Vec::len).sum::<usize>() / chunks.len()
    };
    for len in [8, 100, 1000] {
        assert!((7000..13_000).contains(&mean(len)), "{} for values of {len} bytes", mean(len));
    }
}

#[test]
fn one_change_among_many_makes_few_chunks_anew() {
    let entries = entries(8, 20_000);
    let all = cut(&entries, CUT).len();
    assert!(all > 1000);
    let (mut most, mut sum) = (0, 0);
    for n in 0..60 {
        let mut changed = entries.clone();
        let key = entries.keys().nth(n * 331).unwrap().clone();
        match n % 3 {
            0 => drop(changed.remove(&key)),
            1 => drop(changed.insert([&key[..], b"x"].concat(), vec![1; 50])),
            _ => drop(changed.insert(key, vec![2; n * 11])),
        }
        let anew = made_anew(&entries, &changed);
        most = most.max(anew);
        sum += anew;
    }
    assert!(most <= 12 && sum <= 60 * 3, "of {all} chunks {most} at most, {sum} in 60 changes");
}

#[test]
fn a_value_changed_in_place_makes_its_own_chunk_anew() {
    let before = entries(9, 5000);
    let mut after = before.clone();
    after.values_mut().nth(2500).unwrap()[0] ^= 1;
    assert_eq!(made_anew(&before, &after), 1);
}

#[test]
fn entries_that_could_not_be_stored_are_damage() {
    let header = &cut(&[(b"a".to_vec(), vec![])].into(), CUT)[0][..12];
    let entry = |key: &[u8], value: &[u8]| {
        let mut bytes = (key.len() as u16).to_le_bytes().to_vec();
        bytes.extend((value.len() as u32).to_le_bytes());
        [&bytes[..], key, value].concat()
    };
    let read = |entries: &[u8]| chunk::entries("test", &[header, entries].concat(), |_, _| Ok(()));
    assert_eq!(read(&entry(b"a", b"")).unwrap(), 1);
    assert_eq!(read(&entry(&[7; 512], b"")).unwrap(), 1);
    let twice = [entry(b"b", b"1"), entry(b"b", b"2")].concat();
    let back = [entry(b"b", b"1"), entry(b"a", b"2")].concat();
    let long = [6_u8, 0, 0xff, 0xff, 0xff, 0xff, b'a'];
    for bytes in [&entry(b"", b"x"), &entry(&[7; 513], b""), &entry(b"\xFFa", b""), &twice, &back, &long[..]]
    {
        assert!(matches!(read(bytes), Err(Error::Damaged { .. })), "{bytes:?}");
    }
    let newer = [&header[..8], &[2, 0, 0, 0]].concat();
    let error = chunk::entries("test", &newer, |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Format { found: 2, newest: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changes_make_a_few_chunks_each_anew(
        seed in any::<u64>(),
        changes in prop::collection::vec((0_u64..3000, any::<bool>(), 0_usize..300), 0..6),
    ) {
        let before = entries(seed, 3000);
        let mut after = before.clone();
        for (n, removes, len) in &changes {
            let key = entry(seed, *n).0;
            if *removes { after.remove(&key); } else { after.insert([&key[..], b"+"].concat(), vec![3; *len]); }
        }
        let anew = made_anew(&before, &after);
        prop_assert!(anew <= 12 * changes.len(), "{} for {} changes", anew, changes.len());
    }

    #[test]
    fn the_same_content_gives_the_same_files_whatever_was_before(
        seeds in prop::collection::vec((0_u64..3, 0_u64..200), 1..5),
        last in (0_u64..3, 0_u64..200),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for (seed, count) in seeds {
            Made::default().of(&entries(seed, count), &old).unwrap();
        }
        let wanted = entries(last.0, last.1);
        let over = Made::default().of(&wanted, &old).unwrap();
        let afresh = Made::default().of(&wanted, &new).unwrap();
        prop_assert_eq!(files(&old), files(&new));
        prop_assert_eq!((over.chunks, over.bytes, over.entries), (afresh.chunks, afresh.bytes, afresh.entries));
        prop_assert_eq!(contents(&old).unwrap(), wanted);
    }
}
