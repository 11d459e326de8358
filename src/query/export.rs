//! Everything as JSON Lines, in an order in which it can be read back.

use super::archives::Archives;
use super::scan::{erased, events, items, texts, users};
use crate::engine::segments::{Segment, StoredSegment};
use crate::engine::{Published, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::write_record;
use crate::model::{
    Attributes, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, OnProgress, Progress, Record, SegmentDefinition, User,
};
use crate::storage::View;
use std::io::Write;
use std::sync::Arc;

/// Is told of a record that is damaged, and left out unless this is an error.
pub(crate) type LeaveOut<'a> = &'a mut dyn FnMut(Error) -> Result<()>;

/// Writes what the store was made with and all records of a snapshot; returns the number of lines.
pub(crate) fn export(
    view: &View<Published>,
    settings: &Settings,
    out: &mut dyn Write,
    progress: OnProgress<'_>,
    leave_out: LeaveOut<'_>,
) -> Result<u64> {
    let mut lines = Lines { out, leave_out, written: 0 };
    lines.put(&Record::Store(settings.declared(view.attachment().keep)))?;
    lines.put_all(items(view).map(|item| item.map(Record::Item)))?;
    for user in users(view) {
        let Some(user) = lines.sound(user)? else { continue };
        in_lines(user).into_iter().try_for_each(|user| lines.put(&Record::User(user)))?;
    }
    let total = view.attachment().counters.users as usize;
    for (done, user) in users(view).enumerate() {
        // One that is damaged was told of above.
        if let Ok(User { id, .. }) = user {
            lines.put_acts(view, settings, &id)?;
        }
        progress(Progress::of("writing users", done + 1, total));
    }
    // Behind all texts, since a folded one has its vector from those that are kept.
    if let Some(mut archives) = lines.sound(Archives::read(view, settings))? {
        for user in users(view).flatten() {
            let records = lines.sound(archives.of(&user.id))?.unwrap_or_default();
            records.into_iter().try_for_each(|archive| lines.put(&Record::Archive(archive)))?;
        }
    }
    let segments = &view.attachment().segments;
    let definition = |segment: &Arc<Segment>| {
        let StoredSegment { name, predicate, .. } = segment.stored.clone();
        Ok(Record::Segment(SegmentDefinition { name, predicate, now: segments.now() }))
    };
    lines.put_all(segments.in_order().map(definition))?;
    // Last, since a mark keeps out only whoever is not there: a user may be there beside the mark of an earlier erasure
    // elsewhere, that came with another export.
    lines.put_all(erased(view).map(|tombstone| tombstone.map(Record::Erased)))?;
    Ok(lines.written)
}

/// An export on its way out.
struct Lines<'a> {
    out: &'a mut dyn Write,
    leave_out: LeaveOut<'a>,
    written: u64,
}

impl Lines<'_> {
    fn put(&mut self, record: &Record) -> Result<()> {
        self.written += 1;
        write_record(record, &mut *self.out)
    }

    fn put_all(&mut self, records: impl Iterator<Item = Result<Record>>) -> Result<()> {
        for record in records {
            if let Some(record) = self.sound(record)? {
                self.put(&record)?;
            }
        }
        Ok(())
    }

    fn put_acts(&mut self, view: &View<Published>, settings: &Settings, user: &str) -> Result<()> {
        if let Some(events) = self.sound(events(view, settings, user))? {
            self.put_all(events.map(|event| event.map(Record::Event)))?;
        }
        if let Some(texts) = self.sound(texts(view, user))? {
            self.put_all(texts.map(|text| text.map(Record::Text)))?;
        }
        Ok(())
    }

    fn sound<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Err(error) if error.kind() == ErrorKind::Damage => (self.leave_out)(error).map(|()| None),
            read => read.map(Some),
        }
    }
}

/// A user as records that may be read back: attributes that were put by and by can be more than one record takes.
fn in_lines(user: User) -> Vec<User> {
    let mut lines = vec![User { attributes: Attributes::new(), ..user.clone() }];
    let mut bytes = 0;
    for (name, value) in user.attributes {
        let more = name.len() + value.text_bytes();
        let full =
            |line: &User| line.attributes.len() == MAX_ATTRIBUTES || bytes + more > MAX_ATTRIBUTES_BYTES;
        if lines.last().is_none_or(full) {
            lines.push(User { id: user.id.clone(), ..User::default() });
            bytes = 0;
        }
        bytes += more;
        if let Some(line) = lines.last_mut() {
            line.attributes.insert(name, value);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    #[test]
    fn many_attributes_take_several_lines_and_few_take_one() {
        let user = |values: usize, text: &str| User {
            id: "ann".into(),
            attributes: (0..values).map(|n| (format!("a{n:05}"), Value::from(text))).collect(),
            vector: Some(vec![1.0]),
        };
        for (values, text, expected) in
            [(0, "", 1), (MAX_ATTRIBUTES, "", 1), (MAX_ATTRIBUTES + 1, "", 2), (5, &"x".repeat(1 << 20), 5)]
        {
            let lines = in_lines(user(values, text));
            assert_eq!(lines.len(), expected);
            assert!(lines[0].vector.is_some() && lines[1..].iter().all(|line| line.vector.is_none()));
            let all: Attributes = lines.into_iter().flat_map(|line| line.attributes).collect();
            assert_eq!(all, user(values, text).attributes);
        }
    }
}
