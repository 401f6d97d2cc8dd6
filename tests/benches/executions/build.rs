//! The built functions: those that a folder holds, or else those that the tests build.

use std::path::PathBuf;

pub(crate) use made::{architecture, sam, succeed};

#[path = "../../tests/deployed_stack/build.rs"]
mod made;

/// The variable that names a folder that `sam build` has filled.
const FOLDER: &str = "PENSTOCK_BUILD";

/// The template with the places of the functions.
pub(crate) fn build() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(made::build, |folder| PathBuf::from(folder).join("template.yaml"))
}
