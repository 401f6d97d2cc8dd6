//! The ECS provider.
