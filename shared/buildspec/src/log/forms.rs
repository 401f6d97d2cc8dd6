//! The forms in which a secret may show up in a log.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter values are not masked: they would hide half of every log and could still be guessed.
const SHORTEST: usize = 4;
/// The shortest run of base64 or of one line of a secret that is masked by itself.
const SHORTEST_PART: usize = 8;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// These bytes.
    Exact(Vec<u8>),
    /// These bytes, each as it is or as `%HH`, a space also as `+`: what encoders leave as it is differs too much to be
    /// enumerated.
    Url(Vec<u8>),
}

impl Form {
    /// The length of its shortest text.
    pub(super) fn shortest(&self) -> usize {
        match self {
            Self::Exact(bytes) | Self::Url(bytes) => bytes.len(),
        }
    }

    /// The length of its longest text.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Exact(bytes) => bytes.len(),
            Self::Url(bytes) => bytes.len() * 3,
        }
    }

    /// Appends a regular expression of bytes that finds it.
    pub(super) fn write_pattern(&self, pattern: &mut String) {
        match self {
            Self::Exact(bytes) => bytes.iter().for_each(|byte| literal(*byte, pattern)),
            Self::Url(bytes) => bytes.iter().for_each(|byte| url_byte(*byte, pattern)),
        }
    }

    /// Whether `end` is a beginning of one of its texts, and not all of it.
    pub(super) fn is_begun_by(&self, end: &[u8]) -> bool {
        match self {
            Self::Exact(bytes) => bytes.len() > end.len() && bytes.starts_with(end),
            Self::Url(bytes) => begins_url(bytes, end),
        }
    }
}

fn literal(byte: u8, pattern: &mut String) {
    if byte.is_ascii_alphanumeric() {
        pattern.push(char::from(byte));
    } else {
        pattern.push_str(&format!("\\x{byte:02x}"));
    }
}

/// A percent sign is always encoded, which leaves one way only to read any text.
fn url_byte(byte: u8, pattern: &mut String) {
    pattern.push_str("(?:");
    if byte != b'%' {
        literal(byte, pattern);
        pattern.push('|');
    }
    if byte == b' ' {
        pattern.push_str("\\+|");
    }
    pattern.push('%');
    for digit in format!("{byte:02X}").chars() {
        match digit.is_ascii_digit() {
            true => pattern.push(digit),
            false => pattern.push_str(&format!("[{digit}{}]", digit.to_ascii_lowercase())),
        }
    }
    pattern.push(')');
}

fn begins_url(bytes: &[u8], end: &[u8]) -> bool {
    let mut end = end;
    for &byte in bytes {
        let taken = match end.first() {
            None => return true,
            Some(b'%') => {
                let digits = format!("%{byte:02X}");
                let head = end.len().min(3);
                if !end[..head].eq_ignore_ascii_case(&digits.as_bytes()[..head]) {
                    return false;
                }
                if head < 3 {
                    return true;
                }
                head
            }
            Some(b'+') if byte == b' ' => 1,
            Some(first) if *first == byte => 1,
            Some(_) => return false,
        };
        end = &end[taken..];
    }
    false
}

/// A secret as it may show up: as it is, line by line, in base64 at each of the three alignments, URL encoded, in JSON.
pub(super) fn forms(secret: &str) -> Vec<Form> {
    let whole = secret.trim_end_matches(['\n', '\r']);
    if whole.len() < SHORTEST {
        return Vec::new();
    }
    let mut exact: Vec<Vec<u8>> = vec![whole.into()];
    exact.extend(whole.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_PART).map(Vec::from));
    for shift in 0..3 {
        for text in [encoded(&STANDARD_NO_PAD, whole, shift), encoded(&URL_SAFE_NO_PAD, whole, shift)] {
            exact.extend((text.len() >= SHORTEST_PART.min(whole.len())).then_some(text));
        }
    }
    exact.extend(serde_json::to_string(whole).ok().map(|json| json.as_bytes()[1..json.len() - 1].to_vec()));
    exact.into_iter().map(Form::Exact).chain([Form::Url(whole.into())]).collect()
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
