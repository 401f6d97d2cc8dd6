//! `CodePipeline`'s globs for branches, tags and file paths, compiled once and matched in bounded time.
//!
//! `*` matches within a path segment, `**` across segments (and `**/` also no segment at all), `?` one character
//! other than `/`, `[a-z]` and `[!a-z]` one of or none of a set, `{a,b}` one of several globs; `\` takes the next
//! character literally. Matching follows all alternatives at once, so its time is at most the product of the two
//! lengths. Source: `CodePipeline` user guide, "Working with glob patterns in syntax".

use std::iter::Peekable;
use std::str::Chars;

use crate::pipeline::Patterns;

/// The longest pattern in characters.
pub const MAX_CHARS: usize = 255;
/// How deeply `{…}` may be nested.
const MAX_NESTING: usize = 8;

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// Nothing at all.
    #[error("a pattern must not be empty; write ** for anything")]
    Empty,
    /// Longer than [`MAX_CHARS`].
    #[error("a pattern has at most {MAX_CHARS} characters, and this has {0}")]
    TooLong(usize),
    /// `[` without `]`, or nothing between them.
    #[error("`[` opens a set that is empty or not closed; add the characters and `]`, or write \\[")]
    Set,
    /// `{` without `}`.
    #[error("`{{` is not closed; add `}}`, or write \\{{")]
    Brace,
    /// `{` in `{` in `{` …
    #[error("braces are nested more than {MAX_NESTING} deep; write several patterns")]
    TooDeep,
    /// A `\` at the end.
    #[error("`\\` stands at the end; add the character that it takes literally")]
    Escape,
}

/// A step of a compiled glob.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This character.
    Char(char),
    /// Any character except `/`.
    Any,
    /// Any character.
    Anything,
    /// One of (or none of) these ranges, and no `/`.
    Set { negated: bool, ranges: Vec<(char, char)> },
    /// Goes on at both places without a character.
    Split(usize, usize),
    /// Goes on there without a character.
    Jump(usize),
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    steps: Vec<Step>,
}

impl Glob {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`InvalidGlob`] says what is wrong and how to write it.
    pub fn new(pattern: &str) -> Result<Self, InvalidGlob> {
        let length = pattern.chars().count();
        if length == 0 {
            return Err(InvalidGlob::Empty);
        }
        if length > MAX_CHARS {
            return Err(InvalidGlob::TooLong(length));
        }
        let mut compiler =
            Compiler { rest: pattern.chars().peekable(), steps: Vec::new(), at_segment_start: true };
        compiler.sequence(0)?;
        Ok(Self { steps: compiler.steps })
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let mut current = States::new(self.steps.len());
        current.enter(0, &self.steps);
        for c in text.chars() {
            let mut next = States::new(self.steps.len());
            for &at in &current.reached {
                if let Some(followed) = self.steps.get(at).and_then(|step| step.follow(c, at)) {
                    next.enter(followed, &self.steps);
                }
            }
            if next.reached.is_empty() {
                return false;
            }
            current = next;
        }
        current.seen[self.steps.len()]
    }
}

impl Step {
    /// Where matching goes on after the character `c`.
    fn follow(&self, c: char, at: usize) -> Option<usize> {
        let matched = match self {
            Self::Char(expected) => *expected == c,
            Self::Any => c != '/',
            Self::Anything => true,
            Self::Set { negated, ranges } => {
                c != '/' && ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
            Self::Split(..) | Self::Jump(_) => false,
        };
        matched.then_some(at + 1)
    }
}

/// The steps at which matching can stand.
struct States {
    reached: Vec<usize>,
    seen: Vec<bool>,
}

impl States {
    fn new(steps: usize) -> Self {
        Self { reached: Vec::new(), seen: vec![false; steps + 1] }
    }

