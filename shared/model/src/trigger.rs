//! Decides whether a push, a pull request or an upload starts a pipeline, and says in a sentence why not.
//!
//! Without declared triggers a push to the branch of a source action starts the pipeline (default detection); a
//! declared trigger turns that off, for every source of the pipeline. Source: `CodePipeline` user guide, "Automate
//! starting pipelines using triggers and filtering".

mod event;
mod filter;
mod object;
mod source;

#[cfg(test)]
mod tests;

pub use event::{GitEvent, PullRequest, PullRequestEvent, Push, Reference, SourceEvent};
pub use object::{ObjectCreated, ObjectSource, keep_versions, object_sources, send_events, uploaded};
pub use source::{GitSource, git_sources, name_branches};

use crate::definition::findings::quoted;
use crate::id::ActionName;
use crate::pipeline::{GitConfiguration, Pipeline};

/// The branch that a source follows when it names a repository and no branch.
pub const DEFAULT_BRANCH: &str = "main";

/// What an event means to a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It starts.
    Starts(Start),
    /// It starts if the repository in which the program was started contains the commit; otherwise it is ignored.
    NeedsRepository(Start),
    /// Nothing happens.
    Ignored {
        /// Why, for people.
        reason: String,
    },
}

/// The execution that an event would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The source actions that take the commit; the others resolve their own.
    pub sources: Vec<ActionName>,
    /// The commit.
    pub commit: String,
    /// The branch or the tag; of a pull request the branch that it proposes.
    pub reference: Reference,
    /// What happened, for people: ``push to branch `main` of acme/web``.
    pub cause: String,
}

/// What one source action makes of an event.
enum Answer {
    Yes,
    IfContained,
    No(String),
}

/// What `event` means to `pipeline`.
pub fn decide(pipeline: &Pipeline, event: &GitEvent) -> Decision {
    if let GitEvent::Push(Push { deleted: true, reference, .. }) = event {
        return Decision::Ignored { reason: format!("{} was deleted", named(reference)) };
    }
    if let Some(reason) = foreign(event) {
        return Decision::Ignored { reason };
    }
    let sources = git_sources(pipeline);
    if sources.is_empty() {
        return Decision::Ignored {
            reason: "no source action of the pipeline follows a git repository".into(),
        };
    }
    let answers: Vec<(ActionName, Answer)> = if pipeline.triggers.is_empty() {
        sources.iter().map(|source| (source.action.clone(), detect(source, event))).collect()
    } else {
        let configurations = pipeline.triggers.iter().map(|trigger| &trigger.git_configuration);
        configurations.map(|git| (git.source_action_name.clone(), triggered(git, &sources, event))).collect()
    };
    conclude(answers, event)
}

/// Why a pull request from another repository starts nothing: its commits are a stranger's, and a pipeline has secrets
/// and the right to deploy.
fn foreign(event: &GitEvent) -> Option<String> {
    let GitEvent::PullRequest(pull_request) = event else { return None };
    match &pull_request.head_repository {
        Some(head) if *head == pull_request.repository => None,
        Some(head) => Some(format!(
            "the pull request comes from the fork {}, whose commits get no secrets and deploy nothing; push the branch to {} \
             to run it",
            quoted(head),
            quoted(&pull_request.repository)
        )),
        None => Some("the pull request comes from a fork that is gone".into()),
    }
}

