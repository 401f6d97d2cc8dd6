//! action
fn main(){}
