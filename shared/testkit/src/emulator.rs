//! Emulators of AWS for tests: each a process of its own on a free loopback port, gone with its handle or with us.
//!
//! A test target starts one and gives each test names of its own:
//! `static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());`. What a static holds is never
//! dropped, so a supervisor ends the emulator when the pipe from this process closes, however this process ends.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::python::{Environment, Requirements};

/// How long an emulator may take to answer; it takes a second on an idle machine.
const READY: Duration = Duration::from_secs(120);

/// Runs the program that its arguments name, and ends it and its children when standard input closes.
const SUPERVISOR: &str = r"
import os, signal, subprocess, sys, threading
# Ctrl-C is for the tests; their end closes the pipe.
os.setpgid(0, 0)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
def end_the_child():
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
def end_with_the_tests():
    os.read(0, 1)
    end_the_child()
threading.Thread(target=end_with_the_tests, daemon=True).start()
child.wait()
end_the_child()
";

/// How to start `MiniStack`, which serves all services of the stack and runs its functions.
#[derive(Debug, Clone, Default)]
pub struct MiniStack {
    auth: bool,
    variables: Vec<(String, String)>,
}

impl MiniStack {
    /// One that asks no rights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it enforces IAM: a function whose role lacks a right is then refused.
    #[must_use]
    pub fn auth(mut self, auth: bool) -> Self {
        self.auth = auth;
        self
    }

    /// An environment variable more for it, and so for the functions that it runs.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// If it does not start; the message has the end of its log.
    pub fn start(&self) -> Emulator {
        Emulator::start("/_ministack/health", |environment, port| {
            let mut command = supervised(environment, "ministack");
            command
                .env("GATEWAY_PORT", port.to_string())
                .env("BIND_HOST", "127.0.0.1")
                .env("MINISTACK_HOST", "localhost")
                // The functions that it runs call it, not the real hosts.
                .env("AWS_ENDPOINT_URL", url(port))
                // These two would open ports on all addresses.
                .env("IOT_MTLS_ENABLED", "0")
                .env("SFTP_ENABLED", "0")
                .env("AUTH", self.auth.to_string())
                .envs(self.variables.iter().map(|(name, value)| (name, value)));
            command
        })
    }
}

/// moto, which records the calls of the services that `MiniStack` lacks and answers them: `CodeBuild`, `CodeDeploy`, ECS.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moto;

impl Moto {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// As [`MiniStack::start`].
    pub fn start() -> Emulator {
        Emulator::start("/moto-api/", |environment, port| {
            let mut command = supervised(environment, "moto_server");
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command
        })
    }
}

fn supervised(environment: &Environment, program: &str) -> Command {
    let mut command = Command::new(environment.python());
    command.args(["-c", SUPERVISOR]).arg(environment.program(program));
    command
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// An emulator that runs.
#[derive(Debug)]
pub struct Emulator {
    port: u16,
    supervisor: Child,
    folder: tempfile::TempDir,
}

impl Emulator {
    fn start(health: &str, command: impl Fn(&Environment, u16) -> Command) -> Self {
        let environment = Environment::of(Requirements::Emulators);
        // Another process may take the port between our asking for a free one and the emulator's.
        for _ in 0..2 {
            if let Ok(emulator) = Self::try_start(health, &environment, &command) {
                return emulator;
            }
        }
        Self::try_start(health, &environment, &command)
            .unwrap_or_else(|log| panic!("the emulator does not start:\n{log}"))
    }

    fn try_start(
        health: &str,
        environment: &Environment,
        command: impl Fn(&Environment, u16) -> Command,
    ) -> Result<Self, String> {
        let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
        let log = File::create(folder.path().join("log")).expect("a log");
        let supervisor = command(environment, port)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("the emulator's environment has a Python");
        let mut emulator = Self { port, supervisor, folder };
        if emulator.becomes_ready(health) { Ok(emulator) } else { Err(emulator.log()) }
    }

    fn becomes_ready(&mut self, health: &str) -> bool {
        let deadline = Instant::now() + READY;
        while Instant::now() < deadline && matches!(self.supervisor.try_wait(), Ok(None)) {
            if answers(self.port, health).is_ok_and(|answers| answers) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder that is gone with it.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The environment variables of a client of it: a program, or the configuration of an SDK.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url().as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            // No settings of the person who runs the tests.
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("SAM_CLI_TELEMETRY", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// What it has written so far, the last 16 KiB.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(16 * 1024)..]).into_owned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    listener.local_addr().expect("its address").port()
}

/// Whether a GET of `path` is answered with 200.
fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    connection.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut status = [0; 12];
    connection.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}
