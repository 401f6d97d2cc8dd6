//! The `EnvironmentVariables` of a `CodeBuild` action ("AWS `CodeBuild` build and test action reference"): wherever it is
//! performed, the same are taken.

use serde::Deserialize;

/// Names that `CodeBuild` or we give to builds.
const RESERVED: [&str; 2] = ["CODEBUILD_", "PENSTOCK_"];

/// An entry of `EnvironmentVariables`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The variable's name.
    pub name: String,
    /// Its value, or where that lies.
    pub value: String,
    /// Where its value lies.
    #[serde(rename = "type", default)]
    pub kind: Kind,
}

/// Where the value of a variable lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// In the definition.
    #[default]
    Plaintext,
    /// In a parameter of Systems Manager.
    ParameterStore,
    /// In a secret.
    SecretsManager,
}

/// The entries of `EnvironmentVariables`.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn variables(text: &str) -> Result<Vec<Entry>, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
        format!("`EnvironmentVariables` is no JSON list of {{\"name\", \"value\", \"type\"}}: {error}")
    })?;
    match entries.iter().find(|entry| entry.name.is_empty() || is_reserved(&entry.name)) {
        None => Ok(entries),
        Some(Entry { name, .. }) => Err(format!(
            "`EnvironmentVariables` sets `{name}`; take another name: those that begin with CODEBUILD_ or PENSTOCK_ are reserved"
        )),
    }
}

/// Whether people may not set an environment variable of this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_and_none_are_refused() {
        let read = |name: &str| variables(&format!(r#"[{{"name":"{name}","value":"1"}}]"#));
        assert_eq!(read("A").expect("a list")[0].kind, Kind::Plaintext);
        for name in ["", "CODEBUILD_BUILD_ID", "PENSTOCK_ATTEMPT"] {
            assert!(read(name).expect_err(name).contains("reserved"), "{name}");
        }
        assert!(variables("A=1").expect_err("no JSON").contains("JSON"));
    }
}
