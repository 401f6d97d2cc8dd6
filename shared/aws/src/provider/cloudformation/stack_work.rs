//! One attempt's work on a stack: where it stands, its next step, its end.

use aws_sdk_cloudformation::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::engine::state::External;
use penstock_app::partition::console;
use penstock_app::port::provider::{Begun, Ending, Observation, Work};

use super::next::{Step, deletion_failed, on_stack};
use super::operation::Operation;
use super::request::Request;
use super::stacks::{self, Stack};
use super::status::{DELETE_FAILED, DELETED, is_success, is_under_way};
use super::success;
use crate::artifacts::S3Artifacts;
use crate::offered::cloudformation::{Mode, Settings};
use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// Events older than this before the deadline are not the attempt's: it may take three days.
const LONGEST: i64 = 4 * 24 * 60 * 60;

/// An attempt with what it works with.
pub(super) struct StackWork<'a> {
    pub(super) work: &'a Work,
    pub(super) settings: Settings,
    pub(super) token: String,
    pub(super) client: Client,
    pub(super) sdk: Sdk,
    pub(super) artifacts: S3Artifacts,
}

/// Where the work stands.
#[derive(Debug)]
pub(super) enum Progress {
    /// It runs.
    Running(External),
    /// It has ended.
    Ended(Ending),
}

/// What a look at the stack found.
enum Seen {
    /// Our operation: it runs or has ended.
    Ours(Progress),
    /// None of ours; the stack that has the name.
    Others(Option<Stack>),
}

impl From<Progress> for Begun {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Running(external) => Self::Running(external),
            Progress::Ended(ending) => Self::Ended(ending),
        }
    }
}

impl From<Progress> for Observation {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Running(_) => Self::Running,
            Progress::Ended(ending) => Self::Ended(ending),
        }
    }
}

