//! The few things that protobuf is made of, written
//! (<https://protobuf.dev/programming-guides/encoding/>).

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

pub(crate) fn varint(out: &mut Vec<u8>, number: u32, value: u64) {
    key(out, number, VARINT);
    raw(out, value);
}

pub(crate) fn fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    key(out, number, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn fixed32(out: &mut Vec<u8>, number: u32, value: u32) {
    key(out, number, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    key(out, number, LENGTH);
    raw(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Begins a message of which the length is known only at its [`end`].
pub(crate) fn begin(out: &mut Vec<u8>, number: u32) -> usize {
    key(out, number, LENGTH);
    out.len()
}

/// Ends the message whose content begins at `from`: its length goes before it.
pub(crate) fn end(out: &mut Vec<u8>, from: usize) {
    let mut length = Vec::with_capacity(5);
    raw(&mut length, (out.len() - from) as u64);
    out.splice(from..from, length);
}

fn key(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    raw(out, u64::from(number << 3 | wire_type));
}

fn raw(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
