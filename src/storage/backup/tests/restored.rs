//! Stores out of backups.

use super::super::{backup, restore};
use super::*;
use crate::storage::{Database, Opened, Options};
use std::ops::ControlFlow;

fn stored(path: &Path) -> (u128, u64, Entries) {
    let opened = Opened::open(path, &Options::default()).unwrap();
    let mut entries = Entries::new();
    opened
        .contents
        .scan_between(b"", None, |key, value| {
            entries.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    (opened.contents.store_id(), opened.contents.seq(), entries)
}

#[test]
fn a_restored_store_holds_what_the_snapshot_did_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let [store, to, restored] = ["store", "backup", "restored"].map(|name| folder.path().join(name));
    let database: Database<u64> = Opened::open(&store, &Options::default()).unwrap().start(0).unwrap();
    let mut expected = entries(1, 300);
    expected.insert(b"long".to_vec(), vec![5; 100_000]);
    for (key, value) in &expected {
        let mut writer = database.begin().unwrap();
        writer.put(key.clone(), value.clone());
        writer.commit().unwrap().publish(0).unwrap();
    }
    let view = database.view();
    let mut writer = database.begin().unwrap();
    writer.put(b"later".to_vec(), b"not in the snapshot".to_vec());
    writer.delete(b"long".to_vec());
    writer.commit().unwrap().publish(0).unwrap();
    let scan = |visit: Visit<'_>| view.scan_from(b"", None, visit);
    let source =
        Source { store_id: 7, commit: view.seq(), until: &|| Ok(view.seq()), scan: &scan, keep: &|_| true };
    let report = backup(&source, &to, &BackupOptions::new(), OPENS, &|_| {}).unwrap();
    assert_eq!((report.commit, report.entries, report.damaged), (301, 301, 0));

    let told = restore(&to, &restored, &|_| {}, |_| Ok(())).unwrap();
    assert_eq!((told.commit, told.entries, told.bytes), (301, 301, report.bytes));
    let (id, seq, found) = stored(&restored);
    assert_eq!((seq, found == expected), (301, true));
    assert_ne!(id, 7);
    let database: Database<u64> = Opened::open(&restored, &Options::default()).unwrap().start(0).unwrap();
    let mut writer = database.begin().unwrap();
    writer.put(b"new".to_vec(), b"1".to_vec());
    let pending = writer.commit().unwrap();
    assert_eq!(pending.seq(), 302);
    pending.publish(0).unwrap();
    drop(database);
    assert_eq!(stored(&restored).1, 302);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}
