//! The platform's DNS server: one per calling region, over UDP and TCP, for the platform's hosts.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::RegionId;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::audit::Count;
use crate::component::Service;
use crate::fault::DnsFailure;
use crate::world::World;

/// Longest query over UDP that is read: EDNS asks for at most 4096 bytes, queries are far shorter.
const QUERY_BYTES_MAX: usize = 4096;
/// Longest wait for a query on a TCP connection, and queries answered on one.
const TCP_IDLE_MAX: Duration = Duration::from_secs(10);
const TCP_QUERIES_MAX: usize = 100;
/// Answers must not be cached, so that a fault is seen at once.
const TTL_S: u32 = 0;

/// Answers over UDP until the platform stops.
pub(crate) async fn serve_udp(world: Arc<World>, region: RegionId, socket: UdpSocket) {
    let mut buffer = vec![0; QUERY_BYTES_MAX];
    loop {
        let received = tokio::select! {
            () = world.stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        // An error here belongs to an earlier datagram (ICMP), not to the socket.
        let Ok((length, from)) = received else {
            continue;
        };
        if let Some(answer) = answer(&world, &region, &buffer[..length])
            && let Err(error) = socket.send_to(&answer, from).await
        {
            tracing::debug!(%error, "a DNS answer was not sent");
        }
    }
}

/// Answers over TCP until the platform stops.
pub(crate) async fn serve_tcp(world: Arc<World>, region: RegionId, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = world.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&world.dns_connections).try_acquire_owned() else {
            world.counts.add(Count::ConnectionsTurnedAway);
            continue;
        };
        let (world, region) = (Arc::clone(&world), region.clone());
        world.clone().tasks.spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = world.stop.cancelled() => (),
                _ = tokio::time::timeout(TCP_IDLE_MAX, converse(&world, &region, stream)) => (),
            }
        });
    }
}

async fn converse(world: &World, region: &RegionId, mut stream: TcpStream) -> std::io::Result<()> {
    for _ in 0..TCP_QUERIES_MAX {
        let length = stream.read_u16().await?;
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await?;
        let Some(answer) = answer(world, region, &query) else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(std::io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&answer).await?;
    }
    Ok(())
}

/// The answer to one query; nothing for what is not a query.
fn answer(world: &World, region: &RegionId, query: &[u8]) -> Option<Vec<u8>> {
    world.counts.add(Count::DnsQueries);
    let query = Message::from_vec(query).ok()?;
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    answer.metadata.authoritative = true;
    answer.edns = query.edns.is_some().then(Default::default);
    let [question] = query.queries.as_slice() else {
        answer.metadata.response_code = ResponseCode::FormErr;
        return answer.to_vec().ok();
    };
    answer.add_query(question.clone());
    let asked = question.name().to_ascii().to_ascii_lowercase();
    let asked = asked.trim_end_matches('.');
    let service = Service::ALL.iter().find(|service| service.host() == asked);
    answer.metadata.response_code = match service {
        _ if query.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        _ if question.query_class() != DNSClass::IN => ResponseCode::Refused,
        None => ResponseCode::NXDomain,
        Some(service) => match world.faults.dns(*service, region) {
            Some(DnsFailure::Servfail) => ResponseCode::ServFail,
            Some(DnsFailure::Nxdomain) => ResponseCode::NXDomain,
            None => {
                if matches!(question.query_type(), RecordType::A | RecordType::ANY) {
                    answer.add_answer(Record::from_rdata(
                        question.name().clone(),
                        TTL_S,
                        RData::A(A(Ipv4Addr::LOCALHOST)),
                    ));
                }
                ResponseCode::NoError
            }
        },
    };
    answer.to_vec().ok()
}
