//! Texts as the encoder should see them: markup, invisible characters and odd spacing taken out, NFKC.

use super::html::strip_tags;
use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfkc};

/// Passes after which a text that still changes (entities of entities of …) loses its markup characters.
const MAX_PASSES: usize = 8;

/// Cleans a text; borrowed where there was nothing to do.
///
/// Cleaning what was cleaned changes nothing: passes are repeated until the text stays as it is.
pub(in crate::ingest) fn clean_text(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        let next = pass(&cleaned);
        if next == cleaned {
            return cleaned;
        }
        cleaned = Cow::Owned(next);
    }
    Cow::Owned(without_markup_characters(&cleaned))
}

/// Printable ASCII with single spaces inside and no markup: most texts, told apart at the speed of memory.
fn is_plain(text: &str) -> bool {
    let mut before = b' ';
    for byte in text.bytes() {
        if !(b' '..=b'~').contains(&byte) || matches!(byte, b'&' | b'<') || (byte == b' ' && before == b' ') {
            return false;
        }
        before = byte;
    }
    before != b' ' || text.is_empty()
}

fn pass(text: &str) -> String {
    let decoded = html_escape::decode_html_entities(text);
    let mut stripped = String::with_capacity(decoded.len());
    strip_tags(&decoded, &mut stripped);
    without_odd_characters(&stripped)
}

fn without_markup_characters(text: &str) -> String {
    let spaced = without_odd_characters(text).replace(['&', '<'], " ");
    without_odd_characters(&spaced)
}

/// NFKC, no invisible characters, single spaces.
fn without_odd_characters(text: &str) -> String {
    let visible = without_invisible(text);
    let composed: Cow<str> =
        if is_nfkc(&visible) { Cow::Borrowed(&visible) } else { Cow::Owned(visible.nfkc().collect()) };
    let mut spaced = String::with_capacity(composed.len());
    for word in composed.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    spaced
}

fn without_invisible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let keep = match c {
            '\u{200c}' | '\u{200d}' => joins(kept.chars().next_back(), chars.peek().copied()),
            _ => !is_invisible(c),
        };
        if keep {
            kept.push(c);
        }
    }
    kept
}

/// Control characters but white space, zero-width and direction marks, tags and the byte order mark.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t'..='\r' | '\u{85}'))
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether a joiner between the two means something: inside an emoji, or in a script whose letters it shapes.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    let both = |test: fn(char) -> bool| before.is_some_and(test) && after.is_some_and(test);
    both(is_emoji_part) || both(is_shaped)
}

const fn is_emoji_part(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Arabic to Mongolian: the blocks whose scripts use joiners.
const fn is_shaped(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cleaned_as_the_table_says() {
        for (text, expected) in [
            ("", ""),
            ("  a \t\n b\u{a0}c\u{3000}", "a b c"),
            ("ＡＢＣ１２３ ﬁne ①", "ABC123 fine 1"),
            ("e\u{301}", "é"),
            ("a\u{200b}b\u{feff}c\u{ad}d\u{7}e\u{202e}f", "abcdef"),
            ("fish &amp; chips &#39;n&#x27; more", "fish & chips 'n' more"),
            ("&amp;amp;lt;b&amp;amp;gt;bold&amp;lt;/b&amp;gt;", "bold"),
            ("<p>one</p><p>two</p>", "one two"),
            ("a < b & c > d", "a < b & c > d"),
            ("AT&T &copy &nosuch;", "AT&T &copy &nosuch;"),
            ("👩\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥", "👩\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("a\u{200d}b 中\u{200c}文", "ab 中文"),
            ("\u{200d}🚀", "🚀"),
            ("你好，世界！", "你好,世界!"),
            ("＜ｂ＞bold＜／ｂ＞", "bold"),
        ] {
            assert_eq!(clean_text(text), expected, "{text:?}");
        }
    }

    #[test]
    fn entities_nested_beyond_reason_end_without_markup() {
        let nested = format!("&{}lt;", "amp;".repeat(50_000));
        let cleaned = clean_text(&nested).into_owned();
        assert!(!cleaned.contains('&'));
        assert_eq!(clean_text(&cleaned), cleaned);
    }

    #[test]
    fn many_openings_take_linear_time() {
        let text = "<a ".repeat(300_000);
        assert_eq!(clean_text(&text), text.trim_end());
    }

    fn nasty() -> impl Strategy<Value = String> {
        let pieces = [
            "&", "amp;", "lt;", "gt;", "#60;", "#x3c;", "<", ">", "b", "br", "p", "/", "!--", "-->",
            "script", " ", "\t", "=", "\"", "\u{200d}", "\u{200c}", "\u{200b}", "＜", "＆", "；", "ａ", "e",
            "\u{301}", "\u{fe0f}", "👩", "ي", "\u{ad}", "ﬁ", "\u{0}", "\u{3164}", "\u{1160}", "각",
            "\u{11a8}", "\u{fdfa}", "&nbsp;", "&zwj;",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn cleaning_twice_is_cleaning_once(text in prop_oneof![nasty(), any::<String>()]) {
            let once = clean_text(&text).into_owned();
            prop_assert_eq!(&clean_text(&once), &once);
            prop_assert_eq!(once.trim(), &once);
        }

        #[test]
        fn plain_text_is_told_apart_correctly(text in "[ a-z&<é]{0,8}") {
            if is_plain(&text) {
                prop_assert_eq!(pass(&text), text);
            }
        }
    }
}
