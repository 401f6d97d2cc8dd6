//! The S3 deploy provider.
