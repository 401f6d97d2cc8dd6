//! What a check says of a file that a person wrote: severity, code, place and way out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, but probably not as the author meant it.
    Warning,
    /// Refused.
    Error,
}

/// A place in a file; both numbers count from 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that a check found.
///
/// The message is a sentence that says what is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// How grave.
    pub severity: Severity,
    /// A stable kebab-case code, such as `artifact-not-produced`.
    pub code: String,
    /// What is wrong and the way out.
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic that refuses the file.
    pub fn error(place: Place, code: &str, message: impl Into<String>) -> Self {
        Self { place, severity: Severity::Error, code: code.into(), message: message.into() }
    }

    /// A diagnostic that lets the file through.
    pub fn warning(place: Place, code: &str, message: impl Into<String>) -> Self {
        Self { place, severity: Severity::Warning, code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{}: {severity}[{}]: {}", self.place, self.code, self.message)
    }
}

/// Whether any of `diagnostics` refuses the file.
pub fn refuses(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
