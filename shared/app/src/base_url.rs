//! Under which address people reach this installation; known for certain only once the server listens.

use std::sync::{Arc, PoisonError, RwLock};

use penstock_model::id::PipelineName;

/// The address under which people reach this installation, without a slash at the end. Clones share it.
#[derive(Debug, Clone)]
pub struct BaseUrl(Arc<RwLock<String>>);

impl BaseUrl {
    /// The address `url`, such as `http://127.0.0.1:7878`.
    pub fn new(url: &str) -> Self {
        Self(Arc::new(RwLock::new(trimmed(url))))
    }

    /// Changes it for all clones: a server on port 0 knows its port late.
    pub fn set(&self, url: &str) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = trimmed(url);
    }

    /// The address followed by `path`, which begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The page of a pipeline.
    pub fn pipeline_page(&self, pipeline: &PipelineName) -> String {
        self.join(&format!("/pipelines/{pipeline}"))
    }
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_follow_a_change() {
        let url = BaseUrl::new("http://127.0.0.1:0/");
        let clone = url.clone();
        url.set("http://127.0.0.1:7878");
        assert_eq!(clone.join("/healthz"), "http://127.0.0.1:7878/healthz");
    }
}
