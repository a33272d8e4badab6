//! One HTTP API for everything that users make and end: `POST` makes, `GET` finds, `DELETE` ends,
//! and `POST …/ID/ACT` does what a kind can do. Who has a part in it hears of it on streams.

mod act;
pub(crate) mod call;
mod draft;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, Service};
use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::outlet::{Delivery, Topic};
use crate::record::{Draft, Kind, Made, Making, Record};
use crate::{media_api, push_gateway};

/// Who complains, as far as the help centre knows: nobody has to sign in for it.
pub(crate) const VISITOR: &str = "visitor";

/// A request about things of one kind, past the faults.
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    /// The user id of who asks.
    pub(crate) who: String,
    pub(crate) kind: Kind,
    pub(crate) content: Content,
}

/// What is asked for, by the path behind the collection.
enum Route {
    Make,
    Find,
    Get(String),
    End(String),
    Act(String, String),
    Part(String, usize),
    Bytes(String, media_api::Which),
}

/// The kind that a path of `service` is about, and what stands behind it.
pub(crate) fn kind_of(service: Service, path: &str) -> Option<(Kind, Vec<String>)> {
    let mut parts = path.strip_prefix("/v1/")?.split('/');
    let kind = Kind::at(service, parts.next()?)?;
    Some((kind, parts.map(str::to_owned).collect()))
}

fn route(rest: &[String], method: &Method) -> Result<Route, Refusal> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let is = |wanted: Method| *method == wanted;
    match rest.as_slice() {
        [] if is(Method::POST) => Ok(Route::Make),
        [] if is(Method::GET) => Ok(Route::Find),
        [id] if is(Method::GET) => Ok(Route::Get((*id).to_owned())),
        [id] if is(Method::DELETE) => Ok(Route::End((*id).to_owned())),
        [id, "content"] if is(Method::GET) => {
            Ok(Route::Bytes((*id).to_owned(), media_api::Which::Whole))
        }
        [id, "thumbnail"] if is(Method::GET) => {
            Ok(Route::Bytes((*id).to_owned(), media_api::Which::Thumbnail))
        }
        [id, act] if is(Method::POST) => Ok(Route::Act((*id).to_owned(), (*act).to_owned())),
        [id, "parts", number] if is(Method::PUT) => {
            let number = number
                .parse()
                .map_err(|_| http::not_found("a part without a number"))?;
            Ok(Route::Part((*id).to_owned(), number))
        }
        [] | [_] | [_, _] | [_, "parts", _] => Err(http::not_allowed()),
        _ => Err(http::not_found("so far below a collection")),
    }
}

pub(crate) async fn answer(
    caller: Caller,
    request: Request<Incoming>,
    (kind, rest): (Kind, Vec<String>),
) -> Result<Answer, Cut> {
    let route = match route(&rest, request.method()) {
        Ok(route) => route,
        Err(refusal) => return Ok(refusal.into()),
    };
    let content = match http::pass_faults(&caller, kind.needs()).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let who = match kind.service() {
        Service::Care => Ok(VISITOR.to_owned()),
        _ => http::signed_in(&caller.world, &request).map(|who| who.user_id),
    };
    let who = match who {
        Ok(who) => who,
        Err(refusal) => return Ok(refusal.into()),
    };
    let asking = Asking {
        caller: &caller,
        who,
        kind,
        content,
    };
    Ok(http::either(match route {
        Route::Make => asking.make(request).await,
        Route::Find => Ok(asking.find(&request)),
        Route::Get(id) => asking.get(&id),
        Route::End(id) => asking.end(&id),
        Route::Act(id, act) => act::perform(&asking, request, (&id, &act)).await,
        Route::Part(id, number) => media_api::take_part(&asking, request, (&id, number)).await,
        Route::Bytes(id, which) => media_api::bytes(&asking, (&id, which)),
    }))
}

