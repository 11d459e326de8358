//! Questions for association rules that cannot be answered.

use super::{Row, Victim, row};
use kindred::analysis::Rules;
use kindred::model::attribute;
use kindred::{Error, Result};

/// What is asked for.
type Question = fn(Rules<'_>) -> Result<()>;

const fn question(
    name: &'static str,
    input: Question,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<Question> {
    row(name, input, variant, words)
}

pub(super) const ROWS: &[Row<Question>] = &[
    question(
        "rules of no support",
        |rules| rules.min_support(0).run().map(drop),
        "Invalid",
        &["min_support is 0", "from 1"],
    ),
    question(
        "rules of a share of 0",
        |rules| rules.min_support(0.0).run().map(drop),
        "Invalid",
        &["min_support is 0.0", "more than 0"],
    ),
    question(
        "rules of more than all",
        |rules| rules.min_support(1.5).run().map(drop),
        "Invalid",
        &["min_support is 1.5", "at most 1"],
    ),
    question(
        "rules of less than none",
        |rules| rules.min_support(-0.1).run().map(drop),
        "Invalid",
        &["min_support is -0.1"],
    ),
    question(
        "rules of support NaN",
        |rules| rules.min_support(f64::NAN).run().map(drop),
        "Invalid",
        &["min_support is NaN"],
    ),
    question(
        "rules surer than sure",
        |rules| rules.min_confidence(1.1).run().map(drop),
        "Invalid",
        &["min_confidence is 1.1", "0 to 1"],
    ),
    question(
        "rules of confidence NaN",
        |rules| rules.min_confidence(f64::NAN).run().map(drop),
        "Invalid",
        &["min_confidence is NaN"],
    ),
    question(
        "rules of a lift below 0",
        |rules| rules.min_lift(-1.0).run().map(drop),
        "Invalid",
        &["min_lift is -1", "from 0"],
    ),
    question(
        "rules of an infinite lift",
        |rules| rules.min_lift(f64::INFINITY).run().map(drop),
        "Invalid",
        &["min_lift is inf"],
    ),
    question(
        "rules of nothing",
        |rules| rules.max_len(0).run().map(drop),
        "Invalid",
        &["max_len is 0", "2 to 8"],
    ),
    question(
        "rules of one side",
        |rules| rules.max_len(1).run().map(drop),
        "Invalid",
        &["max_len is 1", "both sides together"],
    ),
    question(
        "rules of everything",
        |rules| rules.max_len(usize::MAX).run().map(drop),
        "Invalid",
        &["max_len is 18446744073709551615"],
    ),
    question(
        "more rules than there may be",
        |rules| rules.limit(100_001).run().map(drop),
        "Invalid",
        &["limit is 100001", "at most 100000"],
    ),
    question("rules of no kind", |rules| rules.kind("").run().map(drop), "Unknown", &["no event kind \"\""]),
    question(
        "rules of a misspelt kind",
        |rules| rules.kind("view").kind("purchse").run().map(drop),
        "Unknown",
        &["no event kind \"purchse\"", "did you mean \"purchase\""],
    ),
    question(
        "rules of a megabyte of kind",
        |rules| rules.kind("k".repeat(1 << 20)).run().map(drop),
        "Unknown",
        &["no event kind \"kkk"],
    ),
    question(
        "rules of users whom a set is compared of",
        |rules| rules.filter(attribute("age").eq("old"))?.run().map(drop),
        "Invalid",
        &["cannot be compared with a text"],
    ),
    #[cfg(feature = "sql")]
    question(
        "rules of users by what nobody has",
        |rules| rules.filter("agee > 3")?.run().map(drop),
        "Predicate",
        &["no attribute \"agee\"", "did you mean \"age\""],
    ),
    #[cfg(feature = "sql")]
    question(
        "rules of half a predicate",
        |rules| rules.filter("age >").map(drop),
        "Predicate",
        &["found the end"],
    ),
];

#[test]
fn bad_questions_for_rules_are_refused() {
    let mut victim = Victim::with_encoder();
    for row in ROWS {
        victim.refuses_one(row, |victim| (row.input)(victim.store().snapshot().rules()).map(|()| "answered"));
    }
}

/// Words in the place of numbers and orders.
#[test]
fn what_is_read_out_of_text_is_refused_or_means_what_it_says() {
    use kindred::analysis::{Element, RuleOrder, Support};
    for text in ["", "some", "%", "0x10", "1,5", "--1"] {
        let error = text.parse::<Support>().unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("a share such as 0.01 or 1%"), "{error}");
    }
    let error = "high".parse::<RuleOrder>().unwrap_err().to_string();
    assert!(error.contains("lift, confidence or support"), "{error}");
    assert!("".parse::<Element>().is_err());
    assert_eq!("Item".parse::<Element>().unwrap(), Element::Attribute("Item".to_owned()));
}
