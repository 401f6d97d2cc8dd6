//! Runs every file of `tests/scenarios`: commands as a person types them, and exactly what that person sees.
//!
//! A scenario is a Markdown file. In a block marked `console`, each line after `$ ` is carried out in one shell that
//! lasts for the scenario, in a folder of its own, and what follows must be its output; an exit code other than 0 is
//! its last line, as `[exit 2]`. A block marked with a language and a file name, such as `yaml penstock.yml`, is
//! written to that file. Everything else is for the reader. Ids, times, ports and folders stand as `[execution 1]`,
//! `[time]` and the like.
//!
//! Four commands belong to this program: `penstock up` starts a server on a free port, which the following commands
//! speak to and which `kill penstock` or the scenario's end stops; `deliver EVENT FILE` posts FILE to the server as
//! GitHub does, signed; `http METHOD URL [NAME=VALUE…]` asks for a page or posts a form. And a comment
//! `# until: TEXT` behind a command has it repeated until its output contains TEXT.
//!
//! `UPDATE_SCENARIOS=1 cargo test -p penstock-tests --test scenarios` writes what was seen into the files;
//! `SCENARIO=approval` runs only files whose name contains that.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up can only stop")]

mod diff;
mod redact;
mod script;
mod server;
mod shell;
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, thread};

/// How many scenarios run at a time; most of a scenario's time is waiting.
const AT_A_TIME: usize = 3;

#[test]
fn everything_happens_as_the_scenarios_say() {
    let program = penstock_tests::program::build();
    let queue = Mutex::new(files());
    let failures = Mutex::new(vec![]);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(file) = queue.lock().unwrap().pop() else {
                        return;
                    };
                    if let Err(failure) = check(&file, &program) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The scenario files, the last one first.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| path.file_stem().unwrap().to_string_lossy().contains(&wanted))
        .collect();
    assert!(!files.is_empty(), "no scenario's name contains `{wanted}`");
    files.sort_by(|a, b| b.cmp(a));
    files
}

/// Plays a scenario and compares, or rewrites, the file.
fn check(file: &Path, program: &Path) -> Result<(), String> {
    let expected = fs::read_to_string(file).unwrap();
    let seen = stage::play(&expected, program).map_err(|problem| format!("{}: {problem}", file.display()))?;
    if seen == expected {
        return Ok(());
    }
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        fs::write(file, seen).unwrap();
        return Ok(());
    }
    let diff = diff::lines(&expected, &seen);
    Err(format!("{} (UPDATE_SCENARIOS=1 accepts what was seen):\n{diff}", file.display()))
}
