//! The deployed stack, one for all tests of the target: each has pipelines and repositories of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::types::ParameterType;
use penstock_aws::sdk::http_client;
use penstock_testkit::emulator::{Emulator, MiniStack};
use penstock_testkit::python::{Environment, Requirements};
use penstock_tests::code_build_stand_in::{CodeBuildStandIn, Settings};
use penstock_tests::git_hub_stand_in::GitHubStandIn;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::amendments;
use crate::build::{architecture, build, sam, succeed};

/// The stack's name.
pub(crate) const NAME: &str = "penstock-test";
/// The token with which statuses are set.
pub(crate) const TOKEN: &str = "github-t0ken";
/// The bucket whose uploads start pipelines.
pub(crate) const UPLOADS: &str = "penstock-test-uploads";
/// How long anything here may take.
const LONG: Duration = Duration::from_secs(300);

static STACK: LazyLock<Stack> = LazyLock::new(|| {
    let deploying = || tokio::runtime::Runtime::new().unwrap().block_on(Stack::deploy());
    // A runtime may not be waited for within another, such as a test's.
    std::thread::scope(|scope| scope.spawn(deploying).join().unwrap())
});

/// Held by tests that share the stack with others, and alone by those that disturb it.
static TURNS: RwLock<()> = RwLock::const_new(());

/// How many turns are over.
static OVER: AtomicUsize = AtomicUsize::new(0);

/// A test's turn, which ends when it is dropped.
pub(crate) struct Turn<G> {
    held: Option<G>,
}

impl<G> Turn<G> {
    /// Whatever others do from here on disturbs this test no more, nor it them.
    pub(crate) fn let_others_go_on(&mut self) {
        self.held = None;
    }
}

impl<G> Drop for Turn<G> {
    fn drop(&mut self) {
        OVER.fetch_add(1, Ordering::SeqCst);
    }
}

/// For a test that others may run beside.
pub(crate) async fn beside_others() -> Turn<RwLockReadGuard<'static, ()>> {
    Turn { held: Some(TURNS.read().await) }
}

/// For a test that breaks the stack or changes it.
pub(crate) async fn alone() -> Turn<RwLockWriteGuard<'static, ()>> {
    Turn { held: Some(TURNS.write().await) }
}

/// How many tests have had their turn.
pub(crate) fn turns_over() -> usize {
    OVER.load(Ordering::SeqCst)
}

/// Everything that runs.
pub(crate) struct Stack {
    pub(crate) emulator: Emulator,
    pub(crate) git_hub: GitHubStandIn,
    pub(crate) code_build: CodeBuildStandIn,
    /// Since when the emulator runs.
    pub(crate) begun: SystemTime,
    pub(crate) template: PathBuf,
    /// What it was deployed with, `NAME=VALUE`.
    pub(crate) parameters: Vec<String>,
    /// What the stack prints.
    pub(crate) outputs: BTreeMap<String, String>,
    /// The names of its resources, by their names in the template.
    pub(crate) resources: BTreeMap<String, String>,
}

/// The stack; whoever asks first deploys it.
pub(crate) fn stack() -> &'static Stack {
    &STACK
}

impl Stack {
    async fn deploy() -> Self {
        let template = build();
        let begun = SystemTime::now();
        let emulator = MiniStack::new().auth(true).start();
        let git_hub = GitHubStandIn::start();
        let programs = Environment::of(Requirements::Emulators).programs();
        let code_build =
            CodeBuildStandIn::start(Settings::new(&emulator.url()).checking_requests_with(&programs));
        let mut stack = Self {
            emulator,
            git_hub,
            code_build,
            begun,
            template,
            parameters: vec![],
            outputs: BTreeMap::new(),
            resources: BTreeMap::new(),
        };
        stack.parameters = vec![
            architecture(),
            "KeepData=Delete".to_owned(),
            "ProjectPattern=penstock-*".to_owned(),
            "LogFilter=info,penstock::calls=debug".to_owned(),
            format!("GitHubApiUrl={}", stack.git_hub.url()),
            format!("GitHubTokenArn={}", stack.token().await),
        ];
        if crate::WITH_ALL_PARAMETERS {
            stack.parameters.push("EventBusName=default".to_owned());
            stack.parameters.push(format!("SourceBuckets={UPLOADS}"));
        }
        stack.sam_deploy(&stack.template, &[]).await;
        (stack.outputs, stack.resources) = stack.described().await;
        amendments::make(&stack).await;
        stack.code_build.send_events_to(Some(stack.resource("ObserverFunction")));
        stack
    }

    /// The ARN of the stored token. The stack's own secrets lie in Secrets Manager, so here it is a parameter too.
    async fn token(&self) -> String {
        if crate::WITH_ALL_PARAMETERS {
            let ssm = aws_sdk_ssm::Client::new(&self.sdk());
            let name = "/penstock/github-token";
            let put = ssm.put_parameter().name(name).value(TOKEN).r#type(ParameterType::SecureString);
            put.send().await.unwrap();
            let stored = ssm.get_parameter().name(name).send().await.unwrap();
            return stored.parameter.unwrap().arn.unwrap();
        }
        let secrets = aws_sdk_secretsmanager::Client::new(&self.sdk());
        secrets.create_secret().name("github").secret_string(TOKEN).send().await.unwrap().arn.unwrap()
    }

    /// `sam deploy` of what was built at `template`, with these parameters besides.
    pub(crate) async fn sam_deploy(&self, template: &Path, more: &[&str]) {
        let mut command = sam();
        command.arg("deploy").arg("--template-file").arg(template).args(["--stack-name", NAME]);
        command.args(["--resolve-s3", "--no-confirm-changeset", "--no-progressbar"]);
        command.args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]);
        command.arg("--parameter-overrides").args(&self.parameters).args(more);
        command.envs(self.emulator.environment());
        tokio::task::spawn_blocking(move || succeed(&mut command)).await.unwrap();
    }

    async fn described(&self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let client = aws_sdk_cloudformation::Client::new(&self.sdk());
        let stacks = client.describe_stacks().stack_name(NAME).send().await.unwrap();
        let outputs = stacks.stacks()[0].outputs().iter();
        let outputs =
            outputs.map(|it| (it.output_key().unwrap().to_owned(), it.output_value().unwrap().to_owned()));
        let resources = client.describe_stack_resources().stack_name(NAME).send().await.unwrap();
        let resources = resources.stack_resources().iter().map(|it| {
            (it.logical_resource_id().unwrap().to_owned(), it.physical_resource_id().unwrap().to_owned())
        });
        (outputs.collect(), resources.collect())
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack prints no {name}"))
    }

    /// The name of a resource of the stack.
    pub(crate) fn resource(&self, name: &str) -> &str {
        self.resources.get(name).unwrap_or_else(|| panic!("the stack has no {name}"))
    }

    /// The configuration of an administrator's clients, whom the emulator asks no rights.
    pub(crate) fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(self.emulator.url())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client())
            .build()
    }

    /// Where `path` of the stack's HTTP API is reached: the emulator's names of hosts are not everywhere resolved.
    pub(crate) fn url(&self, path: &str) -> String {
        let host = self.output("ApiUrl").trim_start_matches("http://");
        let api = host.split('.').next().unwrap();
        format!("{}/_aws/execute-api/{api}/$default{path}", self.emulator.url())
    }
}

/// What `look` finds, as soon as it finds something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "still not there: {what}; the emulator says:\n{}",
            stack().emulator.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
