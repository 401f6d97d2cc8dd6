//! What a build starts from: its sources out of S3, its buildspec, its variables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_archive::{Limits, extract};
use penstock_buildspec::{Buildspec, SecretReference, Variable, VariableValue, parse};
use penstock_model::diagnostic::refuses;
use serde_json::Value as Json;

use super::{Project, State};

/// The folders of the sources.
pub(super) struct Sources {
    pub(super) primary: PathBuf,
    pub(super) secondary: Vec<(String, PathBuf)>,
}

/// Fetches and unpacks the sources of `request` below `folder`.
pub(super) async fn fetch(state: &State, request: &Json, folder: &Path) -> Result<Sources, String> {
    let primary = folder.join("src");
    std::fs::create_dir(&primary).map_err(|error| error.to_string())?;
    if request["sourceTypeOverride"] == "S3" {
        let (location, version) = (&request["sourceLocationOverride"], &request["sourceVersion"]);
        one(state, location, version, &primary).await?;
    }
    let mut secondary = vec![];
    for source in request["secondarySourcesOverride"].as_array().into_iter().flatten() {
        let name = source["sourceIdentifier"].as_str().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("`{name}` is no source identifier: letters, digits and underscores are"));
        }
        let versions = request["secondarySourcesVersionOverride"].as_array();
        let version = versions.into_iter().flatten().find(|version| version["sourceIdentifier"] == name);
        let version = version.map_or(&Json::Null, |version| &version["sourceVersion"]);
        let into = folder.join(format!("src-{name}"));
        one(state, &source["location"], version, &into).await?;
        secondary.push((name.to_owned(), into));
    }
    Ok(Sources { primary, secondary })
}

async fn one(state: &State, location: &Json, version: &Json, into: &Path) -> Result<(), String> {
    let location = location.as_str().unwrap_or_default();
    let (bucket, key) =
        location.split_once('/').ok_or_else(|| format!("`{location}` is no bucket and key"))?;
    let bytes = state.emulator.get_object(bucket, key, version.as_str()).await?;
    let zip = into.with_extension("zip");
    std::fs::write(&zip, bytes).map_err(|error| error.to_string())?;
    extract(&zip, into, Limits::default()).map_err(|error| error.to_string())?;
    Ok(())
}

/// The buildspec: the request's, else the project's, else the source's `buildspec.yml`.
pub(super) async fn buildspec(
    state: &State,
    project: &Project,
    request: &Json,
    source: &Path,
) -> Result<Arc<Buildspec>, String> {
    let wanted = request["buildspecOverride"].as_str().or(project.buildspec.as_deref());
    let text = match wanted {
        Some(text) if text.trim().contains('\n') || text.trim_start().starts_with('{') => text.to_owned(),
        Some(arn) if arn.starts_with("arn:aws:s3:::") => {
            let (bucket, key) = arn["arn:aws:s3:::".len()..].split_once('/').ok_or("no key in the ARN")?;
            let bytes = state.emulator.get_object(bucket, key, None).await?;
            String::from_utf8(bytes).map_err(|error| error.to_string())?
        }
        path => {
            let path = source.join(path.unwrap_or("buildspec.yml"));
            std::fs::read_to_string(&path).map_err(|error| {
                let name = path.strip_prefix(source).unwrap_or(&path).display().to_string();
                format!("stat {name}: {error}")
            })?
        }
    };
    let parsed = parse(&text);
    let refused = refuses(&parsed.diagnostics);
    let said = || parsed.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match parsed.buildspec {
        Some(buildspec) if !refused => Ok(Arc::new(buildspec)),
        Some(_) | None => Err(said()),
    }
}

/// The variables that `StartBuild` gives.
pub(super) fn variables(request: &Json) -> Result<Vec<Variable>, String> {
    let entries = request["environmentVariablesOverride"].as_array();
    entries.into_iter().flatten().map(variable).collect()
}

fn variable(entry: &Json) -> Result<Variable, String> {
    let value = entry["value"].as_str().unwrap_or_default().to_owned();
    let value = match entry["type"].as_str() {
        Some("PARAMETER_STORE") => VariableValue::Parameter(value),
        Some("SECRETS_MANAGER") => VariableValue::Secret(SecretReference::parse(&value)?),
        Some(_) | None => VariableValue::Plaintext(value),
    };
    Ok(Variable { name: entry["name"].as_str().unwrap_or_default().to_owned(), value })
}
