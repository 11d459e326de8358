//! What things are close to which of the user's interests.

use super::super::interests::{Found, MOST};
use super::super::similar::Like;
use super::Recommend;
use super::candidates::Candidate;
use crate::engine::{Points, Published, Source};
use crate::error::Result;
use crate::profile::Target;
use crate::storage::View;

/// The interests of who is asked for.
pub(super) struct Interests(Found);

impl Recommend<'_> {
    /// The user's interests, where they count or are to be told.
    pub(super) fn interests(&self, points: &mut Points) -> Result<Option<Interests>> {
        let matter = self.weights().interests > 0.0 || self.explain;
        let embeds = matches!(self.settings.source, Source::Encoder { .. });
        match self.user()?.filter(|_| matter && embeds && matches!(self.like, Like::User(_))) {
            Some(user) => Ok(Some(Interests(Found::of(self.view, self.settings, points, (user, MOST))?))),
            None => Ok(None),
        }
    }
}

impl Interests {
    /// Which is the closest to a thing, and their cosine; of a category, to the item that stands for it. None where the thing lies nowhere.
    pub(super) fn closest(
        &self,
        view: &View<Published>,
        points: &mut Points,
        candidate: &Candidate,
    ) -> Result<Option<(usize, f32)>> {
        let target = candidate.item.group.map_or(Target::Item(candidate.no), Target::Group);
        self.0.closest(view, points, target)
    }

    pub(super) fn name(&self, view: &View<Published>, at: usize) -> Result<String> {
        self.0.name(view, at)
    }
}
