//! "Did you mean …?"

/// The name closest to a mistyped one, where one is close: at most a third of its letters differ
/// (Levenshtein distance).
///
/// ```
/// let kinds = ["view", "purchase"];
/// assert_eq!(kindred::model::nearest_name("purchse", kinds), Some("purchase".to_owned()));
/// assert_eq!(kindred::model::nearest_name("xyz", kinds), None);
/// ```
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = name.chars().count();
    let most = length.div_ceil(3);
    known
        .into_iter()
        // What is so much longer or shorter differs by as many letters at least.
        .filter(|other| other.chars().count().abs_diff(length) <= most)
        .map(|other| (edits(name, other), other))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, other)| other.to_owned())
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
