//! State changes on an EventBridge bus, in CodePipeline's shape under a source of our own.
