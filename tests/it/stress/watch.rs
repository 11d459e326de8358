//! Tells a deadlock: who stands where, once somebody has not got on for far too long.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Far longer than any one step takes, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(50);

/// What threads are at.
#[derive(Default)]
pub struct Watch {
    posts: Mutex<Vec<Post>>,
    left: AtomicUsize,
}

struct Post {
    who: String,
    at: Option<(&'static str, Instant)>,
    steps: u64,
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
        posts.push(Post { who, at: Some(("starting", Instant::now())), steps: 0 });
        self.left.fetch_add(1, Ordering::SeqCst);
        Watched { watch: self, place: posts.len() - 1 }
    }

    /// Waits until all are done. Who does not get on ends the process, with a word on where everybody stands: a thread that waits
    /// for ever could not be joined.
    pub fn until_done(&self) {
        while self.left.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(LOOK);
            if self.posts.lock().unwrap().iter().any(Post::is_stuck) {
                eprintln!("deadlock, or a step of more than {PATIENCE:?}:\n{}", self.told());
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
    fn is_stuck(&self) -> bool {
        self.at.is_some_and(|(_, since)| since.elapsed() > PATIENCE)
    }

    fn told(&self) -> String {
        match self.at {
            Some((what, since)) => {
                let (who, steps, seconds) = (&self.who, self.steps, since.elapsed().as_secs());
                format!("{who}: at {what} for {seconds} s, after {steps} steps")
            }
            None => format!("{}: {} steps", self.who, self.steps),
        }
    }
}

impl Watched<'_> {
    /// The next step begins.
    pub fn at(&self, what: &'static str) {
        let post = &mut self.watch.posts.lock().unwrap()[self.place];
        post.at = Some((what, Instant::now()));
        post.steps += 1;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watch.posts.lock().unwrap()[self.place].at = None;
        self.watch.left.fetch_sub(1, Ordering::SeqCst);
    }
}
