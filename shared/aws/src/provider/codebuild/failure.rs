//! Why a build failed, as people read it: the phase, what `CodeBuild` says of it, and the last lines of the log.

use aws_sdk_codebuild::types::{Build, BuildPhase, StatusType};
use penstock_app::engine::state::AttemptError;
use penstock_model::plain;

use super::log::last_lines;

/// The error of a build that ended as `status`.
pub(super) fn error(build: &Build, log: Option<&Result<String, String>>) -> AttemptError {
    let status = build.build_status.as_ref();
    AttemptError { code: code(status).into(), message: message(build, log) }
}

/// `CodePipeline`'s name for the kind of failure.
pub(super) fn code(status: Option<&StatusType>) -> &'static str {
    match status.map_or("", StatusType::as_str) {
        "FAULT" => "SystemUnavailable",
        "TIMED_OUT" => "TimedOut",
        _ => "JobFailed",
    }
}

/// What happened in which phase, and the log's last lines.
pub(super) fn message(build: &Build, log: Option<&Result<String, String>>) -> String {
    let phase = build.phases().iter().find(|phase| has_failed(phase));
    let name = phase.and_then(|phase| phase.phase_type.as_ref()).map(|kind| kind.as_str().to_owned());
    let mut message = match build.build_status.as_ref().map_or("", StatusType::as_str) {
        "STOPPED" => "the build was stopped".to_owned(),
        "TIMED_OUT" => "the build took longer than it may".to_owned(),
        "FAULT" => "the build ended with a fault of CodeBuild; retry the stage".to_owned(),
        _ => "the build failed".to_owned(),
    };
    if let Some(name) = &name {
        message.push_str(&format!(" in phase {name}"));
    }
    for said in phase.into_iter().flat_map(contexts) {
        message.push_str(": ");
        message.push_str(&said);
    }
    match log {
        Some(Ok(log)) => {
            for line in last_lines(log, name.as_deref()) {
                message.push_str("\n  ");
                message.push_str(&line);
            }
        }
        Some(Err(problem)) => message.push_str(&format!("\n(failed to {problem})")),
        None => {}
    }
    message
}

fn has_failed(phase: &BuildPhase) -> bool {
    let status = phase.phase_status.as_ref().map_or("", StatusType::as_str);
    matches!(status, "FAILED" | "FAULT" | "TIMED_OUT" | "STOPPED")
}

fn contexts(phase: &BuildPhase) -> impl Iterator<Item = String> {
    phase.contexts().iter().filter_map(|context| {
        let (code, message) =
            (context.status_code().unwrap_or_default(), context.message().unwrap_or_default());
        let text = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        (!text.is_empty()).then(|| plain::line(&text))
    })
}
