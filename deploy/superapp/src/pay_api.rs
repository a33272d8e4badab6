//! The HTTP API of the service `pay`: one's own wallet, who has an account number, and transfers.
//! Balance and statement are in `wallet_api`, payments to merchants in `payment_api`, money in a
//! chat in `chat_transfer_api`.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::pay_core::{Channel, Order, Payee, Refused, Sent, Transfer, Wish};
use crate::{chat_transfer_api, payment_api, wallet_api};

/// Every act looks into the wallets, and asks the banks whose an account number is.
const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Component(Component::BankNetwork),
    FaultPoint::Feature(PlatformFeature::PayTransferAccount),
];

/// What a transfer to an account number passes through until it is settled.
pub(crate) const SETTLES: &[FaultPoint] = &[
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Component(Component::BankNetwork),
    FaultPoint::Feature(PlatformFeature::PayTransferAccount),
];

/// Money for an account number, or with `reverses` the money of a transfer back.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sending {
    to_account: Option<String>,
    amount: Option<i64>,
    reverses: Option<String>,
    note: Option<String>,
}

enum Route {
    Wallet,
    Payee,
    Send,
    Find,
    Get(String),
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if wallet_api::is_path(path) {
        return wallet_api::answer(caller, request).await;
    }
    if payment_api::is_path(path) {
        return payment_api::answer(caller, request).await;
    }
    if chat_transfer_api::is_pay_path(path) {
        return chat_transfer_api::answer(caller, request).await;
    }
    let one = path
        .strip_prefix("/v1/transfers/")
        .filter(|id| !id.is_empty());
    let route = match (path, one, request.method()) {
        ("/healthz", _, &Method::GET) => return Ok(http::healthy()),
        ("/v1/wallet", _, &Method::GET) => Route::Wallet,
        ("/v1/payees", _, &Method::GET) => Route::Payee,
        ("/v1/transfers", _, &Method::POST) => Route::Send,
        ("/v1/transfers", _, &Method::GET) => Route::Find,
        (_, Some(id), &Method::GET) => Route::Get(id.to_owned()),
        ("/healthz" | "/v1/wallet" | "/v1/payees" | "/v1/transfers", _, _) | (_, Some(_), _) => {
            return Ok(http::not_allowed().into());
        }
        (path, None, _) => return Ok(http::not_found(path).into()),
    };
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Wallet => wallet(&caller, &request, content),
        Route::Payee => payee(&caller, &request, content),
        Route::Send => send(&caller, request, content).await,
        Route::Find => find(&caller, &request, content),
        Route::Get(id) => get(&caller, &request, (&id, content)),
    }))
}

/// One's own wallet, as every service shows it.
pub(crate) fn wallet(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let wallet = caller.world.pay_core().wallet(who.account);
    let wallet = wallet.ok_or_else(no_wallet)?;
    let available = match content {
        Content::Right => wallet.available,
        Content::Wrong => wallet.available / 2,
    };
    let body = json!({
        "user_id": who.user_id,
        "account_number": wallet.number,
        "currency": "KRW",
        "available": available,
        "held": wallet.held,
        "incoming": wallet.incoming,
    });
    Ok(http::json(StatusCode::OK, &body))
}

/// The refusal to who has no wallet.
pub(crate) fn no_wallet() -> Refusal {
    let text = "this account has no wallet";
    http::error(StatusCode::NOT_FOUND, "no_wallet", text)
}

/// Who has an account number: what a sender looks at before the money goes.
fn payee(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let Some(number) = http::query_value(request, "account") else {
        let text = "say whose account: ?account=…";
        return Err(http::error(StatusCode::BAD_REQUEST, "no_account", text));
    };
    let user_id = caller
        .world
        .pay_core()
        .owner(&number)
        .ok_or_else(|| refusal(Refused::NoSuchPayee))?;
    let user_id = match content {
        Content::Right => user_id,
        Content::Wrong => "u-someone-else".to_owned(),
    };
    let body = json!({ "account_number": number, "user_id": user_id });
    Ok(http::json(StatusCode::OK, &body))
}

async fn send(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let idempotency_key = http::idempotency_key(&request)?;
    let sending: Sending = http::read_json(request.into_body()).await?;
    let reference = checked_reference(sending.note)?;
    let wish = match (sending.reverses, sending.to_account, sending.amount) {
        (Some(transfer), None, None) => Wish::GiveBack { transfer },
        (None, Some(number), Some(amount)) => Wish::Pay {
            to: Payee::Number(number),
            amount,
        },
        _ => {
            let text = "send either `to_account` and `amount`, or `reverses` alone";
            return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
        }
    };
    let order = Order {
        from: who.account,
        wish,
        channel: Channel::Account,
        reference,
        idempotency_key,
        region: caller.place.region.clone(),
    };
    let now = (world.clock.wall(), world.clock.monotonic());
    let sent = world.pay_core().send(order, now, &world.counts);
    let (status, transfer) = made(sent)?;
    Ok(http::json(status, &transfer_json(&transfer, content)))
}

