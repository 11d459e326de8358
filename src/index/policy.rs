//! What long work is due: a pure function of how the rows are spread over the tiers.

/// A sealed file with more than one dead row in this many is made anew. Its graph is repaired, so that this costs a copy
/// of each row, and a search for links for each that died.
const DEAD_SHARE: usize = 20;
/// A file is merged with what comes when that, with the file's dead rows, is more than one part in this many of it: so
/// files' sizes stay this factor apart, and each row is copied a logarithmic number of times.
const FAN_OUT: usize = 16;
/// Most sealed files: each is searched by every query.
const MOST_FILES: usize = 6;
/// When writing pauses, all becomes one file once more than one part in this many of the largest has changed: a search of
/// what is left beside it costs a small part of one of the file, and each change so many copies of a row at most.
const SETTLE_SHARE: usize = 128;
/// So few changes are left however small the largest file is: they are scanned sooner than a file of them is written.
const LEFT_ROWS: usize = 64;
/// More unsealed rows than this are walked sooner than scanned.
const SCANNED_ROWS: usize = 512;

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
    /// One sealed file that holds all but a small share of the rows, which is what searches are fastest over: for when
    /// writing pauses.
    Settled,
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
        Wanted::Settled => settle(state),
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

fn settle(state: &State) -> Option<Step> {
    let largest = (0..state.files.len()).max_by_key(|&file| (state.files[file].alive, file));
    let others = || (0..state.files.len()).filter(|&file| Some(file) != largest);
    let FileRows { alive, dead } = largest.map_or(FileRows { alive: 0, dead: 0 }, |file| state.files[file]);
    let unsealed = state.head + state.live;
    let beside: usize = others().map(|file| state.files[file].alive + state.files[file].dead).sum();
    let changed = unsealed + dead + beside;
    if changed > LEFT_ROWS && changed.saturating_mul(SETTLE_SHARE) > alive {
        return Some(Step::Seal { files: (0..state.files.len()).collect() });
    }
    let scattered = unsealed > SCANNED_ROWS || state.files.len() > 2;
    scattered.then(|| Step::Seal { files: others().collect() })
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
        let changed = rows.saturating_add(own.dead);
        if stale(own) || own.alive < changed.saturating_mul(FAN_OUT) || left >= MOST_FILES {
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
        // What died in it has changed too.
        let files = [file(8_000, 0), file(8_000, 150)];
        assert_eq!(next(&state(0, 401, &files), LIMITS, Wanted::Due), Some(Step::Seal { files: vec![1] }));
    }

    #[test]
    fn a_file_with_many_dead_rows_is_made_anew() {
        assert_eq!(next(&state(0, 0, &[file(95, 5)]), LIMITS, Wanted::Due), None);
        let due = next(&state(0, 0, &[file(9_000, 0), file(94, 6)]), LIMITS, Wanted::Due);
        assert_eq!(due, Some(Step::Seal { files: vec![1] }));
    }

    #[test]
    fn a_pause_leaves_one_file_and_little_beside_it() {
        let settled = |head, files: &[FileRows]| next(&state(head, 0, files), LIMITS, Wanted::Settled);
        assert_eq!(settled(64, &[]), None);
        assert_eq!(settled(65, &[]), Some(Step::Seal { files: vec![] }));
        assert_eq!(settled(700, &[file(1_000, 0), file(80_000, 0)]), Some(Step::Seal { files: vec![0, 1] }));
        assert_eq!(settled(0, &[file(900, 0), file(80_000, 0)]), Some(Step::Seal { files: vec![0, 1] }));
        assert_eq!(settled(0, &[file(80_000, 626)]), Some(Step::Seal { files: vec![0] }));
        // Of a large file less is worth while.
        assert_eq!(settled(500, &[file(100_000, 200)]), None);
        assert_eq!(settled(600, &[file(100, 0), file(100_000, 0)]), Some(Step::Seal { files: vec![0] }));
    }

    #[test]
    fn compacting_ends_with_one_file() {
        assert_eq!(next(&state(0, 0, &[file(9, 0)]), LIMITS, Wanted::Compact), None);
        assert_eq!(
            next(&state(0, 0, &[file(9, 1)]), LIMITS, Wanted::Compact),
            Some(Step::Seal { files: vec![0] })
        );
    }

    impl State {
        /// As it is after a step; returns the rows that it copied.
        fn take(&mut self, step: &Step) -> usize {
            let Step::Seal { files } = step else {
                (self.live, self.head, self.live_dead) = (self.live + self.head, 0, 0);
                return 0;
            };
            let moved: usize = files.iter().map(|&file| self.files[file].alive).sum();
            let rows = moved + self.head + self.live;
            let kept = self.files.iter().enumerate().filter(|(place, _)| !files.contains(place));
            self.files = kept.map(|(_, file)| *file).collect();
            if rows > 0 {
                self.files.push(file(rows, 0));
            }
            (self.head, self.live, self.live_dead) = (0, 0, 0);
            rows
        }

        /// Adds rows to the head, and kills so many hundredths of the last file; returns how many that were.
        fn write(&mut self, rows: usize, killed: usize) -> usize {
            self.head += rows;
            let Some(last) = self.files.last_mut() else { return 0 };
            let killed = (last.alive * killed) / 100;
            *last = file(last.alive - killed, last.dead + killed);
            killed
        }
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
                now.write(rows, killed);
                added += rows;
                let mut steps = 0;
                while let Some(step) = next(&now, LIMITS, Wanted::Due) {
                    steps += 1;
                    prop_assert!(steps < 10, "{:?}", now);
                    copied += now.take(&step);
                }
                prop_assert!(now.files.len() <= MOST_FILES);
            }
            // A row is copied at most as often as a file can grow by a sixteenth, plus once for each time a twentieth dies.
            prop_assert!(copied <= 60 * (added + 1));
        }

        /// A pause after each portion leaves one file and little else, and costs each change a bounded number of copies.
        #[test]
        fn a_pause_ends_and_costs_what_changed(
            portions in proptest::collection::vec((0usize..300, 0usize..3), 1..60),
            first in 0usize..100_000,
        ) {
            let mut now = state(0, 0, &[file(first, 0)]);
            let (mut copied, mut changed) = (0, 0);
            for (rows, killed) in portions {
                changed += rows + now.write(rows, killed);
                for wanted in [Wanted::Due, Wanted::Settled] {
                    let mut steps = 0;
                    while let Some(step) = next(&now, LIMITS, wanted) {
                        steps += 1;
                        prop_assert!(steps < 3, "{:?}", now);
                        copied += now.take(&step);
                    }
                }
                let largest = now.files.iter().map(|file| file.alive).max().unwrap_or(0);
                let all: usize = now.files.iter().map(|file| file.alive + file.dead).sum();
                let left = all - largest + now.head + now.live;
                prop_assert!(now.files.len() <= 2 && now.head + now.live <= SCANNED_ROWS, "{:?}", now);
                prop_assert!(left <= LEFT_ROWS || left * SETTLE_SHARE <= largest, "{:?}", now);
            }
            // Into a small file beside the largest, then into that.
            prop_assert!(copied <= (2 * SETTLE_SHARE + FAN_OUT) * changed, "{} {}", copied, changed);
        }
    }
}
