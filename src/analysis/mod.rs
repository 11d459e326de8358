//! What is found out of many users together, over a snapshot; what is told of each of them goes back as an ordinary attribute.

mod activity;
mod assign;
#[cfg(feature = "hdbscan")]
mod dense;
mod describe;
mod embedded;
mod find;
mod hold;
mod map;
mod partition;
mod report;
mod rules;
mod tell;
mod values;

pub use activity::{Activity, ActivityBin, ActivityReport, TimeBin};
pub use assign::AssignSegments;
pub use find::FindSegments;
pub use hold::{HeldGroup, HeldTogether, HoldTogether, Stability};
pub use map::{MapUsers, MappedUser, UserMap};
pub use partition::Method;
pub use report::{AssignedCluster, AssignedSegments, FoundCluster, FoundSegments, TriedClusters};
pub use rules::{Element, FoundRules, Rule, RuleOrder, Rules, Support};
pub use tell::{RareValue, TellAttribute, ToldAttribute, ToldBy, ToldValues};
