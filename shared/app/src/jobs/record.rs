//! What is known of a job, each fact written once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use penstock_model::id::{ActionName, AttemptId, ExecutionId, InvalidId, PipelineName, StageName, uuid};
use penstock_model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::port::PortError;
use crate::port::outputs::Outputs;

/// The variable that holds a record as JSON.
const RECORD: &str = "record";

/// A job's id, in the form of a UUID (`CodePipeline` API, `JobId`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(ExecutionId);

impl JobId {
    /// The job of `attempt` in this round, from 1.
    ///
    /// # Errors
    /// None that can be met: the form is a UUID's.
    pub fn of(attempt: &AttemptId, round: u32) -> Result<Self, PortError> {
        let digest = Sha256::digest(format!("job {attempt} {round}"));
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid(bytes, 8).parse().map_err(|error: InvalidId| PortError::permanent(error.to_string()))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self)
    }
}

/// That a function is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The attempt.
    pub attempt: AttemptId,
    /// Which call of the attempt, from 1.
    pub round: u32,
    /// When it was about to be called.
    pub at: Timestamp,
    /// What the function gave to be called again with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Answer {
    /// It is done.
    Succeeded {
        /// Output variables.
        #[serde(default)]
        variables: BTreeMap<String, String>,
        /// What a person reads in one line.
        #[serde(default)]
        summary: Option<String>,
    },
    /// It is to be called again.
    Continued {
        /// With this.
        token: String,
    },
    /// It failed.
    Failed {
        /// `CodePipeline`'s name for the kind of failure.
        code: String,
        /// Why.
        message: String,
    },
}

/// The records of jobs. They lie beside the output variables under an id of their own, which no attempt has.
#[derive(Clone)]
pub struct JobRecords(Arc<dyn Outputs>);

impl JobRecords {
    /// Records in `outputs`.
    pub fn new(outputs: Arc<dyn Outputs>) -> Self {
        Self(outputs)
    }

    /// Says that a function is about to be called; returns what was said first.
    ///
    /// # Errors
    /// [`PortError`] if the records failed; so of all that follow.
    pub async fn invoke(&self, id: &JobId, invocation: &Invocation) -> Result<Invocation, PortError> {
        self.put(id, "invocation", invocation).await
    }

    /// What a function was called with.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn invocation(&self, id: &JobId) -> Result<Option<Invocation>, PortError> {
        self.get(id, "invocation").await
    }

    /// Says that the call was acknowledged.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn called(&self, id: &JobId) -> Result<(), PortError> {
        self.put(id, "called", &true).await.map(drop)
    }

    /// Whether the call is known to have been acknowledged.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn was_called(&self, id: &JobId) -> Result<bool, PortError> {
        Ok(self.get(id, "called").await?.unwrap_or(false))
    }

    /// Keeps an answer; returns the first.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn answer(&self, id: &JobId, answer: &Answer) -> Result<Answer, PortError> {
        self.put(id, "answer", answer).await
    }

    /// The answer, if there is one.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub async fn answered(&self, id: &JobId) -> Result<Option<Answer>, PortError> {
        self.get(id, "answer").await
    }

    async fn put<T: Serialize + DeserializeOwned>(
        &self,
        id: &JobId,
        what: &str,
        value: &T,
    ) -> Result<T, PortError> {
        let text = serde_json::to_string(value).map_err(|error| broken(id, &error))?;
        self.0.put(&key(id, what)?, &[(RECORD.to_owned(), text)].into()).await?;
        let kept = self.get(id, what).await?;
        kept.ok_or_else(|| PortError::transient(format!("keep what is known of the job {id}")))
    }

    async fn get<T: DeserializeOwned>(&self, id: &JobId, what: &str) -> Result<Option<T>, PortError> {
        let variables = self.0.get(&key(id, what)?).await?;
        let text = variables.get(RECORD);
        text.map(|text| serde_json::from_str(text)).transpose().map_err(|error| broken(id, &error))
    }
}

fn key(id: &JobId, what: &str) -> Result<AttemptId, PortError> {
    let named = |error: InvalidId| PortError::permanent(error.to_string());
    Ok(AttemptId {
        execution: id.0.clone(),
        stage: StageName::new("job").map_err(named)?,
        action: ActionName::new(what).map_err(named)?,
        number: 0,
    })
}

fn broken(id: &JobId, error: &serde_json::Error) -> PortError {
    PortError::permanent(format!("read what is known of the job {id}: {error}"))
}
