//! Attempts are started once, with everything resolved, and what cannot be started fails with its reason.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::dispatch::{CLAIM, Dispatch};
use penstock_app::port::PortError;
use penstock_app::port::claims::Claims;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Stop, Work};
use penstock_engine::debt::Debt;
use penstock_engine::state::{External, TriggerCause};
use penstock_model::artifact::Revision;
use penstock_model::pipeline::{Category, Pipeline};
use penstock_testkit::build::{action, build, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider, FakeProviders};
use penstock_testkit::installation::Installation;

use tokio::sync::Notify;

use super::{attempt, stages, started, web, web_name, with};

fn two_stages(compile: penstock_testkit::build::ActionBuilder) -> Pipeline {
    pipeline("web")
        .variable("Color", Some("green"))
        .stage("Source", [source("Fetch", "src").namespace("Src")])
        .stage("Build", [compile.consumes("src").namespace("Built")])
        .build()
}

#[tokio::test]
async fn a_build_is_of_the_revision_of_what_it_starts_in() {
    let provider = FakeProvider::new(|work| {
        let Ending::Succeeded(mut done) = FakeProvider::success(work) else { return Conduct::Succeeds };
        done.revision =
            done.revision.map(|known| Revision { id: format!("of {}", work.action.name), ..known });
        Conduct::Ends(Ending::Succeeded(done))
    });
    let two = pipeline("web")
        .stage("Source", [source("Fetch", "src"), source("Docs", "docs")])
        .stage("Build", [build("Compile").consumes("src").consumes("docs").produces("app")])
        .build();
    let installation = with(Installation::new(provider), two).await;
    started(&installation).await;
    let works = installation.fakes.provider.started();
    let work = works.iter().find(|work| work.attempt.stage.as_str() == "Build").expect("the build");
    for (primary, version) in [("src", "of Fetch"), ("docs", "of Docs"), ("app", "of Fetch")] {
        assert_eq!(work.source_version(Some(&name(primary))), Some(version), "{primary}");
    }
    assert_eq!(work.source_version(None), Some("of Fetch"), "the definition's first, not the alphabet's");
}

