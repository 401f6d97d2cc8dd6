//! One shell that lasts for a scenario, so that `cd`, variables and functions carry over as they do for a person.

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A shell in a folder of its own.
pub(crate) struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Vec<u8>>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Standard output and standard error as they came.
    pub(crate) output: String,
    /// The exit code.
    pub(crate) code: i32,
}

/// How long a command may print nothing before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(90);

/// Stands between the outputs of two commands.
const MARK: &str = "\u{1}end of output";

impl Shell {
    /// A shell in `folder` that finds `program` as `penstock`, with nothing of the user's own surroundings.
    pub(crate) fn start(folder: &Path, program: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::iter::once(program.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
        let (output, writer) = std::io::pipe().unwrap();
        let mut child = Command::new("sh")
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("HOME", folder.join("home"))
            .env("TMPDIR", folder.parent().unwrap())
            .env("USER", "operator")
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .envs(GIT)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        Self { child, input, lines: lines(output) }
    }

    /// Carries `line` out. Its standard input is empty.
    pub(crate) fn carry_out(&mut self, line: &str) -> Result<Seen, String> {
        let script = format!("{{ {line}\n}} </dev/null; printf '\\n{MARK} %s\\n' \"$?\"\n");
        self.input.write_all(script.as_bytes()).map_err(|error| format!("the shell is gone: {error}"))?;
        let mut output = String::new();
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Err(format!("it is stuck; it printed:\n{output}")),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the shell ended; it printed:\n{output}"));
                }
            };
            let line = String::from_utf8_lossy(&line);
            if let Some(code) = line.strip_prefix(MARK) {
                let code = code.trim().parse().map_err(|_| format!("odd exit code `{code}`"))?;
                // The line break before the mark is ours.
                output.pop();
                return Ok(Seen { output, code });
            }
            output.push_str(&line);
        }
    }

    /// `text` as the shell expands it, as words.
    pub(crate) fn words(&mut self, text: &str) -> Result<Vec<String>, String> {
        let seen = self.carry_out(&format!("printf '%s\\n' {text}"))?;
        Ok(seen.output.lines().map(str::to_owned).collect())
    }
}

/// The lines of `output` as they come, so that waiting for one can end.
fn lines(output: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = vec![];
            match output.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    receiver
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.input.write_all(b"\nexit\n");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Commits are alike every time: who, when, and no configuration of the user's.
const GIT: [(&str, &str); 9] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_TEMPLATE_DIR", ""),
    ("GIT_AUTHOR_NAME", "Penstock"),
    ("GIT_AUTHOR_EMAIL", "penstock@localhost"),
    ("GIT_AUTHOR_DATE", "2026-01-01T12:00:00Z"),
    ("GIT_COMMITTER_NAME", "Penstock"),
    ("GIT_COMMITTER_EMAIL", "penstock@localhost"),
    ("GIT_COMMITTER_DATE", "2026-01-01T12:00:00Z"),
];
