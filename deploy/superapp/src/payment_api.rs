//! Payments at the service `pay`: merchants ask for money, users approve it, show a bar code or
//! store a card; what was taken is given back on the merchant's word.
//!
//! Every means has paths of its own below `/v1/online`, `/v1/pos`, `/v1/overseas` and `/v1/rides`.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::pay_api::refusal as money_refusal;
use crate::pay_core::{
    Asked, BARCODE_LASTS, Foreign, Now, Paid, Payment, PaymentKind, PaymentRefused, PaymentState,
};
use crate::world::World;

/// Won for one unit of what is paid with abroad: figures of the stand-in, near those of 2022.
const RATES: &[(&str, f64)] = &[("USD", 1_430.0), ("JPY", 9.7), ("EUR", 1_390.0)];

/// What merchants ask for. Which fields it takes depends on the means.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    amount: i64,
    client_ref: String,
    /// At a till: what the user shows.
    barcode: Option<String>,
    /// Abroad: the currency of `amount`.
    currency: Option<String>,
    /// Of a ride: the stored card.
    card: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirming {
    approval: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Storing {
    client_ref: String,
}

enum Route {
    Ask,
    Find,
    Get(String),
    Approve(String),
    Confirm(String),
    Refund(String),
    Webhooks(String),
    Barcode,
    StoreCard,
    ForgetCard,
}

/// The means of payment that a path is about, and what follows in it.
fn means(path: &str) -> Option<(PaymentKind, &str)> {
    let (area, rest) = path.strip_prefix("/v1/")?.split_once('/')?;
    let kind = match area {
        "online" => PaymentKind::Online,
        "pos" => PaymentKind::Offline,
        "overseas" => PaymentKind::Overseas,
        "rides" => PaymentKind::KakaoT,
        _ => return None,
    };
    Some((kind, rest))
}

/// Whether a path of the service `pay` is about payments.
pub(crate) fn is_path(path: &str) -> bool {
    means(path).is_some()
}

fn route(kind: PaymentKind, rest: &str, method: &Method) -> Option<Result<Route, Refusal>> {
    let parts: Vec<&str> = rest.split('/').collect();
    let get = method == Method::GET;
    let post = method == Method::POST;
    let own = |id: &&str| (*id).to_owned();
    let is_online = kind == PaymentKind::Online;
    let has_barcodes = matches!(kind, PaymentKind::Offline | PaymentKind::Overseas);
    let has_cards = kind == PaymentKind::KakaoT;
    let route = match parts.as_slice() {
        ["payments"] if post => Route::Ask,
        ["payments"] if get => Route::Find,
        ["payments", id] if get => Route::Get(own(id)),
        ["payments", id, "refund"] if post => Route::Refund(own(id)),
        ["payments", id, "approve"] if post && is_online => Route::Approve(own(id)),
        ["payments", id, "confirm"] if post && is_online => Route::Confirm(own(id)),
        ["payments", id, "webhooks"] if get && is_online => Route::Webhooks(own(id)),
        ["barcodes"] if post && has_barcodes => Route::Barcode,
        ["cards"] if post && has_cards => Route::StoreCard,
        ["cards"] if method == Method::DELETE && has_cards => Route::ForgetCard,
        ["payments"]
        | ["payments", _]
        | ["payments", _, "refund" | "approve" | "confirm" | "webhooks"]
        | ["barcodes" | "cards"] => return Some(Err(http::not_allowed())),
        _ => return None,
    };
    Some(Ok(route))
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let found =
        means(path).and_then(|(kind, rest)| Some((kind, route(kind, rest, request.method())?)));
    let (kind, route) = match found {
        Some((kind, Ok(route))) => (kind, route),
        Some((_, Err(refusal))) => return Ok(refusal.into()),
        None => return Ok(http::not_found(path).into()),
    };
    let content = match http::pass_faults(&caller, kind.settles()).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Ask => ask(&caller, request, (kind, content)).await,
        Route::Find => find(&caller, &request, (kind, content)),
        Route::Get(id) => get(&caller, &request, (&id, content)),
        Route::Approve(id) => approve(&caller, &request, (&id, content)),
        Route::Confirm(id) => confirm(&caller, request, (&id, content)).await,
        Route::Refund(id) => refund(&caller, &request, (&id, content)),
        Route::Webhooks(id) => webhooks(&caller, &request, (&id, content)),
        Route::Barcode => barcode(&caller, &request, (kind, content)),
        Route::StoreCard => store_card(&caller, request, content).await,
        Route::ForgetCard => forget_card(&caller, &request),
    }))
}

