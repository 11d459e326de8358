//! Questions over a snapshot: profiles, similar users, lookalikes, recommendations and the reasons.

mod apart;
mod archives;
mod explain;
mod export;
mod filter;
mod interests;
mod lookalikes;
mod overlaps;
mod profile;
mod reasons;
mod recommend;
mod scan;
mod segments;
mod select;
mod similar;
#[cfg(test)]
mod tests;

pub use crate::model::Blend;
pub use apart::{Contrast, Portrait, Trait, TraitOf};
pub use explain::{Explanation, Part, PartOf};
pub(crate) use export::export;
pub use filter::{Access, Plan, PlanPart};
pub(crate) use filter::{check_attributes, matching};
pub use interests::{Interest, Interests, Member};
pub use lookalikes::{FoundLookalikes, LookalikeMethod, Lookalikes, Seed};
pub use overlaps::{Overlap, Overlaps};
pub(crate) use profile::profile;
pub use profile::{Acted, KindSummary, Profile};
pub(crate) use reasons::explain_segment;
pub use reasons::{Clause, Given, Reasons};
pub use recommend::{Recommend, Recommendation, Signal, SignalScore, Things};
pub use scan::Records;
pub(crate) use scan::{erased, events, items, texts, users};
pub(crate) use segments::{changes_since, members, segments, segments_of};
pub use select::Selection;
pub(crate) use similar::known_user;
pub use similar::{Hit, Like, Similar};
