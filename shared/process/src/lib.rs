//! Runs a child process whose every descendant can be ended.
//!
//! A process group or a session is not enough to find what a build or a deployment script has left behind: `setsid`,
//! a double fork or `env -i` leave both. Here the direct child of the calling program stays as a *reaper*: it is the
//! subreaper (`PR_SET_CHILD_SUBREAPER`) of everything beneath it, so that whatever is orphaned becomes its child and
//! cannot escape. The program itself runs as the reaper's child.
//!
//! The reaper ends all descendants, by `TERM` and after a grace by `KILL`, when [`Child::end`] asks for it, and at
//! once by `KILL` when the calling program dies or drops the [`Child`], which it notices because the *lifeline*, a
//! pipe between the two, closes. Whether descendants may outlive a program that ended by itself says [`Survivors`].
//!
//! A [`Lineage`] lets a restarted program wait until every process of its predecessor is gone.

#[cfg(not(target_os = "linux"))]
compile_error!("penstock-process needs Linux: it relies on subreapers and on /proc");

mod account;
mod child;
mod family;
mod keeper;
mod launch;
mod lineage;
mod reaper;
mod spec;

pub use account::Account;
pub use child::Child;
pub use lineage::Lineage;
pub use spec::{Input, Output, Spec, Survivors};
