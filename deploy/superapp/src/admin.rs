//! The admin API, on a loopback listener of its own: faults, data centres, topology, audit.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::RegionId;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::facility::{Facility, FacilityAct, Standing};
use crate::fault::{Fault, FaultError, FaultKind, Reach, Share};
use crate::faults::FaultId;
use crate::http::{self, Answer, Refusal};
use crate::platform::Parts;

/// Most admin connections at once: people and scripts.
const CONNECTIONS_MAX: usize = 32;
/// Longest wait for a request's head.
const HEAD_MAX: Duration = Duration::from_secs(30);

/// A fault as a request spells it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    on: String,
    kind: String,
    value: Option<Value>,
    region: Option<String>,
    /// `accounts=8%` or `requests=20%`.
    share: Option<String>,
}

/// Serves until the platform stops.
pub(crate) async fn serve(parts: Arc<Parts>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = parts.world.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let shared = Arc::clone(&parts);
        parts.world.tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = shared.world.stop.cancelled() => (),
                () = converse(&shared, stream) => (),
            }
        });
    }
}

async fn converse(parts: &Arc<Parts>, stream: TcpStream) {
    let service = service_fn(|request| {
        let parts = Arc::clone(parts);
        async move { Ok::<_, Infallible>(http::either(answer(&parts, request).await)) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection ended early");
    }
}

async fn answer(parts: &Parts, request: Request<Incoming>) -> Result<Answer, Refusal> {
    // A page in somebody's browser must not break the platform behind their back.
    if request.headers().contains_key("origin") {
        let text = "the admin API is not for web pages";
        return Err(http::error(StatusCode::FORBIDDEN, "no_browsers", text));
    }
    let path = request.uri().path();
    let one = path.strip_prefix("/admin/faults/");
    match (path, one, request.method()) {
        ("/admin/facilities", _, &Method::GET) => {
            Ok(http::json(StatusCode::OK, &facilities_json(parts)))
        }
        ("/admin/facilities", _, &Method::POST) => facility(parts, request).await,
        ("/admin/faults", _, &Method::GET) => Ok(list(parts)),
        ("/admin/faults", _, &Method::POST) => inject(parts, request).await,
        ("/admin/faults", _, &Method::DELETE) => mend_on(parts, &request).await,
        (_, Some(id), &Method::DELETE) => mend_one(parts, id).await,
        ("/admin/topology", _, &Method::GET) => Ok(http::json(StatusCode::OK, &topology(parts))),
        ("/admin/audit", _, &Method::GET) => {
            let audit = serde_json::to_value(parts.world.audit());
            let audit = audit.map_err(|wrong| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                http::error(status, "internal", wrong.to_string())
            })?;
            Ok(http::json(StatusCode::OK, &audit))
        }
        ("/admin/facilities" | "/admin/faults" | "/admin/topology" | "/admin/audit", _, _)
        | (_, Some(_), _) => Err(http::not_allowed()),
        (path, None, _) => Err(http::not_found(path)),
    }
}

fn list(parts: &Parts) -> Answer {
    let faults: Vec<Value> = parts
        .world
        .faults
        .list()
        .iter()
        .map(|(id, fault)| fault_json(*id, fault))
        .collect();
    http::json(StatusCode::OK, &json!({ "faults": faults }))
}

async fn inject(parts: &Parts, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let body = http::read_body(request.into_body()).await?;
    let asked: FaultRequest = serde_json::from_slice(&body).map_err(|wrong| bad(&wrong))?;
    let fault = lower(&asked).map_err(|wrong| bad(&wrong))?;
    let id = parts
        .world
        .faults
        .inject(fault.clone())
        .map_err(|wrong| bad(&wrong))?;
    parts.settle().await;
    tracing::info!(%id, %fault, "broken");
    Ok(http::json(StatusCode::CREATED, &fault_json(id, &fault)))
}

fn lower(asked: &FaultRequest) -> Result<Fault, FaultError> {
    let value = asked.value.as_ref().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let on: FaultPoint = asked.on.parse()?;
    let kind = FaultKind::parse(&asked.kind, value.as_deref())?;
    let share = asked.share.as_deref().map_or(Ok(Share::All), str::parse)?;
    let fault = match asked.region.as_deref() {
        None | Some("all") => Fault::everywhere(on, kind),
        Some(region) => Fault::only_in(on, kind, RegionId::new(region)?),
    };
    fault.with_share(share).applicable()
}

async fn mend_one(parts: &Parts, id: &str) -> Result<Answer, Refusal> {
    let id: u64 = id.parse().map_err(|_| {
        let text = "a fault's id is a number: GET /admin/faults lists them";
        http::error(StatusCode::BAD_REQUEST, "bad_id", text)
    })?;
    if parts.world.faults.mend(|one, _| one == FaultId(id)) == 0 {
        let text = "no active fault has this id";
        return Err(http::error(StatusCode::NOT_FOUND, "no_such_fault", text));
    }
    parts.settle().await;
    tracing::info!(id, "mended");
    Ok(http::empty(StatusCode::NO_CONTENT))
}

async fn mend_on(parts: &Parts, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let mended = match http::query_value(request, "on").as_deref() {
        Some("all") => parts.world.faults.mend(|_, _| true),
        Some(on) => {
            let on: FaultPoint = on.parse().map_err(|wrong| bad(&wrong))?;
            parts.world.faults.mend(|_, fault| fault.on == on)
        }
        None => {
            let text = "say what to mend: ?on=NAME or ?on=all";
            return Err(http::error(StatusCode::BAD_REQUEST, "no_target", text));
        }
    };
    parts.settle().await;
    tracing::info!(mended, "mended");
    Ok(http::json(StatusCode::OK, &json!({ "mended": mended })))
}

fn bad(wrong: &dyn std::error::Error) -> Refusal {
    http::error(StatusCode::BAD_REQUEST, "bad_fault", wrong.to_string())
}

fn fault_json(id: FaultId, fault: &Fault) -> Value {
    json!({
        "id": id.0,
        "on": fault.on.as_str(),
        "kind": fault.kind.as_str(),
        "value": fault.kind.value(),
        "region": match &fault.reach {
            Reach::Everywhere => "all",
            Reach::Only(region) => region.as_str(),
        },
        "share": fault.share.to_string(),
    })
}

/// What is done to a data centre, as [`FacilityAct`] is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FacilityRequest {
    act: String,
}

