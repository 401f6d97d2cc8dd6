//! Replaces secrets in a stream of bytes, also where they are encoded or cut by the ends of chunks.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::bytes::{Regex, RegexBuilder};

const MASK: &[u8] = b"***";
/// Shorter values are not masked: they would hide half of every log and could still be guessed.
const SHORTEST: usize = 4;
/// The shortest run of base64 or of one line of a secret that is masked by itself.
const SHORTEST_PART: usize = 8;
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
    forms: Vec<Vec<u8>>,
    /// The length of the longest form.
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
        let all: BTreeSet<Vec<u8>> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let mut forms: Vec<Vec<u8>> = all.into_iter().collect();
        // The longest first: alternatives are tried in order.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let longest = forms.first().map_or(0, Vec::len).max(KEY_ID_BYTES);
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
            starts_key_id(end)
                || self.forms.iter().any(|form| form.len() > end.len() && form.starts_with(end))
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

fn regex_of(forms: &[Vec<u8>]) -> Result<Regex, MaskError> {
    let mut pattern = String::from("(?s-u:");
    for form in forms {
        for byte in form {
            if byte.is_ascii_alphanumeric() {
                pattern.push(char::from(*byte));
            } else {
                pattern += &format!("\\x{byte:02x}");
            }
        }
        pattern.push('|');
    }
    pattern += KEY_ID;
    pattern.push(')');
    let mut builder = RegexBuilder::new(&pattern);
    builder.size_limit(MAX_REGEX).dfa_size_limit(4 << 20).build().map_err(|_| MaskError)
}

/// A secret as it may show up: as it is, line by line, in base64 at each of the three alignments, URL encoded, in JSON.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let whole = secret.trim_end_matches(['\n', '\r']);
    if whole.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms: Vec<Vec<u8>> = vec![whole.into()];
    forms.extend(whole.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_PART).map(Vec::from));
    for shift in 0..3 {
        for text in [encoded(&STANDARD_NO_PAD, whole, shift), encoded(&URL_SAFE_NO_PAD, whole, shift)] {
            forms.extend((text.len() >= SHORTEST_PART.min(whole.len())).then_some(text));
        }
    }
    let percent = utf8_percent_encode(whole, NON_ALPHANUMERIC).to_string();
    forms.push(percent.to_ascii_lowercase().into_bytes());
    // What encoders leave as it is differs: RFC 3986's unreserved characters, or forms' `+` for a space.
    let unreserved = percent.replace("%2D", "-").replace("%2E", ".").replace("%5F", "_").replace("%7E", "~");
    forms.push(unreserved.replace("%20", "+").into_bytes());
    forms.push(lower_hex(&unreserved).into_bytes());
    forms.push(unreserved.into_bytes());
    forms.push(percent.into_bytes());
    forms.extend(serde_json::to_string(whole).ok().map(|json| json.as_bytes()[1..json.len() - 1].to_vec()));
    forms
}

/// What base64 shows of `text` behind `shift` other bytes: only the characters that no neighbour can change.
fn encoded(engine: &impl Engine, text: &str, shift: usize) -> Vec<u8> {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(text.as_bytes());
    let characters = engine.encode(&bytes).into_bytes();
    let start = (shift * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    characters.get(start..end).unwrap_or_default().to_vec()
}

/// `%2F` as `%2f`.
fn lower_hex(text: &str) -> String {
    let mut parts = text.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower += &format!("%{}{rest}", digits.to_ascii_lowercase());
    }
    lower
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
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
