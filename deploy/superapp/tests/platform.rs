//! The stand-in platform as its clients meet it: over real sockets, names and certificates.

#![expect(clippy::unwrap_used, reason = "a test may fail at any step")]

mod platform {
    mod admin;
    mod api;
    mod binary;
    mod broken;
    mod city;
    mod client;
    mod many;
    mod money;
    mod multiplexed;
    mod names;
    mod payments;
    mod shares;
    mod taxi;
    mod things;
}
