//! What is remembered of a deployment group and of each of its instances, as files.
//!
//! ```text
//! STATE/<group id>/lock
//!                  deployments/<deployment>/{deployment.json, revision/}
//!                  instances/<name>/{manifest.json, install.json}
//!                                   <deployment>/{target.json, event.json, deployment-archive/, logs/scripts.log}
//! ```

mod group;
mod instance;
mod retention;
mod tree;

pub(crate) use group::{GroupStore, Record};
pub(crate) use instance::InstanceStore;
