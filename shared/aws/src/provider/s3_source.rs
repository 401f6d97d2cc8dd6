//! The S3 source provider.
