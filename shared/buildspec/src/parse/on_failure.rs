//! The grammar of `on-failure`: `ABORT`, `CONTINUE`, `RETRY`, `RETRY-count`, `RETRY-regex`, `RETRY-count-regex`.

use regex::Regex;

use crate::definition::{DEFAULT_RETRIES, OnFailure};

/// After `RETRY-` a field of digits is the count and all the rest is the regular expression.
pub(super) fn parse(text: &str) -> Result<OnFailure, String> {
    match text.to_ascii_uppercase().as_str() {
        "ABORT" => return Ok(OnFailure::Abort),
        "CONTINUE" => return Ok(OnFailure::Continue),
        "RETRY" => {
            return Ok(OnFailure::Retry { count: DEFAULT_RETRIES, pattern: ".*".into() });
        }
        _ => {}
    }
    let rest = match text.split_at_checked("RETRY-".len()) {
        Some((word, rest)) if word.eq_ignore_ascii_case("RETRY-") && !rest.is_empty() => rest,
        _ => {
            return Err(format!(
                "`{text}`; write ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex"
            ));
        }
    };
    let (first, after) = rest.split_once('-').map_or((rest, None), |(first, after)| (first, Some(after)));
    let (count, pattern) = if first.bytes().all(|byte| byte.is_ascii_digit()) && !first.is_empty() {
        let count = first.parse().ok().filter(|count| *count <= 100);
        (
            count.ok_or_else(|| format!("`{first}` retries; the count goes from 0 to 100"))?,
            after.unwrap_or(".*"),
        )
    } else {
        (DEFAULT_RETRIES, rest)
    };
    Regex::new(pattern).map_err(|error| {
        let reason =
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("`{pattern}` is not a regular expression that is understood here: {reason}")
    })?;
    Ok(OnFailure::Retry { count, pattern: pattern.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        let retry = |count, pattern: &str| Ok(OnFailure::Retry { count, pattern: pattern.into() });
        assert_eq!(parse("ABORT"), Ok(OnFailure::Abort));
        assert_eq!(parse("Continue"), Ok(OnFailure::Continue));
        assert_eq!(parse("RETRY"), retry(3, ".*"));
        assert_eq!(parse("RETRY-4"), retry(4, ".*"));
        assert_eq!(parse("RETRY-8-invalid+"), retry(8, "invalid+"));
        assert_eq!(parse("Retry-3-.*connection timed out.*"), retry(3, ".*connection timed out.*"));
        assert_eq!(parse("RETRY-timed-out"), retry(3, "timed-out"));
        assert_eq!(parse("RETRY-0"), retry(0, ".*"));
    }

    #[test]
    fn what_is_refused() {
        for text in ["", "STOP", "RETRY-", "RETRY-101", "RETRY-2-(", "RETRYx", "ÄÄÄÄ"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