impl StackWork<'_> {
    /// Goes on from where the work stands. `known` is the id under which it began; without one, whether a beginning
    /// whose acknowledgement was lost has to be looked for.
    pub(super) async fn go_on(&self, known: Option<&str>, may_be_ours: bool) -> Result<Progress, Failure> {
        match self.settings.mode {
            Mode::ChangeSetReplace => self.replace_set().await,
            Mode::ChangeSetExecute if known.is_none() && !may_be_ours => self.execute_set().await,
            Mode::ChangeSetExecute => match self.look(known, may_be_ours).await? {
                Seen::Ours(progress) => Ok(progress),
                Seen::Others(_) => self.execute_set().await,
            },
            Mode::CreateUpdate | Mode::ReplaceOnFailure | Mode::DeleteOnly => {
                match self.look(known, may_be_ours).await? {
                    Seen::Ours(progress) => Ok(progress),
                    Seen::Others(stack) => self.step(stack, may_be_ours).await,
                }
            }
        }
    }

    /// Looks for our operation, on the stack on which the work began and on the one that has its name now.
    async fn look(&self, known: Option<&str>, may_be_ours: bool) -> Result<Seen, Failure> {
        let by_id = match known {
            Some(id) => stacks::describe(&self.client, id).await?,
            None => None,
        };
        if let Some(stack) = &by_id
            && let Some(progress) = self.under_way_or_ended(stack).await?
        {
            return Ok(Seen::Ours(progress));
        }
        if by_id.as_ref().is_some_and(|stack| stack.status != DELETED) {
            return Ok(Seen::Others(by_id));
        }
        // After a deletion another stack has the name, or none.
        let named = stacks::describe(&self.client, &self.settings.stack).await?;
        if let Some(stack) = named.as_ref().filter(|_| may_be_ours)
            && let Some(progress) = self.ended(stack).await?
        {
            return Ok(Seen::Ours(progress));
        }
        Ok(Seen::Others(named))
    }

    /// While an operation is under way on the stack that was begun on, there is nothing else to look at.
    async fn under_way_or_ended(&self, stack: &Stack) -> Result<Option<Progress>, Failure> {
        if is_under_way(&stack.status) {
            return Ok(Some(Progress::Running(self.external(&stack.id))));
        }
        self.ended(stack).await
    }

    /// Our operation on `stack`, if there is one.
    async fn ended(&self, stack: &Stack) -> Result<Option<Progress>, Failure> {
        let operation = self.operation(stack, &self.token).await?;
        match operation {
            Some(operation) => self.settle(stack, operation).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn operation(&self, stack: &Stack, token: &str) -> Result<Option<Operation>, Failure> {
        let since = self.work.deadline.0 / 1000 - LONGEST;
        stacks::operation(&self.client, &stack.id, token, since).await
    }

    /// The end of our operation, or that it has none yet.
    async fn settle(&self, stack: &Stack, operation: Operation) -> Result<Progress, Failure> {
        let external = self.external(&stack.id);
        let Some(end) = operation.end.clone().filter(|_| !is_under_way(&stack.status)) else {
            return Ok(Progress::Running(external));
        };
        if !is_success(&end) {
            let name = &self.settings.stack;
            let why = self.why(stack, operation).await;
            let failure = Failure::job(format!("the stack `{name}` ended with {end}: {why}"));
            return Ok(Progress::Ended(failure.ending(Some(external))?));
        }
        self.succeeded(Some(stack), &format!("stack {}: {end}", self.settings.stack)).await
    }

    /// Why an operation ended badly.
    async fn why(&self, stack: &Stack, operation: Operation) -> String {
        if let Some(failed) = operation.failed {
            return failed;
        }
        match stacks::refusal(&self.client, &stack.id, &self.token).await {
            Some(refusal) => refusal,
            None if operation.reason.is_empty() => "CloudFormation gives no reason".to_owned(),
            None => operation.reason,
        }
    }

    /// A good end, with what the stack hands on.
    pub(super) async fn succeeded(&self, stack: Option<&Stack>, summary: &str) -> Result<Progress, Failure> {
        let done = success::done(self, stack, summary).await?;
        Ok(Progress::Ended(Ending::Succeeded(Box::new(done))))
    }

    /// Takes the next step.
    async fn step(&self, stack: Option<Stack>, may_be_ours: bool) -> Result<Progress, Failure> {
        let Settings { mode, stack: name, .. } = &self.settings;
        let next = on_stack(*mode, name, stack.as_ref().map(|stack| stack.status.as_str()));
        match (next, stack) {
            (Step::Create, _) => self.create().await,
            (Step::Update, Some(stack)) => self.update(&stack).await,
            (Step::Delete, Some(stack)) => self.delete(&stack, may_be_ours).await,
            (Step::Wait, Some(stack)) => Ok(Progress::Running(self.external(&stack.id))),
            (Step::Fail(why), Some(stack)) => {
                Ok(Progress::Ended(Failure::job(why).ending(Some(self.external(&stack.id)))?))
            }
            (Step::Nothing | Step::Update | Step::Delete | Step::Wait | Step::Fail(_), stack) => {
                let gone = stack.filter(|stack| stack.status != DELETED);
                self.succeeded(gone.as_ref(), &format!("stack {name}: there is none to delete")).await
            }
        }
    }

    pub(super) async fn request(&self) -> Result<Request, Failure> {
        Request::read(&self.settings, self.work, &self.artifacts, self.sdk.region()).await
    }

    async fn create(&self) -> Result<Progress, Failure> {
        let request = self.request().await?;
        let call = self
            .client
            .create_stack()
            .stack_name(&self.settings.stack)
            .client_request_token(&self.token)
            .set_role_arn(self.settings.role.clone())
            .set_template_body(request.body)
            .set_template_url(request.url)
            .set_parameters(Some(request.parameters).filter(|it| !it.is_empty()))
            .set_tags(request.tags)
            .set_capabilities(Some(request.capabilities).filter(|it| !it.is_empty()))
            .set_stack_policy_body(request.policy);
        match call.send().await {
            Ok(answer) => {
                Ok(Progress::Running(self.external(answer.stack_id().unwrap_or(&self.settings.stack))))
            }
            Err(error) if stacks::is_repeated(&error) || is_there(&error) => self.adopt(&error).await,
            Err(error) => {
                Err(Failure::of_call(&format!("create the stack `{}`", self.settings.stack), &error))
            }
        }
    }

    /// The answer to a repeated creation: the stack is ours, or somebody else's.
    async fn adopt<E, R>(
        &self,
        error: &aws_smithy_runtime_api::client::result::SdkError<E, R>,
    ) -> Result<Progress, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let name = &self.settings.stack;
        if let Some(stack) = stacks::describe(&self.client, name).await?
            && self.operation(&stack, &self.token).await?.is_some()
        {
            return Ok(Progress::Running(self.external(&stack.id)));
        }
        Err(Failure::of_call(&format!("create the stack `{name}`"), error))
    }

    async fn update(&self, stack: &Stack) -> Result<Progress, Failure> {
        let request = self.request().await?;
        let call = self
            .client
            .update_stack()
            .stack_name(&stack.id)
            .client_request_token(&self.token)
            .set_role_arn(self.settings.role.clone())
            .set_template_body(request.body)
            .set_template_url(request.url)
            .set_parameters(Some(request.parameters).filter(|it| !it.is_empty()))
            .set_tags(request.tags)
            .set_capabilities(Some(request.capabilities).filter(|it| !it.is_empty()))
            .set_stack_policy_body(request.policy);
        match call.send().await {
            Ok(_) => Ok(Progress::Running(self.external(&stack.id))),
            Err(error) if stacks::is_repeated(&error) => Ok(Progress::Running(self.external(&stack.id))),
            Err(error) if has_nothing_to_do(&error) => {
                self.succeeded(Some(stack), &format!("stack {}: no changes", self.settings.stack)).await
            }
            Err(error) => {
                self.busy_or(
                    stack,
                    Failure::of_call(&format!("update the stack `{}`", self.settings.stack), &error),
                )
                .await
            }
        }
    }

    /// A refused update may be our own earlier one that is under way: its acknowledgement was lost.
    async fn busy_or(&self, stack: &Stack, failure: Failure) -> Result<Progress, Failure> {
        match self.operation(stack, &self.token).await? {
            Some(_) => Ok(Progress::Running(self.external(&stack.id))),
            None => Err(failure),
        }
    }

    /// Deletes for good, or to create anew: that is an operation of its own, under a token of its own.
    async fn delete(&self, stack: &Stack, may_be_ours: bool) -> Result<Progress, Failure> {
        let token = match self.settings.mode == Mode::DeleteOnly {
            true => self.token.clone(),
            false => self.deletion(),
        };
        if may_be_ours
            && stack.status == DELETE_FAILED
            && let Some(operation) = self.operation(stack, &token).await?
        {
            let why = operation.failed.unwrap_or(operation.reason);
            let failure = Failure::job(format!("{}: {why}", deletion_failed(&self.settings.stack)));
            return Ok(Progress::Ended(failure.ending(Some(self.external(&stack.id)))?));
        }
        stacks::delete(&self.client, &stack.id, self.settings.role.as_deref(), &token).await?;
        Ok(Progress::Running(self.external(&stack.id)))
    }

    /// The token of a deletion that comes before a creation.
    pub(super) fn deletion(&self) -> String {
        format!("{}-delete", self.token)
    }

    /// The stack's page.
    pub(super) fn external(&self, stack_id: &str) -> External {
        let region = self.sdk.region();
        let page = format!(
            "{}/cloudformation/home?region={region}#/stacks/stackinfo?stackId={stack_id}",
            console(region)
        );
        External { id: stack_id.to_owned(), url: Some(page) }
    }
}

fn is_there(error: &impl ProvideErrorMetadata) -> bool {
    error.code().is_some_and(|code| code.starts_with("AlreadyExists"))
}

fn has_nothing_to_do(error: &impl ProvideErrorMetadata) -> bool {
    error.message().unwrap_or_default().contains("No updates are to be performed")
}
