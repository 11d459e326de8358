//! Damaged files given up while the index is in use: the host makes anew what they held.

use super::options::Options;
use super::prepare::prepared;
use super::sealed::Sealed;
use super::segment::Segment;
use super::view::IndexView;
use super::writer::Index;
use crate::error::{Error, Result};
use roaring::RoaringBitmap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Which files are damaged, and which labels are lost with them: begun by [`Index::doubt`], looked into on any thread, and
/// made good by [`Doubt::amends`]. While it is there no task is planned; dropped, it leaves the index as it was.
#[derive(Debug)]
pub struct Doubt {
    options: Arc<Options>,
    files: Vec<Arc<Sealed>>,
    damaged: Vec<Arc<Sealed>>,
    /// Whether something is wrong and no file is known to be the cause.
    whole: bool,
    /// Labels whose row is in memory or in a sound file.
    held: RoaringBitmap,
    /// Labels that changed since.
    changed: Arc<Mutex<RoaringBitmap>>,
    token: Arc<()>,
}

/// What takes the place of the damaged files, ready for [`Index::mend`]; as long as it is there it stands for the [`Doubt`].
#[derive(Debug)]
pub struct Amends {
    damaged: Vec<Arc<Sealed>>,
    whole: bool,
    /// The rows that are lost.
    lost: Option<Segment>,
    changed: Arc<Mutex<RoaringBitmap>>,
    token: Arc<()>,
}

impl Doubt {
    /// Reads all files, to tell the damaged from the sound, until `cancel` is set; returns whether it came to its end.
    /// Where the index is wrong as a whole and no file is found damaged none counts as sound: nobody knows where it is.
    #[must_use]
    pub fn examine(&mut self, cancel: &AtomicBool) -> bool {
        let mut sound = Vec::new();
        self.damaged.clear();
        for file in &self.files {
            let is_damaged = file.is_distrusted()
                || match file.verify(&|_, _| (), cancel) {
                    Some(problems) => !problems.is_empty(),
                    None => return false,
                };
            let place = if is_damaged { &mut self.damaged } else { &mut sound };
            place.push(Arc::clone(file));
        }
        if self.damaged.is_empty() && self.whole {
            self.damaged = std::mem::take(&mut sound);
        }
        for file in sound {
            let rows = (0..file.rows() as u32).take_while(|_| !cancel.load(Ordering::Relaxed));
            self.held.extend(rows.filter(|&row| file.died(row).is_none()).map(|row| file.label(row)));
        }
        !cancel.load(Ordering::Relaxed)
    }

    /// Whether a label's vector, if it has one, has to be made anew. (What a damaged file says of its labels counts for
    /// nothing, so this is true of unknown labels too.)
    #[must_use]
    pub fn lacks(&self, label: u32) -> bool {
        !self.held.contains(label)
    }

    /// Makes ready the vectors of all labels that it [`lacks`](Self::lacks), as of any time since [`Index::doubt`]. That takes
    /// time, and no writer has to wait for it.
    ///
    /// # Errors
    /// For a vector as [`Index::apply`].
    pub fn amends(self, vectors: Vec<(u32, Vec<f32>)>) -> Result<Amends> {
        let Self { options, damaged, whole, held, changed, token, .. } = self;
        let lost = vectors.into_iter().filter(|(label, _)| !held.contains(*label));
        let lost = prepared(lost.map(|(label, vector)| (label, Some(vector))), &options)?;
        Ok(Amends { damaged, whole, lost: Segment::of(&lost, &options), changed, token })
    }
}

impl Index {
    /// Begins to look for what is damaged; `None` while a task is under way, and where there is nothing to look for.
    #[must_use]
    pub fn doubt(&mut self) -> Option<Doubt> {
        if self.task.strong_count() > 0 || !self.is_distrusted() {
            return None;
        }
        let (token, changed) = (Arc::new(()), Arc::default());
        (self.task, self.changed) = (Arc::downgrade(&token), Arc::downgrade(&changed));
        let held = self.rows.keys().copied().collect();
        let (files, whole) = (self.sealed.clone(), self.distrusted);
        let options = Arc::clone(&self.options);
        Some(Doubt { options, files, damaged: Vec::new(), whole, held, changed, token })
    }

    /// Gives up the damaged files, takes in what was lost with them, and returns the view as of the same commit. What
    /// changed since [`Index::doubt`] stays as it is. No manifest is given out before all of it is sealed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what was in doubt of another index. The index is then as it was.
    pub fn mend(&mut self, amends: Amends) -> Result<IndexView> {
        let Amends { damaged, whole, lost, changed, token } = amends;
        if !std::ptr::eq(Arc::as_ptr(&token), self.task.as_ptr()) {
            return Err(Error::invalid("doubt", "another index's", "mend the index that was in doubt"));
        }
        let changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sealed.retain(|file| !damaged.iter().any(|damaged| Arc::ptr_eq(file, damaged)));
        // Should a manifest name them still, since it could not be removed, the next open finds that they are gone.
        damaged.iter().for_each(|file| file.discard());
        if lost.is_some_and(|lost| self.add_made(lost, &changed)) {
            self.forgo_journal();
        }
        // What was found since is not made good.
        self.distrusted &= !whole;
        self.unwritten = true;
        Ok(self.view())
    }
}
