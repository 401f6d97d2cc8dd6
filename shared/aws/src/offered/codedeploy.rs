//! What a `CodeDeploy` action may say.

use penstock_model::pipeline::Action;

use super::shape::Shape;

const SHAPE: Shape = Shape {
    required: &["ApplicationName", "DeploymentGroupName"],
    optional: &[],
    inputs: 1..=1,
    outputs: 0..=0,
};

/// Why `action` cannot be performed, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    SHAPE.refuse(action)
}
