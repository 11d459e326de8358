//! What recommendations must beat: popularity, and the neighbors that counts of acts alone give.

use std::collections::{BTreeMap, BTreeSet};

/// Neighbors of [`Baselines::similar`]: more or fewer find less on The Complete Journey.
const NEIGHBORS: usize = 100;

/// Who did what how often, in numbers.
pub(super) struct Baselines {
    users: BTreeMap<String, usize>,
    /// By user: things, and the weights they have in that user's direction, which is of unit length.
    rows: Vec<Vec<(usize, f64)>>,
    /// By thing: users, with the same weights.
    columns: Vec<Vec<(usize, f64)>>,
    names: Vec<String>,
    /// By user: things that are not recommended.
    known: Vec<BTreeSet<usize>>,
}

impl Baselines {
    /// Of each user's things with their counts, and of all that each is not to be recommended. TF-IDF: `ln(1 + count) · ln(users / users with it)`.
    pub(super) fn new(
        counts: &BTreeMap<String, BTreeMap<String, u32>>,
        known: &BTreeMap<&str, BTreeSet<&str>>,
    ) -> Self {
        let names: BTreeSet<&String> = counts.values().flat_map(BTreeMap::keys).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let number = |name: &String| names.binary_search(name).unwrap_or_default();
        let mut with = vec![0_u32; names.len()];
        counts.values().flat_map(BTreeMap::keys).for_each(|name| with[number(name)] += 1);
        let weight = |thing: usize, count: u32| {
            f64::from(count).ln_1p() * (counts.len() as f64 / f64::from(with[thing])).ln()
        };
        let mut columns = vec![Vec::new(); names.len()];
        let mut rows = Vec::with_capacity(counts.len());
        for (user, counts) in counts.values().enumerate() {
            let things = counts.iter().map(|(name, &count)| (number(name), count));
            let mut row: Vec<(usize, f64)> =
                things.map(|(thing, count)| (thing, weight(thing, count))).collect();
            let norm = row.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
            row.iter_mut().for_each(|(_, weight)| *weight /= norm.max(f64::MIN_POSITIVE));
            row.iter().for_each(|&(thing, weight)| columns[thing].push((user, weight)));
            rows.push(row);
        }
        let numbers = |things: &BTreeSet<&str>| {
            things
                .iter()
                .filter_map(|thing| names.binary_search_by(|name| (**name).cmp(thing)).ok())
                .collect()
        };
        let known = counts.keys().map(|user| known.get(&**user).map(numbers).unwrap_or_default()).collect();
        let users = counts.keys().cloned().zip(0..).collect();
        Self { users, rows, columns, names, known }
    }

    /// Things that the most users did and this one did not.
    pub(super) fn popular(&self, user: &str, limit: usize) -> Vec<&str> {
        self.best(user, limit, |thing| self.columns[thing].len() as f64)
    }

    /// Things that the most similar users did, each as much as it is alike, and this one did not.
    pub(super) fn similar(&self, user: &str, limit: usize) -> Vec<&str> {
        let mut values = vec![0.0; self.names.len()];
        for (other, cosine) in self.neighbors(user) {
            self.rows[other].iter().for_each(|&(thing, _)| values[thing] += cosine);
        }
        self.best(user, limit, |thing| values[thing])
    }

    fn neighbors(&self, user: &str) -> Vec<(usize, f64)> {
        let Some(&own) = self.users.get(user) else { return Vec::new() };
        let mut cosines = vec![0.0; self.rows.len()];
        for &(thing, weight) in &self.rows[own] {
            self.columns[thing].iter().for_each(|&(other, theirs)| cosines[other] += weight * theirs);
        }
        cosines[own] = 0.0;
        let mut order: Vec<(usize, f64)> = cosines.into_iter().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(NEIGHBORS);
        order
    }

    fn best(&self, user: &str, limit: usize, value: impl Fn(usize) -> f64) -> Vec<&str> {
        let known = self.users.get(user).map(|&own| &self.known[own]);
        let is_new = |thing: &usize| known.is_none_or(|known| !known.contains(thing));
        let mut order: Vec<usize> =
            (0..self.names.len()).filter(|thing| is_new(thing) && value(*thing) > 0.0).collect();
        order.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        order.into_iter().take(limit).map(|thing| &*self.names[thing]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_leave_out_what_was_had() {
        let rows = [("ann", "a b"), ("bob", "a b c"), ("cem", "a d e"), ("dan", "d e"), ("eve", "d e")];
        let counts = rows.map(|(user, things)| {
            let things = things.split(' ').map(|thing| (thing.to_owned(), 1));
            (user.to_owned(), things.collect::<BTreeMap<_, _>>())
        });
        let known = rows.map(|(user, things)| (user, things.split(' ').collect::<BTreeSet<_>>()));
        let baselines = Baselines::new(&counts.into(), &known.into());
        assert_eq!(baselines.popular("ann", 9), ["d", "e", "c"]);
        // Bob has two things in common with ann, cem one that is common: what bob has beside counts more.
        assert_eq!(baselines.similar("ann", 1), ["c"]);
        assert_eq!(baselines.popular("nobody", 2), ["a", "d"]);
        assert!(baselines.similar("nobody", 2).is_empty());
    }
}
