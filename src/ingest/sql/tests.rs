use super::depth;
use crate::error::Error;
use crate::model::predicate::arbitrary::a_predicate;
use crate::model::{
    Acts, Interval, Pattern, Predicate, ago, ahead, attribute, count, first, id, item, item_text, last, now,
    quantity, similar_to, similar_to_text, sum, texts,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(predicate in a_predicate()) {
        let text = predicate.to_string();
        let read = Predicate::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(&read, &predicate, "{}", text);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-c1' =<>()%,.\"\n-]{0,30}|\\PC{0,20}") {
        if let Ok(predicate) = Predicate::parse(&text) {
            prop_assert_eq!(Predicate::parse(&predicate.to_string()).unwrap(), predicate);
        }
    }
}

#[test]
fn each_form_is_read() {
    let age = || attribute("age");
    let forms = [
        ("age = 3", age().eq(3)),
        ("(age) <> -3.5", age().ne(-3.5)),
        ("age != 3", age().ne(3)),
        ("age == 3", age().eq(3)),
        ("address.city < 'b'", attribute("address.city").lt("b")),
        ("größe <= 3", attribute("größe").le(3)),
        ("\"the age\" > 9223372036854775807", attribute("the age").gt(i64::MAX)),
        ("age >= 9223372036854775808", age().ge(9_223_372_036_854_775_808.0)),
        ("age between 1 and 2 or vip", age().between(1, 2) | attribute("vip").eq(true)),
        ("age not between 1 and 2", !age().between(1, 2)),
        ("age in (1, -2)", age().one_of([1, -2])),
        ("age not in (1)", !age().one_of([1])),
        (
            "((age)) is null and (now()) is null and (address.city) is not null",
            age().is_null() & now().is_null() & !attribute("address.city").is_null(),
        ),
        ("a is null and b is not null", attribute("a").is_null() & !attribute("b").is_null()),
        ("a like 'x%'", attribute("a").like("x%")),
        ("a not ilike 'x!%' escape '!'", !attribute("a").like(Pattern::new("x!%").escape('!').ignore_case())),
        ("has(tags, 'it''s')", attribute("tags").has("it's")),
        ("'vegan' = any(tags)", attribute("tags").has("vegan")),
        ("not vip", !attribute("vip").eq(true)),
        ("(age < 3) is true", age().lt(3).is_true()),
        ("(age < 3) is not true", !age().lt(3).is_true()),
        ("true", Predicate::everybody()),
        ("id() in ('ann', 'bob')", id().one_of(["ann", "bob"])),
        ("texts() > 0", texts().gt(0)),
        ("count(*) > 0", count(Acts::All).gt(0)),
        ("COUNT(purchase) >= 3", count("purchase").ge(3)),
        ("count(view) > count(\"add to cart\")", count("view").gt(count("add to cart"))),
        ("count('like') = 0 and count(share) = 0", count("like").eq(0) & count("share").eq(0)),
        ("sum(purchase, interval '30 days') > 99.5", sum("purchase").within(Interval::days(30)).gt(99.5)),
        (
            "quantity(purchase, interval '6' month) > 1",
            quantity("purchase").within(Interval::months(6)).gt(1),
        ),
        ("count(view, interval 2 week) = 0", count("view").within(Interval::days(14)).eq(0)),
        ("last(view) < now() - interval '6 months'", last("view").lt(ago(Interval::months(6)))),
        (
            "first(view) > date '2026-01-01'",
            first("view").gt("2026-01-01".parse::<crate::model::Time>().unwrap()),
        ),
        (
            "joined < timestamp '2026-01-01T12:00:00+01:00'",
            attribute("joined").lt("2026-01-01T11:00:00Z".parse::<crate::model::Time>().unwrap()),
        ),
        ("joined < now() + interval '1 week'", attribute("joined").lt(ahead(Interval::days(7)))),
        ("last(*) > joined", last(Acts::All).gt(attribute("joined"))),
        ("joined < current_timestamp", attribute("joined").lt(now())),
        ("a = 1 and b = 2 or c = 3", (attribute("a").eq(1) & attribute("b").eq(2)) | attribute("c").eq(3)),
        ("a = 1 and (b = 2 and c = 3)", attribute("a").eq(1) & attribute("b").eq(2) & attribute("c").eq(3)),
        ("a = 1 -- why\n and b = 2", attribute("a").eq(1) & attribute("b").eq(2)),
    ];
    are_read(&forms);
}

