//! `penstock logs`: what the actions of an execution wrote.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use console::style;
use penstock_app::view::{ActionView, ExecutionView, StageView};
use penstock_model::id::AttemptId;

use super::Server;
use crate::client::{executions, suggest};
use crate::exit::{Exit, Failure};
use crate::reach::Reach;
use crate::show::clean::log_line;
use crate::show::out;

/// Between two looks at a log that is followed.
const TICK: Duration = Duration::from_millis(150);

/// Print the logs of an execution's actions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock logs 2b1f0c3a
  penstock logs 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607 --action Build/Compile --follow
  penstock logs 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607 --action Compile --attempt 1")]
pub(crate) struct Logs {
    /// The execution, or the beginning of its id
    execution: String,
    /// Only this action: its name, or STAGE/ACTION
    #[arg(long)]
    action: Option<String>,
    /// An earlier attempt of the action instead of its latest
    #[arg(long, requires = "action")]
    attempt: Option<u32>,
    /// Go on until the execution ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
}

impl Logs {
    /// Prints them.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let execution = executions::named(&client, None, &self.execution).await?;
        let mut printer = Printer::new(&client, self.action.is_none());
        loop {
            let view: ExecutionView = client.get(&format!("/penstock/v1/executions/{execution}")).await?;
            let over = view.status.is_terminal();
            for attempt in self.attempts(&view)? {
                printer.print(&attempt, over || !self.follow).await?;
            }
            if over || !self.follow {
                return Ok(Exit::Succeeded);
            }
            tokio::time::sleep(TICK.max(client.patience())).await;
        }
    }

    /// The attempts whose logs are asked for, in the order of the definition.
    fn attempts(&self, view: &ExecutionView) -> anyhow::Result<Vec<AttemptId>> {
        let actions: Vec<_> =
            view.stages.iter().flat_map(|s| s.actions.iter().map(move |a| (s, a))).collect();
        if let Some(name) = &self.action
            && !actions.iter().any(|(stage, action)| is_meant(name, stage, action))
        {
            let known: Vec<String> = actions.iter().map(|(s, a)| format!("{}/{}", s.name, a.name)).collect();
            let hint = suggest::hint(name, &known);
            return Err(
                Failure::misused(format!("there is no action `{name}` in that execution{hint}")).into()
            );
        }
        let meant = |(stage, action): &(&StageView, &ActionView)| {
            action.attempt > 0 && self.action.as_deref().is_none_or(|name| is_meant(name, stage, action))
        };
        let attempt = |(stage, action): (&StageView, &ActionView)| {
            let latest = view.attempt_id(stage, action);
            AttemptId { number: self.attempt.unwrap_or(latest.number), ..latest }
        };
        Ok(actions.into_iter().filter(meant).map(attempt).collect())
    }
}

fn is_meant(name: &str, stage: &StageView, action: &ActionView) -> bool {
    match name.split_once('/') {
        Some((s, a)) => stage.name.as_str() == s && action.name.as_str() == a,
        None => action.name.as_str() == name,
    }
}

/// Prints logs as they grow, a heading wherever the action changes.
struct Printer<'a> {
    reach: &'a dyn Reach,
    headings: bool,
    current: Option<AttemptId>,
    read: HashMap<AttemptId, (u64, Vec<u8>)>,
}

impl<'a> Printer<'a> {
    fn new(reach: &'a dyn Reach, headings: bool) -> Self {
        Self { reach, headings, current: None, read: HashMap::new() }
    }

    /// Prints what is new; at the end also a last line that has no end.
    async fn print(&mut self, attempt: &AttemptId, over: bool) -> anyhow::Result<()> {
        loop {
            let (offset, mut partial) = self.read.remove(attempt).unwrap_or_default();
            let part = self.reach.log(attempt, offset).await?;
            let done = part.bytes.is_empty();
            partial.extend_from_slice(&part.bytes);
            let complete = if done && over {
                partial.len()
            } else {
                partial.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
            };
            let rest = partial.split_off(complete);
            self.lines(attempt, &partial)?;
            self.read.insert(attempt.clone(), (part.next, rest));
            if done {
                return Ok(());
            }
        }
    }

    fn lines(&mut self, attempt: &AttemptId, bytes: &[u8]) -> anyhow::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.headings && self.current.as_ref() != Some(attempt) {
            let again =
                if attempt.number > 1 { format!(", attempt {}", attempt.number) } else { String::new() };
            let heading = format!("── {}/{}{again} ──", attempt.stage, attempt.action);
            out::line(style(heading).bold())?;
            self.current = Some(attempt.clone());
        }
        for line in String::from_utf8_lossy(bytes).lines() {
            out::line(log_line(line))?;
        }
        Ok(())
    }
}
