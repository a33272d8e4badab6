//! The HTTP API of the service `account`: sessions and one's own profile.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use crate::account::SignInError;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::world::World;

/// What a session is remembered with; without it signing in is slow.
const REMEMBERS: &[FaultPoint] = &[FaultPoint::Component(Component::Cache)];
/// Everything here rests on the component and belongs to the feature.
const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Account),
    FaultPoint::Feature(PlatformFeature::AccountLogin),
];

#[derive(serde::Deserialize)]
struct SignIn {
    login: String,
    password: String,
    client_ref: Option<String>,
}

enum Route {
    SignOutByRef,
    SignOut,
    Me,
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let method = request.method();
    let route = match (path, method) {
        ("/healthz", &Method::GET) => return Ok(http::healthy()),
        ("/v1/sessions", &Method::POST) => return sign_in(caller, request).await,
        ("/v1/sessions", &Method::DELETE) => Route::SignOutByRef,
        ("/v1/sessions/current", &Method::DELETE) => Route::SignOut,
        ("/v1/me", &Method::GET) => Route::Me,
        ("/healthz" | "/v1/sessions" | "/v1/sessions/current" | "/v1/me", _) => {
            return Ok(http::not_allowed().into());
        }
        (path, _) => return Ok(http::not_found(path).into()),
    };
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let world = &*caller.world;
    Ok(http::either(match route {
        Route::SignOutByRef => sign_out_by_ref(world, &request),
        Route::SignOut => sign_out(world, &request),
        Route::Me => me(world, &request, content),
    }))
}

/// Who signs in is known by what the request says, also to faults that hit some and not others.
async fn sign_in(mut caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let asked: Result<SignIn, Refusal> = http::read_json(request.into_body()).await;
    caller.user = asked
        .as_ref()
        .ok()
        .map(|asked| format!("u-{}", asked.login));
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal.into()),
    };
    let _goes_without = http::pass_soft(&caller, REMEMBERS).await;
    Ok(http::either(open_session(&caller.world, asked, content)))
}

fn open_session(world: &World, asked: SignIn, content: Content) -> Result<Answer, Refusal> {
    let SignIn {
        login,
        password,
        client_ref,
    } = asked;
    let context = (world.clock.monotonic(), &world.counts);
    let opened = world
        .accounts
        .sign_in(&login, &password, client_ref, context)
        .map_err(|refused| match refused {
            SignInError::Wrong => http::error(
                StatusCode::UNAUTHORIZED,
                "wrong_credentials",
                "no account has this login and password",
            ),
            SignInError::Locked => http::error(
                StatusCode::LOCKED,
                "locked",
                "the account is locked for a minute after too many wrong passwords",
            ),
        })?;
    let expires_in_s = world.accounts.lifetime().as_secs();
    let body = match content {
        Content::Right => json!({
            "token": opened.token,
            "user_id": opened.user_id,
            "expires_in_s": expires_in_s,
        }),
        Content::Wrong => json!({ "user_id": opened.user_id, "expires_in_s": expires_in_s }),
    };
    Ok(http::json(StatusCode::CREATED, &body))
}

fn sign_out(world: &World, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    http::signed_in(world, request)?;
    if let Some(token) = http::bearer(request) {
        world.accounts.sign_out(token);
    }
    Ok(http::empty(StatusCode::NO_CONTENT))
}

fn sign_out_by_ref(world: &World, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let who = http::signed_in(world, request)?;
    let Some(client_ref) = http::query_value(request, "client_ref") else {
        let text = "say which sessions to end: ?client_ref=…";
        return Err(http::error(StatusCode::BAD_REQUEST, "no_client_ref", text));
    };
    world.accounts.sign_out_ref(who.account, &client_ref);
    Ok(http::empty(StatusCode::NO_CONTENT))
}

fn me(world: &World, request: &Request<Incoming>, content: Content) -> Result<Answer, Refusal> {
    let who = http::signed_in(world, request)?;
    let id = match content {
        Content::Right => who.user_id.as_str(),
        Content::Wrong => "u-someone-else",
    };
    let name = format!("Tester {}", who.login);
    let body = json!({ "id": id, "login": who.login, "name": name });
    Ok(http::json(StatusCode::OK, &body))
}
