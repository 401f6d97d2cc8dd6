//! Commands by a synchronous call of the `transition` function.
