//! What each function weighs: size, cold start, memory, time of a warm invocation, from a built stack.
//!
//! `cargo bench --profile dev -p penstock-tests --bench functions`: only the device is built so; what is measured is what
//! `sam build` made. Runtime API and AWS are a process on loopback, so that no network is in the figures.

mod answers;
mod build;
mod events;
mod function;
mod runtime;

use std::time::Duration;

use build::Build;
use function::{Function, Started};

/// How often each function is started; the figures are medians.
const STARTS: usize = 21;
/// How many invocations of a warm function are measured, after some that are not.
const INVOCATIONS: usize = 200;
const WARMING: usize = 20;

fn main() {
    // `cargo test --benches` runs this with `--test`; benchmarks are for `cargo bench` only.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let build = match Build::find() {
        Ok(build) => build,
        Err(missing) => {
            eprintln!("{missing}");
            std::process::exit(1);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!(
        "| function | size (MB) | cold start (ms) | memory at first `next` (MB) | after an invocation (MB) | warm (ms) |"
    );
    println!("|---|---|---|---|---|---|");
    for function in function::ALL {
        let figures = runtime.block_on(measure(&build, function));
        println!("{}", figures.row(function));
    }
    let warm = function::ALL.iter().map(|it| format!("{}: {}", it.name, it.invocation));
    println!("\nWarm invocations: {}.", warm.collect::<Vec<_>>().join("; "));
    println!("A figure marked ! misses its reach.");
}

struct Figures {
    bytes: u64,
    cold: Duration,
    idle: f64,
    used: f64,
    warm: Duration,
}

async fn measure(build: &Build, function: &Function) -> Figures {
    let program = build.program(function);
    let (mut cold, mut idle, mut used) = (vec![], vec![], vec![]);
    let mut warm = vec![];
    for _ in 0..STARTS {
        let mut started = Started::start(&program, function).await;
        cold.push(started.cold);
        idle.push(started.peak_memory());
        started.invoke(function.event()).await;
        used.push(started.peak_memory());
        if warm.is_empty() {
            for _ in 0..WARMING {
                started.invoke(function.event()).await;
            }
            for _ in 0..INVOCATIONS {
                warm.push(started.invoke(function.event()).await);
            }
        }
        started.end().await;
    }
    let bytes = std::fs::metadata(&program).expect("the program").len();
    Figures {
        bytes,
        cold: median(cold, Duration::cmp),
        idle: median(idle, f64::total_cmp),
        used: median(used, f64::total_cmp),
        warm: median(warm, Duration::cmp),
    }
}

fn median<T: Copy>(mut samples: Vec<T>, compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> T {
    samples.sort_by(compare);
    samples[samples.len() / 2]
}

impl Figures {
    fn row(&self, function: &Function) -> String {
        let reach = function.reach();
        #[expect(clippy::cast_precision_loss, reason = "a program is far below 2^52 bytes")]
        let size = self.bytes as f64 / 1e6;
        let cold = self.cold.as_secs_f64() * 1e3;
        format!(
            "| {} | {} | {} | {:.1} | {} | {:.2} |",
            function.name,
            marked(size, reach.megabytes),
            marked(cold, reach.milliseconds),
            self.idle,
            marked(self.used, reach.memory),
            self.warm.as_secs_f64() * 1e3
        )
    }
}

fn marked(value: f64, reach: f64) -> String {
    format!("{value:.1}{}", if value > reach { " !" } else { "" })
}
