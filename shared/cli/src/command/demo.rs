//! `penstock demo`: a commit travels to a deployed page while one watches.

use std::path::PathBuf;

use clap::Args;

use crate::demo;
use crate::exit::Exit;

/// Watch a commit travel through a pipeline to a deployed page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock demo                       asks for the approval, then leaves the server up
  penstock demo --yes --dir /tmp/d    approves by itself and ends
  penstock demo --announce            in the demo's folder: announces a new commit to its server

The demo needs git and a POSIX shell, no network. It makes a small project in a folder of its own, starts a server
there and announces a commit through a signed GitHub push webhook. With --yes the last line of standard output is
`DEPLOYED http://127.0.0.1:PORT/sites/NAME/ COMMIT`.")]
pub(crate) struct Demo {
    /// The folder: made, or empty; by default a new one
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Approve without asking and end with the deployed page
    #[arg(long, short)]
    yes: bool,
    /// Only announce the latest commit of a demo's project, as a push would
    #[arg(long, conflicts_with = "yes")]
    announce: bool,
}

impl Demo {
    /// Shows it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        if self.announce {
            return demo::announce(&self.dir.unwrap_or_else(|| PathBuf::from("."))).await;
        }
        demo::play(self.dir.as_deref(), self.yes).await
    }
}