fn find(caller: &Caller, request: &Request<Incoming>, content: Content) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let note = http::query_value(request, "note");
    let state = http::query_value(request, "state");
    let core = caller.world.pay_core();
    let sent = core.sent(who.account, note.as_deref(), state.as_deref());
    let sent = sent.iter().filter(|t| t.channel == Channel::Account);
    let items: Vec<Value> = sent.map(|t| transfer_json(t, content)).collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn get(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let transfer = caller.world.pay_core().get(who.account, id);
    let transfer = transfer.ok_or_else(|| refusal(Refused::NoSuchTransfer))?;
    Ok(http::json(
        StatusCode::OK,
        &transfer_json(&transfer, content),
    ))
}

/// The status and the transfer of an order that was not refused.
pub(crate) fn made(sent: Sent) -> Result<(StatusCode, Transfer), Refusal> {
    match sent {
        Sent::New(transfer) => Ok((StatusCode::CREATED, transfer)),
        Sent::Before(transfer) => Ok((StatusCode::OK, transfer)),
        Sent::Refused(refused) => Err(refusal(refused)),
        Sent::Conflict => Err(http::error(
            StatusCode::CONFLICT,
            Count::IdempotencyConflicts.as_str(),
            "this Idempotency-Key was used for another transfer",
        )),
    }
}

/// How each refusal is told.
pub(crate) fn refusal(refused: Refused) -> Refusal {
    let rule = StatusCode::UNPROCESSABLE_ENTITY;
    let (status, code, text) = match refused {
        Refused::BadAmount => (
            rule,
            "bad_amount",
            "an amount is a whole number of won above 0",
        ),
        Refused::AmountTooLarge => (
            rule,
            "amount_too_large",
            "one transfer may have 500,000 won",
        ),
        Refused::InsufficientFunds => (
            rule,
            "insufficient_funds",
            "the wallet has less available than that",
        ),
        Refused::OverDailyLimit => (
            rule,
            "over_daily_limit",
            "a wallet may send 5,000,000 won a day",
        ),
        Refused::OwnAccount => (rule, "own_account", "this is your own account"),
        Refused::NoSuchPayee => (
            StatusCode::NOT_FOUND,
            "no_such_payee",
            "nobody has this account",
        ),
        Refused::NoSuchTransfer => (
            StatusCode::NOT_FOUND,
            "no_such_transfer",
            "you have neither sent nor got such a transfer",
        ),
        Refused::NotReversible => (
            StatusCode::CONFLICT,
            "not_reversible",
            "only its receiver gives a settled transfer back, once",
        ),
        Refused::NotCancellable => (
            StatusCode::CONFLICT,
            "not_cancellable",
            "only its sender takes a transfer back, and before it is received",
        ),
        Refused::NotReceivable => (
            StatusCode::CONFLICT,
            "not_receivable",
            "it is not for you, or it was taken back",
        ),
        Refused::TooManyOpen => (
            StatusCode::CONFLICT,
            "too_many_open",
            "too many of your transfers are not finished",
        ),
        Refused::PocketEmpty => (rule, "pocket_empty", "there is less in your pocket"),
    };
    http::error(status, code, text)
}

/// A reference or note of bounded length.
pub(crate) fn checked_reference(reference: Option<String>) -> Result<Option<String>, Refusal> {
    match reference {
        Some(text) if text.len() > REFERENCE_BYTES_MAX => {
            let text = "a note or client_ref may have 200 bytes";
            Err(http::error(StatusCode::BAD_REQUEST, "too_long", text))
        }
        reference => Ok(reference),
    }
}

/// A transfer as answers and cards show it.
pub(crate) fn transfer_json(transfer: &Transfer, content: Content) -> Value {
    let reference = match transfer.channel {
        Channel::Account | Channel::IntoPocket | Channel::OutOfPocket => "note",
        Channel::Chat | Channel::Payment(_) => "client_ref",
    };
    let amount = match content {
        Content::Right => transfer.amount,
        Content::Wrong => transfer.amount * 1000,
    };
    json!({
        "id": transfer.id,
        "from": transfer.from,
        "to": transfer.to,
        "amount": amount,
        "currency": "KRW",
        "state": transfer.state.as_str(),
        "reverses": transfer.reverses,
        "made_at": http::rfc3339(transfer.made_at),
        reference: transfer.reference,
    })
}
