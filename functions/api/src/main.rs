//! api
fn main(){}
