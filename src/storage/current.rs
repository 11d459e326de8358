//! Which folder holds the data: the first is `data`; each one that replaces it has the next number, and is named in the
//! file `CURRENT`, in one step, once it is whole.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::folder::{self, CURRENT_FILE, DATA_FOLDER};
use crate::error::{Error, Result};

/// Behind the name of `CURRENT` while it is written.
const UNFINISHED: &str = "unfinished";
/// Before the name of a data folder that was set aside, since it was damaged.
const SET_ASIDE: &str = "damaged-";
/// Longest `CURRENT` that is read, in bytes.
const LONGEST: usize = 64;

/// The number in a data folder's name; `None` for all other names.
pub(crate) fn number(name: &str) -> Option<u64> {
    match name.strip_prefix(DATA_FOLDER)? {
        "" => Some(0),
        rest => {
            let number = rest.strip_prefix('-')?;
            let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
            if plain { number.parse().ok() } else { None }
        }
    }
}

/// The data folder of a number.
pub(crate) fn path(store: &Path, number: u64) -> PathBuf {
    match number {
        0 => store.join(DATA_FOLDER),
        _ => store.join(format!("{DATA_FOLDER}-{number}")),
    }
}

/// The number of the folder that holds the data; 0 where `CURRENT` was never written.
///
/// # Errors
/// [`Error::Damaged`] where the file is not what was written; [`Error::Io`].
pub(crate) fn read(store: &Path) -> Result<u64> {
    let path = store.join(CURRENT_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let found = std::str::from_utf8(&bytes).ok().filter(|text| text.len() <= LONGEST).and_then(parse);
    found.ok_or_else(|| Error::damaged(path.display().to_string(), "it does not name a data folder"))
}

/// A number that no data folder of the store has.
pub(crate) fn next(store: &Path) -> Result<u64> {
    let mut last = 0;
    for path in folder::list(store)? {
        let found = path.file_name().and_then(|name| number(name.to_str()?));
        last = last.max(found.unwrap_or(0));
    }
    Ok(last + 1)
}

/// Sets aside the data folders of some numbers, in the place of what was set aside before.
pub(crate) fn set_aside(store: &Path, which: impl Fn(u64) -> bool) -> Result<()> {
    remove_set_aside(store)?;
    for path in folder::list(store)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if number(name).is_some_and(&which) {
            let aside = store.join(format!("{SET_ASIDE}{name}"));
            fs::rename(&path, aside).map_err(|e| Error::io("rename", &path, e))?;
        }
    }
    folder::sync_folder(store)
}

/// Removes what was set aside.
pub(crate) fn remove_set_aside(store: &Path) -> Result<()> {
    let is_set_aside = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()?.strip_prefix(SET_ASIDE));
        name.is_some_and(|name| number(name).is_some())
    };
    folder::list(store)?
        .iter()
        .filter(|path| is_set_aside(path))
        .try_for_each(|path| folder::remove_all(path))
}

/// Writes down, aside, that the folder of a number is to be the current one. Nothing has changed yet.
pub(crate) fn stage(store: &Path, number: u64) -> Result<()> {
    let unfinished = unfinished(store);
    let io = |action| {
        let path = unfinished.clone();
        move |e| Error::io(action, path, e)
    };
    let mut file = folder::create_file(&unfinished).map_err(io("create"))?;
    file.write_all(text(number).as_bytes()).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))
}

/// Puts what was staged in force, for good when this returns.
///
/// # Errors
/// Which folder the next open takes is open.
pub(crate) fn install(store: &Path) -> Result<()> {
    let path = store.join(CURRENT_FILE);
    fs::rename(unfinished(store), &path).map_err(|e| Error::io("rename", &path, e))?;
    folder::sync_folder(store)
}

fn unfinished(store: &Path) -> PathBuf {
    store.join(CURRENT_FILE).with_extension(UNFINISHED)
}

/// Removes data folders that are not the current one, which a crash may have left. What stays is tried again at the next
/// open. Only for a store that is known to be whole: what a lost `CURRENT` named must not be removed.
pub(crate) fn remove_others(store: &Path) -> Result<()> {
    let current = read(store)?;
    for entry in folder::list(store)? {
        let number = entry.file_name().and_then(|name| number(name.to_str()?));
        if number.is_some_and(|number| number != current) {
            remove(&entry);
        }
    }
    match fs::remove_file(unfinished(store)) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", unfinished(store), e)),
        _ => Ok(()),
    }
}

/// Removes a data folder that nobody needs.
pub(crate) fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a data folder that is not used any more stays");
    }
}

/// What names the folder of a number.
pub(super) fn text(number: u64) -> String {
    let name = path(Path::new(""), number).display().to_string();
    format!("{name} {:08x}\n", crc32fast::hash(name.as_bytes()))
}

/// The number of the folder that a text names, where it is one that was written.
pub(super) fn parse(found: &str) -> Option<u64> {
    let number = number(found.split_once(' ')?.0)?;
    (text(number) == found).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_damage() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(read(store.path()).unwrap(), 0);
        for number in [1, 0, 12, u64::MAX] {
            stage(store.path(), number).unwrap();
            install(store.path()).unwrap();
            assert_eq!(read(store.path()).unwrap(), number);
        }
        let file = store.path().join(CURRENT_FILE);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            for bytes in [whole[..at].to_vec(), [&whole[..at], &[whole[at] ^ 1], &whole[at + 1..]].concat()] {
                fs::write(&file, bytes).unwrap();
                assert!(matches!(read(store.path()), Err(Error::Damaged { .. })), "byte {at}");
            }
        }
    }

    #[test]
    fn names_of_data_folders_are_told_from_others() {
        for (name, expected) in [("data", Some(0)), ("data-1", Some(1)), ("data-20", Some(20))] {
            assert_eq!(number(name), expected);
            assert_eq!(path(Path::new(""), expected.unwrap()), Path::new(name));
        }
        for name in [
            "data-",
            "data-0",
            "data-01",
            "data-+1",
            "data-1x",
            "database",
            "Data",
            "",
            "data-99999999999999999999",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn only_other_data_folders_are_removed() {
        let store = tempfile::tempdir().unwrap();
        for name in ["data", "data-1", "data-2", "data-x", "log"] {
            fs::create_dir(store.path().join(name)).unwrap();
        }
        stage(store.path(), 1).and_then(|()| install(store.path())).unwrap();
        remove_others(store.path()).unwrap();
        let left: Vec<_> = folder::list(store.path())
            .unwrap()
            .into_iter()
            .map(|p| p.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(left, ["CURRENT", "data-1", "data-x", "log"]);
    }
}
