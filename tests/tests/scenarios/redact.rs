//! Replaces what differs from one run to the next.

use std::path::{Path, PathBuf};

use regex::{Captures, Regex};

/// Remembers ids, so that each keeps its name through a scenario.
pub(crate) struct Redaction {
    folder: PathBuf,
    executions: Vec<String>,
    commits: Vec<String>,
    uuid: Regex,
    commit: Regex,
    rules: Vec<(Regex, &'static str)>,
}

impl Redaction {
    /// For a scenario that is played in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let rule = |pattern: &str, with| (Regex::new(pattern).unwrap(), with);
        Self {
            folder: folder.to_owned(),
            executions: vec![],
            commits: vec![],
            commit: Regex::new(r"\b([0-9a-f]{40}|[0-9a-f]{12}|[0-9a-f]{7})\b").unwrap(),
            uuid: Regex::new(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b").unwrap(),
            rules: vec![
                rule(r"(127\.0\.0\.1|localhost):\d{4,5}\b", "$1:[port]"),
                rule(r"/approvals/[\w.-]+", "/approvals/[token]"),
                rule(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?( UTC)?", "[moment]"),
                rule(r"\b\d+ B [0-9a-f]{64}\b", "[size] [digest]"),
                rule(r"penstock-demo-\w+", "penstock-demo-[random]"),
                rule(r"\bd-[A-Z0-9]{9}\b", "[deployment]"),
                rule(r" *(\b\d+(\.\d+)?m?s\b|\b\d+m \d\ds\b)", " [time]"),
            ],
        }
    }

    /// `text` as it stands in a scenario.
    pub(crate) fn apply(&mut self, text: &str) -> String {
        let text = text.replace(&*self.folder.to_string_lossy(), "[folder]");
        let beside = self.folder.parent().unwrap_or(&self.folder);
        let text = text.replace(&*beside.to_string_lossy(), "[folder]/..");
        let text = self.uuid.replace_all(&text, |found: &Captures<'_>| {
            format!("[execution {}]", number(&mut self.executions, &found[0]))
        });
        let text = self.commit.replace_all(&text, |found: &Captures<'_>| {
            // A word of the language has no digits, and zeros are no commit.
            match found[0].contains(|c: char| ('1'..='9').contains(&c)) {
                true => format!("[commit {}]", number(&mut self.commits, &found[0][..7])),
                false => found[0].to_owned(),
            }
        });
        let mut text = text.into_owned();
        for (number, id) in self.executions.iter().enumerate() {
            text = text.replace(&id[..8], &format!("[execution {}]", number + 1));
        }
        for (pattern, with) in &self.rules {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

/// Which of `known` `id` is, from 1; a new one is added.
fn number(known: &mut Vec<String>, id: &str) -> usize {
    let at = known.iter().position(|other| other == id).unwrap_or_else(|| {
        known.push(id.to_owned());
        known.len() - 1
    });
    at + 1
}

#[test]
fn ids_keep_their_names() {
    let mut redaction = Redaction::new(Path::new("/tmp/x/project"));
    let text =
        "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607 after   0.2s in /tmp/x/project at http://127.0.0.1:4242/";
    assert_eq!(redaction.apply(text), "[execution 1] after [time] in [folder] at http://127.0.0.1:[port]/\n");
    assert_eq!(redaction.apply("2b1f0c3a took 3m 05s\n"), "[execution 1] took [time]\n");
}
