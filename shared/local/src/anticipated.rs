//! What providers have made ready before its attempt begins. What nobody takes is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use penstock_app::port::provider::Work;
use penstock_model::id::AttemptId;
use tokio::sync::watch;
use tokio::task::{Id, JoinHandle};

/// The attempt begins as soon as its commit has landed: what was not taken by then has no attempt.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is being made ready, by attempt. Clones share it.
pub(crate) struct Anticipated<T> {
    table: Arc<Mutex<HashMap<AttemptId, Entry<T>>>>,
    /// `true` when this server ends: nothing may be left waiting.
    leaving: watch::Receiver<bool>,
    patience: Duration,
}

struct Entry<T> {
    work: Work,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Anticipated<T> {
    /// Nothing is ready yet. Everything is forgotten when `leaving` becomes `true`.
    pub(crate) fn new(leaving: watch::Receiver<bool>) -> Self {
        Self { table: Arc::default(), leaving, patience: PATIENCE }
    }

    /// Makes ready for `work`, unless that is under way or this server ends.
    ///
    /// On a thread that may block, to which this hands over at once: another step between costs what it saves.
    pub(crate) fn begin(&self, work: &Work, ready: impl FnOnce() -> T + Send + 'static) {
        let mut table = self.lock();
        if *self.leaving.borrow() || table.get(&work.attempt).is_some_and(|entry| entry.work == *work) {
            return;
        }
        let task = tokio::task::spawn_blocking(ready);
        let (attempt, id, leaving, patience) =
            (work.attempt.clone(), task.id(), self.leaving.clone(), self.patience);
        let table_later = Arc::downgrade(&self.table);
        tokio::spawn(async move {
            gone(leaving, patience).await;
            forget(&table_later, &attempt, id);
        });
        let entry = Entry { work: work.clone(), task };
        if let Some(other) = table.insert(work.attempt.clone(), entry) {
            drop_elsewhere(other);
        }
    }

    /// What was made ready for exactly this work.
    pub(crate) async fn take(&self, work: &Work) -> Option<T> {
        let entry = self.lock().remove(&work.attempt)?;
        if entry.work == *work {
            // What panicked is done anew, and panics where it is heard.
            return entry.task.await.ok();
        }
        drop_elsewhere(entry);
        None
    }

    /// The same, if it is ready within `patience`; otherwise it stays, to be taken later.
    pub(crate) async fn take_within(&self, work: &Work, patience: Duration) -> Option<T> {
        let mut entry = self.lock().remove(&work.attempt)?;
        if entry.work != *work {
            drop_elsewhere(entry);
            return None;
        }
        match tokio::time::timeout(patience, &mut entry.task).await {
            Ok(ready) => ready.ok(),
            Err(_) => {
                self.lock().insert(work.attempt.clone(), entry);
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Entry<T>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn gone(mut leaving: watch::Receiver<bool>, patience: Duration) {
    // An error means that this server has gone.
    let _ = tokio::time::timeout(patience, leaving.wait_for(|leaving| *leaving)).await;
}

/// Forgets what `task` has made ready for `attempt`, if it was not taken.
fn forget<T: Send + 'static>(
    table: &Weak<Mutex<HashMap<AttemptId, Entry<T>>>>,
    attempt: &AttemptId,
    task: Id,
) {
    let Some(table) = table.upgrade() else { return };
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if table.get(attempt).is_some_and(|entry| entry.task.id() == task)
        && let Some(entry) = table.remove(attempt)
    {
        drop_elsewhere(entry);
    }
}

/// Removing a folder or ending processes may take a while.
fn drop_elsewhere<T: Send + 'static>(entry: Entry<T>) {
    entry.task.abort();
    drop(tokio::task::spawn_blocking(move || drop(entry)));
}

#[cfg(test)]
mod tests {
    use penstock_app::engine::state::TriggerCause;
    use penstock_model::id::DefinitionVersion;
    use penstock_model::time::Timestamp;

    use super::*;

    fn work(deadline: i64) -> Work {
        let action = r#"{"name": "Go", "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"}}"#;
        Work {
            attempt: "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Go/1".parse().unwrap(),
            pipeline: "web".parse().unwrap(),
            definition: DefinitionVersion(1),
            action: serde_json::from_str(action).unwrap(),
            role_arn: None,
            artifact_store: None,
            inputs: vec![],
            revision_override: None,
            revisions: std::collections::BTreeMap::new(),
            sources: vec![],
            trigger: TriggerCause {
                kind: "Manual".into(),
                detail: String::new(),
                delivery: None,
                reference: None,
            },
            deadline: Timestamp(deadline),
        }
    }

    #[tokio::test]
    async fn what_is_ready_is_taken_once_and_for_the_same_work_only() {
        let (_leave, leaving) = watch::channel(false);
        let anticipated = Anticipated::new(leaving);
        anticipated.begin(&work(1), || "first");
        anticipated.begin(&work(1), || "second");
        assert_eq!(anticipated.take(&work(1)).await, Some("first"));
        assert_eq!(anticipated.take(&work(1)).await, None);
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        anticipated.begin(&work(1), move || wait.recv().map_or("dropped", |()| "slow"));
        assert_eq!(anticipated.take_within(&work(1), Duration::ZERO).await, None);
        go_on.send(()).unwrap();
        assert_eq!(anticipated.take_within(&work(1), PATIENCE).await, Some("slow"), "it stayed");
        anticipated.begin(&work(1), || "other");
        assert_eq!(anticipated.take(&work(2)).await, None);
        assert_eq!(anticipated.take(&work(1)).await, None);
    }

    #[tokio::test]
    async fn what_nobody_takes_is_dropped() {
        let kept = Arc::new(());
        let hold = || {
            let kept = Arc::clone(&kept);
            move || kept
        };
        let dropped = async || {
            while Arc::strong_count(&kept) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let (leave, leaving) = watch::channel(false);
        let impatient = Anticipated { patience: Duration::ZERO, ..Anticipated::new(leaving.clone()) };
        impatient.begin(&work(1), hold());
        dropped().await;
        let anticipated = Anticipated::new(leaving);
        anticipated.begin(&work(1), hold());
        leave.send_replace(true);
        dropped().await;
        anticipated.begin(&work(1), hold());
        assert!(anticipated.take(&work(1)).await.is_none());
    }
}
