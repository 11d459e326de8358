//! A backup that ends at any step, and a disk that keeps of it only what it must.

use super::*;
use std::cell::RefCell;
use std::io;
use std::path::PathBuf;

/// What a disk may lose when the machine stops: files that were not synced, and names since the folder last was.
#[derive(Default)]
struct Disk {
    steps_left: usize,
    /// Unfinished files with the bytes that are on disk for certain: none.
    unsynced: Vec<PathBuf>,
    /// Files that got another content under their name since the folder was synced, with the one before.
    renamed: Vec<(PathBuf, Option<Vec<u8>>)>,
    removed: Vec<(PathBuf, Vec<u8>)>,
}

impl Disk {
    fn step(&mut self, verb: &str, path: &Path) -> io::Result<()> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
        match verb {
            "write" => self.unsynced.push(path.to_owned()),
            "sync" if path.is_dir() => (self.renamed, self.removed) = Default::default(),
            "sync" => self.unsynced.retain(|unsynced| unsynced != path),
            "rename" => {
                let unfinished = path.with_extension("unfinished");
                // Under its own name it is as little on disk as it was before.
                self.unsynced.iter_mut().filter(|p| **p == unfinished).for_each(|p| path.clone_into(p));
                self.renamed.push((path.to_owned(), fs::read(path).ok()));
            }
            "remove" => self.removed.extend(fs::read(path).ok().map(|bytes| (path.to_owned(), bytes))),
            other => panic!("an unknown step: {other}"),
        }
        Ok(())
    }

    /// What a process that was killed leaves, and a machine that stopped: everything as late or as early as may be.
    fn stop(self, loses_data: bool, loses_names: bool, undoes_removals: bool) {
        if loses_data {
            self.unsynced.iter().filter(|path| path.exists()).for_each(|path| fs::write(path, b"").unwrap());
        }
        if loses_names {
            for (path, before) in self.renamed.into_iter().rev() {
                match before {
                    Some(bytes) => fs::write(path, bytes).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            }
        }
        if undoes_removals {
            self.removed.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        }
    }
}

/// Makes the backup of `after` over one of `before`, stopped after `steps`; returns whether it came to its end.
fn stopped(folder: &Path, before: Option<&Entries>, after: &Entries, steps: usize, losses: u8) -> bool {
    if let Some(before) = before {
        Made::default().of(before, folder).unwrap();
    }
    let disk = RefCell::new(Disk { steps_left: steps, ..Disk::default() });
    let watch = |verb: &'static str, path: &Path| disk.borrow_mut().step(verb, path);
    let done = Made { commit: 2, watch: &watch, ..Made::default() }.of(after, folder).is_ok();
    disk.into_inner().stop(losses & 1 > 0, losses & 2 > 0, losses & 4 > 0);
    done
}

#[test]
fn whenever_it_ends_the_backup_before_or_the_new_one_is_whole() {
    let before = entries(1, 48);
    let mut after = before.clone();
    after.retain(|key, _| key[1] % 8 != 3);
    after.extend(entries(2, 9));
    for start in [Some(&before), None] {
        for losses in [0, 1, 2, 7] {
            let (mut steps, mut old, mut new) = (0, 0, 0);
            loop {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("backup");
                let done = stopped(&path, start, &after, steps, losses);
                match (contents(&path), start) {
                    (Ok(found), _) if found == after => new += 1,
                    (Ok(found), Some(before)) if found == *before => old += 1,
                    (Err(_), None) if !path.join("MANIFEST").exists() => old += 1,
                    (found, _) => panic!("after {steps} steps, losing {losses}: {found:?}"),
                }
                assert!(!done || contents(&path).unwrap() == after);
                Made { commit: 3, ..Made::default() }.of(&after, &path).unwrap();
                assert_eq!(contents(&path).unwrap(), after);
                let clean = tempfile::tempdir().unwrap();
                Made { commit: 3, ..Made::default() }.of(&after, clean.path()).unwrap();
                assert_eq!(files(&path), files(clean.path()), "after {steps} steps, losing {losses}");
                if done {
                    break;
                }
                steps += 1;
            }
            assert!(steps > 15 && old > 10 && new > 0, "{steps} steps, {old} old, {new} new");
        }
    }
}

#[test]
fn an_error_at_any_step_leaves_nothing_unfinished() {
    let (before, after) = (entries(1, 48), entries(2, 48));
    for fails_at in 0_usize.. {
        let folder = tempfile::tempdir().unwrap();
        Made::default().of(&before, folder.path()).unwrap();
        let step = RefCell::new(0);
        let watch = |_: &'static str, _: &Path| {
            *step.borrow_mut() += 1;
            if *step.borrow() == fails_at + 1 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let made = Made { commit: 2, watch: &watch, ..Made::default() }.of(&after, folder.path());
        let found = contents(folder.path()).unwrap();
        assert!(found == before || found == after);
        let unfinished = files(folder.path()).into_keys().filter(|name| name.ends_with("unfinished")).count();
        assert_eq!(unfinished, 0, "after step {fails_at}");
        if made.is_ok() {
            assert!(fails_at > 15);
            break;
        }
    }
}
