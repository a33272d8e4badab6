//! Pictures that the platform shows, the same ones every time: tiles, streets, pages of webtoons.
//! They are SVG, so that whoever looks at one can compare every byte of it.

use std::fmt::Write as _;

use base64::Engine as _;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{Response, StatusCode};
use sha2::Digest as _;

use crate::http::{Answer, Content};

/// Shapes in one picture.
const SHAPES: u8 = 24;
/// Its width and height in pixels.
const SIDE: u32 = 256;

/// The picture of what is named so: shapes that follow from the name.
pub(crate) fn picture(name: &str) -> Bytes {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{SIDE}\" height=\"{SIDE}\">\
         <title>{name}</title>\n"
    );
    for shape in 0..SHAPES {
        let [x, y, wide, high, red, green, blue, ..] = bytes_of(&format!("{name}/{shape}"));
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" \
             fill=\"rgb({red},{green},{blue})\"/>"
        );
    }
    text.push_str("</svg>\n");
    Bytes::from(text)
}

/// SHA-256 in base64 for URLs (RFC 4648, section 5) without padding, as RFC 7636 writes it.
pub(crate) fn s256(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes))
}

/// 32 bytes that follow from a text.
pub(crate) fn bytes_of(text: &str) -> [u8; 32] {
    sha2::Sha256::digest(text).into()
}

/// The picture of what is named so as an answer; of something else where words are wrong.
pub(crate) fn shown(name: &str, content: Content) -> Answer {
    let bytes = match content {
        Content::Right => picture(name),
        Content::Wrong => picture("something else"),
    };
    served(bytes, "image/svg+xml")
}

/// Bytes as an answer, with their hash as the entity tag.
pub(crate) fn served(bytes: Bytes, media_type: &'static str) -> Answer {
    let tag = HeaderValue::from_str(&format!("\"{}\"", s256(&bytes)));
    let mut answer = Response::new(http_body_util::Full::new(bytes));
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(ETAG, tag.expect("base64 is fit for a header"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_same_every_time_and_another_one_differs() {
        assert_eq!(picture("tile/14/1/2"), picture("tile/14/1/2"));
        assert_ne!(picture("tile/14/1/2"), picture("tile/14/1/3"));
        assert!(
            std::str::from_utf8(&picture("x"))
                .unwrap()
                .ends_with("</svg>\n")
        );
    }

    #[test]
    fn a_hash_is_written_as_rfc_7636_writes_it() {
        // Appendix B of RFC 7636.
        let verifier = b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(s256(verifier), challenge);
    }
}
