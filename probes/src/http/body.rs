//! The body of an answer: decompressed as it comes, and capped after decompression.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_compression::tokio::write::{BrotliDecoder, GzipDecoder};
use bongsu_model::FailClass;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::failure::Fault;

use super::malformed;

/// How many bytes of framing compressed data may have beyond the cap of what is inside it.
const ENCODED_SLACK: usize = 64 * 1024;

/// Takes a body in, piece by piece.
pub(super) struct Reader {
    decoder: Decoder,
    encoded: usize,
    encoded_max: usize,
}

enum Decoder {
    Identity(Capped),
    Gzip(Box<GzipDecoder<Capped>>),
    Brotli(Box<BrotliDecoder<Capped>>),
}

impl Reader {
    /// A reader for the encoding that `headers` name; nested encodings are refused.
    pub(super) fn new(headers: &http::HeaderMap, max: usize) -> Result<Self, Fault> {
        let sink = Capped {
            bytes: Vec::new(),
            max,
            is_over: false,
        };
        let mut encodings = headers.get_all(http::header::CONTENT_ENCODING).iter();
        let encoding = encodings
            .next()
            .map(|value| value.as_bytes().to_ascii_lowercase());
        if encodings.next().is_some() {
            return Err(unknown_encoding());
        }
        let decoder = match encoding.as_deref() {
            None | Some(b"" | b"identity") => Decoder::Identity(sink),
            Some(b"gzip" | b"x-gzip") => Decoder::Gzip(Box::new(GzipDecoder::new(sink))),
            Some(b"br") => Decoder::Brotli(Box::new(BrotliDecoder::new(sink))),
            Some(_) => return Err(unknown_encoding()),
        };
        Ok(Self {
            decoder,
            encoded: 0,
            encoded_max: max.saturating_add(ENCODED_SLACK),
        })
    }

    /// Takes the next piece in.
    pub(super) async fn take(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.encoded = self.encoded.saturating_add(piece.len());
        if self.encoded > self.encoded_max {
            return Err(too_large());
        }
        let taken = match &mut self.decoder {
            Decoder::Identity(sink) => sink.write_all(piece).await,
            Decoder::Gzip(decoder) => decoder.write_all(piece).await,
            Decoder::Brotli(decoder) => decoder.write_all(piece).await,
        };
        self.judge(&taken)
    }

    /// The body is complete: what is left inside the decoder comes out.
    pub(super) async fn finish(&mut self) -> Result<(), Fault> {
        if self.encoded == 0 {
            // An answer to HEAD, a 204 or an empty body names an encoding and has no bytes of it.
            return Ok(());
        }
        let finished = match &mut self.decoder {
            Decoder::Identity(_) => Ok(()),
            Decoder::Gzip(decoder) => decoder.shutdown().await,
            Decoder::Brotli(decoder) => decoder.shutdown().await,
        };
        self.judge(&finished)
    }

    pub(super) fn len(&self) -> usize {
        self.sink().bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self.decoder {
            Decoder::Identity(sink) => sink.bytes,
            Decoder::Gzip(decoder) => decoder.into_inner().bytes,
            Decoder::Brotli(decoder) => decoder.into_inner().bytes,
        }
    }

    fn sink(&self) -> &Capped {
        match &self.decoder {
            Decoder::Identity(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_ref(),
            Decoder::Brotli(decoder) => decoder.get_ref(),
        }
    }

    fn judge(&self, result: &io::Result<()>) -> Result<(), Fault> {
        match result {
            Ok(()) => Ok(()),
            Err(_) if self.sink().is_over => Err(too_large()),
            Err(_) => Err(malformed()),
        }
    }
}

/// What a whole body is.
#[cfg(any(test, fuzzing))]
pub(crate) async fn read_body(encoding: &str, body: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    let mut headers = http::HeaderMap::new();
    if let Ok(value) = encoding.parse() {
        let _ = headers.insert(http::header::CONTENT_ENCODING, value);
    }
    let mut reader = Reader::new(&headers, max)?;
    for piece in body.chunks(1000) {
        reader.take(piece).await?;
    }
    reader.finish().await?;
    Ok(reader.into_bytes())
}

/// An encoding that we did not ask for, or several, one inside the other.
fn unknown_encoding() -> Fault {
    Fault::platform(FailClass::Expectation, "encoding")
}

fn too_large() -> Fault {
    Fault::platform(FailClass::BodyTooLarge, "body")
}

/// Keeps bytes up to a cap and fails at the first beyond it.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
    is_over: bool,
}