#[tokio::test]
async fn everything_is_resolved_before_the_start() {
    let compile = build("Compile")
        .set("Plain", "#{variables.Color} at #{Src.CommitId} in #{codepipeline.PipelineExecutionId}")
        .set("EnvironmentVariables", r##"[{"name":"M","value":"#{Src.Message}"}]"##);
    let provider = FakeProvider::new(|work| {
        if work.action.action_type_id.category != Category::Source {
            return Conduct::Succeeds;
        }
        let Ending::Succeeded(mut done) = FakeProvider::success(work) else {
            return Conduct::Succeeds;
        };
        done.variables.insert("Message".to_owned(), r#"","type":"evil "quote"#.to_owned());
        Conduct::Ends(Ending::Succeeded(done))
    });
    let installation = with(Installation::new(provider), two_stages(compile)).await;
    let id = started(&installation).await;
    assert_eq!(stages(&installation, &id).await, "Succeeded: Source Succeeded, Build Succeeded");
    let works = installation.fakes.provider.started();
    let work = works.iter().find(|work| work.attempt.stage.as_str() == "Build").expect("the build");
    assert_eq!(work.action.configuration["Plain"], format!("green at c0ffee00 in {id}"));
    let json = r#"[{"name":"M","value":"\",\"type\":\"evil \"quote"}]"#;
    assert_eq!(
        work.action.configuration["EnvironmentVariables"], json,
        "no quote in a value changes the JSON"
    );
    assert_eq!(work.inputs.len(), 1);
    assert_eq!(work.revisions["Fetch"].id, "c0ffee00");
    assert_eq!(
        work.trigger,
        TriggerCause {
            kind: "StartPipelineExecution".into(),
            detail: "alice".into(),
            delivery: None,
            reference: None
        }
    );
    let history = installation.query.attempts(&web_name(), &id).await.expect("the history");
    assert_eq!(history.len(), 2);
}

/// Whoever pushes writes the author's name, and people are shown it in many places.
#[tokio::test]
async fn an_authors_name_is_kept_without_what_a_terminal_or_a_page_obeys() {
    let carried = async |author: &'static str| {
        let provider = FakeProvider::new(move |work| {
            let mut ending = FakeProvider::success(work);
            if let Ending::Succeeded(done) = &mut ending
                && let Some(revision) = &mut done.revision
            {
                revision.author = Some(author.to_owned());
            }
            Conduct::Ends(ending)
        });
        let installation = with(Installation::new(provider), two_stages(build("Compile"))).await;
        let id = started(&installation).await;
        installation.query.execution(&web_name(), Some(&id)).await.unwrap().commit_author
    };
    assert_eq!(carried(" Ada\u{1b}[31m\r\nL\u{202e} ").await.as_deref(), Some("Ada L"));
    assert_eq!(carried("\u{7}\n").await, None);
    let long: &'static str = Box::leak("ö".repeat(500).into_boxed_str());
    assert_eq!(carried(long).await.unwrap().chars().count(), 200);
}

#[tokio::test]
async fn an_unknown_variable_fails_the_attempt_with_that_reason() {
    let compile = build("Compile").set("Plain", "#{Src.Nothing}");
    let installation = with(Installation::default(), two_stages(compile)).await;
    let id = started(&installation).await;
    assert_eq!(stages(&installation, &id).await, "Failed: Source Succeeded, Build Failed");
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    let summary = view.stages[1].actions[0].summary.clone().expect("a reason");
    assert!(summary.contains("`Plain`") && summary.contains("#{Src.Nothing}"), "{summary}");
    assert_eq!(installation.fakes.provider.started().len(), 1, "the build was never started");
}

#[tokio::test]
async fn oversized_values_fail_the_attempt() {
    let large = |work: &Work| {
        let Ending::Succeeded(mut done) = FakeProvider::success(work) else {
            return Conduct::Succeeds;
        };
        if work.attempt.stage.as_str() == "Source" {
            done.variables.insert("Big".to_owned(), "x".repeat(60 * 1024));
        }
        Conduct::Ends(Ending::Succeeded(done))
    };
    let compile = build("Compile").set("One", "#{Src.Big}").set("Two", "#{Src.Big}");
    let installation = with(Installation::new(FakeProvider::new(large)), two_stages(compile)).await;
    let id = started(&installation).await;
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    let summary = view.stages[1].actions[0].summary.clone().expect("a reason");
    assert!(summary.contains("102400"), "{summary}");

    let provider = FakeProvider::new(|_| {
        let variables = [("Big".to_owned(), "x".repeat(130_000))].into();
        Conduct::Ends(Ending::Succeeded(Box::new(Done { variables, ..Done::default() })))
    });
    let installation = with(Installation::new(provider), two_stages(build("Compile"))).await;
    let id = started(&installation).await;
    assert_eq!(stages(&installation, &id).await, "Failed: Source Failed, Build NotStarted");
}

#[tokio::test]
async fn a_missing_provider_fails_the_attempt() {
    let installation =
        with(Installation::default(), two_stages(action("Compile", Category::Build, "Unknown"))).await;
    let id = started(&installation).await;
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    assert_eq!(view.stages[1].actions[0].error_code, Some("ConfigurationError".into()));
}

#[tokio::test]
async fn a_duplicate_starts_nothing_twice() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let id = started(&installation).await;
    let fetch = attempt(&id, "Source", "Fetch", 1);
    for _ in 0..3 {
        let debt = Debt::Dispatch { attempt: fetch.clone() };
        installation.dispatch.carry_out(&web_name(), &debt).await.expect("the same dispatch again");
    }
    assert!(installation.fakes.provider.started_twice().is_empty());
    let work = installation.fakes.provider.running().remove(0);
    for _ in 0..3 {
        let ending = FakeProvider::success(&work);
        installation
            .dispatch
            .report(&web_name(), &fetch, ending)
            .await
            .expect("the report, also when it repeats");
    }
    let history = installation.query.attempts(&web_name(), &id).await.expect("the history");
    assert_eq!(history.len(), 2, "the source, and the build that followed it once");
}

#[tokio::test]
async fn a_start_that_failed_for_now_is_looked_at_before_it_is_repeated() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let provider = FakeProvider::new(move |work| {
        if work.action.action_type_id.category == Category::Source {
            return Conduct::Succeeds;
        }
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Conduct::Refuses(PortError::transient("start: throttled")),
            _ => Conduct::Runs,
        }
    });
    let installation = with(Installation::new(provider), web()).await;
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    let first = loop {
        let message = installation.fakes.queue.take().expect("a dispatch that fails");
        if let Err(error) = installation.worker.handle(message.clone()).await {
            assert!(error.is_retryable(), "throttled: {error}");
            break message;
        }
    };
    installation.worker.handle(first).await.expect("somebody holds the claim");
    assert!(installation.fakes.provider.running().is_empty());
    installation.fakes.clock.advance(Duration::from_secs(61));
    installation.sweep.run(false).await.expect("sweeping");
    installation.settle().await;
    assert_eq!(
        stages(&installation, &id).await,
        "InProgress: Source Succeeded, Build InProgress, Release NotStarted"
    );
    assert_eq!(installation.fakes.provider.running().len(), 1);
    assert!(CLAIM < Duration::from_secs(60));
}

