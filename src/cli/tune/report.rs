//! What a search for options found.

use super::objective::Objective;
use super::search::Method;
use crate::Fusion;
use crate::cli::output::grouped;
use crate::eval::Mean;
use crate::model::{EventKind, StoreSettings};
use serde::Serialize;
use std::fmt::Write;

/// Trials that are shown.
const SHOWN: usize = 20;

/// What was tried, and what came of it.
#[derive(Serialize)]
pub(super) struct Tuned {
    /// What scores are.
    pub score: String,
    pub search: Method,
    pub seed: u64,
    /// Users who were asked; none where another number is drawn for each fold.
    pub users: Option<usize>,
    pub folds: usize,
    /// The options that were searched, as values of trials have them.
    pub over: Vec<String>,
    /// The options that the store has.
    pub own: Trial,
    /// All others, the best first.
    pub trials: Vec<Trial>,
    /// How much more the best trial has than the store's own options: mean over the folds.
    pub gain: Option<Mean>,
    /// The same where for each fold the trial is taken that is the best in the others: what a search like this gains with users who had no say in it.
    pub gain_with_others: Option<Mean>,
    /// The best options.
    pub fusion: Fusion,
    /// Kinds of events that are other than the store's.
    pub kinds: Vec<EventKind>,
}

/// Options, and how good they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Trial {
    /// Its place in the order in which they were tried, from 1; 0 for the store's own.
    pub number: usize,
    pub values: Vec<f64>,
    #[serde(flatten)]
    pub score: Mean,
    pub folds: Vec<f64>,
}

/// How much one has more than another in each fold, on average.
pub(super) fn gain(of: &Trial, over: &Trial) -> Option<Mean> {
    Mean::of(&of.folds.iter().zip(&over.folds).map(|(of, over)| of - over).collect::<Vec<_>>())
}

/// The gain over the store's own options in each fold by the trial that is the best in all others.
pub(super) fn gain_with_others(own: &Trial, trials: &[Trial], objective: &Objective) -> Option<Mean> {
    if !objective.has_own_users() || trials.is_empty() {
        return None;
    }
    let gain = |fold: usize| {
        let others = |trial: &Trial| trial.folds.iter().sum::<f64>() - trial.folds[fold];
        // Of equal ones the store's own, and then the first.
        let best =
            trials.iter().fold(own, |best, trial| if others(trial) > others(best) { trial } else { best });
        best.folds[fold] - own.folds[fold]
    };
    Mean::of(&(0..own.folds.len()).map(gain).collect::<Vec<_>>())
}

/// The kinds that are other than they were.
pub(super) fn changed_kinds(was: &StoreSettings, is: &StoreSettings) -> Vec<EventKind> {
    is.kinds
        .iter()
        .filter(|kind| was.kinds.find(&kind.name).is_none_or(|(_, was)| was != *kind))
        .cloned()
        .collect()
}

pub(super) fn text(tuned: &Tuned) -> String {
    let mut out = format!("{}, {} folds", tuned.score, tuned.folds);
    if let Some(users) = tuned.users {
        let _ = write!(out, ", {} users", grouped(users as u64));
    }
    let _ = write!(out, "\n\n{:<8}", "trial");
    for name in &tuned.over {
        let _ = write!(out, "{name:>width$}", width = wide(name));
    }
    let _ = writeln!(out, "{:>10}{:>10}", "score", "± error");
    let better = tuned.trials.iter().filter(|trial| trial.score.mean > tuned.own.score.mean).count();
    for trial in tuned.trials[..better].iter().take(SHOWN) {
        row(&mut out, tuned, trial);
    }
    row(&mut out, tuned, &tuned.own);
    for trial in tuned.trials[better..].iter().take(SHOWN.saturating_sub(better)) {
        row(&mut out, tuned, trial);
    }
    let left = tuned.trials.len()
        - better.min(SHOWN)
        - (tuned.trials.len() - better).min(SHOWN.saturating_sub(better));
    if left > 0 {
        let _ = writeln!(out, "… and {left} more (--json has all)");
    }
    if better == 0 {
        out.push_str("\nNo trial was better than the store's own options.\n");
        return out;
    }
    for (gain, of) in [
        (&tuned.gain, "The best has more than the store's own by"),
        (&tuned.gain_with_others, "With users who had no say in the choice, such a search gains"),
    ] {
        if let Some(Mean { mean, standard_error, .. }) = gain {
            let _ = writeln!(out, "\n{of} {mean:+.4} ± {:.4}.", standard_error.unwrap_or_default());
        }
    }
    out.push_str(&how_to_use(tuned));
    out
}

fn how_to_use(tuned: &Tuned) -> String {
    let fusion = serde_json::to_string(&tuned.fusion).unwrap_or_default();
    let mut kinds = String::new();
    for EventKind { name, weight, half_life_days } in &tuned.kinds {
        let _ = write!(kinds, " --kind \"{name}={weight},{half_life_days}\"");
    }
    format!(
        "\nA store with the best: put this line into fusion.json, then kindred init NEW --fusion fusion.json{kinds}\n{fusion}\n"
    )
}

fn row(out: &mut String, tuned: &Tuned, trial: &Trial) {
    let number = if trial.number == 0 { "own".to_owned() } else { trial.number.to_string() };
    let _ = write!(out, "{number:<8}");
    for (name, value) in tuned.over.iter().zip(&trial.values) {
        let _ = write!(out, "{value:>width$}", width = wide(name));
    }
    let Mean { mean, standard_error, .. } = trial.score;
    let _ = writeln!(out, "{mean:>10.4}{:>10.4}", standard_error.unwrap_or_default());
}

fn wide(name: &str) -> usize {
    name.chars().count().max(8) + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: usize, folds: [f64; 3]) -> Trial {
        Trial { number, values: Vec::new(), score: Mean::of(&folds).unwrap(), folds: folds.to_vec() }
    }

    #[test]
    fn who_chooses_by_some_users_is_held_against_others() {
        let own = trial(0, [0.5, 0.5, 0.5]);
        // Each is good in one fold only, and so never where it is not looked at.
        let lucky = [trial(1, [0.9, 0.3, 0.3]), trial(2, [0.3, 0.9, 0.3]), trial(3, [0.3, 0.3, 0.9])];
        assert!((gain_with_others(&own, &lucky, &Objective::Twins).unwrap().mean + 0.2).abs() < 1e-9);
        let good = [trial(1, [0.6, 0.7, 0.8])];
        let held = gain_with_others(&own, &good, &Objective::Twins).unwrap();
        assert_eq!(held, gain(&good[0], &own).unwrap());
        assert!((held.mean - 0.2).abs() < 1e-9 && held.standard_error.is_some());
        assert_eq!(gain_with_others(&own, &good, &Objective::Labels("a".into())), None);
    }
}
