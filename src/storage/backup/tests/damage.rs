//! Flipped bits, cut and missing files, manifests that lie, and values that are damaged in the store.

use super::super::chunk::{Cutter, Named};
use super::super::files::chunk_name;
use super::super::manifest::Manifest;
use super::super::{backup, restore};
use super::*;
use crate::error::Error;
use crate::storage::disk::{Disk, SystemDisk};
use crate::storage::log::file::FORMAT;
use crate::storage::memory::MemoryBackend;
use crate::storage::{Contents, Database, Opened, Options};
use std::cell::Cell;
use std::sync::Arc;

/// A backup of a few bytes in more than one chunk.
fn small(folder: &Path) -> Entries {
    let entries: Entries = (b'a'..b'm').map(|n| (vec![n], vec![n; 3])).collect();
    let cut = Cut { least: 50, mean: 50, most: 90 };
    let report = Made { cut, ..Made::default() }.of(&entries, folder).unwrap();
    assert!((2..5).contains(&report.chunks), "{report:?}");
    entries
}

fn is_refused(folder: &Path) -> bool {
    matches!(contents(folder), Err(Error::Damaged { .. } | Error::Format { .. }))
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let expected = small(folder.path());
    for (name, sound) in files(folder.path()) {
        let path = folder.path().join(&name);
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert!(is_refused(folder.path()), "bit {bit} of {name}");
        }
        for len in 0..sound.len() {
            fs::write(&path, &sound[..len]).unwrap();
            assert!(is_refused(folder.path()), "{len} bytes of {name}");
        }
        fs::write(&path, [&sound[..], b"\0"].concat()).unwrap();
        assert!(is_refused(folder.path()), "one byte more of {name}");
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(contents(folder.path()).unwrap(), expected);
}

#[test]
fn a_chunk_that_is_missing_another_or_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let names: Vec<_> = files(folder.path()).into_keys().filter(|name| name != "MANIFEST").collect();
    let path = folder.path().join(&names[0]);
    let refused = || {
        let error = contents(folder.path()).unwrap_err();
        assert!(matches!(&error, Error::Damaged { place, .. } if place.contains(&names[0])), "{error}");
    };
    let sound = fs::read(&path).unwrap();
    fs::copy(folder.path().join(&names[1]), &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    refused();
    fs::create_dir(&path).unwrap();
    refused();
    fs::remove_dir(&path).unwrap();
    fs::write(&path, sound).unwrap();
    contents(folder.path()).unwrap();
}

/// Manifests whose checksum is right, as only an attacker makes them.
#[test]
fn a_manifest_that_lies_is_refused_before_memory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let path = folder.path().join("MANIFEST");
    let honest = Manifest::decode("test", &fs::read(&path).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = honest.clone();
        change(&mut manifest);
        fs::write(&path, manifest.encode()).unwrap();
        assert!(is_refused(folder.path()));
    };
    refused(&|manifest| manifest.commit = u64::MAX);
    refused(&|manifest| manifest.entries += 1);
    refused(&|manifest| manifest.chunks.swap(0, 1));
    refused(&|manifest| manifest.chunks[0].len = u64::MAX);
    refused(&|manifest| manifest.chunks[0].hash = [0; 32]);
    refused(&|manifest| manifest.chunks[0].first.push(0));
    refused(&|manifest| manifest.chunks[1].first.clear());
    refused(&|manifest| {
        manifest.chunks[0].entries -= 1;
        manifest.chunks[1].entries += 1;
    });
    refused(&|manifest| {
        let gone = manifest.chunks.remove(0);
        manifest.chunks[0].entries += gone.entries;
    });
    // The number of chunks alone.
    let mut bytes = honest.encode();
    bytes.truncate(bytes.len() - 32);
    bytes[72..76].copy_from_slice(&u32::MAX.to_le_bytes());
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(is_refused(folder.path()));
}

#[test]
fn chunks_whose_keys_overlap_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut chunks: Vec<Named> = Vec::new();
    for keys in [[b"a", b"m"], [b"c", b"z"]] {
        let mut cutter = Cutter::new(CUT);
        keys.iter().for_each(|key| assert!(cutter.push(*key, b"1").is_none()));
        let chunk = cutter.finish().unwrap();
        fs::write(folder.path().join(chunk_name(&chunk.named.hash)), &chunk.bytes).unwrap();
        chunks.push(chunk.named);
    }
    let manifest =
        Manifest { store_id: 1, commit: 1, until: 1, time: Time::default(), entries: 4, damaged: 0, chunks };
    fs::write(folder.path().join("MANIFEST"), manifest.encode()).unwrap();
    assert!(is_refused(folder.path()));
}

#[test]
fn newer_formats_are_told_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let path = folder.path().join("MANIFEST");
    let honest = fs::read(&path).unwrap();
    for (at, known) in [(8, 2), (12, FORMAT)] {
        let mut bytes = honest.clone();
        bytes[at] = known as u8 + 1;
        bytes.truncate(bytes.len() - 32);
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        fs::write(&path, bytes).unwrap();
        let error = contents(folder.path()).unwrap_err();
        let told = matches!(error, Error::Format { found, newest } if (found, newest) == (known + 1, known));
        assert!(told, "{error}");
        let again = Made::default().of(&Entries::new(), folder.path());
        assert!(matches!(again, Err(Error::Format { .. })), "it is not written over either");
    }
}

