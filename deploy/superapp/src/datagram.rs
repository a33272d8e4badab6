//! What the platform answers over UDP, on the ports of its services: the packets of calls (`talk`)
//! and whether the phone line is there (`care`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::audit::Count;
use crate::clock::machine_time;
use crate::component::{FaultPoint, PlatformFeature, Service};
use crate::faults::{Asker, Asks, Effect, LARGE_BYTES, Then};
use crate::record::Kind;
use crate::world::{Place, World};

/// Longest datagram that is looked at: what an Ethernet carries in jumbo frames.
const DATAGRAM_BYTES_MAX: usize = 9_000;
/// Answers that are held back at a time; more are dropped.
const HELD_BACK_MAX: usize = 256;
/// Most calls whose last packets are remembered; the others are forgotten.
const CALLS_MAX: usize = 256;

/// The last packet of each party, by call and user.
#[derive(Debug, Default)]
pub(crate) struct Packets(Mutex<HashMap<(String, String), Value>>);

/// A packet of a call.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Packet {
    call: String,
    from: String,
    seq: u64,
    data: String,
}

/// Answers datagrams at one place until the platform stops.
pub(crate) async fn serve(world: Arc<World>, place: Place, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let held_back = Arc::new(tokio::sync::Semaphore::new(HELD_BACK_MAX));
    let mut room = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let received = tokio::select! {
            () = world.stop.cancelled() => return,
            received = socket.recv_from(&mut room) => received,
        };
        // An error is one peer's, as when its port is closed: the next one is not to suffer.
        let Ok((length, peer)) = received else {
            continue;
        };
        world.counts.add(Count::Datagrams);
        let Some((answer, effect)) = answer(&world, &place, &room[..length]) else {
            continue;
        };
        if effect.delay.is_zero() {
            let _lost_like_any = socket.try_send_to(answer.as_bytes(), peer);
            continue;
        }
        let Ok(permit) = Arc::clone(&held_back).try_acquire_owned() else {
            continue;
        };
        let (socket, shared) = (Arc::clone(&socket), Arc::clone(&world));
        world.tasks.spawn(async move {
            let _permit = permit;
            let delay = machine_time(&*shared.clock, effect.delay);
            tokio::select! {
                () = shared.stop.cancelled() => (),
                () = tokio::time::sleep(delay) => {
                    let _lost_like_any = socket.try_send_to(answer.as_bytes(), peer);
                }
            }
        });
    }
}

/// The answer to a datagram, and how late it comes; none where nothing gets through.
fn answer(world: &World, place: &Place, datagram: &[u8]) -> Option<(String, Effect)> {
    let text = std::str::from_utf8(datagram).ok()?;
    let (answer, effect) = match place.service {
        Service::Care => line_is_there(world, place, text)?,
        _ => packet(world, place, text)?,
    };
    let is_large = datagram.len() > LARGE_BYTES || answer.len() > LARGE_BYTES;
    (!(effect.loses_large && is_large)).then_some((answer, effect))
}

fn effect(world: &World, place: &Place, needs: &[FaultPoint], user: Option<&str>) -> Effect {
    let asker = Asker {
        service: place.service,
        region: &place.region,
        user,
        asks: Asks::Request,
    };
    world.faults.effect(needs, &asker)
}

/// Keeps what a party of a call sent, and answers with what the other one sent last.
fn packet(world: &World, place: &Place, text: &str) -> Option<(String, Effect)> {
    let packet: Packet = serde_json::from_str(text).ok()?;
    let now = world.clock.monotonic();
    let mut calls = Kind::ALL.iter().filter(|kind| kind.is_call());
    let call = calls.find_map(|kind| world.records.get(*kind, &packet.call, now))?;
    if call.state != "connected" || !call.is_of(&packet.from) {
        return None;
    }
    let passes = call.kind.packets_pass();
    let effect = effect(world, place, &passes, Some(&packet.from));
    let passing = world
        .faults
        .passing(&passes, [&place.region, &place.region], &packet.from);
    if passing.is_lost || !matches!(effect.then, Then::Answer | Then::AnswerWrongly) {
        world.counts.add(Count::MessagesLost);
        return None;
    }
    let mut packets = world
        .packets
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let other = call.others(&packet.from).into_iter().next()?;
    let mut heard = packets.get(&(packet.call.clone(), other)).cloned();
    if effect.then == Then::AnswerWrongly
        && let Some(heard) = &mut heard
    {
        heard["data"] = Value::from("noise");
    }
    if packets.len() >= 2 * CALLS_MAX {
        packets.retain(|(id, _), _| {
            let mut calls = Kind::ALL.iter().filter(|kind| kind.is_call());
            calls.any(|kind| world.records.get(*kind, id, now).is_some())
        });
    }
    let sent = json!({ "from": packet.from, "seq": packet.seq, "data": packet.data });
    if packets.len() < 2 * CALLS_MAX {
        packets.insert((packet.call.clone(), packet.from), sent);
    }
    let answer = json!({ "call": packet.call, "seq": packet.seq, "heard": heard });
    Some((answer.to_string(), effect))
}

/// Answers `OPTIONS` of SIP (RFC 3261, section 11.2) as a switchboard does that takes calls.
fn line_is_there(world: &World, place: &Place, text: &str) -> Option<(String, Effect)> {
    let mut lines = text.split("\r\n");
    let first = lines.next()?;
    let (method, rest) = first.split_once(' ')?;
    if !rest.ends_with(" SIP/2.0") {
        return None;
    }
    let needs = [FaultPoint::Feature(PlatformFeature::CareIntakePhone)];
    let effect = effect(world, place, &needs, None);
    let status = match (effect.then, method) {
        (Then::Answer | Then::AnswerWrongly, "OPTIONS") => "200 OK",
        (Then::Answer | Then::AnswerWrongly, _) => "405 Method Not Allowed",
        (Then::Fail(_), _) => "503 Service Unavailable",
        (Then::Close | Then::Reset | Then::Hang, _) => return None,
    };
    let mut answer = format!("SIP/2.0 {status}\r\n");
    for line in lines.take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim();
        // What the answer repeats (section 8.2.6.2).
        let repeated = ["via", "from", "to", "call-id", "cseq"];
        if !repeated
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
        {
            continue;
        }
        answer.push_str(line);
        if name.eq_ignore_ascii_case("to") && !line.contains(";tag=") {
            answer.push_str(";tag=switchboard");
        }
        if name.eq_ignore_ascii_case("call-id") && effect.then == Then::AnswerWrongly {
            answer.push_str("-altered");
        }
        answer.push_str("\r\n");
    }
    answer.push_str("Allow: OPTIONS, INVITE, ACK, BYE, CANCEL\r\nContent-Length: 0\r\n\r\n");
    Some((answer, effect))
}
