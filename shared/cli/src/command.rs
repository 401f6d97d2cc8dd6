//! The command line: what can be asked, and which file carries it out.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

mod apply;
#[cfg(feature = "aws")]
mod approvers;
mod check;
mod completions;
mod demo;
#[cfg(feature = "aws")]
mod doctor;
#[cfg(not(feature = "aws"))]
mod elsewhere;
mod history;
mod list;
mod logs;
mod new;
#[cfg(feature = "aws")]
mod proxy;
#[cfg(feature = "aws")]
mod redrive;
mod retry;
mod rollback;
mod run;
mod server;
mod stage;
mod start;
mod status;
mod stop;
mod transition;
mod up;
mod verdict;

#[cfg(feature = "aws")]
pub(crate) use list::Listed;
pub(crate) use list::pipelines;
use server::Server;

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
  penstock demo         watch a commit travel to a deployed page
  penstock new          first files for the project in this folder: git add and commit them, or run with --dirty
  penstock run --dirty  its pipeline, once, in the foreground
  penstock up           the server: webhooks, approval pages, CodePipeline's API

On AWS, in a build with the cargo feature `aws` (cargo run --features aws -- ...):
  penstock list --stack NAME    every command that speaks to a server, to the deployed one, signed
  penstock doctor --stack NAME  what is stuck, why, and what to do
  penstock proxy --stack NAME   boto3, `aws codepipeline` and the browser through a port of this machine

Exit codes: 0 succeeded, 1 failed, 2 wrong use or definition, 3 stopped, rejected or refused for now, 4 server unreachable"
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
    #[cfg(feature = "aws")]
    Doctor(doctor::Doctor),
    #[cfg(feature = "aws")]
    Redrive(redrive::Redrive),
    #[cfg(feature = "aws")]
    Approvers(approvers::Approvers),
    #[cfg(feature = "aws")]
    Proxy(proxy::Proxy),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Doctor(elsewhere::Elsewhere),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Redrive(elsewhere::Elsewhere),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Approvers(elsewhere::Elsewhere),
    #[cfg(not(feature = "aws"))]
    #[command(hide = true)]
    Proxy(elsewhere::Elsewhere),
    Completions(completions::Completions),
}

impl Program {
    /// Carries the command out.
    pub(crate) async fn carry_out(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Demo(demo) => demo.carry_out().await,
            Command::New(new) => new.carry_out(),
            Command::Check(check) => check.carry_out().await,
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
            Command::Doctor(doctor) => doctor.carry_out().await,
            Command::Redrive(redrive) => redrive.carry_out().await,
            Command::Approvers(approvers) => approvers.carry_out().await,
            Command::Proxy(proxy) => proxy.carry_out().await,
            Command::Completions(completions) => completions.carry_out(),
        }
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
