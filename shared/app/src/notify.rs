//! Tells people of failed executions and waiting approvals, by reacting to records: a failing e-mail never holds up
//! a delivery. The same record told again gives the same notices.

use std::sync::Arc;

use penstock_engine::event::{Event, Fact};
use penstock_engine::state::{Execution, ExecutionStatus, INTERRUPTED};
use penstock_model::id::AttemptId;
use penstock_model::pipeline::{Category, Pipeline};
use penstock_model::time::Timestamp;

use crate::approvals::Approvals;
use crate::base_url::BaseUrl;
use crate::error::AppError;
use crate::port::notifier::{Notice, NoticeKind, Notifier};
use crate::port::store::{Record, Store};
use crate::query::records;
use crate::view::first_revision;

/// Tells people what the records say.
pub struct Notify {
    store: Arc<dyn Store>,
    approvals: Arc<Approvals>,
    notifier: Arc<dyn Notifier>,
    base_url: BaseUrl,
}

impl Notify {
    /// Tells by `notifier`; links begin with `base_url`.
    pub fn new(
        store: Arc<dyn Store>,
        approvals: Arc<Approvals>,
        notifier: Arc<dyn Notifier>,
        base_url: BaseUrl,
    ) -> Self {
        Self { store, approvals, notifier, base_url }
    }

    /// Tells what `record` gives reason to tell; most records give none, and then nothing is read.
    ///
    /// # Errors
    /// [`AppError::Port`] if the store or the notifier failed: tell the record again.
    pub async fn tell(&self, record: &Record) -> Result<(), AppError> {
        let mut story: Option<(Arc<Execution>, Arc<Pipeline>)> = None;
        for event in record.events.iter().filter(|event| may_concern_people(&event.fact)) {
            if story.is_none() {
                story = self.read(record).await?;
            }
            let Some((execution, pipeline)) = &story else {
                return Ok(());
            };
            if let Some(notice) = self.notice(record, event, execution, pipeline).await? {
                self.notifier.tell(&notice).await?;
            }
        }
        Ok(())
    }

    async fn read(&self, record: &Record) -> Result<Option<(Arc<Execution>, Arc<Pipeline>)>, AppError> {
        let Some(id) = &record.execution else {
            return Ok(None);
        };
        let Some(execution) = self.store.execution(&record.pipeline, id).await? else {
            return Ok(None);
        };
        let pipeline = self.store.definition(&record.pipeline, execution.definition).await?;
        Ok(pipeline.map(|pipeline| (execution, pipeline)))
    }

    async fn notice(
        &self,
        record: &Record,
        event: &Event,
        execution: &Execution,
        pipeline: &Pipeline,
    ) -> Result<Option<Notice>, AppError> {
        if let Fact::AttemptStarted { attempt, .. } = &event.fact {
            Ok(self.approval_needed(attempt, event.at, execution, pipeline))
        } else {
            self.execution_failed(record, event.at, execution).await
        }
    }

    fn approval_needed(
        &self,
        id: &AttemptId,
        at: Timestamp,
        execution: &Execution,
        pipeline: &Pipeline,
    ) -> Option<Notice> {
        let action = pipeline.stage(&id.stage)?.action(&id.action)?;
        if action.action_type_id.category != Category::Approval {
            return None;
        }
        let revision = first_revision(execution, pipeline);
        let of = revision.map(|revision| {
            let commit: String = revision.id.chars().take(12).collect();
            let line =
                revision.summary.as_deref().and_then(|summary| summary.lines().next()).unwrap_or_default();
            format!(" of {commit} {line}").trim_end().to_owned()
        });
        let summary = format!("{} waits for a verdict{}", id.action, of.unwrap_or_default());
        Some(notice(NoticeKind::ApprovalNeeded, execution, id, summary, self.approvals.link(id), at))
    }

    /// The failure is read from the records up to this one, so that a later retry does not change what is told.
    async fn execution_failed(
        &self,
        record: &Record,
        at: Timestamp,
        execution: &Execution,
    ) -> Result<Option<Notice>, AppError> {
        let mut failure = first_failure(&record.events);
        if failure.is_none() {
            let earlier = records(self.store.as_ref(), &execution.id, record.version).await?;
            let events: Vec<Event> = earlier.into_iter().flat_map(|record| record.events).collect();
            failure = first_failure(since_entry(&events));
        }
        let Some((attempt, summary)) = failure else {
            return Ok(None);
        };
        let link = self.base_url.pipeline_page(&execution.pipeline);
        Ok(Some(notice(NoticeKind::ExecutionFailed, execution, &attempt, summary, link, at)))
    }
}

fn notice(
    kind: NoticeKind,
    execution: &Execution,
    attempt: &AttemptId,
    summary: String,
    link: String,
    at: Timestamp,
) -> Notice {
    Notice {
        kind,
        pipeline: execution.pipeline.clone(),
        execution_id: execution.id.clone(),
        stage: attempt.stage.clone(),
        action: attempt.action.clone(),
        summary,
        link,
        time: at.to_string(),
    }
}

fn may_concern_people(fact: &Fact) -> bool {
    matches!(fact, Fact::AttemptStarted { .. } | Fact::ExecutionEnded { status: ExecutionStatus::Failed, .. })
}

/// The first action that failed, and why.
fn first_failure(events: &[Event]) -> Option<(AttemptId, String)> {
    events.iter().find_map(|event| {
        let Fact::AttemptFailed { attempt, error, .. } = &event.fact else {
            return None;
        };
        (error.code != INTERRUPTED).then(|| (attempt.clone(), error.message.clone()))
    })
}

/// The events since a stage was entered or retried last.
fn since_entry(events: &[Event]) -> &[Event] {
    let last = events.iter().rposition(|event| is_entry(&event.fact));
    &events[last.unwrap_or_default()..]
}

fn is_entry(fact: &Fact) -> bool {
    matches!(fact, Fact::StageEntered { .. } | Fact::StageRetried { .. })
}
