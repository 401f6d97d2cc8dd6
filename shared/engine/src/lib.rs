//! The pure state machine: decide, apply, pending. It does no I/O and reads no clock.
