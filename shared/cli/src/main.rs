//! The `penstock` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    penstock_cli::run()
}
