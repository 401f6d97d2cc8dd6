//! `CodeDeploy` actions: `appspec.yml` carried out on the folders that are a deployment group's instances.
//!
//! The deployment's id follows from the attempt, so that a server that was killed goes on with the same deployment at
//! the lifecycle event that was interrupted.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_appspec::lifecycle::LifecycleEvent;
use penstock_appspec::{
    Deployment, DeploymentId, DeploymentStatus, EventStatus, Group, Observer, Outcome, RollbackPolicy, Stop,
    deploy, stop_channel,
};
use penstock_model::pipeline::Action;
use penstock_model::plain;
use penstock_model::time::Timestamp;
use penstock_process::Lineage;

use crate::attempt_log::{AttemptLog, failure, located, with_lines};
use crate::builds::unusable;
use crate::deployment_groups::{self, DeploymentGroup};
use crate::environment;
use crate::in_flight::{EndCause, EndSignal, InFlight, OnShutDown};
use crate::logs::LogFiles;
use crate::machine_files::MachineFiles;
use crate::workspace::Workspaces;

/// Performs `CodeDeploy` actions on this machine.
#[derive(Clone)]
pub struct CodeDeploy {
    /// The state folder.
    pub dir: PathBuf,
    /// Where deployment groups are written down.
    pub files: MachineFiles,
    /// Where bundles are unpacked.
    pub workspaces: Workspaces,
    /// Where attempts' logs go.
    pub logs: LogFiles,
    /// What runs in this process.
    pub in_flight: InFlight,
    /// Held by scripts as long as they run.
    pub lineage: Lineage,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Provider for CodeDeploy {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        Ok(self.begin(work, taken_over).await)
    }

    /// A deployment that this process does not know was under way when an earlier one ended: it goes on.
    async fn observe(&self, work: &Work, _external: &External) -> Result<Observation, PortError> {
        match self.in_flight.observe(&work.attempt) {
            Observation::Gone => Ok(match self.begin(work, true).await {
                Begun::Running(_) => Observation::Running,
                Begun::Ended(ending) => Observation::Ended(ending),
            }),
            known @ (Observation::Running | Observation::Ended(_)) => Ok(known),
        }
    }

    async fn cancel(&self, work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(self.in_flight.cancel(&work.attempt))
    }
}

impl CodeDeploy {
    async fn begin(&self, work: &Work, resumed: bool) -> Begun {
        let id = DeploymentId::derive(&work.attempt.token());
        let external = External { id: id.as_str().into(), url: None };
        let (this, work_) = (self.clone(), work.clone());
        let deployed = external.clone();
        let task = move |end: EndSignal| async move {
            let started_at = this.clock.now();
            match this.deploy(&work_, id, resumed, end).await {
                Ok(outcome) => this.ending(&work_, &outcome, deployed, started_at),
                Err(error) => Ending::Failed { error, external: Some(deployed) },
            }
        };
        self.in_flight.begin(&work.pipeline, &work.attempt, external, OnShutDown::Leave, task).await
    }

    async fn deploy(
        &self,
        work: &Work,
        id: DeploymentId,
        resumed: bool,
        end: EndSignal,
    ) -> Result<Outcome, AttemptError> {
        let group = group(&work.action).map_err(configuration)?;
        let settings = deployment_groups::find(&self.files, &self.dir, &group)
            .map_err(|error| configuration(error.to_string()))?;
        let log = Arc::new(
            AttemptLog::open(&self.logs, &work.attempt)
                .map_err(|error| system(format!("opening the log: {error}")))?,
        );
        if resumed {
            log.line(&format!("the server was interrupted; deployment {id} goes on where it stood"));
        }
        let workspace = self
            .workspaces
            .create(&work.attempt)
            .map_err(|error| system(format!("making a work folder: {error}")))?;
        let revision = workspace.path().join("revision");
        let input = work
            .inputs
            .first()
            .cloned()
            .ok_or_else(|| configuration("a CodeDeploy action needs one input artifact"))?;
        let (workspaces, into) = (self.workspaces.clone(), revision.clone());
        let extracted = tokio::task::spawn_blocking(move || workspaces.extract(&input, &into)).await;
        extracted.map_err(|error| system(error.to_string()))?.map_err(|error| unusable(&error))?;

        let (stopper, stop) = stop_channel();
        let cancelling = tokio::spawn(async move {
            let rollback = end.asked().await == EndCause::Cancelled;
            stopper.stop(Stop { rollback });
            // The channel must stay open until the deployment has heard.
            std::future::pending::<()>().await;
        });
        let outcome = deploy(self.deployment(id, group, settings, revision, log, stop)).await;
        cancelling.abort();
        drop(workspace);
        outcome.map_err(|error| AttemptError::new(ErrorCode::JobFailed, error.to_string()))
    }