#[test]
fn acts_on_items_and_likeness_are_read() {
    are_read(&[
        ("count(purchase) filter (where item = 'p1') > 3", count("purchase").of(item().eq("p1")).gt(3)),
        (
            "sum(*) filter (where item in ('p1', 'p2')) > 9",
            sum(Acts::All).of(item().one_of(["p1", "p2"])).gt(9),
        ),
        (
            "count(view, interval '30 days') FILTER (WHERE category = 'tea' and not has(labels, 'old')) = 0",
            count("view")
                .within(Interval::days(30))
                .of(attribute("category").eq("tea") & !attribute("labels").has("old"))
                .eq(0),
        ),
        (
            "last(view) filter (where \"item\" like 'x%' or text is null) is null",
            last("view").of(attribute("item").like("x%") | item_text().is_null()).is_null(),
        ),
        (
            "count(*) filter (where address.city = 'a' and organic) > item",
            count(Acts::All)
                .of(attribute("address.city").eq("a") & attribute("organic").eq(true))
                .gt(attribute("item")),
        ),
        ("count(*) filter (where (organic)) > 3", count(Acts::All).of(attribute("organic").eq(true)).gt(3)),
        ("filter > 3", attribute("filter").gt(3)),
        ("similar_to('ann') > 0.6 and id() <> 'ann'", similar_to("ann").gt(0.6) & id().ne("ann")),
        ("similar_to_text('it''s tea') between 0.1 and 1", similar_to_text("it's tea").between(0.1, 1)),
    ]);
}

fn are_read(forms: &[(&str, Predicate)]) {
    for (text, expected) in forms {
        assert_eq!(
            Predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")),
            *expected,
            "{text}"
        );
    }
}

/// The text, where the caret stands, and words of the reason.
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "expected an expression, found the end"),
    ("   ", 1, "found the end"),
    ("age >", 6, "found the end"),
    ("age > 3 agee", 9, "join conditions by `and` or `or`"),
    ("age > 3 and", 12, "found the end"),
    ("(age > 3", 9, "expected )"),
    ("age > 'x", 7, "unterminated"),
    ("\"age > 3", 1, "close delimiter"),
    ("age > 3;", 8, "; means nothing"),
    ("age > 3 | 4", 9, "| means nothing"),
    ("tags[1] = 'x'", 5, "[ means nothing"),
    ("address.not(1)", 9, "there is no function not()"),
    ("cast(age as text) = 'x'", 1, "there is no function cast()"),
    ("\"count\"(view) > 3", 1, "there is no function count()"),
    ("age in 25", 8, "expected ("),
    ("age in ()", 9, "expected an expression"),
    ("age in (select 1)", 9, "holds no query"),
    ("age in (values (1))", 9, "holds no query"),
    ("age in (with a as (b) c)", 9, "holds no query"),
    ("age in (1, 'a' || 'b')", 16, "joined by `and` and `or`"),
    ("age > 3 && vip", 9, "joined by `and` and `or`"),
    ("(age > 3) is null", 2, "is unknown"),
    ("(age > 3 and vip) is not null", 2, "is unknown"),
    ("vip and town similar to 'x'", 9, "a condition is wanted here"),
    ("vip and age is distinct from 3", 9, "a condition is wanted here"),
    ("vip and (town collate de = 'x' or vip)", 10, "a value is wanted here"),
    ("vip and case when a = 1 then true end", 9, "between double quotes"),
    ("((age) + 3) is null", 3, "only times relative to now"),
    ("(vip GEOFENCE", 6, "found GEOFENCE"),
    ("(age \"x at Line: 9, Column: 7\"", 6, "expected )"),
    ("age = null", 7, "is null"),
    ("age = ?", 7, "build the predicate in Rust"),
    ("age = 1e999", 7, "out of range"),
    ("age = x'00'", 7, "single quotes"),
    ("age + 1 > 3", 1, "only times relative to now"),
    ("now() - 3 > joined", 1, "only times relative to now"),
    ("age = -name", 8, "only a number has a sign"),
    ("age ~ 'x'", 5, "~ means nothing"),
    ("age + 3", 7, "the operator +"),
    ("3", 1, "a condition is wanted here"),
    ("'x'", 1, "a condition is wanted here"),
    ("age like 3", 10, "a pattern is a text"),
    ("age like 'a' escape 'ab'", 21, "one character"),
    ("age like 'a!' escape '!'", 10, "escapes nothing"),
    ("age similar to 'x'", 1, "a condition is wanted here"),
    ("has(tags)", 1, "a set is asked for a text"),
    ("has(tags, 3)", 11, "a set is asked for a text"),
    ("has(tags, 'a') = true", 1, "a condition, and is compared with nothing"),
    ("3 = any(tags)", 1, "a set is asked for a text"),
    ("cout(purchase) > 3", 1, "did you mean count()?"),
    ("median(purchase) > 3", 1, "there are count, sum"),
    ("count() > 3", 1, "say the kind of events"),
    ("count(purchase, 3) > 3", 17, "an interval is"),
    ("count(purchase, interval '3') > 3", 26, "whole numbers with their units"),
    ("count(purchase, interval '3 fortnights') > 3", 26, "unit of an interval"),
    ("count(purchase, interval '3 days', 4) > 3", 1, "say the kind of events"),
    ("count(distinct purchase) > 3", 1, "a function takes values"),
    ("count(purchase) filter (a = 1) > 3", 17, "is kept to some items with filter (where"),
    ("count(purchase) filter >= 3", 17, "is kept to some items with filter (where"),
    ("similar_to(ann) > 0.6", 12, "name one user"),
    ("similar_to('ann', 0.6) > 0.6", 1, "name one user"),
    ("similar_to_text() > 0.6", 1, "describe users in a text"),
    ("similar_to('ann')", 1, "a condition is wanted here"),
    ("vip and where (a = 1)", 9, "no function where()"),
    ("vip and filter (where a = 1)", 9, "there is no function filter()"),
    ("texts() filter (where item = 'p1') > 3", 1, "texts() is none"),
    ("has(tags, 'a') filter (where item = 'p1')", 1, "has() is none"),
    ("count(purchase) filter (where price >) > 3", 38, "found )"),
    ("count(purchase) filter (where item = null) > 3", 38, "is null"),
    ("count(3) > 3", 7, "say the kind of events"),
    ("texts(3) > 3", 1, "takes nothing between"),
    ("joined > timestamp 'yesterday'", 20, "a time is RFC 3339"),
    ("joined > time '12:00'", 15, "is no type of a value here"),
    ("joined > interval '3 days'", 19, "a value is wanted here"),
    ("exists (select 1)", 1, "there is no function exists()"),
    ("a = 1;\ndrop table users", 6, "; means nothing"),
    ("a = (select 1)", 6, "holds no query"),
];

