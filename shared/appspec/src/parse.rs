//! Reads an appspec of any of the three shapes and reports every problem with its place and a way out.

mod checker;
mod hooks;
mod permissions;
mod resources;
mod server;

use penstock_model::diagnostic::{Diagnostic, Place, refuses};
use penstock_model::document::{self, Node};

use crate::appspec::AppSpec;
use checker::Checker;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The appspec; `None` if any diagnostic is an error.
    pub appspec: Option<AppSpec>,
    /// Everything noticed, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads `source`, YAML or JSON.
pub fn parse(source: &str) -> Parsed {
    let document = document::parse(source);
    let mut checker = Checker::new(document.diagnostics);
    let appspec = match &document.root {
        Some(root) if !root.is_null() => read(&mut checker, root),
        _ if !refuses(checker.diagnostics()) => {
            let message = "the appspec is empty; it needs at least `version: 0.0` and `os`, or `Resources`";
            checker.error(Place::START, "empty", message);
            None
        }
        _ => None,
    };
    let mut diagnostics = checker.finish();
    diagnostics.sort_by_key(|diagnostic| diagnostic.place);
    Parsed { appspec: appspec.filter(|_| !refuses(&diagnostics)), diagnostics }
}

fn read(checker: &mut Checker, root: &Node) -> Option<AppSpec> {
    let Some(entries) = root.map() else {
        let message = format!("an appspec is a mapping, this is {}; begin with `version: 0.0`", root.kind());
        checker.error(root.place, "not-a-mapping", message);
        return None;
    };
    let serverless = entries.iter().any(|(key, _)| key.text.eq_ignore_ascii_case("resources"));
    version(checker, root, serverless);
    if serverless { resources::read(checker, root) } else { server::read(checker, root).map(AppSpec::Server) }
}

/// The agent compares the number with 0.0, so `0` passes and a quoted "0.0" does not; the services behind the other
/// shapes are not known to mind quotes.
fn version(checker: &mut Checker, root: &Node, serverless: bool) {
    let Some((_, node)) =
        root.map().and_then(|entries| entries.iter().find(|(key, _)| key.text == "version"))
    else {
        checker.error(
            root.place,
            "version-missing",
            "`version` is missing; the first line must be `version: 0.0`",
        );
        return;
    };
    let zero = node.text().and_then(|text| text.trim().parse::<f64>().ok()) == Some(0.0);
    let quoted = matches!(node.value, document::Value::Scalar { plain: false, .. });
    if !zero {
        let shown = node.text().unwrap_or(node.kind());
        let message =
            format!("the only version of the format is 0.0, this is `{shown}`; write `version: 0.0`");
        checker.error(node.place, "version-unknown", message);
    } else if quoted && serverless {
        checker.warn(
            node.place,
            "version-quoted",
            "`version` is a number; write `version: 0.0` without quotes",
        );
    } else if quoted {
        let message =
            "the agent compares `version` as a number and refuses a quoted one; write `version: 0.0`";
        checker.error(node.place, "version-quoted", message);
    }
}

#[cfg(test)]
mod tests;