async fn ask(
    caller: &Caller,
    request: Request<Incoming>,
    (kind, content): (PaymentKind, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, &request)?;
    let asking: Asking = http::read_json(request.into_body()).await?;
    if !(1..=REFERENCE_BYTES_MAX).contains(&asking.client_ref.len()) {
        let text = "a client_ref has 1 to 200 bytes";
        return Err(http::error(StatusCode::BAD_REQUEST, "bad_client_ref", text));
    }
    let foreign = foreign(kind, &asking)?;
    let asked = Asked {
        kind,
        merchant,
        won: foreign.map_or(asking.amount, in_won),
        foreign,
        reference: asking.client_ref,
        region: caller.place.region.clone(),
    };
    let books = (world.pay_core(), now(world), &world.counts);
    let paid = match (kind, asking.barcode, asking.card) {
        (PaymentKind::Online, None, None) => world.payments.ask(asked, books.0),
        (PaymentKind::Offline | PaymentKind::Overseas, Some(code), None) => {
            world.payments.charge_barcode(asked, &code, books)
        }
        (PaymentKind::KakaoT, None, Some(card)) => world.payments.charge_card(asked, &card, books),
        _ => {
            let text = "send `barcode` at a till, `card` for a ride, and neither in a shop";
            return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
        }
    };
    let (status, payment) = made(paid)?;
    Ok(http::json(status, &payment_json(&payment, content)))
}

/// What is paid in another currency: abroad always, elsewhere never.
fn foreign(kind: PaymentKind, asking: &Asking) -> Result<Option<Foreign>, Refusal> {
    let wrong = |code, text| Err(http::error(StatusCode::UNPROCESSABLE_ENTITY, code, text));
    let known = |code: &str| RATES.iter().copied().find(|(known, _)| *known == code);
    match (kind, asking.currency.as_deref()) {
        (PaymentKind::Overseas, Some(code)) => {
            let Some((currency, rate)) = known(code) else {
                return wrong("bad_currency", "abroad one pays with USD, JPY or EUR");
            };
            let amount = u64::try_from(asking.amount).unwrap_or_default();
            if !(1..=1_000_000).contains(&amount) {
                return wrong("bad_amount", "an amount is 1 to 1,000,000 whole units");
            }
            Ok(Some(Foreign {
                currency,
                amount,
                rate,
            }))
        }
        (PaymentKind::Overseas, None) => wrong("bad_currency", "say in which currency"),
        (_, Some(_)) => wrong("bad_currency", "in Korea one pays in won"),
        (_, None) => Ok(None),
    }
}

/// Rounded to whole won, as a card company does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "at most a million units of a bounded rate"
)]
fn in_won(foreign: Foreign) -> i64 {
    (foreign.amount as f64 * foreign.rate).round() as i64
}

fn find(
    caller: &Caller,
    request: &Request<Incoming>,
    (kind, content): (PaymentKind, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, request)?;
    let reference = http::query_value(request, "client_ref");
    let found = world
        .payments
        .find((kind, merchant), reference.as_deref(), world.pay_core());
    let items: Vec<Value> = found.iter().map(|one| payment_json(one, content)).collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn get(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, request)?;
    let payment = world.payments.get((id, merchant), world.pay_core());
    let payment = payment.map_err(refusal)?;
    Ok(http::json(StatusCode::OK, &payment_json(&payment, content)))
}

fn approve(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let books = (world.pay_core(), now(world), &world.counts);
    let approved = world.payments.approve(id, who.account, books);
    let (payment, approval) = approved.map_err(refusal)?;
    let mut body = payment_json(&payment, content);
    body["approval"] = approval.into();
    Ok(http::json(StatusCode::OK, &body))
}

async fn confirm(
    caller: &Caller,
    request: Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, &request)?;
    let Confirming { approval } = http::read_json(request.into_body()).await?;
    let books = (world.pay_core(), now(world));
    let confirmed = world.payments.confirm((id, merchant), &approval, books);
    let payment = confirmed.map_err(refusal)?;
    Ok(http::json(StatusCode::OK, &payment_json(&payment, content)))
}

fn refund(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, request)?;
    let books = (world.pay_core(), now(world), &world.counts);
    let refunded = world.payments.refund((id, merchant), books);
    let payment = refunded.map_err(refusal)?;
    Ok(http::json(StatusCode::OK, &payment_json(&payment, content)))
}

