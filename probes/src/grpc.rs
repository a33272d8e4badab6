//! One gRPC call over HTTP/2: its framing, its deadline, its status and its trailers.
//!
//! Over `https://` the server must agree to HTTP/2 by ALPN, over `http://` it is spoken by prior
//! knowledge. What goes wrong below gRPC is the failure that it is in any exchange. Messages are
//! not compressed: no compression is offered, and a message that has one is `encoding`.

mod reflection;

use bongsu_language::{GrpcStatus, HeaderLines};
use bongsu_model::FailClass;
use bytes::{BufMut as _, Bytes, BytesMut};
use percent_encoding::percent_decode_str;

use crate::dial::Protocol;
use crate::failure::Fault;
use crate::http::{Answer, Exchange, Line, Request, exchange};
pub(crate) use reflection::{Asking, reflect};

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Most messages of an answer.
const MESSAGES_MAX: usize = 1024;

/// Largest number of a deadline in metadata: eight digits.
const TIMEOUT_MAX: u128 = 99_999_999;

/// Metadata that is set here.
const OWN_METADATA: &[&str] = &["content-type", "content-encoding", "accept-encoding", "te"];

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Service and method included.
    pub(crate) url: http::Uri,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) messages: Vec<Vec<u8>>,
    /// Most bytes of the answer's messages, with their prefixes.
    pub(crate) body_max: usize,
}

/// How a call ended by the server's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: GrpcStatus,
    pub(crate) message: String,
    pub(crate) messages: Vec<Bytes>,
}

/// Makes `call`: an exchange whose answer has no messages any more, and how the call ended where
/// the exchange has no fault.
pub(crate) async fn call(call: &Call, line: Line<'_>) -> (Exchange, Option<End>) {
    let mut headers: Vec<(String, String)> = call
        .headers
        .iter()
        .filter(|(name, _)| !OWN_METADATA.contains(&name.as_str()) && !name.starts_with("grpc-"))
        .cloned()
        .collect();
    let millis = line.deadline.left().as_millis().clamp(1, TIMEOUT_MAX);
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("accept-encoding", "identity"),
        ("grpc-accept-encoding", "identity"),
        ("grpc-timeout", &format!("{millis}m")),
    ] {
        headers.push((name.to_owned(), value.to_owned()));
    }
    let request = Request {
        method: http::Method::POST,
        url: call.url.clone(),
        headers,
        body: Some(frame(&call.messages)),
        body_max: call.body_max,
        newest: Protocol::Http2Only,
    };
    let mut exchange = exchange(&request, line).await;
    let (None, Some(answer)) = (&exchange.fault, &mut exchange.answer) else {
        return (exchange, None);
    };
    match read(answer) {
        Ok(end) => (exchange, Some(end)),
        Err(fault) => {
            exchange.fault = Some(fault);
            (exchange, None)
        }
    }
}

fn frame(messages: &[Vec<u8>]) -> Bytes {
    let length = messages.iter().map(|m| m.len() + PREFIX_BYTES).sum();
    let mut framed = BytesMut::with_capacity(length);
    for message in messages {
        framed.put_u8(0);
        // Messages are at most a rendered text, which is far below 32 bits.
        framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        framed.extend_from_slice(message);
    }
    framed.freeze()
}

/// Takes the messages out of an answer, with the status that it ended with.
fn read(answer: &mut Answer) -> Result<End, Fault> {
    decode_message(answer);
    if answer.status != 200 {
        let status = answer.status.to_string();
        return Err(Fault::platform(FailClass::Status, status));
    }
    let value = |name: &str| {
        let lines = answer.trailers.iter().chain(answer.headers.iter());
        lines
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .next()
    };
    if !value("content-type").is_some_and(|kind| kind.starts_with("application/grpc")) {
        return Err(malformed());
    }
    let number = value("grpc-status").and_then(|text| text.parse::<u32>().ok());
    let number = number.ok_or_else(malformed)?;
    let message = value("grpc-message").unwrap_or_default().to_owned();
    let messages = unframe(&Bytes::from(std::mem::take(&mut answer.body)))?;
    Ok(End {
        status: GrpcStatus::from_number(number.into()).unwrap_or(GrpcStatus::UNKNOWN),
        message,
        messages,
    })
}

