//! Which places are tried.

use crate::error::{Error, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tpe::{TpeOptimizer, TpeOptimizerBuilder, parzen_estimator, range};

/// The share of trials that count as good ones, whose places are searched on.
const GOOD: f64 = 0.25;

/// How places are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    /// All combinations of as many values of each option as there are trials for
    Grid,
    /// By chance, each as likely
    Random,
    /// First by chance, then where trials were good (tree-structured Parzen estimators)
    Bayes,
}

/// Places between the bounds of all parameters, 0 to 1 in each.
pub(super) struct Search {
    trials: usize,
    random: StdRng,
    asked: usize,
    how: How,
}

enum How {
    /// So many values of each parameter.
    Grid(usize),
    Random,
    /// One estimator for each parameter, from so many trials by chance on.
    Bayes(Vec<TpeOptimizer>, usize),
}

impl Search {
    pub(super) fn new(method: Method, trials: usize, parameters: usize, seed: u64) -> Result<Self> {
        if trials == 0 || parameters == 0 {
            return Err(Error::invalid("--trials and --over", "nothing", "1 trial and 1 option, or more"));
        }
        let (how, trials) = match method {
            Method::Grid => {
                let values = values(trials, parameters)?;
                (How::Grid(values), values.pow(parameters as u32))
            }
            Method::Random => (How::Random, trials),
            Method::Bayes => {
                let estimators = (0..parameters).map(|_| estimator()).collect::<Result<_>>()?;
                (How::Bayes(estimators, (trials / 4).max(5)), trials)
            }
        };
        Ok(Self { trials, random: StdRng::seed_from_u64(seed), asked: 0, how })
    }

    /// How many places there will be.
    pub(super) fn len(&self) -> usize {
        self.trials
    }

    /// The next place; none after the last.
    pub(super) fn next(&mut self, parameters: usize) -> Result<Option<Vec<f64>>> {
        let number = self.asked;
        if number == self.trials {
            return Ok(None);
        }
        self.asked += 1;
        let random = &mut self.random;
        let place = match &mut self.how {
            How::Grid(values) => {
                let (values, mut left) = (*values, number);
                let mut next = || {
                    let value = left % values;
                    left /= values;
                    value as f64 / (values - 1) as f64
                };
                (0..parameters).map(|_| next()).collect()
            }
            How::Bayes(estimators, by_chance) if number >= *by_chance => {
                let mut ask = |of: &mut TpeOptimizer| of.ask(random).map_err(bug);
                estimators.iter_mut().map(&mut ask).collect::<Result<_>>()?
            }
            How::Random | How::Bayes(..) => (0..parameters).map(|_| random.random::<f64>()).collect(),
        };
        Ok(Some(place))
    }

    /// Tells how good a place was: the larger, the better.
    pub(super) fn tell(&mut self, place: &[f64], score: f64) -> Result<()> {
        if let How::Bayes(estimators, _) = &mut self.how {
            // What is estimated is what makes a cost small.
            let mut tell = |(of, at): (&mut TpeOptimizer, &f64)| of.tell(*at, -score).map_err(bug);
            estimators.iter_mut().zip(place).try_for_each(&mut tell)?;
        }
        Ok(())
    }
}

/// As many values of each parameter as can all be combined in so many trials.
fn values(trials: usize, parameters: usize) -> Result<usize> {
    let fits = |values: &usize| values.checked_pow(parameters as u32).is_some_and(|all| all <= trials);
    (2..=trials).take_while(fits).last().ok_or_else(|| {
        let expected =
            format!("for two values of each of {parameters} options, 2 to the power of {parameters} or more");
        Error::invalid("--trials of a grid", trials, expected)
    })
}

fn estimator() -> Result<TpeOptimizer> {
    TpeOptimizerBuilder::new()
        .gamma(GOOD)
        .build(parzen_estimator(), range(0.0, 1.0 + f64::EPSILON).map_err(bug)?)
        .map_err(bug)
}

fn bug(error: impl std::fmt::Display) -> Error {
    Error::Bug(format!("the search for options failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(method: Method, trials: usize, seed: u64) -> Vec<Vec<f64>> {
        let (mut search, mut places) = (Search::new(method, trials, 2, seed).unwrap(), Vec::new());
        while let Some(place) = search.next(2).unwrap() {
            assert!(place.iter().all(|at| (0.0..=1.0).contains(at)), "{place:?}");
            let far = (place[0] - 0.8).powi(2) + (place[1] - 0.3).powi(2);
            search.tell(&place, -far).unwrap();
            places.push(place);
        }
        assert_eq!(places.len(), search.len());
        places
    }

    #[test]
    fn a_grid_has_all_combinations() {
        let mut found = places(Method::Grid, 10, 0);
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let at = [0.0, 0.5, 1.0];
        let all: Vec<Vec<f64>> = at.iter().flat_map(|a| at.map(|b| vec![*a, b])).collect();
        assert_eq!(found, all);
        assert!(Search::new(Method::Grid, 3, 2, 0).is_err() && Search::new(Method::Random, 0, 2, 0).is_err());
    }

    #[test]
    fn a_seed_determines_the_places() {
        for method in [Method::Random, Method::Bayes] {
            assert_eq!(places(method, 30, 1), places(method, 30, 1));
            assert_ne!(places(method, 30, 1), places(method, 30, 2));
        }
    }

    #[test]
    fn estimates_lead_to_where_it_is_good() {
        let far = |places: &[Vec<f64>]| -> f64 {
            let far = |place: &Vec<f64>| (place[0] - 0.8).powi(2) + (place[1] - 0.3).powi(2);
            places.iter().map(far).sum::<f64>() / places.len() as f64
        };
        for seed in 0..5 {
            let found = places(Method::Bayes, 60, seed);
            assert!(far(&found[30..]) < far(&found[..15]) / 2.0, "{seed}");
        }
    }
}
