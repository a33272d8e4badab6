//! The HTTP API of the service `bank`: its own sign-in, the customer's accounts, and money between
//! them.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::account::{SignInError, SignedIn};
use crate::bank_core::BankCore;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::pay_api::{checked_reference, made, refusal};
use crate::pay_core::{Channel, Order, PayCore, Payee, Refused, Transfer, Wish};
use crate::payment_api::now;
use crate::wallet_api::entry_json;
use crate::world::World;

const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::BankCore),
    FaultPoint::Feature(PlatformFeature::BankApp),
];
/// How many entries an account shows.
const ENTRIES: usize = 5;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    login: String,
    password: String,
    client_ref: Option<String>,
}

/// Money between two of one's own accounts, or with `reverses` the money of a transfer back.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Moving {
    from: Option<String>,
    to: Option<String>,
    amount: Option<i64>,
    reverses: Option<String>,
    note: Option<String>,
}

enum Route {
    SignIn,
    SignOut,
    Accounts,
    Move,
    Find,
    Get(String),
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let one = path.strip_prefix("/v1/transfers/");
    let one = one.filter(|id| !id.is_empty());
    let route = match (path, one, request.method()) {
        ("/healthz", _, &Method::GET) => return Ok(http::healthy()),
        ("/v1/sessions", _, &Method::POST) => Route::SignIn,
        ("/v1/sessions", _, &Method::DELETE) => Route::SignOut,
        ("/v1/accounts", _, &Method::GET) => Route::Accounts,
        ("/v1/transfers", _, &Method::POST) => Route::Move,
        ("/v1/transfers", _, &Method::GET) => Route::Find,
        (_, Some(id), &Method::GET) => Route::Get(id.to_owned()),
        ("/healthz" | "/v1/sessions" | "/v1/accounts" | "/v1/transfers", _, _)
        | (_, Some(_), _) => return Ok(http::not_allowed().into()),
        (path, None, _) => return Ok(http::not_found(path).into()),
    };
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::SignIn => sign_in(&caller, request).await,
        Route::SignOut => sign_out(&caller, &request),
        Route::Accounts => accounts(&caller, &request, content),
        Route::Move => transfer(&caller, request, content).await,
        Route::Find => find(&caller, &request, content),
        Route::Get(id) => get(&caller, &request, (&id, content)),
    }))
}

async fn sign_in(caller: &Caller, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let asked: SignIn = http::read_json(request.into_body()).await?;
    let client_ref = checked_reference(asked.client_ref)?;
    let context = (world.clock.monotonic(), &world.counts);
    let opened = world
        .bank
        .customers
        .sign_in(&asked.login, &asked.password, client_ref, context)
        .map_err(|refused| match refused {
            SignInError::Wrong => http::error(
                StatusCode::UNAUTHORIZED,
                "wrong_credentials",
                "no customer has this login and password",
            ),
            SignInError::Locked => http::error(
                StatusCode::LOCKED,
                "locked",
                "the account is locked for a minute after too many wrong passwords",
            ),
        })?;
    let body = json!({ "token": opened.token, "user_id": opened.user_id });
    Ok(http::json(StatusCode::CREATED, &body))
}

fn sign_out(caller: &Caller, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let who = customer(&caller.world, request)?;
    let Some(client_ref) = http::query_value(request, "client_ref") else {
        let text = "say which sessions to end: ?client_ref=…";
        return Err(http::error(StatusCode::BAD_REQUEST, "no_client_ref", text));
    };
    let customers = &caller.world.bank.customers;
    customers.sign_out_ref(who.account, &client_ref);
    Ok(http::empty(StatusCode::NO_CONTENT))
}

/// The customer of the request's bearer token: one of the bank's own.
fn customer<B>(world: &World, request: &Request<B>) -> Result<SignedIn, Refusal> {
    http::bearer(request)
        .and_then(|token| world.bank.customers.check(token, world.clock.monotonic()))
        .ok_or_else(|| {
            let text = "sign in at the bank first";
            http::error(StatusCode::UNAUTHORIZED, "no_session", text)
        })
}

fn books(world: &World) -> &PayCore {
    world.bank.books(now(world), &world.counts)
}

fn accounts(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let who = customer(&caller.world, request)?;
    let books = books(&caller.world);
    let items: Vec<Value> = BankCore::accounts_of(who.account)
        .filter_map(|(kind, place)| {
            let account = books.wallet(place)?;
            let balance = match content {
                Content::Right => account.available,
                Content::Wrong => account.available / 2,
            };
            let entries = books.statement(place, ENTRIES);
            Some(json!({
                "kind": kind,
                "number": account.number,
                "balance": balance,
                "held": account.held,
                "entries": entries.iter().map(entry_json).collect::<Vec<_>>(),
            }))
        })
        .collect();
    let body = json!({ "user_id": who.user_id, "accounts": items });
    Ok(http::json(StatusCode::OK, &body))
}

async fn transfer(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = customer(world, &request)?;
    let idempotency_key = http::idempotency_key(&request)?;
    let moving: Moving = http::read_json(request.into_body()).await?;
    let own = |kind: &str| {
        BankCore::account(who.account, kind).ok_or_else(|| refusal(Refused::NoSuchPayee))
    };
    let (from, wish) = match (moving.from, moving.to, moving.amount, moving.reverses) {
        (Some(from), Some(to), Some(amount), None) => {
            let to = Payee::Place(own(&to)?);
            (own(&from)?, Wish::Pay { to, amount })
        }
        (None, None, None, Some(transfer)) => {
            let held = BankCore::accounts_of(who.account)
                .map(|(_, place)| place)
                .find(|place| books(world).received(*place, &transfer));
            let from = held.ok_or_else(|| refusal(Refused::NoSuchTransfer))?;
            (from, Wish::GiveBack { transfer })
        }
        _ => {
            let text = "send either `from`, `to` and `amount`, or `reverses` alone";
            return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
        }
    };
    let order = Order {
        from,
        wish,
        channel: Channel::Account,
        reference: checked_reference(moving.note)?,
        idempotency_key,
        region: caller.place.region.clone(),
    };
    let (status, made) = made(books(world).send(order, now(world), &world.counts))?;
    Ok(http::json(status, &transfer_json(&made, content)))
}

fn find(caller: &Caller, request: &Request<Incoming>, content: Content) -> Result<Answer, Refusal> {
    let who = customer(&caller.world, request)?;
    let note = http::query_value(request, "note");
    let books = books(&caller.world);
    let items: Vec<Value> = BankCore::accounts_of(who.account)
        .flat_map(|(_, place)| books.sent(place, note.as_deref(), None))
        .map(|one| transfer_json(&one, content))
        .collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn get(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let who = customer(&caller.world, request)?;
    let books = books(&caller.world);
    let found = BankCore::accounts_of(who.account).find_map(|(_, place)| books.get(place, id));
    let found = found.ok_or_else(|| refusal(Refused::NoSuchTransfer))?;
    Ok(http::json(StatusCode::OK, &transfer_json(&found, content)))
}

fn transfer_json(transfer: &Transfer, content: Content) -> Value {
    let amount = match content {
        Content::Right => transfer.amount,
        Content::Wrong => transfer.amount * 1000,
    };
    json!({
        "id": transfer.id,
        "from": transfer.from,
        "to": transfer.to,
        "amount": amount,
        "state": transfer.state.as_str(),
        "reverses": transfer.reverses,
        "note": transfer.reference,
        "made_at": http::rfc3339(transfer.made_at),
    })
}
