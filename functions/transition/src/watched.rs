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
use penstock_aws::telemetry::{Metrics, Unit, only_attempt};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;

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
        for (execution, Happened { events, attempt }) in by_execution(&outcome.reply.events) {
            tracing::info!(
                command = %id,
                %pipeline,
                by,
                execution,
                stage = attempt.map(|attempt| attempt.stage.as_str()),
                action = attempt.map(|attempt| attempt.action.as_str()),
                attempt = attempt.map(|attempt| attempt.number),
                events,
                "happened"
            );
        }
        for metrics in measures(&outcome, self.clock.now()) {
            metrics.emit();
        }
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

/// What an outcome gives reason to measure.
fn measures(outcome: &Outcome, now: Timestamp) -> Vec<Metrics> {
    let mut all = vec![];
    for event in &outcome.reply.events {
        if let Fact::ExecutionEnded { status, .. } = &event.fact {
            let ended = Metrics::new(now.0).of("Outcome", status.as_str());
            all.push(ended.with("Executions", Unit::Count, 1.0));
        }
    }
    // Not at every command: what is taken up in time is worth no line.
    let is_reminded = outcome.reply.events.iter().any(|it| matches!(it.fact, Fact::AttemptResent { .. }));
    if let Some(since) = owed_since(&outcome.state).filter(|_| is_reminded) {
        #[expect(clippy::cast_precision_loss, reason = "an age is far below 2^52 seconds")]
        let age = ((now.0 - since.0).max(0) / 1000) as f64;
        all.push(Metrics::new(now.0).with("OldestDebtAge", Unit::Seconds, age));
    }
    all
}

/// What happened to an execution.
#[derive(Default)]
struct Happened<'a> {
    /// The events, in words.
    events: String,
    /// The attempt, where all of them are about one: its ids are fields then, and are not repeated in the words.
    attempt: Option<&'a AttemptId>,
}

/// What happened to each execution, in one line: logs are paid for by size, and most of a line is what stands in every one.
fn by_execution(events: &[Event]) -> BTreeMap<Option<&str>, Happened<'_>> {
    let mut lines = BTreeMap::<_, Vec<&Event>>::new();
    for event in events {
        lines.entry(event.fact.execution().map(ExecutionId::as_str)).or_default().push(event);
    }
    lines.into_iter().map(|(execution, events)| (execution, happened(&events))).collect()
}

