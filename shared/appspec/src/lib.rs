//! appspec.yml 0.0: parse it and deploy it.
//!
//! [`parse`] reads all three shapes (EC2/on-premises, Lambda, ECS) and reports every problem with its place.
//! [`deploy`] carries the EC2/on-premises shape out on *instances*, which here are folders: in place, with minimum
//! healthy hosts, previous-revision scripts, automatic rollback, and a journal from which an interrupted deployment
//! goes on. Behaviour follows the AWS CodeDeploy user guide and its open source agent; where it differs the
//! documentation of the item says so.

pub mod acl;
pub mod appspec;
pub mod lifecycle;
pub mod mode;
mod parse;
pub mod path;
pub mod pattern;

pub use parse::{Parsed, parse};
