//! What the fuzz targets do to the bytes of backups.

use super::chunk::{self, Cut, Cutter};
use super::manifest::Manifest;
use std::collections::BTreeMap;

/// Any bytes as a manifest, with the hash that makes it pass: what is read is written as it was.
pub(crate) fn manifest(content: &[u8]) {
    assert!(Manifest::decode("fuzz", content).is_err(), "bytes that end with their own hash");
    let mut bytes = content.to_vec();
    bytes.extend(blake3::hash(content).as_bytes());
    if let Ok(read) = Manifest::decode("fuzz", &bytes) {
        // Versions may be older ones, and are then written as the newest.
        let written = read.encode();
        if content[8] == 2 {
            assert_eq!(written[16..written.len() - 32], content[16..]);
        }
        assert!(read.chunks.len() * 46 <= bytes.len());
    }
}

/// Any bytes as a chunk: what is read makes the same chunk again.
pub(crate) fn chunk(bytes: &[u8]) {
    let mut cutter = Cutter::new(Cut { least: usize::MAX, mean: 1, most: usize::MAX });
    let read = chunk::entries("fuzz", bytes, |key, value| {
        assert!(cutter.push(key, value).is_none());
        Ok(())
    });
    if let (Ok(_), Some(again)) = (read, cutter.finish()) {
        assert_eq!(again.bytes, bytes);
    }
}

/// Any entries in chunks: they come back in order, and no chunk but the last is short or goes on when it is long.
pub(crate) fn cut(entries: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let cut = Cut { least: 64, mean: 128, most: 512 };
    let mut cutter = Cutter::new(cut);
    let mut chunks: Vec<_> = entries.iter().filter_map(|(key, value)| cutter.push(key, value)).collect();
    assert!(chunks.iter().all(|chunk| chunk.bytes.len() >= cut.least));
    chunks.extend(cutter.finish());
    let mut expected = entries.iter();
    for chunk in &chunks {
        let mut len = 12;
        let read = chunk::entries("fuzz", &chunk.bytes, |key, value| {
            assert!(len < cut.most);
            len += 6 + key.len() + value.len();
            assert_eq!(expected.next(), Some((&key.to_vec(), &value.to_vec())));
            Ok(())
        });
        assert_eq!(read.ok(), Some(chunk.named.entries));
    }
    assert!(expected.next().is_none());
}
