//! Stored bytes, changed behind the store's back.

use std::path::{Path, PathBuf};

/// A copy of a closed store.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The folder of the data, which has a number behind its name once it was written anew.
fn data(store: &Path) -> PathBuf {
    let folders = std::fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let is_data =
        |path: &PathBuf| path.is_dir() && path.file_name().unwrap().to_string_lossy().starts_with("data");
    folders.into_iter().find(is_data).unwrap()
}

/// Takes what the data of a closed store could be made anew of: the second copy, and the log before the newest file.
pub fn forget(store: &Path) {
    let _ = std::fs::remove_dir_all(store.join("base"));
    for path in std::fs::read_dir(store.join("log")).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "kept") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Runs `f` on the tree of a closed store.
pub fn with_tree<T>(store: &Path, f: impl FnOnce(&sled::Tree) -> T) -> T {
    let config = sled::Config::new().path(data(store)).mode(sled::Mode::HighThroughput).flush_every_ms(None);
    // A handle that was dropped holds sled's lock for a moment yet.
    let open = || config.open().ok();
    let db = (0..1000).find_map(|_| {
        open().or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            None
        })
    });
    let db = db.unwrap();
    let result = f(&db);
    db.flush().unwrap();
    result
}

/// All stored keys with their values.
pub fn entries(store: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    with_tree(store, |tree| {
        tree.iter().map(|entry| entry.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    })
}

/// Flips a bit of what is stored under each of some keys: which, `choice` decides.
pub fn flip(store: &Path, keys: &[Vec<u8>], choice: u64) {
    with_tree(store, |tree| {
        for key in keys {
            let mut value = tree.get(key).unwrap().unwrap().to_vec();
            let bit = choice as usize % (value.len() * 8);
            value[bit / 8] ^= 1 << (bit % 8);
            tree.insert(key, value).unwrap();
        }
    });
}

/// The key that a stored key's value belongs to: itself, or that of the value which it is a part of.
pub fn owner(key: &[u8]) -> &[u8] {
    if key[0] == 0xFF { &key[1..key.len() - 2] } else { key }
}

/// Whether it is one of the keys that tell what store it is: without them it does not open at all.
pub fn is_reserved(key: &[u8]) -> bool {
    key.starts_with(&[0xFF, 0xFF])
}

pub fn hex(key: &[u8]) -> String {
    key.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
