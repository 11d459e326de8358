//! Settings that are missing altogether, as in a store restored from a backup of a damaged one; and where repairs may not go.

use super::tamper::{copy, entries, flip, hex, with_tree};
use super::{Sample, verify};
use kindred::{BackupOptions, Error, Store, VerifyOptions};
use std::sync::atomic::AtomicBool;

#[test]
fn a_store_without_its_settings_is_refused_and_repaired() {
    let sample = Sample::embedded();
    // The marks go with their salt.
    for (name, records, lost) in [("settings", 0, 1), ("counters", 0, 0), ("salt", 1, 1)] {
        let key = [b"M", name.as_bytes()].concat();
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy_data(folder.path());
        let [before, backup, restored] =
            ["before", "backup", "restored"].map(|name| folder.path().join(name));
        let back_up = |to| Store::backup_closed(&path, to, &BackupOptions::new(), &|_| {});
        assert_eq!(back_up(&before).unwrap().cannot_open, None, "{name}");
        flip(&path, std::slice::from_ref(&key), 60);
        let report = back_up(&backup).unwrap();
        assert_eq!((report.damaged, report.cannot_open.is_some()), (1, true), "{name}");
        // What can be opened is not given for what cannot.
        let error = back_up(&before).unwrap_err();
        assert!(
            matches!(&error, Error::Damaged { reason, .. } if reason.contains("is kept")),
            "{name}: {error}"
        );
        Store::restore(&before, &restored).unwrap();
        assert!(sample.options.open(&restored).is_ok(), "{name}");
        std::fs::remove_dir_all(&restored).unwrap();
        Store::restore(&backup, &restored).unwrap();
        let error = sample.options.open(&restored).err().unwrap();
        assert!(matches!(error, Error::Damaged { .. }), "{name}: {error}");
        let problems = verify(&restored).problems;
        assert!(problems.iter().any(|problem| problem.key == Some(hex(&key))), "{name}: {problems:?}");
        let (report, known, _) = sample.repair(&restored, name);
        let lacks = sample.known.records.difference(&known.records).count();
        assert_eq!((lacks, report.lost), (records, lost), "{name}");
    }
}

#[test]
fn lost_keys_are_named_and_made_anew_where_they_are_derived() {
    let sample = Sample::embedded();
    for tag in *b"abeitusScnvxgfUIG" {
        let key = sample.keys.iter().find(|key| key[0] == tag).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy_data(folder.path());
        with_tree(&path, |tree| drop(tree.remove(key).unwrap().unwrap()));
        let what = format!("without {}", hex(key));
        let verified = verify(&path);
        // Also a factor: one that is not there is taken for never learned, but sums were made with it.
        assert!(verified.found > 0, "{what}");
        let (report, known, _) = sample.repair(&path, &what);
        let lacks: Vec<_> = sample.known.records.difference(&known.records).collect();
        let expected = usize::from(matches!(tag, b'a' | b'e' | b't' | b'U' | b'I'));
        // A bucket of an archive has many entries.
        let lacking = if tag == b'a' { lacks.len().min(1) } else { lacks.len() };
        assert_eq!(lacking, expected, "{what}: {lacks:?}");
        assert_eq!(report.lost, expected as u64, "{what}: {:?}", report.losses);
    }
}

#[test]
fn a_repair_goes_into_a_new_folder_and_changes_no_value_of_the_old() {
    let sample = Sample::vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = sample.copy(folder.path());
    let before = entries(&path);
    let refused = |to: &std::path::Path| sample.options.repair(&path, to, &|_| {}).unwrap_err();
    assert!(matches!(refused(&path), Error::Invalid { .. }));
    assert!(matches!(refused(&path.join("inside")), Error::Invalid { .. }));
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("file"), "mine").unwrap();
    assert!(matches!(refused(&taken), Error::Invalid { .. }));
    let nowhere = folder.path().join("nowhere");
    let error = Store::repair(&nowhere, folder.path().join("new")).unwrap_err();
    assert!(matches!(error, Error::NotAStore { .. }), "{error}");
    let open = sample.options.open(&path).unwrap();
    assert!(matches!(refused(&folder.path().join("new")), Error::Locked { .. }));
    drop(open);
    // The settings say another dimension: nothing is left behind of what was begun.
    let error = Store::options().dim(4).repair(&path, folder.path().join("new"), &|_| {}).unwrap_err();
    assert!(matches!(error, Error::OptionMismatch { .. }), "{error}");
    sample.repair(&path, "a sound store");
    assert_eq!(entries(&path), before);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["store", "store.new", "taken"]);
}

#[test]
fn what_tells_what_store_it_is_is_made_anew_where_the_log_is_whole() {
    let sample = Sample::vectors();
    for key in sample.keys.iter().filter(|key| key.starts_with(&[0xFF, 0xFF])) {
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy(folder.path());
        // Behind the format's number and the frame's version.
        flip(&path, std::slice::from_ref(key), 100);
        let whole = folder.path().join("whole");
        copy(&path, &whole);
        sample.repair(&whole, "as long as the log is whole");
        let log = std::fs::read_dir(path.join("log")).unwrap().map(|entry| entry.unwrap().path());
        std::fs::remove_file(log.min().unwrap()).unwrap();
        let error = Store::repair(&path, folder.path().join("new")).unwrap_err();
        assert!(matches!(&error, Error::Damaged { place, .. } if place.contains(&hex(key))), "{error}");
        assert!(!folder.path().join("new").exists());
    }
}

#[test]
fn of_very_many_problems_a_thousand_are_listed_and_all_are_counted() {
    let sample = Sample::new(crate::fixture::vector_options(2), |store| {
        let put = |n: u16| (format!("u{n}"), vec![f32::from(n), 1.0]);
        let all = || (0..1_200).map(put);
        store.write(|tx| all().try_for_each(|(user, vector)| tx.put_vector(&user, vector))).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let path = sample.copy_data(folder.path());
    let vectors: Vec<Vec<u8>> = sample.keys.iter().filter(|key| key[0] == b'V').cloned().collect();
    flip(&path, &vectors, 55);
    let report = verify(&path);
    assert_eq!((report.found, report.problems.len()), (1_200, 1_000));
    let (report, known, store) = sample.repair(&path, "all vectors damaged");
    assert_eq!((report.lost, report.losses.len(), report.users), (1_200, 1_000, 1_200));
    assert_eq!((known.records.len(), store.snapshot().stats().unwrap().vectors), (1_200, 0));
}

#[test]
fn a_verify_that_is_cancelled_says_so() {
    let sample = Sample::vectors();
    let (store, options) = (sample.options.open(&sample.place.path).unwrap(), VerifyOptions::new());
    let report = store.verify_with(&options, &|_| {}, &AtomicBool::new(true)).unwrap();
    assert!(!report.finished && !report.is_sound() && report.found == 0, "{report:?}");
    let report = store.verify_with(&options.quick(true), &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(report.is_sound() && report.entries < 6, "{report:?}");
}
