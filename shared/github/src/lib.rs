//! GitHub: signatures, payloads, archive download.
