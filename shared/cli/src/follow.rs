//! Follows an execution until it ends: shows it, asks for verdicts, passes Ctrl-C on as a stop.

use std::time::Duration;

use penstock_app::engine::state::{ErrorCode, ExecutionStatus};
use penstock_app::view::{ActionView, ExecutionView};
use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::pipeline::Category;

use crate::exit::Exit;
use crate::interrupt::Interrupts;
use crate::keyboard::{Answer, Keyboard};
use crate::reach::{ApprovalPlace, Reach};
use crate::show::clean::clean;
use crate::show::glyph::{Look, of_action};
use crate::show::{failure, out};

mod screen;

use screen::Screen;

/// Between two looks for an answer that was given elsewhere.
const PATIENCE: Duration = Duration::from_millis(300);

/// What happens when an approval waits for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approvals {
    /// The person at the terminal is asked; a verdict elsewhere counts too.
    Ask,
    /// Approved without asking.
    Approve,
    /// Nobody can decide here: the execution is stopped.
    Stop,
    /// Somebody decides elsewhere.
    Leave,
}

/// What a Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// Stops the execution; again, abandons its running actions; again, ends the program.
    StopExecution,
    /// Ends the looking, not the execution.
    EndLooking,
}

/// Follows one execution.
pub(crate) struct Follow<'a> {
    /// Where it is performed.
    pub(crate) reach: &'a dyn Reach,
    /// Its pipeline.
    pub(crate) pipeline: &'a PipelineName,
    /// The execution.
    pub(crate) execution: &'a ExecutionId,
    /// What happens with approvals.
    pub(crate) approvals: Approvals,
    /// What happens on Ctrl-C.
    pub(crate) on_interrupt: OnInterrupt,
    /// Whether standard output is left to somebody else.
    pub(crate) quiet: bool,
}

impl Follow<'_> {
    /// Until the execution ends, or Ctrl-C ends the looking. How the program should end.
    pub(crate) async fn until_the_end(&self, keyboard: &mut Keyboard) -> anyhow::Result<Exit> {
        let mut interrupts = Interrupts::listen()?;
        let mut screen = Screen::new(self.quiet);
        let mut stops = 0;
        loop {
            let view = self.reach.execution(self.pipeline, Some(self.execution)).await?;
            screen.show(self.reach, &view).await?;
            if view.status.is_terminal() {
                screen.leave();
                return self.conclude(&view).await;
            }
            if let Some(exit) = self.approve(&view, &mut screen, keyboard, &mut interrupts, stops).await? {
                return Ok(exit);
            }
            tokio::select! {
                () = tokio::time::sleep(screen.tick().max(self.reach.patience())) => {}
                () = interrupts.next() => {
                    stops += 1;
                    screen.leave();
                    if let Some(exit) = self.interrupted(stops).await? {
                        return Ok(exit);
                    }
                }
            }
        }
    }

    async fn conclude(&self, view: &ExecutionView) -> anyhow::Result<Exit> {
        if !self.quiet {
            for line in failure::lines(self.reach, view).await {
                out::line(line)?;
            }
        }
        Ok(exit(view))
    }

    async fn interrupted(&self, stops: u32) -> anyhow::Result<Option<Exit>> {
        if self.on_interrupt == OnInterrupt::EndLooking {
            let again = self.reach.again();
            out::note(format!("The execution goes on: penstock status {} --follow{again}", self.pipeline));
            return Ok(Some(Exit::Succeeded));
        }
        if stops > 2 {
            return Ok(Some(Exit::Stopped));
        }
        let abandon = stops == 2;
        out::note(if abandon {
            "Abandoning what still runs."
        } else {
            "Stopping: what runs now may end; press Ctrl-C again to abandon it."
        });
        // Refused if the execution has just ended, which the next look shows.
        if let Err(error) = self.reach.stop(self.pipeline, self.execution, abandon).await {
            out::note(format!("{error:#}"));
        }
        Ok(None)
    }

    /// Deals with an approval that waits. The exit, if that ends the program.
    async fn approve(
        &self,
        view: &ExecutionView,
        screen: &mut Screen,
        keyboard: &mut Keyboard,
        interrupts: &mut Interrupts,
        stops: u32,
    ) -> anyhow::Result<Option<Exit>> {
        let Some((place, action)) =
            asking(view).filter(|_| stops == 0 && view.status == ExecutionStatus::InProgress)
        else {
            return Ok(None);
        };
        match self.approvals {
            Approvals::Leave => Ok(None),
            Approvals::Approve => {
                self.reach.verdict(&place, true, "approved by --yes").await?;
                Ok(None)
            }
            Approvals::Ask if keyboard.is_closed() && action.link.is_some() => Ok(None),
            Approvals::Ask if keyboard.is_closed() => self.give_up(&place).await,
            Approvals::Stop => self.give_up(&place).await,
            Approvals::Ask => {
                screen.leave();
                self.ask(&place, action, keyboard, interrupts).await
            }
        }
    }

    /// Stops the execution because nobody can give the verdict.
    async fn give_up(&self, place: &ApprovalPlace) -> anyhow::Result<Option<Exit>> {
        self.reach.stop(self.pipeline, self.execution, true).await?;
        let ApprovalPlace { stage, action, .. } = place;
        out::note(format!(
            "{stage}/{action} waits for a verdict and nobody can be asked here; run it on a terminal, or with --yes"
        ));
        Ok(Some(Exit::Stopped))
    }

    /// Asks until there is a verdict, here or elsewhere.
    async fn ask(
        &self,
        place: &ApprovalPlace,
        action: &ActionView,
        keyboard: &mut Keyboard,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Option<Exit>> {
        keyboard.forget();
        question(action)?;
        loop {
            tokio::select! {
                line = keyboard.line() => match line.as_deref().map(Answer::read) {
                    Some(Answer::Verdict { approved, comment }) => {
                        self.reach.verdict(place, approved, &comment).await?;
                        out::line("")?;
                        return Ok(None);
                    }
                    Some(Answer::Unclear) => question(action)?,
                    None => return Ok(None),
                },
                () = tokio::time::sleep(PATIENCE.max(self.reach.patience())) => {
                    let view = self.reach.execution(self.pipeline, Some(self.execution)).await?;
                    if asking(&view).is_none() {
                        out::line("")?;
                        return Ok(None);
                    }
                }
                () = interrupts.next() => {
                    out::line("")?;
                    return self.interrupted(1).await;
                }
            }
        }
    }
}

