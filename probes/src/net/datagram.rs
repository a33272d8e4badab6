//! A connected UDP socket: only its peer is heard, and a refusal comes back as an error.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::dial::refused;
use crate::failure::{Fault, own_shortage};

/// Room for the largest datagram.
pub(super) const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A socket of a random port that talks to `address` alone.
pub(super) async fn connected(address: SocketAddr) -> Result<UdpSocket, Fault> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(|error| broke(&error))?;
    socket
        .connect(address)
        .await
        .map_err(|error| broke(&error))?;
    Ok(socket)
}

/// Why a datagram could not be sent or received: `refused`, where the peer's machine says that
/// nobody listens, `unreachable`, or a fault of our own.
pub(super) fn broke(error: &std::io::Error) -> Fault {
    own_shortage(error).unwrap_or_else(|| refused(error))
}
