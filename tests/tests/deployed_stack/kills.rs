//! Functions that are killed in the middle of their work lose nothing and do nothing twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_sqs::types::QueueAttributeName;
use penstock_testkit::dice::Dice;
use serde_json::json;

use crate::client::Client;
use crate::lambda::invoke;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{Stack, alone, until};

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo hi\nartifacts:\n  files: ['buildspec.yml']\n";
/// How many processes are killed at least.
const KILLS: usize = 12;
/// Each of these is killed in the middle of an invocation at least once: idle processes have nothing to lose.
const HIT: [&str; 3] = ["TransitionFunction", "ActionFunction", "ArtifactFunction"];
/// How long it may take to hit all of them.
const LONG: Duration = Duration::from_secs(240);
/// How often what is due is woken while the test waits.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(5);
/// How often is looked whether a function is at work: it is for some tens of milliseconds.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// The pauses between them, in milliseconds.
const PAUSES: [u64; 5] = [20, 50, 100, 200, 400];

#[tokio::test]
async fn functions_that_are_killed_lose_nothing() {
    let mut turn = alone().await;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos().into()
    });
    println!("SEED={seed}");
    let mut dice = Dice::new(seed);
    let client = Client::new();
    let stack = client.stack;
    let sqs = aws_sdk_sqs::Client::new(&stack.sdk());
    // A message whose function died is seen again after six of the function's time limits; the test does not wait so long.
    for queue in ["CommandQueue", "ActionQueue", "ArtifactQueue"] {
        let attributes = sqs.set_queue_attributes().queue_url(stack.resource(queue));
        attributes.attributes(QueueAttributeName::VisibilityTimeout, "5").send().await.unwrap();
    }
    let names: Vec<String> = (1..=4).map(|number| format!("killed-{number}")).collect();
    let hits = Hits::begin(stack);
    let mut pushes = BTreeMap::new();
    for name in &names {
        Pipeline::new(stack, name).build(stack).create(&client).await;
        push(&client, name, &mut pushes).await;
    }
    let all: Vec<&str> =
        stack.resources.keys().map(String::as_str).filter(|it| it.ends_with("Function")).collect();
    let mut killed = 0;
    while killed < KILLS {
        killed += usize::from(kill_one(stack, &mut dice, &all));
        tokio::time::sleep(Duration::from_millis(*dice.pick(&PAUSES))).await;
    }
    let deadline = Instant::now() + LONG;
    for function in HIT {
        while hits.of(function) == 0 {
            assert!(Instant::now() < deadline, "{killed} kills hit no {function} at work");
            // The process that comes after it comes for an invocation.
            while kill_one(stack, &mut dice, &[function]) {}
            push(&client, dice.pick::<String>(&names), &mut pushes).await;
            kill_at_work(stack, function, deadline).await;
            killed += 1;
            // The emulator notices it within its next look.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    println!("{killed} kills, in the middle of an invocation: {:?}", HIT.map(|it| hits.of(it)));
    turn.let_others_go_on();
    for (name, pushes) in pushes {
        until(&format!("{name} to succeed"), async || {
            // What was claimed is free again after a minute; the test does not wait for the next sweep as well.
            invoke(stack, "SweeperFunction", &json!({})).await;
            tokio::time::sleep(BETWEEN_SWEEPS).await;
            let ended = client.executions(&name).await;
            assert!(
                ended.iter().all(|it| it["status"] != "Failed" && it["status"] != "Stopped"),
                "{ended:?}"
            );
            (ended.len() == pushes && ended.iter().all(|it| it["status"] == "Succeeded")).then_some(())
        })
        .await;
        assert_eq!(
            stack.code_build.builds(&format!("penstock-{name}")).len(),
            pushes,
            "{name}: a build each"
        );
    }
}

/// A person's webhook is not lost either: what was not accepted, GitHub shows, and one delivers it again.
async fn push(client: &Client, name: &str, pushes: &mut BTreeMap<String, usize>) {
    let number = pushes.entry(name.to_owned()).or_default();
    *number += 1;
    let text = format!("{BUILDSPEC}# {number}\n");
    let files = [("buildspec.yml", text.as_str())];
    let delivery =
        Delivery::of_push(client, &format!("{name}-{number}"), &format!("acme/{name}"), &files).await;
    until("the delivery to be accepted", async || (delivery.send(client).await.0 == 202).then_some(())).await;
}

/// Invocations that were broken off by the end of their process: the emulator tells of each in its log.
struct Hits<'a> {
    stack: &'a Stack,
    begun: usize,
}

impl<'a> Hits<'a> {
    fn begin(stack: &'a Stack) -> Self {
        Self { stack, begun: fs::read(log(stack)).unwrap().len() }
    }

    fn of(&self, function: &str) -> usize {
        let text = fs::read(log(self.stack)).unwrap();
        let text = String::from_utf8_lossy(&text[self.begun..]).into_owned();
        let name = self.stack.resource(function);
        text.matches(&format!("Lambda {name}: Runtime exited before returning a response")).count()
    }
}

fn log(stack: &Stack) -> std::path::PathBuf {
    stack.emulator.folder().join("log")
}

/// Kills one of the processes in which these functions run, if there is one.
fn kill_one(stack: &Stack, dice: &mut Dice, functions: &[&str]) -> bool {
    let running = running(stack, functions);
    if running.is_empty() {
        return false;
    }
    kill(dice.pick::<String>(&running))
}

/// Kills `function` as soon as it has called AWS, which none does before it has an invocation.
async fn kill_at_work(stack: &Stack, function: &str, deadline: Instant) {
    loop {
        if let Some(id) = running(stack, &[function]).iter().find(|id| has_called(id, stack.emulator.port()))
        {
            return assert!(kill(id));
        }
        assert!(Instant::now() < deadline, "no {function} at work");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Whether a process has a connection to this port of the loopback interface.
fn has_called(process: &str, port: u16) -> bool {
    let far = format!(":{port:04X}");
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let sockets: Vec<String> = rows
        .filter(|row| row.len() > 9 && row[2].ends_with(&far))
        .map(|row| format!("socket:[{}]", row[9]))
        .collect();
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let mut open = open.filter_map(|it| fs::read_link(it.path()).ok());
    open.any(|it| sockets.iter().any(|socket| it.as_os_str() == socket.as_str()))
}

fn kill(process: &str) -> bool {
    std::process::Command::new("kill").args(["-9", process]).status().unwrap().success()
}

/// The processes in which the emulator runs these functions, by their ids.
fn running(stack: &Stack, functions: &[&str]) -> Vec<String> {
    let place = format!("ministack-provided-code-{}", stack.emulator.port());
    let names = functions.iter().map(|it| format!("AWS_LAMBDA_FUNCTION_NAME={}", stack.resource(it)));
    let names: Vec<String> = names.collect();
    let is_one = |id: &String| {
        let of = Path::new("/proc").join(id);
        let program = fs::read_link(of.join("exe")).unwrap_or_default();
        let environment = fs::read(of.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        program.to_string_lossy().contains(&place)
            && variables.any(|variable| names.iter().any(|name| name.as_bytes() == variable))
    };
    let ids = fs::read_dir("/proc").unwrap().filter_map(|it| it.unwrap().file_name().into_string().ok());
    ids.filter(|id| id.parse::<u32>().is_ok()).filter(is_one).collect()
}
