//! What is known of a job, each fact written once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use penstock_model::id::{
    ActionName, ArtifactName, AttemptId, ExecutionId, InvalidId, PipelineName, StageName, uuid,
};
use penstock_model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::port::PortError;
use crate::port::outputs::Outputs;

/// The variable that holds a record as JSON.
const RECORD: &str = "record";
/// What records say.
const INVOCATION: &str = "invocation";
const CALLED: &str = "called";
const ANSWER: &str = "answer";

/// A job's id, in the form of a UUID (`CodePipeline` API, `JobId`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(ExecutionId);

impl JobId {
    /// An id that nobody can guess, if nobody can guess `random`.
    ///
    /// # Errors
    /// None that can be met: the form is a UUID's.
    pub fn new(random: [u8; 16]) -> Result<Self, PortError> {
        Self::of_bytes(random, 4)
    }

    /// Under which it is written what id the job of `attempt` in this round, from 1, has. It can be computed, so it is no
    /// job's id, except of one that a release opened which knew no other.
    fn opening(attempt: &AttemptId, round: u32) -> Result<Self, PortError> {
        let digest = Sha256::digest(format!("job {attempt} {round}"));
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::of_bytes(bytes, 8)
    }

    fn of_bytes(bytes: [u8; 16], version: u8) -> Result<Self, PortError> {
        uuid(bytes, version).parse().map_err(|error: InvalidId| PortError::permanent(error.to_string()))
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
    /// Where it is to put its output artifacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputPlace>,
    /// The job's id; `None` before it is opened, and in what earlier releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

/// An output artifact, and where the function is to put it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPlace {
    /// The artifact.
    pub name: ArtifactName,
    /// The store's bucket.
    pub bucket: String,
    /// The key, which contains the attempt.
    pub key: String,
}

/// A job that has been opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What its function is called with.
    pub invocation: Invocation,
}

impl Job {
    fn of(opening: JobId, invocation: Invocation) -> Self {
        Self { id: invocation.job.clone().unwrap_or(opening), invocation }
    }
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

/// The records of jobs. They lie beside the output variables under ids of their own, which no attempt has.
///
/// A job is opened under an id that follows from the attempt and the round, which is where the next worker finds it: what
/// is written there first says at random which id the job has. The function's answer is looked for under that alone.
#[derive(Clone)]
pub struct JobRecords(Arc<dyn Outputs>);

impl JobRecords {
    /// Records in `outputs`.
    pub fn new(outputs: Arc<dyn Outputs>) -> Self {
        Self(outputs)
    }

    /// Says that a function is about to be called under the id `fresh`. A job that was opened before keeps its id and what
    /// its function is called with, so that a repeated call is of the same job.
    ///
    /// # Errors
    /// [`PortError`] if the records failed; so of all that follow.
    pub async fn open(&self, fresh: JobId, asked: Invocation) -> Result<Job, PortError> {
        let opening = JobId::opening(&asked.attempt, asked.round)?;
        let asked = Invocation { job: Some(fresh), ..asked };
        let job = Job::of(opening.clone(), self.put(&opening, INVOCATION, &asked).await?);
        if job.id != opening {
            self.write(&job.id, INVOCATION, &job.invocation).await?;
        }
        Ok(job)
    }

    /// The job of `attempt` in this round, from 1, if it has been opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn opened(&self, attempt: &AttemptId, round: u32) -> Result<Option<Job>, PortError> {
        let opening = JobId::opening(attempt, round)?;
        let kept = self.get(&opening, INVOCATION).await?;
        Ok(kept.map(|invocation| Job::of(opening, invocation)))
    }

    /// The job of the last round of `attempt` that has been opened. Rounds follow one upon another, so that it is found by
    /// doubling and halving: of a thousand rounds about twenty are read.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn latest(&self, attempt: &AttemptId) -> Result<Option<Job>, PortError> {
        let Some(mut latest) = self.opened(attempt, 1).await? else {
            return Ok(None);
        };
        let (mut reached, mut beyond) = (1, 2);
        while let Some(job) = self.opened(attempt, beyond).await? {
            (latest, reached, beyond) = (job, beyond, beyond.saturating_mul(2));
        }
        while beyond - reached > 1 {
            let middle = reached.midpoint(beyond);
            match self.opened(attempt, middle).await? {
                Some(job) => (latest, reached) = (job, middle),
                None => beyond = middle,
            }
        }
        Ok(Some(latest))
    }

    /// What the function of the job `id` was called with.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn invocation(&self, id: &JobId) -> Result<Option<Invocation>, PortError> {
        let kept: Option<Invocation> = self.get(id, INVOCATION).await?;
        // An opening, which anybody can compute, says which id is the job's.
        Ok(kept.filter(|invocation| invocation.job.as_ref().is_none_or(|job| job == id)))
    }

    /// Says that the call was acknowledged.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn called(&self, job: &Job) -> Result<(), PortError> {
        let Invocation { attempt, round, .. } = &job.invocation;
        self.write(&JobId::opening(attempt, *round)?, CALLED, &true).await
    }

    /// Whether the call is known to have been acknowledged.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn was_called(&self, job: &Job) -> Result<bool, PortError> {
        let Invocation { attempt, round, .. } = &job.invocation;
        Ok(self.get(&JobId::opening(attempt, *round)?, CALLED).await?.unwrap_or(false))
    }

    /// Keeps an answer; returns the first.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn answer(&self, id: &JobId, answer: &Answer) -> Result<Answer, PortError> {
        self.put(id, ANSWER, answer).await
    }

    /// The answer, if there is one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn answered(&self, id: &JobId) -> Result<Option<Answer>, PortError> {
        self.get(id, ANSWER).await
    }

    /// Writes `value` unless one is there; returns what is there then.
    async fn put<T: Serialize + DeserializeOwned>(
        &self,
        id: &JobId,
        what: &str,
        value: &T,
    ) -> Result<T, PortError> {
        self.write(id, what, value).await?;
        let kept = self.get(id, what).await?;
        kept.ok_or_else(|| PortError::transient(format!("keep what is known of the job {id}")))
    }

    async fn write<T: Serialize>(&self, id: &JobId, what: &str, value: &T) -> Result<(), PortError> {
        let text = serde_json::to_string(value).map_err(|error| broken(id, &error))?;
        self.0.put(&key(id, what)?, &[(RECORD.to_owned(), text)].into()).await
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
