//! Adapters for one machine: SQLite, files, child processes. [`machine::Machine`] wires them to the use cases.
//!
//! The state folder, as a rule `.penstock`, holds `penstock.db` (the state), `claims.jsonl`, `approval.key`,
//! `artifacts/`, `logs/<execution>/<stage>.<action>.<number>.log`, `sites/<name>/`, `deployments/` and `instances/`
//! (what `CodeDeploy` actions did), `cache/`, `work/` (emptied at each start), `notifications.jsonl` and its
//! predecessor `notifications.1.jsonl`, and what a person
//! puts there: `projects.yml`, `deployment-groups.yml`, `functions.yml`, `secrets.yml`.

pub mod builds;
pub mod claims;
pub mod code_deploy;
pub mod database;
pub mod deployment_groups;
pub mod in_flight;
pub mod invoke;
pub mod logs;
pub mod machine;
pub mod machine_files;
pub mod notices;
pub mod objects;
mod placement;
pub mod projects;
pub mod queue;
pub mod registry;
pub mod secrets;
pub mod settings;
pub mod site;
pub mod source;
pub mod workspace;

mod anticipated;
mod attempt_log;
mod clean_up;
mod environment;
#[cfg(test)]
mod faults_tests;
mod follower;
mod room;
mod timer;
mod tries;
