//! The folder in which `sam build` or `cargo lambda build` has put the functions.

use std::path::{Path, PathBuf};

use crate::function::Function;

/// The variable that names the folder.
const FOLDER: &str = "PENSTOCK_BUILD";

/// Built functions.
pub(crate) struct Build(PathBuf);

impl Build {
    /// What the variable names, or else `.aws-sam/build`.
    pub(crate) fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's root");
        let folder = std::env::var_os(FOLDER).map_or_else(|| root.join(".aws-sam/build"), PathBuf::from);
        let build = Self(folder);
        match crate::function::ALL.iter().map(|function| build.program(function)).find(|it| !it.is_file()) {
            None => Ok(build),
            Some(missing) => Err(format!(
                "{} is missing. Build the functions first, optimised, for this machine's processors:\n  \
                 sam build --parameter-overrides Architecture={}\n\
                 or name a folder that `sam build` or `cargo lambda build` has filled: {FOLDER}=FOLDER",
                missing.display(),
                if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" },
            )),
        }
    }

    /// The program of a function: SAM names its folder as the template does, Cargo Lambda as the package.
    pub(crate) fn program(&self, function: &Function) -> PathBuf {
        let by_package = self.0.join(format!("penstock-{}", function.name)).join("bootstrap");
        if by_package.is_file() {
            return by_package;
        }
        let (first, rest) = function.name.split_at(1);
        self.0.join(format!("{}{rest}Function", first.to_uppercase())).join("bootstrap")
    }
}
