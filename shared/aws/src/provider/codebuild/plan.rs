//! What one build is asked to do.

use aws_sdk_codebuild::types::{ComputeType, EnvironmentType, EnvironmentVariableType};
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;

use crate::offered::codebuild::identifier;
use crate::provider::failure::Failure;

/// The environment variable that holds the attempt's id.
pub(crate) const ATTEMPT: &str = "PENSTOCK_ATTEMPT";

/// What one build is asked to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The project.
    pub(crate) project: String,
    /// A buildspec in place of the project's: a path, an ARN in S3, or its text.
    pub(crate) buildspec: Option<String>,
    /// Environment variables.
    pub(crate) variables: Vec<Variable>,
    /// Where it starts from.
    pub(crate) sources: Sources,
    /// A role in place of the project's.
    pub(crate) service_role: Option<String>,
    /// What it runs on in place of the project's.
    pub(crate) machine: Machine,
    /// How long it may take, in place of what the project says.
    pub(crate) timeout_minutes: Option<i32>,
    /// Whether it is a batch.
    pub(crate) batch: Option<Batch>,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) kind: EnvironmentVariableType,
}

/// What a build runs on; nothing: what the project says.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub(crate) environment: Option<EnvironmentType>,
    pub(crate) compute: Option<ComputeType>,
    pub(crate) image: Option<String>,
}

/// How a batch of builds is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    /// Whether the artifacts of all builds become one.
    pub(crate) combine: bool,
}

/// The sources of a build.
#[derive(Debug)]
pub(crate) struct Sources {
    /// `CODEBUILD_SRC_DIR`.
    pub(crate) primary: Artifact,
    /// `CODEBUILD_SRC_DIR_<identifier>`.
    pub(crate) secondary: Vec<(String, Artifact)>,
}

impl Sources {
    /// The inputs of `work`; the build starts in the one called `primary`, else in the first.
    pub(crate) fn of(work: &Work, primary: Option<&str>) -> Result<Self, Failure> {
        let is_primary = |(index, input): (usize, &Artifact)| match primary {
            Some(name) => input.name.as_str() == name,
            None => index == 0,
        };
        let place = work.inputs.iter().enumerate().position(is_primary).ok_or_else(|| match primary {
            Some(name) => Failure::configuration(format!("`{name}` is no input artifact of the action")),
            None => {
                Failure::configuration("the action has no input artifact; add one, for the build to start in")
            }
        })?;
        let mut secondary = vec![];
        for input in work.inputs.iter().enumerate().filter(|(index, _)| *index != place).map(|(_, it)| it) {
            secondary.push((identifier(&input.name), input.clone()));
        }
        Ok(Self { primary: work.inputs[place].clone(), secondary })
    }
}
