//! What long work is due: a pure function of how the rows are spread over the tiers.

/// A sealed file with more than one dead row in this many is made anew.
const DEAD_SHARE: usize = 5;
/// A file is merged with what comes when that is more than one part in this many of it: so files' sizes stay this
/// factor apart, and each row is copied a logarithmic number of times.
const FAN_OUT: usize = 8;
/// Most sealed files: each is searched by every query.
const MOST_FILES: usize = 6;

/// Rows of a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileRows {
    pub alive: usize,
    pub dead: usize,
}

/// How the rows are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Rows alive in the head.
    pub head: usize,
    /// Rows alive in the live tier.
    pub live: usize,
    /// Rows of the live tier that are dead.
    pub live_dead: usize,
    /// Whether the live tier's graph can take the head's rows.
    pub graph_fits: bool,
    pub files: Vec<FileRows>,
}

/// Limits from the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub head: usize,
    /// Rows of head and live tier together beyond which they are sealed.
    pub unsealed: usize,
}

/// What is wanted of [`Index::plan`](super::Index::plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What is due by the sizes of the tiers.
    Due,
    /// Of what is due, that which needs no file: for a time in which none can be written.
    DueInMemory,
    /// All of the head in the live tier.
    Absorbed,
    /// All rows in sealed files.
    Sealed,
    /// All rows in one sealed file that has no dead ones.
    Compact,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Absorb,
    Rebuild,
    /// Seals head and live tier together with these files, by their place.
    Seal {
        files: Vec<usize>,
    },
}

/// The next step; none where all is as it is wanted.
pub(super) fn next(state: &State, limits: Limits, wanted: Wanted) -> Option<Step> {
    let unsealed = state.head + state.live;
    match wanted {
        Wanted::Due => due(state, limits),
        Wanted::DueInMemory => absorb(state, state.head > limits.head, limits),
        Wanted::Absorbed => absorb(state, state.head > 0, limits),
        Wanted::Sealed if unsealed > 0 => Some(Step::Seal { files: merged(state, unsealed) }),
        Wanted::Sealed => None,
        Wanted::Compact => {
            let dead = state.files.iter().any(|file| file.dead > 0);
            let needed = unsealed > 0 || dead || state.files.len() > 1;
            needed.then(|| Step::Seal { files: (0..state.files.len()).collect() })
        }
    }
}

fn due(state: &State, limits: Limits) -> Option<Step> {
    let unsealed = state.head + state.live;
    if unsealed > limits.unsealed || state.files.iter().any(stale) || state.files.len() > MOST_FILES {
        return Some(Step::Seal { files: merged(state, unsealed) });
    }
    absorb(state, state.head > limits.head, limits)
}

fn stale(file: &FileRows) -> bool {
    file.dead * DEAD_SHARE > file.alive + file.dead
}

/// The files that go into one of `rows` rows: the stale ones, and from the smallest on those that it comes too close to.
fn merged(state: &State, rows: usize) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..state.files.len()).collect();
    by_size.sort_by_key(|&file| (state.files[file].alive, file));
    let (mut rows, mut left, mut merged) = (rows, by_size.len(), Vec::new());
    for file in by_size {
        let own = &state.files[file];
        if stale(own) || own.alive < rows.saturating_mul(FAN_OUT) || left >= MOST_FILES {
            rows += own.alive;
            left -= 1;
            merged.push(file);
        }
    }
    merged.sort_unstable();
    merged
}

