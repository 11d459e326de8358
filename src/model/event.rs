//! What a user did.

use super::Time;
use serde::{Deserialize, Serialize};

/// Something a user did, once, at a point in time.
///
/// ```
/// use kindred::model::{Event, Time};
/// let event = Event::new("alice", "purchase", Time::from_secs(0)?).item("p1").value(3.5);
/// assert_eq!(event.item.as_deref(), Some("p1"));
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The host's own id. Events with the same id are one event; without ids, events that agree in
    /// all fields are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who did it.
    pub user: String,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// View, cart, purchase, review, like, share, dismiss, or a kind of the host's own.
    pub kind: String,
    /// When.
    pub time: Time,
    /// What it was worth, in the host's unit (money, stars): summed up in the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<f64>,
    /// What the user wrote with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Event {
    /// An event of a user, of a kind, at a time; the rest is added by the methods below.
    pub fn new(user: impl Into<String>, kind: impl Into<String>, time: Time) -> Self {
        Self {
            id: None,
            user: user.into(),
            item: None,
            kind: kind.into(),
            time,
            value: None,
            quantity: None,
            text: None,
        }
    }

    /// Sets the host's own id, by which duplicates are known.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets what it was done to.
    #[must_use]
    pub fn item(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    /// Sets what it was worth.
    #[must_use]
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// Sets how many.
    #[must_use]
    pub fn quantity(mut self, quantity: f64) -> Self {
        self.quantity = Some(quantity);
        self
    }

    /// Sets what the user wrote with it.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}
