//! The program under test, built by cargo beside the test that asks for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `penstock` into the target folder that the calling test was built into, and says where it is.
///
/// # Panics
/// If it does not build.
pub fn build() -> PathBuf {
    // <target>/<profile>/deps/<test>-<hash>
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("the folder of the profile");
    let target = profile.parent().expect("the target folder");
    let name = match profile.file_name().and_then(OsStr::to_str).expect("the name of the profile") {
        "debug" => "dev",
        other => other,
    };
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", "penstock-cli", "--bin", "penstock", "--profile", name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| is_of_this_package(variable)) {
        build.env_remove(variable);
    }
    let status = build.status().expect("cargo");
    assert!(status.success(), "penstock does not build");
    profile.join("penstock")
}

/// Whether cargo set `variable` for this test. Build scripts that watch such variables would run again, and with them
/// everything that depends on their crates would be built again, here and at the next `cargo test`.
fn is_of_this_package(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
        .iter()
        .any(|start| variable.starts_with(start))
        || variable == "CARGO_PRIMARY_PACKAGE"
}
