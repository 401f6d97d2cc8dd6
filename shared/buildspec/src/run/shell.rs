//! The shell of a build: one process that runs one item after the other and keeps directory and variables.

use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use penstock_process::{Account, Child, Lineage, Output, Spec};
use tokio::net::unix::pipe;

use super::halt::{Halt, Halted};
use super::script::{self, Ending, Pipes};
use crate::definition::Shell;
use crate::log::Log;

/// How long processes may tidy up after a stop or a timeout before they are killed.
const GRACE: Duration = Duration::from_secs(2);
/// What a pipe holds: all that was written before a reply has been read after so many bytes.
const PIPE_BYTES: usize = 64 * 1024;
/// The largest reply, for instance all values of exported variables.
const MAX_REPLY: usize = 8 << 20;

/// How to start a shell.
#[derive(Clone)]
pub(super) struct ShellSpec {
    pub(super) shell: Shell,
    pub(super) directory: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) account: Option<Account>,
    pub(super) lineage: Option<Lineage>,
    /// A folder for the named pipes.
    pub(super) folder: PathBuf,
}

/// What a shell answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: i32,
    pub(super) content: Vec<u8>,
    /// The shell is gone, and with it directory and variables.
    pub(super) gone: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The build has to end; the shell's processes have ended.
    Halted(Halted),
    /// The machine failed.
    Io(io::Error),
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running shell.
pub(super) struct ShellProcess {
    child: Child,
    shell: Shell,
    pub(super) pipes: Pipes,
    commands: pipe::Sender,
    replies: pipe::Receiver,
    output: pipe::Receiver,
    /// A new shell has to be given its first lines.
    fresh: bool,
    buffer: Vec<u8>,
}

impl ShellProcess {
    /// Starts a shell; `number` tells its pipes from those of earlier shells of the build.
    pub(super) fn start(spec: &ShellSpec, number: usize) -> io::Result<Self> {
        let pipe =
            |name: &str| make_pipe(&spec.folder.join(format!("{name}{number}")), spec.account.as_ref());
        let pipes = Pipes { commands: pipe("commands")?, replies: pipe("replies")?, output: pipe("output")? };
        let mut options = pipe::OpenOptions::new();
        options.read_write(true);
        let commands = options.open_sender(&pipes.commands)?;
        let (replies, output) =
            (options.open_receiver(&pipes.replies)?, options.open_receiver(&pipes.output)?);
        let mut process = Spec::new(script::program(spec.shell), &spec.directory);
        process.arguments = vec![pipes.commands.clone().into()];
        process.environment.clone_from(&spec.environment);
        process.output = Output::Null;
        process.account.clone_from(&spec.account);
        process.lineage.clone_from(&spec.lineage);
        let child = process.spawn().map_err(|error| cannot_start(spec, &error))?;
        let buffer = vec![0; PIPE_BYTES];
        Ok(Self { child, shell: spec.shell, pipes, commands, replies, output, fresh: true, buffer })
    }

    /// Feeds the first lines to a new shell, which then waits for more.
    pub(super) fn introduce(&mut self) -> io::Result<()> {
        let prelude = script::prelude(self.shell, &self.pipes);
        // The runtime does not know yet that there is room in the pipe; a new one takes this whole.
        let written = nix::unistd::write(&self.commands, prelude.as_bytes())?;
        if written == prelude.len() {
            self.fresh = false;
            return Ok(());
        }
        Err(io::Error::other("a new pipe had no room"))
    }

