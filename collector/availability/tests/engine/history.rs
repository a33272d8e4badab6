//! The rules of ledger, history and replay as properties.
