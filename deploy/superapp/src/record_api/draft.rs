//! What a new thing of each kind says, and who has a part in it.

use std::collections::BTreeSet;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{Asking, fields};
use crate::account::token;
use crate::component::Component;
use crate::http::{self, Refusal};
use crate::record::{Draft, Kind, MEMBERS_MAX, Member};
use crate::{cdn_api, media_api};

/// Longest text of a notice, a push or a complaint.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Most holdings of a statement.
const HOLDINGS_MAX: usize = 100;
/// Most options of a vote.
const OPTIONS_MAX: usize = 20;
/// Longest title or name.
const NAME_BYTES_MAX: usize = 200;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Naming {
    title: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Inviting {
    with: String,
    invite: Vec<String>,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Writing {
    to: Vec<String>,
    text: String,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Showing {
    to: String,
    #[serde(alias = "emoticon")]
    object: String,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Storing {
    bytes: usize,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keeping {
    object: String,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Polling {
    to: Vec<String>,
    question: String,
    options: Vec<String>,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Planning {
    title: String,
    starts_at: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Following {
    channel: String,
    operator: String,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Depositing {
    to: String,
    template: String,
    amount: i64,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Complaining {
    contact: String,
    text: String,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Owning {
    holdings: Vec<Holding>,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    bank: String,
    amount: i64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordering {
    stock: String,
    quantity: i64,
    limit: i64,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Buying {
    title: String,
    amount: i64,
    #[serde(rename = "client_ref")]
    _reference: Option<String>,
}

/// What a new thing is, while the components `missing` are gone without.
pub(super) fn draft(
    asking: &Asking<'_>,
    body: &Value,
    missing: &[Component],
) -> Result<Draft, Refusal> {
    let there = |component| !missing.contains(&component);
    match asking.kind {
        Kind::Room => {
            let Naming { title, members, .. } = fields(body)?;
            stays(
                asking.members(members, "invited")?,
                "open",
                json!({ "title": short(title)? }),
            )
        }
        Kind::Invitation => {
            let Inviting { with, invite, .. } = fields(body)?;
            let mut members = asking.members(vec![with], "joined")?;
            members.extend(asking.members(invite, "invited")?);
            stays(distinct(members)?, "open", json!({}))
        }
        Kind::Notice => {
            let Writing { to, text, .. } = fields(body)?;
            let announced = there(Component::Relay);
            let says = json!({ "text": long(text)?, "announced": announced });
            stays(asking.members(to, "reader")?, "posted", says)
        }
        Kind::EmoticonMessage => {
            let Showing { to, object, .. } = fields(body)?;
            let picture = cdn_api::emoticon(&object).ok_or_else(|| {
                let text = "there is no emoticon of this name";
                http::error(StatusCode::NOT_FOUND, "no_such_emoticon", text)
            })?;
            let says = json!({
                "emoticon": object,
                "bytes": picture.len(),
                "sha256": media_api::sha256_hex(&picture),
            });
            stays(asking.members(vec![to], "receiver")?, "sent", says)
        }
        Kind::ImageMessage | Kind::VideoMessage | Kind::FileMessage => {
            let Showing { to, object, .. } = fields(body)?;
            let says = media_api::reference(asking, &object)?;
            stays(asking.members(vec![to], "receiver")?, "sent", says)
        }
        Kind::DrawerItem => {
            let Keeping { object, .. } = fields(body)?;
            stays(Vec::new(), "kept", media_api::reference(asking, &object)?)
        }
        Kind::Vote => {
            let Polling {
                to,
                question,
                options,
                ..
            } = fields(body)?;
            if options.len() < 2 || options.len() > OPTIONS_MAX {
                let text = format!("a vote has 2 to {OPTIONS_MAX} options");
                return Err(http::error(StatusCode::BAD_REQUEST, "options", text));
            }
            let options: Result<Vec<_>, _> = options.into_iter().map(short).collect();
            let says = json!({
                "question": short(question)?,
                "options": options?,
                "votes": {},
                "announced": there(Component::Relay),
            });
            stays(asking.members(to, "asked")?, "open", says)
        }
        Kind::Profile => {
            let Naming { title, members, .. } = fields(body)?;
            stays(
                asking.members(members, "friend")?,
                "shown",
                json!({ "title": short(title)? }),
            )
        }
        Kind::EmoticonPack => {
            let Naming { title, .. } = fields(body)?;
            stays(Vec::new(), "owned", json!({ "title": short(title)? }))
        }
        Kind::Image | Kind::Video | Kind::File | Kind::DrawerFile => {
            let Storing { bytes, .. } = fields(body)?;
            stays(
                Vec::new(),
                "uploading",
                media_api::slot(asking.kind, bytes)?,
            )
        }
        Kind::Device => {
            let Naming { title, .. } = fields(body)?;
            // What the user reads off the computer and types on the phone.
            let code: String = token().chars().take(6).collect();
            stays(
                Vec::new(),
                "pending",
                json!({ "title": short(title)?, "code": code }),
            )
        }
        Kind::VoiceCall | Kind::VideoCall => {
            let Showing { to, object, .. } = fields(body)?;
            let says = json!({ "medium": short(object)? });
            stays(asking.members(vec![to], "ringing")?, "ringing", says)
        }
        Kind::OpenChat => {
            let Naming { title, members, .. } = fields(body)?;
            let link = format!("https://{}/open/{}", asking.kind.service().host(), token());
            let says = json!({
                "title": short(title)?,
                "link": link,
                "has_cover": there(Component::MediaStore),
                "is_searchable": there(Component::Search),
            });
            stays(asking.members(members, "joined")?, "open", says)
        }
        Kind::Event => {
            let Planning {
                title,
                starts_at,
                members,
                ..
            } = fields(body)?;
            if starts_at.parse::<jiff::Timestamp>().is_err() {
                let text = "starts_at is a time as in 2026-10-15T15:19:00+09:00";
                return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
            }
            let says = json!({ "title": short(title)?, "starts_at": starts_at });
            stays(asking.members(members, "invited")?, "planned", says)
        }
        Kind::Credential => {
            let Naming { title, .. } = fields(body)?;
            let title = short(title)?;
            let signed = asking.caller.world.signer.sign(&asking.who, &title);
            stays(
                Vec::new(),
                "valid",
                json!({ "title": title, "credential": signed }),
            )
        }
        Kind::Following => {
            let Following {
                channel, operator, ..
            } = fields(body)?;
            stays(
                asking.members(vec![operator], "operator")?,
                "following",
                json!({ "channel": short(channel)? }),
            )
        }
        Kind::PushDevice => {
            let Naming { title, .. } = fields(body)?;
            let says = json!({ "title": short(title)?, "address": token() });
            stays(Vec::new(), "registered", says)
        }
        Kind::Notification => {
            let Writing { to, text, .. } = fields(body)?;
            let mut draft = stays(
                asking.members(to, "receiver")?,
                "sent",
                json!({ "text": long(text)? }),
            )?;
            draft.stays = false;
            Ok(draft)
        }
        Kind::Alimtalk => alimtalk(asking, body),
        Kind::Consult => {
            let Naming { title, .. } = fields(body)?;
            let says = json!({
                "title": short(title)?,
                "greeting": "This is the bank's support. Somebody will be with you soon.",
                "queue_number": asking.waiting() + 1,
            });
            stays(Vec::new(), "queued", says)
        }
        Kind::EmoticonSubscription => {
            let Naming { title, .. } = fields(body)?;
            let says = json!({ "title": short(title)?, "emoticons": cdn_api::EMOTICONS.len() });
            stays(Vec::new(), "subscribed", says)
        }
        Kind::VoiceRoom => {
            let Naming { title, members, .. } = fields(body)?;
            let link = format!("https://{}/voice/{}", asking.kind.service().host(), token());
            let says = json!({ "title": short(title)?, "link": link });
            stays(asking.members(members, "joined")?, "open", says)
        }
        Kind::InAppMessage | Kind::CafePost | Kind::Mail => {
            let Writing { to, text, .. } = fields(body)?;
            let text = long(text)?;
            let hash = media_api::sha256_hex(text.as_bytes());
            let says = json!({ "bytes": text.len(), "sha256": hash, "text": text });
            stays(asking.members(to, "reader")?, "sent", says)
        }
        Kind::AssetStatement => {
            let Owning { holdings, .. } = fields(body)?;
            let amounts = holdings.iter().map(|one| one.amount);
            let total = amounts.fold(0, i64::saturating_add);
            if holdings.len() > HOLDINGS_MAX {
                let text = format!("a statement has at most {HOLDINGS_MAX} holdings");
                return Err(http::error(StatusCode::BAD_REQUEST, "holdings", text));
            }
            let says = json!({ "holdings": holdings, "total": total });
            stays(Vec::new(), "drawn", says)
        }
        Kind::SecuritiesOrder => {
            let Ordering {
                stock,
                quantity,
                limit,
                ..
            } = fields(body)?;
            let amount = won(quantity)?.saturating_mul(won(limit)?);
            let says = json!({
                "stock": short(stock)?,
                "quantity": quantity,
                "limit": limit,
                "amount": amount,
            });
            stays(Vec::new(), "accepted", says)
        }
        Kind::StyleOrder => {
            let Buying { title, amount, .. } = fields(body)?;
            let says = json!({ "title": short(title)?, "amount": won(amount)?, "refunded": 0 });
            stays(Vec::new(), "paid", says)
        }
        Kind::Bookmark => {
            let Naming { title, .. } = fields(body)?;
            stays(
                Vec::new(),
                "reading",
                json!({ "title": short(title)?, "chapter": 1 }),
            )
        }
        Kind::MobileMatch | Kind::PcMatch => {
            let Naming { title, members, .. } = fields(body)?;
            let says = json!({ "title": short(title)? });
            stays(asking.members(members, "invited")?, "waiting", says)
        }
        Kind::MailCase | Kind::WebCase => {
            let Complaining { contact, text, .. } = fields(body)?;
            let says = json!({ "contact": short(contact)?, "text": long(text)? });
            stays(Vec::new(), "received", says)
        }
    }
}

/// A notice of the bank: a template with its values, and nothing else.
fn alimtalk(asking: &Asking<'_>, body: &Value) -> Result<Draft, Refusal> {
    let Depositing {
        to,
        template,
        amount,
        ..
    } = fields(body)?;
    let what = match template.as_str() {
        "deposit" => "Deposit",
        "withdrawal" => "Withdrawal",
        _ => {
            let text = "templates are deposit and withdrawal";
            return Err(http::error(StatusCode::NOT_FOUND, "no_such_template", text));
        }
    };
    let amount = won(amount)?;
    let says = json!({ "template": template, "text": format!("[Bank] {what} of {amount} won") });
    stays(asking.members(vec![to], "receiver")?, "sent", says)
}

/// An amount, a price or a number of pieces: from one.
fn won(amount: i64) -> Result<i64, Refusal> {
    if amount < 1 {
        let text = "an amount is a whole number from 1, of won or of pieces";
        return Err(http::error(StatusCode::BAD_REQUEST, "malformed", text));
    }
    Ok(amount)
}

fn stays(members: Vec<Member>, state: &'static str, says: Value) -> Result<Draft, Refusal> {
    let detail: Map<String, Value> = match says {
        Value::Object(detail) => detail,
        _ => Map::new(),
    };
    Ok(Draft {
        members,
        state,
        detail,
        stays: true,
    })
}

impl Asking<'_> {
    /// How many things of this kind nobody ended.
    fn waiting(&self) -> usize {
        let open = self.caller.world.records.open(self.now());
        let name = self.kind.collection();
        open.iter().filter(|record| record.kind == name).count()
    }

    /// Users who are to have a part in something.
    fn members(&self, users: Vec<String>, state: &'static str) -> Result<Vec<Member>, Refusal> {
        let world = &*self.caller.world;
        if users.iter().any(|user| !world.accounts.knows_user(user)) {
            let text = "nobody has one of these user ids";
            return Err(http::error(StatusCode::NOT_FOUND, "no_such_user", text));
        }
        let members = users.into_iter().map(|user_id| Member { user_id, state });
        distinct(members.collect())
    }
}

/// Refuses too many, and one who is named twice.
fn distinct(members: Vec<Member>) -> Result<Vec<Member>, Refusal> {
    let users: BTreeSet<_> = members.iter().map(|member| &member.user_id).collect();
    if members.len() > MEMBERS_MAX || users.len() < members.len() {
        let text = format!("name each user once, and at most {MEMBERS_MAX}");
        return Err(http::error(StatusCode::BAD_REQUEST, "members", text));
    }
    Ok(members)
}

fn short(text: String) -> Result<String, Refusal> {
    bounded(text, NAME_BYTES_MAX)
}

pub(super) fn long(text: String) -> Result<String, Refusal> {
    bounded(text, TEXT_BYTES_MAX)
}

fn bounded(text: String, most: usize) -> Result<String, Refusal> {
    if text.is_empty() || text.len() > most {
        let text = format!("a text has 1 to {most} bytes here");
        return Err(http::error(StatusCode::BAD_REQUEST, "too_long", text));
    }
    Ok(text)
}
