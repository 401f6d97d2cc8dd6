//! appspec.yml 0.0: parse it and deploy it.
