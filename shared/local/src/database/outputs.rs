//! Output variables: readable at once, durable no later than the report that tells of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::outputs::Outputs;
use penstock_model::id::AttemptId;
use rusqlite::OptionalExtension;

use super::writer::Request;
use super::{Database, read};

/// As many written ones are kept for the actions that come next.
const KEPT: usize = 64;

type Variables = Arc<BTreeMap<String, String>>;

/// Output variables that wait for the writing thread, or that it wrote lately.
#[derive(Default)]
pub(super) struct Fresh(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    variables: HashMap<AttemptId, Variables>,
    written: VecDeque<AttemptId>,
}

impl Fresh {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, attempt: &AttemptId) -> Option<Variables> {
        self.lock().variables.get(attempt).cloned()
    }

    /// Keeps `variables` unless the attempt has some; whether they are new.
    fn put(&self, attempt: &AttemptId, variables: &Variables) -> bool {
        let mut inner = self.lock();
        if inner.variables.contains_key(attempt) {
            return false;
        }
        inner.variables.insert(attempt.clone(), Arc::clone(variables));
        true
    }

    /// Keeps `variables`, whatever the attempt had.
    fn replace(&self, attempt: &AttemptId, variables: &Variables) {
        self.lock().variables.insert(attempt.clone(), Arc::clone(variables));
    }

    /// The attempt's variables are in the database.
    pub(super) fn landed(&self, attempt: &AttemptId) {
        let mut inner = self.lock();
        inner.written.push_back(attempt.clone());
        if inner.written.len() > KEPT
            && let Some(oldest) = inner.written.pop_front()
        {
            inner.variables.remove(&oldest);
        }
    }
}

#[async_trait]
impl Outputs for Database {
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError> {
        let variables = Arc::new(variables.clone());
        if self.stored(attempt)?.is_some() || !self.fresh.put(attempt, &variables) {
            return Ok(());
        }
        self.ask(Request::Outputs(attempt.clone(), variables))
    }

    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        let variables = Arc::new(variables.clone());
        self.fresh.replace(attempt, &variables);
        self.ask(Request::Outputs(attempt.clone(), variables))
    }

    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError> {
        if let Some(variables) = self.fresh.get(attempt) {
            return Ok((*variables).clone());
        }
        Ok(self.stored(attempt)?.unwrap_or_default())
    }
}

impl Database {
    fn stored(&self, attempt: &AttemptId) -> Result<Option<BTreeMap<String, String>>, PortError> {
        self.item(|connection| {
            let mut find = connection.prepare_cached("SELECT variables FROM outputs WHERE attempt = ?1")?;
            let text: Option<String> = find.query_row([attempt.to_string()], |row| row.get(0)).optional()?;
            text.map(|text| read::decode(&text)).transpose()
        })
    }
}
