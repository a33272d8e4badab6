//! Imports from outside: goldens people can read, and what must hold whatever comes in.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "it/carried.rs"]
mod carried;
#[path = "it/curl.rs"]
mod curl;
#[path = "it/goldens.rs"]
mod goldens;
#[path = "it/har.rs"]
mod har;
#[path = "it/hurl.rs"]
mod hurl;
#[path = "it/openapi.rs"]
mod openapi;
#[path = "it/sound.rs"]
mod sound;