    fn deployment(
        &self,
        id: DeploymentId,
        group: Group,
        settings: DeploymentGroup,
        revision_dir: PathBuf,
        log: Arc<AttemptLog>,
        stop: penstock_appspec::StopSignal,
    ) -> Deployment {
        let mut environment = environment::inherited();
        environment.extend(
            settings
                .environment
                .into_iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        );
        Deployment {
            id,
            group,
            revision_dir,
            appspec_name: settings.appspec,
            instances: settings.instances,
            minimum_healthy: settings.minimum_healthy,
            file_exists_behavior: settings.file_exists_behavior,
            ignore_ownership: settings.ignore_ownership,
            ignore_application_stop_failures: settings.ignore_application_stop_failures,
            rollback: RollbackPolicy { on_failure: settings.auto_rollback },
            environment,
            state_dir: self.dir.join("deployments"),
            observer: Arc::new(DeploymentLog(log)),
            stop,
            lineage: Some(self.lineage.clone()),
        }
    }

    fn ending(&self, work: &Work, outcome: &Outcome, external: External, started_at: Timestamp) -> Ending {
        match outcome.status {
            DeploymentStatus::Succeeded => {
                let summary =
                    format!("deployment {} to {} instances", outcome.deployment, outcome.targets.len());
                let (summary, external) = (Some(summary), Some(external));
                let variables = [("DeploymentId".to_owned(), outcome.deployment.to_string())].into();
                Ending::Succeeded(Box::new(Done {
                    summary,
                    external,
                    variables,
                    started_at: Some(started_at),
                    ..Done::default()
                }))
            }
            DeploymentStatus::Stopped => Ending::Cancelled,
            DeploymentStatus::Failed | DeploymentStatus::InProgress => {
                let (logs, why, external) = (&self.logs, why(outcome), Some(external));
                match own_lines(outcome) {
                    Some(last) => {
                        let why = with_lines(&why, "the last lines before its rollback", &last);
                        located(logs, &work.attempt, ErrorCode::JobFailed, why, external)
                    }
                    None => failure(logs, &work.attempt, ErrorCode::JobFailed, &why, external),
                }
            }
        }
    }
}

/// What the script that failed had written, if a rollback has written more into the log since.
fn own_lines(outcome: &Outcome) -> Option<Vec<String>> {
    outcome.rollback.as_ref()?;
    let (_, event) = outcome.first_failure()?;
    let lines: Vec<String> = event.diagnostics.as_ref()?.log_tail.lines().map(plain::line).collect();
    (!lines.is_empty()).then_some(lines)
}

/// What failed first, and whether the last good revision was brought back.
fn why(outcome: &Outcome) -> String {
    let mut why = format!("deployment {} failed", outcome.deployment);
    if let Some((target, event)) = outcome.first_failure() {
        why.push_str(&format!(": {:?} on instance {}", event.event, target.instance));
        if let Some(diagnostics) = &event.diagnostics {
            why.push_str(&format!(": {}", diagnostics.message));
        }
    } else if let Some(error) = &outcome.error {
        why.push_str(&format!(": {}", error.message));
    }
    if let Some(rollback) = &outcome.rollback {
        let result = if rollback.succeeded() { "brought the last good revision back" } else { "failed too" };
        why.push_str(&format!("\nits rollback {} {result}", rollback.deployment));
    }
    why
}

/// Why `action` cannot be performed here, whatever its variables come to.
pub(crate) fn refuse(action: &Action) -> Option<String> {
    let mut literal = action.clone();
    for value in literal.configuration.values_mut().filter(|value| value.contains("#{")) {
        "later".clone_into(value);
    }
    group(&literal).err()
}

/// The group that the configuration names; the names become folders.
fn group(action: &Action) -> Result<Group, String> {
    let get = |key: &str| {
        let value = action.configuration.get(key).map(String::as_str).unwrap_or_default();
        let plain = !value.is_empty()
            && value.len() <= 100
            && !value.starts_with('.')
            && !value.contains(['/', '\\'])
            && !value.contains(char::is_control);
        match plain {
            true => Ok(value.to_owned()),
            false => Err(format!(
                "{key} is missing or is no plain name; write 1 to 100 characters without slashes"
            )),
        }
    };
    Ok(Group { application: get("ApplicationName")?, name: get("DeploymentGroupName")? })
}

fn configuration(message: impl Into<String>) -> AttemptError {
    AttemptError::new(ErrorCode::ConfigurationError, message)
}

fn system(message: impl Into<String>) -> AttemptError {
    AttemptError::new(ErrorCode::SystemUnavailable, message)
}

/// Writes what a deployment tells into the attempt's log.
struct DeploymentLog(Arc<AttemptLog>);

impl Observer for DeploymentLog {
    fn line(&self, instance: Option<&str>, text: &str) {
        match instance {
            Some(instance) => self.0.line(&format!("[{instance}] {text}")),
            None => self.0.line(text),
        }
    }

    fn event(&self, instance: &str, event: LifecycleEvent, status: EventStatus) {
        self.0.line(&format!("[{instance}] {event:?}: {status:?}"));
    }
}
