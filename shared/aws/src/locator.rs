//! From a provider's id of some work to the attempt that it belongs to, for the observer of events.
