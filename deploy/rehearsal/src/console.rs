//! How a running rehearsal is spoken to: lines on its own terminal, and a loopback listener that
//! `bongsu-rehearsal break …` in another terminal talks to.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::command::{Command, Line, help, parse_line};
use crate::fleet::Fleet;

/// The only path of the listener.
const PATH: &str = "/v1/command";

/// Serves commands from other terminals until `cancel`.
///
/// # Errors
/// When the connection loop fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    fleet: Arc<Fleet>,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new().route(PATH, post(command)).with_state(fleet);
    axum::serve(listener, router)
        .with_graceful_shutdown(cancel.cancelled_owned())
        .await
}

async fn command(
    State(fleet): State<Arc<Fleet>>,
    Json(command): Json<Command>,
) -> (StatusCode, String) {
    match fleet.act(&command).await {
        Ok(done) => (StatusCode::OK, done),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

/// A running rehearsal could not be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// Nobody listens there.
    #[error(
        "no rehearsal answers on {0}: start one with `cargo run --release`, or name its console \
         with --console"
    )]
    Unreachable(SocketAddr),
    /// It said no.
    #[error("{0}")]
    Refused(String),
}

/// Tells the rehearsal that listens on `console` what to do; returns what it says.
///
/// # Errors
/// When none listens, or when it refuses.
pub async fn tell(console: SocketAddr, command: &Command) -> Result<String, TellError> {
    let unreachable = |_| TellError::Unreachable(console);
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let answer = client
        .post(format!("http://{console}{PATH}"))
        .json(command)
        .send()
        .await
        .map_err(unreachable)?;
    let done = answer.status().is_success();
    let text = answer.text().await.map_err(unreachable)?;
    if done {
        Ok(text)
    } else {
        Err(TellError::Refused(text))
    }
}

/// Reads lines from the terminal until it ends, `quit`, or `cancel`. True for `quit`.
pub async fn read_terminal(
    fleet: &Fleet,
    print: impl Fn(&str),
    cancel: &CancellationToken,
) -> bool {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = tokio::select! {
            () = cancel.cancelled() => return false,
            line = lines.next_line() => line,
        };
        let Ok(Some(line)) = line else { return false };
        match parse_line(&line) {
            Ok(Line::Empty) => {}
            Ok(Line::Help) => print(&help()),
            Ok(Line::Quit) => return true,
            Ok(Line::Do(command)) => match fleet.act(&command).await {
                Ok(done) => print(&done),
                Err(error) => print(&error.to_string()),
            },
            Err(error) => print(&error.to_string()),
        }
    }
}
