//! Everything as JSON Lines, in an order in which it can be read back.

use super::scan::{erased, events, items, texts, users};
use crate::engine::{Published, Settings};
use crate::error::Result;
use crate::ingest::write_record;
use crate::model::{Attributes, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, OnProgress, Progress, Record, User};
use crate::storage::View;
use std::io::Write;

/// Writes what the store was made with and all records of a snapshot; returns the number of lines.
pub(crate) fn export(
    view: &View<Published>,
    settings: &Settings,
    out: &mut dyn Write,
    progress: OnProgress<'_>,
) -> Result<u64> {
    let mut rows = 0;
    let mut write = |record: Record| {
        rows += 1;
        write_record(&record, &mut *out)
    };
    write(Record::Store(settings.declared()))?;
    for item in items(view) {
        write(Record::Item(item?))?;
    }
    for user in users(view) {
        in_lines(user?).into_iter().try_for_each(|user| write(Record::User(user)))?;
    }
    let total = view.attachment().counters.users as usize;
    for (done, user) in users(view).enumerate() {
        let user = user?.id;
        for event in events(view, settings, &user)? {
            write(Record::Event(event?))?;
        }
        for text in texts(view, &user)? {
            write(Record::Text(text?))?;
        }
        progress(Progress::of("writing users", done + 1, total));
    }
    // Last, since a mark keeps out only whoever is not there: a user may be there beside the mark of an earlier erasure
    // elsewhere, that came with another export.
    for tombstone in erased(view) {
        write(Record::Erased(tombstone?))?;
    }
    Ok(rows)
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
