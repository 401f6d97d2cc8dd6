//! What a worker does with what is owed: start an attempt at its provider once, observe it, end it, report.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use penstock_engine::command::{Command, Report, Request};
use penstock_engine::debt::Debt;
use penstock_engine::state::{Attempt, AttemptError, AttemptStatus, ErrorCode, External};
use penstock_model::id::{AttemptId, PipelineName};
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;

use crate::error::AppError;
use crate::port::PortError;
use crate::port::claims::{Claim, Claims, Recorded, Standing};
use crate::port::clock::Clock;
use crate::port::outputs::Outputs;
use crate::port::provider::{Begun, Ending, Observation, Provider, Providers, Stop, Work};
use crate::port::store::Store;
use crate::reports::Reports;

pub mod anticipation;
pub(crate) mod report;
pub(crate) mod resolve;
mod stray;
mod work;

use report::{END, cut, report_id, shortened, success};
use stray::Stray;
use work::{Found, Obstacle};

/// For how long a claim keeps others from an attempt: a little less than the first pause after which an unanswered
/// dispatch is sent again, so that the repetition finds the claim of a worker that died expired. A worker that takes
/// longer to begin renews it.
pub const CLAIM: Duration = Duration::from_secs(55);
/// How often a claim is renewed while its work begins.
const RENEWAL: Duration = Duration::from_secs(20);

/// For how long a start is waited for that goes on after its claim is lost.
const PARTING: Duration = Duration::from_secs(20);

/// Each fifth attempt is a failure if its provider loses it; a retry goes on counting.
const VANISHING: u32 = 5;

/// Carries out what is owed.
pub struct Dispatch {
    reports: Arc<dyn Reports>,
    store: Arc<dyn Store>,
    claims: Arc<dyn Claims>,
    outputs: Arc<dyn Outputs>,
    providers: Arc<dyn Providers>,
    clock: Arc<dyn Clock>,
    renewal: Duration,
}

impl Dispatch {
    /// Work for `providers`, reported to `reports`.
    pub fn new(
        reports: Arc<dyn Reports>,
        store: Arc<dyn Store>,
        claims: Arc<dyn Claims>,
        outputs: Arc<dyn Outputs>,
        providers: Arc<dyn Providers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { reports, store, claims, outputs, providers, clock, renewal: RENEWAL }
    }

    /// With claims that are renewed so often while their work begins, and looked whether it is still wanted.
    #[must_use]
    pub fn renewing_every(self, renewal: Duration) -> Self {
        Self { renewal, ..self }
    }

    /// Carries out `debt`. What has been settled meanwhile is left alone.
    ///
    /// # Errors
    /// [`AppError::Port`] or [`AppError::Busy`]: the debt stays owed and is sent again.
    pub async fn carry_out(&self, pipeline: &PipelineName, debt: &Debt) -> Result<(), AppError> {
        match debt {
            Debt::Dispatch { attempt } => self.start(pipeline, attempt).await,
            Debt::Cancel { attempt } => self.cancel(pipeline, attempt).await,
            Debt::Observe { attempt } => self.observe(pipeline, attempt).await,
            // Nothing of it is a worker's: it travels as a wake-up.
            Debt::GoOn => Ok(()),
        }
    }

    /// Reports the end of work: writes its outputs, then says so. An attempt that is settled already is left alone.
    ///
    /// # Errors
    /// [`AppError::Port`] if neither the report nor handing it to the queue succeeded.
    pub async fn report(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        ending: Ending,
    ) -> Result<(), AppError> {
        let report = match ending {
            Ending::Succeeded(done) => success(self.outputs.as_ref(), attempt, *done).await?,
            Ending::Failed { error, external } => Report::Failed { error: shortened(error), external },
            Ending::Interrupted { message } => Report::Interrupted { message: cut(message) },
            Ending::Cancelled => Report::Cancelled,
        };
        self.say(pipeline, attempt, END, report).await
    }

