//! What is remembered of a deployment group.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{InstanceStore, retention, tree};
use crate::deployment::{DeploymentId, Group};
use crate::durable;
use crate::outcome::{DeploymentStatus, ErrorInformation, Outcome};

/// A deployment as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) group: Group,
    /// Which of the group's deployments it is, in the order in which they began.
    pub(crate) sequence: u64,
    pub(crate) outcome: Outcome,
    /// The deployment has ended badly and its rollback has not ended yet.
    #[serde(default)]
    pub(crate) rollback_due: bool,
}

impl Record {
    fn is_open(&self) -> bool {
        self.rollback_due || !self.outcome.status.is_final()
    }
}

/// A deployment group's folder of state.
#[derive(Debug, Clone)]
pub(crate) struct GroupStore {
    directory: PathBuf,
}

impl GroupStore {
    pub(crate) fn open(state: &Path, group: &Group) -> io::Result<Self> {
        let directory = state.join(group.id());
        fs::create_dir_all(directory.join("deployments"))?;
        Ok(Self { directory })
    }

    /// Every group that has state.
    pub(crate) fn all(state: &Path) -> io::Result<Vec<Self>> {
        let mut groups = vec![];
        let entries = match fs::read_dir(state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(groups),
            entries => entries?,
        };
        for entry in entries {
            let directory = entry?.path();
            if directory.join("deployments").is_dir() {
                groups.push(Self { directory });
            }
        }
        Ok(groups)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file whose lock the one deployment that is under way holds.
    pub(crate) fn lock_path(&self) -> PathBuf {
        self.directory.join("lock")
    }

    pub(crate) fn instance(&self, name: &str) -> io::Result<InstanceStore> {
        InstanceStore::open(self.directory.join("instances").join(name))
    }

    pub(crate) fn record(&self, deployment: &DeploymentId) -> io::Result<Option<Record>> {
        durable::load(&self.deployment(deployment).join("deployment.json"))
    }

    /// Whoever asked for a deployment asks again if the machine forgets that it began; its end is remembered.
    pub(crate) fn save(&self, record: &Record) -> io::Result<()> {
        let directory = self.deployment(&record.outcome.deployment);
        fs::create_dir_all(&directory)?;
        let path = directory.join("deployment.json");
        if record.is_open() { durable::save_lightly(&path, record) } else { durable::save_now(&path, record) }
    }

    /// The record of a deployment that begins, numbered after all others; of one that goes on, with its number.
    pub(crate) fn begin(&self, group: &Group, outcome: Outcome) -> io::Result<Record> {
        let known = self.record(&outcome.deployment)?.map(|record| record.sequence);
        let next = || Ok(self.records()?.iter().map(|record| record.sequence).max().unwrap_or(0) + 1);
        let sequence = known.map_or_else(next, io::Result::Ok)?;
        let record = Record { group: group.clone(), sequence, outcome, rollback_due: false };
        self.save(&record)?;
        Ok(record)
    }

    fn records(&self) -> io::Result<Vec<Record>> {
        let mut records = vec![];
        for entry in fs::read_dir(self.directory.join("deployments"))? {
            let name = entry?.file_name();
            if let Some(id) = name.to_str().and_then(|name| DeploymentId::new(name).ok()) {
                records.extend(self.record(&id)?);
            }
        }
        Ok(records)
    }

    /// Every deployment that has a record and has not ended, its rollback included.
    pub(crate) fn open_records(&self) -> io::Result<Vec<Record>> {
        Ok(self.records()?.into_iter().filter(Record::is_open).collect())
    }

    /// The last deployment that succeeded, to which a rollback returns.
    pub(crate) fn last_successful(&self) -> io::Result<Option<DeploymentId>> {
        let succeeded = self.records()?.into_iter().filter(|record| record.outcome.succeeded());
        Ok(succeeded.max_by_key(|record| record.sequence).map(|record| record.outcome.deployment))
    }

    /// The revision of `deployment` as it came, which no script has touched.
    pub(crate) fn revision(&self, deployment: &DeploymentId) -> PathBuf {
        self.deployment(deployment).join("revision")
    }

    /// Keeps a copy of `revision` for `deployment`, and forgets the oldest deployments.
    pub(crate) fn keep_revision(&self, deployment: &DeploymentId, revision: &Path) -> io::Result<()> {
        let mut kept = vec![deployment.clone()];
        kept.extend(self.last_successful()?);
        kept.extend(self.open_records()?.into_iter().map(|record| record.outcome.deployment));
        retention::prune(&self.directory.join("deployments"), &kept)?;
        tree::copy(revision, &self.revision(deployment))
    }

    /// Makes the kept revision durable, before it becomes what a rollback returns to.
    pub(crate) fn sync_revision(&self, deployment: &DeploymentId) -> io::Result<()> {
        tree::sync(&self.revision(deployment))
    }

    /// Ends the records of deployments that were interrupted and never gone on with, now that `current` begins.
    pub(crate) fn end_others(&self, current: &[&DeploymentId]) -> io::Result<Vec<DeploymentId>> {
        let mut ended = vec![];
        for mut record in self.open_records()? {
            if current.contains(&&record.outcome.deployment) {
                continue;
            }
            if !record.outcome.status.is_final() {
                record.outcome.status = DeploymentStatus::Failed;
                record.outcome.error = Some(ErrorInformation::abandoned());
            }
            record.rollback_due = false;
            ended.push(record.outcome.deployment.clone());
            self.save(&record)?;
        }
        Ok(ended)
    }

    fn deployment(&self, deployment: &DeploymentId) -> PathBuf {
        self.directory.join("deployments").join(deployment.as_str())
    }
}