impl Asking<'_> {
    fn now(&self) -> bongsu_model::Monotonic {
        self.caller.world.clock.monotonic()
    }

    async fn make(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let key = http::idempotency_key(&request)?;
        let body: Value = http::read_json(request.into_body()).await?;
        let client_ref = match &body["client_ref"] {
            Value::Null => None,
            Value::String(text) if text.len() <= REFERENCE_BYTES_MAX => Some(text.clone()),
            _ => {
                let text = "a client_ref is text of at most 200 bytes";
                return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
            }
        };
        let (status, record) = self.make_as(key, client_ref, body).await?;
        Ok(self.answered(status, &record))
    }

    /// Makes a thing and tells of it, once per maker and key.
    pub(crate) async fn make_as(
        &self,
        key: String,
        client_ref: Option<String>,
        body: Value,
    ) -> Result<(StatusCode, Record), Refusal> {
        let world = &*self.caller.world;
        let making = Making {
            kind: self.kind,
            owner: self.who.clone(),
            client_ref,
            key,
            body,
        };
        // What was done already is not asked for once more.
        if let Some(before) = world.records.before(&making, &world.counts) {
            return made(before);
        }
        let missing = self.go_without().await;
        let draft: Draft = draft::draft(self, &making.body, &missing)?;
        let now = (world.clock.wall(), world.clock.monotonic());
        let result = made(world.records.make((making, draft), now, &world.counts))?;
        if result.0 == StatusCode::CREATED {
            return Ok((result.0, self.follow_up(result.1)));
        }
        Ok(result)
    }

    /// Asks, all at once, what making can do without; names what was not there.
    async fn go_without(&self) -> Vec<Component> {
        let asked = self.kind.softly().iter().map(async |points| {
            let is_there = http::pass_soft(self.caller, points).await;
            match points {
                [FaultPoint::Component(component)] if !is_there => Some(*component),
                _ => None,
            }
        });
        let missing = futures_util::future::join_all(asked).await;
        missing.into_iter().flatten().collect()
    }

    /// Tells of a new thing whoever has to know.
    fn follow_up(&self, record: Record) -> Record {
        let world = &*self.caller.world;
        match self.kind {
            Kind::Notification => push_gateway::send(self.caller, &record),
            Kind::Consult => {
                self.tell(&record, &record.owner, "greeting");
                self.tell(&record, &record.owner, "queued");
            }
            Kind::Notice | Kind::Vote if record.detail["announced"] == json!(false) => (),
            // What was put away, or costs money, shows on the user's devices.
            Kind::DrawerItem
            | Kind::EmoticonSubscription
            | Kind::AssetStatement
            | Kind::SecuritiesOrder
            | Kind::StyleOrder => _ = self.tell(&record, &record.owner, "made"),
            Kind::Alimtalk => {
                let heard: usize = record
                    .others(&record.owner)
                    .iter()
                    .map(|member| self.tell(&record, member, "made"))
                    .sum();
                if heard == 0 {
                    world.counts.add(Count::SmsFallbacks);
                }
            }
            _ => {
                let event = if self.kind.is_call() {
                    "ringing"
                } else {
                    "made"
                };
                for member in record.others(&record.owner) {
                    self.tell(&record, &member, event);
                }
            }
        }
        record
    }

    /// Tells `user_id` of a thing; says how many of their streams were told.
    pub(crate) fn tell(&self, record: &Record, user_id: &str, event: &str) -> usize {
        let frame =
            |shown| json!({ "type": record.kind.collection(), "event": event, "record": shown });
        let delivery = Delivery {
            frame: frame(record.shown()),
            altered: frame(record.altered()),
            region: self.caller.place.region.clone(),
        };
        let world = &*self.caller.world;
        let topic = Topic::Records(record.kind);
        world
            .outlets
            .deliver(user_id, topic, &delivery, &world.counts)
    }

    fn find(&self, request: &Request<Incoming>) -> Answer {
        let client_ref = http::query_value(request, "client_ref");
        let records = &self.caller.world.records;
        let found = records.find((self.kind, &self.who), client_ref.as_deref(), self.now());
        let items: Vec<Value> = found.iter().map(|record| self.shown(record)).collect();
        http::json(StatusCode::OK, &json!({ "items": items }))
    }

    fn get(&self, id: &str) -> Result<Answer, Refusal> {
        let record = self.mine(id)?;
        Ok(self.answered(StatusCode::OK, &record))
    }

    fn end(&self, id: &str) -> Result<Answer, Refusal> {
        if self.mine(id)?.owner != self.who {
            let text = "only who made it may end it";
            return Err(http::error(StatusCode::FORBIDDEN, "not_yours", text));
        }
        self.end_now(id).ok_or_else(gone)?;
        Ok(http::empty(StatusCode::NO_CONTENT))
    }

    /// Ends a thing with what hangs on it, and tells those who have a part in it.
    pub(crate) fn end_now(&self, id: &str) -> Option<Record> {
        let world = &*self.caller.world;
        let record = world.records.end(self.kind, id, self.now())?;
        match self.kind {
            kind if kind.is_content() => world.blobs.remove(id),
            Kind::PushDevice => world.gateway.forget(record.detail["address"].as_str()),
            _ => (),
        }
        for member in record.others(&self.who) {
            self.tell(&record, &member, "ended");
        }
        Some(record)
    }

    /// A thing that the asker made or has a part in.
    pub(crate) fn mine(&self, id: &str) -> Result<Record, Refusal> {
        let record = self.caller.world.records.get(self.kind, id, self.now());
        record
            .filter(|record| record.is_of(&self.who))
            .ok_or_else(gone)
    }

    /// Changes a thing that is there.
    pub(crate) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Record) -> Result<(), Refusal>,
    ) -> Result<Record, Refusal> {
        let records = &self.caller.world.records;
        let changed = records.change((self.kind, id), self.now(), change);
        changed.ok_or_else(gone)?
    }

    pub(crate) fn answered(&self, status: StatusCode, record: &Record) -> Answer {
        http::json(status, &self.shown(record))
    }

    fn shown(&self, record: &Record) -> Value {
        match self.content {
            Content::Right => record.shown(),
            Content::Wrong => record.altered(),
        }
    }
}

fn made(made: Made) -> Result<(StatusCode, Record), Refusal> {
    match made {
        Made::New(record) => Ok((StatusCode::CREATED, record)),
        Made::Before(record) => Ok((StatusCode::OK, record)),
        Made::Conflict => Err(http::error(
            StatusCode::CONFLICT,
            Count::IdempotencyConflicts.as_str(),
            "this Idempotency-Key was used for something else",
        )),
    }
}

/// What is not there, or not the asker's: which of them is not told.
pub(crate) fn gone() -> Refusal {
    let text = "there is no such thing of yours, or it is over";
    http::error(StatusCode::NOT_FOUND, "no_such_thing", text)
}

/// The fields of a body. It holds no secrets, so that what is wrong is told in full.
pub(crate) fn fields<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    serde_json::from_value(body.clone()).map_err(|wrong| {
        let text = format!("the body does not fit: {wrong}");
        http::error(StatusCode::BAD_REQUEST, "malformed", text)
    })
}
