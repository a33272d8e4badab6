//! What reading in place must hold, for any bytes: it says what the full decode says.

use bongsu_wire::{decode_report, decode_traces, decode_traces_whole};

/// Panics where the two disagree.
pub(crate) fn agree(bytes: &[u8]) {
    let (read, decoded) = match (decode_traces(bytes), decode_traces_whole(bytes)) {
        (Ok(read), Ok(decoded)) => (read, decoded),
        (read, decoded) => {
            assert_eq!(read.err(), decoded.err());
            return;
        }
    };
    assert_eq!(read.len(), decoded.len());
    for (read, decoded) in read.iter().zip(&decoded) {
        let (Ok(read), Ok(decoded)) = (read, decoded) else {
            assert_eq!(read, decoded);
            continue;
        };
        assert_eq!(read.facts, decoded.facts);
        assert_eq!(read.resource, decoded.resource);
        assert_eq!(read.span_count, decoded.span_count);
        let (kept, whole) = (decode_report(&read.spans), decode_report(&decoded.spans));
        assert!(kept.is_ok(), "{kept:?}");
        assert_eq!(kept, whole);
    }
}
