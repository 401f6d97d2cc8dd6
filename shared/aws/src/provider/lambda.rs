//! The Lambda invoke provider.
