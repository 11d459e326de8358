//! Values of the data that lose a bit.

use super::world::World;
use crate::storage::hex;

/// First byte of the keys of what stands for itself, and of no record.
const RESERVED: u8 = 0xFF;

impl World {
    /// A bit of some stored value is flipped: it is found and named, and all is there again while the store is open, or once it is
    /// opened again.
    pub(super) fn damage(&mut self) {
        if self.base_cut || !self.store().engine.is_based() {
            return;
        }
        self.apply_waiting();
        let entries = self.backend.entries();
        let keys: Vec<_> = entries.keys().filter(|key| key[0] != RESERVED).collect();
        if keys.is_empty() {
            return;
        }
        let key = keys[self.dice.below(keys.len())];
        let bit = self.dice.below(entries[key].len() * 8);
        self.trace.push(format!("bit {bit} of the value of {} is flipped", hex(key)));
        self.backend.tamper(key, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let report = self.store().verify(&|_| {}).unwrap();
        let named: Vec<_> = report.problems.iter().filter_map(|problem| problem.key.as_deref()).collect();
        assert!(named.contains(&hex(key).as_str()) && report.heals, "{report:?}");
        if self.dice.one_in(2) {
            self.trace.push("made anew".to_owned());
            assert!(self.store().engine.heal_if_due().unwrap());
        } else {
            self.close_and_open();
        }
        let report = self.store().verify(&|_| {}).unwrap();
        assert!(!report.is_damaged(), "{:?}", report.problems);
    }
}
