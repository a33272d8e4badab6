//! One ICMP echo over a datagram socket, which Linux gives to the groups of
//! `net.ipv4.ping_group_range` without any privilege.

use std::io::ErrorKind;
use std::net::IpAddr;

use bongsu_language::HostPort;
use bongsu_model::FailClass;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::datagram::broke;
use super::{Wire, no_reply};
use crate::failure::{Fault, broken};
use crate::phases::Phase;

/// Types of messages (RFC 792; RFC 4443, section 4).
const ECHO_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Type, code, checksum, identifier and sequence number.
const HEADER_BYTES: usize = 8;

/// Most bytes of a reply that are looked at: more than was sent.
const REPLY_BYTES_MAX: usize = 512;

/// Asks for an echo and waits for it; the phase wait is the round trip.
pub(crate) async fn ping(host: &str, mut wire: Wire<'_>) -> Result<(), Fault> {
    let peer = HostPort {
        host: host.to_owned(),
        port: 0,
    };
    let address = wire.locate(&peer).await?;
    let socket = open(address.ip()).map_err(|error| no_socket(&error, address.ip()))?;
    socket.connect(address).await.map_err(|e| broke(&e))?;
    let stamp = wire.watch.clock().wall().as_unix_nanos().to_be_bytes();
    let echo = echo(address.ip(), stamp);
    socket.send(&echo).await.map_err(|error| unsent(&error))?;
    let deadline = wire.deadline;
    let mut room = [0; REPLY_BYTES_MAX];
    let heard = loop {
        match deadline.bound(socket.recv(&mut room)).await {
            Ok(Ok(count)) if is_reply(&room[..count], &echo) => break Ok(()),
            Ok(Ok(_)) if deadline.has_passed() => {
                break Err(Fault::platform(FailClass::Timeout, "no_reply"));
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => break Err(broke(&error)),
            Err(struck) => break Err(no_reply(struck)),
        }
    };
    wire.watch.end(Phase::Wait);
    heard
}

fn open(address: IpAddr) -> std::io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// An echo request. The kernel sets checksum and identifier, and hands this socket the replies to
/// its own identifier only.
pub(crate) fn echo(address: IpAddr, stamp: [u8; 8]) -> Vec<u8> {
    let kind = match address {
        IpAddr::V4(_) => ECHO_V4,
        IpAddr::V6(_) => ECHO_V6,
    };
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 1];
    message.extend(stamp);
    message.extend(b"bongsu (+synthetic)");
    message
}

/// Whether `message` is the reply to `echo`, with what was sent and its sequence number.
pub(crate) fn is_reply(message: &[u8], echo: &[u8]) -> bool {
    /// Some systems hand out the IPv4 header, too: version 4, and its length in words.
    const VERSION_4: u8 = 4;
    let message = match message.first() {
        Some(first) if first >> 4 == VERSION_4 && echo[0] == ECHO_V4 => {
            let length = usize::from(first & 0x0f) * 4;
            message.get(length..).unwrap_or_default()
        }
        _ => message,
    };
    let expected = if echo[0] == ECHO_V4 {
        ECHO_REPLY_V4
    } else {
        ECHO_REPLY_V6
    };
    message.len() == echo.len()
        && message[0] == expected
        && message[1] == 0
        && message[HEADER_BYTES - 2..] == echo[HEADER_BYTES - 2..]
}

/// That this machine has no socket for us says nothing about the platform, whatever the reason.
fn no_socket(error: &std::io::Error, address: IpAddr) -> Fault {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    Fault::internal(match error.kind() {
        ErrorKind::PermissionDenied => {
            "this machine does not let the agent ping: put the agent's group into \
             net.ipv4.ping_group_range"
                .to_owned()
        }
        _ => format!("this machine has no way to ping over {family}: {error}"),
    })
}

fn unsent(error: &std::io::Error) -> Fault {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Fault::internal("a rule of this machine's own firewall holds the ping back")
        }
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => broke(error),
        kind => Fault::platform(FailClass::Connect, broken(kind)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_reply_is_known_by_its_type_number_and_content() {
        for (address, reply) in [
            (IpAddr::from(Ipv4Addr::LOCALHOST), ECHO_REPLY_V4),
            (Ipv6Addr::LOCALHOST.into(), ECHO_REPLY_V6),
        ] {
            let echo = echo(address, 7_u64.to_be_bytes());
            let mut right = echo.clone();
            right[0] = reply;
            // The kernel's own identifier and checksum.
            right[2..6].copy_from_slice(&[1, 2, 3, 4]);
            assert!(is_reply(&right, &echo));
            let mut packet = vec![0x45; 20];
            packet.extend(&right);
            assert_eq!(is_reply(&packet, &echo), address.is_ipv4());
            assert!(!is_reply(&echo, &echo), "our own request");
            for at in [0, 1, 7, 9, right.len() - 1] {
                let mut wrong = right.clone();
                wrong[at] ^= 0x20;
                assert!(!is_reply(&wrong, &echo), "byte {at}");
            }
            for cut in 0..right.len() {
                assert!(!is_reply(&right[..cut], &echo), "{cut}");
            }
        }
    }

    #[test]
    fn a_machine_that_does_not_let_us_ping_blinds_and_never_fails() {
        for code in [1, 13, 93, 97] {
            let error = std::io::Error::from_raw_os_error(code);
            let fault = no_socket(&error, Ipv4Addr::LOCALHOST.into());
            assert_eq!(fault.class(), None, "{code}");
        }
        let denied = std::io::Error::from(ErrorKind::PermissionDenied);
        let fault = no_socket(&denied, Ipv4Addr::LOCALHOST.into());
        assert!(fault.detail().contains("ping_group_range"));
        assert_eq!(unsent(&denied).class(), None);
    }
}
