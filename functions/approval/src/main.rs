//! approval
fn main(){}
