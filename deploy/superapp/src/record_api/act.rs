//! What can be done with a thing beside ending it, by kind.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use super::{Asking, draft, fields, gone};
use crate::http::{self, Answer, Content, Refusal};
use crate::media_api;
use crate::record::{Kind, Member, Record};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Saying {
    text: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirming {
    code: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Voting {
    option: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Joining {
    link: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Verifying {
    credential: String,
}

/// Performs an act that is named in a path.
pub(super) async fn perform(
    asking: &Asking<'_>,
    request: Request<Incoming>,
    (id, act): (&str, &str),
) -> Result<Answer, Refusal> {
    let bytes = http::read_body(request.into_body()).await?;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).map_err(|wrong| {
            let text = format!("the body is not JSON: {wrong}");
            http::error(StatusCode::BAD_REQUEST, "malformed", text)
        })?
    };
    let changed = match (asking.kind, act) {
        (Kind::Room, "leave") => leave(asking, id),
        (Kind::Invitation, "accept") => accept(asking, id, "joined"),
        (Kind::Event, "accept") => accept(asking, id, "accepted"),
        (Kind::Device, "confirm") => confirm(asking, id, &body),
        (Kind::OpenChat | Kind::VoiceRoom, "join") => join(asking, id, &body),
        (Kind::Credential, "verify") => return verify(asking, id, &body),
        (Kind::Following, "ask") => ask(asking, id, &body),
        (Kind::Following, "reply") => reply(asking, id, &body),
        (Kind::Consult, "say") => say(asking, id, &body),
        (Kind::Vote, "vote") => vote(asking, id, &body),
        (Kind::CafePost, "comment") => comment(asking, id, &body),
        (Kind::StyleOrder, "cancel") => cancel(asking, id),
        (Kind::Bookmark, "read") => read_on(asking, id),
        (Kind::MobileMatch | Kind::PcMatch, "accept") => accept(asking, id, "playing"),
        (kind, "complete") if kind.is_content() => media_api::complete(asking, id),
        _ => Err(http::not_found(act)),
    }?;
    Ok(asking.answered(StatusCode::OK, &changed))
}

fn leave(asking: &Asking<'_>, id: &str) -> Result<Record, Refusal> {
    let changed = asking.change(id, |room| {
        let before = room.members.len();
        room.members.retain(|member| member.user_id != asking.who);
        if room.members.len() == before {
            Err(gone())
        } else {
            Ok(())
        }
    })?;
    for other in changed.others(&asking.who) {
        asking.tell(&changed, &other, "left");
    }
    Ok(changed)
}

fn accept(asking: &Asking<'_>, id: &str, state: &'static str) -> Result<Record, Refusal> {
    let changed = asking.change(id, |record| {
        record.member(&asking.who).ok_or_else(gone)?.state = state;
        Ok(())
    })?;
    asking.tell(&changed, &changed.owner, state);
    Ok(changed)
}

/// Who votes once more has changed their mind.
fn vote(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Voting { option } = fields(body)?;
    asking.change(id, |vote| {
        vote.member(&asking.who).ok_or_else(gone)?.state = "voted";
        let options = vote.detail["options"].as_array();
        if !options.is_some_and(|options| options.contains(&json!(option))) {
            let text = "this is not one of the vote's options";
            return Err(http::error(StatusCode::BAD_REQUEST, "no_such_option", text));
        }
        vote.detail["votes"][&asking.who] = json!(option);
        Ok(())
    })
}

/// A reader of a post has something to add.
fn comment(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Saying { text } = fields(body)?;
    let text = draft::long(text)?;
    asking.change(id, |post| {
        post.member(&asking.who).ok_or_else(gone)?.state = "commented";
        post.detail.insert("comment".to_owned(), json!(text));
        Ok(())
    })
}

/// What was paid is given back whole, however often that is asked for.
fn cancel(asking: &Asking<'_>, id: &str) -> Result<Record, Refusal> {
    asking.change(id, |order| {
        if order.owner != asking.who {
            return Err(gone());
        }
        order.state = "cancelled";
        let amount = order.detail["amount"].clone();
        order.detail.insert("refunded".to_owned(), amount);
        Ok(())
    })
}

/// The next chapter.
fn read_on(asking: &Asking<'_>, id: &str) -> Result<Record, Refusal> {
    asking.change(id, |bookmark| {
        if bookmark.owner != asking.who {
            return Err(gone());
        }
        let chapter = bookmark.detail["chapter"].as_u64().unwrap_or_default();
        let next = json!(chapter.saturating_add(1));
        bookmark.detail.insert("chapter".to_owned(), next);
        Ok(())
    })
}

fn confirm(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Confirming { code } = fields(body)?;
    asking.change(id, |device| {
        if device.owner != asking.who {
            return Err(gone());
        }
        if device.detail["code"] != json!(code) {
            let text = "this is not the code that the computer shows";
            return Err(http::error(StatusCode::FORBIDDEN, "wrong_code", text));
        }
        device.state = "confirmed";
        Ok(())
    })
}

fn join(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Joining { link } = fields(body)?;
    let changed = asking.change(id, |chat| {
        if chat.detail["link"] != json!(link) || chat.members.len() >= crate::record::MEMBERS_MAX {
            return Err(gone());
        }
        if !chat.is_of(&asking.who) {
            chat.members.push(Member {
                user_id: asking.who.clone(),
                state: "joined",
            });
        }
        Ok(())
    })?;
    asking.tell(&changed, &changed.owner, "joined");
    Ok(changed)
}

/// Anybody may hold a credential against the key that signed it and against its being valid still.
fn verify(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Answer, Refusal> {
    let Verifying { credential } = fields(body)?;
    let world = &*asking.caller.world;
    let claims = world.signer.verify(&credential);
    let record = world.records.get(Kind::Credential, id, asking.now());
    let verdict = match (claims, record) {
        (None, _) => json!({ "valid": false, "reason": "the signature is not ours" }),
        (Some(_), None) => json!({ "valid": false, "reason": "it is over" }),
        (Some(_), Some(record)) if record.detail["credential"] != json!(credential) => {
            json!({ "valid": false, "reason": "it is another one" })
        }
        (Some(claims), Some(_)) => {
            let subject = match asking.content {
                Content::Right => claims.subject,
                Content::Wrong => "u-someone-else".to_owned(),
            };
            json!({ "valid": true, "subject": subject, "title": claims.title })
        }
    };
    Ok(http::json(StatusCode::OK, &verdict))
}

/// A customer writes to a shop: the shop's bot answers the words that it knows, and the shop's
/// console is told.
fn ask(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Saying { text } = fields(body)?;
    let text = draft::long(text)?;
    let answer = match text.trim() {
        "hours" => "We are open from 9 to 18.",
        "address" => "We are at 1 Beacon Street.",
        _ => "Ask for `hours` or `address`; for anything else somebody will write to you.",
    };
    let changed = asking.change(id, |following| {
        if following.owner != asking.who {
            return Err(gone());
        }
        following.detail.insert("inquiry".to_owned(), json!(text));
        following.detail.insert("answer".to_owned(), json!(answer));
        Ok(())
    })?;
    asking.tell(&changed, &asking.who, "answer");
    for operator in changed.others(&asking.who) {
        asking.tell(&changed, &operator, "inquiry");
    }
    Ok(changed)
}

fn reply(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Saying { text } = fields(body)?;
    let text = draft::long(text)?;
    let changed = asking.change(id, |following| {
        following.member(&asking.who).ok_or_else(gone)?;
        following.detail.insert("reply".to_owned(), json!(text));
        Ok(())
    })?;
    asking.tell(&changed, &changed.owner, "reply");
    Ok(changed)
}

fn say(asking: &Asking<'_>, id: &str, body: &Value) -> Result<Record, Refusal> {
    let Saying { text } = fields(body)?;
    let text = draft::long(text)?;
    let changed = asking.change(id, |consult| {
        if consult.owner != asking.who {
            return Err(gone());
        }
        consult.state = "answered";
        consult.detail.insert("said".to_owned(), json!(text));
        let answer = format!("You wrote: {text}");
        consult.detail.insert("answer".to_owned(), json!(answer));
        Ok(())
    })?;
    asking.tell(&changed, &changed.owner, "answer");
    Ok(changed)
}
