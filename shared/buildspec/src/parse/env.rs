//! The `env` block, and its predecessor `environment_variables`.

use std::collections::HashSet;

use penstock_model::document::{Key, Node};

use super::reader::Reader;
use crate::definition::{Env, Shell};
use crate::secrets::SecretReference;

const KEYS: [&str; 6] = [
    "shell",
    "variables",
    "parameter-store",
    "secrets-manager",
    "exported-variables",
    "git-credential-helper",
];

pub(super) fn read(reader: &mut Reader, node: &Node, env: &mut Env) {
    for (key, node) in reader.entries(node, "`env`") {
        match key.text.as_str() {
            "shell" => env.shell = shell(reader, node),
            "variables" | "plaintext" => env.variables.extend(named(reader, node, "`env.variables`")),
            "parameter-store" => env.parameter_store = named(reader, node, "`env.parameter-store`"),
            "secrets-manager" => env.secrets_manager = secrets(reader, node),
            "exported-variables" => env.exported_variables = exported(reader, node),
            "git-credential-helper" => {
                env.git_credential_helper = reader.flag(node, "`git-credential-helper`");
            }
            _ => reader.unknown(key, "in `env`", &KEYS),
        }
    }
    repeated(reader, node, env);
    exported_secrets(reader, node, env);
}

/// Version 0.1's name for the block, with `plaintext` for `variables`.
pub(super) fn read_old(reader: &mut Reader, key: &Key, node: &Node, env: &mut Env) {
    let message = "`environment_variables` is the old name; write `env:` with `variables:`";
    reader.warn(key.place, "old-name", message);
    for (key, node) in reader.entries(node, "`environment_variables`") {
        match key.text.as_str() {
            "plaintext" | "variables" => env.variables.extend(named(reader, node, "`environment_variables`")),
            _ => reader.unknown(key, "in `environment_variables`", &["plaintext"]),
        }
    }
}

fn shell(reader: &mut Reader, node: &Node) -> Shell {
    let Some(text) = reader.text(node, "`env.shell`") else {
        return Shell::default();
    };
    match text.as_str() {
        "/bin/sh" | "sh" => Shell::Sh,
        "bash" | "/bin/bash" => Shell::Bash,
        "powershell.exe" => Shell::PowerShell,
        "cmd.exe" => Shell::Cmd,
        _ => {
            let message = format!("unknown shell `{text}`; write `bash` or `/bin/sh`");
            reader.error(node.place, "unknown-shell", message);
            Shell::default()
        }
    }
}

fn named(reader: &mut Reader, node: &Node, what: &str) -> Vec<(String, String)> {
    names(reader, node);
    reader.pairs(node, what)
}

fn names(reader: &mut Reader, node: &Node) {
    for (key, _) in node.map().unwrap_or_default() {
        if key.text.starts_with("CODEBUILD_") {
            let message =
                format!("`{}`: names that start with CODEBUILD_ are reserved; choose another", key.text);
            reader.warn(key.place, "reserved-name", message);
        } else if key.text.is_empty() || key.text.contains(['=', '\0']) {
            let message = format!("`{}` cannot be an environment variable's name", key.text.escape_debug());
            reader.error(key.place, "bad-name", message);
        }
    }
}

fn secrets(reader: &mut Reader, node: &Node) -> Vec<(String, SecretReference)> {
    names(reader, node);
    let mut found = Vec::new();
    for (key, value) in reader.entries(node, "`env.secrets-manager`") {
        let Some(text) = reader.text(value, &format!("`{}`", key.text)) else {
            continue;
        };
        match SecretReference::parse(&text) {
            Ok(reference) => found.push((key.text.clone(), reference)),
            Err(message) => reader.error(value.place, "bad-secret", message),
        }
    }
    found
}

fn exported(reader: &mut Reader, node: &Node) -> Vec<String> {
    let names = reader.texts(node, "`env.exported-variables`");
    for name in &names {
        if !is_name(name) {
            let message = format!("`{name}` is not a variable's name; use letters, digits and _ only");
            reader.error(node.place, "bad-name", message);
        } else if name.starts_with("AWS_") {
            let message =
                format!("`{name}` is not exported: CodeBuild exports nothing that starts with AWS_");
            reader.warn(node.place, "reserved-name", message);
        }
    }
    names
}

fn exported_secrets(reader: &mut Reader, node: &Node, env: &Env) {
    let Some(place) = node.get("exported-variables").map(|node| node.place) else {
        return;
    };
    let parameters = env.parameter_store.iter().map(|(name, _)| name);
    let secrets: Vec<_> = parameters.chain(env.secrets_manager.iter().map(|(name, _)| name)).collect();
    for name in env.exported_variables.iter().filter(|name| secrets.contains(name)) {
        let message = format!(
            "`{name}` is a secret and is not exported; take it out, and let the action that needs it read the secret itself"
        );
        reader.warn(place, "exported-secret", message);
    }
}

/// Whether a shell can have a variable of this name.
pub(crate) fn is_name(text: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(word) && text.starts_with(|first: char| !first.is_ascii_digit())
}

fn repeated(reader: &mut Reader, node: &Node, env: &Env) {
    let plain = env.variables.iter().map(|(name, _)| name);
    let secret = env.parameter_store.iter().map(|(name, _)| name);
    let names = plain.chain(secret).chain(env.secrets_manager.iter().map(|(name, _)| name));
    let mut seen = HashSet::new();
    for name in names.filter(|name| !seen.insert(name.as_str())) {
        let message =
            format!("`{name}` is set twice in `env`; secrets win over parameters, parameters over variables");
        reader.warn(node.place, "repeated-variable", message);
    }
}
