//! Scripted scenarios, architecture, corpora, and the stand-ins that tests of the deployed stack need.

pub mod code_build_stand_in;
pub mod json_service;
pub mod service_model;
