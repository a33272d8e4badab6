//! The platform's DNS, over UDP and TCP, well and broken.

use std::net::SocketAddr;

use bongsu_superapp::Platform;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::client::{PATIENCE, SEOUL, TOKYO, broken, platform, region};

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

async fn ask(server: SocketAddr, query: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(query, server).await.unwrap();
    let mut buffer = [0; 512];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer));
    let length = received.await.unwrap().unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

fn dns(platform: &Platform, name: &str) -> SocketAddr {
    platform.endpoints(&region(name)).unwrap().dns
}

async fn code(platform: &Platform, from: &str, name: &str) -> ResponseCode {
    let answer = ask(dns(platform, from), &query(name, RecordType::A)).await;
    answer.metadata.response_code
}

#[tokio::test]
async fn hosts_have_an_address_and_nothing_else_has() {
    let platform = platform().await;
    let server = dns(&platform, SEOUL);
    for host in ["account.superapp.test.", "TALK.superapp.test."] {
        let answer = ask(server, &query(host, RecordType::A)).await;
        let [record] = answer.answers.as_slice() else {
            panic!("{answer:?}")
        };
        assert!(matches!(&record.data, RData::A(a) if a.0.is_loopback()));
        assert_eq!(record.ttl, 0);
        let none = ask(server, &query(host, RecordType::AAAA)).await;
        assert_eq!(none.metadata.response_code, ResponseCode::NoError);
        assert!(none.answers.is_empty());
    }
    let unknown = code(&platform, SEOUL, "elsewhere.superapp.test.").await;
    assert_eq!(unknown, ResponseCode::NXDomain);
}

#[tokio::test]
async fn tcp_answers_too_and_garbage_is_survived() {
    let platform = platform().await;
    let server = dns(&platform, SEOUL);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for garbage in [&b""[..], b"x", &[0xff; 600]] {
        socket.send_to(garbage, server).await.unwrap();
    }
    let mut stream = TcpStream::connect(server).await.unwrap();
    for _ in 0..2 {
        let query = query("talk.superapp.test.", RecordType::A);
        let length = u16::try_from(query.len()).unwrap();
        stream.write_u16(length).await.unwrap();
        stream.write_all(&query).await.unwrap();
        let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(Message::from_vec(&answer).unwrap().answers.len(), 1);
    }
    let still = code(&platform, SEOUL, "talk.superapp.test.").await;
    assert_eq!(still, ResponseCode::NoError);
}

#[tokio::test]
async fn a_dns_failure_is_regional_and_for_one_host() {
    let platform = platform().await;
    let account = "account.superapp.test.";
    broken(&platform, "account:dns-failure@kr-seoul").await;
    assert_eq!(
        code(&platform, SEOUL, account).await,
        ResponseCode::ServFail
    );
    assert_eq!(code(&platform, TOKYO, account).await, ResponseCode::NoError);
    let talk = code(&platform, SEOUL, "talk.superapp.test.").await;
    assert_eq!(talk, ResponseCode::NoError);
    platform.mend_all();
    assert_eq!(code(&platform, SEOUL, account).await, ResponseCode::NoError);
    broken(&platform, "account:dns-failure=nxdomain").await;
    assert_eq!(
        code(&platform, TOKYO, account).await,
        ResponseCode::NXDomain
    );
}
