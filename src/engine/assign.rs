//! One attribute of many users, as it was found out of what the store knows of them.

use super::Engine;
use super::encode::encode_missing;
use super::reader::Reader;
use super::refuse::commit_aside;
use super::session::{Encoded, Session};
use super::upkeep::PATIENCE;
use crate::error::{ErrorKind, Result};
use crate::model::{OnProgress, Progress, Record, User, Value, check_id};
use crate::profile::is_fused;
use crate::telemetry::redacted;

/// Users of one commit: others write in between.
const USERS: usize = 4_096;

impl Engine {
    /// Gives users, by their numbers, a value of an attribute, or takes it from them, in commits of bounded size. Who is gone meanwhile
    /// stays gone. Returns how many there were whose value changed.
    ///
    /// # Errors
    /// Where it fails on the way, the commits before stay.
    pub(crate) fn assign(
        &self,
        attribute: &str,
        values: &[(u32, Option<&str>)],
        progress: OnProgress<'_>,
    ) -> Result<u64> {
        check_id("attribute name", attribute)?;
        let mut changed = 0;
        for (number, some) in values.chunks(USERS).enumerate() {
            progress(Progress::of("writing the attribute", number * USERS, values.len()));
            changed += self.assign_some(attribute, some)?;
            self.keep_pace(PATIENCE);
        }
        Ok(changed)
    }

    fn assign_some(&self, attribute: &str, values: &[(u32, Option<&str>)]) -> Result<u64> {
        let encoded = self.encode_assigned(attribute, values)?;
        let work = |session: &mut Session<'_, '_>| {
            let assigned = values.iter().map(|&(no, value)| session.assign(attribute, no, value));
            assigned.sum::<Result<u64>>()
        };
        let (changed, core, finished) = self.shared.prepare(&encoded, work)?;
        if changed == 0 {
            drop(core);
            commit_aside(finished.tx)?;
        } else {
            self.shared.commit_finished(core, finished)?;
        }
        Ok(changed)
    }

    /// The sentences that an attribute changes, made before the writer's lock is taken.
    fn encode_assigned(&self, attribute: &str, values: &[(u32, Option<&str>)]) -> Result<Encoded> {
        let (view, mut records) = (self.view(), Vec::new());
        for &(no, value) in values.iter().filter(|_| is_fused(attribute)) {
            if let (Some(value), Ok(Some(stored))) = (value, view.user(no)) {
                let attributes = [(attribute.to_owned(), Value::from(value))].into();
                records.push(Record::User(User { id: stored.id, attributes, vector: None }));
            }
        }
        encode_missing(&view, &records, &|_| {})
    }
}

impl Session<'_, '_> {
    /// Returns 1 where the user's value changed, else 0.
    fn assign(&mut self, attribute: &str, no: u32, value: Option<&str>) -> Result<u64> {
        let mut stored = match self.tx.user(no) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(error = %redacted(&error), "a user whose record is damaged keeps its attributes");
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let value = value.map(Value::from);
        let before = match &value {
            Some(value) => stored.attributes.insert(attribute.to_owned(), value.clone()),
            None => stored.attributes.remove(attribute),
        };
        if before == value {
            return Ok(0);
        }
        self.put_attributes(no, &stored, is_fused(attribute))?;
        Ok(1)
    }
}
