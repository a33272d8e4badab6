//! The stand-in platform as its clients meet it: over real sockets, names and certificates.

mod platform {
    mod api;
    mod client;
}
