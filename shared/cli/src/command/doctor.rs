//! `penstock doctor`: what is stuck in an installation, why, and what to do.

use clap::Args;
use console::style;
use serde_json::json;

use super::Output;
use crate::aws::doctor::{self, Expectation, Finding, Weight};
use crate::aws::installation::Installation;
use crate::exit::Exit;
use crate::show::glyph::Look;
use crate::show::out;

/// Say what is stuck in an installation on AWS, why, and what to do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock doctor --stack penstock
  penstock doctor --stack penstock --action-minutes 180 --format json | jq -r '.findings[].message'

It looks at the stack, open executions, closed transitions, claims, dead letters, commands that were put aside, alarms, the
webhook's secret and approvers' subscriptions, and changes nothing. Exit code 1 if something needs attention or could not be looked at.")]
pub(crate) struct Doctor {
    /// The installation's stack
    #[arg(long, env = "PENSTOCK_STACK", value_name = "NAME")]
    stack: String,
    /// How long an action may take before it counts as stuck
    #[arg(long, value_name = "MINUTES", default_value = "60")]
    action_minutes: u32,
    /// How long an approval may wait
    #[arg(long, value_name = "MINUTES", default_value = "1440")]
    approval_minutes: u32,
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    /// Looks and tells.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let installation = Installation::find(&self.stack).await?;
        let Self { action_minutes, approval_minutes, .. } = self;
        let found = doctor::findings(&installation, Expectation { action_minutes, approval_minutes }).await;
        let stack = &installation.stack;
        if self.output.is_json() {
            out::json(&json!({ "stack": stack.name, "status": stack.status, "findings": found }))?;
        } else {
            out::line(
                style(format!("{} in {}: {}", stack.name, installation.sdk.region(), stack.status)).bold(),
            )?;
            for finding in &found {
                tell(finding)?;
            }
            if is_sound(&found) {
                out::line(format!("{} nothing needs attention", Look::Good.sign(None)))?;
            }
        }
        Ok(if is_sound(&found) { Exit::Succeeded } else { Exit::Failed })
    }
}

/// What could not be looked at is no good news.
fn is_sound(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.weight == Weight::Notice)
}

fn tell(finding: &Finding) -> anyhow::Result<()> {
    let look = match finding.weight {
        Weight::Attention => Look::Bad,
        Weight::Notice => Look::Waiting,
        Weight::Unseen => Look::Idle,
    };
    out::line(format!("{} {}: {}", look.sign(None), style(finding.code).bold(), finding.message))?;
    if let Some(command) = &finding.command {
        out::line(format!("    {} {command}", style("→").dim()))?;
    }
    Ok(())
}
