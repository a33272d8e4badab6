//! Asking a DNS server: over UDP, over TCP, over TLS. (Over HTTPS it is an HTTP exchange.)

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_language::{HostPort, Over};
use bongsu_model::FailClass;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Wire;
use super::datagram::{DATAGRAM_BYTES_MAX, broke, connected};
use super::question::{Question, Reply};
use crate::dial::connect;
use crate::failure::{Fault, broken, own_shortage};
use crate::phases::Phase;

/// How long one question over UDP waits for its answer before it is asked again, and how often:
/// one lost datagram is no outage. The same as for the names of every other step.
const QUESTION_TIMEOUT: Duration = crate::dns::QUESTION_TIMEOUT;
const QUESTION_REPEATS: usize = crate::dns::QUESTION_REPEATS;

/// How many datagrams that are no answer are passed over for one question.
const OTHERS_MAX: usize = 1_024;

/// Whom to ask, and how.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) question: &'a Question,
    /// None for the target's resolver.
    pub(crate) server: Option<&'a HostPort>,
    pub(crate) over: Over,
}

/// Asks, and reads the answer.
pub(crate) async fn ask(asking: &Asking<'_>, mut wire: Wire<'_>) -> Result<Reply, Fault> {
    if asking.over == Over::Dot {
        return over_tls(asking, wire).await;
    }
    let address = match asking.server {
        Some(server) => wire.locate(server).await?,
        None => resolver(&mut wire)?,
    };
    let question = asking.question;
    match asking.over {
        Over::Tcp => over_tcp(question, address, &mut wire).await,
        Over::Udp => over_udp(question, address, &mut wire).await,
        Over::Usual => {
            let reply = over_udp(question, address, &mut wire).await?;
            if reply.is_cut {
                // As every resolver does (RFC 7766, section 5).
                return over_tcp(question, address, &mut wire).await;
            }
            Ok(reply)
        }
        Over::Dot | Over::Doh => Err(Fault::internal("DNS is not asked so here")),
    }
}

/// The address of the target's resolver, which its operator chose: it need not be among the hosts.
fn resolver(wire: &mut Wire<'_>) -> Result<SocketAddr, Fault> {
    if wire.target.is_cut() {
        return Err(Fault::platform(FailClass::Connect, "unreachable"));
    }
    let address = wire.target.resolver.server().ok_or_else(|| {
        Fault::internal("this machine names no DNS server: set `resolver` in the target")
    })?;
    wire.network.peer_address = Some(address.ip());
    wire.network.server_port = Some(address.port());
    Ok(address)
}

async fn over_udp(
    question: &Question,
    address: SocketAddr,
    wire: &mut Wire<'_>,
) -> Result<Reply, Fault> {
    let bytes = question.bytes()?;
    let asked = wire.deadline.bound(async {
        let socket = connected(address).await?;
        for _ in 0..=QUESTION_REPEATS {
            socket.send(&bytes).await.map_err(|error| broke(&error))?;
            let heard = tokio::time::timeout(QUESTION_TIMEOUT, listen(question, &socket)).await;
            if let Ok(heard) = heard {
                return heard;
            }
        }
        Err(Fault::platform(FailClass::Dns, "timeout"))
    });
    let asked = asked.await;
    wire.watch.end(Phase::Wait);
    asked.map_err(|struck| Fault::struck(struck, Phase::Dns))?
}

async fn listen(question: &Question, socket: &tokio::net::UdpSocket) -> Result<Reply, Fault> {
    let mut room = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..OTHERS_MAX {
        let count = socket
            .recv(&mut room)
            .await
            .map_err(|error| broke(&error))?;
        if let Some(read) = question.read(&room[..count]) {
            return read;
        }
    }
    Err(Fault::platform(FailClass::Dns, "malformed"))
}

async fn over_tcp(
    question: &Question,
    address: SocketAddr,
    wire: &mut Wire<'_>,
) -> Result<Reply, Fault> {
    let mut stream = connect(address, wire.watch, wire.deadline).await?;
    talk(question, &mut stream, wire).await
}

async fn over_tls(asking: &Asking<'_>, mut wire: Wire<'_>) -> Result<Reply, Fault> {
    let server = asking
        .server
        .ok_or_else(|| Fault::internal("DNS over TLS needs a `server`"))?;
    wire.target.tls.check_trust()?;
    let stream = wire.open(server).await?;
    let (config, _) = wire.target.tls.listening(&[]);
    let shaking = crate::tls::shake_hands(config, &server.host, stream);
    let shaken = wire.deadline.bound(shaking).await;
    wire.watch.end(Phase::Tls);
    let mut stream = shaken.map_err(|struck| Fault::struck(struck, Phase::Tls))??;
    crate::tls::record(&stream, wire.network);
    talk(asking.question, &mut stream, &mut wire).await
}

/// One question and its answer, each behind its length (RFC 1035, section 4.2.2).
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    question: &Question,
    stream: &mut S,
    wire: &mut Wire<'_>,
) -> Result<Reply, Fault> {
    let bytes = question.bytes()?;
    let length = u16::try_from(bytes.len())
        .map_err(|_| Fault::internal("the question is longer than DNS allows"))?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend(bytes);
    let talked = wire.deadline.bound(async {
        stream.write_all(&message).await?;
        stream.flush().await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    });
    let talked = talked.await;
    wire.watch.end(Phase::Wait);
    let answer = talked
        .map_err(|struck| Fault::struck(struck, Phase::Dns))?
        .map_err(|error: std::io::Error| {
            let lost = || Fault::platform(FailClass::Dns, broken(error.kind()));
            own_shortage(&error).unwrap_or_else(lost)
        })?;
    let malformed = || Fault::platform(FailClass::Dns, "malformed");
    question.read(&answer).ok_or_else(malformed)?
}
