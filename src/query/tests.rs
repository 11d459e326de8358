//! Answers beside damaged records.

use super::{Like, Similar};
use crate::engine::{Engine, Reader, Request};
use crate::model::{Metric, Record, User};
use crate::storage::{Disk, MemoryBackend, MemoryDisk, keys};
use std::sync::Arc;

const USERS: u16 = 30;

/// Users on a quarter of a circle: u0 is closest to u1, then to u2, and so on.
fn engine(backend: &Arc<MemoryBackend>) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), metric: Some(Metric::Cosine), ..Request::default() };
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let engine = Engine::open_over(folder.path(), &request, &disk, &(Arc::clone(backend) as _)).unwrap();
    let user = |n: u16| {
        let angle = f32::from(n) / f32::from(USERS);
        let vector = Some(vec![angle.cos(), angle.sin()]);
        Record::User(User { id: format!("u{n}"), attributes: [].into(), vector })
    };
    engine.write(&(0..USERS).map(user).collect::<Vec<_>>(), &|_| {}).unwrap();
    engine.apply_waiting();
    (folder, engine)
}

#[test]
fn users_whose_records_are_damaged_are_left_out_and_others_come_in_their_place() {
    for exact in [true, false] {
        let backend = Arc::new(MemoryBackend::default());
        let (_folder, engine) = engine(&backend);
        let ask = |limit: usize, min_score: f32| {
            let (view, settings) = (engine.view(), engine.settings());
            let similar = Similar::new(&view, &settings, Like::user("u0")).limit(limit).exact(exact);
            let hits = similar.min_score(min_score).run().unwrap();
            hits.into_iter().map(|hit| hit.user).collect::<Vec<_>>()
        };
        let names = |which: &[u16]| which.iter().map(|n| format!("u{n}")).collect::<Vec<_>>();
        assert_eq!(ask(4, -1.0), names(&[1, 2, 3, 4]));
        let damage = |n: u16| {
            let no = engine.view().user_no(&format!("u{n}")).unwrap().unwrap();
            backend.tamper(&keys::user(no), |bytes| *bytes.last_mut().unwrap() ^= 1);
        };
        [1, 3, 4, 5, 6, 8].into_iter().for_each(damage);
        assert_eq!(ask(4, -1.0), names(&[2, 7, 9, 10]));
        assert_eq!(ask(1, -1.0), names(&[2]));
        assert_eq!(ask(4, (2.5 / f32::from(USERS)).cos()), names(&[2]), "the score still bounds");
        assert_eq!(ask(0, -1.0), names(&[]));
        assert_eq!(ask(100, -1.0).len(), usize::from(USERS) - 7);
        [2, 7].into_iter().chain(9..USERS).for_each(damage);
        assert_eq!(ask(4, -1.0), names(&[]));
    }
}
