//! A store of vectors that the host made itself: no encoder, any dimension up to 4,096, here under L2.
//!
//! `cargo run --example own_vectors`

use kindred::model::Metric;
use kindred::{Like, Result, Store};

/// Points on a circle, so that who is near whom is known.
fn on_circle(degrees: u16) -> Vec<f32> {
    let radians = f32::from(degrees).to_radians();
    vec![radians.cos(), radians.sin()]
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("kindred-own-vectors-{}", std::process::id()));
    let store = Store::options().dim(2).metric(Metric::L2).open(&folder)?;
    store.write(|tx| {
        (0..360)
            .step_by(10)
            .try_for_each(|degrees| tx.put_vector(&format!("at-{degrees}"), on_circle(degrees)))
    })?;

    let snapshot = store.snapshot();
    let query = on_circle(93);
    let hits = snapshot.similar(Like::vector(&query)).limit(3).run()?;
    for hit in &hits {
        println!("{} at squared distance {:.4}", hit.user, -hit.score);
    }
    let names: Vec<&str> = hits.iter().map(|hit| hit.user.as_str()).collect();
    assert_eq!(names, ["at-90", "at-100", "at-80"]);

    let neighbors = snapshot.similar("at-0").limit(2).exclude(["at-10"]).run()?;
    assert_eq!(neighbors[0].user, "at-350");

    // A new vector is found by the first question after the write.
    store.write(|tx| tx.put_vector("at-100", on_circle(93)))?;
    let hits = store.snapshot().similar(Like::vector(&query)).limit(1).run()?;
    assert_eq!(hits[0].user, "at-100");

    drop((snapshot, store));
    // Opening with other options than the store was made with is an error that names both.
    let error = Store::options().dim(3).open(&folder).err().map(|error| error.to_string());
    println!("{}", error.as_deref().unwrap_or("opened"));
    assert!(error.is_some_and(|text| text.contains("dim 2")));
    std::fs::remove_dir_all(&folder).map_err(kindred::Error::host)
}
