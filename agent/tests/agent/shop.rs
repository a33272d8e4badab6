//! A small shop with pages, scripts and an API on another origin, which trusts nobody: what a
//! browser recorded of it can only run again if every token, cookie and id is the run's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

pub(crate) const LOGIN: &str = "mina@shop.test";

/// How often an order is looked at before it is packed.
const LOOKS_UNTIL_PACKED: u32 = 3;

/// One pixel.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const PAGE: &str = include_str!("shop/page.html");
const SCRIPT: &str = include_str!("shop/app.js");

pub(crate) struct Shop {
    /// Where its pages are.
    pub(crate) pages: SocketAddr,
    /// Where its API is.
    pub(crate) api: SocketAddr,
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    seed: String,
    made: u64,
    /// What the pages say of the API's origin.
    api_origin: String,
    pages_origin: String,
    sessions: HashMap<String, Session>,
    orders: HashMap<String, Order>,
    /// What was not as it must be, in order.
    refused: Vec<String>,
    cancelled: u32,
    ended: u32,
}

#[derive(Debug, Default)]
struct Session {
    csrf: String,
    /// Set once signed in.
    token: Option<String>,
    xsrf: Option<String>,
}

#[derive(Debug, Default)]
struct Order {
    token: String,
    looks: u32,
    has_note: bool,
    has_picture: bool,
    paid: bool,
}

