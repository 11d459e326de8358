//! What became of every line.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Most names that one of the maps of a [`Report`] holds; further ones are counted as `(others)`.
const MAX_NAMES: usize = 1000;
const OTHERS: &str = "(others)";

/// How many records of a source were read and what became of them.
///
/// `read == accepted + duplicate + expired + rejected`; `repaired` counts those of the accepted (or duplicate) records in which
/// something was mended. The reader itself knows no duplicates and no expired events: whoever stores the records calls
/// [`Report::count_duplicates`] and [`Report::count_expired`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records found; empty lines are none.
    pub read: u64,
    /// Records handed on.
    pub accepted: u64,
    /// Records that were there already.
    pub duplicate: u64,
    /// Events from times whose events the store has folded: they may be counted already, and are left aside.
    pub expired: u64,
    /// Accepted records in which something was mended.
    pub repaired: u64,
    /// Records refused.
    pub rejected: u64,
    /// Refused records by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Mended fields by field and what was wrong, as `value: outlier clipped`.
    pub repairs: BTreeMap<String, u64>,
    /// Fields without a value (null, empty, `NA`) by name.
    pub missing: BTreeMap<String, u64>,
    /// Fields that the record's type does not have, by name; they were ignored.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Columns that the mapping does not use; each counts once.
    pub unused_columns: BTreeMap<String, u64>,
}

impl Report {
    /// Moves `count` records from the accepted to the duplicates.
    pub fn count_duplicates(&mut self, count: u64) {
        self.accepted = self.accepted.saturating_sub(count);
        self.duplicate += count;
    }

    /// Moves `count` records from the accepted to the expired.
    pub fn count_expired(&mut self, count: u64) {
        self.accepted = self.accepted.saturating_sub(count);
        self.expired += count;
    }

    /// Moves one record from the accepted to the rejected, for one that the store refuses.
    pub fn refuse(&mut self, reason: &str) {
        self.accepted = self.accepted.saturating_sub(1);
        self.reject(reason);
    }

    /// Adds what another source gave.
    ///
    /// ```
    /// use kindred::ingest::Report;
    /// let mut all = Report { read: 1, accepted: 1, ..Report::default() };
    /// all.merge(&Report { read: 2, rejected: 2, ..Report::default() });
    /// assert_eq!((all.read, all.accepted, all.rejected), (3, 1, 2));
    /// ```
    pub fn merge(&mut self, other: &Self) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.expired += other.expired;
        self.repaired += other.repaired;
        self.rejected += other.rejected;
        for (mine, theirs) in [
            (&mut self.reasons, &other.reasons),
            (&mut self.repairs, &other.repairs),
            (&mut self.missing, &other.missing),
            (&mut self.unknown_fields, &other.unknown_fields),
            (&mut self.unused_columns, &other.unused_columns),
        ] {
            for (name, n) in theirs {
                count(mine, name, *n);
            }
        }
    }

    pub(super) fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        count(&mut self.reasons, reason, 1);
    }
}

/// Adds to a count by name; names come from files, so their number is bounded.
pub(super) fn count(counts: &mut BTreeMap<String, u64>, name: &str, n: u64) {
    if let Some(known) = counts.get_mut(name) {
        *known += n;
    } else {
        let name = if counts.len() < MAX_NAMES { name } else { OTHERS };
        *counts.entry(name.to_owned()).or_default() += n;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = [
            ("read", self.read),
            ("accepted", self.accepted),
            ("duplicate", self.duplicate),
            ("expired", self.expired),
            ("repaired", self.repaired),
            ("rejected", self.rejected),
        ];
        for (name, n) in totals {
            writeln!(f, "{name:<10}{n:>12}")?;
        }
        let details = [
            ("rejected because", &self.reasons),
            ("repaired", &self.repairs),
            ("without a value", &self.missing),
            ("unknown fields, ignored", &self.unknown_fields),
        ];
        for (title, counts) in details.into_iter().filter(|(_, counts)| !counts.is_empty()) {
            writeln!(f, "{title}:")?;
            for (name, n) in counts {
                writeln!(f, "{n:>12}  {name}")?;
            }
        }
        if !self.unused_columns.is_empty() {
            let names: Vec<&str> = self.unused_columns.keys().map(String::as_str).collect();
            writeln!(f, "columns not used: {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_says_keeps_the_sum() {
        let mut report = Report { read: 10, accepted: 10, ..Report::default() };
        report.count_duplicates(3);
        report.count_expired(2);
        report.refuse("unknown event kind");
        assert_eq!((report.accepted, report.duplicate, report.expired, report.rejected), (4, 3, 2, 1));
        let sum = report.accepted + report.duplicate + report.expired + report.rejected;
        assert_eq!(report.read, sum);
        assert!(report.to_string().contains("1  unknown event kind"));
    }

    #[test]
    fn hostile_names_do_not_fill_memory() {
        let mut counts = BTreeMap::new();
        (0..5000).for_each(|n| count(&mut counts, &n.to_string(), 1));
        assert_eq!(counts.len(), MAX_NAMES + 1);
        assert_eq!(counts[OTHERS], 4000);
    }
}
