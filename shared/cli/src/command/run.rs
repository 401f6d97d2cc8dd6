//! `penstock run`: one pipeline, once, over the git working tree, in the foreground.

use std::path::{Path, PathBuf};

use clap::Args;
use penstock_app::control::StartRequest;
use penstock_app::error::AppError;
use penstock_local::machine::{Machine, MachineError};
use penstock_model::definition;
use penstock_model::diagnostic::refuses;
use penstock_model::pipeline::Pipeline;

use crate::exit::{Exit, Failure};
use crate::follow::{Approvals, Follow, OnInterrupt};
use crate::in_process::InProcess;
use crate::keyboard::Keyboard;
use crate::machine;
use crate::reach::me;
use crate::show::{diagnostics, out};

mod left_open;

/// Where a run keeps its state: beside a server's, so that both can be at work.
const DIR: &str = ".penstock/run";
/// A server's state folder, whose files count for a run as well.
const SERVERS_DIR: &str = ".penstock";

/// Run a pipeline once over the git working tree, in the foreground
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock run                    penstock.yml with the checked-out commit
  penstock run --dirty            with the working tree as it is, uncommitted changes included
  penstock run ops/web.yml --yes  approves what asks for a verdict

An approval is asked on the terminal; without a terminal and without --yes it ends the run with exit code 3.
Ctrl-C stops the execution: once to let running actions end, twice to end them.")]
pub(crate) struct Run {
    /// The definition
    #[arg(default_value = "penstock.yml")]
    file: PathBuf,
    /// Take the working tree as it is instead of the checked-out commit
    #[arg(long)]
    dirty: bool,
    /// Approve without asking
    #[arg(long, short)]
    yes: bool,
    /// A pipeline variable's value; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = super::start::variable)]
    variables: Vec<(String, String)>,
}

impl Run {
    /// Runs it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let Some((pipeline, source)) = self.read()? else {
            return Ok(Exit::Misused);
        };
        let mut settings = machine::settings(Path::new(DIR))?;
        settings.dirty = self.dirty;
        settings.serves_sites = false;
        settings.further_files = vec![SERVERS_DIR.into()];
        let idle = machine::open(settings).await.map_err(in_use)?;
        left_open::stop(&idle).await?;
        let machine = idle.take_up().await?;
        let exit = self.perform(&machine, pipeline, &source).await;
        machine.shut_down().await;
        exit
    }

    /// The definition and its text; `None` if it is refused, which was said then.
    fn read(&self) -> anyhow::Result<Option<(Pipeline, String)>> {
        let file = self.file.display().to_string();
        let source = crate::definition::read(&self.file).map_err(|diagnostic| {
            Failure::misused(format!(
                "{file}: {}; `penstock new` writes a first definition",
                diagnostic.message
            ))
        })?;
        let parsed = definition::parse(&source);
        for diagnostic in parsed.diagnostics.iter().filter(|it| diagnostics::is_news(it)) {
            diagnostics::lines(&file, diagnostic, Some(&source)).into_iter().for_each(out::note);
        }
        let refused = refuses(&parsed.diagnostics);
        Ok(parsed.pipeline.filter(|_| !refused).map(|pipeline| (pipeline, source)))
    }

    async fn perform(&self, machine: &Machine, pipeline: Pipeline, source: &str) -> anyhow::Result<Exit> {
        let name = pipeline.name.clone();
        let defined = machine.control.apply(pipeline, &me()).await;
        if let Err(AppError::Refused(found)) = &defined {
            let file = self.file.display().to_string();
            let found = crate::definition::placed(source, found);
            found.iter().flat_map(|it| diagnostics::lines(&file, it, Some(source))).for_each(out::note);
            return Ok(Exit::Misused);
        }
        defined?;
        let mut request = StartRequest::by(name.clone(), &me());
        request.variables = self.variables.iter().cloned().collect();
        let execution = machine.control.start(request).await.map_err(failure)?;
        let approvals = match (self.yes, out::can_ask()) {
            (true, _) => Approvals::Approve,
            (false, true) => Approvals::Ask,
            (false, false) => Approvals::Stop,
        };
        let reach = InProcess(machine);
        let follow = Follow {
            reach: &reach,
            pipeline: &name,
            execution: &execution,
            approvals,
            on_interrupt: OnInterrupt::StopExecution,
            quiet: false,
        };
        follow.until_the_end(&mut Keyboard::default()).await
    }
}

/// Two runs cannot share a folder, and where a run keeps its state cannot be chosen.
fn in_use(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(MachineError::InUse(dir)) => {
            let dir = dir.display();
            let message = format!(
                "another `penstock run` is at work in {dir}; wait for its end, or run in another working tree (`git worktree add`)"
            );
            Failure::new(Exit::Failed, message).into()
        }
        Some(_) | None => error,
    }
}

/// A rejected start is a wrong command line: a variable that is missing or unknown.
fn failure(error: AppError) -> anyhow::Error {
    match error {
        AppError::Rejected(_) | AppError::Refused(_) | AppError::NotFound(_) => {
            Failure::misused(error.to_string()).into()
        }
        AppError::Busy(_) => error.into(),
        AppError::Port(error) => anyhow::anyhow!(error.in_a_sentence()),
    }
}