/// What the merchant's server was told. Merchants have none here: the platform keeps their post.
fn webhooks(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let merchant = http::merchant(world, request)?;
    let payment = world.payments.get((id, merchant), world.pay_core());
    let payment = payment.map_err(refusal)?;
    let told: &[&str] = match payment.state {
        PaymentState::Paid | PaymentState::Refunding => &["payment.paid"],
        PaymentState::Refunded => &["payment.paid", "payment.refunded"],
        PaymentState::Cancelled => &["payment.cancelled"],
        PaymentState::Failed => &["payment.failed"],
        PaymentState::Ready | PaymentState::Approved | PaymentState::Confirming => &[],
    };
    let items: Vec<Value> = told
        .iter()
        .map(|event| {
            json!({
                "id": format!("{event}-{id}"),
                "event": event,
                "payment": payment_json(&payment, content),
            })
        })
        .collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn barcode(
    caller: &Caller,
    request: &Request<Incoming>,
    (kind, content): (PaymentKind, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let now = world.clock.monotonic();
    let barcode = world.payments.barcode(who.account, kind, now);
    let code = match content {
        Content::Right => barcode.code.as_str(),
        Content::Wrong => &barcode.code[..12],
    };
    let body = json!({
        "code": code,
        "expires_at": http::rfc3339(world.clock.wall() + BARCODE_LASTS),
    });
    Ok(http::json(StatusCode::CREATED, &body))
}

async fn store_card(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let Storing { client_ref } = http::read_json(request.into_body()).await?;
    let reference = crate::pay_api::checked_reference(Some(client_ref))?;
    let stored = world
        .payments
        .store_card(who.account, &reference.unwrap_or_default());
    let key = stored.map_err(refusal)?;
    let brand = match content {
        Content::Right => "test card",
        Content::Wrong => "",
    };
    let body = json!({ "card": key, "brand": brand, "number": "****-****-****-1015" });
    Ok(http::json(StatusCode::CREATED, &body))
}

fn forget_card(caller: &Caller, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let Some(reference) = http::query_value(request, "client_ref") else {
        let text = "say which cards to forget: ?client_ref=…";
        return Err(http::error(StatusCode::BAD_REQUEST, "no_client_ref", text));
    };
    caller.world.payments.forget_card(who.account, &reference);
    Ok(http::empty(StatusCode::NO_CONTENT))
}

/// The time of an act in the books.
pub(crate) fn now(world: &World) -> Now {
    (world.clock.wall(), world.clock.monotonic())
}

/// The status and the payment of what was not refused.
pub(crate) fn made(paid: Result<Paid, PaymentRefused>) -> Result<(StatusCode, Payment), Refusal> {
    match paid {
        Ok(Paid::New(payment)) => Ok((StatusCode::CREATED, payment)),
        Ok(Paid::Before(payment)) => Ok((StatusCode::OK, payment)),
        Err(refused) => Err(refusal(refused)),
    }
}

/// A payment as answers show it.
pub(crate) fn payment_json(payment: &Payment, content: Content) -> Value {
    let wrongly = |right: u64| match content {
        Content::Right => right,
        Content::Wrong => right * 1000,
    };
    let foreign = payment.foreign.map(|foreign| {
        json!({
            "currency": foreign.currency,
            "amount": foreign.amount,
            "rate": foreign.rate,
        })
    });
    json!({
        "id": payment.id,
        "state": payment.state.as_str(),
        "amount": wrongly(payment.won),
        "currency": "KRW",
        "foreign": foreign,
        "client_ref": payment.reference,
    })
}

/// How each refusal is told.
pub(crate) fn refusal(refused: PaymentRefused) -> Refusal {
    let (status, code, text) = match refused {
        PaymentRefused::Money(refused) => return money_refusal(refused),
        PaymentRefused::NoSuchPayment => (
            StatusCode::NOT_FOUND,
            "no_such_payment",
            "there is no such payment of yours",
        ),
        PaymentRefused::Conflict => (
            StatusCode::CONFLICT,
            "reference_taken",
            "this client_ref is another payment's",
        ),
        PaymentRefused::BadBarcode => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_barcode",
            "a bar code pays once, for three minutes, where it was made for",
        ),
        PaymentRefused::NoSuchCard => (
            StatusCode::NOT_FOUND,
            "no_such_card",
            "no card is stored under this key",
        ),
        PaymentRefused::TooManyCards => (
            StatusCode::CONFLICT,
            "too_many_cards",
            "8 cards are stored: forget one first",
        ),
        PaymentRefused::NotNow => (
            StatusCode::CONFLICT,
            "not_now",
            "the payment is not at this point, or the approval is not its own",
        ),
    };
    http::error(status, code, text)
}
