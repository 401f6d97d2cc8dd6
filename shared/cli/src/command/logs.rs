//! `penstock logs`: what the actions of an execution wrote.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use console::style;
use penstock_app::view::{ActionView, ExecutionView, StageView};
use penstock_model::id::AttemptId;
use serde_json::json;

use super::{Output, Server};
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
  penstock logs 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607 --action Compile --attempt 1
  penstock logs 2b1f0c3a --format json | jq -r 'select(.action == \"Compile\").line'

With --format json each line of a log is an object on a line of its own.")]
pub(crate) struct Logs {
    /// The execution, or the beginning of its id
    execution: String,
    /// Only this action: its name, or STAGE/ACTION
    #[arg(long)]
    action: Option<String>,
    /// An earlier attempt of the action instead of its latest
    #[arg(long, requires = "action", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    /// Go on until the execution ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Logs {
    /// Prints them.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let execution = executions::named(&client, None, &self.execution).await?;
        let mut printer = Printer::new(&client, self.action.is_none(), self.output.is_json());
        loop {
            let view: ExecutionView = client.get(&format!("/penstock/v1/executions/{execution}")).await?;
            let over = view.status.is_terminal();
            if over || !self.follow {
                self.explain_absence(&view)?;
            }
            for attempt in self.attempts(&view)? {
                printer.print(&attempt, over || !self.follow).await?;
            }
            if over || !self.follow {
                return Ok(Exit::Succeeded);
            }
            tokio::time::sleep(TICK.max(client.patience())).await;
        }
    }

    /// Says why there is no log of the action or the attempt that is asked for.
    fn explain_absence(&self, view: &ExecutionView) -> anyhow::Result<()> {
        let Some(name) = &self.action else { return Ok(()) };
        let meant: Vec<_> = actions(view).filter(|(stage, action)| is_meant(name, stage, action)).collect();
        let has = |action: &ActionView, number| (1..=action.attempt).contains(&number);
        match (self.attempt, meant.as_slice()) {
            (Some(number), [(stage, action), ..]) if !meant.iter().any(|(_, action)| has(action, number)) => {
                let all = attempts(action.attempt);
                Err(Failure::misused(format!(
                    "{}/{} {all}; there is no log of attempt {number}",
                    stage.name, action.name
                ))
                .into())
            }
            (None, [(stage, action), ..]) if meant.iter().all(|(_, action)| action.attempt == 0) => {
                out::note(format!("{}/{} {}", stage.name, action.name, attempts(0)));
                Ok(())
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// The attempts whose logs are asked for, in the order of the definition.
    fn attempts(&self, view: &ExecutionView) -> anyhow::Result<Vec<AttemptId>> {
        let actions: Vec<_> = actions(view).collect();
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
            action.attempt >= self.attempt.unwrap_or(1)
                && self.action.as_deref().is_none_or(|name| is_meant(name, stage, action))
        };
        let attempt = |(stage, action): (&StageView, &ActionView)| {
            let latest = view.attempt_id(stage, action);
            AttemptId { number: self.attempt.unwrap_or(latest.number), ..latest }
        };
        Ok(actions.into_iter().filter(meant).map(attempt).collect())
    }
}

fn actions(view: &ExecutionView) -> impl Iterator<Item = (&StageView, &ActionView)> {
    view.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)))
}

/// How often an action was attempted, as the end of a sentence.
fn attempts(number: u32) -> String {
    match number {
        0 => "has not started".into(),
        1 => "has 1 attempt".into(),
        number => format!("has {number} attempts"),
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
    json: bool,
    current: Option<AttemptId>,
    read: HashMap<AttemptId, (u64, Vec<u8>)>,
}

impl<'a> Printer<'a> {
    fn new(reach: &'a dyn Reach, headings: bool, json: bool) -> Self {
        Self { reach, headings: headings && !json, json, current: None, read: HashMap::new() }
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
            self.line(attempt, &log_line(line))?;
        }
        Ok(())
    }

    fn line(&self, attempt: &AttemptId, line: &str) -> anyhow::Result<()> {
        let AttemptId { stage, action, number, .. } = attempt;
        match self.json {
            true => {
                out::json_line(&json!({ "stage": stage, "action": action, "attempt": number, "line": line }))
            }
            false => Ok(out::line(line)?),
        }
    }
}