#[tokio::test]
async fn a_start_that_failed_for_good_fails_the_attempt() {
    let provider =
        FakeProvider::new(|_| Conduct::Refuses(PortError::permanent("start: no such project `shop`")));
    let installation = with(Installation::new(provider), web()).await;
    let id = started(&installation).await;
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    assert_eq!(view.status.as_str(), "Failed");
    assert_eq!(view.stages[0].actions[0].summary.as_deref(), Some("failed to start: no such project `shop`"));
}

#[tokio::test]
async fn an_end_that_nobody_reported_is_observed() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let id = started(&installation).await;
    let work = installation.fakes.provider.running().remove(0);
    installation.fakes.clock.advance(Duration::from_secs(61));
    installation.sweep.run(false).await.expect("sweeping");
    installation.settle().await;
    assert_eq!(installation.fakes.provider.running().len(), 1, "it runs still");
    installation.fakes.provider.finish(&work.attempt, FakeProvider::success(&work));
    installation.fakes.clock.advance(Duration::from_secs(121));
    installation.sweep.run(false).await.expect("sweeping");
    installation.settle().await;
    assert_eq!(
        stages(&installation, &id).await,
        "InProgress: Source Succeeded, Build InProgress, Release NotStarted"
    );
}

#[tokio::test]
async fn after_a_crash_lost_work_is_attempted_again() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let id = started(&installation).await;
    installation.fakes.provider.lose(&attempt(&id, "Source", "Fetch", 1));
    installation.sweep.recover().await.expect("recovering");
    installation.settle().await;
    let running = installation.fakes.provider.running();
    assert_eq!(running.iter().map(|work| work.attempt.number).collect::<Vec<_>>(), [2], "as a new attempt");
    let history = installation.query.attempts(&web_name(), &id).await.expect("the history");
    assert_eq!(history[0].attempt.error.as_ref().map(|error| error.code.as_str()), Some("Interrupted"));
}

#[tokio::test]
async fn what_its_provider_loses_again_and_again_fails() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let id = started(&installation).await;
    for number in 1..=5 {
        installation.fakes.provider.lose(&attempt(&id, "Source", "Fetch", number));
        installation.fakes.clock.advance(Duration::from_secs(61));
        installation.sweep.run(false).await.expect("sweeping");
        installation.settle().await;
    }
    assert_eq!(
        stages(&installation, &id).await,
        "Failed: Source Failed, Build NotStarted, Release NotStarted"
    );
    let history = installation.query.attempts(&web_name(), &id).await.expect("the history");
    let ends = history.iter().map(|it| it.attempt.error.clone().unwrap()).collect::<Vec<_>>();
    let codes: Vec<_> = ends.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["Interrupted", "Interrupted", "Interrupted", "Interrupted", "JobFailed"]);
    assert!(
        ends[4].message.contains("knows nothing of it any more, and this was attempt 5"),
        "{:?}",
        ends[4]
    );
}

#[tokio::test]
async fn an_abandoned_attempt_is_cancelled_at_its_provider() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let id = started(&installation).await;
    installation.control.stop(&web_name(), &id, true, "wrong branch", "alice").await.expect("stopping");
    installation.settle().await;
    assert!(installation.fakes.provider.is_cancelled(&attempt(&id, "Source", "Fetch", 1)));
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    assert_eq!(view.status.as_str(), "Stopped");
    assert_eq!(view.status_summary.as_deref(), Some("stopped by alice: wrong branch"));
    assert_eq!(view.stages[0].actions[0].status.as_str(), "Abandoned");
}

/// A provider that takes the next of several steps when it is observed must not take it after a stop.
#[tokio::test]
async fn what_is_to_end_is_not_observed_but_cancelled_again() {
    for times_out in [false, true] {
        let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
        let id = started(&installation).await;
        let fetch = attempt(&id, "Source", "Fetch", 1);
        if times_out {
            installation.fakes.clock.advance(Duration::from_secs(365 * 24 * 60 * 60));
            installation.sweep.run(false).await.expect("sweeping");
        } else {
            installation.control.stop(&web_name(), &id, true, "", "alice").await.expect("stopping");
        }
        while let Some(message) = installation.fakes.queue.take() {
            drop(message);
        }
        assert!(!installation.fakes.provider.is_cancelled(&fetch), "that message is lost");
        let hint = Debt::Observe { attempt: fetch.clone() };
        installation.dispatch.carry_out(&web_name(), &hint).await.expect("a provider's event");
        assert!(installation.fakes.provider.is_cancelled(&fetch), "times out: {times_out}");
        installation.settle().await;
        let execution = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
        assert_eq!(execution.status.as_str(), if times_out { "Failed" } else { "Stopped" });
    }
}