#[test]
fn what_is_no_predicate_is_refused_at_its_place() {
    let mut wrong = Vec::new();
    for &(text, expected, words) in REFUSED {
        match Predicate::parse(text) {
            Err(error @ Error::Predicate { column, line_no: 1, .. })
                if column == expected && error.to_string().contains(words) => {}
            Err(error) => wrong.push(format!("{text:?}, not at {expected} with {words:?}: {error}")),
            Ok(predicate) => wrong.push(format!("{text:?} is read as {predicate}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_place_is_told_in_its_line() {
    let error = Predicate::parse("age > 3\n  and größe = null\n  and vip").unwrap_err();
    assert!(
        error.to_string().ends_with(", at line 2, column 15:\n    and größe = null\n                ^"),
        "{error}"
    );
}

#[test]
fn what_lies_deep_is_refused_and_takes_no_stack() {
    let deep = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Predicate::parse(&deep(20)).is_ok());
    for depth in [100, 450] {
        assert!(Predicate::parse(&deep(depth)).unwrap_err().to_string().contains("take out parentheses"));
    }
    let many = |before: &str, after: &str| before.repeat(300) + "a = 1" + &after.repeat(300);
    for text in [
        many("not ", ""),
        many("", " is true"),
        many("", " is null"),
        many("f(", ")"),
        many("case when ", ""),
        many("count(a) filter (where ", ") > 1"),
    ] {
        assert!(Predicate::parse(&text).is_err(), "{text}");
    }
    // What is as deep as may be is still read once it is written.
    for level in [
        (9, "(", ") is not true"),
        (9, "not (", " or b)"),
        (6, "(b and not ", " or c)"),
        (17, "", " is true"),
        (17, "count(a) filter (where ", ") > 1"),
    ] {
        let (levels, before, after) = level;
        let text = format!("{}a like 'x'{}", before.repeat(levels), after.repeat(levels));
        let deepest = Predicate::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(depth(&deepest.node) > 17, "{text}");
        assert_eq!(Predicate::parse(&deepest.to_string()).unwrap(), deepest);
        let deeper = format!("{}a like 'x'{}", before.repeat(levels + 4), after.repeat(levels + 4));
        assert!(
            Predicate::parse(&deeper).unwrap_err().to_string().contains("take out parentheses"),
            "{deeper}"
        );
    }
}

#[test]
fn what_is_long_is_refused_and_takes_no_time() {
    let chain = |parts: usize| vec!["a = 1"; parts].join(" and ");
    assert!(Predicate::parse(&chain(300)).is_ok());
    let at_most = |text: &str| {
        let error = Predicate::parse(text).unwrap_err().to_string();
        assert!(error.contains("at most 1000 words"), "{error}");
    };
    at_most(&chain(600));
    at_most(&format!("a = 1{}", "-1".repeat(500_000)));
    at_most(&format!("a = 'a'{}", "-'a'".repeat(200_000)));
    at_most(&format!("a = {}1", "- ".repeat(500_000)));
    let list: Vec<String> = (0..50_000).map(|n| (20_000 - n).to_string()).collect();
    assert!(Predicate::parse(&format!("a in ({})", list.join(","))).is_ok());
    // What the parser would read twice as often with each step down, or walk over again with each.
    for around in ["a.not(", "a.interval(", "a.trim(", "cast(", "ceil(", "position(", "case - "] {
        assert!(Predicate::parse(&format!("{}1{}", around.repeat(30), ")".repeat(30))).is_err(), "{around}");
    }
    assert!(
        Predicate::parse(&format!("a in (1{})", ",1".repeat(300_000)))
            .unwrap_err()
            .to_string()
            .contains("250,000")
    );
    let blanks = format!("{}a{}", "not ".repeat(10), " ".repeat(1_000_000));
    assert!(Predicate::parse(&blanks).is_ok());
    assert!(Predicate::parse(&" ".repeat((1 << 20) + 1)).is_err());
}
