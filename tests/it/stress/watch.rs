//! Tells a deadlock: who stands where, once somebody has not got on for far too long.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(50);
/// Looks at which a step goes on: far more than any takes, however slow the machine is. Looks are counted, not seconds, so that a
/// process that is stopped for a while is not taken for stuck.
const PATIENCE: u32 = 6000;

/// What threads are at.
#[derive(Default)]
pub struct Watch {
    posts: Mutex<Vec<Post>>,
    left: AtomicUsize,
}

struct Post {
    who: String,
    at: Option<&'static str>,
    steps: u64,
    /// How often it was looked at since its last step began.
    looks: u32,
}

/// A thread that tells what it is at.
pub struct Watched<'a> {
    watch: &'a Watch,
    place: usize,
}

impl Watch {
    /// Someone who is to be at work until this is dropped.
    pub fn take_on(&self, who: String) -> Watched<'_> {
        let mut posts = self.posts.lock().unwrap();
        posts.push(Post { who, at: Some("starting"), steps: 0, looks: 0 });
        self.left.fetch_add(1, Ordering::SeqCst);
        Watched { watch: self, place: posts.len() - 1 }
    }

    /// Waits until all are done, and tells them that time is up when `end` says so. Who does not get on ends the process, with a word on where everybody stands: a thread that waits
    /// for ever could not be joined.
    pub fn until_done(&self, mut end: impl FnMut()) {
        while self.left.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(LOOK);
            end();
            let stuck = self.posts.lock().unwrap().iter_mut().any(Post::is_stuck);
            if stuck {
                eprintln!("deadlock, or a step of more than {PATIENCE} looks:\n{}", self.told());
                std::process::exit(101);
            }
        }
    }

    /// Who was at what how often.
    pub fn told(&self) -> String {
        let posts = self.posts.lock().unwrap();
        posts.iter().map(Post::told).collect::<Vec<_>>().join("\n")
    }
}

impl Post {
    fn is_stuck(&mut self) -> bool {
        self.looks += 1;
        self.at.is_some() && self.looks > PATIENCE
    }

    fn told(&self) -> String {
        let (who, steps, looks) = (&self.who, self.steps, self.looks);
        match self.at {
            Some(what) => format!("{who}: at {what} for {looks} looks, after {steps} steps"),
            None => format!("{who}: {steps} steps"),
        }
    }
}

impl Watched<'_> {
    /// The next step begins.
    pub fn at(&self, what: &'static str) {
        let post = &mut self.watch.posts.lock().unwrap()[self.place];
        (post.at, post.looks) = (Some(what), 0);
        post.steps += 1;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watch.posts.lock().unwrap()[self.place].at = None;
        self.watch.left.fetch_sub(1, Ordering::SeqCst);
    }
}
