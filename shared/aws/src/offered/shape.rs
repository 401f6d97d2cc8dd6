//! What an action may say, checked before an execution starts.

use std::ops::RangeInclusive;

use penstock_model::pipeline::Action;
use penstock_model::provider::{Provider, named};

/// The keys, inputs and outputs that a provider takes.
#[derive(Debug)]
pub(super) struct Shape {
    /// Keys that must be there.
    pub(super) required: &'static [&'static str],
    /// Keys that may be there.
    pub(super) optional: &'static [&'static str],
    /// How many input artifacts.
    pub(super) inputs: RangeInclusive<usize>,
    /// How many output artifacts.
    pub(super) outputs: RangeInclusive<usize>,
}

impl Shape {
    /// As the catalogue has it, of a provider that takes here what it takes there; `None` if it has none of this name.
    pub(super) fn listed(name: &str) -> Option<Self> {
        let Provider { required, optional, inputs, outputs, .. } = named(name).next()?;
        Some(Self { required, optional, inputs: inputs.clone(), outputs: outputs.clone() })
    }

    /// Why `action` cannot be performed, if it cannot.
    pub(super) fn refuse(&self, action: &Action) -> Option<String> {
        self.refuse_keys(action)
            .or_else(|| refuse_count("input", action.input_artifacts.len(), &self.inputs))
            .or_else(|| refuse_count("output", action.output_artifacts.len(), &self.outputs))
    }

    fn refuse_keys(&self, action: &Action) -> Option<String> {
        let set = |key: &str| action.configuration.get(key).is_some_and(|value| !value.is_empty());
        if let Some(missing) = self.required.iter().find(|key| !set(key)) {
            return Some(format!("its configuration lacks `{missing}`; add it"));
        }
        let known = |key: &str| self.required.contains(&key) || self.optional.contains(&key);
        let unknown = action.configuration.keys().find(|key| !known(key))?;
        let keys: Vec<&str> = self.required.iter().chain(self.optional).copied().collect();
        Some(format!("its configuration has no key `{unknown}`; known are {}", keys.join(", ")))
    }
}

fn refuse_count(what: &str, found: usize, allowed: &RangeInclusive<usize>) -> Option<String> {
    if allowed.contains(&found) {
        return None;
    }
    let (least, most) = (allowed.start(), allowed.end());
    let allowed = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    Some(format!("it has {found} {what} artifacts; it takes {allowed}"))
}

/// Whether `value` still holds a reference that is resolved when the attempt begins.
pub(super) fn is_open(value: &str) -> bool {
    value.contains("#{")
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::deploy;

    use super::*;

    const SHAPE: Shape = Shape { required: &["A"], optional: &["B"], inputs: 1..=1, outputs: 0..=0 };

    #[test]
    fn says_what_to_change() {
        let action = |builder: penstock_testkit::build::ActionBuilder| builder.build();
        assert_eq!(SHAPE.refuse(&action(deploy("D").consumes("App").set("A", "1").set("B", "2"))), None);
        let refusal = |builder| SHAPE.refuse(&action(builder)).unwrap();
        assert_eq!(refusal(deploy("D").consumes("App")), "its configuration lacks `A`; add it");
        assert_eq!(
            refusal(deploy("D").consumes("App").set("A", "1").set("C", "2")),
            "its configuration has no key `C`; known are A, B"
        );
        assert_eq!(refusal(deploy("D").set("A", "1")), "it has 0 input artifacts; it takes 1");
    }
}