/// Says what the server said about the status in plain text: each server encodes other characters
/// of it, in which a secret would be known to nobody.
fn decode_message(answer: &mut Answer) {
    for lines in [&mut answer.headers, &mut answer.trailers] {
        let mut decoded = HeaderLines::new();
        for (name, value) in lines.iter() {
            if name == "grpc-message" {
                decoded.push(name, &percent_decode_str(value).decode_utf8_lossy());
            } else {
                decoded.push(name, value);
            }
        }
        *lines = decoded;
    }
}

pub(crate) fn unframe(body: &Bytes) -> Result<Vec<Bytes>, Fault> {
    let mut messages = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let prefix = body.get(at..at + PREFIX_BYTES).ok_or_else(malformed)?;
        match prefix[0] {
            0 => {}
            1 => return Err(Fault::platform(FailClass::Expectation, "encoding")),
            _ => return Err(malformed()),
        }
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        let start = at + PREFIX_BYTES;
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length))
            .filter(|end| *end <= body.len())
            .ok_or_else(malformed)?;
        messages.push(body.slice(start..end));
        if messages.len() > MESSAGES_MAX {
            return Err(Fault::platform(FailClass::BodyTooLarge, "body"));
        }
        at = end;
    }
    Ok(messages)
}

/// The failure that an answer which is not proper gRPC is.
pub(crate) fn malformed() -> Fault {
    Fault::platform(FailClass::Expectation, "malformed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(trailers: &[(&str, &str)], body: &[u8]) -> Answer {
        Answer {
            status: 200,
            headers: [("content-type", "application/grpc+proto")]
                .into_iter()
                .collect(),
            body: body.to_vec(),
            trailers: trailers.iter().copied().collect(),
        }
    }

    #[test]
    fn the_status_is_read_where_it_stands_and_its_message_decoded() {
        let trailers = [
            ("grpc-status", "5"),
            ("grpc-message", "no%20user%20%EC%97%86"),
        ];
        let end = read(&mut answer(&trailers, b"")).unwrap();
        assert_eq!(end.status.name(), "NOT_FOUND");
        assert_eq!(end.message, "no user 없");
        let mut only_head = answer(&[], b"");
        only_head.headers.push("grpc-status", "0");
        assert_eq!(read(&mut only_head).unwrap().status, GrpcStatus::OK);
        let unheard = read(&mut answer(&[("grpc-status", "77")], b"")).unwrap();
        assert_eq!(unheard.status, GrpcStatus::UNKNOWN);
    }

    #[test]
    fn what_is_no_grpc_is_malformed() {
        let ok = [("grpc-status", "0")];
        for (trailers, body) in [
            (&[][..], &b""[..]),
            (&[("grpc-status", "ok")], b""),
            (&ok, b"\0\0\0\0"),
            (&ok, b"\0\0\0\0\x02x"),
            (&ok, b"\x02\0\0\0\0"),
            (&ok, b"\0\xff\xff\xff\xffx"),
        ] {
            let read = read(&mut answer(trailers, body));
            assert_eq!(read, Err(malformed()), "{trailers:?} {body:?}");
        }
        let compressed = read(&mut answer(&ok, b"\x01\0\0\0\0")).unwrap_err();
        assert_eq!(compressed.detail(), "encoding");
        let mut page = answer(&ok, b"");
        page.headers = [("content-type", "text/html")].into_iter().collect();
        assert_eq!(read(&mut page), Err(malformed()));
        page.status = 503;
        assert_eq!(read(&mut page).unwrap_err().detail(), "503");
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_were_put_in(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
        ) {
            let out = unframe(&frame(&messages)).unwrap();
            let out: Vec<Vec<u8>> = out.iter().map(|message| message.to_vec()).collect();
            prop_assert_eq!(out, messages);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = unframe(&Bytes::from(bytes));
        }
    }
}
