//! What people are told, and who: approvers on their own topics with their own links, everybody else on shared ones.

use std::collections::BTreeSet;

use penstock_engine::event::{Event, Fact};
use penstock_engine::state::ExecutionStatus;
use penstock_model::artifact::Revision;
use penstock_model::id::{ActionName, AttemptId};
use penstock_model::pipeline::Category;

use super::failure::{self, Failure};
use super::plain::{line, lines, log_line};
use super::{Notify, Story};
use crate::approvals::{ApprovalView, Approvals};
use crate::error::AppError;
use crate::port::PortError;
use crate::port::notifier::{Audience, Notice, NoticeKind, NoticedApproval, NoticedCommit, NoticedFailure};
use crate::port::store::Record;
use crate::view::{revisions, trigger_in_words};

/// How many lines of a failing action's log are told.
const LOG_LINES: usize = 20;
/// How many lines of an error or of a definition's text, and how many of its steps, are told.
const TEXT_LINES: usize = 20;
/// How many further commits and failures are told; the page that a message leads to has all.
const MORE: usize = 10;

/// Whether people may have to be told of this; the definition decides.
pub(super) fn may_concern(fact: &Fact) -> bool {
    matches!(fact, Fact::AttemptStarted { .. } | Fact::ExecutionEnded { status: ExecutionStatus::Failed, .. })
}

impl Notify {
    /// Tells everybody who was not told of `record` yet. Whoever cannot be told does not keep the others from it.
    pub(super) async fn tell_people(&self, record: &Record, story: &Story) -> Result<(), AppError> {
        let (mut notices, mut failures) = (vec![], vec![]);
        for event in record.events.iter().filter(|event| may_concern(&event.fact)) {
            match self.notices(record, event, story).await {
                Ok(found) => notices.extend(found),
                Err(error) => failures.push(super::into_port_error(error)),
            }
        }
        if notices.is_empty() {
            return super::all_of(failures);
        }
        let id = told_id(record, story);
        let before = self.told_of(&id).await;
        let mut told = BTreeSet::new();
        for notice in notices {
            let key = format!("{}/{} {}", notice.stage, notice.action, notice.to.key());
            if before.contains(&key) {
                continue;
            }
            match self.notifier.tell(&notice).await {
                Ok(()) => drop(told.insert(key)),
                Err(error) => failures.push(error),
            }
        }
        self.remember(&id, &told).await;
        super::all_of(failures)
    }

    /// Not knowing who was told, it is better to tell twice than never.
    pub(super) async fn told_of(&self, record: &str) -> BTreeSet<String> {
        let Some(memory) = &self.told else {
            return BTreeSet::new();
        };
        memory.of(record).await.unwrap_or_else(|error| {
            tracing::warn!(record, %error, "who was told of it is not known; some may be told again");
            BTreeSet::new()
        })
    }

    /// Those who were told were told: a failure here is no reason to tell them again.
    pub(super) async fn remember(&self, record: &str, told: &BTreeSet<String>) {
        let Some(memory) = self.told.as_ref().filter(|_| !told.is_empty()) else {
            return;
        };
        if let Err(error) = memory.remember(record, told).await {
            tracing::warn!(record, %error, "who was told of it is not remembered; some may be told again");
        }
    }

    async fn notices(&self, record: &Record, event: &Event, story: &Story) -> Result<Vec<Notice>, AppError> {
        if let Fact::AttemptStarted { attempt, .. } = &event.fact {
            return self.approval_needed(event, attempt, story).await;
        }
        Ok(self.execution_failed(record, event, story).await?.into_iter().collect())
    }

    async fn approval_needed(
        &self,
        event: &Event,
        id: &AttemptId,
        story: &Story,
    ) -> Result<Vec<Notice>, AppError> {
        let action = story.pipeline.stage(&id.stage).and_then(|stage| stage.action(&id.action));
        if action.is_none_or(|it| it.action_type_id.category != Category::Approval) {
            return Ok(vec![]);
        }
        let approvals = self.approvals.approvals().await?;
        let Some(view) = approvals.look(&story.execution.pipeline, id).await? else {
            return Ok(vec![]);
        };
        let mut notices = vec![];
        for (to, link) in audiences(&approvals, &view).await? {
            notices.push(Notice { to, link: Some(link), ..self.question(event, id, story, &view) });
        }
        Ok(notices)
    }

    fn question(&self, event: &Event, id: &AttemptId, story: &Story, view: &ApprovalView) -> Notice {
        let (commit, more_commits) = commits(story);
        let of = commit.as_ref().map(|commit| {
            let id: String = commit.id.chars().take(12).collect();
            format!(" of {id} {}", commit.summary.as_deref().unwrap_or_default()).trim_end().to_owned()
        });
        Notice {
            kind: NoticeKind::ApprovalNeeded,
            summary: format!("{} waits for a verdict{}", id.action, of.unwrap_or_default()),
            command: self.reach.command(&format!(
                "penstock approve {} --stage {} --action {} --exec {}",
                story.execution.pipeline, id.stage, id.action, id.execution
            )),
            commit,
            more_commits,
            approval: Some(NoticedApproval {
                custom_data: view.custom_data.as_deref().map(text),
                external_entity_link: view.external_link.as_deref().map(|link| line(link, 1000)),
                will_do: first(&view.will_do),
                expires: view.expires_at.to_string(),
            }),
            ..blank(event, id, story)
        }
    }

