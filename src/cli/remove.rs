//! `kindred remove`: a user, an item or an attribute.

use super::StoreArgs;
use super::output::Output;
use crate::error::{Error, Result};
use clap::Args;
use serde::Serialize;

/// What to remove.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred remove shop --user ann                  the user, whole
  kindred remove shop --user ann --attribute age  one attribute
  kindred remove shop --item p1                   the item, and what it contributed to profiles")]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The user to remove, or whose attribute
    #[arg(long, conflicts_with = "item", required_unless_present = "item")]
    user: Option<String>,
    /// The item to remove
    #[arg(long)]
    item: Option<String>,
    /// The attribute of the user to remove
    #[arg(long, requires = "user")]
    attribute: Option<String>,
}

#[derive(Serialize)]
struct Removed {
    removed: &'static str,
    id: String,
}

pub(crate) fn run(args: &RemoveArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let before = store.snapshot().stats()?;
    let removed = match (&args.user, &args.item, &args.attribute) {
        (Some(user), _, Some(attribute)) => {
            let attributes = store.snapshot().profile(user)?.attributes;
            if !attributes.contains_key(attribute) {
                return Err(Error::Unknown {
                    what: "attribute",
                    name: attribute.clone(),
                    nearest: crate::model::nearest_name(attribute, attributes.keys().map(String::as_str)),
                });
            }
            store.write(|tx| tx.remove_attribute(user, attribute))?;
            Removed { removed: "attribute", id: attribute.clone() }
        }
        (Some(user), _, None) => {
            store.snapshot().profile(user)?;
            store.write(|tx| tx.remove_user(user))?;
            Removed { removed: "user", id: user.clone() }
        }
        (None, Some(item), _) => {
            store.write(|tx| tx.remove_item(item))?;
            if store.snapshot().stats()?.items == before.items {
                return Err(Error::Unknown { what: "item", name: item.clone(), nearest: None });
            }
            Removed { removed: "item", id: item.clone() }
        }
        (None, None, _) => return Err(Error::Bug("the argument parser let nothing through".to_owned())),
    };
    output.result(&removed, |removed| format!("Removed the {} {}.", removed.removed, removed.id))
}
