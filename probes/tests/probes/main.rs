//! Runs against servers on loopback: proper ones, misbehaving ones, and the stand-in platform.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod cleanup;
mod credentials;
mod grpc;
mod handshakes;
mod multiplexed;
mod names;
mod network;
mod platform;
mod proxies;
mod raw;
mod redirects;
mod requests;
mod secrets;
mod sockets;
mod steps;
mod support;
mod warm;
