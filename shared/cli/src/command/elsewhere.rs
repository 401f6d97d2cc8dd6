//! Commands that only a build with the cargo feature `aws` has.

use clap::Args;

use crate::exit::{Exit, Failure};

/// For an installation on AWS; needs a build with the cargo feature `aws`
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Elsewhere {
    /// What such a build would be told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Elsewhere {
    /// Says how to build it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let Self { arguments: _ } = self;
        Err(without_aws("this command speaks to AWS"))
    }
}

/// `why` this build cannot do what is asked, and how to get one that can.
pub(super) fn without_aws(why: &str) -> anyhow::Error {
    Failure::misused(format!(
        "{why}, which this build cannot; from a clone: cargo run --release --features aws -- ..., or once: cargo install --path shared/cli --features aws"
    ))
    .into()
}