    /// Records that the provider has taken the work up at `started_at`, and reports it if it is what the attempt waits for.
    async fn taken_up(
        &self,
        provider: &dyn Provider,
        work: &Work,
        external: External,
        started_at: Timestamp,
    ) -> Result<(), AppError> {
        let (pipeline, attempt) = (&work.pipeline, &work.attempt);
        match self.claims.started(attempt, &external).await? {
            Recorded::Counts => {
                let report = Report::Started { external: Some(external), started_at: Some(started_at) };
                self.say(pipeline, attempt, "start", report).await
            }
            Recorded::Cancelled => Ok(stray::end(provider, work, &external, Stray::Late).await?),
            Recorded::Other { external: first } => {
                tracing::warn!(%attempt, external = external.id, first = first.id, "work began beside its attempt's own");
                Ok(stray::end(provider, work, &external, Stray::Beside).await?)
            }
        }
    }

    /// Everything that can fail for good is tried before the claim; the claim comes right before the start.
    async fn start(&self, pipeline: &PipelineName, id: &AttemptId) -> Result<(), AppError> {
        let Some(found) = self.find(pipeline, id).await? else {
            return Ok(());
        };
        let owed = found
            .attempt()
            .is_some_and(|it| it.status == AttemptStatus::Scheduled && it.cancellation.is_none());
        if !owed {
            return self.end_stray(&found, id).await;
        }
        let work = match found.work(self.outputs.as_ref()).await {
            Ok(work) => work,
            Err(Obstacle::Port(error)) => return Err(error.into()),
            Err(Obstacle::Fails(error)) => return self.fail(pipeline, id, error).await,
        };
        let Some(provider) = self.providers.find(&work.action.action_type_id) else {
            return self.fail(pipeline, id, unknown_provider(&work)).await;
        };
        let now = self.clock.now();
        let until = now.plus(CLAIM);
        let claim = self.claims.claim(id, now, until).await?;
        if self.clock.now() >= until {
            // The machine slept meanwhile; somebody else may have taken it over by now.
            return Ok(());
        }
        match claim {
            Claim::Taken => self.begin(provider.as_ref(), &work, false, until).await,
            Claim::TakenOver => self.begin(provider.as_ref(), &work, true, until).await,
            Claim::Started { external } => {
                // Whoever started it died before saying so, maybe long ago: look at once what became of it.
                let report = Report::Started { external: Some(external), started_at: None };
                self.say(pipeline, id, "start", report).await?;
                self.observe(pipeline, id).await
            }
            Claim::Held { .. } | Claim::Cancelled => Ok(()),
        }
    }

    async fn begin(
        &self,
        provider: &dyn Provider,
        work: &Work,
        taken_over: bool,
        until: Timestamp,
    ) -> Result<(), AppError> {
        let (pipeline, attempt) = (&work.pipeline, &work.attempt);
        let (stop, started_at) = (Stop::default(), self.clock.now());
        let held = AtomicI64::new(until.0);
        let mut start = provider.start_until(work, taken_over, &stop);
        let begun = tokio::select! {
            biased;
            begun = &mut start => begun,
            error = self.keep(work, &held, &stop) => {
                stop.ask();
                // Given up here, a start that is on its way would leave work behind of which nobody knows.
                match tokio::time::timeout(PARTING, start).await {
                    Ok(Ok(begun @ Begun::Running(_))) => Ok(begun),
                    Ok(Ok(Begun::Ended(_)) | Err(_)) | Err(_) => return Err(error.into()),
                }
            }
        };
        match begun {
            Ok(Begun::Running(external)) => self.taken_up(provider, work, external, started_at).await,
            Ok(Begun::Ended(ending)) => self.report(pipeline, attempt, ending).await,
            Err(error) if error.retryable => {
                self.not_begun(work, Timestamp(held.load(Ordering::SeqCst)), error).await
            }
            Err(error) => {
                let error = AttemptError::new(ErrorCode::JobFailed, error.in_a_sentence());
                self.fail(pipeline, attempt, error).await
            }
        }
    }

