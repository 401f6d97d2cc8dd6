//! What an operation is about, for the log: the ids of its input, in the span of whoever serves the router.
//!
//! Nothing else of the input is told: a token, a job's id and the values of variables are secrets, or may be.

use std::fmt::Display;
use std::str::FromStr;

use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use tracing::Span;
use tracing::field::display;

use super::input::Input;

/// The longest name of an operation that is told.
const MAX_OPERATION: usize = 64;

/// Records the operation called `name` and the ids of its input in the span that is open here, as far as that has the
/// fields `operation`, `pipeline`, `execution`, `stage` and `action`.
pub(super) fn record(name: &str, input: Input<'_>) {
    let span = Span::current();
    if name.len() <= MAX_OPERATION && name.bytes().all(|it| it.is_ascii_alphanumeric()) {
        span.record("operation", name);
    }
    let declared = input.structure("pipeline").ok().flatten();
    let filter = input.structure("filter").ok().flatten();
    id::<PipelineName>(
        &span,
        "pipeline",
        &[(Some(input), "pipelineName"), (Some(input), "name"), (declared, "name")],
    );
    let execution = "pipelineExecutionId";
    let target = "targetPipelineExecutionId";
    id::<ExecutionId>(
        &span,
        "execution",
        &[(Some(input), execution), (Some(input), target), (filter, execution)],
    );
    id::<StageName>(&span, "stage", &[(Some(input), "stageName")]);
    id::<ActionName>(&span, "action", &[(Some(input), "actionName")]);
}

/// Records the first of `members` that is there, if it is an id of its kind.
fn id<T: FromStr + Display>(span: &Span, field: &'static str, members: &[(Option<Input<'_>>, &str)]) {
    let mut texts = members.iter().filter_map(|(input, member)| input.as_ref()?.text(member).ok().flatten());
    if let Some(id) = texts.next().and_then(|text| text.parse::<T>().ok()) {
        span.record(field, display(id));
    }
}
