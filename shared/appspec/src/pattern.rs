//! The globs of `permissions`: `**` for everything below, otherwise `*` on the names of direct children.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// A glob on one name; `*` stands for any characters, everything else (`?` too) for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

/// Which objects beneath a folder an entry of `permissions` is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `**`, the default: all of them, however deep.
    All,
    /// Direct children whose name matches.
    Children(Glob),
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        if text == "**" { Self::All } else { Self::Children(Glob::new(text)) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("**"),
            Self::Children(glob) => f.write_str(&glob.0),
        }
    }
}

impl Glob {
    /// Reads a glob; every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &OsStr) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }
}

/// Greedy with one point to fall back to, hence never exponential.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if glob.get(g) == Some(&b'*') {
            star = Some((g, n));
            g += 1;
        } else if glob.get(g) == Some(&name[n]) {
            (g, n) = (g + 1, n + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (g, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_is_special() {
        for (glob, name, expected) in [
            ("*.sh", "a.sh", true),
            ("*.sh", "a.sh~", false),
            ("a*b*c", "axxbxxbc", true),
            ("a?c", "abc", false),
            ("a?c", "a?c", true),
            ("*", "", true),
            ("", "x", false),
            ("***", "x", true),
        ] {
            assert_eq!(Glob::new(glob).matches(OsStr::new(name)), expected, "{glob} on {name}");
        }
    }

    #[test]
    fn two_stars_are_all() {
        assert_eq!(Pattern::new("**"), Pattern::All);
        assert_eq!(Pattern::new("*.c").to_string(), "*.c");
    }
}