#[test]
fn a_backup_with_a_damaged_manifest_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    fs::write(folder.path().join("MANIFEST"), "?").unwrap();
    let before = files(folder.path());
    assert!(matches!(Made::default().of(&Entries::new(), folder.path()), Err(Error::Damaged { .. })));
    assert_eq!(files(folder.path()), before);
}

#[test]
fn values_that_are_damaged_in_the_store_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let [store, to, restored] = ["store", "backup", "restored"].map(|name| folder.path().join(name));
    let backend = Arc::new(MemoryBackend::default());
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    let options = Options { heal: false, ..Options::default() };
    let opened = Opened::open_over(&store, &options, &disk, &(backend.clone() as _));
    let opened = opened.unwrap();
    let database: Database<u64> = opened.start(0).unwrap();
    let mut writer = database.begin().unwrap();
    (0..250_u8).for_each(|n| writer.put(vec![b'k', n], vec![n; 40]));
    writer.commit().unwrap().publish(0).unwrap();
    database.checkpoint().unwrap();
    (50..200_u8).for_each(|n| backend.tamper(&[b'k', n], |bytes| bytes[10] ^= 1));
    let view = database.view();
    let scan = |visit: Visit<'_>| view.scan_from(b"", None, visit);
    let source =
        Source { store_id: 7, commit: view.seq(), until: &|| Ok(view.seq()), scan: &scan, keep: &|_| true };
    let report = backup(&source, &to, &BackupOptions::new(), OPENS, &|_| {}).unwrap();
    assert_eq!((report.entries, report.damaged, report.damaged_values.len()), (100, 150, 100));
    assert!(report.damaged_values[0].contains("6b32"), "{}", report.damaged_values[0]);
    let expected: Entries = (0..50).chain(200..250).map(|n: u8| (vec![b'k', n], vec![n; 40])).collect();
    assert_eq!(contents(&to).unwrap(), expected);
    assert_eq!(restore(&to, &restored, &|_| {}, |_| Ok(())).unwrap().damaged, 150);
}

#[test]
fn a_store_that_cannot_be_read_just_now_leaves_the_backup_before() {
    let folder = tempfile::tempdir().unwrap();
    let entries = small(folder.path());
    let scan = |visit: Visit<'_>| {
        assert!(visit(b"a", Ok(vec![1]))?.is_continue());
        Err(Error::Storage { action: "read", reason: "the disk is away".into() })
    };
    let source = Source { store_id: 7, commit: 2, until: &|| Ok(2), scan: &scan, keep: &|_| true };
    let error = backup(&source, folder.path(), &BackupOptions::new(), OPENS, &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error}");
    assert_eq!(contents(folder.path()).unwrap(), entries);
}

#[test]
fn a_backup_that_cannot_be_opened_counts_only_where_there_is_none_before() {
    let folder = tempfile::tempdir().unwrap();
    let [to, other] = ["backup", "other"].map(|name| folder.path().join(name));
    let entries = small(&to);
    let more: Entries =
        entries.iter().map(|(key, value)| (key.clone(), [&value[..], b"+"].concat())).collect();
    let made = Made { commit: 2, ..Made::default() };
    let seen = Cell::new(0);
    // What it looks at is what was written, and no older file.
    let missing = |contents: &Contents| {
        seen.set(seen.get() + 1);
        assert_eq!((contents.store_id(), contents.seq()), (7, 2));
        assert!(more.iter().all(|(key, value)| contents.get(key).unwrap().as_ref() == Some(value)));
        Err(Error::damaged("the settings", "nothing is there"))
    };
    let error = made.checked(&more, &to, &missing).unwrap_err();
    assert!(matches!(&error, Error::Damaged { place, .. } if place == "the settings"), "{error}");
    assert!(error.to_string().contains("the one before is kept"), "{error}");
    assert_eq!(contents(&to).unwrap(), entries);
    let report = made.checked(&more, &other, &missing).unwrap();
    assert_eq!(report.cannot_open.as_deref(), Some("the settings: nothing is there"));
    assert_eq!((contents(&other).unwrap(), seen.get()), (more.clone(), 2));

    let away = |_: &Contents| Err(Error::Storage { action: "read", reason: "the disk is away".into() });
    let third = folder.path().join("third");
    assert!(matches!(made.checked(&more, &third, &away), Err(Error::Storage { .. })));
    assert!(matches!(contents(&third), Err(Error::NotABackup { .. })));
    assert_eq!(made.checked(&more, &third, OPENS).unwrap().cannot_open, None);
}

#[test]
fn a_check_that_fails_leaves_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let [to, restored] = ["backup", "restored"].map(|name| folder.path().join(name));
    small(&to);
    let failed = restore(&to, &restored, &|_| {}, |_| Err(Error::damaged("settings", "not what they were")));
    assert!(matches!(failed, Err(Error::Damaged { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
