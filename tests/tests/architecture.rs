//! The table of permitted imports in `shared/README.md`, held against `cargo metadata` and the sources.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo metadata")
}

/// A crate's short name: the package name without `penstock-`.
fn short(package: &Package) -> String {
    package.name.strip_prefix("penstock-").unwrap_or(&package.name).to_owned()
}

/// The rows `| crate | may import |` of `shared/README.md`.
fn permitted() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("shared/README.md")).expect("shared/README.md");
    let table = text.split("| crate | may import |").nth(1).expect("the table of permitted imports");
    let mut rows = BTreeMap::new();
    for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let imports = match cells[1] {
            "nothing of ours" => BTreeSet::new(),
            list => list.split(", ").map(str::to_owned).collect(),
        };
        for name in cells[0].split(", ") {
            rows.insert(name.trim_matches('`').to_owned(), imports.clone());
        }
    }
    rows
}

fn ours(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id))
}

#[test]
fn every_import_is_permitted() {
    let metadata = metadata();
    let permitted = permitted();
    let names: BTreeSet<String> = ours(&metadata).map(short).collect();
    let mut wrong = vec![];
    for package in ours(&metadata) {
        let name = short(package);
        let Some(allowed) = permitted.get(&name) else {
            wrong.push(format!("`{name}` has no row in shared/README.md"));
            continue;
        };
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal)
        {
            let Some(import) = dependency.name.strip_prefix("penstock-") else { continue };
            if names.contains(import) && !allowed.contains(import) && !allowed.contains("all") {
                wrong.push(format!("`{name}` imports `{import}`"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "forbidden imports; change the structure and shared/README.md together:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn testkit_is_a_development_dependency_only() {
    let metadata = metadata();
    for package in ours(&metadata) {
        let normal = package
            .dependencies
            .iter()
            .find(|d| d.name == "penstock-testkit" && d.kind == DependencyKind::Normal);
        assert!(normal.is_none(), "`{}` ships the testkit", package.name);
    }
}

#[test]
fn the_core_is_pure() {
    let forbidden = [
        "tokio",
        "async-trait",
        "reqwest",
        "rusqlite",
        "getrandom",
        "rand",
        "tracing",
        "log",
        "axum",
        "hyper",
        "nix",
        "libc",
    ];
    let metadata = metadata();
    for package in ours(&metadata).filter(|package| matches!(short(package).as_str(), "model" | "engine")) {
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal)
        {
            let name = dependency.name.as_str();
            assert!(
                !forbidden.contains(&name) && !name.starts_with("aws-"),
                "`{}` depends on `{name}`: the core does no I/O",
                package.name
            );
        }
    }
    for source in sources(&["shared/model/src", "shared/engine/src"]) {
        let text = std::fs::read_to_string(&source).unwrap();
        for word in ["async fn", "SystemTime", "Instant::now", "std::env", "std::fs", "std::net", "println!"]
        {
            assert!(!text.contains(word), "{} uses `{word}`: the core does no I/O", source.display());
        }
    }
}

#[test]
fn sdk_types_stay_in_the_aws_crate() {
    for source in sources(&["shared"]) {
        if source.starts_with(root().join("shared/aws")) {
            continue;
        }
        let text = std::fs::read_to_string(&source).unwrap();
        assert!(
            !text.contains("aws_sdk_"),
            "{} names an SDK type; those stay in shared/aws",
            source.display()
        );
    }
}

/// What each function links of AWS's SDKs: every further one makes it larger, and its cold start longer. `sts` is everywhere
/// because `aws-config` names it; what nothing calls is not linked.
const LINKED: [(&str, &[&str]); 9] = [
    (
        "action",
        &[
            "cloudformation",
            "cloudwatchlogs",
            "codebuild",
            "codedeploy",
            "dynamodb",
            "ecs",
            "lambda",
            "s3",
            "sqs",
            "sts",
        ],
    ),
    ("api", &["dynamodb", "lambda", "s3", "secretsmanager", "sqs", "sts"]),
    ("approval", &["dynamodb", "lambda", "secretsmanager", "sts"]),
    ("artifact", &["dynamodb", "s3", "secretsmanager", "sqs", "sts"]),
    ("notification", &["dynamodb", "eventbridge", "s3", "secretsmanager", "sns", "sqs", "sts"]),
    ("observer", &["dynamodb", "sqs", "sts"]),
    ("sweeper", &["dynamodb", "s3", "secretsmanager", "sqs", "sts"]),
    ("transition", &["dynamodb", "s3", "sqs", "sts"]),
    ("webhook", &["s3", "secretsmanager", "sqs", "sts"]),
];

#[test]
fn functions_link_only_the_sdks_they_call() {
    for (function, expected) in LINKED {
        let linked = linked(function);
        let sdks: BTreeSet<&str> = linked.iter().filter_map(|name| name.strip_prefix("aws-sdk-")).collect();
        assert_eq!(sdks, expected.iter().copied().collect(), "the SDKs of `{function}`");
        for heavy in ["aws-lc-rs", "native-tls", "openssl", "regex", "rusqlite", "zopfli"] {
            assert!(!linked.contains(heavy), "`{function}` links `{heavy}`");
        }
    }
}

/// The crates that a function alone is made of.
fn linked(function: &str) -> BTreeSet<String> {
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.current_dir(root()).args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    tree.args(["--format", "{p}", "--package", &format!("penstock-{function}")]);
    let told = tree.output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = String::from_utf8(told.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    for source in sources(&["functions", "shared", "tests"]) {
        let text = std::fs::read_to_string(&source).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with `//! what it is for`", source.display());
    }
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "misc", "types", "manager"];
    for source in sources(&["functions", "shared", "tests"]) {
        let names = [source.file_stem(), source.parent().and_then(Path::file_name)];
        for name in names.into_iter().flatten().filter_map(|name| name.to_str()) {
            assert!(!drawers.contains(&name), "{} is named for nothing in particular", source.display());
        }
    }
}

#[test]
fn versions_stand_once() {
    for package in ours(&metadata()) {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest.lines().skip_while(|line| !line.starts_with("[dependencies]")) {
            assert!(
                !line.contains("version =") && !line.contains("= \""),
                "{}: `{line}` gives a version; versions stand in the workspace's Cargo.toml",
                package.manifest_path
            );
        }
    }
}

#[test]
fn lints_hold_everywhere() {
    for package in ours(&metadata()) {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} opts out of the workspace's lints",
            package.manifest_path
        );
    }
}

#[test]
fn every_dependency_is_used() {
    let mut unused = vec![];
    for package in ours(&metadata()) {
        let folder =
            package.manifest_path.parent().unwrap().strip_prefix(root()).unwrap().as_str().to_owned();
        let read = |folder: &str| -> String {
            let files = sources(&[folder]);
            files.iter().map(|source| with_what_it_takes_in(source)).collect()
        };
        let (built, all) = (read(&format!("{folder}/src")), read(&folder));
        for dependency in &package.dependencies {
            let text = if dependency.kind == DependencyKind::Normal { &built } else { &all };
            let name = dependency.name.replace('-', "_");
            let used = regex::Regex::new(&format!(r"\b{name}(::|;| as )")).unwrap();
            if !used.is_match(text) {
                unused.push(format!("`{}` does not use `{}`", package.name, dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "unused dependencies:\n{}", unused.join("\n"));
}

/// The text of a source, and of the files of other folders that it takes in as modules.
fn with_what_it_takes_in(source: &Path) -> String {
    let text = std::fs::read_to_string(source).unwrap();
    let elsewhere = regex::Regex::new(r#"#\[path = "(\.\./[^"]+)"\]"#).unwrap();
    let taken = elsewhere.captures_iter(&text).map(|found| source.parent().unwrap().join(&found[1]));
    let taken: String = taken.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    text + &taken
}

#[test]
fn every_licence_is_permissive() {
    let permissive = [
        "Apache-2.0",
        "MIT",
        "MIT-0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
        "CC0-1.0",
        "0BSD",
        "BSL-1.0",
        "CDLA-Permissive-2.0",
        "bzip2-1.0.6",
    ];
    for package in &metadata().packages {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        // One permissive alternative of an OR is enough; every part of an AND is needed.
        let fits = licence.split(" OR ").any(|alternative| {
            alternative
                .split(" AND ")
                .map(|part| {
                    part.trim_matches(['(', ')', ' ']).split(" WITH ").next().unwrap_or_default().to_owned()
                })
                .all(|part| permissive.contains(&part.as_str()))
        });
        assert!(fits, "{} is under `{licence}`", package.name);
    }
}

/// All Rust sources below `folders`, without build output.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found
}
