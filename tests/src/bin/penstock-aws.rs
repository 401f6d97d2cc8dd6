//! The `penstock` program with the cargo feature `aws`, under a name of its own: tests of the workspace build it with the
//! SDKs that the other tests use.

fn main() -> std::process::ExitCode {
    penstock_cli::run()
}
