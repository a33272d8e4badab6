//! Bodies: read and inflated under one limit, in memory that was reserved first.

use std::io::Read;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;

use super::answer::{Form, Refused};
use super::limits::Reservation;

/// A body that has not come whole by then is given up: at 16 MiB that is a link of 2 Mbit/s.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// Seconds after which a sender whose body did not come may try again.
const AGAIN_AFTER: u64 = 5;

/// Of a refused body at most this much is read, and for so long: 64 MiB is what the OTLP
/// specification lets a client send.
const DISCARD_BYTES_MAX: usize = 64 << 20;
const DISCARD_WITHIN: Duration = Duration::from_secs(5);

/// Bytes that are inflated, and reserved, at a time.
const STEP: usize = 64 * 1024;

/// The largest window that a zstd frame may ask for, as a power of two: 16 MiB. Levels up to 19
/// use half of it.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// What the body says it is written in.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Refused> {
    Form::of(headers).ok_or_else(|| {
        let found = headers.get(header::CONTENT_TYPE);
        let found = found.map_or_else(
            || "this request has none".to_owned(),
            |found| format!("this request has {found:?}"),
        );
        Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "OTLP is taken with the Content-Type {} or {}; {found}",
                Form::Protobuf.media_type(),
                Form::Json.media_type()
            ),
        )
    })
}

/// How the body says it is compressed.
pub(super) fn coding(headers: &HeaderMap) -> Result<Coding, Refused> {
    // Several headers mean the same as one with commas: codings on top of each other.
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else {
        return Ok(Coding::Identity);
    };
    let value = value.as_bytes().to_ascii_lowercase();
    match (value.as_slice(), values.next()) {
        (b"" | b"identity", None) => Ok(Coding::Identity),
        (b"gzip" | b"x-gzip", None) => Ok(Coding::Gzip),
        (b"zstd", None) => Ok(Coding::Zstd),
        _ => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a body may be compressed with gzip or zstd, or not at all",
        )),
    }
}

/// Reads the body as it is on the wire.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &mut BodyDataStream,
    bytes_max: u64,
    held: &mut Reservation,
) -> Result<Vec<u8>, Refused> {
    read_within(BODY_WITHIN, headers, body, bytes_max, held).await
}

async fn read_within(
    within: Duration,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
    bytes_max: u64,
    held: &mut Reservation,
) -> Result<Vec<u8>, Refused> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let whole = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| {
                Refused::new(
                    StatusCode::BAD_REQUEST,
                    format!("the body broke off: {error}"),
                )
            })?;
            if (bytes.len() + chunk.len()) as u64 > bytes_max {
                return Err(too_large(bytes_max));
            }
            held.grow(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(within, whole)
        .await
        .unwrap_or_else(|_| {
            let message = format!("the body did not come whole within {} s", within.as_secs());
            // Not 408, after which a sender of OTLP gives its records up: the link may mend.
            Err(Refused::later(
                StatusCode::SERVICE_UNAVAILABLE,
                message,
                AGAIN_AFTER,
            ))
        })
}

/// Reads what is left of a body that is refused, so that its sender hears the answer: a socket
/// that is closed with bytes unread resets, and the answer is lost.
pub(super) async fn discard(body: &mut BodyDataStream) {
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = body.next().await {
            bytes += chunk.len();
            if bytes > DISCARD_BYTES_MAX {
                return;
            }
        }
    };
    // Who is slower than that may lose the answer.
    let _ = tokio::time::timeout(DISCARD_WITHIN, rest).await;
}

/// Undoes the compression.
pub(super) fn inflate(
    coding: Coding,
    wire: Vec<u8>,
    bytes_max: u64,
    held: &mut Reservation,
) -> Result<Vec<u8>, Refused> {
    match coding {
        Coding::Identity => Ok(wire),
        Coding::Gzip => {
            let decoder = flate2::read::MultiGzDecoder::new(wire.as_slice());
            drain(decoder, "gzip", bytes_max, held)
        }
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(wire.as_slice())
                .map_err(|error| broken("zstd", &error))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(|error| broken("zstd", &error))?;
            drain(decoder, "zstd", bytes_max, held)
        }
    }
}

