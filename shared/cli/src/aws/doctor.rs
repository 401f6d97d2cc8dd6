//! Looks at an installation for what is stuck: each finding says why, and the command that helps.

use penstock_app::port::PortError;
use serde::Serialize;

use super::installation::Installation;
use crate::exit;
use crate::show::clean::clean;

mod executions;
mod letters;
mod people;
mod stack;
mod state;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What kind, for programs.
    pub(crate) code: &'static str,
    /// How much it matters.
    pub(crate) weight: Weight,
    /// What was found, and why it is so.
    pub(crate) message: String,
    /// The command that helps, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Weight {
    /// Somebody must do something.
    Attention,
    /// It may be meant so.
    Notice,
    /// It could not be looked at.
    Unseen,
}

impl Finding {
    fn new(code: &'static str, weight: Weight, message: &str, command: Option<String>) -> Self {
        Self { code, weight, message: clean(message), command }
    }

    fn attention(code: &'static str, message: &str, command: impl Into<String>) -> Self {
        Self::new(code, Weight::Attention, message, Some(command.into()))
    }

    fn notice(code: &'static str, message: &str, command: impl Into<String>) -> Self {
        Self::new(code, Weight::Notice, message, Some(command.into()))
    }

    /// Something could not be looked at.
    fn unseen(code: &'static str, what: &str, error: &anyhow::Error) -> Self {
        Self::new(code, Weight::Unseen, &format!("{what} not looked at: {error:#}"), None)
    }
}

/// What a person expects of an installation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectation {
    /// How long an action may take, in minutes.
    pub(crate) action_minutes: u32,
    /// How long an approval may wait, in minutes.
    pub(crate) approval_minutes: u32,
}

/// Everything that was found, what matters most first.
pub(crate) async fn findings(installation: &Installation, expected: Expectation) -> Vec<Finding> {
    let mut found = stack::status(installation);
    let sections = tokio::join!(
        executions::findings(installation, expected),
        letters::findings(installation),
        state::unreadable(installation),
        state::quarantined(installation),
        stack::alarms(installation),
        stack::webhook_secret(installation),
        people::findings(installation),
    );
    let (executions, letters, unreadable, quarantined, alarms, secret, people) = sections;
    found.extend(or_unseen("executions", "executions were", executions));
    found.extend(or_unseen("dead-letters", "dead-letter queues were", letters));
    found.extend(or_unseen("unreadable", "pipelines were", unreadable));
    found.extend(or_unseen("quarantine", "quarantined commands were", quarantined));
    found.extend(or_unseen("alarms", "alarms were", alarms));
    found.extend(or_unseen("webhook-secret", "the webhook's secret was", secret));
    found.extend(or_unseen("people", "subscriptions of approvers were", people));
    found.sort_by_key(|finding| finding.weight);
    found
}

/// What was found, or that nothing could be: one part that fails does not keep the others from being told.
fn or_unseen(code: &'static str, what: &str, found: anyhow::Result<Vec<Finding>>) -> Vec<Finding> {
    found.unwrap_or_else(|error| vec![Finding::unseen(code, what, &error)])
}

/// An error of a port without the words that begin a sentence about a failed command.
fn port(error: PortError) -> anyhow::Error {
    exit::Failure::new(exit::Exit::Failed, error.message).into()
}