impl Books {
    /// A value that no other has, in this shop or another.
    fn make(&mut self, of: &str) -> String {
        self.made += 1;
        let digest = Sha256::digest(format!("{}/{of}/{}", self.seed, self.made));
        digest[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// What is asked, in plain texts.
struct Asked {
    method: Method,
    path: String,
    form: HashMap<String, String>,
    headers: HeaderMap,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    fn cookie(&self, wanted: &str) -> String {
        let pairs = self.header("cookie").split("; ");
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    fn said(&self, name: &str) -> &str {
        self.form.get(name).map(String::as_str).unwrap_or_default()
    }
}

type Answered = Result<Response, (StatusCode, &'static str)>;

impl Shop {
    /// Opens a shop whose ids, tokens and password depend on `seed`.
    pub(crate) async fn open(seed: &str) -> Self {
        let any = "127.0.0.1:0";
        let listeners = [TcpListener::bind(any).await, TcpListener::bind(any).await];
        let [pages, api] = listeners.map(Result::unwrap);
        let own = [&pages, &api].map(|listener| listener.local_addr().unwrap());
        let [pages_origin, api_origin] = own.map(|address| format!("http://{address}"));
        let books = Arc::new(Mutex::new(Books {
            seed: seed.to_owned(),
            pages_origin,
            api_origin,
            ..Books::default()
        }));
        for (listener, is_api) in [(pages, false), (api, true)] {
            let router = Router::new()
                .fallback(answer)
                .with_state((books.clone(), is_api));
            let _serving = tokio::spawn(async move { axum::serve(listener, router).await });
        }
        let [pages, api] = own;
        Self { pages, api, books }
    }

    pub(crate) fn password(seed: &str) -> String {
        format!("hunter-{seed}")
    }

    /// What was refused; orders cancelled; sessions ended; orders and sessions that are left.
    pub(crate) fn account(&self) -> (Vec<String>, u32, u32, usize, usize) {
        let books = self.books.lock().unwrap();
        let signed_in = books.sessions.values().filter(|one| one.token.is_some());
        (
            books.refused.clone(),
            books.cancelled,
            books.ended,
            books.orders.len(),
            signed_in.count(),
        )
    }
}

async fn answer(
    State((books, is_api)): State<(Arc<Mutex<Books>>, bool)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let pairs = |text: &str| {
        let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
        let pairs = url.query_pairs().into_owned();
        pairs.collect::<HashMap<String, String>>()
    };
    let is_form = headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let asked = Asked {
        form: pairs(if is_form {
            &body
        } else {
            uri.query().unwrap_or_default()
        }),
        path: uri.path().to_owned(),
        method,
        headers,
        body,
    };
    let mut books = books.lock().unwrap();
    let answered = if is_api {
        api(&mut books, &asked)
    } else {
        page(&mut books, &asked)
    };
    let origin = books.pages_origin.clone();
    let mut response = answered.unwrap_or_else(|(status, why)| {
        let told = format!("{} {}: {why}", asked.method, asked.path);
        // Browsers ask for this by themselves.
        if asked.path != "/favicon.ico" {
            books.refused.push(told);
        }
        reply(status, "text/plain", why)
    });
    if is_api {
        let headers = response.headers_mut();
        for (name, value) in [
            ("access-control-allow-origin", origin.as_str()),
            (
                "access-control-allow-headers",
                "authorization, content-type, idempotency-key",
            ),
            ("access-control-allow-methods", "GET, POST, PUT, DELETE"),
            ("access-control-expose-headers", "location"),
            ("vary", "origin"),
        ] {
            let _ = headers.insert(name, value.parse().unwrap());
        }
    }
    response
}

fn reply(status: StatusCode, kind: &str, text: &str) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(Body::from(text.to_owned()))
        .unwrap()
}

fn json(status: StatusCode, text: &str) -> Response {
    reply(status, "application/json", text)
}

fn see(to: &str, cookies: &[String]) -> Response {
    let mut response = reply(StatusCode::SEE_OTHER, "text/plain", "");
    let headers = response.headers_mut();
    let _ = headers.insert("location", to.parse().unwrap());
    for cookie in cookies {
        let _ = headers.append("set-cookie", cookie.parse().unwrap());
    }
    response
}

fn asset(asked: &Asked, kind: &str, body: Vec<u8>) -> Response {
    let is_known = asked.header("if-none-match") == "\"one\"";
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("etag", "\"one\"")
        .header("cache-control", "no-cache")
        .body(Body::from(if is_known { Vec::new() } else { body }))
        .unwrap()
}

fn html(books: &Books, body: &str) -> Response {
    let page = PAGE.replace("API", &books.api_origin).replace("BODY", body);
    reply(StatusCode::OK, "text/html; charset=utf-8", &page)
}

/// What is shown to a browser.
fn page(books: &mut Books, asked: &Asked) -> Answered {
    let session = asked.cookie("sid");
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/style.css") => Ok(asset(asked, "text/css", b"body { margin: 2em }".to_vec())),
        ("GET", "/app.js") => Ok(asset(asked, "text/javascript", SCRIPT.into())),
        ("GET", "/logo.png") => {
            use base64::Engine as _;
            let engine = base64::engine::general_purpose::STANDARD;
            Ok(asset(asked, "image/png", engine.decode(DOT).unwrap()))
        }
        ("GET", "/") => Ok(html(books, "<a id=\"enter\" href=\"/login\">Sign in</a>")),
        ("GET", "/login") => {
            let (sid, csrf) = (books.make("sid"), books.make("csrf"));
            let form = format!(
                "<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"csrf\" \
                 value=\"{csrf}\"><input name=\"email\"><input type=\"password\" \
                 name=\"password\"><button>Go</button></form>"
            );
            let mut response = html(books, &form);
            let cookie = format!("sid={sid}; Path=/; HttpOnly; SameSite=Lax");
            let _ = response
                .headers_mut()
                .append("set-cookie", cookie.parse().unwrap());
            let session = Session {
                csrf,
                ..Session::default()
            };
            let _ = books.sessions.insert(sid, session);
            Ok(response)
        }
        ("POST", "/login") => {
            let csrf = books.sessions.remove(&session).map(|session| session.csrf);
            if csrf.as_deref() != Some(asked.said("csrf")) {
                return Err((StatusCode::FORBIDDEN, "the form is not of this session"));
            }
            let password = Shop::password(&books.seed);
            if asked.said("email") != LOGIN || asked.said("password") != password {
                return Err((
                    StatusCode::UNAUTHORIZED,
                    "nobody has this login and password",
                ));
            }
            let (sid, xsrf) = (books.make("sid"), books.make("xsrf"));
            let session = Session {
                csrf: books.make("csrf"),
                token: Some(books.make("token")),
                xsrf: Some(xsrf.clone()),
            };
            let _ = books.sessions.insert(sid.clone(), session);
            let cookies = [
                format!("sid={sid}; Path=/; HttpOnly; SameSite=Lax"),
                format!("XSRF-TOKEN={xsrf}; Path=/; SameSite=Lax"),
                "lang=ko; Path=/; Max-Age=31536000".to_owned(),
            ];
            Ok(see("/welcome?from=login", &cookies))
        }
        ("GET", "/welcome") => Ok(see("/shop", &[])),
        _ => member(books, asked, &session),
    }
}

/// What is shown to who has signed in.
fn member(books: &mut Books, asked: &Asked, session: &str) -> Answered {
    let Some(one) = books
        .sessions
        .get(session)
        .filter(|one| one.token.is_some())
    else {
        return Err((StatusCode::UNAUTHORIZED, "nobody is signed in"));
    };
    let token = one.token.clone().unwrap_or_default();
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/shop") => {
            let form = format!(
                "<form method=\"post\" action=\"/logout\"><input type=\"hidden\" name=\"csrf\" \
                 value=\"{}\"><button id=\"leave\">Sign out</button></form>",
                one.csrf
            );
            Ok(html(
                books,
                &format!("<button id=\"buy\">Buy</button>{form}"),
            ))
        }
        ("GET", "/session") => Ok(json(
            StatusCode::OK,
            &format!(
                r#"{{"user":{{"name":"Mina","email":"{LOGIN}"}},"accessToken":"{token}","expiresIn":3600}}"#
            ),
        )),
        ("POST", "/cart") => {
            if one.xsrf.as_deref() != Some(asked.header("x-xsrf-token")) {
                return Err((
                    StatusCode::FORBIDDEN,
                    "the cookie's value is not in the header",
                ));
            }
            Ok(json(StatusCode::OK, r#"{"items":1}"#))
        }
        ("POST", "/logout") => {
            if one.csrf != asked.said("csrf") {
                return Err((StatusCode::FORBIDDEN, "the form is not of this session"));
            }
            let _ = books.sessions.remove(session);
            books.ended += 1;
            Ok(see("/", &["sid=; Path=/; Max-Age=0".to_owned()]))
        }
        _ => Err((StatusCode::NOT_FOUND, "there is no such page")),
    }
}

/// What scripts ask for.
fn api(books: &mut Books, asked: &Asked) -> Answered {
    if asked.method == Method::OPTIONS {
        return Ok(reply(StatusCode::NO_CONTENT, "text/plain", ""));
    }
    let token = asked.header("authorization").trim_start_matches("Bearer ");
    let mut sessions = books.sessions.values();
    if !sessions.any(|one| one.token.as_deref() == Some(token)) {
        return Err((StatusCode::UNAUTHORIZED, "nobody has this token"));
    }
    let item = format!("tea-{}", &books.seed);
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["items"]) => Ok(json(
            StatusCode::OK,
            &format!(
                r#"{{"items":[{{"id":"{item}","name":"Green tea","price":4200}},{{"id":"cup-1","name":"Cup","price":900}}],"next":null}}"#
            ),
        )),
        ("POST", ["orders"]) => {
            let said: serde_json::Value = serde_json::from_str(&asked.body).unwrap_or_default();
            if said["item"] != item.as_str()
                || said["client_ref"].as_str().is_none_or(str::is_empty)
            {
                return Err((StatusCode::UNPROCESSABLE_ENTITY, "there is no such item"));
            }
            let id = format!("o-{}", books.make("order"));
            let order = Order {
                token: token.to_owned(),
                ..Order::default()
            };
            let _ = books.orders.insert(id.clone(), order);
            let mut response = json(
                StatusCode::CREATED,
                &format!(r#"{{"id":"{id}","state":"new"}}"#),
            );
            let _ = response
                .headers_mut()
                .insert("location", format!("/orders/{id}").parse().unwrap());
            Ok(response)
        }
        (method, ["orders", id, rest @ ..]) => {
            let own = books
                .orders
                .get_mut(*id)
                .filter(|order| order.token == token);
            let Some(order) = own else {
                return Err((StatusCode::NOT_FOUND, "there is no such order"));
            };
            match (method, rest) {
                ("GET", []) => {
                    order.looks += 1;
                    let is_packed = order.looks >= LOOKS_UNTIL_PACKED;
                    let state = if is_packed { "packed" } else { "new" };
                    Ok(json(
                        StatusCode::OK,
                        &format!(r#"{{"id":"{id}","state":"{state}"}}"#),
                    ))
                }
                ("POST", ["note"]) => {
                    let kind = asked.header("content-type");
                    order.has_note = kind.starts_with("multipart/form-data; boundary=")
                        && ["name=\"text\"", "no sugar", "name=\"to\"", "the tea room"]
                            .iter()
                            .all(|said| asked.body.contains(said));
                    if !order.has_note {
                        return Err((StatusCode::UNPROCESSABLE_ENTITY, "this is no note"));
                    }
                    Ok(json(StatusCode::OK, "{}"))
                }
                ("PUT", ["picture"]) => {
                    order.has_picture =
                        asked.header("content-type") == "image/png" && !asked.body.is_empty();
                    Ok(json(StatusCode::OK, "{}"))
                }
                ("POST", ["pay"])
                    if order.has_note
                        && order.has_picture
                        && asked.header("idempotency-key").len() > 8 =>
                {
                    order.paid = true;
                    Ok(json(StatusCode::ACCEPTED, r#"{"paid":true}"#))
                }
                ("DELETE", []) if order.paid => {
                    let _ = books.orders.remove(*id);
                    books.cancelled += 1;
                    Ok(reply(StatusCode::NO_CONTENT, "text/plain", ""))
                }
                _ => Err((StatusCode::CONFLICT, "that cannot be done now")),
            }
        }
        _ => Err((StatusCode::NOT_FOUND, "there is no such thing")),
    }
}