#[tokio::test]
async fn what_was_never_begun_is_cancelled_before_it_begins() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    let dispatch = installation.fakes.queue.take().expect("the dispatch is slow");
    installation.control.stop(&web_name(), &id, true, "", "alice").await.expect("stopping");
    installation.settle().await;
    installation.worker.handle(dispatch).await.expect("it comes too late");
    assert!(installation.fakes.provider.started().is_empty());
    let fetch = attempt(&id, "Source", "Fetch", 1);
    let now = installation.fakes.clock.now();
    let claim = installation.fakes.claims.claim(&fetch, now, now).await.expect("a claim");
    assert_eq!(claim, penstock_app::port::claims::Claim::Cancelled);
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_is_stopped_between_two_tries() {
    for abandon in [true, false] {
        let unreachable = |_: &_| Conduct::Refuses(PortError::transient("reach the host: no route"));
        let installation = with(Installation::new(FakeProvider::new(unreachable)), web()).await;
        let request = penstock_app::control::StartRequest::by(web_name(), "alice");
        let id = installation.control.start(request).await.expect("starting");
        let dispatch = installation.fakes.queue.take().expect("the dispatch");
        let failed = installation.worker.handle(dispatch.clone()).await;
        assert!(failed.is_err_and(|error| error.is_retryable()), "it is delivered again");
        installation.control.stop(&web_name(), &id, abandon, "", "alice").await.expect("stopping");
        installation.settle().await;
        installation.worker.handle(dispatch).await.expect("there is nothing to do any more");
        installation.settle().await;
        let execution = installation.query.raw_execution(&web_name(), &id).await.expect("the execution");
        let fetch = execution.attempt(&attempt(&id, "Source", "Fetch", 1)).expect("the attempt");
        assert!(execution.status.is_terminal(), "abandon: {abandon}: {execution:?}");
        let settled = fetch.cancellation.as_ref().is_none_or(|it| it.settled_at.is_some());
        assert!(settled, "abandon: {abandon}: {fetch:?}");
    }
}

#[tokio::test]
async fn what_ended_before_its_start_was_reported_is_taken_up() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    let fetch = attempt(&id, "Source", "Fetch", 1);
    let (fakes, now) = (&installation.fakes, installation.fakes.clock.now());
    fakes.claims.claim(&fetch, now, now.plus(CLAIM)).await.expect("a claim");
    let external = External { id: "build:1".to_owned(), url: None };
    fakes.claims.started(&fetch, &external).await.expect("started, and the process died");
    installation.settle().await;
    let history = installation.query.attempts(&web_name(), &id).await.expect("the history");
    let numbers: Vec<u32> = history.iter().map(|known| known.id.number).collect();
    assert_eq!(numbers, [1, 2], "the provider knows nothing of it: it is attempted again at once");
}

/// A provider that a worker is frozen on its way to: each start waits until it is let go.
struct Frozen {
    inner: Arc<FakeProvider>,
    reached: Notify,
    thawed: Notify,
}

#[async_trait]
impl Provider for Frozen {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.reached.notify_one();
        self.thawed.notified().await;
        self.inner.start(work, taken_over).await
    }

    /// What is on its way arrives, though it is wanted no more.
    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        self.reached.notify_one();
        tokio::select! {
            () = self.thawed.notified() => {}
            () = stop.asked() => {}
        }
        self.inner.start(work, taken_over).await
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.inner.observe(work, external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.inner.cancel(work, external).await
    }
}