fn conclude(answers: Vec<(ActionName, Answer)>, event: &GitEvent) -> Decision {
    let (mut certain, mut possible, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for (source, answer) in answers {
        let list = match answer {
            Answer::Yes => &mut certain,
            Answer::IfContained => &mut possible,
            Answer::No(reason) => {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
                continue;
            }
        };
        if !list.contains(&source) {
            list.push(source);
        }
    }
    if !certain.is_empty() {
        Decision::Starts(start(certain, event))
    } else if !possible.is_empty() {
        Decision::NeedsRepository(start(possible, event))
    } else {
        Decision::Ignored { reason: reasons.join("; ") }
    }
}

fn start(sources: Vec<ActionName>, event: &GitEvent) -> Start {
    let repository = quoted(event.repository());
    let cause = match event {
        GitEvent::Push(push) => format!("push to {} of {repository}", named(&push.reference)),
        GitEvent::PullRequest(request) => {
            let happened = match request.event {
                PullRequestEvent::Open => "opened",
                PullRequestEvent::Updated => "updated",
                PullRequestEvent::Closed => "closed",
            };
            format!(
                "pull request {} into branch {} of {repository} {happened}",
                request.number,
                quoted(&request.base)
            )
        }
    };
    Start { sources, commit: event.commit().to_owned(), reference: event.reference(), cause }
}

fn named(reference: &Reference) -> String {
    match reference {
        Reference::Branch(branch) => format!("branch {}", quoted(branch)),
        Reference::Tag(tag) => format!("tag {}", quoted(tag)),
    }
}

/// Default detection: a push to the branch that the source follows.
fn detect(source: &GitSource, event: &GitEvent) -> Answer {
    if !source.detects_changes {
        return Answer::No(format!(
            "the source action {} has `DetectChanges: false`",
            quoted(source.action.as_str())
        ));
    }
    let push = match event {
        GitEvent::Push(push) => push,
        GitEvent::PullRequest(_) => {
            return Answer::No(
                "pull requests start a pipeline only by a trigger, and it declares none".into(),
            );
        }
    };
    follows(source, push)
}

fn follows(source: &GitSource, push: &Push) -> Answer {
    if let Some(reason) = other_repository(source, &push.repository) {
        return Answer::No(reason);
    }
    if let Some(pinned) = &source.pinned {
        let action = quoted(source.action.as_str());
        return Answer::No(format!(
            "the source action {action} is pinned to {pinned}, so pushes start nothing"
        ));
    }
    match (&push.reference, &source.branch) {
        (Reference::Tag(tag), _) => {
            Answer::No(format!("tag {}: tags start a pipeline only by a trigger with `tags`", quoted(tag)))
        }
        (Reference::Branch(branch), Some(followed)) if branch != followed => Answer::No(format!(
            "branch {} is not {}, which the source action {} follows",
            quoted(branch),
            quoted(followed),
            quoted(source.action.as_str())
        )),
        (Reference::Branch(_), _) => yes(source),
    }
}

fn yes(source: &GitSource) -> Answer {
    if source.repository.is_some() { Answer::Yes } else { Answer::IfContained }
}

/// Why `repository` is not the one of `source`. GitHub's names are equal without regard to case.
fn other_repository(source: &GitSource, repository: &str) -> Option<String> {
    let own = source.repository.as_ref().filter(|own| !own.eq_ignore_ascii_case(repository))?;
    Some(format!(
        "{} is not {}, the repository of the source action {}",
        quoted(repository),
        quoted(own),
        quoted(source.action.as_str())
    ))
}

/// A declared trigger: its source's repository, then its filters; one without filters detects as by default.
fn triggered(git: &GitConfiguration, sources: &[GitSource], event: &GitEvent) -> Answer {
    let Some(source) = sources.iter().find(|source| source.action == git.source_action_name) else {
        let name = quoted(git.source_action_name.as_str());
        return Answer::No(format!("the trigger's source action {name} follows no git repository"));
    };
    if let Some(reason) = other_repository(source, event.repository()) {
        return Answer::No(reason);
    }
    let refusal = match event {
        GitEvent::Push(push) if git.push.is_empty() && git.pull_request.is_empty() => {
            return follows(source, push);
        }
        GitEvent::Push(push) => filter::push(&git.push, push),
        GitEvent::PullRequest(request) => filter::pull_request(&git.pull_request, request),
    };
    refusal.map_or_else(|| yes(source), Answer::No)
}
