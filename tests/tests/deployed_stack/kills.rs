//! Functions that are killed in the middle of their work lose nothing and do nothing twice.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::QueueAttributeName;
use penstock_testkit::dice::Dice;

use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{Stack, alone, until};

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo hi\nartifacts:\n  files: ['buildspec.yml']\n";
/// How many processes are killed.
const KILLS: usize = 12;
/// The pauses between them, in milliseconds.
const PAUSES: [u64; 5] = [20, 50, 100, 200, 400];

#[tokio::test]
async fn functions_that_are_killed_lose_nothing() {
    let _turn = alone().await;
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
    for name in &names {
        Pipeline::new(stack, name).build(stack).create(&client).await;
        let files = [("buildspec.yml", BUILDSPEC)];
        let delivery = Delivery::of_push(&client, name, &format!("acme/{name}"), &files).await;
        // A person's webhook is not lost either: what was not accepted, GitHub shows, and one delivers it again.
        until("the delivery to be accepted", async || (delivery.send(&client).await.0 == 202).then_some(()))
            .await;
    }
    let mut killed = 0;
    while killed < KILLS {
        killed += usize::from(kill_one(stack, &mut dice));
        tokio::time::sleep(Duration::from_millis(*dice.pick(&PAUSES))).await;
    }
    for name in &names {
        client.until_execution(name, "Succeeded").await;
        assert_eq!(client.executions(name).await.len(), 1, "{name}");
        assert_eq!(stack.code_build.builds(&format!("penstock-{name}")).len(), 1, "{name}: one build");
    }
}

/// Kills one of the processes in which the emulator runs functions, if there is one.
fn kill_one(stack: &Stack, dice: &mut Dice) -> bool {
    let place = format!("ministack-provided-code-{}", stack.emulator.port());
    let running: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.parse::<u32>().is_ok())
        .filter(|name| {
            let program = std::fs::read_link(Path::new("/proc").join(name).join("exe"));
            program.is_ok_and(|program| program.to_string_lossy().contains(&place))
        })
        .collect();
    if running.is_empty() {
        return false;
    }
    let chosen = dice.pick(&running);
    std::process::Command::new("kill").args(["-9", chosen.as_str()]).status().unwrap().success()
}
