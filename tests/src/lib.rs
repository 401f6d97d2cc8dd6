//! Scripted scenarios, architecture, corpora.
