//! Figures for the recorder that the host installs. Without the feature `metrics` all of it is nothing.

/// A figure's name, with its unit at the end.
pub(crate) type Name = &'static str;
/// What tells apart the figures of one name; never of a user's making.
pub(crate) type Labels<'a> = &'a [(&'static str, &'static str)];

pub(crate) const COMMITS: Name = "kindred_commits_total";
pub(crate) const LOGGED_BYTES: Name = "kindred_logged_bytes_total";
pub(crate) const RECORDS: Name = "kindred_records_total";
pub(crate) const REFUSED: Name = "kindred_refused_total";
pub(crate) const CACHE_HITS: Name = "kindred_cache_hits_total";
pub(crate) const CACHE_MISSES: Name = "kindred_cache_misses_total";
pub(crate) const ERRORS: Name = "kindred_errors_total";
pub(crate) const WAITING_COMMITS: Name = "kindred_waiting_commits";
pub(crate) const OPERATION_SECONDS: Name = "kindred_operation_seconds";
pub(crate) const QUERY_SECONDS: Name = "kindred_query_seconds";
pub(crate) const SYNC_SECONDS: Name = "kindred_log_sync_seconds";
pub(crate) const INDEX_TASK_SECONDS: Name = "kindred_index_task_seconds";

#[cfg(feature = "metrics")]
mod recorded {
    use super::{
        CACHE_HITS, CACHE_MISSES, COMMITS, ERRORS, INDEX_TASK_SECONDS, LOGGED_BYTES, Labels, Name,
        OPERATION_SECONDS, QUERY_SECONDS, RECORDS, REFUSED, SYNC_SECONDS, WAITING_COMMITS,
    };
    use metrics::Unit;
    use std::time::Instant;

    const COUNTERS: [(Name, Unit, &str); 7] = [
        (COMMITS, Unit::Count, "Commits logged"),
        (LOGGED_BYTES, Unit::Bytes, "Bytes added to the commit log"),
        (RECORDS, Unit::Count, "Records written, by outcome"),
        (REFUSED, Unit::Count, "Records refused, by who refused them"),
        (CACHE_HITS, Unit::Count, "Lookups that a cache answered, by cache"),
        (CACHE_MISSES, Unit::Count, "Lookups that a cache did not answer, by cache"),
        (ERRORS, Unit::Count, "Calls and background work that failed, by operation and kind"),
    ];
    const HISTOGRAMS: [(Name, &str); 4] = [
        (OPERATION_SECONDS, "Time of a call, by operation"),
        (QUERY_SECONDS, "Time of a search for similar users, by what they are like and how it is searched"),
        (SYNC_SECONDS, "Time of a sync of the commit log, which writers that wait share"),
        (INDEX_TASK_SECONDS, "Time of a task of the index, by what it does"),
    ];

    /// Tells the recorder what each figure is.
    pub(crate) fn describe() {
        for (name, unit, text) in COUNTERS {
            metrics::describe_counter!(name, unit, text);
        }
        for (name, text) in HISTOGRAMS {
            metrics::describe_histogram!(name, Unit::Seconds, text);
        }
        metrics::describe_gauge!(
            WAITING_COMMITS,
            Unit::Count,
            "Commits logged and not yet applied, of all open stores"
        );
    }

    /// Adds to a counter.
    pub(crate) fn count(name: Name, labels: Labels<'_>, n: u64) {
        if n > 0 {
            metrics::counter!(name, labels).increment(n);
        }
    }

    /// Moves a gauge up or down.
    pub(crate) fn change(name: Name, by: i32) {
        metrics::gauge!(name).increment(f64::from(by));
    }

    /// Measures how long something takes.
    pub(crate) struct Stopwatch(Instant);

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self(Instant::now())
        }

        /// Adds the time since the start to a histogram.
        pub(crate) fn stop(self, name: Name, labels: Labels<'_>) {
            metrics::histogram!(name, labels).record(self.0.elapsed().as_secs_f64());
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod recorded {
    use super::{Labels, Name};

    pub(crate) const fn describe() {}

    pub(crate) const fn count(_: Name, _: Labels<'_>, _: u64) {}

    pub(crate) const fn change(_: Name, _: i32) {}

    pub(crate) struct Stopwatch;

    impl Stopwatch {
        pub(crate) const fn start() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) const fn stop(self, _: Name, _: Labels<'_>) {}
    }
}

pub(crate) use recorded::{Stopwatch, change, count, describe};

#[cfg(test)]
mod tests {
    #[test]
    fn every_figure_is_in_the_table_for_operators() {
        let document = include_str!("../../docs/operations.md");
        let names = include_str!("figures.rs").lines().filter_map(|line| {
            let (_, name) = line.strip_prefix("pub(crate) const ")?.split_once(": Name = \"")?;
            name.strip_suffix("\";")
        });
        for name in names.clone() {
            assert!(document.contains(&format!("| `{name}` |")), "docs/operations.md lacks {name}");
        }
        assert!(names.count() >= 12, "the names were not found");
    }
}
