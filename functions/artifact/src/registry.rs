//! The sources of this function, by the kind of action.

use std::sync::Arc;

use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Provider, Providers};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::{S3Artifacts, SourceArtifacts};
use penstock_aws::default_role::DefaultRoleProviders;
use penstock_aws::environment::{optional, required};
use penstock_aws::provider::s3_source::S3Source;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::store::TableStore;
use penstock_github::api::DEFAULT_BASE_URL;
use penstock_github::source::GitHubSource;
use penstock_model::diagnostic::Diagnostic;
use penstock_model::pipeline::{ActionType, Category, Pipeline};

/// The sources.
pub(crate) struct Registry {
    github: Arc<dyn Provider>,
    buckets: Arc<dyn Provider>,
}

impl Registry {
    /// As the environment says.
    pub(crate) fn from_environment(sdk: &Sdk, store: Arc<TableStore>) -> Result<Self, PortError> {
        let access = Access::new(sdk.clone(), optional("DEFAULT_ACTION_ROLE_ARN"), optional("EXTERNAL_ID"));
        let own = S3Artifacts::new(sdk, &required("ARTIFACT_BUCKET")?);
        let artifacts: Arc<dyn Artifacts> = Arc::new(SourceArtifacts::new(own, access.clone()));
        let api = optional("GITHUB_API_URL").unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        let github = GitHubSource::new(
            api,
            Arc::new(AwsSecrets::with_parameters(sdk)),
            artifacts.clone(),
            store.clone(),
        );
        let github = match optional("GITHUB_TOKEN_ARN") {
            Some(secret) => github.with_token_from(&secret),
            None => github,
        };
        let without_role = WithoutRole::of("S3", &DefaultRoleProviders::from_environment()?);
        Ok(Self {
            github: Arc::new(github),
            buckets: Arc::new(S3Source::new(access, artifacts, store, without_role)),
        })
    }
}

impl Providers for Registry {
    fn find(&self, action: &ActionType) -> Option<Arc<dyn Provider>> {
        match (action.category, action.provider.as_str()) {
            (Category::Source, _) if action.is_github_source() => Some(Arc::clone(&self.github)),
            (Category::Source, "S3") => Some(Arc::clone(&self.buckets)),
            (
                Category::Source
                | Category::Build
                | Category::Test
                | Category::Compute
                | Category::Deploy
                | Category::Invoke
                | Category::Approval,
                _,
            ) => None,
        }
    }

    fn refuse(&self, _pipeline: &Pipeline) -> Vec<Diagnostic> {
        vec![]
    }
}