fn absorb(state: &State, absorb: bool, limits: Limits) -> Option<Step> {
    // Below a quarter of a head the dead cost less than a rebuild.
    let rebuild = state.live_dead > state.live.max(limits.head / 4);
    match (absorb, rebuild) {
        (_, true) => Some(Step::Rebuild),
        (true, false) if !state.graph_fits => Some(Step::Rebuild),
        (true, false) => Some(Step::Absorb),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { head: 100, unsealed: 400 };

    fn file(alive: usize, dead: usize) -> FileRows {
        FileRows { alive, dead }
    }

    fn state(head: usize, live: usize, files: &[FileRows]) -> State {
        State { head, live, live_dead: 0, graph_fits: true, files: files.to_vec() }
    }

    #[test]
    fn little_is_absorbed_and_much_is_sealed() {
        assert_eq!(next(&state(100, 0, &[]), LIMITS, Wanted::Due), None);
        assert_eq!(next(&state(101, 0, &[]), LIMITS, Wanted::Due), Some(Step::Absorb));
        assert_eq!(next(&state(101, 300, &[]), LIMITS, Wanted::Due), Some(Step::Seal { files: vec![] }));
        let lost = State { graph_fits: false, ..state(101, 5, &[]) };
        assert_eq!(next(&lost, LIMITS, Wanted::Due), Some(Step::Rebuild));
    }

    #[test]
    fn without_files_the_head_goes_into_the_graph_however_large_that_is() {
        let memory = |state: &State| next(state, LIMITS, Wanted::DueInMemory);
        assert_eq!(memory(&state(100, 900, &[])), None);
        assert_eq!(memory(&state(101, 900, &[file(1, 9)])), Some(Step::Absorb));
        assert_eq!(memory(&State { live_dead: 901, ..state(0, 900, &[]) }), Some(Step::Rebuild));
    }

    #[test]
    fn a_file_is_merged_with_what_is_near_its_size() {
        let files = [file(100_000, 0), file(3_000, 0)];
        assert_eq!(next(&state(0, 401, &files), LIMITS, Wanted::Due), Some(Step::Seal { files: vec![1] }));
        let files = [file(20_000, 0), file(3_000, 0)];
        assert_eq!(next(&state(0, 401, &files), LIMITS, Wanted::Due), Some(Step::Seal { files: vec![0, 1] }));
    }

    #[test]
    fn a_file_with_many_dead_rows_is_made_anew() {
        assert_eq!(next(&state(0, 0, &[file(80, 20)]), LIMITS, Wanted::Due), None);
        let due = next(&state(0, 0, &[file(9_000, 0), file(79, 21)]), LIMITS, Wanted::Due);
        assert_eq!(due, Some(Step::Seal { files: vec![1] }));
    }

    #[test]
    fn compacting_ends_with_one_file() {
        assert_eq!(next(&state(0, 0, &[file(9, 0)]), LIMITS, Wanted::Compact), None);
        assert_eq!(
            next(&state(0, 0, &[file(9, 1)]), LIMITS, Wanted::Compact),
            Some(Step::Seal { files: vec![0] })
        );
    }

    proptest! {
        /// Whatever comes in whatever portions: few files, sizes apart, and no step for ever.
        #[test]
        fn files_stay_few_and_work_ends(
            portions in proptest::collection::vec((0usize..2_000, 0usize..100), 1..60),
        ) {
            let mut now = state(0, 0, &[]);
            let (mut copied, mut added) = (0, 0);
            for (rows, killed) in portions {
                now.head += rows;
                added += rows;
                if let Some(last) = now.files.last_mut() {
                    let killed = (last.alive * killed) / 100;
                    *last = file(last.alive - killed, last.dead + killed);
                }
                let mut steps = 0;
                while let Some(step) = next(&now, LIMITS, Wanted::Due) {
                    steps += 1;
                    prop_assert!(steps < 10, "{:?}", now);
                    match step {
                        Step::Seal { files } => {
                            let moved: usize = files.iter().map(|&f| now.files[f].alive).sum();
                            let rows = moved + now.head + now.live;
                            copied += rows;
                            let kept = now.files.iter().enumerate().filter(|(f, _)| !files.contains(f));
                            now.files = kept.map(|(_, f)| *f).collect();
                            if rows > 0 {
                                now.files.push(file(rows, 0));
                            }
                            (now.head, now.live, now.live_dead) = (0, 0, 0);
                        }
                        Step::Absorb | Step::Rebuild => {
                            (now.live, now.head, now.live_dead) = (now.live + now.head, 0, 0);
                        }
                    }
                }
                prop_assert!(now.files.len() <= MOST_FILES);
            }
            // A row is copied at most as often as a file can grow by an eighth, plus once for each time a fifth dies.
            prop_assert!(copied <= 60 * (added + 1));
        }
    }
}
