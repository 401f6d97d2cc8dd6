//! artifact
fn main(){}
