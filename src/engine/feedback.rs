//! What the store learns of how its recommendations were taken.

use super::Engine;
use crate::error::Result;
use crate::model::Blend;
use crate::storage::{codec, keys};

impl Engine {
    /// Stores other weights of signals, made of those that are in force.
    pub(crate) fn learn_blend(&self, learn: impl FnOnce(Blend) -> Blend) -> Result<Blend> {
        let core = self.shared.core()?;
        let mut tx = self.shared.db.begin()?;
        let before = tx.attachment().blend;
        let learned = learn(before.unwrap_or_default());
        if before == Some(learned) || (before.is_none() && learned == Blend::default()) {
            return Ok(learned);
        }
        tx.put(keys::meta("blend"), codec::encode(&learned)?);
        let changes = super::session::IndexChanges::new();
        self.shared.commit(core, tx, changes, |published| published.blend = Some(learned))?;
        Ok(learned)
    }
}
