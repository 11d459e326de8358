//! Questions over a snapshot: profiles, similar users and the reasons.

mod archives;
mod explain;
mod export;
mod profile;
mod scan;
mod similar;
#[cfg(test)]
mod tests;

pub use explain::{Explanation, Part, PartOf};
pub(crate) use export::export;
pub(crate) use profile::profile;
pub use profile::{Acted, KindSummary, Profile};
pub use scan::Records;
pub(crate) use scan::{erased, events, items, texts, users};
pub use similar::{Hit, Like, Similar};
