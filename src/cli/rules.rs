//! `kindred rules`: what is in one basket with what.

use super::StoreArgs;
use super::output::{Output, grouped};
use super::users::WhereArgs;
use crate::analysis::{Element, FoundRules, Rule, RuleOrder, Support};
use crate::error::Result;
use crate::model::Interval;
use clap::Args;

/// Which baskets, and which rules.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred rules shop                                    items bought within an hour by one user
  kindred rules shop --by category --min-support 0.01 --sort confidence
  kindred rules shop --by brand --kind view --kind cart --within \"1 day\"
  kindred rules shop --per-user --min-support 50 --where \"age < 40\"

A rule \"bread → butter\" says: baskets with bread also hold butter. Support is how many baskets hold both, confidence how many
of those with bread also hold butter, and lift how many times as many that are as of all baskets: 1 is chance.")]
pub(crate) struct RulesArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Events of this kind make baskets; may be given again [default: purchase]
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// What baskets hold: `item`, `group` (the items of one text), `category`, or an attribute of items
    #[arg(long, default_value = "item", value_name = "ELEMENT")]
    by: Element,
    /// How long after a basket's first event another still goes into it [default: 1 hour]
    #[arg(long, value_name = "INTERVAL")]
    within: Option<Interval>,
    /// One basket for each user, of all that they ever did
    #[arg(long, conflicts_with = "within")]
    per_user: bool,
    #[command(flatten)]
    filter: WhereArgs,
    /// Baskets that hold both sides at least: a share of all such as 0.01 or 1%, or a number [default: 0.001, and 2 at least]
    #[arg(long, value_name = "SUPPORT")]
    min_support: Option<Support>,
    /// How often a rule is right at least, 0 to 1 [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    min_confidence: Option<f64>,
    /// The least lift [default: 1]
    #[arg(long, value_name = "LIFT")]
    min_lift: Option<f64>,
    /// How many elements a rule has at most, both sides together, 2 to 8
    #[arg(long, default_value_t = 3, value_name = "N")]
    max_len: usize,
    /// How many rules at most
    #[arg(short = 'k', long, default_value_t = 10)]
    limit: usize,
    /// Which rules come first: `lift`, `confidence` or `support`
    #[arg(long, default_value = "lift", value_name = "ORDER")]
    sort: RuleOrder,
}

pub(crate) fn run(args: &RulesArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let mut rules = snapshot.rules().by(args.by.clone()).per_user(args.per_user).max_len(args.max_len);
    rules = rules.limit(args.limit).sort(args.sort);
    for kind in &args.kinds {
        rules = rules.kind(kind);
    }
    if let Some(within) = args.within {
        rules = rules.within(within);
    }
    if let Some(predicate) = &args.filter.predicate {
        rules = rules.filter(predicate.as_str())?;
    }
    if let Some(now) = args.filter.now {
        rules = rules.now(now);
    }
    if let Some(support) = args.min_support {
        rules = rules.min_support(support);
    }
    if let Some(confidence) = args.min_confidence {
        rules = rules.min_confidence(confidence);
    }
    if let Some(lift) = args.min_lift {
        rules = rules.min_lift(lift);
    }
    let bars = output.progress();
    let found = rules.run_with_progress(&|p| bars.tell(p))?;
    drop(bars);
    output.result(&found, text)
}

fn text(found: &FoundRules) -> String {
    let FoundRules { baskets, elements, itemsets, min_baskets, folded, .. } = found;
    if *baskets == 0 && *folded == 0 {
        return "no baskets: nobody has an event of these kinds on what baskets are to hold".to_owned();
    }
    let summary = format!(
        "{} baskets of {} elements; {} sets are in at least {} of them, and make {} rules within the bounds.",
        grouped(*baskets),
        grouped(*elements),
        grouped(*itemsets),
        grouped(*min_baskets),
        grouped(found.matching),
    );
    let mut lines = vec![summary];
    if *folded > 0 {
        let folded = grouped(*folded);
        lines.push(format!("{folded} events are folded and in no basket: --per-user has them."));
    }
    if !found.rules.is_empty() {
        let [lift, confidence, support] = ["lift", "confidence", "support"];
        lines.push(format!("\n{lift:>9} {confidence:>11} {support:>9} {:>10}  rule", "baskets"));
    }
    lines.extend(found.rules.iter().map(|rule| line(rule, found)));
    lines.join("\n")
}

fn line(rule: &Rule, found: &FoundRules) -> String {
    let named = |name: &String| match found.texts.get(name) {
        Some(text) => format!("{name} ({text})"),
        None => name.clone(),
    };
    let if_: Vec<String> = rule.if_.iter().map(named).collect();
    let [confidence, support] = [rule.confidence, rule.support].map(|share| share * 100.0);
    let (lift, baskets) = (rule.lift, grouped(rule.baskets.into()));
    let (if_, then) = (if_.join(" + "), named(&rule.then));
    format!("{lift:>9.2} {confidence:>9.1} % {support:>7.2} % {baskets:>10}  {if_} → {then}")
}
