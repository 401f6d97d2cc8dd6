//! Builders, generators, adapter contract suites and fakes; a dev-dependency only.
