//! The `penstock` program as a library: reads the command line, carries the command out, ends with the right exit code.

#[cfg(feature = "aws")]
mod aws;
mod client;
mod command;
mod definition;
mod demo;
mod endpoint;
mod exit;
mod follow;
mod in_process;
mod interrupt;
mod keyboard;
mod machine;
mod nonce;
mod reach;
mod server;
mod show;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use crate::client::Refused;
use crate::command::Program;
use crate::exit::Exit;
use crate::show::{clean, diagnostics, out};

/// Carries out what the command line says, and says how the program ends.
pub fn run() -> ExitCode {
    out::honour_no_color();
    let program = Program::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            out::note(format!("error: cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let result = runtime.block_on(program.carry_out());
    // A thread that waits for the keyboard must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => report(&error).into(),
    }
}

/// Says what went wrong, in words, and how the program ends.
fn report(error: &anyhow::Error) -> Exit {
    if exit::is_closed_pipe(error) {
        return Exit::Succeeded;
    }
    let label = console::style("error:").for_stderr().red().bold();
    out::note(format!("{label} {}", clean::clean(&format!("{error:#}"))));
    if let Some(Refused { diagnostics }) = error.downcast_ref() {
        for diagnostic in diagnostics {
            out::note(format!("  {}", diagnostics::line(diagnostic)));
        }
        return Exit::Misused;
    }
    exit::of(error)
}
