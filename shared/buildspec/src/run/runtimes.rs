//! `runtime-versions`: this machine's runtimes are not installed on demand, so say what there is instead.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use penstock_process::Spec;
use tokio::io::AsyncReadExt;

use super::environment::Environment;

/// How a runtime says its version.
struct Runtime {
    name: &'static str,
    program: &'static str,
    argument: &'static str,
}

const RUNTIMES: [Runtime; 9] = [
    Runtime { name: "android", program: "sdkmanager", argument: "--version" },
    Runtime { name: "docker", program: "docker", argument: "--version" },
    Runtime { name: "dotnet", program: "dotnet", argument: "--version" },
    Runtime { name: "golang", program: "go", argument: "version" },
    Runtime { name: "java", program: "java", argument: "-version" },
    Runtime { name: "nodejs", program: "node", argument: "--version" },
    Runtime { name: "php", program: "php", argument: "--version" },
    Runtime { name: "python", program: "python3", argument: "--version" },
    Runtime { name: "ruby", program: "ruby", argument: "--version" },
];

/// A program that hangs must not hold up a build.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_OUTPUT: u64 = 16 * 1024;

/// Versions by program, so that a server asks each only once.
static KNOWN: LazyLock<Mutex<HashMap<PathBuf, Option<String>>>> = LazyLock::new(Mutex::default);

/// What the log says of the runtimes that a buildspec asks for.
pub(super) async fn lines(wanted: &[(String, String)], environment: &Environment) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, version) in wanted {
        let version = expand(version, environment);
        lines.push(match RUNTIMES.iter().find(|runtime| runtime.name == name) {
            Some(runtime) => line(name, &version, found(runtime, environment).await.as_deref()),
            None => {
                let known: Vec<_> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
                format!("Warning: unknown runtime named '{name}' is ignored; known are {}", known.join(", "))
            }
        });
    }
    lines
}

fn line(name: &str, wanted: &str, found: Option<&str>) -> String {
    match found {
        None => format!(
            "Warning: runtime '{name}' version '{wanted}' is wanted, but this machine has no {name}; install it"
        ),
        Some(found) if serves(found, wanted) => {
            format!(
                "Selecting '{name}' runtime version '{wanted}' based on manual selections: {name} {found}"
            )
        }
        Some(found) => format!(
            "Warning: runtime '{name}' version '{wanted}' is wanted, but this machine has {name} {found}; the build uses that"
        ),
    }
}

/// Whether `found` is what `wanted` asks for: `latest`, `N.x`, or a version of which `found` is a more exact form.
fn serves(found: &str, wanted: &str) -> bool {
    let wanted = wanted.strip_prefix("corretto").or(wanted.strip_prefix("openjdk")).unwrap_or(wanted);
    let mut parts = found.split(['.', '+', '-', '_']);
    wanted == "latest" || wanted.split('.').all(|part| part == "x" || parts.next() == Some(part))
}

/// `"$NODE_VERSION"`, the only expansion that the reference knows here.
fn expand(text: &str, environment: &Environment) -> String {
    let name = text.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}'));
    name.and_then(|name| environment.get(name)).unwrap_or(text).to_owned()
}

async fn found(runtime: &Runtime, environment: &Environment) -> Option<String> {
    let path = environment.get("PATH")?;
    let program =
        std::env::split_paths(path).map(|folder| folder.join(runtime.program)).find(|path| path.is_file())?;
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&program) {
        return known.clone();
    }
    let version = ask(program.clone(), runtime.argument, environment).await;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(program, version.clone());
    version
}

async fn ask(program: PathBuf, argument: &str, environment: &Environment) -> Option<String> {
    let mut spec = Spec::new(program, "/");
    spec.arguments = vec![OsString::from(argument)];
    spec.environment = environment.os();
    spec.output = penstock_process::Output::Merged;
    let mut child = spec.spawn().ok()?;
    let mut output = child.stdout.take()?.take(MAX_OUTPUT);
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, output.read_to_end(&mut text)).await;
    read.ok()?.ok()?;
    version(&String::from_utf8_lossy(&text))
}

/// The first word that looks like a version.
fn version(text: &str) -> Option<String> {
    let words =
        text.split(|character: char| character.is_whitespace() || matches!(character, '"' | ',' | '(' | ')'));
    let bare = words.map(|word| word.trim_start_matches("go").trim_start_matches('v'));
    bare.filter(|word| word.contains('.'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, expected) in [
            ("Python 3.11.7\n", "3.11.7"),
            ("v20.11.1\n", "20.11.1"),
            ("openjdk version \"17.0.9\" 2023-10-17\n", "17.0.9"),
            ("go version go1.22.1 linux/amd64", "1.22.1"),
            ("Docker version 24.0.7, build afdd53b", "24.0.7"),
            ("ruby 3.1.2p20 (2022-04-12 revision x)", "3.1.2p20"),
        ] {
            assert_eq!(version(text).as_deref(), Some(expected));
        }
        assert_eq!(version("command failed"), None);
    }

    #[test]
    fn what_serves() {
        for (found, wanted) in
            [("3.11.7", "3.11"), ("3.11.7", "3.x"), ("17.0.9", "corretto17"), ("1", "latest")]
        {
            assert!(serves(found, wanted), "{found} {wanted}");
        }
        for (found, wanted) in [("3.11.7", "3.1"), ("3.11.7", "3.12"), ("20.1.1", "18"), ("8.0", "1.8")] {
            assert!(!serves(found, wanted), "{found} {wanted}");
        }
    }

    #[test]
    fn the_warning_names_what_was_found() {
        assert!(line("python", "3.12", Some("3.11.7")).contains("python 3.11.7"));
        assert!(line("docker", "18", None).contains("no docker"));
    }
}
