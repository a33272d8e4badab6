//! A message in a WebSocket: a header, which is 0 as yet, and the message behind it.

/// Bytes of one message, its header included: an effective configuration of 64 KiB and a
/// description are far below it. The specification lets 64 MiB pass, which nothing here needs.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1_024;

/// Most bytes of a varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;

/// Why a frame holds no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message has at most {MESSAGE_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// Its header does not end.
    #[error("the frame's header is not a varint")]
    NoHeader,
    /// Its header is of a later version.
    #[error("the frame's header is {0}; 0 is the only one that is known")]
    Header(u64),
    /// Behind the header is no message.
    #[error("the message cannot be read: {0}")]
    Message(#[from] prost::DecodeError),
}

/// The body of a message over plain HTTP.
pub fn encode(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// The message of a body.
///
/// # Errors
/// When it is too long or holds no such message.
pub fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, FrameError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(FrameError::TooLong(bytes.len()));
    }
    Ok(M::decode(bytes)?)
}

/// The binary frame of a message.
pub fn frame(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(0);
    message
        .encode(&mut bytes)
        .expect("a Vec has room for any message");
    bytes
}

/// The message of a binary frame.
///
/// # Errors
/// When it is too long, has another header than 0, or holds no such message.
pub fn unframe<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, FrameError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(FrameError::TooLong(bytes.len()));
    }
    let mut header = 0_u64;
    let mut length = 0;
    loop {
        let byte = *bytes.get(length).ok_or(FrameError::NoHeader)?;
        if length >= VARINT_BYTES_MAX || (length == VARINT_BYTES_MAX - 1 && byte > 1) {
            return Err(FrameError::NoHeader);
        }
        header |= u64::from(byte & 0x7f) << (7 * length);
        length += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    if header != 0 {
        return Err(FrameError::Header(header));
    }
    Ok(M::decode(&bytes[length..])?)
}
