//! Commands as they are carried out here: whatever way each came, the log and the metrics tell what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::command::{Command, DefineMode};
use penstock_app::engine::event::{Event, Fact};
use penstock_app::engine::owed_since;
use penstock_app::error::AppError;
use penstock_app::port::clock::Clock;
use penstock_app::port::commands::{Commands, Reply};
use penstock_app::transition::{Outcome, Transition};
use penstock_aws::telemetry::{Metrics, Unit};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId};
use penstock_model::pipeline::Pipeline;

/// A [`Transition`] whose every outcome is told.
pub(crate) struct Watched {
    pub(crate) transition: Arc<Transition>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Commands for Watched {
    async fn carry_out(&self, command: Command) -> Result<Reply, AppError> {
        let (id, pipeline, by) =
            (command.id.clone(), command.pipeline.clone(), command.request.by().map(str::to_owned));
        let outcome = self.transition.carry_out(command).await?;
        if let Some(rejection) = &outcome.reply.rejection {
            tracing::info!(command = %id, %pipeline, by, %rejection, "a command was not accepted");
        }
        for (execution, events) in by_execution(&outcome.reply.events) {
            tracing::info!(command = %id, %pipeline, by, execution, events, "happened");
        }
        self.measure(&outcome);
        Ok(outcome.reply)
    }

    async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError> {
        self.transition.define(pipeline, mode, id).await
    }
}

impl Watched {
    fn measure(&self, outcome: &Outcome) {
        let now = self.clock.now();
        for event in &outcome.reply.events {
            if let Fact::ExecutionEnded { status, .. } = &event.fact {
                Metrics::new(now.0)
                    .of("Outcome", status.as_str())
                    .with("Executions", Unit::Count, 1.0)
                    .emit();
            }
        }
        // Not at every command: what is taken up in time is worth no line.
        let is_reminded = outcome.reply.events.iter().any(|it| matches!(it.fact, Fact::AttemptResent { .. }));
        if let Some(since) = owed_since(&outcome.state).filter(|_| is_reminded) {
            #[expect(clippy::cast_precision_loss, reason = "an age is far below 2^52 seconds")]
            let age = ((now.0 - since.0).max(0) / 1000) as f64;
            Metrics::new(now.0).with("OldestDebtAge", Unit::Seconds, age).emit();
        }
    }
}

/// What happened to each execution, in one line: logs are paid for by size, and most of a line is what stands in every one.
fn by_execution(events: &[Event]) -> BTreeMap<Option<&str>, String> {
    let mut lines = BTreeMap::<_, String>::new();
    for fact in events.iter().map(|event| &event.fact) {
        let line = lines.entry(fact.execution().map(ExecutionId::as_str)).or_default();
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(fact.name());
        if let Some(AttemptId { stage, action, number, execution: _ }) = fact.attempt() {
            line.push_str(&format!(" {stage}/{action}/{number}"));
        }
    }
    lines
}