impl AsyncWrite for Capped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = self.max - self.bytes.len();
        let fits = &bytes[..bytes.len().min(room)];
        self.bytes.extend_from_slice(fits);
        if bytes.len() > room {
            self.is_over = true;
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(encoding: &str, encoded: &[u8], max: usize) -> (Result<(), Fault>, Vec<u8>) {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::CONTENT_ENCODING, encoding.parse().unwrap());
        let mut reader = match Reader::new(&headers, max) {
            Ok(reader) => reader,
            Err(fault) => return (Err(fault), Vec::new()),
        };
        let mut result = Ok(());
        for piece in encoded.chunks(7) {
            result = reader.take(piece).await;
            if result.is_err() {
                break;
            }
        }
        if result.is_ok() {
            result = reader.finish().await;
        }
        (result, reader.into_bytes())
    }

    #[tokio::test]
    async fn bodies_come_out_whole_up_to_their_cap() {
        let text = b"the quick brown fox".repeat(10);
        let (result, bytes) = read("gzip", &gzip(&text), text.len()).await;
        assert_eq!((result, bytes), (Ok(()), text.clone()));
        let (result, bytes) = read("identity", &text, text.len()).await;
        assert_eq!((result, bytes), (Ok(()), text.clone()));
        let (result, bytes) = read("gzip", &gzip(&text), text.len() - 1).await;
        assert_eq!(result, Err(too_large()));
        assert_eq!(bytes.len(), text.len() - 1);
        assert_eq!(read("gzip", b"", 10).await, (Ok(()), Vec::new()));
    }

    #[tokio::test]
    async fn brotli_comes_out_too() {
        let text = b"the quick brown fox".repeat(10);
        let mut encoder = async_compression::tokio::write::BrotliEncoder::new(Vec::new());
        encoder.write_all(&text).await.unwrap();
        encoder.shutdown().await.unwrap();
        let encoded = encoder.into_inner();
        assert_eq!(
            read("br", &encoded, text.len()).await,
            (Ok(()), text.clone())
        );
        let (result, _) = read("br", &encoded, 20).await;
        assert_eq!(result, Err(too_large()));
        let (result, _) = read("br", &encoded[..encoded.len() - 3], 1 << 20).await;
        assert_eq!(result, Err(malformed()));
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_cap() {
        let bomb = gzip(&vec![0; 20 << 20]);
        let (result, bytes) = read("gzip", &bomb, 1 << 20).await;
        assert_eq!(result, Err(too_large()));
        assert_eq!(bytes.len(), 1 << 20);
    }

    #[tokio::test]
    async fn cut_or_wrong_or_nested_encodings_are_refused() {
        let encoded = gzip(&b"the quick brown fox".repeat(10));
        let (result, _) = read("gzip", &encoded[..encoded.len() - 4], 1 << 20).await;
        assert_eq!(result, Err(malformed()));
        let (result, _) = read("gzip", b"this is no gzip data", 1 << 20).await;
        assert_eq!(result, Err(malformed()));
        let (result, _) = read("br", &[0xff; 40], 1 << 20).await;
        assert_eq!(result, Err(malformed()));
        let (result, _) = read("gzip, gzip", &encoded, 1 << 20).await;
        assert_eq!(
            result,
            Err(Fault::platform(FailClass::Expectation, "encoding"))
        );
    }
}
