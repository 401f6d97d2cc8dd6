//! The modes that work on change sets. No event tells of a change set that is ready, so it is waited for a little.

use std::time::Duration;

use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::ChangeSetType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::engine::state::External;
use penstock_app::partition::console;
use penstock_app::port::provider::{Ending, Observation};

use super::next::{ChangeSet, SetStep, on_executed_set, on_replaced_set};
use super::stack_work::{Progress, StackWork};
use super::stacks;
use crate::provider::failure::Failure;

/// The pauses while a change set is being made or deleted; what takes longer is observed later.
const PAUSES: [Duration; 7] = {
    let second = Duration::from_secs;
    [Duration::from_millis(200), second(1), second(2), second(3), second(4), second(5), second(5)]
};

/// To set it with the change set would change the stack before anybody has approved that.
const NO_POLICY: &str = "the template configuration has a `StackPolicy`, which a change set cannot carry; take it out, and set it by an action with CREATE_UPDATE or by `aws cloudformation set-stack-policy`";

impl StackWork<'_> {
    /// `CHANGE_SET_REPLACE`: deletes what has the name, makes the set, waits until it is there.
    pub(super) async fn replace_set(&self) -> Result<Progress, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let set = self.describe_set().await?;
            let progress = self.replace_step(set.as_ref()).await?;
            let Progress::Running(external) = progress else {
                return Ok(progress);
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Ok(Progress::Running(external)),
            }
        }
    }

    async fn replace_step(&self, set: Option<&ChangeSet>) -> Result<Progress, Failure> {
        let name = &self.settings.stack;
        // Its status is asked for only where it matters.
        let stack = match set {
            None => stacks::describe(&self.client, name).await?,
            Some(_) => None,
        };
        match on_replaced_set(name, set, stack.as_ref().map(|stack| stack.status.as_str())) {
            SetStep::Make { updates } => self.make_set(updates).await?,
            SetStep::Delete => self.delete_set().await?,
            SetStep::Wait | SetStep::Execute => {}
            SetStep::Done(how) => return self.set_done(set, how).await,
            SetStep::Fail(why) => return self.set_failed(set, why),
        }
        Ok(Progress::Running(self.set_page(set)))
    }

    /// `CHANGE_SET_EXECUTE`, while no execution of ours is known.
    pub(super) async fn execute_set(&self) -> Result<Progress, Failure> {
        let set = self.describe_set().await?;
        match on_executed_set(&self.settings.stack, &self.settings.change_set, set.as_ref()) {
            SetStep::Execute => self.execute(set.as_ref()).await,
            SetStep::Done(how) => self.set_done(set.as_ref(), how).await,
            SetStep::Fail(why) => self.set_failed(set.as_ref(), why),
            SetStep::Wait | SetStep::Make { .. } | SetStep::Delete => {
                Ok(Progress::Running(self.stack_of(set.as_ref())))
            }
        }
    }

    async fn describe_set(&self) -> Result<Option<ChangeSet>, Failure> {
        let (stack, name) = (&self.settings.stack, &self.settings.change_set);
        match self.client.describe_change_set().stack_name(stack).change_set_name(name).send().await {
            Ok(answer) => Ok(Some(self.read_set(&answer))),
            Err(error) if stacks::is_absent(&error) || is_missing(&error) => Ok(None),
            Err(error) => Err(Failure::of_look(&format!("look at the change set `{name}`"), &error)),
        }
    }

    fn read_set(&self, answer: &DescribeChangeSetOutput) -> ChangeSet {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        ChangeSet {
            id: text(answer.change_set_id()),
            stack_id: text(answer.stack_id()),
            is_ours: answer.description().is_some_and(|description| description.contains(&self.token)),
            status: text(answer.status().map(aws_sdk_cloudformation::types::ChangeSetStatus::as_str)),
            reason: text(answer.status_reason()),
            execution: text(
                answer.execution_status().map(aws_sdk_cloudformation::types::ExecutionStatus::as_str),
            ),
        }
    }

    async fn make_set(&self, updates: bool) -> Result<(), Failure> {
        let Self { settings, work, .. } = self;
        let request = self.request().await?;
        if request.policy.is_some() {
            return Err(Failure::configuration(NO_POLICY.to_owned()));
        }
        let kind = if updates { ChangeSetType::Update } else { ChangeSetType::Create };
        // The token in the description is what recognises our own set: an answer has no other place for it.
        let description = format!("made by Penstock for {} ({})", work.attempt, self.token);
        let call = self
            .client
            .create_change_set()
            .stack_name(&settings.stack)
            .change_set_name(&settings.change_set)
            .change_set_type(kind)
            .client_token(&self.token)
            .description(description)
            .set_role_arn(settings.role.clone())
            .set_template_body(request.body)
            .set_template_url(request.url)
            .set_parameters(Some(request.parameters).filter(|it| !it.is_empty()))
            .set_tags(request.tags)
            .set_capabilities(Some(request.capabilities).filter(|it| !it.is_empty()));
        match call.send().await {
            Ok(_) => Ok(()),
            // Made meanwhile, by us or by others: the next look tells.
            Err(error) if error.code().is_some_and(|code| code.starts_with("AlreadyExists")) => Ok(()),
            Err(error) => {
                Err(Failure::of_call(&format!("make the change set `{}`", settings.change_set), &error))
            }
        }
    }

    async fn delete_set(&self) -> Result<(), Failure> {
        let (stack, name) = (&self.settings.stack, &self.settings.change_set);
        match self.client.delete_change_set().stack_name(stack).change_set_name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if stacks::is_absent(&error) || is_missing(&error) => Ok(()),
            Err(error) => Err(Failure::of_call(&format!("delete the change set `{name}`"), &error)),
        }
    }

    async fn execute(&self, set: Option<&ChangeSet>) -> Result<Progress, Failure> {
        let name = &self.settings.change_set;
        let call = self.client.execute_change_set().stack_name(&self.settings.stack).change_set_name(name);
        match call.client_request_token(&self.token).send().await {
            Ok(_) => Ok(Progress::Running(self.stack_of(set))),
            Err(error) if stacks::is_repeated(&error) => Ok(Progress::Running(self.stack_of(set))),
            // Executed since we looked: by this very call, whose first answer was lost, or by others. The next look at the
            // stack's events tells which.
            Err(error) if may_be_executed(&error) && !self.is_available().await? => {
                Ok(Progress::Running(self.stack_of(set)))
            }
            Err(error) => Err(Failure::of_call(&format!("execute the change set `{name}`"), &error)),
        }
    }

    async fn is_available(&self) -> Result<bool, Failure> {
        Ok(self.describe_set().await?.is_some_and(|set| set.execution == "AVAILABLE"))
    }

    /// A stop leaves no change set of ours behind.
    pub(super) async fn cancel_set(&self) -> Result<Observation, Failure> {
        match self.describe_set().await? {
            Some(set) if set.is_ours => {
                self.delete_set().await?;
                Ok(Observation::Ended(Ending::Cancelled))
            }
            Some(_) | None => Ok(Observation::Gone),
        }
    }

    async fn set_done(&self, set: Option<&ChangeSet>, how: &str) -> Result<Progress, Failure> {
        let stack = match set {
            Some(set) => stacks::describe(&self.client, &set.stack_id).await?,
            None => None,
        };
        let summary = format!("change set {}: {how}", self.settings.change_set);
        let mut progress = self.succeeded(stack.as_ref(), &summary).await?;
        if let Progress::Ended(Ending::Succeeded(done)) = &mut progress {
            done.external = Some(self.set_page(set));
        }
        Ok(progress)
    }

    fn set_failed(&self, set: Option<&ChangeSet>, why: String) -> Result<Progress, Failure> {
        let external = set.map(|_| self.set_page(set));
        Ok(Progress::Ended(Failure::job(why).ending(external)?))
    }

    fn stack_of(&self, set: Option<&ChangeSet>) -> External {
        self.external(set.map_or(self.settings.stack.as_str(), |set| set.stack_id.as_str()))
    }

    /// The change set's page; the stack's, while there is no set.
    fn set_page(&self, set: Option<&ChangeSet>) -> External {
        let Some(set) = set else {
            return self.external(&self.settings.stack);
        };
        let region = self.sdk.region();
        let page = format!(
            "{}/cloudformation/home?region={region}#/stacks/changesets/changes?stackId={}&changeSetId={}",
            console(region),
            set.stack_id,
            set.id
        );
        External { id: set.id.clone(), url: Some(page) }
    }
}

/// What a set that is or was executed is refused with; it may be gone after.
fn may_be_executed(error: &impl ProvideErrorMetadata) -> bool {
    is_missing(error) || error.code().is_some_and(|code| code.starts_with("InvalidChangeSetStatus"))
}

fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    error.code().is_some_and(|code| code.starts_with("ChangeSetNotFound"))
}
