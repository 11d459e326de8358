//! Faults on demand: which operation fails, and how much of what was not synced a crash leaves.

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// A sequence of numbers that its seed decides (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Whether one in `n` comes up.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Lets operations through until one is to fail.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Plan>);

#[derive(Default)]
enum Plan {
    #[default]
    None,
    /// After so many more operations one fails; `lasting`: all after it, too.
    After { left: u64, lasting: bool },
    /// Everything fails for good: the machine is off.
    Off,
}

impl Faults {
    /// After `left` more operations one fails, or with `lasting` all.
    pub(crate) fn fail_after(&self, left: u64, lasting: bool) {
        self.set(Plan::After { left, lasting });
    }

    /// Nothing fails any more.
    pub(crate) fn heal(&self) {
        self.set(Plan::None);
    }

    /// Everything fails from now on.
    pub(crate) fn turn_off(&self) {
        self.set(Plan::Off);
    }

    /// # Errors
    /// Where this operation is to fail.
    pub(crate) fn check(&self, action: &'static str) -> Result<()> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *plan {
            Plan::None => return Ok(()),
            Plan::After { left, .. } if *left > 0 => {
                *left -= 1;
                return Ok(());
            }
            Plan::After { lasting: false, .. } => *plan = Plan::None,
            Plan::After { .. } | Plan::Off => {}
        }
        Err(Error::Storage { action, reason: "injected".into() })
    }

    fn set(&self, plan: Plan) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }
}
