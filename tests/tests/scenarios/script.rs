//! Reads a scenario: what is prose, what is a file, what is a command.

/// A part of a scenario, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// For the reader.
    Prose(&'a str),
    /// Is written before the next command.
    File {
        /// Its name, relative to the scenario's folder.
        name: &'a str,
        /// Its text.
        text: String,
        /// The lines as they stand in the scenario.
        lines: Vec<&'a str>,
    },
    /// Is carried out; its expected output is not kept, only what is seen counts.
    Command(&'a str),
}

/// The parts of `text`.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            parts.push(Part::Prose(line));
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match info.split_once(' ') {
            None if info == "console" => {
                parts.push(Part::Prose(line));
                parts.extend(
                    block.iter().filter(|line| line.starts_with("$ ")).map(|line| Part::Command(line)),
                );
                parts.push(Part::Prose("```"));
            }
            Some((_, name)) => {
                let text = block.iter().map(|line| format!("{line}\n")).collect();
                parts.push(Part::File { name, text, lines: [&[line], &*block, &["```"]].concat() });
            }
            None => parts.extend([&[line], &*block, &["```"]].concat().into_iter().map(Part::Prose)),
        }
    }
    parts
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    /// The line for the shell.
    pub(crate) line: &'a str,
    /// The text that the output must contain before it counts.
    pub(crate) until: Option<&'a str>,
}

impl<'a> Command<'a> {
    /// Reads `$ penstock status web  # until: waits for a verdict`.
    pub(crate) fn read(line: &'a str) -> Self {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        match line.split_once("# until: ") {
            Some((line, until)) => Self { line: line.trim_end(), until: Some(until.trim()) },
            None => Self { line, until: None },
        }
    }
}

#[test]
fn a_scenario_is_read() {
    let text = "# Title\n```yaml a/b.yml\nx: 1\n```\n```console\n$ cat a/b.yml  # until: x\nx: 1\n```\n";
    let parts = parts(text);
    assert_eq!(parts[0], Part::Prose("# Title"));
    assert!(matches!(&parts[1], Part::File { name: "a/b.yml", text, .. } if text == "x: 1\n"));
    assert_eq!(parts[3], Part::Command("$ cat a/b.yml  # until: x"));
    assert_eq!(Command::read("$ cat a/b.yml  # until: x"), Command { line: "cat a/b.yml", until: Some("x") });
}
