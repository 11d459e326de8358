//! Whether a trait tells a group from the others, or is chance.

use super::Wanted;
use super::traits::{Trait, TraitOf};

/// How many users have a trait: of the group, and of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Having {
    pub members: u32,
    pub users: u32,
}

impl Having {
    pub(super) fn add(&mut self, is_member: bool) {
        self.users += 1;
        self.members += u32::from(is_member);
    }
}

/// How many users there are: of the group, and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub members: u64,
    pub users: u64,
}

impl Sides {
    /// Whether enough of the members have it, more of them than of the others, and that is no chance.
    pub(super) fn are_told_apart(self, having: Having, wanted: &Wanted) -> bool {
        let (with, of_all) = (u64::from(having.members), u64::from(having.users));
        with >= wanted.min_support
            && with.saturating_mul(self.users) > of_all.saturating_mul(self.members)
            && self.g2(having) >= wanted.min_g2
    }

    /// The log-likelihood ratio G² of the table of members and others, with and without a trait: twice the sum of `o ln(o / e)`, where `o` users are there and
    /// `e` were to be expected if members were as the others (Dunning, "Accurate methods for the statistics of surprise and
    /// coincidence", Computational Linguistics 19(1), 1993).
    pub(super) fn g2(self, having: Having) -> f64 {
        let all = self.users as f64;
        let sides = [self.members as f64, self.users.saturating_sub(self.members) as f64];
        let with = [f64::from(having.members), f64::from(having.users.saturating_sub(having.members))];
        let of_all = with[0] + with[1];
        let cells = sides.into_iter().zip(with).flat_map(|(side, with)| {
            [(with, side * of_all / all), (side - with, side * (all - of_all) / all)]
        });
        let sum: f64 = cells.filter(|(o, _)| *o > 0.0).map(|(o, e)| o * (o / e).ln()).sum();
        // Rounding may bring it below what it can be.
        (2.0 * sum).max(0.0)
    }

    /// A trait with its figures.
    pub(super) fn weighed(self, of: TraitOf, having: Having) -> Trait {
        let share = |of: u32, all: u64| if all == 0 { 0.0 } else { f64::from(of) / all as f64 };
        let share_of_members = share(having.members, self.members);
        let share_of_users = share(having.users, self.users);
        Trait {
            of,
            members: having.members.into(),
            users: having.users.into(),
            share_of_members,
            share_of_users,
            lift: if share_of_users > 0.0 { share_of_members / share_of_users } else { 0.0 },
            g2: self.g2(having),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The table of Dunning's paper for "the swiss", whose -2 log λ is 270.72.
    #[test]
    fn g2_is_that_of_the_paper() {
        let (both, first, second, neither) = (110, 2442, 111, 29114);
        let sides = Sides { members: both + first, users: both + first + second + neither };
        let having = Having { members: 110, users: 221 };
        assert!((sides.g2(having) - 270.72).abs() < 0.01, "{}", sides.g2(having));
    }

    #[test]
    fn who_is_alone_is_not_told_apart() {
        let wanted = Wanted { limit: 1, min_support: 1, min_g2: 0.0 };
        for sides in [Sides { members: 0, users: 9 }, Sides { members: 9, users: 9 }] {
            let having = Having { members: sides.members.min(3) as u32, users: 3 };
            assert!(!sides.are_told_apart(having, &wanted) && sides.g2(having) < 1e-9, "{sides:?}");
        }
    }

    proptest! {
        /// Twice the difference of the log-likelihoods of two rates and of one.
        #[test]
        fn g2_compares_two_rates_with_one(
            members in 1_u32..500, others in 1_u32..500, with in 0.0..=1.0, of_others in 0.0..=1.0,
        ) {
            let (with, without) = ((f64::from(members) * with) as u32, (f64::from(others) * of_others) as u32);
            let log = |k: u32, n: u32, p: f64| {
                let term = |k: u32, p: f64| if k == 0 { 0.0 } else { f64::from(k) * p.ln() };
                term(k, p) + term(n - k, 1.0 - p)
            };
            let rate = |k: u32, n: u32| f64::from(k) / f64::from(n);
            let one = rate(with + without, members + others);
            let two = log(with, members, rate(with, members)) + log(without, others, rate(without, others));
            let expected = 2.0 * (two - log(with, members, one) - log(without, others, one));
            let sides = Sides { members: members.into(), users: (members + others).into() };
            let g2 = sides.g2(Having { members: with, users: with + without });
            prop_assert!((g2 - expected).abs() < 1e-6 * expected.max(1.0), "{g2} and {expected}");
        }
    }
}
