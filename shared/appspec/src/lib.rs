//! appspec.yml 0.0: parse it and deploy it.
//!
//! [`parse`] reads all three shapes (EC2/on-premises, Lambda, ECS) and reports every problem with its place.
//! [`deploy`] carries the EC2/on-premises shape out on *instances*, which here are folders: in place, with minimum
//! healthy hosts, previous-revision scripts, automatic rollback, and a journal from which an interrupted deployment
//! goes on. Behaviour follows the AWS CodeDeploy user guide and its open source agent; where it differs the
//! documentation of the item says so.

pub mod acl;
pub mod appspec;
mod beneath;
mod deploy;
mod deployment;
mod durable;
mod execution;
mod fleet;
mod install;
pub mod lifecycle;
mod manifest;
pub mod mode;
mod observer;
mod outcome;
mod parse;
pub mod path;
pub mod pattern;
mod revision;
mod rollback;
mod run;
mod script;
mod script_log;
mod source;
mod stop;
mod store;

pub use deploy::{DeployError, Interrupted, deploy, interrupted};
pub use deployment::{
    Creator, Deployment, DeploymentId, Group, Instance, InvalidDeploymentId, RollbackPolicy,
};
pub use fleet::{MinimumHealthy, UnknownConfiguration};
pub use observer::{Observer, Silent};
pub use outcome::{
    DeploymentStatus, Diagnostics, ErrorCode, ErrorInformation, EventRecord, EventStatus, Outcome, Target,
    TargetStatus,
};
pub use parse::{Parsed, parse};
pub use revision::RevisionError;
pub use stop::{Stop, StopSignal, Stopper, stop_channel};
