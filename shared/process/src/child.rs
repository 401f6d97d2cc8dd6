//! A running program, from the calling program's side.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::net::unix::pipe;

use crate::keeper::Started;
use crate::reaper::ORDER_BYTES;
use crate::spec::Streams;

/// A running program with everything that it starts. Dropping it kills them all.
#[derive(Debug)]
pub struct Child {
    reaper: Started,
    status: Option<ExitStatus>,
    /// The lifeline: bytes on it ask the reaper to end everything, closing it is an order to do so at once.
    lifeline: OwnedFd,
    /// The program's standard input, with [`Input::Piped`](crate::Input::Piped).
    pub stdin: Option<pipe::Sender>,
    /// The program's standard output (and standard error, if merged).
    pub stdout: Option<pipe::Receiver>,
    /// The program's standard error, if separate.
    pub stderr: Option<pipe::Receiver>,
}

impl Child {
    pub(crate) fn new(reaper: Started, lifeline: OwnedFd, streams: Streams) -> Self {
        let Streams { stdin, stdout, stderr } = streams;
        Self { reaper, status: None, lifeline, stdin, stdout, stderr }
    }

    /// The reaper's process id; `None` once [`Child::wait`] has returned.
    pub fn id(&self) -> Option<u32> {
        self.status.is_none().then_some(self.reaper.pid.cast_unsigned())
    }

    /// Waits for the program and, with [`Survivors::End`](crate::Survivors::End), for every descendant.
    ///
    /// The status is the program's own, signals included. Cancel safe. Closes the program's standard input.
    ///
    /// # Errors
    /// As waiting for a process gives them.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.ended().await
    }

    async fn ended(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let status = (&mut self.reaper.ended).await.map_err(io::Error::other)?;
        self.status = Some(status);
        Ok(status)
    }

    /// Asks every descendant to end (`TERM`), kills after `grace` what still runs (`KILL`), and waits for them.
    ///
    /// # Errors
    /// As waiting for a process gives them.
    pub async fn end(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.order_end(grace);
        self.ended().await
    }

    /// Like [`Child::end`], but does not wait.
    pub fn order_end(&self, grace: Duration) {
        let milliseconds = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        let order: [u8; ORDER_BYTES] = milliseconds.to_ne_bytes();
        // A failure means that the reaper is gone, and with it everything that was to end.
        let _gone = nix::unistd::write(&self.lifeline, &order);
    }
}