    /// Adds `at` and every step that is reached from it without a character.
    fn enter(&mut self, at: usize, steps: &[Step]) {
        let mut due = vec![at];
        while let Some(at) = due.pop() {
            if std::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            match steps.get(at) {
                Some(Step::Split(one, other)) => due.extend([*one, *other]),
                Some(Step::Jump(to)) => due.push(*to),
                Some(Step::Char(_) | Step::Any | Step::Anything | Step::Set { .. }) | None => {
                    self.reached.push(at);
                }
            }
        }
    }
}

struct Compiler<'a> {
    rest: Peekable<Chars<'a>>,
    steps: Vec<Step>,
    /// Whether the last character was `/` or there was none, which gives `**/` its meaning.
    at_segment_start: bool,
}

impl Compiler<'_> {
    /// Compiles up to the end or, within braces, up to the `,` or `}` that ends the alternative.
    fn sequence(&mut self, depth: usize) -> Result<(), InvalidGlob> {
        while let Some(c) = self.rest.next_if(|c| depth == 0 || !matches!(c, ',' | '}')) {
            let started = std::mem::replace(&mut self.at_segment_start, c == '/');
            match c {
                '*' => self.star(started),
                '?' => self.steps.push(Step::Any),
                '[' => self.set()?,
                '{' => self.braces(depth + 1, started)?,
                '\\' => {
                    let literal = self.rest.next().ok_or(InvalidGlob::Escape)?;
                    self.steps.push(Step::Char(literal));
                }
                other => self.steps.push(Step::Char(other)),
            }
        }
        Ok(())
    }

    fn star(&mut self, at_segment_start: bool) {
        let mut step = Step::Any;
        while self.rest.next_if_eq(&'*').is_some() {
            step = Step::Anything;
        }
        let start = self.steps.len();
        let across = step == Step::Anything && at_segment_start && self.rest.next_if_eq(&'/').is_some();
        if across {
            // Either no segment at all, or anything that ends with a slash.
            self.steps.extend([Step::Split(start + 1, start + 5), Step::Split(start + 2, start + 4)]);
            self.steps.extend([Step::Anything, Step::Jump(start + 1), Step::Char('/')]);
            self.at_segment_start = true;
        } else {
            self.steps.extend([Step::Split(start + 1, start + 3), step, Step::Jump(start)]);
        }
    }

    fn set(&mut self) -> Result<(), InvalidGlob> {
        let negated = self.rest.next_if(|c| matches!(c, '!' | '^')).is_some();
        let mut ranges = Vec::new();
        loop {
            let first = match self.rest.next().ok_or(InvalidGlob::Set)? {
                ']' if !ranges.is_empty() => break,
                ']' if self.rest.peek().is_none() => return Err(InvalidGlob::Set),
                '\\' => self.rest.next().ok_or(InvalidGlob::Escape)?,
                other => other,
            };
            let mut ahead = self.rest.clone();
            let last = match (ahead.next(), ahead.next()) {
                (Some('-'), Some(last)) if last != ']' => {
                    self.rest = ahead;
                    last
                }
                _ => first,
            };
            ranges.push((first, last));
        }
        self.steps.push(Step::Set { negated, ranges });
        Ok(())
    }

    /// `{a,b}`: a split before each alternative but the last, a jump behind each.
    fn braces(&mut self, depth: usize, at_segment_start: bool) -> Result<(), InvalidGlob> {
        if depth > MAX_NESTING {
            return Err(InvalidGlob::TooDeep);
        }
        let mut jumps = Vec::new();
        loop {
            let split = self.steps.len();
            self.steps.push(Step::Jump(split + 1));
            self.at_segment_start = at_segment_start;
            self.sequence(depth)?;
            let closed = self.rest.next().ok_or(InvalidGlob::Brace)? == '}';
            jumps.push(self.steps.len());
            self.steps.push(Step::Jump(0));
            if closed {
                break;
            }
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        let end = self.steps.len();
        for jump in jumps {
            self.steps[jump] = Step::Jump(end);
        }
        self.at_segment_start = false;
        Ok(())
    }
}

/// Compiled includes and excludes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    includes: Vec<Glob>,
    excludes: Vec<Glob>,
}

