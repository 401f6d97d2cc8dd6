//! observer
fn main(){}
