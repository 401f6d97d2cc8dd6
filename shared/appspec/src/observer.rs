//! Who is told while a deployment is under way.

use crate::lifecycle::LifecycleEvent;
use crate::outcome::EventStatus;

/// Told from several threads; must not block for long. Texts are single lines without control characters.
pub trait Observer: Send + Sync {
    /// A line of the log; `instance` is absent for what concerns the deployment as a whole.
    fn line(&self, instance: Option<&str>, text: &str);

    /// A lifecycle event has begun or ended on an instance.
    fn event(&self, instance: &str, event: LifecycleEvent, status: EventStatus) {
        let _nobody_listens = (instance, event, status);
    }

    /// Something that a crash may separate from what follows is about to happen. A test ends the program here, to see
    /// that every interruption heals.
    fn step(&self, instance: &str, step: &str) {
        let _nobody_listens = (instance, step);
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn line(&self, _instance: Option<&str>, _text: &str) {}
}