fn question(action: &ActionView) -> anyhow::Result<()> {
    out::line("")?;
    if let Some(link) = &action.link {
        out::line(format!("  Look at it first: {}", console::style(clean(link)).underlined()))?;
    }
    out::part(format!(
        "  {} Approve {}? Type yes or no, and a comment if you like: ",
        Look::Asking.sign(None),
        action.name
    ))?;
    Ok(())
}

/// The first approval of `view` that waits for a verdict.
pub(crate) fn asking(view: &ExecutionView) -> Option<(ApprovalPlace, &ActionView)> {
    let stage =
        view.stages.iter().find(|stage| stage.actions.iter().any(|a| of_action(a) == Look::Asking))?;
    let action = stage.actions.iter().find(|a| of_action(a) == Look::Asking && a.started_at.is_some())?;
    let place = ApprovalPlace {
        pipeline: view.pipeline.clone(),
        execution: Some(view.execution_id.clone()),
        stage: stage.name.clone(),
        action: action.name.clone(),
    };
    Some((place, action))
}

/// How the program ends when the execution ended like this: a verdict against it is a stop, not a failure.
pub(crate) fn exit(view: &ExecutionView) -> Exit {
    let rejected = || {
        let mut actions = view.stages.iter().flat_map(|stage| &stage.actions);
        actions.any(|a| a.category == Category::Approval && a.error_code == Some(ErrorCode::Rejected))
    };
    match view.status {
        ExecutionStatus::Succeeded => Exit::Succeeded,
        ExecutionStatus::Failed if rejected() => Exit::Stopped,
        ExecutionStatus::Failed => Exit::Failed,
        ExecutionStatus::InProgress
        | ExecutionStatus::Stopping
        | ExecutionStatus::Stopped
        | ExecutionStatus::Superseded
        | ExecutionStatus::Cancelled => Exit::Stopped,
    }
}
