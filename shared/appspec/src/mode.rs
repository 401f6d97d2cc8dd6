//! The `mode` of `permissions`: octal by its digits, whatever YAML makes of them.

use std::fmt;

use thiserror::Error;

/// Permission bits, 0 to 0o7777.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

/// Why a text is no [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no mode; write one to four octal digits, such as 644 or 4755")]
pub struct InvalidMode(String);

impl Mode {
    /// Reads one to four octal digits (AWS CodeDeploy user guide, permissions: `mode`).
    ///
    /// # Errors
    /// [`InvalidMode`] for anything else, `u+x` included.
    pub fn new(text: &str) -> Result<Self, InvalidMode> {
        let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if digits => Ok(Self(bits)),
            _ => Err(InvalidMode(text.chars().take(40).collect())),
        }
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether it has the setuid or the setgid bit.
    pub fn sets_id(self) -> bool {
        self.0 & 0o6000 != 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_octal() {
        assert_eq!(Mode::new("755").unwrap().bits(), 0o755);
        assert_eq!(Mode::new("0644").unwrap().bits(), 0o644);
        assert_eq!(Mode::new("4755").unwrap().bits(), 0o4755);
        assert_eq!(Mode::new("7").unwrap().to_string(), "007");
        for text in ["", "u+x", "00755", "855", "0o55", "+75", " 75"] {
            assert!(Mode::new(text).is_err(), "{text}");
        }
    }
}
