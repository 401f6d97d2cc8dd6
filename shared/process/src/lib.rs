//! Runs a child process whose every descendant can be ended.
