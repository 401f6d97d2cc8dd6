//! The Lambda invoke provider: calls a function with `CodePipeline`'s job event; the function answers by API.
//!
//! The function answers with `PutJobSuccessResult` or `PutJobFailureResult` to this installation's `JobsUrl`,
//! signed for `execute-api`. Lambda's asynchronous calls are at least once, and a lost acknowledgement makes us call
//! again under the same job id: a function that must act once remembers the job's id. Nobody else can guess it.
//!
//! The event says where output artifacts are to be put: in a folder that nobody else can guess. Once the function has answered
//! success they are taken as they are then: of a function that was called twice, whoever has put last before that. What is
//! put later is another version.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use penstock_app::engine::state::{AttemptError, External};
use penstock_app::jobs::{Answer, CONTINUATION, Invocation, Job, JobId, JobRecords, OutputPlace};
use penstock_app::partition::console;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_model::artifact::Artifact;

use crate::access::{Access, NotAssumed, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::provider::failure::Failure;
use crate::provider::settings::required;

mod event;
mod outputs;
mod policy;

/// How long a function has to answer (`CodePipeline` quotas).
const ANSWER: Duration = Duration::from_secs(20 * 60);
/// After which time a call whose acknowledgement is not known is made again.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// For how long after a call a function that has more to do is not called again, whoever looks. The look that calls it
/// comes this long and a little longer after its answer, so that it is not too early by a clock that is behind.
const PAUSE: Duration = CONTINUATION.saturating_sub(Duration::from_secs(5));
/// The longest that a function can run.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Performs Invoke actions: owner `AWS`, category `Invoke`, provider `Lambda`.
pub struct LambdaInvoke {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    records: JobRecords,
    clock: Arc<dyn Clock>,
    account: String,
    without_role: WithoutRole,
}

/// The latest round of an attempt.
struct Latest {
    job: Job,
    answer: Option<Answer>,
}

impl LambdaInvoke {
    /// Calls under the roles that `access` gives; `artifacts` is the installation's store. What is known of jobs is kept in
    /// `outputs`, which the API reads too.
    /// `account` is the 12 digits that the event carries.
    pub fn new(
        access: Access,
        artifacts: Arc<S3Artifacts>,
        outputs: Arc<dyn Outputs>,
        clock: Arc<dyn Clock>,
        account: impl Into<String>,
        without_role: WithoutRole,
    ) -> Self {
        let records = JobRecords::new(outputs);
        Self { access, artifacts, records, clock, account: account.into(), without_role }
    }

    async fn begin(&self, work: &Work, taken_over: bool) -> Result<Begun, Failure> {
        // Whether it may go without a role of its own is asked here alone.
        self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let url = self.url(work).await?;
        let places = outputs::places(work, &self.artifacts.place_of(work).bucket, random()?);
        let job = self.open(work, JobId::new(random()?)?, 1, None, places).await?;
        if !(taken_over && self.records.was_called(&job).await?) {
            self.call(work, &job).await?;
        }
        Ok(Begun::Running(External { id: job.id.to_string(), url: Some(url) }))
    }

    /// Says that the function is called before it is: its answer may come before the acknowledgement. The job has the id
    /// `fresh` unless another has opened this round.
    async fn open(
        &self,
        work: &Work,
        fresh: JobId,
        round: u32,
        continuation: Option<String>,
        outputs: Vec<OutputPlace>,
    ) -> Result<Job, PortError> {
        let (pipeline, attempt) = (work.pipeline.clone(), work.attempt.clone());
        let at = self.clock.now();
        let asked = Invocation { pipeline, attempt, round, at, continuation, outputs, job: None };
        self.records.open(fresh, asked).await
    }

    async fn call(&self, work: &Work, job: &Job) -> Result<(), Failure> {
        let sdk = self.access.of(work, WithoutRole::DefaultRole).await?;
        let credentials = self.credentials(work, job).await?;
        let payload = event::job(work, job, &self.account, sdk.region(), credentials.as_ref());
        let client = Client::from_conf(Builder::from(sdk.config()).interceptor(sdk.interceptor()).build());
        let function = required(work, "FunctionName")?;
        client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await
            .map_err(|error| Failure::of_call(&format!("invoke the function {function}"), &error))?;
        Ok(self.records.called(job).await?)
    }

    /// With which the function reads the input artifacts and puts the output artifacts; `None` if there are none.
    async fn credentials(&self, work: &Work, job: &Job) -> Result<Option<Credentials>, Failure> {
        let outputs = &job.invocation.outputs;
        if work.inputs.is_empty() && outputs.is_empty() {
            return Ok(None);
        }
        let policy = |partition: &str| policy::of(&work.inputs, outputs, partition);
        let narrowed = self.access.narrowed(work, WithoutRole::DefaultRole, policy).await;
        narrowed.map_err(|error| match error {
            NotAssumed::Refused(why) => Failure::ends(
                "PermissionError",
                format!("failed to {why}: the function gets credentials of this role for its artifacts"),
            ),
            NotAssumed::Otherwise(error) => error.into(),
        })
    }

    /// The last round that has begun.
    async fn latest(&self, work: &Work) -> Result<Option<Latest>, PortError> {
        let Some(job) = self.records.latest(&work.attempt).await? else {
            return Ok(None);
        };
        let answer = self.records.answered(&job.id).await?;
        Ok(Some(Latest { job, answer }))
    }

    /// Waits for the answer, or calls again where the acknowledgement of the call was never seen.
    async fn unanswered(
        &self,
        work: &Work,
        external: &External,
        job: &Job,
    ) -> Result<Observation, PortError> {
        let passed = self.clock.now().since(job.invocation.at);
        if passed > ANSWER {
            let message = format!(
                "the function did not answer within 20 minutes; let it call PutJobSuccessResult or PutJobFailureResult for the job {} at this installation's JobsUrl, signed for execute-api (README, \"What runs there\")",
                job.id
            );
            return Ok(failed(external, "JobFailed", message));
        }
        if passed > UNACKNOWLEDGED && !self.records.was_called(job).await? {
            // Who opened it may have died before the answer could find it.
            let opened = self.records.open(job.id.clone(), job.invocation.clone()).await?;
            return self.again(work, external, &opened).await;
        }
        Ok(Observation::Running)
    }

    /// Calls the function that has more to do, once its pause is over. Of all that look at once whoever opens the round calls.
    async fn continued(
        &self,
        work: &Work,
        external: &External,
        job: &Job,
        token: String,
    ) -> Result<Observation, PortError> {
        let Invocation { at, round, outputs, .. } = &job.invocation;
        if self.clock.now().since(*at) < PAUSE {
            return Ok(Observation::Running);
        }
        let fresh = JobId::new(random()?)?;
        // Whichever round puts the outputs, in the same place.
        let next = self.open(work, fresh.clone(), round + 1, Some(token), outputs.clone()).await?;
        if next.id == fresh { self.again(work, external, &next).await } else { Ok(Observation::Running) }
    }

    async fn again(&self, work: &Work, external: &External, job: &Job) -> Result<Observation, PortError> {
        let called = self.call(work, job).await;
        called.map_or_else(|failure| failure.observed(external), |()| Ok(Observation::Running))
    }

    /// The output artifacts that the function has put.
    async fn put(&self, work: &Work, job: &Job) -> Result<Vec<Artifact>, Failure> {
        if job.invocation.outputs.is_empty() {
            return Ok(vec![]);
        }
        let role = self.access.of(work, WithoutRole::DefaultRole).await?;
        outputs::found(&self.artifacts.of(work, &role), &job.invocation.outputs).await
    }

    /// Where a person sees the function.
    async fn url(&self, work: &Work) -> Result<String, Failure> {
        let sdk = self.access.of(work, WithoutRole::DefaultRole).await?;
        let (region, name) = (sdk.region(), name_of(required(work, "FunctionName")?));
        Ok(format!("{}/lambda/home?region={region}#/functions/{name}", console(region)))
    }
}

#[async_trait]
impl Provider for LambdaInvoke {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.begin(work, taken_over).await.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        let Some(Latest { job, answer }) = self.latest(work).await? else {
            return Ok(Observation::Gone);
        };
        match answer {
            None => self.unanswered(work, external, &job).await,
            Some(Answer::Continued { token }) => self.continued(work, external, &job, token).await,
            Some(Answer::Succeeded { variables, summary }) => match self.put(work, &job).await {
                Ok(artifacts) => {
                    let done = Done { artifacts, variables, summary, ..Done::default() };
                    Ok(Observation::Ended(succeeded(external, done)))
                }
                Err(failure) => failure.observed(external),
            },
            Some(Answer::Failed { code, message }) => Ok(failed(external, &code, message)),
        }
    }

    /// A function that has been called cannot be called back: its answer, or the longest time that it can run, ends it.
    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        let Some(Latest { job, answer }) = self.latest(work).await? else {
            return Ok(Observation::Gone);
        };
        let known = External { id: job.id.to_string(), url: None };
        let external = external.unwrap_or(&known);
        Ok(match answer {
            Some(Answer::Continued { .. }) => Observation::Ended(Ending::Cancelled),
            // Nobody hands its artifacts on any more.
            Some(Answer::Succeeded { .. }) if !job.invocation.outputs.is_empty() => {
                Observation::Ended(Ending::Cancelled)
            }
            Some(Answer::Succeeded { variables, summary }) => {
                let done = Done { variables, summary, ..Done::default() };
                Observation::Ended(succeeded(external, done))
            }
            Some(Answer::Failed { code, message }) => failed(external, &code, message),
            None if self.clock.now().since(job.invocation.at) > LONGEST => Observation::Gone,
            None => Observation::Running,
        })
    }
}

/// What nobody can guess.
fn random() -> Result<[u8; 16], PortError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| PortError::transient(format!("draw random numbers: {error}")))?;
    Ok(random)
}

/// The name in `NAME`, `NAME:ALIAS` or an ARN with or without a qualifier.
fn name_of(function: &str) -> &str {
    let from_name = function.split_once("function:").map_or(function, |(_, rest)| rest);
    from_name.split(':').next().unwrap_or(function)
}

fn succeeded(external: &External, done: Done) -> Ending {
    Ending::Succeeded(Box::new(Done { external: Some(external.clone()), ..done }))
}

fn failed(external: &External, code: &str, message: String) -> Observation {
    let error = AttemptError { code: code.into(), message };
    Observation::Ended(Ending::Failed { error, external: Some(external.clone()) })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_function_has_a_name_however_it_is_referred_to() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:check";
        for reference in ["check", "check:live", arn, &format!("{arn}:live"), "111122223333:function:check"] {
            assert_eq!(name_of(reference), "check", "{reference}");
        }
    }
}