fn happened<'a>(events: &[&'a Event]) -> Happened<'a> {
    let attempt = only_attempt(events.iter().copied());
    let words = events.iter().map(|event| match event.fact.attempt() {
        Some(AttemptId { stage, action, number, execution: _ }) if attempt.is_none() => {
            format!("{} {stage}/{action}/{number}", event.fact.name())
        }
        Some(_) | None => event.fact.name().to_owned(),
    });
    Happened { events: words.collect::<Vec<_>>().join(", "), attempt }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use penstock_app::engine::command::{Report, Request};
    use penstock_app::port::queue::Message;
    use penstock_aws::telemetry::lines;
    use penstock_model::id::PipelineName;
    use penstock_testkit::build::{approval, build, command, name, pipeline, source, start};
    use penstock_testkit::fake::FakeProvider;
    use penstock_testkit::installation::Installation;
    use penstock_testkit::kept_logs::KeptLogs;
    use serde_json::{Value, json};

    use super::*;

    /// An installation with the pipeline `web`, whose commands are watched.
    async fn installed() -> (Installation, Watched) {
        let installation = Installation::new(FakeProvider::default());
        let stages = pipeline("web").stage("Source", [source("Fetch", "src")]);
        let stages = stages.stage("Build", [build("Compile").consumes("src"), build("Lint").consumes("src")]);
        let web = stages.stage("Release", [approval("Sign-off")]).build();
        installation.control.create(web, "alice").await.expect("a pipeline");
        let watched =
            Watched { transition: installation.transition.clone(), clock: installation.fakes.clock.clone() };
        (installation, watched)
    }

    /// What is measured until nothing is left to do.
    async fn measured(installation: &Installation) -> Vec<Value> {
        let mut lines = vec![];
        while let Some(message) = installation.fakes.queue.take() {
            let Message::Command { command } = message else {
                installation.worker.handle(message).await.expect("handling a message");
                continue;
            };
            let outcome = installation.transition.carry_out(command).await.expect("an outcome");
            lines.extend(measures(&outcome, installation.fakes.clock.now()).iter().map(Metrics::line));
        }
        lines
    }

    #[tokio::test]
    async fn each_end_of_an_execution_and_old_debts_are_measured() {
        let (installation, _) = installed().await;
        let web: PipelineName = name("web");
        let (id, started) = start("start-1", &web);
        installation.fakes.queue.put(Message::Command { command: started });
        assert_eq!(measured(&installation).await, Vec::<Value>::new(), "it waits for a verdict");
        let stop =
            Request::Stop { execution: id, abandon: true, reason: String::new(), by: "alice".to_owned() };
        installation.fakes.queue.put(Message::Command { command: command("stop-1", &web, stop) });
        let lines = measured(&installation).await;
        let [line] = &lines[..] else { panic!("one end, not {lines:?}") };
        assert_eq!((&line["Executions"], &line["Outcome"]), (&json!(1.0), &json!("Stopped")));
        let of = &line["_aws"]["CloudWatchMetrics"][0];
        assert!(of["Dimensions"][0].as_array().expect("dimensions").contains(&json!("Outcome")), "{of}");

        let (_, started) = start("start-2", &web);
        installation.transition.carry_out(started).await.expect("an outcome");
        while installation.fakes.queue.take().is_some() {}
        installation.fakes.clock.advance(Duration::from_secs(90));
        let wake_up = command("wake-up-1", &web, Request::WakeUp);
        let outcome = installation.transition.carry_out(wake_up).await.expect("an outcome");
        let lines = measures(&outcome, installation.fakes.clock.now());
        assert_eq!(lines[0].line()["OldestDebtAge"], 90.0);
    }

    #[tokio::test]
    async fn a_line_about_one_attempt_has_its_ids_as_fields_and_none_a_token() {
        let (installation, watched) = installed().await;
        let kept = KeptLogs::of(|to| lines("trace", move || to.clone()));
        let (id, started) = start("start-1", &name("web"));
        watched.carry_out(started).await.expect("a reply");
        let fetch = format!("{id}/Source/Fetch/1").parse().expect("an attempt");
        let report = Request::Report { attempt: fetch, report: Report::Succeeded(Box::default()) };
        watched.carry_out(command("report-1", &name("web"), report)).await.expect("a reply");
        installation.settle().await;
        let logged = kept.text();
        let lines: Vec<Value> =
            logged.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let happened: Vec<_> = lines.iter().filter(|line| line["message"] == "happened").collect();
        assert!(happened.iter().all(|line| line["execution"] == id.as_str()), "{logged}");
        let [of_one, of_more] = happened[..] else { panic!("two lines: {logged}") };
        let ids = ["stage", "action", "attempt"].map(|key| of_one[key].clone());
        assert_eq!(ids, [json!("Source"), json!("Fetch"), json!(1)]);
        assert_eq!(of_one["events"], "executionAdmitted, stageEntered, attemptScheduled");
        let events = of_more["events"].as_str().expect("events");
        assert!(
            events.contains("attemptScheduled Build/Lint/1") && of_more.get("action").is_none(),
            "{of_more}"
        );
        let asked = format!("{id}/Release/Sign-off/1").parse().expect("an attempt");
        for token in [installation.approvals.link_token(&asked), installation.approvals.api_token(&asked)] {
            assert!(!logged.contains(&token), "{logged}");
        }
    }
}
