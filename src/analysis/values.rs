//! The values that users have of one attribute.

use crate::engine::{Published, StoredUser, from_key};
use crate::error::{Error, Result, known};
use crate::model::Value;
use crate::storage::{View, codec, keys, prefix_end};
use crate::telemetry::redacted;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// By number, the users who have an attribute. Whose record is damaged is left out.
pub(super) fn values_of(view: &View<Published>, attribute: &str) -> Result<BTreeMap<u32, Value>> {
    let (mut values, mut lost) = (BTreeMap::new(), None);
    view.scan_from(&keys::users(), prefix_end(&keys::users()).as_deref(), |key, value| {
        let no = from_key("user", key, keys::u32_at(key, 1))?;
        let stored = value.and_then(|value| codec::decode::<StoredUser>("user", &value));
        let value = known(stored, &mut lost)?.and_then(|mut stored| stored.attributes.remove(attribute));
        values.extend(value.map(|value| (no, value)));
        Ok(ControlFlow::Continue(()))
    })?;
    tell_lost(lost.as_ref());
    Ok(values)
}

/// Tells that users are left out, since their records are damaged.
pub(super) fn tell_lost(lost: Option<&Error>) {
    if let Some(error) = lost {
        tracing::warn!(error = %redacted(error), "users whose records are damaged are left out of an analysis");
    }
}
