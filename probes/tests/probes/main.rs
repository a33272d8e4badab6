//! Runs against servers on loopback: proper ones, misbehaving ones, and the stand-in platform.

mod answers;
mod cleanup;
mod network;
mod platform;
mod secrets;
mod sockets;
mod steps;
mod support;
