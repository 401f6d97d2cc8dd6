//! The providers of this function, by the kind of action.

use std::sync::Arc;

use penstock_app::port::PortError;
use penstock_app::port::clock::SystemClock;
use penstock_app::port::provider::{Provider, Providers};
use penstock_archive::Limits;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::default_role::DefaultRoleProviders;
use penstock_aws::environment::{optional, required};
use penstock_aws::offered::Offered;
use penstock_aws::offered::network::Network;
use penstock_aws::provider::cloudformation::CloudFormation;
use penstock_aws::provider::codebuild::CodeBuild;
use penstock_aws::provider::codedeploy::{CodeDeploy, CodeDeployToEcs};
use penstock_aws::provider::commands::Commands;
use penstock_aws::provider::ecs::Ecs;
use penstock_aws::provider::handover::Handover;
use penstock_aws::provider::lambda::LambdaInvoke;
use penstock_aws::provider::s3_deploy::S3Deploy;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_model::diagnostic::Diagnostic;
use penstock_model::pipeline::{ActionType, Category, Pipeline};

/// The most bytes that an artifact may extract to: the function's disk has 10 GiB, and the zip lies there too.
const EXTRACTED: u64 = 6 << 30;

/// The providers.
pub(crate) struct Registry {
    builds: Arc<dyn Provider>,
    commands: Arc<dyn Provider>,
    code_deploy: Arc<dyn Provider>,
    code_deploy_to_ecs: Arc<dyn Provider>,
    stacks: Arc<dyn Provider>,
    services: Arc<dyn Provider>,
    buckets: Arc<dyn Provider>,
    functions: Arc<dyn Provider>,
    offered: Offered,
}

impl Registry {
    /// As the environment says.
    pub(crate) fn from_environment(sdk: &Sdk, store: &Arc<TableStore>) -> Result<Self, PortError> {
        let bucket = required("ARTIFACT_BUCKET")?;
        let access = Access::new(sdk.clone(), optional("DEFAULT_ACTION_ROLE_ARN"), optional("EXTERNAL_ID"));
        let artifacts = Arc::new(S3Artifacts::new(sdk, &bucket));
        let logs = AttemptLogs::new(sdk, &bucket);
        let limits = Limits { bytes: EXTRACTED, ..Limits::default() };
        let clock = Arc::new(SystemClock);
        let served = DefaultRoleProviders::from_environment()?;
        let role = |provider: &str| WithoutRole::of(provider, &served);
        let builds = CodeBuild::new(access.clone(), &bucket, logs.clone());
        let commands = Commands::new(access.clone(), &bucket, logs.clone(), required("COMMANDS_PROJECT")?);
        let network = Network::from_environment();
        let commands = commands.in_network(network.clone());
        let code_deploy = CodeDeploy::new(access.clone(), artifacts.clone(), role("CodeDeploy"));
        let to_ecs = CodeDeployToEcs::new(access.clone(), artifacts.clone(), role("CodeDeployToECS"));
        let stacks = CloudFormation::new(access.clone(), artifacts.clone(), role("CloudFormation"));
        let services = Ecs::new(access.clone(), artifacts.clone(), clock.clone(), role("ECS"));
        let buckets = S3Deploy::new(access.clone(), artifacts.clone(), store.clone(), role("S3"), limits);
        let buckets = buckets.with_logs(logs.clone());
        let account = required("ACCOUNT_ID")?;
        let functions = LambdaInvoke::new(
            access.clone(),
            artifacts.clone(),
            store.clone(),
            clock,
            account,
            role("Lambda"),
        );
        let handover = |inner: Arc<dyn Provider>, provider: &str| {
            Handover::new(inner, access.clone(), S3Artifacts::clone(&artifacts), role(provider))
        };
        Ok(Self {
            builds: Arc::new(handover(Arc::new(builds), "CodeBuild")),
            commands: Arc::new(handover(Arc::new(commands), "Commands")),
            code_deploy: Arc::new(handover(Arc::new(code_deploy), "CodeDeploy")),
            code_deploy_to_ecs: Arc::new(handover(Arc::new(to_ecs), "CodeDeployToECS")),
            stacks: Arc::new(handover(Arc::new(stacks), "CloudFormation").throughout()),
            services: Arc::new(handover(Arc::new(services), "ECS")),
            buckets: Arc::new(handover(Arc::new(buckets), "S3")),
            functions: Arc::new(handover(Arc::new(functions), "Lambda").throughout()),
            offered: Offered::new(sdk.region(), served).with_network(network),
        })
    }
}

impl Providers for Registry {
    fn find(&self, action: &ActionType) -> Option<Arc<dyn Provider>> {
        let found = match (action.category, action.provider.as_str()) {
            (Category::Build | Category::Test, "CodeBuild") => &self.builds,
            (Category::Compute | Category::Build | Category::Test, "Commands") => &self.commands,
            (Category::Deploy, "CodeDeploy") => &self.code_deploy,
            (Category::Deploy, "CodeDeployToECS") => &self.code_deploy_to_ecs,
            (Category::Deploy, "CloudFormation") => &self.stacks,
            (Category::Deploy, "ECS") => &self.services,
            (Category::Deploy, "S3") => &self.buckets,
            (Category::Invoke, "Lambda") => &self.functions,
            (
                Category::Source
                | Category::Build
                | Category::Test
                | Category::Compute
                | Category::Deploy
                | Category::Invoke
                | Category::Approval,
                _,
            ) => return None,
        };
        Some(Arc::clone(found))
    }

    fn refuse(&self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        self.offered.refuse(pipeline)
    }
}
