//! zstd for request bodies, its tables kept: making them anew takes longer than packing a few runs.

use std::io::Result;
use std::sync::Mutex;

use zstd::bulk::Compressor;

/// zstd level: runs are alike, so that higher levels gain nothing (30 kB become 3,166 bytes at 1
/// and 3,140 at 3) and want a megabyte of tables.
const ZSTD_LEVEL: i32 = 1;

/// Packs one body at a time.
pub(super) struct Packer(Mutex<Compressor<'static>>);

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    pub(super) fn new() -> Result<Self> {
        Compressor::new(ZSTD_LEVEL).map(Mutex::new).map(Self)
    }

    pub(super) fn pack(&self, body: &[u8]) -> Result<Vec<u8>> {
        let mut packer = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        packer.compress(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_is_packed_by_itself() {
        let packer = Packer::new().unwrap();
        for body in [&[0; 5_000][..], b"runs and runs and runs", b""] {
            let packed = packer.pack(body).unwrap();
            assert_eq!(zstd::bulk::decompress(&packed, 8_192).unwrap(), body);
        }
    }
}
