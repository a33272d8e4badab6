//! HTTP/2: its limits, how a request is said in it, and what its errors mean.
//!
//! What cannot be seen, and is not claimed: the moment when a request has left, or stalls because
//! the server gives no window (it is part of `wait`, and ends as `timeout: first_byte`); and the
//! first byte of an answer (other frames come before and between), so that `wait` ends with the
//! whole head of the answer, and a head that drips is waiting, not receiving.
//!
//! Floods that h2 has no limit for (PING, SETTINGS, WINDOW_UPDATE, unknown frames) are each
//! answered or dropped at once and held by nothing but the deadline: while our answers to them do
//! not leave, nothing more is read.

use std::error::Error as _;

use bongsu_model::FailClass;
use h2::Reason;
use http::uri;
use hyper::client::conn::http2::Builder;

use crate::dial::Security;
use crate::failure::Fault;

use super::connection::{HEAD_BYTES_MAX, Message};
use super::crew::{Crew, Foreman};
use super::malformed;

/// Bytes of a body that a server may send before we have taken them, for a stream and for the
/// connection, which has one stream at a time: the default cap of a body, so that one within it
/// never waits for us however far away the server is.
const WINDOW: u32 = 1024 * 1024;

/// Largest frame: the smallest that may be asked for (RFC 9113, section 4.2).
const FRAME_BYTES_MAX: u32 = 16 * 1024;

/// Memory of earlier headers that a server may refer to: the protocol's own default.
const HEADER_TABLE_BYTES: u32 = 4 * 1024;

/// Most bytes of a request's body that are handed over before they have left.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// Requests before the server has told its own limit: we make one at a time.
const STREAMS_AT_FIRST: usize = 1;

/// Streams that a server may open towards us: none, nothing is to be pushed.
const PUSHED_STREAMS_MAX: u32 = 0;

/// Streams reset by us, or wrong ones of the server's, that are remembered or borne before the
/// connection is given up. After a fault no connection is kept, so that one would do.
const RESETS_MAX: usize = 8;

/// What an idle connection consists of: its two halves.
const IDLE_CREW: usize = 2;

/// A builder with every limit set.
pub(super) fn builder(foreman: Foreman) -> Builder<Foreman> {
    let mut builder = Builder::new(foreman);
    builder
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .header_table_size(HEADER_TABLE_BYTES)
        .max_concurrent_streams(PUSHED_STREAMS_MAX)
        .max_send_buf_size(UNSENT_BYTES_MAX)
        .max_concurrent_reset_streams(RESETS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX);
    builder
}

/// Whether no request is under way.
pub(super) fn is_idle(crew: &Crew) -> bool {
    crew.len() == IDLE_CREW
}

/// The same request as HTTP/2 says it: scheme and authority in the URI and no `host` line
/// (RFC 9113, section 8.3.1).
pub(super) fn translate(mut message: Message, security: Security) -> Result<Message, Fault> {
    let internal = |error: &dyn std::fmt::Display| {
        Fault::internal(format!("the request cannot be written: {error}"))
    };
    let mut parts = std::mem::take(message.uri_mut()).into_parts();
    let authority = message
        .headers_mut()
        .remove(http::header::HOST)
        .ok_or_else(|| internal(&"it has no host"))?;
    let authority = uri::Authority::try_from(authority.as_bytes());
    parts.authority = Some(authority.map_err(|error| internal(&error))?);
    parts.scheme = Some(match security {
        Security::Plain => uri::Scheme::HTTP,
        Security::Tls => uri::Scheme::HTTPS,
    });
    *message.uri_mut() = http::Uri::from_parts(parts).map_err(|error| internal(&error))?;
    Ok(message)
}

/// How far an answer had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its head was not there yet.
    Head,
    /// Its head was there.
    Body,
}

/// What went wrong by HTTP/2's own account; None where the connection just ended, or for HTTP/1.1.
pub(super) fn fault(error: &hyper::Error, stage: Stage, bytes_read: usize) -> Option<Fault> {
    let error = cause(error)?;
    let reason = error.reason()?;
    if error.is_remote() {
        let frame = if error.is_go_away() {
            "goaway"
        } else {
            "rst_stream"
        };
        let detail = format!("{frame} {}", word(reason));
        return Some(Fault::platform(FailClass::Send, detail));
    }
    // Otherwise h2 found the server at fault: floods and heads beyond every measure by ENHANCE_YOUR_CALM.
    let too_large = |what| Some(Fault::platform(FailClass::BodyTooLarge, what));
    match (stage, reason) {
        (Stage::Head, Reason::ENHANCE_YOUR_CALM) => too_large("headers"),
        (Stage::Body, Reason::ENHANCE_YOUR_CALM) => too_large("frames"),
        // A head over its limit, but not by far, is for h2 an error like any other. Its Huffman
        // code saves 3 bits of 8 at most, so that no head over the limit is shorter than this,
        // unless it repeats itself.
        (Stage::Head, _) if bytes_read >= HEAD_BYTES_MAX / 8 * 5 => too_large("headers"),
        (Stage::Head | Stage::Body, _) => Some(malformed()),
    }
}

/// Whether the server says that it had closed the connection, without an error, before a request.
pub(super) fn is_turned_away(error: &hyper::Error) -> bool {
    cause(error).is_some_and(|error| {
        error.is_remote() && error.is_go_away() && error.reason() == Some(Reason::NO_ERROR)
    })
}

fn cause(error: &hyper::Error) -> Option<&h2::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The error codes of RFC 9113, section 7, in lower case.
fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::NO_ERROR => "no_error",
        Reason::PROTOCOL_ERROR => "protocol_error",
        Reason::INTERNAL_ERROR => "internal_error",
        Reason::FLOW_CONTROL_ERROR => "flow_control_error",
        Reason::SETTINGS_TIMEOUT => "settings_timeout",
        Reason::STREAM_CLOSED => "stream_closed",
        Reason::FRAME_SIZE_ERROR => "frame_size_error",
        Reason::REFUSED_STREAM => "refused_stream",
        Reason::CANCEL => "cancel",
        Reason::COMPRESSION_ERROR => "compression_error",
        Reason::CONNECT_ERROR => "connect_error",
        Reason::ENHANCE_YOUR_CALM => "enhance_your_calm",
        Reason::INADEQUATE_SECURITY => "inadequate_security",
        Reason::HTTP_1_1_REQUIRED => "http_1_1_required",
        _ => "unknown",
    }
}
