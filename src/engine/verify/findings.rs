//! What was found wrong, each under its key, and the words for people that come of it.

use super::super::reader::EachReader;
use super::super::stored::{StoredItem, StoredUser};
use crate::error::{Error, Result, known};
use crate::model::{Hex, Problem};
use crate::storage::keys::{self, Key, Subject};
use crate::storage::{codec, hex};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Problems that are listed; all are counted.
pub(crate) const MOST_LISTED: usize = 1000;

/// What is wrong with the value of a key.
#[derive(Clone, Debug)]
struct Finding {
    key: Key,
    what: String,
}

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    count: u64,
    tags: BTreeSet<u8>,
    users: RoaringBitmap,
}

impl Findings {
    pub(crate) fn add(&mut self, key: &[u8], what: impl Into<String>) {
        self.count += 1;
        self.tags.extend(key.first());
        self.users.extend(Subject::of(key).and_then(Subject::user));
        if self.listed.len() < MOST_LISTED {
            self.listed.push(Finding { key: key.to_vec(), what: what.into() });
        }
    }

    /// Adds what an error says of a key's value, if it is of damage.
    pub(crate) fn add_error(&mut self, key: &[u8], error: Error) -> Result<()> {
        match error {
            Error::Damaged { place, reason } => {
                // A part of the value has a key of its own, which is worth naming.
                let part = place.starts_with("the value of key ff");
                self.add(key, if part { format!("{place}: {reason}") } else { reason });
                Ok(())
            }
            error => Err(error),
        }
    }

