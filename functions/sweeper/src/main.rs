//! sweeper
fn main(){}