fn drain(
    mut decoder: impl Read,
    coding: &str,
    bytes_max: u64,
    held: &mut Reservation,
) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        let step = decoder.by_ref().take(STEP as u64).read_to_end(&mut bytes);
        step.map_err(|error| broken(coding, &error))?;
        let grown = bytes.len() - before;
        if grown == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 > bytes_max {
            return Err(too_large(bytes_max));
        }
        held.grow(grown)?;
    }
}

fn broken(coding: &str, error: &std::io::Error) -> Refused {
    let message = format!("the body is not whole {coding}, as its headers say: {error}");
    Refused::new(StatusCode::BAD_REQUEST, message)
}

pub(super) fn too_large(bytes_max: u64) -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "a body may have {bytes_max} bytes, also after decompression; send fewer runs at a time"
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::counters::Counters;

    fn compressed(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Identity => bytes.to_vec(),
            Coding::Gzip => {
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }

    fn coding() -> impl Strategy<Value = Coding> {
        prop_oneof![
            Just(Coding::Identity),
            Just(Coding::Gzip),
            Just(Coding::Zstd)
        ]
    }

    #[test]
    fn one_coding_is_read_and_several_are_refused_not_guessed() {
        let said = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            super::coding(&headers).map_err(|refused| refused.code)
        };
        assert_eq!(said(&[]), Ok(Coding::Identity));
        assert_eq!(said(&["GZIP"]), Ok(Coding::Gzip));
        assert_eq!(said(&["x-gzip"]), Ok(Coding::Gzip));
        for values in [vec!["identity", "gzip"], vec!["gzip, zstd"], vec!["br"]] {
            let refused = said(&values);
            assert_eq!(
                refused,
                Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
                "{values:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up_and_may_be_sent_again() {
        let stuck = axum::body::Body::from_stream(
            futures_util::stream::once(async { Ok::<_, std::io::Error>("some") })
                .chain(futures_util::stream::pending()),
        );
        let counters = std::sync::Arc::new(Counters::default());
        let mut held = Reservation::for_test(&counters, 1 << 20);
        let mut body = stuck.into_data_stream();
        let within = Duration::from_millis(20);
        let refused = read_within(within, &HeaderMap::new(), &mut body, 1 << 20, &mut held)
            .await
            .unwrap_err();
        assert_eq!(refused.code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            refused.message.contains("did not come whole"),
            "{refused:?}"
        );
        drop(held);
        assert_eq!(counters.in_flight_bytes.get(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_compressed_comes_back_and_nothing_stays_reserved(
            coding in coding(),
            bytes in prop::collection::vec(any::<u8>(), 1..20_000),
        ) {
            let counters = std::sync::Arc::new(Counters::default());
            let mut held = Reservation::for_test(&counters, 1 << 20);
            let wire = compressed(coding, &bytes);
            prop_assert_eq!(inflate(coding, wire, 1 << 20, &mut held).unwrap(), bytes);
            drop(held);
            prop_assert_eq!(counters.in_flight_bytes.get(), 0);
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_more_than_the_limit(
            coding in coding(),
            bytes in prop::collection::vec(any::<u8>(), 1..5_000),
            at in any::<prop::sample::Index>(),
            to in any::<u8>(),
        ) {
            let counters = std::sync::Arc::new(Counters::default());
            let mut held = Reservation::for_test(&counters, 1 << 20);
            let mut wire = compressed(coding, &bytes);
            let at = at.index(wire.len());
            wire[at] = to;
            match inflate(coding, wire, 10_000, &mut held) {
                Ok(read) => prop_assert!(read.len() <= 10_000),
                Err(refused) => prop_assert!(
                    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE]
                        .contains(&refused.code)
                ),
            }
        }
    }
}
