//! One router: CodePipeline's API, approval pages, the dashboard, webhooks.
