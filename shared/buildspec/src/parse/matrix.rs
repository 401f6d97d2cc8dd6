//! `build-matrix` of a batch: one build for each combination of what varies ("Batch build buildspec reference" in the
//! CodeBuild user guide).
//!
//! How the service names the builds of a matrix is not documented; here they are `build_1`, `build_2` and so on, the last
//! key varying first.

use penstock_model::document::Node;

use super::reader::Reader;
use crate::definition::BatchedBuild;

/// The most builds of a batch ("Quotas" in the CodeBuild user guide).
const MAX_BUILDS: usize = 100;

/// Something that varies, and its values.
struct Axis {
    what: Varying,
    values: Vec<String>,
}

enum Varying {
    Buildspec,
    Image,
    /// Makes builds of its own, which differ in nothing here.
    ComputeType,
    Variable(String),
}

pub(super) fn read(reader: &mut Reader, node: &Node) -> Vec<BatchedBuild> {
    let (mut same, mut axes) = (BatchedBuild::default(), vec![]);
    for (key, node) in reader.entries(node, "`build-matrix`") {
        match key.text.as_str() {
            "static" => same.ignore_failure = constant(reader, node),
            "dynamic" => axes = varying(reader, node),
            _ => reader.unknown(key, "in `build-matrix`", &["static", "dynamic"]),
        }
    }
    if let Some(axis) = axes.iter().find(|axis| axis.values.is_empty()) {
        let message = format!("{} of `dynamic` has no values, so there are no builds; add one", axis.name());
        reader.error(node.place, "empty-batch", message);
        return vec![];
    }
    let number = axes.iter().try_fold(1_usize, |number, axis| number.checked_mul(axis.values.len()));
    if number.is_none_or(|number| number > MAX_BUILDS) {
        let message = format!("a batch has at most {MAX_BUILDS} builds, this matrix has more; let less vary");
        reader.error(node.place, "too-many-builds", message);
        return vec![];
    }
    let mut builds = axes.iter().fold(vec![same], |builds, axis| {
        builds.iter().flat_map(|build| axis.values.iter().map(|value| axis.applied(build, value))).collect()
    });
    for (number, build) in builds.iter_mut().enumerate() {
        build.identifier = format!("build_{}", number + 1);
    }
    builds
}

/// `static`: whether its builds may fail.
fn constant(reader: &mut Reader, node: &Node) -> bool {
    let mut ignore_failure = false;
    for (key, node) in reader.entries(node, "`static`") {
        match key.text.as_str() {
            "ignore-failure" => ignore_failure = reader.flag(node, "`ignore-failure`"),
            "env" => {
                super::batch::check_keys(reader, node, "`env` of `static`", &["privileged-mode", "type"]);
            }
            _ => reader.unknown(key, "in `static`", &["ignore-failure", "env"]),
        }
    }
    ignore_failure
}

fn varying(reader: &mut Reader, node: &Node) -> Vec<Axis> {
    let mut axes = vec![];
    for (key, node) in reader.entries(node, "`dynamic`") {
        match key.text.as_str() {
            "buildspec" => {
                axes.push(Axis { what: Varying::Buildspec, values: reader.texts(node, "`buildspec`") });
            }
            "env" => environment(reader, node, &mut axes),
            _ => reader.unknown(key, "in `dynamic`", &["buildspec", "env"]),
        }
    }
    axes
}

fn environment(reader: &mut Reader, node: &Node, axes: &mut Vec<Axis>) {
    for (key, node) in reader.entries(node, "`env` of `dynamic`") {
        match key.text.as_str() {
            "image" => axes.push(Axis { what: Varying::Image, values: reader.texts(node, "`image`") }),
            "compute-type" => {
                axes.push(Axis { what: Varying::ComputeType, values: reader.texts(node, "`compute-type`") });
            }
            "variables" => {
                for (name, values) in reader.entries(node, "`variables`") {
                    let values = reader.texts(values, "a variable's values");
                    axes.push(Axis { what: Varying::Variable(name.text.clone()), values });
                }
            }
            _ => reader.unknown(key, "in `env` of `dynamic`", &["compute-type", "image", "variables"]),
        }
    }
}

impl Axis {
    fn name(&self) -> String {
        match &self.what {
            Varying::Buildspec => "`buildspec`".into(),
            Varying::Image => "`image`".into(),
            Varying::ComputeType => "`compute-type`".into(),
            Varying::Variable(name) => format!("the variable `{name}`"),
        }
    }

    fn applied(&self, build: &BatchedBuild, value: &str) -> BatchedBuild {
        let mut build = build.clone();
        match &self.what {
            Varying::Buildspec => build.buildspec = Some(value.to_owned()),
            Varying::Image => build.image = Some(value.to_owned()),
            Varying::ComputeType => {}
            Varying::Variable(name) => build.variables.push((name.clone(), value.to_owned())),
        }
        build
    }
}