    /// Work that a frozen worker began after its attempt was cancelled, and that it could not end.
    async fn end_stray(&self, found: &Found, id: &AttemptId) -> Result<(), AppError> {
        let is_settled = |attempt: &Attempt| {
            attempt.external.is_none()
                && attempt.cancellation.as_ref().is_some_and(|it| it.settled_at.is_some())
        };
        if !found.attempt().is_some_and(is_settled) {
            return Ok(());
        }
        let Standing::Started { external } = self.claims.look(id).await? else {
            return Ok(());
        };
        let Some(work) = found.work_begun(self.outputs.as_ref()).await? else {
            return Ok(());
        };
        match self.providers.find(&work.action.action_type_id) {
            Some(provider) => Ok(stray::end(provider.as_ref(), &work, &external, Stray::Late).await?),
            None => Ok(()),
        }
    }

    /// After a try that failed for now. A fetch leaves nothing outside that could be begun twice: its claim is given back,
    /// so that the next try, or a stop, need not wait for it to expire; and where a stop was asked for, there is none.
    async fn not_begun(&self, work: &Work, held: Timestamp, error: PortError) -> Result<(), AppError> {
        let (pipeline, attempt) = (&work.pipeline, &work.attempt);
        if work.action.action_type_id.category != Category::Source {
            return Err(error.into());
        }
        match self.claims.renew(attempt, held, self.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return Err(error.into()),
            Err(lost) => {
                tracing::warn!(%attempt, error = %lost, "a claim was not given back");
                return Err(error.into());
            }
        }
        let found = self.find(pipeline, attempt).await?;
        if found.is_some_and(|found| found.is_being_stopped()) {
            let message = format!("it was not begun again, as the execution was stopped; before: {error}");
            let error = AttemptError::new(ErrorCode::RevisionUnavailable, message);
            return self.fail(pipeline, attempt, error).await;
        }
        Err(error.into())
    }

    /// Renews a claim again and again, and looks each time whether the work is still wanted; ends only when the claim is,
    /// or may be, held by another, who takes the work over.
    async fn keep(&self, work: &Work, held: &AtomicI64, stop: &Stop) -> PortError {
        let attempt = &work.attempt;
        loop {
            tokio::time::sleep(self.renewal).await;
            let until = self.clock.now().plus(CLAIM);
            let mine = Timestamp(held.load(Ordering::SeqCst));
            let renewal = tokio::time::timeout(self.renewal, self.claims.renew(attempt, mine, until));
            let look = tokio::time::timeout(self.renewal, self.is_wanted(work));
            let (renewed, wanted) = tokio::join!(renewal, look);
            if let Ok(Ok(false)) = wanted {
                stop.ask();
            }
            match renewed.unwrap_or_else(|_| Err(PortError::transient("renew the claim: no answer came"))) {
                Ok(true) => held.store(until.0, Ordering::SeqCst),
                Ok(false) => {
                    return PortError::transient("begin the work: it took too long and was taken over");
                }
                Err(error) if self.clock.now().plus(self.renewal) >= mine => {
                    return PortError::transient(format!("begin the work: its claim expires; {error}"));
                }
                Err(error) => tracing::warn!(%attempt, %error, "a claim was not renewed; trying again"),
            }
        }
    }

    /// Whether nobody asked to end the work.
    async fn is_wanted(&self, work: &Work) -> Result<bool, PortError> {
        let execution = self.store.execution(&work.pipeline, &work.attempt.execution).await?;
        let attempt = execution.as_ref().and_then(|execution| execution.attempt(&work.attempt));
        Ok(attempt.is_some_and(|attempt| attempt.is_live() && attempt.unsettled().is_none()))
    }

    async fn cancel(&self, pipeline: &PipelineName, id: &AttemptId) -> Result<(), AppError> {
        let Some(found) = self.find(pipeline, id).await? else {
            return Ok(());
        };
        if found.is_to_end() { self.end(&found, pipeline, id).await } else { Ok(()) }
    }

