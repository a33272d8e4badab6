//! A tiny DNS server over UDP that gives every name the same answer.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What every question gets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Address(Ipv4Addr),
    /// No address of version 4, and this one of version 6.
    Address6(Ipv6Addr),
    /// A response code: 3 is NXDOMAIN, 2 is SERVFAIL.
    Code(u8),
    Silence,
}

/// A running DNS server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    pub(crate) async fn start(answer: Answer) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                if let Some(reply) = reply(&question[..length], answer) {
                    let _ = socket.send_to(&reply, from).await;
                }
            }
        });
        Self { address, task }
    }

    /// The line of a target profile that makes it the resolver.
    pub(crate) fn key(&self) -> String {
        format!("resolver = \"{}\"", self.address)
    }
}

/// RFC 1035 section 4: the question's id and name, then one A record or a code.
fn reply(question: &[u8], answer: Answer) -> Option<Vec<u8>> {
    let name_length = question[12..].iter().position(|byte| *byte == 0)? + 1;
    let question_end = 12 + name_length + 4;
    let kind = &question[question_end - 4..question_end - 2];
    let (code, count) = match answer {
        Answer::Address(_) if kind == [0, 1] => (0, 1),
        Answer::Address6(_) if kind == [0, 28] => (0, 1),
        Answer::Address(_) | Answer::Address6(_) => (0, 0),
        Answer::Code(code) => (code, 0),
        Answer::Silence => return None,
    };
    let mut reply = question[..2].to_vec();
    reply.extend([0x85, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    reply.extend(&question[12..question_end]);
    match (answer, count) {
        (Answer::Address(address), 1) => {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            reply.extend(address.octets());
        }
        (Answer::Address6(address), 1) => {
            reply.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16]);
            reply.extend(address.octets());
        }
        _ => {}
    }
    Some(reply)
}
