//! The page itself.

use super::browser::Browser;
use super::{NOW, hostile, kindred, shop, succeeds};
use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, QualName, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use std::path::{Path, PathBuf};

/// An element, and the text in it.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

fn collect(node: &Handle, found: &mut Vec<Element>) -> String {
    let mut text = match &node.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => String::new(),
    };
    let place = found.len();
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let local = |name: &QualName| name.local.to_string();
        let attributes =
            attrs.borrow().iter().map(|attr| (local(&attr.name), attr.value.to_string())).collect();
        found.push(Element { name: local(name), attributes, text: String::new() });
    }
    for child in node.children.borrow().iter() {
        text += &collect(child, found);
    }
    if matches!(node.data, NodeData::Element { .. }) {
        found[place].text.clone_from(&text);
    }
    text
}

/// All elements of a page that must be well-formed.
fn parsed(page: &str) -> Vec<Element> {
    let mut options = ParseOpts::default();
    options.tree_builder.exact_errors = true;
    options.tokenizer.exact_errors = true;
    let dom = parse_document(RcDom::default(), options).one(page);
    assert_eq!(*dom.errors.borrow(), Vec::<String>::new());
    let mut found = Vec::new();
    collect(&dom.document, &mut found);
    found
}

fn page(within: &Path, args: &[&str]) -> String {
    succeeds(within, &[&["report", "shop", "-o", "-", "--now", NOW], args].concat())
}

#[test]
fn the_page_is_well_formed_and_asks_for_nothing() {
    let folder = shop();
    let title = &hostile()[0];
    let text = page(folder.path(), &["--title", title, "--color", "kind"]);
    for elements in [parsed(&text), parsed(&page(folder.path(), &[]))] {
        for Element { name, attributes, .. } in &elements {
            assert!(
                !["script", "img", "iframe", "object", "embed", "base", "form"].contains(&&**name),
                "{name}"
            );
            for (attribute, value) in attributes {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{attribute}={value}");
                let loads = ["src", "href", "srcset", "action", "data", "poster"].contains(&&**attribute);
                assert!(
                    !loads || value.starts_with('#') || value.starts_with("data:"),
                    "{attribute}={value}"
                );
            }
        }
        let count = |name: &str| elements.iter().filter(|element| element.name == name).count();
        assert_eq!((count("h1"), count("main"), count("style")), (1, 1, 1));
        let levels: Vec<usize> =
            elements.iter().filter_map(|element| element.name.strip_prefix('h')?.parse().ok()).collect();
        assert!(levels.len() > 6 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
        let mut ids: Vec<&str> = elements
            .iter()
            .flat_map(|element| &element.attributes)
            .filter_map(|(name, value)| (name == "id").then_some(&**value))
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id is given twice");
        for element in elements.iter().filter(|element| element.name == "svg") {
            let has = |name: &str| element.attributes.iter().any(|(attribute, _)| attribute == name);
            assert!(
                has("aria-hidden") || has("aria-labelledby") || has("aria-label"),
                "a picture without words"
            );
        }
    }
    let elements = parsed(&text);
    let heading = elements.iter().find(|element| element.name == "h1").unwrap();
    assert_eq!(&heading.text, title);
    for name in &hostile()[..3] {
        assert!(
            elements.iter().any(|element| element.name == "title" && element.text.ends_with(name)),
            "{name}"
        );
    }
    let policy = elements
        .iter()
        .find(|element| element.attributes.iter().any(|(_, value)| value == "Content-Security-Policy"));
    let policy = &policy.unwrap().attributes.iter().find(|(name, _)| name == "content").unwrap().1;
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let nameless = page(folder.path(), &["--no-ids"]);
    assert!(!nameless.contains("59 "), "a user is named");
}

#[test]
fn a_store_of_nothing_has_a_page_too() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["init", "shop"]);
    for args in [&[][..], &["--quality"]] {
        let elements = parsed(&page(folder.path(), args));
        assert_eq!(elements.iter().filter(|element| element.name == "section").count(), 6);
    }
    succeeds(folder.path(), &["init", "vectors", "--dim", "3"]);
    assert!(kindred(folder.path(), &["report", "vectors", "-o", "-"]).status.success());
}

/// The sizes of all text that is shown, in pixels, and how it stands out from what is behind it.
const TEXTS: &str = "
(() => {
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const seen = [];
  document.querySelectorAll('details').forEach(details => details.open = true);
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest('svg') || !element.checkVisibility()) continue;
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(numbers(style.color)), light(behind(element))];
    const contrast = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    seen.push([parseFloat(style.fontSize), contrast, element.textContent.slice(0, 60)]);
  }
  return seen;
})()";

fn shown(browser: &mut Browser, file: &Path, width: u32, scheme: &str, points: u64) {
    browser.open(file, width, scheme);
    let headings = browser.evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent)");
    let expected = ["What the store holds", "Activity", "Segments", "Map of users", "Search", "Quality"];
    assert_eq!(headings, serde_json::json!(expected));
    assert_eq!(browser.evaluate("document.querySelectorAll('.map .marks > *').length"), points);
    assert_eq!(browser.evaluate("innerWidth"), width);
    let room = browser
        .evaluate("document.querySelector('.map svg').getBoundingClientRect().width")
        .as_f64()
        .unwrap();
    assert!(room > 250.0 && room <= f64::from(width), "{room}");
    for text in browser.evaluate(TEXTS).as_array().unwrap() {
        let figure = |at: usize| text[at].as_f64().unwrap();
        assert!(figure(0) >= 12.0, "too small at {width}: {text}");
        assert!(figure(1) >= 4.5, "hard to read in {scheme}: {text}");
    }
    // With all tables open.
    let wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth").as_i64().unwrap();
    assert!(wide <= 0, "{wide} pixels too wide at {width}");
    assert_eq!(browser.complaints(), Vec::<&serde_json::Value>::new());
    let asked: Vec<&str> = browser.requests().into_iter().filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(asked, [format!("file://{}", file.display())]);
}

fn written(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
    let file = folder.canonicalize().unwrap().join(name);
    succeeds(folder, &[&["report", "shop", "--now", NOW, "-o", name], args].concat());
    file
}

#[test]
fn a_browser_shows_it_on_a_phone_and_a_desk_in_light_and_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = shop();
    let file = written(folder.path(), "report.html", &["--title", &hostile()[4]]);
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")] {
        shown(&mut browser, &file, width, scheme, 60);
    }
    let colored = written(folder.path(), "colored.html", &["--color", "kind", "--sample", "40"]);
    shown(&mut browser, &colored, 360, "light", 40);
    // Whoever picks a group sees it alone, without any script.
    let faint = "(() => {
        document.querySelector('.pick input[value=\"1\"]').click();
        document.querySelectorAll('.marks').forEach(marks => marks.style.transition = 'none');
        const opacity = group => Number(getComputedStyle(document.querySelector('.marks.group-' + group)).opacity);
        return [opacity(0), opacity(1)];
    })()";
    assert_eq!(browser.evaluate(faint), serde_json::json!([0.08, 1]));
}

#[test]
fn the_browser_tells_of_what_a_policy_refuses() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("bad.html");
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">";
    std::fs::write(
        &file,
        format!("<!DOCTYPE html><title>bad</title>{policy}<style>p{{color:red}}</style><p>x"),
    )
    .unwrap();
    browser.open(&file, 360, "light");
    assert_eq!(browser.evaluate("document.title"), "bad");
    assert!(!browser.complaints().is_empty());
}
