//! Output variables of attempts: immutable items of their own.
