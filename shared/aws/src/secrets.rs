//! Secrets Manager and SSM parameters.