    /// [`Findings::add_error`] with what is kept all the same.
    pub(crate) fn add_kept(&mut self, key: &[u8], error: Error, kept: &str) -> Result<()> {
        match error {
            Error::Damaged { place, reason } => {
                self.add_error(key, Error::Damaged { place, reason: format!("{reason}; {kept}") })
            }
            error => Err(error),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether anything is wrong with any key of a user's.
    pub(crate) fn concern_user(&self, user: u32) -> bool {
        self.users.contains(user)
    }

    /// Whether anything is wrong with any key of a kind that one of these begins.
    pub(crate) fn concern(&self, prefixes: &[Key]) -> bool {
        prefixes.iter().any(|prefix| prefix.first().is_some_and(|tag| self.tags.contains(tag)))
    }

    /// What is listed, with the names that users and items have.
    pub(crate) fn into_problems(self, reader: &impl EachReader) -> Result<Vec<Problem>> {
        let subjects = || self.listed.iter().filter_map(|finding| Subject::of(&finding.key));
        let users = Names::of_users(reader, subjects().filter_map(Subject::user).collect())?;
        let items = Names::of_items(reader, subjects().filter_map(Subject::item).collect())?;
        let problem = |finding: &Finding| {
            let subject = Subject::of(&finding.key);
            let (place, user) = words(subject, &users, &items);
            Problem {
                place,
                key: Some(hex(&finding.key)),
                user,
                what: finding.what.clone(),
                ..Problem::default()
            }
        };
        Ok(self.listed.iter().map(problem).collect())
    }
}

/// The names of numbers, as far as they can be told.
pub(crate) struct Names {
    what: &'static str,
    known: BTreeMap<u32, String>,
}

impl Names {
    /// By their records, and where these cannot be read by the keys of their names.
    pub(crate) fn of_users(reader: &impl EachReader, numbers: BTreeSet<u32>) -> Result<Self> {
        let by_record = |no| Ok(sound(reader.user(no))?.flatten().map(|user: StoredUser| user.id));
        let known = names(reader, numbers, by_record, &keys::user_names())?;
        Ok(Self { what: "user", known })
    }

    pub(crate) fn of_items(reader: &impl EachReader, numbers: BTreeSet<u32>) -> Result<Self> {
        let by_record = |no| Ok(sound(reader.item(no))?.flatten().map(|item: StoredItem| item.id));
        let known = names(reader, numbers, by_record, &keys::item_names())?;
        Ok(Self { what: "item", known })
    }

    fn words(&self, no: u32) -> String {
        match self.known.get(&no) {
            Some(name) => format!("{} {name:?}", self.what),
            None => format!("{} number {no}", self.what),
        }
    }
}

fn names(
    reader: &impl EachReader,
    numbers: BTreeSet<u32>,
    by_record: impl Fn(u32) -> Result<Option<String>>,
    name_keys: &[u8],
) -> Result<BTreeMap<u32, String>> {
    let mut known = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for no in numbers {
        match by_record(no)? {
            Some(name) => drop(known.insert(no, name)),
            None => drop(unknown.insert(no)),
        }
    }
    if unknown.is_empty() {
        return Ok(known);
    }
    reader.each(name_keys, &mut |key, value| {
        let no: Option<u32> = sound(value.and_then(|value| codec::decode("name", &value)))?;
        if let Some(no) = no.filter(|no| unknown.contains(no))
            && let Some(Subject::UserName(name) | Subject::ItemName(name)) = Subject::of(key)
        {
            known.insert(no, name.to_owned());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(known)
}

/// A result, or nothing where it is damaged.
pub(crate) fn sound<T>(result: Result<T>) -> Result<Option<T>> {
    known(result, &mut None)
}

/// A key in words, and the id of the user whose it is.
fn words(subject: Option<Subject<'_>>, users: &Names, items: &Names) -> (String, Option<String>) {
    let Some(subject) = subject else { return ("an unknown key".to_owned(), None) };
    let user = match subject {
        Subject::UserName(id) => Some(id.to_owned()),
        subject => subject.user().and_then(|no| users.known.get(&no).cloned()),
    };
    let place = match subject {
        Subject::Meta(name) => meta_words(name),
        Subject::UserName(id) => format!("the number of user {id:?}"),
        Subject::User(no) => users.words(no),
        Subject::Vector(no) => format!("the vector of {}", users.words(no)),
        Subject::ItemName(id) => format!("the number of item {id:?}"),
        Subject::Item(no) => items.words(no),
        Subject::GroupName(hash) => format!("the number of the group of text {}", Hex(hash)),
        Subject::Group(no) => format!("group number {no}"),
        Subject::Event { user, time } => format!("an event of {} at {time}", users.words(user)),
        Subject::EventIds(bucket) => format!("bucket {bucket} of the ids of events"),
        Subject::Text { user, time } => format!("a text of {} at {time}", users.words(user)),
        Subject::State(no) => format!("the figures of {}", users.words(no)),
        Subject::Sums { user, .. } => format!("the sums of {}", users.words(user)),
        Subject::Archive { user } => format!("the folded events of {}", users.words(user)),
        Subject::ArchiveHead(no) => format!("the counts of the folded events of {}", users.words(no)),
        Subject::Contributions { user } => format!("the contributions of {}", users.words(user)),
        Subject::TextVector { hash, .. } => format!("the vector of text {}", Hex(hash)),
        Subject::TextUses(hash) => format!("the uses of text {}", Hex(hash)),
        Subject::ItemFactor { item, .. } => format!("the factor of {}", items.words(item)),
        Subject::GroupFactor { group, .. } => format!("the factor of group number {group}"),
        Subject::Unsealed(no) => format!("the journal of {}", users.words(no)),
        Subject::Tombstone(hash) => format!("the mark {} of an erased user", Hex(hash)),
        Subject::Segment(no) => format!("the definition of segment number {no}"),
        Subject::Members { segment, part } => {
            format!("part {part} of the members of segment number {segment}")
        }
        Subject::Due(no) => format!("when to look at {} again for segments", users.words(no)),
        Subject::Changes(block) => format!("block {block} of the feed of segments"),
    };
    (place, user)
}

fn meta_words(name: &str) -> String {
    match name {
        "settings" => "the settings".to_owned(),
        "learned" => "the learned model".to_owned(),
        "counters" => "the counts".to_owned(),
        "keep" => "the policy for old events".to_owned(),
        "folded" => "the count of folded events".to_owned(),
        "blend" => "the weights of signals".to_owned(),
        "sealed" => "the journal's commit".to_owned(),
        "segments" => "what is kept of all segments".to_owned(),
        "salt" => "the salt of the marks of erased users".to_owned(),
        other => format!("the setting {other:?}"),
    }
}
