//! The clients that people have, boto3 and the AWS command line, against `penstock up`, in both protocols.
//!
//! They are installed once, pinned, into a Python environment of their own ([`penstock_testkit::python`]).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use penstock_testkit::python::{Environment, Requirements};

#[test]
fn boto3_speaks_aws_json() {
    run("operations.py", &["json"]);
}

#[test]
fn boto3_speaks_cbor() {
    run("operations.py", &["cbor"]);
}

#[test]
fn the_aws_command_line_speaks_to_it() {
    run("command_line.py", &[]);
}

/// Runs a script against a server of its own.
fn run(script: &str, arguments: &[&str]) {
    let python = Environment::of(Requirements::Clients).python();
    let server = Server::start();
    let ended = Command::new(python)
        .arg(scripts().join(script))
        .arg(&server.url)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{script} {arguments:?}:\n{}", said(&ended));
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server in a git repository with one commit.
struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        static PROGRAM: LazyLock<PathBuf> = LazyLock::new(penstock_tests::program::build);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.html"), "lit\n").unwrap();
        git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
        git(folder.path(), &["add", "index.html"]);
        git(
            folder.path(),
            &[
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.com",
                "commit",
                "--quiet",
                "-m",
                "Light the canal",
            ],
        );
        let mut child = Command::new(&*PROGRAM)
            .args(["up", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line
            .trim_end()
            .strip_prefix("LISTENING ")
            .unwrap_or_else(|| panic!("the server does not start: {line}"))
            .to_owned();
        Self { child, url, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let ended = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ended.status.success(), "git {arguments:?}: {}", said(&ended));
}
