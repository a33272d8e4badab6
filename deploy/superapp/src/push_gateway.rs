//! The service `push`: a device maker's gateway. It keeps what was pushed to a device until the
//! device fetches it by its address, which only the device and the platform know.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut};
use crate::record::{Kind, Record};

/// Fetching needs the gateway and not the platform's own part.
const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::PushGateway),
    FaultPoint::Feature(PlatformFeature::TalkPushSend),
];

/// Most pushes that wait for one device; the oldest goes.
const WAITING_MAX: usize = 32;
/// Most devices that pushes wait for; more get none.
const DEVICES_MAX: usize = 4_096;

/// What waits, by the device's address.
#[derive(Debug, Default)]
pub(crate) struct Gateway(Mutex<HashMap<String, VecDeque<Value>>>);

impl Gateway {
    fn put(&self, address: &str, push: Value) -> bool {
        let mut waiting = self.waiting();
        if !waiting.contains_key(address) && waiting.len() >= DEVICES_MAX {
            return false;
        }
        let queue = waiting.entry(address.to_owned()).or_default();
        queue.push_back(push);
        let fits = queue.len() <= WAITING_MAX;
        if !fits {
            queue.pop_front();
        }
        fits
    }

    /// Drops what waits for a device that is no longer there.
    pub(crate) fn forget(&self, address: Option<&str>) {
        if let Some(address) = address {
            self.waiting().remove(address);
        }
    }

    fn of(&self, address: &str) -> Vec<Value> {
        let waiting = self.waiting();
        waiting
            .get(address)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Value>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands a push to every device of everybody that it is for.
pub(crate) fn send(caller: &Caller, push: &Record) {
    let world = &*caller.world;
    let now = world.clock.monotonic();
    let region = &caller.place.region;
    for member in &push.members {
        for device in world
            .records
            .find((Kind::PushDevice, &member.user_id), None, now)
        {
            let Some(address) = device.detail["address"].as_str() else {
                continue;
            };
            let passing =
                world
                    .faults
                    .passing(push.kind.needs(), [region, region], &member.user_id);
            if passing.is_lost || passing.is_too_large(push.detail["text"].to_string().len()) {
                world.counts.add(Count::MessagesLost);
                continue;
            }
            let shown = if passing.is_altered {
                push.altered()
            } else {
                push.shown()
            };
            for _ in 0..passing.times() {
                let count = if world.gateway.put(address, shown.clone()) {
                    Count::MessagesDelivered
                } else {
                    Count::MessagesOverflowed
                };
                world.counts.add(count);
            }
        }
    }
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let address = path
        .strip_prefix("/v1/devices/")
        .and_then(|rest| rest.strip_suffix("/notifications"));
    let address = match (address, request.method()) {
        (_, &Method::GET) if path == "/healthz" => return Ok(http::healthy()),
        (Some(address), &Method::GET) => address,
        (Some(_), _) => return Ok(http::not_allowed().into()),
        (None, _) => return Ok(http::not_found(path).into()),
    };
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let mut items = caller.world.gateway.of(address);
    if content == Content::Wrong {
        for item in &mut items {
            item["owner"] = Value::from("u-someone-else");
            item["text"] = Value::from("something else");
        }
    }
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}