/// Whoever stops it has looked at the provider already and found nothing: the start that lands afterwards is ended by the
/// one who began it.
#[tokio::test]
async fn what_begins_after_its_stop_was_confirmed_is_ended() {
    for is_renewed in [false, true] {
        let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
        let fakes = &installation.fakes;
        let frozen =
            Arc::new(Frozen { inner: fakes.provider.clone(), reached: Notify::new(), thawed: Notify::new() });
        let dispatch = Dispatch::new(
            installation.transition.clone(),
            fakes.store.clone(),
            fakes.claims.clone(),
            fakes.outputs.clone(),
            Arc::new(FakeProviders::new(frozen.clone())),
            fakes.clock.clone(),
        );
        // With a renewal under way it is the renewal that notices first.
        let dispatch = if is_renewed { dispatch.renewing_every(Duration::from_millis(2)) } else { dispatch };
        let request = penstock_app::control::StartRequest::by(web_name(), "alice");
        let id = installation.control.start(request).await.expect("starting");
        drop(fakes.queue.take());
        let fetch = attempt(&id, "Source", "Fetch", 1);
        let (pipeline, debt) = (web_name(), Debt::Dispatch { attempt: fetch.clone() });
        let stops = async {
            frozen.reached.notified().await;
            fakes.clock.advance(CLAIM + CLAIM);
            installation.control.stop(&web_name(), &id, true, "", "alice").await.expect("stopping");
            installation.settle().await;
            let stopped = installation.query.raw_execution(&web_name(), &id).await.expect("the execution");
            let cancellation = stopped.attempt(&fetch).and_then(|attempt| attempt.cancellation.clone());
            assert!(cancellation.is_some_and(|it| it.settled_at.is_some()), "nobody waits for it any more");
            if !is_renewed {
                frozen.thawed.notify_one();
            }
        };
        let at_work = dispatch.carry_out(&pipeline, &debt);
        let (carried_out, ()) = tokio::join!(at_work, stops);
        carried_out.expect("it is done with");
        assert!(fakes.provider.is_cancelled(&fetch), "renewed: {is_renewed}");
        assert!(fakes.provider.running().is_empty(), "renewed: {is_renewed}");
    }
}

/// If the one who began it cannot end it either, the message that comes again does.
#[tokio::test]
async fn what_could_not_be_ended_is_ended_when_its_message_comes_again() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    let dispatch = installation.fakes.queue.take().expect("the dispatch");
    let fetch = attempt(&id, "Source", "Fetch", 1);
    installation.control.stop(&web_name(), &id, true, "", "alice").await.expect("stopping");
    installation.settle().await;
    let external = External { id: fetch.token(), url: None };
    let recorded = installation.fakes.claims.started(&fetch, &external).await.expect("a late start");
    assert_eq!(recorded, penstock_app::port::claims::Recorded::Cancelled);
    let works = with(Installation::new(FakeProvider::new(|_| Conduct::Runs)), web()).await;
    let other = started(&works).await;
    let mut work = works.fakes.provider.running().remove(0);
    assert_eq!(work.attempt.execution, other);
    work.attempt = fetch.clone();
    installation.fakes.provider.start(&work, false).await.expect("the start that landed");
    installation.worker.handle(dispatch).await.expect("it comes again");
    assert!(installation.fakes.provider.is_cancelled(&fetch));
}

/// Work that is done while it starts, as putting files into a bucket is, takes as long as it takes.
#[tokio::test]
async fn a_start_that_lasts_is_left_after_a_stop() {
    let installation = with(Installation::new(FakeProvider::new(|_| Conduct::Lasts)), web()).await;
    let fakes = &installation.fakes;
    let dispatch = Dispatch::new(
        installation.transition.clone(),
        fakes.store.clone(),
        fakes.claims.clone(),
        fakes.outputs.clone(),
        Arc::new(FakeProviders::new(fakes.provider.clone())),
        fakes.clock.clone(),
    )
    .renewing_every(Duration::from_millis(2));
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    drop(fakes.queue.take());
    let fetch = attempt(&id, "Source", "Fetch", 1);
    let debt = Debt::Dispatch { attempt: fetch.clone() };
    let stops = async {
        while fakes.provider.running().is_empty() {
            tokio::task::yield_now().await;
        }
        installation.control.stop(&web_name(), &id, true, "", "alice").await.expect("stopping");
        installation.settle().await;
    };
    let pipeline = web_name();
    let at_work = tokio::time::timeout(Duration::from_secs(60), dispatch.carry_out(&pipeline, &debt));
    let (carried_out, ()) = tokio::join!(at_work, stops);
    carried_out.expect("it is left after a renewal").expect("the end is reported");
    assert_eq!(fakes.provider.ending(&fetch), Some(Ending::Cancelled));
    let execution = installation.query.raw_execution(&web_name(), &id).await.expect("the execution");
    let settled = execution.attempt(&fetch).and_then(|attempt| attempt.cancellation.clone());
    assert!(settled.expect("a cancellation").settled_at.is_some(), "nobody waits for it any more");
}