async fn facility(parts: &Parts, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let body = http::read_body(request.into_body()).await?;
    let asked: FacilityRequest = serde_json::from_slice(&body).map_err(|wrong| bad_act(&wrong))?;
    let act: FacilityAct = asked.act.parse().map_err(|wrong| bad_act(&wrong))?;
    let now = parts.world.clock.wall();
    let done = parts.world.faults.facility(act, now);
    done.map_err(|wrong| bad_act(&wrong))?;
    parts.settle().await;
    tracing::info!(%act, "done to a data centre");
    Ok(http::json(StatusCode::OK, &facilities_json(parts)))
}

fn bad_act(wrong: &dyn std::error::Error) -> Refusal {
    http::error(StatusCode::BAD_REQUEST, "bad_act", wrong.to_string())
}

/// The data centres: their power, and where each component runs.
fn facilities_json(parts: &Parts) -> Value {
    let state = parts.world.faults.facilities();
    let facilities: Vec<Value> = Facility::ALL
        .iter()
        .map(|one| json!({ "name": one.as_str(), "power": state.has_power(*one) }))
        .collect();
    let components: Vec<Value> = Component::ALL
        .iter()
        .map(|component| {
            let (standing, turned_away) = match state.standing(*component) {
                Standing::Whole => ("whole", 0.0),
                Standing::Gone => ("gone", 1.0),
                Standing::StandingBy { turned_away } => ("standing-by", turned_away),
            };
            json!({
                "name": component.as_str(),
                "runs_in": state.runs_in(*component).map(Facility::as_str),
                "standing": standing,
                "turned_away": turned_away,
            })
        })
        .collect();
    json!({ "facilities": facilities, "components": components })
}

fn topology(parts: &Parts) -> Value {
    let components: Vec<Value> = Component::ALL
        .iter()
        .map(|component| {
            json!({
                "name": component.as_str(),
                "fronts": component.fronts().map(|service| service.as_str()),
            })
        })
        .collect();
    let features: Vec<Value> = PlatformFeature::ALL
        .iter()
        .map(|feature| {
            let needs: Vec<Value> = feature
                .needs()
                .iter()
                .map(|(on, strength)| json!({ "on": on.as_str(), "strength": strength.as_str() }))
                .collect();
            json!({
                "id": feature.as_str(),
                "service": feature.service().as_str(),
                "needs": needs,
            })
        })
        .collect();
    let regions: Vec<Value> = parts
        .endpoints
        .iter()
        .map(|(region, endpoints)| {
            json!({
                "region": region.as_str(),
                "dns": endpoints.dns.to_string(),
                "base": endpoints.base,
                "ws": endpoints.ws,
                "hosts": endpoints.hosts,
                "mail": endpoints.mail,
            })
        })
        .collect();
    json!({ "components": components, "features": features, "regions": regions })
}
