//! Files that a person wrote: read, recognised and checked, without a server.

use std::io::Read;
use std::path::Path;

use penstock_model::diagnostic::{Diagnostic, Place, refuses};
use penstock_model::document::{MAX_BYTES, Node};
use penstock_model::kind::{self, Kind};
use penstock_model::{definition, document};

/// `found`, what names an action at the place where `source` names it: whoever refuses to perform an action knows the
/// pipeline and not its file.
pub(crate) fn placed(source: &str, found: &[Diagnostic]) -> Vec<Diagnostic> {
    let document = document::parse(source);
    let root = document.root.as_ref();
    let pipeline =
        root.and_then(|root| root.get("pipeline").filter(|node| node.map().is_some()).or(Some(root)));
    let actions: Vec<(String, Place)> = pipeline.map(actions).unwrap_or_default();
    let place = |diagnostic: &Diagnostic| {
        let named = actions.iter().find(|(start, _)| diagnostic.message.starts_with(start.as_str()));
        named.filter(|_| diagnostic.place == Place::START).map_or(diagnostic.place, |(_, place)| *place)
    };
    found.iter().map(|diagnostic| Diagnostic { place: place(diagnostic), ..diagnostic.clone() }).collect()
}

/// How messages about each action begin, and where it stands.
fn actions(pipeline: &Node) -> Vec<(String, Place)> {
    let elements =
        |node: &'_ Node, key: &str| node.get(key).and_then(Node::list).unwrap_or_default().to_vec();
    let name = |node: &Node| node.get("name").and_then(Node::text).unwrap_or_default().to_owned();
    let of_stage = |stage: Node| {
        let in_stage = name(&stage);
        elements(&stage, "actions")
            .into_iter()
            .map(move |action| (format!("action `{}` of stage `{in_stage}` ", name(&action)), action.place))
    };
    elements(pipeline, "stages").into_iter().flat_map(of_stage).collect()
}

/// A file that was checked.
pub(crate) struct Checked {
    /// What it is.
    pub(crate) kind: Kind,
    /// All that was found.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Its text; empty if it could not be read.
    pub(crate) source: String,
}

/// Reads and checks `path` (`-`: standard input) as what it is, or as `kind`.
pub(crate) fn check(path: &Path, kind: Option<Kind>) -> Checked {
    match read(path) {
        Ok(source) => check_text(&path.to_string_lossy(), source, kind),
        Err(diagnostic) => {
            let kind = kind.unwrap_or_else(|| kind::recognise(&path.to_string_lossy(), &document::parse("")));
            Checked { kind, diagnostics: vec![diagnostic], source: String::new() }
        }
    }
}

fn check_text(name: &str, source: String, kind: Option<Kind>) -> Checked {
    let document = document::parse(&source);
    let kind = kind.unwrap_or_else(|| kind::recognise(name, &document));
    let diagnostics = match kind {
        Kind::Pipeline | Kind::CloudFormation => definition::from_document(&document).diagnostics,
        Kind::Buildspec => penstock_buildspec::parse(&source).diagnostics,
        Kind::Appspec => penstock_appspec::parse(&source).diagnostics,
        Kind::Unknown => unknown(document.diagnostics),
    };
    Checked { kind, diagnostics, source }
}

/// A file that is broken may be anything: what is broken says enough.
fn unknown(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if refuses(&diagnostics) {
        return diagnostics;
    }
    let message = "neither a pipeline, a buildspec nor an appspec; say which with --kind";
    diagnostics.push(Diagnostic::error(Place::START, "unknown-kind", message));
    diagnostics
}

/// The text of `path`, or why it cannot be had.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostic> {
    let unreadable = |message: String| Diagnostic::error(Place::START, "unreadable", message);
    let bytes = bytes(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has more than {MAX_BYTES} bytes; that is no definition; split it");
        return Err(Diagnostic::error(Place::START, "too-large", message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid =
            String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        Diagnostic::error(end(&valid), "not-utf8", "not UTF-8 from here on; save the file as UTF-8")
    })
}

/// One byte more than is allowed tells that a file is too large, whatever its size.
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = MAX_BYTES as u64 + 1;
    let mut bytes = vec![];
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The place after the last character of `text`.
fn end(text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_a_diagnostic() {
        let checked = check(Path::new("/nonexistent/buildspec.yml"), None);
        assert_eq!(checked.kind, Kind::Buildspec);
        assert_eq!(checked.diagnostics[0].code, "unreadable");
    }

    #[test]
    fn a_broken_file_is_not_called_unknown_as_well() {
        let codes = |text: &str| {
            let found = check_text("x.yml", text.to_owned(), None).diagnostics;
            found.into_iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
        };
        assert_eq!(codes("a: [1\n").len(), 1);
        assert_eq!(codes("a: 1\n---\nb: 2\n").len(), 1);
        assert_eq!(codes("a: 1\n"), ["unknown-kind"]);
    }

    #[test]
    fn a_refusal_stands_where_its_action_does() {
        let source = "name: web\nstages:\n- name: Go\n  actions:\n  - name: One\n  - name: Two\n";
        let message = "action `Two` of stage `Go` cannot be performed here: it needs AWS";
        let found = [
            Diagnostic::error(Place::START, "provider-not-here", message),
            Diagnostic::error(Place::START, "other", "something else"),
        ];
        let places: Vec<Place> = placed(source, &found).iter().map(|it| it.place).collect();
        assert_eq!(places, [Place { line: 6, column: 5 }, Place::START]);
    }

    #[test]
    fn the_place_of_a_wrong_byte_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("penstock.yml");
        std::fs::write(&file, b"name: a\nx: \xff\n").unwrap();
        let diagnostic = read(&file).unwrap_err();
        assert_eq!((diagnostic.code.as_str(), diagnostic.place), ("not-utf8", Place { line: 2, column: 4 }));
    }
}
