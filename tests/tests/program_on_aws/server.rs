//! The server of one machine as the API of an installation: the same router, use cases and formats.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::program::PROGRAM;

/// A program that serves: killed with its handle.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// `penstock up` on a free port, in a git repository with one commit.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(arguments);
            let ended =
                git.current_dir(folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
            assert!(ended.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
        };
        std::fs::write(folder.path().join("index.html"), "lit\n").unwrap();
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "index.html"]);
        git(&["commit", "--quiet", "-m", "Light the canal"]);
        let mut up = Command::new(PROGRAM);
        up.args(["up", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        Self::listening(up, folder)
    }

    /// Starts `command`, whose first line of output says where it listens.
    pub(crate) fn listening(mut command: Command, folder: tempfile::TempDir) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("LISTENING ").map(str::to_owned);
        let url = url.unwrap_or_else(|| panic!("nothing listens: {line}"));
        Self { child, url, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
