//! The command line: what can be asked, and which file carries it out.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::Client;
use crate::exit::Exit;

mod apply;
mod check;
mod completions;
mod demo;
mod history;
mod list;
mod logs;
mod new;
mod retry;
mod rollback;
mod run;
mod stage;
mod start;
mod status;
mod stop;
mod transition;
mod up;
mod verdict;

/// Where a server listens unless told otherwise.
pub(crate) const ADDRESS: &str = "127.0.0.1:7878";

/// A delivery pipeline that you own: CodePipeline's model, on your machine.
#[derive(Debug, Parser)]
#[command(
    name = "penstock",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "\
First steps:
  penstock demo                 watch a commit travel to a deployed page
  penstock new && penstock run  a pipeline for the project in this folder, once, in the foreground
  penstock up                   the server: webhooks, approval pages, CodePipeline's API

Exit codes: 0 succeeded, 1 failed, 2 wrong use or definition, 3 stopped or rejected, 4 server unreachable"
)]
pub(crate) struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    New(new::New),
    Check(check::Check),
    Run(run::Run),
    Up(up::Up),
    Apply(apply::Apply),
    List(list::List),
    Start(start::Start),
    Status(status::Status),
    Logs(logs::Logs),
    Approve(verdict::Approve),
    Reject(verdict::Reject),
    Retry(retry::Retry),
    Rollback(rollback::Rollback),
    Stop(stop::Stop),
    Enable(transition::Enable),
    Disable(transition::Disable),
    History(history::History),
    Completions(completions::Completions),
}

impl Program {
    /// Carries the command out.
    pub(crate) async fn carry_out(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Demo(demo) => demo.carry_out().await,
            Command::New(new) => new.carry_out(),
            Command::Check(check) => check.carry_out(),
            Command::Run(run) => run.carry_out().await,
            Command::Up(up) => up.carry_out().await,
            Command::Apply(apply) => apply.carry_out().await,
            Command::List(list) => list.carry_out().await,
            Command::Start(start) => start.carry_out().await,
            Command::Status(status) => status.carry_out().await,
            Command::Logs(logs) => logs.carry_out().await,
            Command::Approve(approve) => approve.carry_out().await,
            Command::Reject(reject) => reject.carry_out().await,
            Command::Retry(retry) => retry.carry_out().await,
            Command::Rollback(rollback) => rollback.carry_out().await,
            Command::Stop(stop) => stop.carry_out().await,
            Command::Enable(enable) => enable.carry_out().await,
            Command::Disable(disable) => disable.carry_out().await,
            Command::History(history) => history.carry_out().await,
            Command::Completions(completions) => completions.carry_out(),
        }
    }
}

/// The server that a command speaks to.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The server, as `penstock up` prints it
    #[arg(long, env = "PENSTOCK_ENDPOINT", value_name = "URL", default_value = "http://127.0.0.1:7878")]
    endpoint: String,
}

impl Server {
    /// A client of it.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.endpoint)
    }
}

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The choice of a [`Format`].
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// For people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Output {
    /// Whether a program reads the output.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }
}
