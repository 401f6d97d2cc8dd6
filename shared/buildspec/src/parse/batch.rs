//! The `batch` block.

use std::collections::HashSet;

use penstock_model::diagnostic::Place;
use penstock_model::document::{Key, Node};

use super::matrix;
use super::reader::Reader;
use crate::definition::{Batch, BatchBuilds, BatchedBuild};

const KEYS: [&str; 5] = ["fast-fail", "build-list", "build-graph", "build-matrix", "build-fanout"];
const BUILD_KEYS: [&str; 6] =
    ["identifier", "buildspec", "debug-session", "depend-on", "env", "ignore-failure"];
const ENV_KEYS: [&str; 6] = ["compute-type", "fleet", "image", "privileged-mode", "type", "variables"];

pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Batch> {
    let mut fast_fail = false;
    let mut kinds: Vec<BatchBuilds> = Vec::new();
    for (key, node) in reader.entries(node, "`batch`") {
        match key.text.as_str() {
            "fast-fail" => fast_fail = reader.flag(node, "`fast-fail`"),
            "build-list" => kinds.push(BatchBuilds::List(builds(reader, node, false))),
            "build-graph" => kinds.push(BatchBuilds::Graph(builds(reader, node, true))),
            "build-matrix" => kinds.push(BatchBuilds::Matrix(matrix::read(reader, node))),
            "build-fanout" => kinds.push(fanout(reader, node)),
            _ => reader.unknown(key, "in `batch`", &KEYS),
        }
    }
    if kinds.len() > 1 {
        let message =
            "a batch has one of build-list, build-graph, build-matrix and build-fanout; remove the others";
        reader.error(node.place, "several-batches", message);
    }
    let builds = kinds.pop();
    if builds.is_none() {
        reader.error(node.place, "empty-batch", "`batch` names no builds; add `build-list` or `build-graph`");
    }
    builds.map(|builds| Batch { fast_fail, builds })
}

fn builds(reader: &mut Reader, node: &Node, graph: bool) -> Vec<BatchedBuild> {
    let Some(items) = node.list() else {
        let message = format!("the builds of a batch are a list, but this is {}", node.kind());
        reader.error(node.place, "wrong-type", message);
        return Vec::new();
    };
    let found: Vec<(Place, BatchedBuild)> =
        items.iter().map(|item| (item.place, build(reader, item, graph))).collect();
    let mut seen = HashSet::new();
    for (place, build) in &found {
        if !build.identifier.is_empty() && !seen.insert(build.identifier.as_str()) {
            let message = format!("two builds are called `{}`; choose another identifier", build.identifier);
            reader.error(*place, "duplicate-identifier", message);
        }
    }
    dependencies(reader, &found, &seen);
    found.into_iter().map(|(_, build)| build).collect()
}

fn build(reader: &mut Reader, item: &Node, graph: bool) -> BatchedBuild {
    let mut build = BatchedBuild::default();
    for (key, node) in reader.entries(item, "a build of the batch") {
        match key.text.as_str() {
            "identifier" => build.identifier = reader.text(node, "`identifier`").unwrap_or_default(),
            "buildspec" => build.buildspec = reader.text(node, "`buildspec`"),
            "debug-session" => drop(reader.flag(node, "`debug-session`")),
            "ignore-failure" => build.ignore_failure = reader.flag(node, "`ignore-failure`"),
            "depend-on" if graph => build.depend_on = reader.texts(node, "`depend-on`"),
            "env" => env(reader, node, &mut build),
            _ => reader.unknown(key, "in a build of the batch", &BUILD_KEYS),
        }
    }
    if build.identifier.is_empty() {
        reader.error(item.place, "missing-identifier", "a build of the batch has no `identifier`; add one");
    } else if !build
        .identifier
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        let message = format!("identifier `{}` may hold letters, digits, `_` and `-` only", build.identifier);
        reader.error(item.place, "bad-identifier", message);
    }
    build
}

fn env(reader: &mut Reader, node: &Node, build: &mut BatchedBuild) {
    if node.get("compute-type").is_some() && node.get("fleet").is_some() {
        reader.error(
            node.place,
            "compute-type-and-fleet",
            "a build has a `compute-type` or a `fleet`; remove one",
        );
    }
    for (key, node) in reader.entries(node, "`env` of a build") {
        match key.text.as_str() {
            "variables" => build.variables = reader.pairs(node, "`variables`"),
            "image" => build.image = reader.text(node, "`image`"),
            "compute-type" | "fleet" | "type" => drop(reader.text(node, &format!("`{}`", key.text))),
            "privileged-mode" => drop(reader.flag(node, "`privileged-mode`")),
            _ => reader.unknown(key, "in `env` of a build", &ENV_KEYS),
        }
    }
}

fn dependencies(reader: &mut Reader, builds: &[(Place, BatchedBuild)], known: &HashSet<&str>) {
    let mut sound = true;
    for (place, build) in builds {
        for other in build.depend_on.iter().filter(|other| !known.contains(other.as_str())) {
            sound = false;
            let message =
                format!("`{}` depends on `{other}`, which is not in the batch; correct it", build.identifier);
            reader.error(*place, "unknown-dependency", message);
        }
    }
    if sound && let Some((place, names)) = cycle(builds) {
        let message = format!("these builds wait for each other: {names}; remove one of their `depend-on`");
        reader.error(place, "dependency-cycle", message);
    }
}

/// What is left when builds whose dependencies are settled are taken away again and again.
fn cycle(builds: &[(Place, BatchedBuild)]) -> Option<(Place, String)> {
    let mut left: Vec<&(Place, BatchedBuild)> = builds.iter().collect();
    loop {
        let waiting: HashSet<&str> = left.iter().map(|(_, build)| build.identifier.as_str()).collect();
        let before = left.len();
        left.retain(|(_, build)| build.depend_on.iter().any(|other| waiting.contains(other.as_str())));
        if left.len() == before {
            let names: Vec<_> = left.iter().map(|(_, build)| build.identifier.as_str()).collect();
            return left.first().map(|(place, _)| (*place, names.join(", ")));
        }
    }
}

fn fanout(reader: &mut Reader, node: &Node) -> BatchBuilds {
    let keys = ["parallelism", "ignore-failure"];
    check_keys(reader, node, "`build-fanout`", &keys);
    let parallelism = node.get("parallelism");
    if parallelism.and_then(Node::integer).is_none_or(|number| number < 1) {
        let place = parallelism.map_or(node.place, |node| node.place);
        reader.error(place, "bad-parallelism", "`build-fanout` needs a `parallelism` of at least 1");
    }
    BatchBuilds::Fanout
}

pub(super) fn check_keys(reader: &mut Reader, node: &Node, what: &str, known: &[&str]) {
    let unknown = |(key, _): &&(Key, Node)| !known.contains(&key.text.as_str());
    for (key, _) in reader.entries(node, what).iter().filter(unknown) {
        reader.unknown(key, &format!("in {what}"), known);
    }
}
