//! Artifacts in a versioned S3 bucket.
