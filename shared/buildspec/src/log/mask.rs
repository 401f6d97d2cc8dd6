//! Replaces secrets in a stream of bytes, also where they are encoded or cut by the ends of chunks.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::forms::{Form, forms};

const MASK: &[u8] = b"***";
/// Bytes of the regular expression that finds all forms of all secrets.
const MAX_REGEX: usize = 64 << 20;
/// An AWS access key id, which `CodeBuild` hides in logs.
const KEY_ID: &str = "A[KS]IA[A-Z0-9]{16}";
const KEY_ID_BYTES: usize = 20;

static KEY_IDS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(KEY_ID).ok());

/// Secrets that are too many or too long to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secrets of this build are too long to be masked in its log; give it fewer or shorter ones")]
pub struct MaskError;

/// Masks one stream.
pub(crate) struct Masker {
    regex: Option<Regex>,
    forms: Vec<Form>,
    /// The length of the longest text of any form.
    longest: usize,
    /// What may yet turn out to be the start of a secret.
    held: Vec<u8>,
}

impl Default for Masker {
    /// Masks AWS key ids only.
    fn default() -> Self {
        Self { regex: KEY_IDS.clone(), forms: Vec::new(), longest: KEY_ID_BYTES, held: Vec::new() }
    }
}

impl Masker {
    /// Masks `secrets` in every form that [`forms`] knows, and AWS key ids.
    pub(crate) fn new(secrets: &[String]) -> Result<Self, MaskError> {
        let all: BTreeSet<Form> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let mut forms: Vec<Form> = all.into_iter().collect();
        // The longest first: alternatives are tried in order.
        forms.sort_by_key(|form| std::cmp::Reverse(form.shortest()));
        let longest = forms.iter().map(Form::longest).max().unwrap_or(0).max(KEY_ID_BYTES);
        let regex = if forms.is_empty() { KEY_IDS.clone() } else { Some(regex_of(&forms)?) };
        Ok(Self { regex, forms, longest, held: Vec::new() })
    }

    /// Appends to `out` as much as is certain, masked.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        let certain = self.certain();
        self.release(certain, out);
    }

    /// Appends the rest.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(self.held.len(), out);
    }

    /// Masks a text by itself.
    pub(crate) fn mask(&self, text: &str) -> String {
        let masked = self.regex.as_ref().map(|regex| regex.replace_all(text.as_bytes(), MASK));
        masked.map_or_else(|| text.to_owned(), |masked| String::from_utf8_lossy(&masked).into_owned())
    }

    fn release(&mut self, certain: usize, out: &mut Vec<u8>) {
        let mut done = 0;
        if let Some(regex) = &self.regex {
            for found in regex.find_iter(&self.held) {
                if found.start() >= certain {
                    break;
                }
                out.extend_from_slice(&self.held[done..found.start()]);
                out.extend_from_slice(MASK);
                done = found.end();
            }
        }
        if done < certain {
            out.extend_from_slice(&self.held[done..certain]);
            done = certain;
        }
        self.held.drain(..done);
    }

    /// The first place from which everything up to the end could be the start of a secret.
    fn certain(&self) -> usize {
        let from = self.held.len().saturating_sub(self.longest - 1);
        let starts = |at: &usize| {
            let end = &self.held[*at..];
            starts_key_id(end) || self.forms.iter().any(|form| form.is_begun_by(end))
        };
        (from..self.held.len()).find(starts).unwrap_or(self.held.len())
    }
}

fn starts_key_id(end: &[u8]) -> bool {
    let head = end.len().min(4);
    end.len() < KEY_ID_BYTES
        && (b"AKIA"[..head] == end[..head] || b"ASIA"[..head] == end[..head])
        && end[head..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn regex_of(forms: &[Form]) -> Result<Regex, MaskError> {
    let mut pattern = String::from("(?s-u:");
    for form in forms {
        form.write_pattern(&mut pattern);
        pattern.push('|');
    }
    pattern += KEY_ID;
    pattern.push(')');
    let mut builder = RegexBuilder::new(&pattern);
    builder.size_limit(MAX_REGEX).dfa_size_limit(4 << 20).build().map_err(|_| MaskError)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "p@ss/w0rd with=all&sorts";

    fn masked(chunks: &[&[u8]]) -> String {
        let mut masker = Masker::new(&[SECRET.to_owned(), "p@ss".to_owned()]).unwrap();
        let mut out = Vec::new();
        for chunk in chunks {
            masker.push(chunk, &mut out);
        }
        masker.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_form_is_masked() {
        for around in ["", "a", "ab", "abc"] {
            let text = STANDARD.encode(format!("{around}{SECRET}{around}"));
            let inner = STANDARD.encode(SECRET);
            let shown = masked(&[text.as_bytes()]);
            assert!(shown.contains("***") && !shown.contains(&inner[8..16]), "{shown}");
        }
        let percent = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        for text in
            [SECRET.to_owned(), percent.clone(), percent.replace("%20", "+"), percent.to_ascii_lowercase()]
        {
            assert_eq!(masked(&[b"<", text.as_bytes(), b">"]), "<***>");
        }
    }

    #[test]
    fn what_common_encoders_write_is_masked() {
        let secret = "a/b:c@d!e*f g~h%i'(é)";
        let texts = [
            // Python: urllib.parse.quote, quote_plus.
            "a/b%3Ac%40d%21e%2Af%20g~h%25i%27%28%C3%A9%29",
            "a%2Fb%3Ac%40d%21e%2Af+g~h%25i%27%28%C3%A9%29",
            // JavaScript: encodeURIComponent.
            "a%2Fb%3Ac%40d!e*f%20g~h%25i'(%C3%A9)",
            // Java: URLEncoder, and lower-case digits as .NET writes them.
            "a%2Fb%3Ac%40d%21e*f+g%7Eh%25i%27%28%C3%A9%29",
            "a%2fb%3ac%40d!e*f+g%7eh%25i%27(%c3%a9)",
            secret,
        ];
        for text in texts {
            for cut in 0..text.len() {
                let mut masker = Masker::new(&[secret.to_owned()]).unwrap();
                let mut out = b"<".to_vec();
                masker.push(&text.as_bytes()[..cut], &mut out);
                masker.push(&text.as_bytes()[cut..], &mut out);
                masker.push(b">", &mut out);
                masker.finish(&mut out);
                assert_eq!(String::from_utf8_lossy(&out), "<***>", "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn key_ids_are_masked_and_short_values_are_not() {
        assert_eq!(masked(&[b"AKIAIOSFODNN7EXAMPLE AKIA"]), "*** AKIA");
        let mut out = Vec::new();
        let mut masker = Masker::new(&["abc".to_owned(), String::new()]).unwrap();
        masker.push(b"abc\n", &mut out);
        assert_eq!(out, b"abc\n");
    }

    #[test]
    fn lines_of_a_key_are_masked_one_by_one() {
        let mut masker = Masker::new(&["-----BEGIN-----\nMIIEvQIBADAN\n-----END-----\n".to_owned()]).unwrap();
        let mut out = Vec::new();
        masker.push(b"key: MIIEvQIBADAN\n", &mut out);
        masker.finish(&mut out);
        assert_eq!(out, b"key: ***\n");
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(cuts in proptest::collection::vec(0_usize..90, 0..8), prefix in "[a-zA p@s]{0,9}") {
            let text = format!("{prefix}{SECRET}p@s{SECRET}{prefix}p@ss p@ AKIAIOSFODNN7EXAMPLE{prefix}");
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(masked(&chunks), masked(&[text.as_bytes()]));
        }
    }
}
