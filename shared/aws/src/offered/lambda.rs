//! What an Invoke action of Lambda may say.

use penstock_model::pipeline::Action;

use super::shape::Shape;

const SHAPE: Shape =
    Shape { required: &["FunctionName"], optional: &["UserParameters"], inputs: 0..=5, outputs: 0..=5 };

/// Why `action` cannot be performed, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    SHAPE.refuse(action)
}
