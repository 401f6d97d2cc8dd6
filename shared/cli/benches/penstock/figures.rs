//! The figures and the file that they go into.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// Named figures.
#[derive(Default)]
pub(crate) struct Figures(BTreeMap<String, Value>);

impl Figures {
    /// Adds the median and the 99th percentile of `samples`, beside the floor measured in the same run.
    pub(crate) fn add(&mut self, name: &str, unit: &str, samples: &mut [f64], floor: Option<f64>) {
        samples.sort_by(f64::total_cmp);
        let (p50, p99) = (percentile(samples, 50), percentile(samples, 99));
        let beside = floor
            .map(|floor| format!(", floor {floor:.2} {unit}, {:.2} x floor", p50 / floor))
            .unwrap_or_default();
        println!("{name}: p50 {p50:.2} {unit}, p99 {p99:.2} {unit} ({} samples){beside}", samples.len());
        self.0.insert(name.to_owned(), json!({"p50": p50, "p99": p99, "unit": unit, "floor": floor}));
    }

    /// Writes all figures to `path`.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().expect("a file in a folder"))
            .expect("the folder of the figures");
        std::fs::write(path, serde_json::to_string_pretty(&self.0).expect("JSON"))
            .expect("the file of the figures");
        println!("written to {}", path.display());
    }
}

/// The value below which `percent` of the sorted samples lie.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// The median of samples in any order.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    percentile(&samples, 50)
}
