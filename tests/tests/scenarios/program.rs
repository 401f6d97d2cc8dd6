//! The program under test, built by cargo beside this test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `penstock` into the target folder that this test was built into, and says where it is.
pub(crate) fn build() -> PathBuf {
    // <target>/<profile>/deps/scenarios-<hash>
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let target = profile.parent().unwrap();
    let name = match profile.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "penstock-cli", "--bin", "penstock", "--profile", name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "penstock does not build");
    profile.join("penstock")
}