    /// Feeds `text` to the shell and waits for its reply; what is written meanwhile goes to the log.
    pub(super) async fn ask(
        &mut self,
        text: &str,
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<Answer, NoAnswer> {
        let mut script = String::new();
        if std::mem::take(&mut self.fresh) {
            script += &script::prelude(self.shell, &self.pipes);
        }
        script += text;
        let mut rest = script.as_bytes();
        let mut received = Vec::new();
        log.flush();
        loop {
            tokio::select! {
                halted = halt.halted() => return self.halt(halted, log).await,
                writable = self.commands.writable(), if !rest.is_empty() => {
                    writable?;
                    rest = &rest[count(self.commands.try_write(rest))?..];
                }
                readable = self.replies.readable() => {
                    readable?;
                    let read = count(self.replies.try_read(&mut self.buffer))?;
                    received.extend_from_slice(&self.buffer[..read]);
                    if let Some(answer) = self.answer(&received, log)? {
                        return Ok(answer);
                    }
                }
                readable = self.output.readable() => {
                    readable?;
                    self.read_output(log)?;
                }
                status = self.child.wait() => return self.gone(status?, &received, log),
            }
        }
    }

    fn answer(&mut self, received: &[u8], log: &mut Log) -> Result<Option<Answer>, NoAnswer> {
        let Some((content, ending, code)) = script::reply(received) else {
            if received.len() > MAX_REPLY {
                return Err(io::Error::other("the shell's reply is too long").into());
            }
            return Ok(None);
        };
        self.fresh = ending == Ending::Exited;
        let content = content.to_vec();
        self.drain(log)?;
        Ok(Some(Answer { code, content, gone: false }))
    }

    /// The shell ended without a reply (killed, `exec`, or its pipes were removed).
    fn gone(&mut self, status: ExitStatus, received: &[u8], log: &mut Log) -> Result<Answer, NoAnswer> {
        let mut received = received.to_vec();
        let read = read_now(&self.replies, &mut self.buffer)?;
        received.extend_from_slice(&self.buffer[..read]);
        self.drain(log)?;
        let code = script::reply(&received).map_or_else(|| exit_code(status), |(_, _, code)| code);
        Ok(Answer { code, content: Vec::new(), gone: true })
    }

    async fn halt(&mut self, halted: Halted, log: &mut Log) -> Result<Answer, NoAnswer> {
        self.child.order_end(GRACE);
        loop {
            tokio::select! {
                readable = self.output.readable() => {
                    readable?;
                    self.read_output(log)?;
                }
                status = self.child.wait() => {
                    status?;
                    self.drain(log)?;
                    return Err(NoAnswer::Halted(halted));
                }
            }
        }
    }

    fn read_output(&mut self, log: &mut Log) -> io::Result<()> {
        let read = count(self.output.try_read(&mut self.buffer))?;
        log.output(&self.buffer[..read]);
        Ok(())
    }

    /// Reads what was written until now; a background process may go on writing, so not for ever.
    fn drain(&mut self, log: &mut Log) -> io::Result<()> {
        let mut left = PIPE_BYTES;
        while left > 0 {
            match read_now(&self.output, &mut self.buffer)? {
                0 => break,
                read => {
                    log.output(&self.buffer[..read]);
                    left = left.saturating_sub(read);
                }
            }
        }
        log.settle();
        Ok(())
    }

    /// Ends the shell and everything that it has left running.
    pub(super) async fn finish(mut self, log: &mut Log) -> io::Result<()> {
        let ended = tokio::select! {
            ended = self.child.wait() => ended,
            never = async { write(&self.commands, script::end()).await; pending().await } => never,
        };
        self.drain(log)?;
        self.remove_pipes();
        ended.map(drop)
    }

    pub(super) fn remove_pipes(&self) {
        for pipe in [&self.pipes.commands, &self.pipes.replies, &self.pipes.output] {
            // They lie in the build's own folder, which goes with the build.
            drop(std::fs::remove_file(pipe));
        }
    }
}

fn cannot_start(spec: &ShellSpec, error: &io::Error) -> io::Error {
    let way_out = if error.kind() == io::ErrorKind::ArgumentListTooLong {
        "; the environment variables are too long for this machine"
    } else if error.kind() == io::ErrorKind::NotFound && spec.directory.is_dir() {
        "; install it, or take `shell` out of the buildspec's `env`"
    } else {
        ""
    };
    let program = script::program(spec.shell);
    io::Error::new(error.kind(), format!("the shell {program} cannot start: {error}{way_out}"))
}

async fn write(commands: &pipe::Sender, text: &str) {
    // A few bytes into an empty pipe: written at once, or the shell is gone.
    if commands.writable().await.is_ok() {
        drop(commands.try_write(text.as_bytes()));
    }
}

/// Reads what is in the pipe at this moment, which the runtime may not have noticed yet.
fn read_now(pipe: &pipe::Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    count(nix::unistd::read(pipe, buffer).map_err(io::Error::from))
}

fn count(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        done => done,
    }
}

/// As shells have it: 128 and the signal's number.
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn make_pipe(path: &Path, account: Option<&Account>) -> io::Result<PathBuf> {
    // A build that was killed may have left one behind.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))?;
    }
    Ok(path.to_owned())
}