impl Filter {
    /// Compiles `patterns`.
    ///
    /// # Errors
    /// [`InvalidGlob`] for the first pattern that is none.
    pub fn new(patterns: &Patterns) -> Result<Self, InvalidGlob> {
        let compile =
            |globs: &[String]| globs.iter().map(|glob| Glob::new(glob)).collect::<Result<Vec<_>, _>>();
        Ok(Self { includes: compile(&patterns.includes)?, excludes: compile(&patterns.excludes)? })
    }

    /// Whether an include and no exclude matches; without includes, whatever is not excluded.
    pub fn admits(&self, text: &str) -> bool {
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(text));
        (self.includes.is_empty() || any(&self.includes)) && !any(&self.excludes)
    }
}

impl Patterns {
    /// [`Filter::admits`] for a single text; a pattern that is none admits nothing.
    pub fn admits(&self, text: &str) -> bool {
        Filter::new(self).is_ok_and(|filter| filter.admits(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        let table = [
            ("main", "main", true),
            ("main", "mainline", false),
            ("feature/*", "feature/a", true),
            ("feature/*", "feature/a/b", false),
            ("feature/**", "feature/a/b", true),
            ("feature**", "feature/a/b", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("**", "", true),
            ("**/*.js", "a/b/c.js", true),
            ("**/*.js", "c.js", true),
            ("src/**/x", "src/x", true),
            ("src/**/x", "src/a/b/x", true),
            ("src/**/x", "srcx", false),
            ("a**/x", "ab/c/x", true),
            ("a**/x", "ax", false),
            ("v?.?", "v1.2", true),
            ("v?", "v/", false),
            ("release-[0-9]", "release-7", true),
            ("release-[!0-9]", "release-x", true),
            ("release-[!0-9]", "release-7", false),
            ("[!a]", "/", false),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("{main,release/*}", "release/1", true),
            ("{main,release/*}", "main", true),
            ("{main,release/*}", "dev", false),
            ("a{b,{c,d}e,}f", "adef", true),
            ("a{b,{c,d}e,}f", "af", true),
            ("{**/,}x", "a/x", true),
            ("a,b", "a,b", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("ü*", "über", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Glob::new(pattern).unwrap().matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let deep = "{".repeat(20);
        let long = "a".repeat(256);
        let table = [
            ("", InvalidGlob::Empty),
            ("[a", InvalidGlob::Set),
            ("[]", InvalidGlob::Set),
            ("{a,b", InvalidGlob::Brace),
            ("a\\", InvalidGlob::Escape),
            (deep.as_str(), InvalidGlob::TooDeep),
            (long.as_str(), InvalidGlob::TooLong(256)),
        ];
        for (pattern, expected) in table {
            assert_eq!(Glob::new(pattern), Err(expected), "{pattern}");
        }
    }

    #[test]
    fn an_exclude_beats_an_include() {
        let patterns = |includes: &[&str], excludes: &[&str]| Patterns {
            includes: includes.iter().map(ToString::to_string).collect(),
            excludes: excludes.iter().map(ToString::to_string).collect(),
        };
        assert!(patterns(&["**"], &["wip/*"]).admits("main"));
        assert!(!patterns(&["**"], &["wip/*"]).admits("wip/a"));
        assert!(patterns(&[], &["wip/*"]).admits("main"));
        assert!(patterns(&[], &[]).admits("main"));
        assert!(!patterns(&["["], &[]).admits("["));
    }

    #[test]
    fn a_pattern_of_stars_is_matched_in_bounded_time() {
        let glob = Glob::new(&"{*a,**}".repeat(36)).unwrap();
        assert!(glob.matches(&"a".repeat(1000)));
        assert!(!Glob::new(&"*a".repeat(100)).unwrap().matches(&"b".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in "[a-c*?{},\\[\\]!\\\\/-]{0,30}", text in "[a-c/*\\]-]{0,12}") {
            if let Ok(glob) = Glob::new(&pattern) {
                glob.matches(&text);
            }
        }

        #[test]
        fn a_literal_matches_itself_alone(text in "[a-z0-9/._-]{1,40}", other in "[a-z0-9/._-]{1,40}") {
            let glob = Glob::new(&text).unwrap();
            prop_assert!(glob.matches(&text));
            prop_assert_eq!(glob.matches(&other), text == other);
        }
    }
}
