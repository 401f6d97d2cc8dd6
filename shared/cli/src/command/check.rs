//! `penstock check`: everything that is wrong with a file, without a server; with --aws, also what AWS would refuse.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
#[cfg(feature = "aws")]
use penstock_model::definition::BUCKET_NOT_POLLED;
#[cfg(feature = "aws")]
use penstock_model::diagnostic::Place;
use penstock_model::diagnostic::{Diagnostic, Severity, refuses};
use penstock_model::kind::Kind;
use serde_json::{Value as Json, json};

use super::Output;
use crate::definition::{Checked, check};
use crate::exit::Exit;
use crate::show::{diagnostics, out};

/// Check pipelines, buildspecs and appspecs: every problem with its place and a way out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock check penstock.yml buildspec.yml appspec.yml
  penstock check --kind buildspec ci/build.yaml
  penstock check - --format json < penstock.yml
  penstock check --aws --stack penstock penstock.yml

A file is recognised by its content; no server is needed. Exit code 2 if any file has an error.

With --aws, in a build with the cargo feature `aws`, the account is asked too: whether the actions' roles are there, trust
the stack with its external id, may be assumed and hold the rights that the actions need, and whether the projects,
buckets, services and functions that actions name are there, and whether uploads to the buckets of S3 sources reach the
stack. What you may not ask is a warning.")]
pub(crate) struct Check {
    /// The files; `-` is standard input
    #[arg(default_value = "penstock.yml", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are, instead of recognising it
    #[arg(long, value_enum)]
    kind: Option<KindName>,
    /// Ask the AWS account as well
    #[arg(long, requires = "stack")]
    aws: bool,
    /// With --aws: the installation's stack
    #[arg(long, env = "PENSTOCK_STACK", value_name = "NAME")]
    stack: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// A kind of file as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    Pipeline,
    Buildspec,
    Appspec,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Pipeline => Self::Pipeline,
            KindName::Buildspec => Self::Buildspec,
            KindName::Appspec => Self::Appspec,
        }
    }
}

impl Check {
    /// Checks the files.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let kind = self.kind.map(Kind::from);
        let mut checked: Vec<(String, Checked)> =
            self.files.iter().map(|path| (path.display().to_string(), check(path, kind))).collect();
        if let Some(stack) = self.stack.as_deref().filter(|_| self.aws) {
            ask_aws(stack, &mut checked).await?;
        }
        if self.output.is_json() {
            out::json(&json!({ "files": checked.iter().map(as_json).collect::<Vec<_>>() }))?;
        } else {
            for (file, checked) in &checked {
                print(file, checked)?;
            }
        }
        let wrong = checked.iter().any(|(_, checked)| refuses(&checked.diagnostics));
        Ok(if wrong { Exit::Misused } else { Exit::Succeeded })
    }
}

/// Adds what the account of the stack would refuse the pipelines that are otherwise right.
#[cfg(feature = "aws")]
async fn ask_aws(stack: &str, checked: &mut [(String, Checked)]) -> anyhow::Result<()> {
    let installation = crate::aws::installation::Installation::find(stack).await?;
    for (_, file) in checked {
        match file.kind {
            Kind::Pipeline if !refuses(&file.diagnostics) => {
                // Whether an upload reaches the stack is looked at, and said only where it does not.
                file.diagnostics.retain(|found| found.code != BUCKET_NOT_POLLED);
                file.diagnostics.extend(crate::aws::check::problems(&installation, &file.source).await?);
                file.diagnostics.sort();
            }
            Kind::CloudFormation => {
                let message = "AWS is not asked about a template, whose roles and names its deployment computes; check the definition that is applied";
                file.diagnostics.push(Diagnostic::warning(Place::START, "template-not-asked", message));
            }
            Kind::Pipeline | Kind::Buildspec | Kind::Appspec | Kind::Unknown => {}
        }
    }
    Ok(())
}

#[cfg(not(feature = "aws"))]
async fn ask_aws(stack: &str, _: &mut [(String, Checked)]) -> anyhow::Result<()> {
    Err(super::elsewhere::without_aws(&format!("--aws asks the account of the stack `{stack}`")))
}

fn as_json((file, checked): &(String, Checked)) -> Json {
    json!({ "file": file, "kind": name(checked.kind), "diagnostics": checked.diagnostics })
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Pipeline => "pipeline",
        Kind::CloudFormation => "cloudformation",
        Kind::Buildspec => "buildspec",
        Kind::Appspec => "appspec",
        Kind::Unknown => "unknown",
    }
}

fn print(file: &str, checked: &Checked) -> anyhow::Result<()> {
    let source = out::is_live().then_some(checked.source.as_str());
    for diagnostic in &checked.diagnostics {
        for line in diagnostics::lines(file, diagnostic, source) {
            out::line(line)?;
        }
    }
    out::line(format!("{file}: {}, {}", name(checked.kind), verdict(&checked.diagnostics)))?;
    Ok(())
}

/// `no problems`, `1 error`, `2 errors, 1 warning`.
fn verdict(diagnostics: &[Diagnostic]) -> String {
    let count = |severity, word: &str| {
        let count = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    };
    let counts: Vec<String> = [count(Severity::Error, "error"), count(Severity::Warning, "warning")]
        .into_iter()
        .flatten()
        .collect();
    if counts.is_empty() { "no problems".into() } else { counts.join(", ") }
}
