//! Names that the host gives to users, items and events.

use crate::error::{Error, Result};

/// Longest id in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Refuses an id that is empty, longer than [`MAX_ID_BYTES`] or holds a control character.
///
/// # Errors
/// [`Error::Invalid`], naming `what`.
///
/// ```
/// assert!(kindred::model::check_id("user id", "alice").is_ok());
/// assert!(kindred::model::check_id("user id", "").is_err());
/// ```
pub fn check_id(what: &str, id: &str) -> Result<()> {
    if id.is_empty() {
        return Err(Error::invalid(what, "empty", "an id has 1 to 256 bytes"));
    }
    if id.len() > MAX_ID_BYTES {
        return Err(Error::invalid(what, format!("{} bytes long", id.len()), "an id has 1 to 256 bytes"));
    }
    if let Some(c) = id.chars().find(|c| c.is_control()) {
        return Err(Error::invalid(
            what,
            format!("{id:?}"),
            format!("an id holds no control characters, this one holds {c:?}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_in_bytes() {
        assert!(check_id("id", &"a".repeat(256)).is_ok());
        assert!(check_id("id", &"a".repeat(257)).is_err());
        assert!(check_id("id", &"é".repeat(128)).is_ok());
        assert!(check_id("id", &"é".repeat(129)).is_err());
        assert!(check_id("id", "a\nb").is_err());
    }
}
