//! Which texts run together, and on which threads.

use std::any::Any;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use crate::error::{Error, Result};

/// Enough rows to keep a matrix product busy, few enough for its activations to stay in cache.
const TOKENS_PER_BATCH: usize = 1024;

/// Batches of text numbers, longest texts first, so that no thread ends on a long one; texts without tokens are
/// in none.
pub(super) fn batches(ids: &[Vec<u32>], threads: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..ids.len()).filter(|&text| !ids[text].is_empty()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(ids[text].len()));
    let tokens: usize = ids.iter().map(Vec::len).sum();
    let limit = tokens.div_ceil(threads).min(TOKENS_PER_BATCH);
    let (mut batches, mut batch, mut size) = (Vec::new(), Vec::new(), 0);
    for text in order {
        if !batch.is_empty() && size + ids[text].len() > limit {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
        size += ids[text].len();
        batch.push(text);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Runs `work` over all jobs on up to `threads` threads; results in the jobs' order, or the first error.
pub(super) fn in_parallel<J: Sync, T: Send>(
    threads: usize,
    jobs: &[J],
    work: impl Fn(&J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = threads.min(jobs.len());
    if threads <= 1 {
        return jobs.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    let worker = || -> Result<()> {
        while let Some((index, job)) = take(&next, jobs) {
            let result = work(job).inspect_err(|_| next.store(jobs.len(), Ordering::Relaxed))?;
            results.lock().map_err(|_| Error::Bug("a worker died".into()))?.push((index, result));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(ScopedJoinHandle::join);
        let ended: Vec<_> =
            ended.map(|end| end.unwrap_or_else(|panic| Err(Error::Bug(message(panic.as_ref()))))).collect();
        ended.into_iter().collect::<Result<()>>()
    })?;
    let mut results = results.into_inner().map_err(|_| Error::Bug("a worker died".into()))?;
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn take<'a, J>(next: &AtomicUsize, jobs: &'a [J]) -> Option<(usize, &'a J)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(index).map(|job| (index, job))
}

/// What a panic said.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
