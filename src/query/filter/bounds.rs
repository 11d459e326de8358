//! What is known of the users of whom a part of a predicate is true, before any of them is asked.

use roaring::RoaringBitmap;
use std::sync::Arc;

/// Of whom something surely is so, and of whom it may be, who are no fewer.
#[derive(Clone)]
pub(super) struct Bounds {
    pub surely: Arc<RoaringBitmap>,
    pub perhaps: Arc<RoaringBitmap>,
}

impl Bounds {
    /// Of just these it is so.
    pub(super) fn exactly(users: Arc<RoaringBitmap>) -> Self {
        Self { surely: Arc::clone(&users), perhaps: users }
    }

    /// Of any of these it may be so.
    pub(super) fn any_of(users: &Arc<RoaringBitmap>) -> Self {
        Self { surely: Arc::default(), perhaps: Arc::clone(users) }
    }

    pub(super) fn is_exact(&self) -> bool {
        Arc::ptr_eq(&self.surely, &self.perhaps) || self.surely.len() == self.perhaps.len()
    }

    /// The same done to both, once where they are one.
    fn each(
        &self,
        other: &Self,
        join: impl Fn(&Arc<RoaringBitmap>, &Arc<RoaringBitmap>) -> Arc<RoaringBitmap>,
    ) -> Self {
        let perhaps = join(&self.perhaps, &other.perhaps);
        let are_exact = [self, other].into_iter().all(|bounds| Arc::ptr_eq(&bounds.surely, &bounds.perhaps));
        let surely = if are_exact { Arc::clone(&perhaps) } else { join(&self.surely, &other.surely) };
        Self { surely, perhaps }
    }

    /// Of whom both are so.
    pub(super) fn and(&self, other: &Self) -> Self {
        self.each(other, |left, right| {
            if left.is_empty() || Arc::ptr_eq(left, right) {
                Arc::clone(left)
            } else {
                Arc::new(&**left & &**right)
            }
        })
    }

    /// Of whom either is so.
    pub(super) fn or(&self, other: &Self) -> Self {
        self.each(other, |left, right| {
            if left.is_empty() || Arc::ptr_eq(left, right) {
                Arc::clone(right)
            } else {
                Arc::new(&**left | &**right)
            }
        })
    }

    /// Who of `all` are left: those of whom it is not so.
    pub(super) fn others(&self, all: &RoaringBitmap) -> Self {
        let perhaps = Arc::new(all - &*self.surely);
        let is_exact = Arc::ptr_eq(&self.surely, &self.perhaps);
        let surely = if is_exact { Arc::clone(&perhaps) } else { Arc::new(all - &*self.perhaps) };
        Self { surely, perhaps }
    }
}