    async fn execution_failed(
        &self,
        record: &Record,
        event: &Event,
        story: &Story,
    ) -> Result<Option<Notice>, AppError> {
        let execution = &story.execution;
        let mut failures = failure::behind(self.store.as_ref(), record, execution).await?.into_iter();
        let Some(Failure { id, error, page }) = failures.next() else {
            return Ok(None);
        };
        let (commit, more_commits) = commits(story);
        Ok(Some(Notice {
            kind: NoticeKind::ExecutionFailed,
            summary: text(&error.message),
            error_code: Some(error.code.into()),
            link: self.reach.link(&execution.pipeline, page.as_deref()).map(|link| line(&link, 1000)),
            page: self.reach.page(&execution.pipeline),
            command: self.reach.command(&format!(
                "penstock retry {} --stage {} --exec {}",
                execution.pipeline, id.stage, execution.id
            )),
            commit,
            more_commits,
            also_failed: failures.take(MORE).map(also_failed).collect(),
            log: self.end_of_log(&id).await,
            ..blank(event, &id, story)
        }))
    }

    /// Without its log a failure is told all the same.
    async fn end_of_log(&self, id: &AttemptId) -> Vec<String> {
        let Some(logs) = &self.logs else {
            return vec![];
        };
        let end = logs.tail(id, LOG_LINES).await.unwrap_or_else(|error| {
            tracing::warn!(attempt = %id, %error, "its log cannot be read");
            vec![]
        });
        end.iter().map(|line| log_line(line)).collect()
    }
}

/// Everybody, each approver who is asked about the pipeline, and the topic that the action names, with their links.
async fn audiences(approvals: &Approvals, view: &ApprovalView) -> Result<Vec<(Audience, String)>, PortError> {
    let shared = approvals.link(&view.attempt);
    let mut audiences = vec![(Audience::Everyone, shared.clone())];
    if let Some(approvers) = approvals.approvers() {
        let asked = approvers.list().await?.into_iter();
        let asked = asked.filter(|approver| approver.is_asked_about(&view.pipeline));
        audiences.extend(asked.map(|it| {
            let link = approvals.link_of(&view.attempt, &it.name, it.generation.as_ref());
            (Audience::Approver { name: it.name, topic_arn: it.topic_arn }, link)
        }));
    }
    if let Some(topic_arn) = view.topic.clone() {
        let api_token = approvals.api_token(&view.attempt);
        audiences.push((Audience::Topic { topic_arn, api_token }, shared));
    }
    Ok(audiences)
}

/// Under which it is remembered who was told of `record`.
pub(super) fn told_id(record: &Record, story: &Story) -> String {
    format!("{}#{}", story.execution.id, record.version)
}

/// A notice of which only the place is known.
fn blank(event: &Event, id: &AttemptId, story: &Story) -> Notice {
    Notice {
        kind: NoticeKind::ApprovalNeeded,
        pipeline: story.execution.pipeline.clone(),
        execution_id: story.execution.id.clone(),
        stage: id.stage.clone(),
        action: id.action.clone(),
        summary: String::new(),
        link: None,
        page: None,
        time: event.at.to_string(),
        error_code: None,
        trigger: line(&trigger_in_words(&story.execution.trigger), 500),
        commit: None,
        more_commits: vec![],
        also_failed: vec![],
        log: vec![],
        command: String::new(),
        approval: None,
        to: Audience::Everyone,
    }
}

/// The revision that the execution's start named, else the first, and the others; of several each says where it comes from.
fn commits(story: &Story) -> (Option<NoticedCommit>, Vec<NoticedCommit>) {
    let revisions = revisions(&story.execution, &story.pipeline);
    let several = revisions.len() > 1;
    let mut told =
        revisions.into_iter().map(|(source, revision)| commit(several.then_some(source), revision));
    (told.next(), told.take(MORE).collect())
}

fn commit(source: Option<&ActionName>, revision: &Revision) -> NoticedCommit {
    let summary = revision.summary.as_deref().and_then(|text| text.lines().next());
    NoticedCommit {
        id: line(&revision.id, 200),
        source: source.cloned(),
        summary: summary.map(|text| line(text, 300)),
        url: revision.url.as_deref().map(|url| line(url, 1000)),
        author: revision.author.as_deref().map(|author| line(author, 200)),
    }
}

fn also_failed(Failure { id, error, page: _ }: Failure) -> NoticedFailure {
    let summary = line(&error.message, 300);
    NoticedFailure { action: id.action, error_code: error.code.into(), summary }
}

/// What follows an approval, as far as it is told.
fn first(steps: &[String]) -> Vec<String> {
    let left = steps.len().saturating_sub(TEXT_LINES);
    let more = (left > 0).then(|| format!("and {left} more"));
    steps.iter().take(TEXT_LINES).map(|step| line(step, 500)).chain(more).collect()
}

/// A text of several lines.
fn text(text: &str) -> String {
    lines(text, TEXT_LINES).join("\n")
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn of_many_steps_the_first_are_told_and_how_many_more() {
        let steps: Vec<String> = (1..=23).map(|number| format!("step {number}")).collect();
        let told = first(&steps);
        assert_eq!((told.len(), told[20].as_str()), (21, "and 3 more"));
        assert_eq!(first(&steps[..20]), steps[..20]);
    }
}
