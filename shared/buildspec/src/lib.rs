//! buildspec.yml 0.2: parse it and run it.
