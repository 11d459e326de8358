//! How alike users are, as predicates ask for it: one scan of all embeddings for each user or sentence.

use crate::engine::predicate::{Alike, Scores};
use crate::engine::{Published, Settings};
use crate::error::Result;
use crate::index::IndexView;
use crate::query::similar::{Like, Similar};
use crate::storage::View;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Who tells of a snapshot's users how alike they are. What is asked for twice is compared once.
pub(super) struct Likenesses<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    /// By whether it is a user, and the id or sentence.
    known: RefCell<HashMap<(bool, String), Arc<Compared>>>,
}

impl<'a> Likenesses<'a> {
    pub(super) fn new(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self { view, settings, known: RefCell::default() }
    }

    fn to(&self, like: Like<'_>, name: (bool, String)) -> Result<Arc<dyn Scores>> {
        if let Some(known) = self.known.borrow().get(&name) {
            return Ok(Arc::clone(known) as Arc<dyn Scores>);
        }
        let query = Similar::new(self.view, self.settings, like).query()?;
        let index = IndexView::clone(&self.view.attachment().index);
        let compared = Arc::new(Compared { index, query, all: OnceLock::new() });
        self.known.borrow_mut().insert(name, Arc::clone(&compared));
        Ok(compared)
    }
}

impl Alike for Likenesses<'_> {
    fn to_user(&self, id: &str) -> Result<Arc<dyn Scores>> {
        self.to(Like::User(id), (true, id.to_owned()))
    }

    fn to_text(&self, text: &str) -> Result<Arc<dyn Scores>> {
        self.to(Like::Text(text), (false, text.to_owned()))
    }
}

/// Users compared with something, once that is needed.
struct Compared {
    index: IndexView,
    /// With what, and what scores are to be divided by; nothing, where nobody can be alike.
    query: Option<(Vec<f32>, f32)>,
    /// By users' numbers: 4 bytes for each, NaN where there is nothing to compare.
    all: OnceLock<Vec<f32>>,
}

impl Compared {
    fn compare(&self) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        let Some((query, norm)) = &self.query else { return Ok(all) };
        for (user, score) in self.index.scores(query)? {
            let at = user as usize;
            if all.len() <= at {
                all.resize(at + 1, f32::NAN);
            }
            all[at] = score / norm;
        }
        Ok(all)
    }
}

impl Scores for Compared {
    fn of(&self, user: u32) -> Result<Option<f32>> {
        let all = if let Some(all) = self.all.get() {
            all
        } else {
            let all = self.compare()?;
            self.all.get_or_init(|| all)
        };
        Ok(all.get(user as usize).copied().filter(|score| !score.is_nan()))
    }
}
