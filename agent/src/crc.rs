//! CRC-32C (Castagnoli), the checksum of every record and note on disk.

/// The reflected polynomial of CRC-32C, as in RFC 3720, appendix B.4.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Bytes that are taken at a time.
const STRIDE: usize = 8;

/// What a byte does to the checksum when so many others follow it within a stride.
static TABLES: [[u32; 256]; STRIDE] = tables();

const fn tables() -> [[u32; 256]; STRIDE] {
    let mut tables = [[0; 256]; STRIDE];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut crc = byte as u32;
        let mut followers = 0;
        while followers < STRIDE {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ POLYNOMIAL
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            tables[followers][byte] = crc;
            followers += 1;
        }
        byte += 1;
    }
    tables
}

/// The checksum of the parts, one after the other.
pub(crate) fn crc32c(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for part in parts {
        let mut strides = part.chunks_exact(STRIDE);
        for stride in &mut strides {
            let mut next = 0;
            for (at, byte) in stride.iter().enumerate() {
                // The checksum so far goes into the first four bytes.
                let mixed = byte ^ crc.to_le_bytes().get(at).copied().unwrap_or(0);
                next ^= TABLES[STRIDE - 1 - at][usize::from(mixed)];
            }
            crc = next;
        }
        for byte in strides.remainder() {
            let [low, ..] = crc.to_le_bytes();
            crc = (crc >> 8) ^ TABLES[0][usize::from(low ^ byte)];
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_values_come_out() {
        assert_eq!(crc32c(&[b"123456789"]), 0xe306_9283);
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe306_9283);
        // RFC 3720, appendix B.4: 32 bytes of zeroes.
        assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c(&[&[0xff; 32]]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        for cut in 0..=rising.len() {
            let (before, after) = rising.split_at(cut);
            assert_eq!(crc32c(&[before, after]), 0x46dd_794e, "cut at {cut}");
        }
    }
}
