//! Questions that cannot be answered.

use super::{Row, Victim, row};
use kindred::model::{
    Interval, Metric, Pattern, ago, attribute, count, item, last, similar_to, similar_to_text, texts,
};
use kindred::query::Blend;
use kindred::{Like, Result, Snapshot};
use std::ops::RangeInclusive;

/// What is asked.
type Question = fn(&Snapshot) -> Result<()>;

const fn question(
    name: &'static str,
    input: Question,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<Question> {
    row(name, input, variant, words)
}

fn clusters(snapshot: &Snapshot, numbers: RangeInclusive<usize>) -> Result<()> {
    snapshot.find_segments().clusters(numbers).run(&|_| {}).map(drop)
}

const fn from_to(from: usize, to: usize) -> RangeInclusive<usize> {
    from..=to
}

/// Of a store with an encoder.
pub(super) const ROWS: &[Row<Question>] = &[
    question(
        "profile of nobody",
        |s| s.profile("u99").map(drop),
        "Unknown",
        &["there is no user \"u99\" in this store"],
    ),
    question("profile without an id", |s| s.profile("").map(drop), "Invalid", &["user id is empty"]),
    question(
        "profile of a megabyte of id",
        |s| s.profile(&"u".repeat(1 << 20)).map(drop),
        "Invalid",
        &["1048576 bytes long"],
    ),
    question("events of nobody", |s| s.events("u99").map(drop), "Unknown", &["no user \"u99\""]),
    question("texts of nobody", |s| s.texts("u99").map(drop), "Unknown", &["no user \"u99\""]),
    question("texts of a bad id", |s| s.texts("a\0").map(drop), "Invalid", &["control"]),
    question("similar to nobody", |s| s.similar("u99").run().map(drop), "Unknown", &["no user \"u99\""]),
    question("similar without an id", |s| s.similar("").run().map(drop), "Invalid", &["user id is empty"]),
    question(
        "lookalikes of no segment",
        |s| s.lookalikes("x").run().map(drop),
        "Unknown",
        &["no segment \"x\""],
    ),
    question(
        "lookalikes of a stranger",
        |s| s.lookalikes(["u99"]).run().map(drop),
        "Unknown",
        &["no user \"u99\""],
    ),
    question(
        "lookalikes of an empty id",
        |s| s.lookalikes([""]).run().map(drop),
        "Invalid",
        &["user id is empty"],
    ),
    question("lookalikes of nobody", |s| s.lookalikes([]).run().map(drop), "Invalid", &["seed is nobody"]),
    question(
        "lookalikes beyond the bound",
        |s| s.lookalikes(["u1"]).limit(100_001).run().map(drop),
        "Invalid",
        &["limit is 100001", "at most 100000"],
    ),
    question(
        "lookalikes by all memory",
        |s| s.lookalikes(["u1"]).sample(usize::MAX).run().map(drop),
        "Invalid",
        &["sample is", "1 to 100000"],
    ),
    question(
        "lookalikes within a filter of two types",
        |s| s.lookalikes(["u1"]).filter(attribute("age").gt("x"))?.run().map(drop),
        "Invalid",
        &["cannot be compared with a text"],
    ),
    question(
        "labels of what nobody has",
        |s| s.tell_attribute("x").run(&|_| {}).map(drop),
        "Unknown",
        &["no attribute \"x\""],
    ),
    question(
        "labels of all memory",
        |s| s.tell_attribute("town").sample(usize::MAX).run(&|_| {}).map(drop),
        "Invalid",
        &["sample is", "1 to 100000"],
    ),
    question("no clusters", |s| clusters(s, 0..=0), "Invalid", &["number of clusters is 0..0", "at least 1"]),
    question(
        "clusters backwards",
        |s| clusters(s, from_to(9, 3)),
        "Invalid",
        &["9..3", "smaller number first"],
    ),
    question("more clusters than users", |s| clusters(s, 2..=999), "Invalid", &["is 999", "at most 1"]),
    question("clusters of all memory", |s| clusters(s, 2..=usize::MAX), "Invalid", &["at most 1000"]),
    question(
        "a sample of nobody",
        |s| s.find_segments().sample(0).run(&|_| {}).map(drop),
        "Invalid",
        &["sample is 0", "2 to 20000"],
    ),
    question(
        "a sample of all memory",
        |s| s.find_segments().sample(usize::MAX).run(&|_| {}).map(drop),
        "Invalid",
        &["sample is 18446744073709551615"],
    ),
    question(
        "clusters on no thread",
        |s| s.find_segments().threads(0).run(&|_| {}).map(drop),
        "Invalid",
        &["threads is 0"],
    ),
    question(
        "clusters in an attribute without a name",
        |s| s.find_segments().attribute("").run(&|_| {}).map(drop),
        "Invalid",
        &["attribute name is empty"],
    ),
    question(
        "clusters in an attribute that holds something else",
        |s| s.find_segments().attribute("town").run(&|_| {}).map(drop),
        "Invalid",
        &["attribute \"town\"", "would be lost"],
    ),
    question(
        "more hits than there may be",
        |s| s.similar("u1").limit(100_001).run().map(drop),
        "Invalid",
        &["limit is 100001", "at most 100000"],
    ),
    question(
        "all hits there can be",
        |s| s.similar("u1").limit(usize::MAX).exact(true).run().map(drop),
        "Invalid",
        &["limit is 18446744073709551615"],
    ),
    question(
        "least score NaN",
        |s| s.similar("u1").min_score(f32::NAN).run().map(drop),
        "Invalid",
        &["min_score is NaN"],
    ),
    question(
        "no words",
        |s| s.similar(Like::text("")).run().map(drop),
        "Invalid",
        &["text is empty", "describe the users in a few words"],
    ),
    question(
        "white space",
        |s| s.similar(Like::text(" \n\t")).run().map(drop),
        "Invalid",
        &["text is empty"],
    ),
    question(
        "words in which the encoder finds nothing",
        |s| s.similar(Like::text("\u{200b}!?")).run().map(drop),
        "Invalid",
        &["the encoder finds nothing in it", "use other words"],
    ),
    question(
        "words over 1 MiB",
        |s| s.similar(Like::text(&"word ".repeat(210_000))).run().map(drop),
        "Invalid",
        &["text is 1050000 bytes long", "at most 1048576"],
    ),
    question(
        "vector of another length",
        |s| s.similar(Like::vector(&[1.0, 2.0])).run().map(drop),
        "Dimension",
        &["the vector asked for has 2 dimensions"],
    ),
    question(
        "vector asked for with NaN",
        |s| {
            let mut vector = vec![0.0; s.stats()?.dim];
            vector[7] = f32::NAN;
            s.similar(Like::vector(&vector)).run().map(drop)
        },
        "NotFinite",
        &["the vector asked for", "position 7"],
    ),
    question("recommend to nobody", |s| s.recommend("u99").run().map(drop), "Unknown", &["no user \"u99\""]),
    question(
        "recommend without an id",
        |s| s.recommend("").run().map(drop),
        "Invalid",
        &["user id is empty"],
    ),
    question(
        "more recommendations than there may be",
        |s| s.recommend("u1").limit(10_001).run().map(drop),
        "Invalid",
        &["limit is 10001", "at most 10000"],
    ),
    question(
        "recommend by no neighbors",
        |s| s.recommend("u1").neighbors(0).run().map(drop),
        "Invalid",
        &["number of neighbors is 0", "1 to 10000"],
    ),
    question(
        "recommend by all neighbors there can be",
        |s| s.recommend("u1").neighbors(usize::MAX).run().map(drop),
        "Invalid",
        &["number of neighbors", "1 to 10000"],
    ),
    question(
        "diversity NaN",
        |s| s.recommend("u1").diversity(f32::NAN).run().map(drop),
        "Invalid",
        &["diversity is NaN", "0 to 1"],
    ),
    question(
        "diversity over 1",
        |s| s.recommend("u1").diversity(1.5).run().map(drop),
        "Invalid",
        &["diversity is 1.5"],
    ),
    question(
        "too many that are to differ",
        |s| s.recommend("u1").diversity(0.5).limit(1_001).run().map(drop),
        "Invalid",
        &["limit is 1001", "at most 1000 with diversity"],
    ),
    question("interests of nobody", |s| s.interests("u99").run().map(drop), "Unknown", &["no user \"u99\""]),
    question(
        "no interests",
        |s| s.interests("u1").limit(0).run().map(drop),
        "Invalid",
        &["limit is 0", "1 to 8"],
    ),
    question(
        "an interest beyond the last there may be",
        |s| s.similar("u1").interest(8).run().map(drop),
        "Invalid",
        &["place of an interest is 8", "below 8"],
    ),
    question(
        "interests of a sentence",
        |s| s.similar(Like::text("salmon")).by_interests().run().map(drop),
        "Invalid",
        &["ask about a user"],
    ),
    question(
        "a weight of the blend below 0",
        |s| s.recommend("u1").blend(Blend::new(1.0, -0.5, 0.0)).run().map(drop),
        "Invalid",
        &["weight of together is -0.5"],
    ),
    question(
        "a weight of the blend NaN",
        |s| s.recommend("u1").blend(Blend::new(f32::NAN, 0.0, 0.0)).run().map(drop),
        "Invalid",
        &["weight of neighbors is NaN"],
    ),
    question(
        "a blend of nothing",
        |s| s.recommend("u1").blend(Blend::new(0.0, 0.0, 0.0)).run().map(drop),
        "Invalid",
        &["all 0", "more than 0"],
    ),
    question(
        "had by no kind of event",
        |s| s.recommend("u1").had(["purchse"]).run().map(drop),
        "Unknown",
        &["no event kind \"purchse\"", "did you mean \"purchase\""],
    ),
    question(
        "a category that no item has",
        |s| s.recommend("u1").categories(["fsh"]).run().map(drop),
        "Unknown",
        &["no category of items \"fsh\""],
    ),
    question(
        "leaving out an item without an id",
        |s| s.recommend("u1").exclude([""]).run().map(drop),
        "Invalid",
        &["item id is empty"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter by what nobody has",
        |s| s.users_where("agee > 3")?.run().map(drop),
        "Predicate",
        &["no attribute \"agee\"", "did you mean \"age\"", "line 1, column 1"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter by a megabyte of attribute",
        |s| s.users_where(format!("{} > 3", "a".repeat(1 << 19)))?.count().map(drop),
        "Predicate",
        &["no attribute \"aaaa"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter of a megabyte of minus",
        |s| s.users_where(format!("age = 1{}", "-1".repeat(500_000))).map(drop),
        "Predicate",
        &["at most 1000 words"],
    ),
    question(
        "a filter by no kind of event",
        |s| s.similar("u1").filter(count("purchse").gt(3))?.run().map(drop),
        "Unknown",
        &["no event kind \"purchse\"", "did you mean \"purchase\""],
    ),
    question(
        "a number like a text",
        |s| s.similar("u1").filter(attribute("age").eq("x"))?.run().map(drop),
        "Invalid",
        &["this is a number", "cannot be compared with a text"],
    ),
    question(
        "a pattern for a number",
        |s| s.users_where(attribute("age").like("3%"))?.run().map(drop),
        "Invalid",
        &["only texts are like a pattern"],
    ),
    question(
        "a pattern with an escape of nothing",
        |s| s.users_where(attribute("town").like(Pattern::new("3!").escape('!')))?.run().map(drop),
        "Invalid",
        &["escapes nothing"],
    ),
    question(
        "a text of what is no set",
        |s| s.users_where(attribute("town").has("x"))?.run().map(drop),
        "Invalid",
        &["only sets have texts"],
    ),
    question(
        "no number in a filter",
        |s| s.users_where(attribute("age").gt(f64::INFINITY))?.run().map(drop),
        "Invalid",
        &["inf is no number"],
    ),
    question(
        "an attribute within a month",
        |s| s.users_where(attribute("age").within(Interval::months(1)).gt(3))?.run().map(drop),
        "Invalid",
        &["only what is made of events"],
    ),
    question(
        "a time before all times",
        |s| s.users_where(last("view").gt(ago("9999 years".parse()?)))?.run().map(drop),
        "Invalid",
        &["years 1 to 9999"],
    ),
    question(
        "a user as an item",
        |s| s.users_where(item().eq("i1"))?.run().map(drop),
        "Invalid",
        &["a user is no item"],
    ),
    question(
        "texts of an item",
        |s| s.users_where(count("view").of(texts().gt(1)).gt(1))?.run().map(drop),
        "Invalid",
        &["an item has an id (item), a text (text) and attributes"],
    ),
    question(
        "an attribute of some items",
        |s| s.users_where(attribute("age").of(item().eq("i1")).gt(1))?.run().map(drop),
        "Invalid",
        &["only what is made of events"],
    ),
    question(
        "items in items, without an end",
        |s| {
            let deep = (0..1_000).fold(item().eq("i1"), |inner, _| count("view").of(inner).gt(1));
            s.users_where(deep)?.run().map(drop)
        },
        "Invalid",
        &["an item has an id"],
    ),
    question(
        "likeness to nobody",
        |s| s.users_where(similar_to("u99").gt(0.5))?.run().map(drop),
        "Unknown",
        &["no user \"u99\""],
    ),
    question(
        "likeness to no words",
        |s| s.users_where(similar_to_text(" ").gt(0.5))?.run().map(drop),
        "Invalid",
        &["text is empty"],
    ),
    question(
        "a filter too deep",
        |s| {
            let deep = (0..1_000).fold(attribute("age").gt(1), |inner, _| !inner);
            s.users_where(deep)?.run().map(drop)
        },
        "Invalid",
        &["too deep", "256"],
    ),
    #[cfg(feature = "sql")]
    question(
        "no filter",
        |s| s.users_where("").map(drop),
        "Predicate",
        &["found the end", "line 1, column 1"],
    ),
    #[cfg(feature = "sql")]
    question(
        "half a filter",
        |s| s.similar("u1").filter("age > ").map(drop),
        "Predicate",
        &["expected an expression", "^"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter that is more",
        |s| s.users_where("age > 3; drop table users").map(drop),
        "Predicate",
        &["; means nothing in a predicate"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter with a megabyte of name",
        |s| s.users_where(format!("a = '1' {}", "b".repeat(1 << 19)).as_str()).map(drop),
        "Predicate",
        &["the predicate is whole before bbbb"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a filter of two megabytes",
        |s| s.users_where("a".repeat(2 << 20).as_str()).map(drop),
        "Invalid",
        &["2097152 bytes", "1 MiB"],
    ),
    #[cfg(feature = "sql")]
    question(
        "a text between the wrong quotes",
        |s| s.users_where("town = \"Ulm\"")?.run().map(drop),
        "Predicate",
        &["no attribute \"Ulm\"", "single quotes: 'Ulm'"],
    ),
];

/// Of a store of vectors.
pub(super) const ROWS_WITHOUT_AN_ENCODER: &[Row<Question>] = &[
    question(
        "words for a store of vectors",
        |s| s.similar(Like::text("salmon")).run().map(drop),
        "NoEncoder",
        &["no encoder", "--dim"],
    ),
    question(
        "likeness to words in a store of vectors",
        |s| s.users_where(similar_to_text("salmon").gt(0.5))?.run().map(drop),
        "NoEncoder",
        &["no encoder", "--dim"],
    ),
    question(
        "vector asked for too long",
        |s| s.similar(Like::vector(&[1.0; 4])).run().map(drop),
        "Dimension",
        &["has 4 dimensions, the store has 3"],
    ),
    question(
        "vector asked for infinite",
        |s| s.similar(Like::vector(&[1.0, 0.0, f32::NEG_INFINITY])).run().map(drop),
        "NotFinite",
        &["position 2"],
    ),
    question(
        "vector asked for whose square overflows",
        |s| s.similar(Like::vector(&[0.0, 3e38, 0.0])).run().map(drop),
        "Invalid",
        &["at most 1e18"],
    ),
    question(
        "vector asked for without a direction",
        |s| s.similar(Like::vector(&[0.0; 3])).run().map(drop),
        "Invalid",
        &["the vector asked for is all zeros", "cosine"],
    ),
];

fn ask(victim: &mut Victim, rows: &[Row<Question>]) {
    for row in rows {
        victim.refuses_one(row, |victim| (row.input)(&victim.store().snapshot()).map(|()| "answered"));
    }
}

#[test]
fn bad_questions_are_refused() {
    ask(&mut Victim::with_encoder(), ROWS);
    ask(&mut Victim::with_vectors(Metric::Cosine), ROWS_WITHOUT_AN_ENCODER);
}

#[test]
fn a_store_of_vectors_learns_nothing() {
    let row = row("fit of a store of vectors", (), "NoEncoder", &["no encoder"]);
    Victim::with_vectors(Metric::Cosine).refuses_one(&row, |victim| victim.store().fit().map(|_| "learned"));
}

/// Odd, but with an answer: no panic, and no memory for more than there is.
#[test]
fn questions_at_the_bounds_are_answered() {
    let victim = Victim::with_encoder();
    for sealed in [false, true] {
        if sealed {
            victim.store().build_index(&|_| {}).unwrap();
        }
        let snapshot = victim.store().snapshot();
        let ask = || snapshot.similar("u1");
        let all = ask().limit(100_000).run().unwrap().len();
        assert_eq!(all, 11);
        assert!(ask().limit(0).run().unwrap().is_empty());
        assert!(ask().limit(0).ef_search(0).exact(true).run().unwrap().is_empty());
        for ef in [0, 1, usize::MAX] {
            assert_eq!(ask().limit(3).ef_search(ef).run().unwrap().len(), 3, "{ef}");
        }
        assert!(ask().min_score(f32::INFINITY).run().unwrap().is_empty());
        assert_eq!(ask().limit(100).min_score(f32::NEG_INFINITY).run().unwrap().len(), all);
        assert_eq!(ask().limit(100).exclude(["", "nobody", "a\0"]).run().unwrap().len(), all);
    }
}
