//! Signalling of calls on the WebSocket: invite, ring, accept, hang up. Packets go over `turn`.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Asking, gone};
use crate::http::{self, Caller, Content, REFERENCE_BYTES_MAX, Refusal};
use crate::record::Kind;

/// What a phone says.
#[derive(serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Signal {
    Invite { to: String, client_ref: String },
    Accept { call: String },
    HangUp { call: String },
}

/// Does what a phone says; what is told back to it at once is only why it cannot be done.
pub(crate) async fn heard(caller: &Caller, who: &str, (kind, text): (Kind, &str)) -> Option<Value> {
    let asking = Asking {
        caller,
        who: who.to_owned(),
        kind,
        content: Content::Right,
    };
    let done = match serde_json::from_str(text) {
        Ok(Signal::Invite { to, client_ref }) => asking.invite(to, client_ref).await,
        Ok(Signal::Accept { call }) => asking.accept(&call),
        Ok(Signal::HangUp { call }) => asking.hang_up(&call),
        Err(wrong) => {
            let text = format!("this is no signal: {wrong}");
            Err(http::error(StatusCode::BAD_REQUEST, "malformed", text))
        }
    };
    let refusal = done.err()?;
    Some(json!({ "type": kind.collection(), "event": "refused", "error": refusal.told() }))
}

impl Asking<'_> {
    async fn invite(&self, to: String, client_ref: String) -> Result<(), Refusal> {
        if client_ref.is_empty() || client_ref.len() > REFERENCE_BYTES_MAX {
            let text = "a call needs a client_ref of 1 to 200 bytes";
            return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
        }
        let medium = match self.kind {
            Kind::VideoCall => "video",
            _ => "voice",
        };
        let body = json!({ "to": to, "object": medium, "client_ref": client_ref });
        let key = client_ref.clone();
        let (_, call) = self.make_as(key, Some(client_ref), body).await?;
        self.tell(&call, &self.who, "ringing");
        Ok(())
    }

    fn accept(&self, id: &str) -> Result<(), Refusal> {
        let call = self.change(id, |call| {
            call.member(&self.who).ok_or_else(gone)?.state = "in";
            call.state = "connected";
            Ok(())
        })?;
        self.tell(&call, &call.owner, "connected");
        self.tell(&call, &self.who, "connected");
        Ok(())
    }

    /// Either of the two may.
    fn hang_up(&self, id: &str) -> Result<(), Refusal> {
        self.mine(id)?;
        let call = self.end_now(id).ok_or_else(gone)?;
        self.tell(&call, &self.who, "ended");
        Ok(())
    }
}
