//! A function as it is measured: started with the environment of the template, invoked with something cheap.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::process::{Child, Command};

use crate::events;
use crate::runtime::Runtime;

/// One of the nine.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// What its warm time is the time of.
    pub(crate) invocation: &'static str,
    small: bool,
    event: fn() -> Json,
}

/// What a function is to reach.
pub(crate) struct Reach {
    pub(crate) megabytes: f64,
    pub(crate) milliseconds: f64,
    pub(crate) memory: f64,
}

const fn function(
    name: &'static str,
    small: bool,
    invocation: &'static str,
    event: fn() -> Json,
) -> Function {
    Function { name, invocation, small, event }
}

/// All of them.
pub(crate) const ALL: &[Function; 9] = &[
    function("webhook", true, "a signed ping", events::ping),
    function("transition", true, "an empty batch", events::no_records),
    function("approval", true, "a link that nobody was sent", events::unknown_link),
    function("sweeper", true, "a sweep that finds nothing, its calls answered at once", events::schedule),
    function("api", false, "ListPipelines of none, its calls answered at once", events::list_pipelines),
    function("action", false, "an empty batch", events::no_records),
    function("artifact", false, "an empty batch", events::no_records),
    function("notification", false, "an empty batch", events::no_records),
    function("observer", false, "an event of another service", events::foreign_event),
];

impl Function {
    /// The event of its invocation.
    pub(crate) fn event(&self) -> Json {
        (self.event)()
    }

    /// Smaller for those that people, GitHub or every step wait for.
    pub(crate) fn reach(&self) -> Reach {
        if self.small {
            Reach { megabytes: 8.0, milliseconds: 10.0, memory: 15.0 }
        } else {
            Reach { megabytes: 16.0, milliseconds: 20.0, memory: 25.0 }
        }
    }
}

/// A function that has asked for its first invocation.
pub(crate) struct Started {
    pub(crate) cold: Duration,
    runtime: Runtime,
    process: Child,
}

impl Started {
    /// Starts `program` and waits until it asks.
    pub(crate) async fn start(program: &Path, function: &Function) -> Self {
        let mut runtime = Runtime::serve().await;
        let mut command = Command::new(program);
        command.env_clear().envs(environment(&runtime, function.name));
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        let begun = Instant::now();
        let process = command.kill_on_drop(true).spawn().expect("the function starts");
        let asked = runtime.asked().await;
        Self { cold: asked - begun, runtime, process }
    }

    /// From handing out `event` to its answer.
    pub(crate) async fn invoke(&mut self, event: Json) -> Duration {
        self.runtime.invoke(event).await
    }

    /// The most memory that was resident, in MB.
    pub(crate) fn peak_memory(&self) -> f64 {
        let process = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak memory");
        let kibibytes = line.split_whitespace().nth(1).and_then(|it| it.parse::<f64>().ok());
        kibibytes.expect("a number") * 1024.0 / 1e6
    }

    /// Ends the process.
    pub(crate) async fn end(mut self) {
        self.process.kill().await.expect("it runs until it is ended");
    }
}

/// What Lambda sets, and what the template does.
fn environment(runtime: &Runtime, name: &str) -> Vec<(&'static str, String)> {
    let queue = |name: &str| format!("{}/000000000000/{name}", runtime.url());
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:us-east-1:000000000000:{name}");
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime.url().trim_start_matches("http://").to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "measured".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "measured".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", runtime.url()),
        ("STACK_NAME", "measured".to_owned()),
        ("TABLE_NAME", "table".to_owned()),
        ("ARTIFACT_BUCKET", "bucket".to_owned()),
        ("COMMAND_QUEUE_URL", queue("commands.fifo")),
        ("COMMAND_DEAD_LETTERS_URL", queue("command-dead-letters.fifo")),
        ("ACTION_QUEUE_URL", queue("actions")),
        ("ARTIFACT_QUEUE_URL", queue("artifacts")),
        ("DEAD_LETTER_QUEUE_URLS", ["a", "b", "c", "d"].map(queue).join(",")),
        ("OTHER_LETTER_QUEUE_URLS", ["e", "f", "g"].map(queue).join(",")),
        ("DEFAULT_BRANCH", "main".to_owned()),
        ("API_ENDPOINT", runtime.url()),
        ("NOTIFICATION_QUEUE_URL", queue("notifications")),
        ("TRANSITION_FUNCTION", "transition".to_owned()),
        ("BASE_URL", runtime.url()),
        ("ACCOUNT_ID", "000000000000".to_owned()),
        ("WEBHOOK_SECRET_ARN", arn("secretsmanager", "secret:webhook")),
        ("APPROVAL_KEY_ARN", arn("secretsmanager", "secret:approval")),
        ("APPROVAL_TOPIC_ARN", arn("sns", "approvals")),
        ("FAILURE_TOPIC_ARN", arn("sns", "failures")),
        ("DEFAULT_ACTION_ROLE_ARN", "arn:aws:iam::000000000000:role/actions".to_owned()),
        ("EXTERNAL_ID", "measured".to_owned()),
        ("COMMANDS_PROJECT", "commands".to_owned()),
    ]
}
