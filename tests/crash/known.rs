//! What a parent knows of a store from what the child said.

use crate::child::Word;
use crate::plan::{Plan, Step};

/// What must be in a folder.
#[derive(Debug)]
pub struct Known {
    /// The last step that is certainly there.
    pub done: u64,
    /// The last step that may be there.
    pub begun: u64,
    /// What was being done last.
    pub doing: &'static str,
}

impl Known {
    /// A store was opened and held all up to this step.
    pub fn at(step: u64) -> Self {
        Self { done: step, begun: step, doing: "starting" }
    }

    pub fn hear(&mut self, plan: Plan, word: &Word) -> Result<(), String> {
        match word {
            Word::Opening => self.doing = "opening",
            // What was in flight when the one before was killed is there or not, from now on for good.
            Word::Opened(step) if *step == self.done || *step == self.begun => {
                *self = Self { doing: "between steps", ..Self::at(*step) };
            }
            Word::Begin(step) => {
                let (writes, doing) = described(&plan.step(*step));
                if writes {
                    self.begun = *step;
                }
                self.doing = doing;
            }
            Word::Done(step) => {
                if self.begun == *step {
                    self.done = *step;
                }
                self.doing = "between steps";
            }
            Word::Closed => self.doing = "closed",
            other => return Err(format!("at {self:?} the child says {other:?}")),
        }
        Ok(())
    }
}

/// Whether a step writes, and its name.
fn described(step: &Step) -> (bool, &'static str) {
    match step {
        Step::Write(_) => (true, "writing"),
        Step::Ingest(_) => (true, "ingesting"),
        Step::Fit => (false, "fitting"),
        Step::Expire(_) => (false, "expiring"),
        Step::Seal => (false, "sealing"),
        Step::Compact => (false, "compacting"),
        Step::Checkpoint => (false, "checkpointing"),
        Step::Reopen => (false, "closing"),
        Step::Rest(_) => (false, "resting"),
    }
}
