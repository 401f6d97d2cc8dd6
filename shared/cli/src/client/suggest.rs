//! The name that somebody probably meant.

/// Of `known`, the name that is near enough to `wrong` to have been meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (distance(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean ...?`, or all that there is if that is little, or nothing.
pub(crate) fn hint(wrong: &str, known: &[String]) -> String {
    if let Some(name) = nearest(wrong, known.iter().map(String::as_str)) {
        return format!("; did you mean `{name}`?");
    }
    match known.len() {
        0 => String::new(),
        1..=12 => format!("; there is {}", known.join(", ")),
        _ => String::new(),
    }
}

/// `text` as one word of a shell.
#[cfg(feature = "aws")]
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// How many characters must be inserted, removed or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let cheapest = (diagonal + usize::from(from != *to)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cheapest);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "aws")]
    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("Jo O'Neil; rm"), r"'Jo O'\''Neil; rm'");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("depoly", ["Build", "Deploy"]), Some("Deploy"));
        assert_eq!(nearest("canal-light", ["canal-lights", "web"]), Some("canal-lights"));
        assert_eq!(nearest("zzz", ["Build", "Deploy"]), None);
    }
}
