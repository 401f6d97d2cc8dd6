//! The `penstock` program.

fn main() {}
