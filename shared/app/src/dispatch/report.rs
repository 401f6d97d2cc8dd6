//! What is reported of an attempt: a command whose id follows from the attempt, and the outputs that are written first.

use std::collections::BTreeMap;

use penstock_engine::command::{Report, Success};
use penstock_engine::state::{AttemptError, ErrorCode, MAX_ERROR};
use penstock_model::artifact::Revision;
use penstock_model::id::{AttemptId, CommandId};
use penstock_model::plain;
use penstock_model::variable::MAX_OUTPUT_BYTES;

use crate::command_id::command_from;
use crate::port::PortError;
use crate::port::outputs::Outputs;
use crate::port::provider::Done;

/// The longest name of an author, in characters.
const MAX_PERSON: usize = 200;

/// What the report of an attempt's end is called in its id.
pub(super) const END: &str = "end";

/// What an attempt's success is reported as. Writes the outputs first: whoever reads of the success finds them.
pub(super) async fn success(
    outputs: &dyn Outputs,
    attempt: &AttemptId,
    done: Done,
) -> Result<Report, PortError> {
    let (report, variables) = reported(done);
    if !variables.is_empty() {
        outputs.put(attempt, &variables).await?;
    }
    Ok(report)
}

/// What a success is reported as, and the outputs that go with it.
pub(super) fn reported(done: Done) -> (Report, BTreeMap<String, String>) {
    let bytes: usize = done.variables.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_OUTPUT_BYTES {
        let message = format!(
            "its output variables have {bytes} bytes; at most {MAX_OUTPUT_BYTES} are allowed: hand on large texts as artifacts"
        );
        let error = AttemptError::new(ErrorCode::ConfigurationError, message);
        return (Report::Failed { error, external: done.external }, BTreeMap::new());
    }
    let Done { artifacts, revision, external, summary, started_at, variables } = done;
    let has_variables = !variables.is_empty();
    let summary = summary.map(cut);
    let revision = revision.map(|it| Revision {
        summary: it.summary.map(cut),
        author: it.author.as_deref().and_then(person),
        ..it
    });
    let success = Success { artifacts, has_variables, revision, external, summary, started_at };
    (Report::Succeeded(Box::new(success)), variables)
}

/// A person's name as a source has it, in one line without what a terminal or a page would obey; `None` if nothing is left.
fn person(name: &str) -> Option<String> {
    let name: String = plain::line(name).trim().chars().take(MAX_PERSON).collect();
    (!name.is_empty()).then_some(name)
}

/// The id of the report of an attempt's end.
pub(crate) fn end_of(attempt: &AttemptId) -> Result<CommandId, PortError> {
    report_id(attempt, END)
}

/// The id of the report on `attempt` that `what` names: the same report again is the same command.
pub(super) fn report_id(attempt: &AttemptId, what: &str) -> Result<CommandId, PortError> {
    command_from("report", &format!("{attempt} {what}"))
}

/// The error with no longer a message than an attempt keeps.
pub(super) fn shortened(error: AttemptError) -> AttemptError {
    AttemptError { code: error.code, message: cut(error.message) }
}

/// At most [`MAX_ERROR`] bytes, cut between characters.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MAX_ERROR {
        let end = (0..=MAX_ERROR - '…'.len_utf8()).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
