//! The `phases` block.

use penstock_model::diagnostic::Place;
use penstock_model::document::{Key, Node, Value};

use super::on_failure;
use super::reader::Reader;
use crate::definition::{OnFailure, Phase, PhaseName};

const KEYS: [&str; 5] = ["run-as", "on-failure", "runtime-versions", "commands", "finally"];

pub(super) fn read(reader: &mut Reader, node: &Node) -> Vec<Phase> {
    let mut phases = Vec::new();
    for (key, node) in reader.entries(node, "`phases`") {
        match PhaseName::ALL.into_iter().find(|name| name.key() == key.text) {
            Some(name) => phases.push(phase(reader, name, key, node)),
            None => {
                let message =
                    format!("{}; expected are install, pre_build, build and post_build", hint(&key.text));
                reader.error(key.place, "unknown-phase", format!("invalid buildspec phase name: {message}"));
            }
        }
    }
    phases.sort_by_key(|phase| phase.name);
    phases
}

fn hint(name: &str) -> String {
    match name {
        "artifacts" | "cache" | "reports" | "env" | "batch" | "proxy" => {
            format!("`{name}`, which belongs at the top level; take away its indentation")
        }
        _ => format!("`{name}`"),
    }
}

fn phase(reader: &mut Reader, name: PhaseName, key: &Key, node: &Node) -> Phase {
    let mut phase = Phase::of(name, Vec::new());
    let mut has_commands = false;
    for (key, node) in reader.entries(node, &format!("phase `{}`", name.key())) {
        match key.text.as_str() {
            "run-as" => phase.run_as = reader.text(node, "`run-as`"),
            "on-failure" => phase.on_failure = failure(reader, node),
            "runtime-versions" => phase.runtime_versions = runtimes(reader, name, key, node),
            "commands" => {
                has_commands = true;
                phase.commands = commands(reader, key.place, node, "commands");
            }
            "finally" => phase.finally = commands(reader, key.place, node, "finally"),
            _ => reader.unknown(key, "in a phase", &KEYS),
        }
    }
    if !has_commands && !node.is_null() && name != PhaseName::Install {
        let message =
            format!("phase `{}` has no `commands` and does nothing; add them or remove it", name.key());
        reader.warn(key.place, "no-commands", message);
    }
    phase
}

fn failure(reader: &mut Reader, node: &Node) -> OnFailure {
    let Some(text) = reader.text(node, "`on-failure`") else {
        return OnFailure::Default;
    };
    on_failure::parse(&text).unwrap_or_else(|message| {
        reader.error(node.place, "bad-on-failure", format!("`on-failure` cannot be {message}"));
        OnFailure::Default
    })
}

fn runtimes(reader: &mut Reader, name: PhaseName, key: &Key, node: &Node) -> Vec<(String, String)> {
    if name != PhaseName::Install {
        let message = "`runtime-versions` counts in phase `install` only and is ignored here; move it there";
        reader.warn(key.place, "misplaced-key", message);
        return Vec::new();
    }
    reader.pairs(node, "`runtime-versions`")
}

/// A list of commands; a single text counts as one command, and nothing as none.
fn commands(reader: &mut Reader, place: Place, node: &Node, key: &str) -> Vec<String> {
    match &node.value {
        Value::List(items) => {
            let numbered = items.iter().enumerate();
            numbered.filter_map(|(index, item)| command(reader, index, item, key)).collect()
        }
        Value::Scalar { text, .. } => {
            let message =
                format!("`{key}` is one text and runs as one command; put `- ` before each command");
            reader.warn(place, "scalar-commands", message);
            vec![text.clone()]
        }
        Value::Null => {
            reader.warn(place, "empty", format!("`{key}` is empty; add commands or remove it"));
            Vec::new()
        }
        Value::Map(_) => {
            let message = format!(
                "`{key}` must be a list of commands, but it is a mapping; put `- ` before each command"
            );
            reader.error(node.place, "wrong-type", message);
            Vec::new()
        }
    }
}

fn command(reader: &mut Reader, index: usize, item: &Node, key: &str) -> Option<String> {
    match &item.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        Value::Null => {
            reader.warn(
                item.place,
                "empty",
                format!("{key}[{index}] is empty and is left out; remove the `-`"),
            );
            None
        }
        Value::Map(entries) => {
            let start = entries.first().map_or("", |(key, _)| key.text.as_str());
            let message = format!(
                "expected {key}[{index}] to be text, but `: ` after `{start}` makes it a mapping; put the whole command in \
                 single quotes, or write it under `- |`"
            );
            reader.error(item.place, "command-is-mapping", message);
            None
        }
        Value::List(_) => {
            let message = format!(
                "expected {key}[{index}] to be text, but `- -` or `[` makes it a list; put the whole command in single quotes"
            );
            reader.error(item.place, "command-is-list", message);
            None
        }
    }
}
