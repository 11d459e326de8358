//! Questions over a snapshot: profiles, similar users and the reasons.

mod archives;
mod explain;
mod export;
mod filter;
mod profile;
mod scan;
mod select;
mod similar;
#[cfg(test)]
mod tests;

pub use explain::{Explanation, Part, PartOf};
pub(crate) use export::export;
pub use filter::{Access, Plan, PlanPart};
pub(crate) use profile::profile;
pub use profile::{Acted, KindSummary, Profile};
pub use scan::Records;
pub(crate) use scan::{erased, events, items, texts, users};
pub use select::Selection;
pub use similar::{Hit, Like, Similar};
