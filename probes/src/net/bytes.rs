//! Bytes over TCP and UDP: sent as they are, read until what came is what was expected.

use bongsu_language::HostPort;
use bongsu_model::FailClass;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::datagram::{DATAGRAM_BYTES_MAX, broke, connected};
use super::{Wire, no_reply};
use crate::clock::{Budget, Deadline, Struck};
use crate::failure::{Fault, broken, own_shortage};
use crate::phases::Phase;

/// How many bytes are read at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// How long a small addition to much that has come waits for more before all is looked at anew:
/// a peer that sends single bytes must not make us look at a megabyte for each of them.
const QUIET: std::time::Duration = std::time::Duration::from_millis(20);

/// An addition of less than this part of what has come is small.
const SMALL_PART: usize = 16;

/// How many datagrams that do not fit are passed over before the deadline is looked at: a flood
/// is never pending, so that the timer alone would not end it.
const OTHERS_MAX: u32 = 1024;

/// What is held against what has come so far.
pub(crate) struct Enough<'a> {
    /// Whether anything is expected of what comes back.
    pub(crate) is_wanted: bool,
    /// Whether it is all that was expected.
    pub(crate) judge: &'a (dyn Fn(&[u8]) -> Result<bool, Fault> + Sync),
    /// Most bytes that are read.
    pub(crate) bytes_max: usize,
}

/// What came, and why no more did.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fault: Option<Fault>,
}

impl Came {
    fn broke(fault: Fault) -> Self {
        Self {
            bytes: Vec::new(),
            fault: Some(fault),
        }
    }
}

/// Connects, sends, and reads until it is enough, the peer closes, or the time is up.
pub(crate) async fn over_tcp(
    peer: &HostPort,
    send: Option<&[u8]>,
    enough: &Enough<'_>,
    mut wire: Wire<'_>,
) -> Came {
    let mut stream = match wire.open(peer).await {
        Ok(stream) => stream,
        Err(fault) => return Came::broke(fault),
    };
    if let Some(bytes) = send {
        let sent = wire.deadline.bound(stream.write_all(bytes)).await;
        let problem = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(lost(&error)),
            Err(struck) => Some(Fault::struck(struck, Phase::Wait)),
        };
        if problem.is_some() || !enough.is_wanted {
            wire.watch.end(Phase::Wait);
        }
        if let Some(fault) = problem {
            return Came::broke(fault);
        }
    }
    if enough.is_wanted {
        read(&mut stream, enough, &mut wire).await
    } else {
        Came::default()
    }
}

async fn read(stream: &mut TcpStream, enough: &Enough<'_>, wire: &mut Wire<'_>) -> Came {
    let mut came = Came::default();
    // How much of it was looked at.
    let mut judged = 0;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let room = (enough.bytes_max + 1).saturating_sub(came.bytes.len());
        let room = room.min(PIECE_BYTES);
        let reading = stream.read(&mut piece[..room]);
        let next = if judged < came.bytes.len() {
            let quiet = Deadline::after(QUIET, Budget::Step).earlier(wire.deadline);
            quiet.bound(reading).await
        } else {
            wire.deadline.bound(reading).await
        };
        let is_first = came.bytes.is_empty();
        match next {
            Ok(Ok(0)) => {
                wire.watch.end(if is_first {
                    Phase::Wait
                } else {
                    Phase::Receive
                });
                if is_first {
                    came.fault = Some(Fault::platform(FailClass::Send, "closed"));
                }
                return came;
            }
            Ok(Ok(count)) => {
                wire.watch.end(if is_first {
                    Phase::Wait
                } else {
                    Phase::Receive
                });
                came.bytes.extend_from_slice(&piece[..count]);
                if came.bytes.len() > enough.bytes_max {
                    came.fault = Some(Fault::platform(FailClass::BodyTooLarge, "body"));
                    return came;
                }
                if (came.bytes.len() - judged) * SMALL_PART < came.bytes.len() {
                    continue;
                }
            }
            Ok(Err(error)) => {
                wire.watch.end(if is_first {
                    Phase::Wait
                } else {
                    Phase::Receive
                });
                came.fault = Some(lost(&error));
                return came;
            }
            Err(struck) if wire.deadline.has_passed() => {
                let phase = if is_first {
                    Phase::Wait
                } else {
                    Phase::Receive
                };
                wire.watch.end(phase);
                came.fault = late(struck_by(struck, wire.deadline), phase);
                return came;
            }
            // Quiet: what came meanwhile is looked at.
            Err(_) => {}
        }
        judged = came.bytes.len();
        match (enough.judge)(&came.bytes) {
            Ok(false) => {}
            Ok(true) => return came,
            Err(fault) => {
                came.fault = Some(fault);
                return came;
            }
        }
    }
}

/// The deadline's own budget, whichever timer told that it has passed.
fn struck_by(_: Struck, deadline: Deadline) -> Struck {
    Struck(deadline.budget())
}

/// What the end of the time means: nothing came, or what came was not what was expected, which
/// the judge tells better.
fn late(struck: Struck, phase: Phase) -> Option<Fault> {
    match (struck.0, phase) {
        (Budget::Step | Budget::Poll | Budget::Cleanup, Phase::Receive) => None,
        _ => Some(Fault::struck(struck, phase)),
    }
}

fn lost(error: &std::io::Error) -> Fault {
    own_shortage(error).unwrap_or_else(|| Fault::platform(FailClass::Send, broken(error.kind())))
}

/// Sends a datagram and waits for one that is enough; the others are passed over.
pub(crate) async fn over_udp(
    peer: &HostPort,
    send: &[u8],
    enough: &Enough<'_>,
    mut wire: Wire<'_>,
) -> Came {
    let sent = async {
        let address = wire.locate(peer).await?;
        let socket = connected(address).await?;
        socket.send(send).await.map_err(|error| broke(&error))?;
        Ok(socket)
    };
    let socket = match sent.await {
        Ok(socket) => socket,
        Err(fault) => {
            wire.watch.end(Phase::Wait);
            return Came::broke(fault);
        }
    };
    let mut came = Came::default();
    let mut others = 0_u32;
    let mut room = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let next = wire.deadline.bound(socket.recv(&mut room)).await;
        wire.watch.end(Phase::Wait);
        match next {
            Ok(Ok(count)) if count > enough.bytes_max => {
                came.fault = Some(Fault::platform(FailClass::BodyTooLarge, "body"));
                return came;
            }
            Ok(Ok(count)) => came.bytes = room[..count].to_vec(),
            Ok(Err(error)) => {
                came.fault = Some(broke(&error));
                return came;
            }
            Err(struck) => {
                came.fault = if others == 0 {
                    Some(no_reply(struck))
                } else {
                    late(struck, Phase::Receive)
                };
                return came;
            }
        }
        match (enough.judge)(&came.bytes) {
            Ok(true) => return came,
            Ok(false) => others = others.saturating_add(1),
            Err(fault) => {
                came.fault = Some(fault);
                return came;
            }
        }
        if others > OTHERS_MAX && wire.deadline.has_passed() {
            came.fault = late(Struck(wire.deadline.budget()), Phase::Receive);
            return came;
        }
    }
}
