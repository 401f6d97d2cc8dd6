//! The environment of a build's commands, and the secrets in it.

use std::ffi::OsString;
use std::time::UNIX_EPOCH;

use super::request::{Request, Variable, VariableValue};
use crate::definition::Env;
use crate::secrets::Secrets;

/// Variables in the order in which they were set; a later one of the same name replaces the value.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.variables.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value.into(),
            None => self.variables.push((name.to_owned(), value.into())),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// For a process.
    pub(super) fn os(&self) -> Vec<(OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

/// Why the environment could not be made: a status code and a message of `CodeBuild`'s.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unavailable {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The environment, and the values that the log must not show.
pub(super) struct Prepared {
    pub(super) environment: Environment,
    pub(super) secrets: Vec<String>,
    /// Names set from secrets outside the buildspec, which may not be exported.
    pub(super) unexported: Vec<String>,
}

/// Puts the environment together: machine, buildspec, project, action, `CodeBuild`'s own; each wins over those before.
pub(super) async fn prepare(request: &Request) -> Result<Prepared, Unavailable> {
    let mut environment = Environment { variables: request.machine.clone() };
    let (mut secrets, mut unexported) = (Vec::new(), Vec::new());
    for variable in in_buildspec(&request.buildspec.env) {
        let (value, secret) = resolve(&*request.secrets, &variable.value).await?;
        environment.set(&variable.name, value.clone());
        secrets.extend(secret.then_some(value));
    }
    for variable in request.project_variables.iter().chain(&request.action_variables) {
        let (value, secret) = resolve(&*request.secrets, &variable.value).await?;
        environment.set(&variable.name, value.clone());
        if secret {
            secrets.push(value);
            unexported.push(variable.name.clone());
        }
    }
    reserved(request, &mut environment);
    Ok(Prepared { environment, secrets, unexported })
}

fn in_buildspec(env: &Env) -> Vec<Variable> {
    let variable = |name: &String, value| Variable { name: name.clone(), value };
    let plain =
        env.variables.iter().map(|(name, value)| variable(name, VariableValue::Plaintext(value.clone())));
    let parameters = env.parameter_store.iter();
    let parameters =
        parameters.map(|(name, parameter)| variable(name, VariableValue::Parameter(parameter.clone())));
    let secrets = env.secrets_manager.iter();
    let secrets = secrets.map(|(name, reference)| variable(name, VariableValue::Secret(reference.clone())));
    plain.chain(parameters).chain(secrets).collect()
}

/// The value, and whether it is secret.
async fn resolve(secrets: &dyn Secrets, value: &VariableValue) -> Result<(String, bool), Unavailable> {
    let (found, code) = match value {
        VariableValue::Plaintext(text) => return Ok((text.clone(), false)),
        VariableValue::Parameter(name) => (secrets.parameter(name).await, "Decrypted Variables Error"),
        VariableValue::Secret(reference) => (secrets.secret(reference).await, "Secrets Manager Error"),
    };
    let value = found.map_err(|error| Unavailable { code, message: error.to_string() })?;
    if value.contains('\0') {
        return Err(Unavailable {
            code,
            message: "the value holds a NUL character; no variable can hold it".into(),
        });
    }
    Ok((value, true))
}

/// The documented `CODEBUILD_*` variables, which nobody else may set.
fn reserved(request: &Request, environment: &mut Environment) {
    environment.variables.retain(|(name, _)| !name.starts_with("CODEBUILD_"));
    let build = &request.build;
    let (region, account, project) = (&build.region, &build.account, &build.project);
    let arn = |kind: &str| format!("arn:aws:codebuild:{region}:{account}:{kind}");
    let started = (request.now)().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let source = request.source.to_string_lossy();
    for (name, value) in [
        ("CODEBUILD_BUILD_ARN", arn(&format!("build/{project}:{}", build.id))),
        ("CODEBUILD_BUILD_ID", format!("{project}:{}", build.id)),
        ("CODEBUILD_BUILD_NUMBER", build.number.to_string()),
        ("CODEBUILD_BUILD_SUCCEEDING", "1".into()),
        ("CODEBUILD_CI", "true".into()),
        ("CODEBUILD_INITIATOR", build.initiator.clone()),
        // The key of S3's own encryption, which CodeBuild names where nobody chose one.
        ("CODEBUILD_KMS_KEY_ID", format!("arn:aws:kms:{region}:{account}:alias/aws/s3")),
        ("CODEBUILD_LOG_PATH", build.id.clone()),
        ("CODEBUILD_PROJECT_ARN", arn(&format!("project/{project}"))),
        ("CODEBUILD_SRC_DIR", source.clone().into_owned()),
        ("CODEBUILD_START_TIME", started.to_string()),
    ] {
        environment.set(name, value);
    }
    for (name, value) in [
        ("CODEBUILD_BUILD_IMAGE", &build.image),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", &build.resolved_source_version),
        ("CODEBUILD_SOURCE_VERSION", &build.source_version),
        ("CODEBUILD_SOURCE_REPO_URL", &build.source_repo_url),
        ("CODEBUILD_BATCH_BUILD_IDENTIFIER", &build.batch_identifier),
    ] {
        if let Some(value) = value {
            environment.set(name, value.clone());
        }
    }
    for (identifier, path) in &request.secondary_sources {
        environment.set(&format!("CODEBUILD_SRC_DIR_{identifier}"), path.to_string_lossy());
    }
    for (name, value) in &build.further {
        environment.set(name, value.clone());
    }
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if environment.get(name).is_none() {
            environment.set(name, region.clone());
        }
    }
    environment.set("PWD", source);
}
