//! Segments: their definitions. Who is in them is made anew.

use super::super::reader::{EachReader, Reader};
use super::super::segments::{Head, StoredSegment};
use super::super::verify::sound;
use super::records::Source;
use super::target::Target;
use crate::error::{Error, Result};
use crate::model::{Record, SegmentDefinition};
use crate::storage::codec::decode;
use crate::storage::keys::{self, Key};
use std::ops::ControlFlow;

impl Source<'_> {
    /// Behind all that they ask for.
    pub(super) fn save_segments(&self, target: &mut Target<'_>) -> Result<()> {
        target.flush()?;
        let head: Option<Head> = sound(self.opened.read("segments", &keys::meta("segments")))?.flatten();
        let now = head.and_then(|head| head.now);
        let mut waiting: Vec<(Key, Record)> = Vec::new();
        self.opened.each(&keys::segments(), &mut |key, value| {
            match value.and_then(|value| decode::<StoredSegment>("segment", &value)) {
                Ok(StoredSegment { name, predicate, .. }) => {
                    waiting.push((key.to_vec(), Record::Segment(SegmentDefinition { name, predicate, now })));
                }
                Err(error) => target.lost.add_error(key, error)?,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // One may ask for another that was defined after it.
        loop {
            let (before, mut left) = (waiting.len(), Vec::new());
            for (key, record) in waiting {
                if let Some(error) = target.try_put(&key, &record)? {
                    left.push((key, record, error));
                }
            }
            if left.len() == before || left.is_empty() {
                left.iter().for_each(|(key, _, error)| target.lost.add(key, error.to_string()));
                return Ok(());
            }
            waiting = left.into_iter().map(|(key, record, _)| (key, record)).collect();
        }
    }
}

impl Target<'_> {
    /// Puts a record at once, or gives what the store has against it as it is now.
    fn try_put(&mut self, key: &[u8], record: &Record) -> Result<Option<Error>> {
        match self.put(key, record.clone()).and_then(|()| self.flush()) {
            Err(error) if error.kind() == crate::error::ErrorKind::Usage => Ok(Some(error)),
            put => put.map(|()| None),
        }
    }
}