    /// Ends work that was asked to end and is not known to have.
    async fn end(&self, found: &Found, pipeline: &PipelineName, id: &AttemptId) -> Result<(), AppError> {
        let (external, may_begin) = match self.claims.cancel(id, self.clock.now()).await? {
            Claim::Taken | Claim::Cancelled => return self.say(pipeline, id, END, Report::Cancelled).await,
            Claim::Started { external } => (Some(external), false),
            Claim::Held { .. } => (None, true),
            // Its worker died, maybe after it began, and nobody begins it any more.
            Claim::TakenOver => (None, false),
        };
        let Some(work) = found.work_begun(self.outputs.as_ref()).await? else {
            return Ok(());
        };
        let Some(provider) = self.providers.find(&work.action.action_type_id) else {
            return Ok(());
        };
        match provider.cancel(&work, external.as_ref()).await? {
            Observation::Ended(ending) => self.report(pipeline, id, ending).await,
            // Whoever holds the claim may be about to start it: ask again later.
            Observation::Gone if may_begin => Ok(()),
            Observation::Gone => self.say(pipeline, id, END, Report::Cancelled).await,
            Observation::Running => Ok(()),
        }
    }

    async fn observe(&self, pipeline: &PipelineName, id: &AttemptId) -> Result<(), AppError> {
        let Some(found) = self.find(pipeline, id).await? else {
            return Ok(());
        };
        // Whatever takes its next step when it is observed must not take it after a stop.
        if found.is_to_end() {
            return self.end(&found, pipeline, id).await;
        }
        // One whose start is still on its way is known to its claim.
        let Some(attempt) = found.attempt().filter(|attempt| attempt.is_live()) else {
            return Ok(());
        };
        let Some(external) = self.external(id, attempt.external.as_ref()).await? else {
            return Ok(());
        };
        let Some(work) = found.work_begun(self.outputs.as_ref()).await? else {
            return Ok(());
        };
        let Some(provider) = self.providers.find(&work.action.action_type_id) else {
            return Ok(());
        };
        match provider.observe(&work, &external).await? {
            Observation::Running => {
                self.say(pipeline, id, &format!("check-{}", attempt.checks), Report::Running).await
            }
            Observation::Ended(ending) => self.report(pipeline, id, ending).await,
            Observation::Gone => self.report(pipeline, id, vanished(&work)).await,
        }
    }

    async fn find(&self, pipeline: &PipelineName, id: &AttemptId) -> Result<Option<Found>, PortError> {
        let Some(execution) = self.store.execution(pipeline, &id.execution).await? else {
            return Ok(None);
        };
        let Some(definition) = self.store.definition(pipeline, execution.definition).await? else {
            return Ok(None);
        };
        Ok(Found::new(id, execution, definition))
    }

    async fn external(
        &self,
        id: &AttemptId,
        known: Option<&External>,
    ) -> Result<Option<External>, PortError> {
        if let Some(external) = known {
            return Ok(Some(external.clone()));
        }
        match self.claims.look(id).await? {
            Standing::Started { external } => Ok(Some(external)),
            Standing::Free | Standing::Claimed { .. } | Standing::Cancelled => Ok(None),
        }
    }

    async fn fail(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        error: AttemptError,
    ) -> Result<(), AppError> {
        self.say(pipeline, attempt, END, Report::Failed { error: shortened(error), external: None }).await
    }

    /// Gives a report on an attempt.
    async fn say(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        what: &str,
        report: Report,
    ) -> Result<(), AppError> {
        let id = report_id(attempt, what)?;
        let request = Request::Report { attempt: attempt.clone(), report };
        let command = Command { id, pipeline: pipeline.clone(), request };
        self.reports.take(command).await
    }
}

/// The end of work that its provider took up and has lost. It is attempted again, but not for ever: each attempt costs
/// what the work costs.
fn vanished(work: &Work) -> Ending {
    let message = format!("{} knows nothing of it any more", work.action.action_type_id.provider);
    if !work.attempt.number.is_multiple_of(VANISHING) {
        return Ending::Interrupted { message };
    }
    let message = format!(
        "{message}, and this was attempt {}; find out what removes it there, then retry the stage",
        work.attempt.number
    );
    Ending::Failed { error: AttemptError::new(ErrorCode::JobFailed, message), external: None }
}

fn unknown_provider(work: &Work) -> AttemptError {
    let kind = &work.action.action_type_id;
    let message = format!(
        "this installation has no provider `{}` for {:?} actions; change the action or run the pipeline where it has",
        kind.provider, kind.category
    );
    AttemptError::new(ErrorCode::ConfigurationError, message)
}
