//! Plays a scenario: carries its commands out and writes down what is seen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::redact::Redaction;
use crate::script::{Command, Part, parts};
use crate::server::{self, Server};
use crate::shell::{Seen, Shell};

/// How long an `# until:` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The scenario as it happened.
pub(crate) fn play(text: &str, program: &Path) -> Result<String, String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = home.path().canonicalize().map_err(|error| error.to_string())?.join("project");
    fs::create_dir(&folder).map_err(|error| error.to_string())?;
    let mut stage = Stage {
        program,
        shell: Shell::start(&folder, program),
        redaction: Redaction::new(&folder),
        folder,
        server: None,
        deliveries: 0,
    };
    let mut seen = String::new();
    for part in parts(text) {
        match part {
            Part::Prose(line) => seen += &format!("{line}\n"),
            Part::File { name, text, lines } => {
                stage.write(name, &text)?;
                lines.iter().for_each(|line| seen += &format!("{line}\n"));
            }
            Part::Command(line) => {
                let output = stage.command(line).map_err(|problem| format!("`{line}`: {problem}"))?;
                seen += &format!("{line}\n{}", stage.redaction.apply(&output));
            }
        }
    }
    Ok(seen)
}

struct Stage<'a> {
    program: &'a Path,
    shell: Shell,
    redaction: Redaction,
    folder: PathBuf,
    server: Option<Server>,
    deliveries: u32,
}

impl Stage<'_> {
    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))
    }

    fn command(&mut self, line: &str) -> Result<String, String> {
        let Command { line, until } = Command::read(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["penstock", "up", ..] => self.up(line),
            ["kill", .., "penstock"] => {
                self.server = None;
                Ok(String::new())
            }
            ["deliver", ..] => self.deliver(line),
            ["http", ..] => self.http(line),
            _ => self.until(line, until),
        }
    }

    fn until(&mut self, line: &str, until: Option<&str>) -> Result<String, String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.shell.carry_out(line)?;
            let output = with_code(seen);
            match until {
                Some(text) if !output.contains(text) => {
                    if Instant::now() > end {
                        return Err(format!("`{text}` never came; the last output was:\n{output}"));
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                Some(_) | None => return Ok(output),
            }
        }
    }

    fn up(&mut self, line: &str) -> Result<String, String> {
        self.server = None;
        let arguments = self.shell.words(line.trim_start_matches("penstock up"))?;
        let arguments: Vec<String> = arguments.into_iter().filter(|word| !word.is_empty()).collect();
        let folder = self.shell.words("\"$PWD\"")?.concat();
        let server = Server::start(self.program, Path::new(&folder), &arguments)?;
        self.shell.carry_out(&format!("export PENSTOCK_ENDPOINT={}", server.url))?;
        let output = format!("LISTENING {}\n", server.url);
        self.server = Some(server);
        Ok(output)
    }

    /// `deliver EVENT FILE [ID]`.
    fn deliver(&mut self, line: &str) -> Result<String, String> {
        let words = self.shell.words(line)?;
        let [_, event, file, rest @ ..] = words.as_slice() else {
            return Err("deliver EVENT FILE [ID]".into());
        };
        let body = self.shell.carry_out(&format!("cat '{file}'"))?.output;
        self.deliveries += 1;
        let id = rest.first().cloned().unwrap_or_else(|| format!("delivery-{}", self.deliveries));
        server::deliver(&self.url()?, event, &id, &body)
    }

    /// `http METHOD URL [NAME=VALUE…]`; a path means the scenario's server.
    fn http(&mut self, line: &str) -> Result<String, String> {
        let words = self.shell.words(line)?;
        let [_, method, url, fields @ ..] = words.as_slice() else {
            return Err("http METHOD URL".into());
        };
        let url = if url.starts_with('/') { format!("{}{url}", self.url()?) } else { url.clone() };
        server::http(method, &url, fields)
    }

    fn url(&self) -> Result<String, String> {
        self.server.as_ref().map(|server| server.url.clone()).ok_or_else(|| "no `penstock up` yet".into())
    }
}

fn with_code(Seen { mut output, code }: Seen) -> String {
    if !output.is_empty() && !output.ends_with('\n') {
        output.push('\n');
    }
    if code != 0 {
        output += &format!("[exit {code}]\n");
    }
    output
}
