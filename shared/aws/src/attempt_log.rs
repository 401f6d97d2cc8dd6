//! The ends of attempts' logs, kept beside the artifacts for people who may not read the provider's.
