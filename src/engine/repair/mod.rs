//! A damaged store saved into a new one: all records that can be read go in by the ordinary way, so that all that is
//! derived is made anew, and what could not be saved is named.

mod archives;
mod ids;
mod model;
mod records;
mod report;
mod segments;
mod target;

pub use report::{RepairReport, RepairedModel};

use super::Engine;
use super::backup::refuse_within;
use super::open;
use super::reader::Reader;
use super::settings::{EncoderChoice, Request, Settings, Source as Vectors};
use super::stored::Counters;
use super::verify::{Findings, VerifyOptions, open_closed, sound, verify_opened};
use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Blend, KeepEvents, OnProgress};
use crate::storage::{self, Contents, Place, codec, keys};
use records::Source;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use target::Target;

/// Saves what is left of a store that nobody has open into a new one. The request says what the store's own settings do not,
/// or no longer do.
pub(crate) fn repair(
    from: &Path,
    to: &Path,
    request: &Request,
    progress: OnProgress<'_>,
) -> Result<RepairReport> {
    request.check(to)?;
    refuse_within(from, to)?;
    let opened = open_closed(from)?;
    let place = Place::take(to)?;
    let found = verify_opened(&opened.contents, VerifyOptions::new(), progress, &AtomicBool::new(false))?;
    let second = if found.found > 0 && opened.is_backed() {
        sounder(from, &opened.contents, found.found)?
    } else {
        None
    };
    let contents = second.as_ref().unwrap_or(&opened.contents);
    let mut lost = Findings::default();
    let settings = settings(contents, request, &mut lost)?;
    let keep_events = request.keep_events.or(keep_events(contents, &mut lost)?);
    let request = Request { keep_events, ..request.clone() };
    let engine = Engine::make(&place.store(), &request, settings)?;
    if let Some(blend) = blend(contents, &mut lost)? {
        engine.learn_blend(|_| blend)?;
    }
    let report = RepairReport { found: found.found, problems: found.problems, ..RepairReport::default() };
    let report = save(contents, Target::new(&engine, lost, progress), report, progress)?;
    check(&engine, progress)?;
    engine.checkpoint()?;
    drop((engine, opened));
    place.finish()?;
    Ok(report)
}

/// The base of a store with its log, where fewer values are damaged in them than in the data.
fn sounder(store: &Path, data: &Contents, found: u64) -> Result<Option<Contents>> {
    // What it is worth is for the comparison to say.
    let Ok(second) = storage::read_only(store) else { return Ok(None) };
    let (options, unheard) = (VerifyOptions::new(), AtomicBool::new(false));
    let verified = sound(verify_opened(&second, options, &|_| {}, &unheard))?;
    let is_sounder = second.seq() == data.seq() && verified.is_some_and(|report| report.found < found);
    Ok(is_sounder.then_some(second))
}

/// The settings of the store, as far as they can be read, with its encoder.
fn settings(
    opened: &Contents,
    request: &Request,
    lost: &mut Findings,
) -> Result<(Settings, Option<Arc<dyn Encoder>>)> {
    let key = keys::meta("settings");
    let error = match opened.read::<Settings>("settings", &key) {
        Ok(Some(stored)) => return request.resolve(&stored),
        Ok(None) => Error::damaged("settings", "they are missing"),
        Err(error) => error,
    };
    let mut request = request.clone();
    if request.dim.is_none() && matches!(request.encoder, EncoderChoice::Stored) {
        request.dim = dim_of_vectors(opened)?;
    }
    let made = request.resolve_new()?;
    let taken = match &made.0.source {
        Vectors::Vectors { dim, metric } => {
            format!("vectors of {dim} dimensions are taken for it, and {metric}")
        }
        Vectors::Encoder { id, .. } => format!("the encoder {id} is taken for it"),
    };
    lost.add_kept(&key, error, &format!("{taken}, with the default and the given kinds of events"))?;
    Ok(made)
}

/// How long the store keeps events, as far as that can be read.
fn keep_events(opened: &Contents, lost: &mut Findings) -> Result<Option<KeepEvents>> {
    let key = keys::meta("keep");
    match opened.read("policy for old events", &key) {
        Ok(keep) => Ok(keep),
        Err(error) => {
            lost.add_kept(&key, error, "all events are kept, unless others are asked for").map(|()| None)
        }
    }
}

/// What was learned of the weights of signals, as far as that can be read.
fn blend(opened: &Contents, lost: &mut Findings) -> Result<Option<Blend>> {
    match open::blend(opened) {
        Ok(blend) => Ok(blend),
        Err(error) => lost.add_kept(&keys::meta("blend"), error, "they begin as by default").map(|()| None),
    }
}

/// Dimensions of the first of the host's own vectors that can be read.
fn dim_of_vectors(opened: &Contents) -> Result<Option<usize>> {
    let mut dim = None;
    opened.scan_each(&keys::vectors(), |_, value| {
        dim = match value.and_then(|value| codec::decode::<Vec<f32>>("vector", &value)) {
            Ok(vector) => Some(vector.len()),
            Err(error) if error.kind() == ErrorKind::Damage => None,
            Err(error) => return Err(error),
        };
        Ok(if dim.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(dim)
}

fn save(
    opened: &Contents,
    mut target: Target<'_>,
    mut report: RepairReport,
    progress: OnProgress<'_>,
) -> Result<RepairReport> {
    let mut source = Source::read(opened)?;
    let items = source.save_items(&mut target)?;
    report.model = source.save_model(&mut target, progress)?;
    let users = source.save_users(&mut target)?;
    source.save_vectors(&mut target)?;
    let events = source.save_events(&target.engine.settings().kinds, &mut target)?;
    let texts = source.save_texts(&mut target)?;
    source.save_archives(&target.engine.settings().kinds, &mut target)?;
    count_vanished(opened, [users, items, events, texts], &mut target.lost)?;
    // Last: whoever is there stays, though there be a mark too.
    source.save_segments(&mut target)?;
    report.erased = source.save_marks(&mut target)?;
    if report.model == RepairedModel::Relearned {
        target.engine.fit(progress)?;
    }
    target.engine.fold_due(progress)?;
    let view = target.engine.view();
    let counters = view.attachment().counters;
    report.events_folded = view.attachment().folded.unwrap_or(0);
    (report.users, report.items) = (counters.users, counters.items);
    (report.events, report.texts) = (counters.events, counters.texts);
    report.lost = target.lost.count();
    report.losses = target.lost.into_problems(opened)?;
    Ok(report)
}

/// Records that left no trace but in the counts, where these can be read.
fn count_vanished(opened: &Contents, there: [u64; 4], lost: &mut Findings) -> Result<()> {
    let key = keys::meta("counters");
    let Some(Some(counters)) = sound(opened.read::<Counters>("counters", &key))? else { return Ok(()) };
    let counted = [counters.users, counters.items, counters.events, counters.texts];
    for ((what, counted), there) in ["users", "items", "events", "texts"].iter().zip(counted).zip(there) {
        if counted > there {
            let gone = counted - there;
            lost.add(&key, format!("it says {counted} {what}, and of {gone} there is no other trace"));
        }
    }
    Ok(())
}

/// The new store is read whole before it is there.
fn check(engine: &Engine, progress: OnProgress<'_>) -> Result<()> {
    let report = engine.verify(VerifyOptions::new(), progress, &AtomicBool::new(false))?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(Error::damaged("the repaired store", problem.to_string())),
    }
}
