//! Whether a trigger's filters admit an event; each function gives the reason if none does.

use super::{PullRequest, Push, Reference, named};
use crate::definition::findings::quoted;
use crate::glob::Filter;
use crate::pipeline::{Patterns, PullRequestFilter, PushFilter};

/// The reason why none of `filters` admits `push`.
pub(super) fn push(filters: &[PushFilter], push: &Push) -> Option<String> {
    if filters.is_empty() {
        return Some("the pipeline's triggers have no push filter".into());
    }
    refusal(filters.iter().map(|filter| push_refusal(filter, push)))
}

fn push_refusal(filter: &PushFilter, push: &Push) -> Option<String> {
    let admitted = match &push.reference {
        Reference::Tag(tag) => filter.tags.as_ref().is_some_and(|tags| tags.admits(tag)),
        Reference::Branch(branch) => filter.tags.is_none() && admits(filter.branches.as_ref(), branch),
    };
    if !admitted {
        return Some(format!("no push filter of the pipeline's triggers admits {}", named(&push.reference)));
    }
    path_refusal(filter.file_paths.as_ref(), push.changed_paths.as_deref())
}

/// The reason why none of `filters` admits `request`.
pub(super) fn pull_request(filters: &[PullRequestFilter], request: &PullRequest) -> Option<String> {
    if filters.is_empty() {
        return Some("the pipeline's triggers have no pull-request filter".into());
    }
    refusal(filters.iter().map(|filter| request_refusal(filter, request)))
}

fn request_refusal(filter: &PullRequestFilter, request: &PullRequest) -> Option<String> {
    let event = request.event.as_str();
    if !filter.events.is_empty() && !filter.events.iter().any(|admitted| admitted == event) {
        return Some(format!("no pull-request filter of the pipeline's triggers has the event {event}"));
    }
    if !admits(filter.branches.as_ref(), &request.base) {
        let base = quoted(&request.base);
        return Some(format!(
            "no pull-request filter of the pipeline's triggers admits the target branch {base}"
        ));
    }
    path_refusal(filter.file_paths.as_ref(), request.changed_paths.as_deref())
}

/// Nothing if one filter refuses nothing, else what the filters say, each once.
fn refusal(refusals: impl Iterator<Item = Option<String>>) -> Option<String> {
    let mut reasons: Vec<String> = Vec::new();
    for refusal in refusals {
        let reason = refusal?;
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Some(reasons.join("; "))
}

fn admits(patterns: Option<&Patterns>, text: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.admits(text))
}

/// One admitted file is enough. A change whose files are not all known is admitted: one execution too many is
/// harmless, one too few is not.
fn path_refusal(patterns: Option<&Patterns>, paths: Option<&[String]>) -> Option<String> {
    let (Some(patterns), Some(paths)) = (patterns, paths) else {
        return None;
    };
    let admitted = Filter::new(patterns).is_ok_and(|filter| paths.iter().any(|path| filter.admits(path)));
    (!admitted).then(|| format!("none of the {} changed files matches `filePaths`", paths.len()))
}
