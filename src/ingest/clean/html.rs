//! Taking HTML markup out of a text without harming what only looks like it ("a < b", "<3", `Vec<T>`).

/// Elements inside a line of text: taking them out joins what stands on both sides.
const INLINE: [&str; 21] = [
    "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
    "small", "span", "strong", "sub", "sup", "u",
];

/// Elements that part what stands on both sides.
const BLOCK: [&str; 55] = [
    "address",
    "article",
    "aside",
    "audio",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "col",
    "dd",
    "div",
    "dl",
    "dt",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "link",
    "main",
    "meta",
    "nav",
    "object",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "select",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];

/// Elements whose content is no text for readers.
const HIDDEN: [&str; 3] = ["script", "style", "noscript"];

/// Attributes that may stand without a value.
const FLAGS: [&str; 12] = [
    "allowfullscreen",
    "async",
    "autoplay",
    "checked",
    "controls",
    "defer",
    "disabled",
    "hidden",
    "loop",
    "muted",
    "nowrap",
    "selected",
];

/// What stands at a `<`.
enum Markup {
    None,
    /// Bytes to leave out, and whether a space takes their place.
    Tag(usize, bool),
}

/// Appends `text` without its tags and comments to `out`.
pub(super) fn strip_tags(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        match markup(rest) {
            Markup::None => {
                out.push('<');
                rest = &rest[1..];
            }
            Markup::Tag(length, apart) => {
                if apart {
                    out.push(' ');
                }
                rest = &rest[length..];
            }
        }
    }
    out.push_str(rest);
}

/// Longest tag or comment that is looked for: keeps a text of many `<` linear.
const MAX_TAG_BYTES: usize = 4096;

fn markup(text: &str) -> Markup {
    let window = &text[..text.floor_char_boundary(MAX_TAG_BYTES)];
    if let Some(comment) = window.strip_prefix("<!--") {
        return comment.find("-->").map_or(Markup::None, |end| Markup::Tag(end + 7, true));
    }
    if let Some(declaration) = window.strip_prefix("<!").filter(|d| starts_with_word(d, "doctype")) {
        return declaration.find('>').map_or(Markup::None, |end| Markup::Tag(end + 3, true));
    }
    let Some((name, length, closing)) = tag(window) else { return Markup::None };
    if HIDDEN.contains(&name.as_str()) {
        let hidden = if closing { 0 } else { hidden_bytes(&window[length..], &name) };
        return Markup::Tag(length + hidden, true);
    }
    Markup::Tag(length, !INLINE.contains(&name.as_str()))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Bytes up to the closing tag of a hidden element; none where it is not closed.
fn hidden_bytes(text: &str, name: &str) -> usize {
    let closing = text.match_indices("</").find(|(at, _)| starts_with_word(&text[at + 2..], name));
    closing.map_or(0, |(at, _)| at)
}

/// Name, length in bytes and whether it closes, of the HTML tag that `text` starts with.
fn tag(text: &str) -> Option<(String, usize, bool)> {
    let inside = text.strip_prefix('<')?;
    let closing = inside.starts_with('/');
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let name_bytes = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = inside[..name_bytes].to_ascii_lowercase();
    let known = [&INLINE[..], &BLOCK, &HIDDEN].iter().any(|names| names.contains(&name.as_str()));
    let after = attributes(&inside[name_bytes..]).filter(|_| known)?;
    Some((name, text.len() - after.len(), closing))
}

/// What follows the `>` of a tag whose attributes `text` starts with; `None` if these are no attributes.
fn attributes(mut text: &str) -> Option<&str> {
    loop {
        let trimmed = text.trim_ascii_start();
        if let Some(after) = trimmed.strip_prefix('>').or_else(|| trimmed.strip_prefix("/>")) {
            return Some(after);
        }
        if trimmed.len() == text.len() {
            return None;
        }
        text = attribute(trimmed)?;
    }
}

fn attribute(text: &str) -> Option<&str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    let name_bytes = text.bytes().take_while(is_name).count();
    let (name, after) = text.split_at(name_bytes);
    let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
        return FLAGS.contains(&name.to_ascii_lowercase().as_str()).then_some(after);
    };
    if name.is_empty() {
        return None;
    }
    let value = value.trim_ascii_start();
    let first = value.chars().next()?;
    if matches!(first, '"' | '\'') {
        return value[1..].split_once(first).map(|(_, after)| after);
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    (end > 0).then(|| &value[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        let mut out = String::new();
        strip_tags(text, &mut out);
        out
    }

    #[test]
    fn markup_goes_and_its_text_stays() {
        for (text, expected) in [
            ("<p>Good <b>bread</b>s</p>", " Good breads "),
            ("one<br/>two<BR>three", "one two three"),
            (r#"<a href="x>y" title='z'>link</a>"#, "link"),
            ("<td nowrap width=5>5</td>", " 5 "),
            ("a<!-- hidden <b> -->b", "a b"),
            ("<!DOCTYPE html>x", " x"),
            ("a<script>if (a<b) {}</script>b", "a  b"),
            ("<script>open", " open"),
        ] {
            assert_eq!(stripped(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        for text in [
            "a < b",
            "a<b",
            "I <3 you",
            "Vec<String>",
            "x<y && y>z",
            "if a<b then c>d",
            "i<b && b>c",
            "<",
            "<>",
            "</>",
            "<p",
            "<a href=\"open",
            "a <- b",
            "<alice@example.org>",
            "1<2>0",
            "<!-- open",
        ] {
            assert_eq!(stripped(text), text);
        }
    }

    #[test]
    fn tables_are_sorted_for_their_readers() {
        assert!(INLINE.is_sorted() && BLOCK.is_sorted() && FLAGS.is_sorted());
    }
}
