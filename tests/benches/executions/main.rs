//! What an execution costs: a five-stage pipeline runs on the deployed stack, and every call of its functions is counted.
//!
//! `cargo bench --profile dev -p penstock-tests --bench executions`: the emulator's speed is not AWS's, so nothing here is a
//! time; what is counted is the same whatever the functions are optimised for. `PENSTOCK_BUILD` names a folder that
//! `sam build` has filled; without it, the functions are built as for the tests.
//!
//! AWS calls are counted at the SDK's connector: each is a line in its function's log. Reads and writes of `DynamoDB` pass a
//! meter between function and emulator, which works their units out from the items' bytes. Then 10,000 executions of
//! history are put into the table, and the same is counted again.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../../tests/deployed_stack/amendments.rs"]
mod amendments;
mod build;
#[path = "../../tests/deployed_stack/client.rs"]
#[expect(dead_code, reason = "the tests ask for more")]
mod client;
mod cost;
mod history;
mod idle;
mod items;
mod logs;
#[path = "../../tests/deployed_stack/mail.rs"]
mod mail;
mod meter;
#[path = "../../tests/deployed_stack/pipelines.rs"]
mod pipelines;
mod prices;
#[path = "../../tests/deployed_stack/push.rs"]
#[expect(dead_code, reason = "the tests ask for more")]
mod push;
mod report;
mod run;
#[path = "../../tests/deployed_stack/stack.rs"]
#[expect(dead_code, reason = "the tests ask for more")]
mod stack;
mod units;

use client::Client;
use cost::Cost;
use idle::Idle;
use logs::Logs;
use meter::Meter;
use report::Counted;
use run::Release;

/// Whether the stack is deployed with what few will ask of it too, as for the tests.
pub(crate) const WITH_ALL_PARAMETERS: bool = false;

/// How many executions are counted that follow one another, after one for which every function had to begin anew.
const COUNTED: usize = 6;
/// How many executions the history then has.
const HISTORY: u32 = 10_000;

fn main() {
    // `cargo test --benches` runs this with `--test`; benchmarks are for `cargo bench` only.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let client = Client::new();
    let meter = Meter::install(client.stack).await;
    let logs = Logs::new(client.stack);
    let mut release = Release::prepare(&client).await;
    let alone = count(&meter, &logs, &mut release, 1).await;
    println!("# By itself\n\n{alone}\n{}", Cost::by_itself(&alone));
    let young = count(&meter, &logs, &mut release, COUNTED).await;
    println!("# One after the other, with a short history\n\n{young}\n{}", Cost::of(&young));
    history::put(client.stack, run::PIPELINE, HISTORY).await;
    // What is kept for some minutes is old by now.
    release.run().await;
    let old = count(&meter, &logs, &mut release, COUNTED).await;
    println!("# With {HISTORY} executions of history\n\n{old}\n{}", Cost::of(&old));
    let (before, after) = (Cost::of(&young).total(), Cost::of(&old).total());
    println!("# When nothing happens\n\n{}", Idle::month());
    println!("With history it costs {:+.1} %.", (after / before - 1.0) * 100.0);
}

/// Counts everything that some executions do, from their push to the last message about them.
async fn count(meter: &Meter, logs: &Logs, release: &mut Release<'_>, executions: usize) -> Counted {
    let (begun, metered) = (logs.settled().await, meter.calls().len());
    for _ in 0..executions {
        release.run().await;
    }
    logs.settled().await;
    Counted::new(executions, logs.invocations_since(begun).await, &meter.calls(), metered)
}
