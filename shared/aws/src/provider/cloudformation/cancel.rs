//! Ending an attempt's work on a stack: an update is taken back, a creation and a deletion run to their end.
//!
//! Where the work stands is read from the stack's events, as for its next step: what others began on the stack since
//! is left alone, and the creation that follows a deletion is found although the work began on another stack.

use penstock_app::port::provider::{Ending, Observation};

use super::stack_work::StackWork;
use super::stacks::{self, Stack};
use super::status::{DELETED, UPDATING, is_under_way};
use crate::provider::failure::Failure;

/// What of the attempt is found on a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing.
    Nothing,
    /// An operation that has ended.
    Ended,
    /// An operation other than an update, which cannot be taken back.
    Runs,
    /// An update.
    Updates,
}

impl StackWork<'_> {
    /// Takes back what can be taken back of the work that began on the stack `known`, if it has begun.
    pub(super) async fn cancel(&self, known: Option<&str>) -> Result<Observation, Failure> {
        let mut has_begun = known.is_some();
        for stack in self.stacks(known).await? {
            match self.found_on(&stack, known == Some(&stack.id)).await? {
                Found::Nothing => {}
                Found::Ended => has_begun = true,
                Found::Runs => return Ok(Observation::Running),
                Found::Updates => {
                    let token = format!("{}-cancel", self.token);
                    stacks::cancel_update(&self.client, &stack.id, &token).await?;
                    return Ok(Observation::Running);
                }
            }
        }
        Ok(if has_begun { Observation::Ended(Ending::Cancelled) } else { Observation::Gone })
    }

    /// The stack on which the work began and the one that has its name now.
    async fn stacks(&self, known: Option<&str>) -> Result<Vec<Stack>, Failure> {
        let by_id = match known {
            Some(id) => stacks::describe(&self.client, id).await?,
            None => None,
        };
        if by_id.as_ref().is_some_and(|stack| stack.status != DELETED) {
            return Ok(by_id.into_iter().collect());
        }
        let named = stacks::describe(&self.client, &self.settings.stack).await?;
        Ok(by_id.into_iter().chain(named).collect())
    }

    async fn found_on(&self, stack: &Stack, began_here: bool) -> Result<Found, Failure> {
        let own = self.operation(stack, &self.token).await?;
        let operation = match own {
            Some(operation) => Some(operation),
            None => self.operation(stack, &self.deletion()).await?,
        };
        let runs = is_under_way(&stack.status);
        Ok(match operation {
            // That it began here is known, and its first event may be on its way.
            None if runs && began_here => Found::Runs,
            None => Found::Nothing,
            Some(operation) if !runs || operation.end.is_some() => Found::Ended,
            Some(_) if stack.status == UPDATING => Found::Updates,
            Some(_) => Found::Runs,
        })
    }
}
