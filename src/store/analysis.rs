//! What is found out of all users together.

use super::{Snapshot, Store};
use crate::analysis::{Activity, AssignSegments, FindSegments, HoldTogether, MapUsers, TellAttribute};

impl Store {
    /// Looks for clusters of users who are alike by their embeddings, and writes which one each is in as an attribute: segments, filters
    /// and exports take it as any other. [`Snapshot::find_segments`] does so without writing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for no in 0..30 {
    ///         let near = no as f32 / 100.0;
    ///         tx.put_vector(&format!("cook {no}"), vec![1.0, near])?;
    ///         tx.put_vector(&format!("gardener {no}"), vec![near, 1.0])?;
    ///     }
    ///     tx.put_vector("cook 30", vec![1.0, 0.15])
    /// })?;
    /// let found = store.find_segments().clusters(2..=4).seed(7).run(&|_| {})?;
    /// assert_eq!((found.clusters.len(), found.clusters[0].users), (2, 31));
    /// assert!(found.clusters[0].medoids[0].starts_with("cook"));
    /// let cooks = store.snapshot().users_where(attribute("_cluster").eq("c1"))?.run()?;
    /// assert!(cooks.iter().all(|user| user.starts_with("cook")));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn find_segments(&self) -> FindSegments<'_> {
        FindSegments::of_store(&self.engine)
    }

    /// Gives users who have no value of an attribute the one whose bearers they are most like: who came after
    /// [`Store::find_segments`] gets a cluster too.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, cluster, vector) in [("ann", "cooks", [1.0, 0.0]), ("bob", "gardeners", [0.0, 1.0])] {
    ///         tx.put_user(user, [("_cluster", cluster.into())])?;
    ///         tx.put_vector(user, vector.to_vec())?;
    ///     }
    ///     tx.put_vector("cem", vec![0.1, 0.9])
    /// })?;
    /// let assigned = store.assign_segments("_cluster").run(&|_| {})?;
    /// assert_eq!(assigned.written, 1);
    /// let gardeners = store.snapshot().users_where(attribute("_cluster").eq("gardeners"))?.run()?;
    /// assert_eq!(gardeners, ["bob", "cem"]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn assign_segments(&self, attribute: impl Into<String>) -> AssignSegments<'_> {
        AssignSegments::new(&self.engine, attribute.into())
    }
}

impl Snapshot {
    /// Looks for clusters of users who are alike by their embeddings, as [`Store::find_segments`], and writes nothing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = kindred::Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     tx.put_vector("ann", vec![1.0, 0.0])?;
    ///     tx.put_vector("bob", vec![0.0, 1.0])
    /// })?;
    /// let found = store.snapshot().find_segments().clusters(2..=2).run(&|_| {})?;
    /// assert_eq!((found.clusters.len(), found.written), (2, 0));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn find_segments(&self) -> FindSegments<'_> {
        FindSegments::of_snapshot(&self.view, &self.settings)
    }

    /// Measures how well users' values of an attribute are told from their embeddings: by the nearest others, and by logistic regression.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, analysis::ToldBy};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for no in 0..30 {
    ///         let near = no as f32 / 100.0;
    ///         for (hobby, vector) in [("cooking", [1.0, near]), ("gardening", [near, 1.0])] {
    ///             let user = format!("{hobby} {no}");
    ///             tx.put_user(&user, [("_hobby", hobby.into())])?;
    ///             tx.put_vector(&user, vector.to_vec())?;
    ///         }
    ///     }
    ///     Ok(())
    /// })?;
    /// let told = store.snapshot().tell_attribute("_hobby").folds(3).run(&|_| {})?;
    /// assert_eq!(told.values, ["cooking", "gardening"]);
    /// let accuracy = |by| told.methods.iter().find(|method| method.by == by).map(|method| method.quality.accuracy);
    /// assert_eq!((accuracy(ToldBy::Majority), accuracy(ToldBy::Logistic)), (Some(0.5), Some(1.0)));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn tell_attribute(&self, attribute: impl Into<String>) -> TellAttribute<'_> {
        TellAttribute::new(&self.view, &self.settings, attribute.into())
    }

    /// What users did over time: events by kind, users who were active, and new ones, by day, week, month or longer.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, analysis::TimeBin, model::Event};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, kind, day) in [("ann", "view", "2026-01-05"), ("ann", "purchase", "2026-01-06"), ("bob", "view", "2026-01-19")] {
    ///         tx.record(Event::new(user, kind, day.parse()?))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let activity = store.snapshot().activity().bin(TimeBin::Week).run(&|_| {})?;
    /// assert_eq!(activity.kinds, ["view", "purchase"]);
    /// let weeks: Vec<_> = activity.bins.iter().map(|week| (&*week.events, week.active_users, week.new_users)).collect();
    /// assert_eq!(weeks, [(&[1, 1][..], 1, 1), (&[0, 0][..], 0, 0), (&[1, 0][..], 1, 1)]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn activity(&self) -> Activity<'_> {
        Activity::new(&self.view, &self.settings)
    }

    /// A map of users in two dimensions, by the directions in which their embeddings vary most.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = kindred::Store::options().dim(3).metric(kindred::model::Metric::L2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, vector) in [("ann", [4.0, 0.0, 7.0]), ("bob", [-4.0, 0.0, 7.0]), ("cem", [0.0, 3.0, 7.0]), ("dan", [0.0, -3.0, 7.0])] {
    ///         tx.put_vector(user, vector.to_vec())?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let map = store.snapshot().map_users().run(&|_| {})?;
    /// let ann = &map.points[0];
    /// assert_eq!((&*ann.user, ann.x.round(), ann.y.round().abs()), ("ann", 4.0, 0.0));
    /// assert!((map.variance[0] - 0.64).abs() < 1e-9 && (map.variance[1] - 0.36).abs() < 1e-9);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn map_users(&self) -> MapUsers<'_> {
        MapUsers::new(&self.view, &self.settings)
    }

    /// Measures how well segments hold together by their users' embeddings; with [`HoldTogether::attribute`], how well clusters do, and whether
    /// they are found again in halves of the users.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for no in 0..30 {
    ///         let near = no as f32 / 100.0;
    ///         for (hobby, vector) in [("cooking", [1.0, near]), ("gardening", [near, 1.0])] {
    ///             let user = format!("{hobby} {no}");
    ///             tx.put_user(&user, [("_hobby", hobby.into())])?;
    ///             tx.put_vector(&user, vector.to_vec())?;
    ///         }
    ///     }
    ///     tx.define_segment("cooks", attribute("_hobby").eq("cooking"))
    /// })?;
    /// let held = store.snapshot().hold_together().run(&|_| {})?;
    /// assert_eq!((&*held.groups[0].name, held.groups[0].users), ("cooks", 30));
    /// assert!(held.groups[0].silhouette > Some(0.7));
    /// let held = store.snapshot().hold_together().attribute("_hobby").run(&|_| {})?;
    /// assert!(held.silhouette > Some(0.7));
    /// assert_eq!(held.stability.unwrap().between_halves.mean, 1.0);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn hold_together(&self) -> HoldTogether<'_> {
        HoldTogether::new(&self.view, &self.settings)
    }
}
