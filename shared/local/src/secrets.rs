//! Secrets and parameters on one machine: environment variables, then the file `secrets.yml`: the state folder's, or the
//! first that there is in further folders.
//!
//! The secret `app/db` is `PENSTOCK_SECRET_APP_DB`, the parameter `/app/db` is `PENSTOCK_PARAMETER_APP_DB`: capitals,
//! every other character than letters and digits an underscore, none at the start. The file, which nobody but its owner
//! may read (mode 0600), has the mappings `secrets` and `parameters`; a secret that is a mapping is its JSON text.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;
use penstock_buildspec::{SecretError, SecretReference};
use penstock_model::document;

/// The file's name.
const FILE: &str = "secrets.yml";

/// Secrets and parameters of this machine.
#[derive(Debug, Clone)]
pub struct MachineSecrets {
    files: Vec<PathBuf>,
}

/// Which of the two is asked for.
#[derive(Clone, Copy)]
enum Kind {
    Secret,
    Parameter,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Parameter => "parameter",
        }
    }

    fn variable(self, name: &str) -> String {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        format!("PENSTOCK_{}_{}", self.name().to_ascii_uppercase(), plain.trim_start_matches('_'))
    }
}

impl MachineSecrets {
    /// Secrets in the state folder `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { files: vec![dir.join(FILE)] }
    }

    /// The same, with the files of `folders` where the state folder has none.
    #[must_use]
    pub fn or_in(mut self, folders: &[PathBuf]) -> Self {
        self.files.extend(folders.iter().map(|folder| folder.join(FILE)));
        self
    }

    fn find(&self, kind: Kind, name: &str) -> Result<String, String> {
        self.find_if_any(kind, name)?.ok_or_else(|| {
            format!(
                "there is no {} `{}`; set {}, or add it to {}",
                kind.name(),
                name.escape_debug(),
                kind.variable(name),
                self.places()
            )
        })
    }

    fn find_if_any(&self, kind: Kind, name: &str) -> Result<Option<String>, String> {
        std::env::var(kind.variable(name)).map_or_else(|_| self.in_file(kind, name), |value| Ok(Some(value)))
    }

    fn in_file(&self, kind: Kind, name: &str) -> Result<Option<String>, String> {
        for file in &self.files {
            match std::fs::metadata(file) {
                Ok(metadata) => return Self::read(file, metadata.mode(), kind, name),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
            }
        }
        Ok(None)
    }

    fn places(&self) -> String {
        let places: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        places.join(" or ")
    }

    fn read(file: &Path, mode: u32, kind: Kind, name: &str) -> Result<Option<String>, String> {
        let path = file.display();
        if mode & 0o077 != 0 {
            return Err(format!("{path} may be read by others (mode {:04o}); `chmod 600` it", mode & 0o7777));
        }
        let text =
            std::fs::read_to_string(file).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let parsed = document::parse(&text);
        let Some(root) = parsed.root else {
            // The message of a diagnostic could quote a value.
            return Err(format!("{path} is no YAML"));
        };
        let value = root.get(&format!("{}s", kind.name())).and_then(|all| all.get(name));
        Ok(value.map(|value| value.text().map_or_else(|| value.to_json().to_string(), ToOwned::to_owned)))
    }
}

#[async_trait]
impl Secrets for MachineSecrets {
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        self.find(Kind::Secret, name).map_err(PortError::permanent)
    }

    async fn secret_if_any(&self, name: &str) -> Result<Option<String>, PortError> {
        self.find_if_any(Kind::Secret, name).map_err(PortError::permanent)
    }
}

#[async_trait]
impl penstock_buildspec::Secrets for MachineSecrets {
    async fn parameter(&self, name: &str) -> Result<String, SecretError> {
        self.find(Kind::Parameter, name).map_err(SecretError)
    }

    async fn secret(&self, reference: &SecretReference) -> Result<String, SecretError> {
        if reference.version_id.is_some()
            || reference.version_stage.as_deref().is_some_and(|stage| stage != "AWSCURRENT")
        {
            return Err(SecretError(format!(
                "secret `{reference}`: on one machine a secret has no versions; leave the version out"
            )));
        }
        let text = self.find(Kind::Secret, &reference.secret_id).map_err(SecretError)?;
        reference.pick(&text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.yml");
        fs::write(&path, "secrets:\n  db: {user: me}\nparameters:\n  /app/url: http://x\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let secrets = MachineSecrets::new(dir.path());
        assert!(secrets.find(Kind::Secret, "db").unwrap_err().contains("0640"));
        assert!(secrets.find_if_any(Kind::Secret, "db").unwrap_err().contains("0640"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secrets.find(Kind::Secret, "db").unwrap(), r#"{"user":"me"}"#);
        assert_eq!(secrets.find(Kind::Parameter, "/app/url").unwrap(), "http://x");
        assert_eq!(secrets.find_if_any(Kind::Secret, "x"), Ok(None));
        assert!(secrets.find(Kind::Parameter, "/x").unwrap_err().contains("PENSTOCK_PARAMETER_X"));
        let run = dir.path().join("run");
        let of_run = MachineSecrets::new(&run).or_in(&[dir.path().to_owned()]);
        assert_eq!(of_run.find(Kind::Parameter, "/app/url").unwrap(), "http://x");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(of_run.find(Kind::Secret, "db").unwrap_err().contains("0640"));
    }
}
