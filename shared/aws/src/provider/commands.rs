//! The Commands provider.
