use std::cell::{Cell, RefCell};
use std::io::Write;

use super::package::PinnedFile;
use super::*;

const TOY: Package = Package {
    what: "a toy",
    name: "toy",
    version: "1.0",
    megabytes: 1,
    inside: "toy/data",
    folder: "toys",
    files: &[
        PinnedFile {
            path: "ball.txt",
            bytes: 5,
            blake3: "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f",
        },
        PinnedFile {
            path: "box/top.txt",
            bytes: 5,
            blake3: "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f",
        },
    ],
};

fn wheel(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("toy-1.0-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, content) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    path
}

const GOOD: [(&str, &[u8]); 3] =
    [("toy/data/ball.txt", b"hello"), ("toy/data/box/top.txt", b"hello"), ("../../escaped.txt", b"no")];

fn fetch_from(cache: &Path, files: &[(&str, &[u8])]) -> Result<PathBuf> {
    fetch(&TOY, cache, &|_, folder| Ok(wheel(folder, files)), &|_| {})
}

#[test]
fn pinned_files_alone_arrive_and_nothing_is_left_over() {
    let cache = tempfile::tempdir().unwrap();
    let steps = RefCell::new(Vec::new());
    let progress = |step: &str| steps.borrow_mut().push(step.to_owned());
    let folder = fetch(&TOY, cache.path(), &|_, folder| Ok(wheel(folder, &GOOD)), &progress).unwrap();
    assert_eq!(folder, cache.path().join("toy-1.0").join("toys"));
    assert_eq!(fs::read(folder.join("box/top.txt")).unwrap(), b"hello");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "only the package's folder");
    assert!(!cache.path().join("escaped.txt").exists());
    assert_eq!(steps.borrow().len(), 2);
}

#[test]
fn a_second_fetch_downloads_nothing_and_a_broken_folder_is_fetched_again() {
    let cache = tempfile::tempdir().unwrap();
    let downloads = Cell::new(0);
    let download = |_: &Package, folder: &Path| {
        downloads.set(downloads.get() + 1);
        Ok(wheel(folder, &GOOD))
    };
    let folder = fetch(&TOY, cache.path(), &download, &|_| {}).unwrap();
    fetch(&TOY, cache.path(), &download, &|_| {}).unwrap();
    assert_eq!(downloads.get(), 1);
    fs::write(folder.join("ball.txt"), "cut").unwrap();
    fetch(&TOY, cache.path(), &download, &|_| {}).unwrap();
    assert_eq!(downloads.get(), 2);
    assert_eq!(fs::read(folder.join("ball.txt")).unwrap(), b"hello");
}

#[test]
fn a_changed_package_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let long = vec![b'h'; 1 << 20];
    for second in [&b"hellO"[..], b"hell", b"hello!", &long] {
        let files = [("toy/data/ball.txt", &b"hello"[..]), ("toy/data/box/top.txt", second)];
        let error = fetch_from(cache.path(), &files).unwrap_err();
        assert!(error.to_string().contains("is not what it was"), "{error}");
        assert_eq!(error.kind(), crate::ErrorKind::Environment);
    }
    assert!(fetch_from(cache.path(), &GOOD[..1]).unwrap_err().to_string().contains("box/top.txt"));
    assert!(!folder_of(&TOY, cache.path()).exists());
    let no_zip = fetch(
        &TOY,
        cache.path(),
        &|_, folder| {
            let path = folder.join("a.whl");
            fs::write(&path, "not a zip").unwrap();
            Ok(path)
        },
        &|_| {},
    );
    assert!(no_zip.unwrap_err().to_string().contains("no wheel"));
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}
