//! What creating, updating and changing have in common: the template and its parameters, out of input artifacts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, Parameter, Tag};
use aws_sdk_s3::presigning::PresigningConfig;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Work;
use penstock_model::id::ArtifactName;
use tempfile::TempDir;

use super::parameters::{Configuration, files, merged};
use crate::artifacts::S3Artifacts;
use crate::bucket;
use crate::offered::cloudformation::{FileOf, Settings};
use crate::provider::failure::Failure;

/// The largest template that a call takes (`CloudFormation` user guide, "Quotas").
const MAX_BODY: usize = 51_200;
/// The largest template in S3.
const MAX_TEMPLATE: u64 = 1 << 20;
/// The largest configuration or parameter file.
const MAX_FILE: u64 = 1 << 20;
/// How long the link to a template in S3 is good; it is read while the call lasts.
const LINK: Duration = Duration::from_secs(15 * 60);
/// The artifact under which a template too large for a call is stored.
const TEMPLATE: &str = "penstock-template";

/// The common part of the calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) body: Option<String>,
    pub(super) url: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) capabilities: Vec<Capability>,
    pub(super) policy: Option<String>,
}

impl Request {
    /// Reads what `settings` name; `region` is where the stack is.
    pub(super) async fn read(
        settings: &Settings,
        work: &Work,
        artifacts: &S3Artifacts,
        region: &str,
    ) -> Result<Self, Failure> {
        let mut inputs = Inputs::new(work, artifacts)?;
        let configuration = match &settings.template_configuration {
            Some(file) => {
                let content = inputs.text(file, MAX_FILE).await?;
                Configuration::read(file, &content).map_err(Failure::configuration)?
            }
            None => Configuration::default(),
        };
        let mut contents = BTreeMap::new();
        for file in files(&settings.overrides) {
            contents.insert(file.clone(), inputs.text(file, MAX_FILE).await?);
        }
        let parameters =
            merged(configuration.parameters, &settings.overrides, &work.inputs, region, &contents)
                .map_err(Failure::configuration)?;
        let mut request = Self {
            parameters: parameters.into_iter().map(parameter).collect(),
            tags: configuration.tags.map(|tags| tags.into_iter().map(tag).collect()),
            capabilities: settings.capabilities.iter().map(|it| Capability::from(it.as_str())).collect(),
            policy: configuration.stack_policy,
            ..Self::default()
        };
        if let Some(file) = &settings.template {
            let template = inputs.text(file, MAX_TEMPLATE).await?;
            if template.len() <= MAX_BODY {
                request.body = Some(template);
            } else {
                request.url = Some(inputs.link(template).await?);
            }
        }
        Ok(request)
    }
}

fn parameter((name, value): (String, String)) -> Parameter {
    Parameter::builder().parameter_key(name).parameter_value(value).build()
}

fn tag((key, value): (String, String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// The input artifacts, each fetched once.
struct Inputs<'a> {
    work: &'a Work,
    artifacts: &'a S3Artifacts,
    folder: TempDir,
    fetched: BTreeMap<String, PathBuf>,
}

impl<'a> Inputs<'a> {
    fn new(work: &'a Work, artifacts: &'a S3Artifacts) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| no_space(&error))?;
        Ok(Self { work, artifacts, folder, fetched: BTreeMap::new() })
    }

    async fn text(&mut self, file: &FileOf, limit: u64) -> Result<String, Failure> {
        let zip = self.zip(&file.artifact).await?;
        let place = format!("`{}::{}`", file.artifact, file.path.escape_debug());
        let path = file.path.clone();
        let read =
            tokio::task::spawn_blocking(move || penstock_archive::read_entry(&zip, &path, limit)).await;
        let read = read.map_err(|error| no_space(&error))?;
        let bytes =
            read.map_err(|error| Failure::configuration(format!("{place} cannot be read: {error}")))?;
        let bytes =
            bytes.ok_or_else(|| Failure::configuration(format!("the artifact has no file {place}")))?;
        String::from_utf8(bytes).map_err(|_| Failure::configuration(format!("{place} is no UTF-8 text")))
    }

    async fn zip(&mut self, artifact: &str) -> Result<PathBuf, Failure> {
        if let Some(path) = self.fetched.get(artifact) {
            return Ok(path.clone());
        }
        let found =
            self.work.inputs.iter().find(|input| input.name.as_str() == artifact).ok_or_else(|| {
                Failure::configuration(format!(
                    "`{}` is no input artifact of the action",
                    artifact.escape_debug()
                ))
            })?;
        let path = self.folder.path().join(format!("{}.zip", self.fetched.len()));
        self.artifacts.fetch(found, &path).await?;
        self.fetched.insert(artifact.to_owned(), path.clone());
        Ok(path)
    }

    /// Stores a template that is too large for a call as an object of the attempt; a link to it that only
    /// `CloudFormation` gets to see.
    async fn link(&self, template: String) -> Result<String, Failure> {
        let file = self.folder.path().join("template");
        tokio::fs::write(&file, template).await.map_err(|error| no_space(&error))?;
        let name = ArtifactName::new(TEMPLATE).map_err(|error| Failure::job(error.to_string()))?;
        let work = self.work;
        let stored = self.artifacts.put(&work.pipeline, &work.attempt, &name, &file).await?;
        let get = bucket::client(self.artifacts.sdk())
            .get_object()
            .bucket(&stored.bucket)
            .key(&stored.key)
            .set_version_id(stored.version_id.clone());
        let good = PresigningConfig::expires_in(LINK).map_err(|error| Failure::job(error.to_string()))?;
        let link = get.presigned(good).await;
        Ok(link.map_err(|error| Failure::of_call("sign a link to the template", &error))?.uri().to_owned())
    }
}

fn no_space(error: &dyn std::fmt::Display) -> Failure {
    Failure::Passing(penstock_app::port::PortError::transient(format!("read the input artifacts: {error}")))
}
