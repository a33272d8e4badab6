//! One `[[step]]` or `[[cleanup]]`.

use bongsu_model::{FeatureId, StepKind, Verb};

use crate::document::{Node, NodeValue, Table};
use crate::expression::{Expression, Grammar};
use crate::journey::{Act, BODY_BYTES_MAX, Body, Effect, HttpAct, OpenAct};
use crate::keys;
use crate::parse::expect::Of;
use crate::parse::oauth2::is_token_request;
use crate::parse::verb::{StepVerb, VERBS, is_verb};
use crate::parse::{Doing, StepEntry};
use crate::parser::{Parser, PlacedName, is_misspelt, shown};
use crate::rule::Rule;
use crate::source::Position;

/// Most bytes that a step may allow for a body: sixteen times the default.
const MAX_BODY_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// The same for an answer of gRPC, whose messages take many times the room once they are read: the
/// limit that most of its servers have themselves.
const MAX_MESSAGE_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

impl Parser<'_> {
    pub(super) fn step(
        &mut self,
        table: &Table,
        node: &Node,
        kind: StepKind,
        default_keys: &[String],
    ) -> StepEntry {
        let owner = table
            .entries
            .first()
            .map_or_else(|| node.span.clone(), |entry| entry.key_span.clone());
        self.check_keys(table, &owner, &keys::STEP);
        let name = self.step_name(table);
        let position = self.position(
            &table
                .get("name")
                .map_or_else(|| owner.clone(), |name| name.span.clone()),
        );
        let verb = self.verb(table, &owner);
        if let Some((word, verb)) = verb {
            self.check_keys_of_verb(table, word, verb, kind);
        }
        let doing = verb.and_then(|(word, verb)| self.doing(table, word, verb, &position));
        let verb_at = verb.and_then(|(word, _)| table.get(word));
        let of = match verb {
            Some((_, StepVerb::Open)) => Of::Opening,
            Some((_, StepVerb::Receive)) => Of::Frame,
            Some((_, StepVerb::Grpc)) => Of::Call,
            Some((_, StepVerb::Net(verb))) => Of::Net(verb),
            Some((_, StepVerb::Http(Verb::Head))) => Of::Head,
            _ => Of::Answer,
        };
        let expect = self.expectations(table, "expect", of);
        let expect = match (verb, &doing) {
            (Some((_, StepVerb::Http(_))), _) => expect.with_default_status(&position),
            (Some((_, StepVerb::Net(Verb::Dns))), _) => expect.with_default_answer(&position),
            (_, Some(Doing::Act(Act::Grpc(act)))) => expect.of_call(act, &position),
            _ => expect,
        };
        let fail_if = self.expectations(table, "fail_if", of);
        let mut captures = self.captures(table, of);
        let effect = Self::effect(table, verb.map(|(_, verb)| verb), doing.as_ref());
        let http_verb = match verb {
            Some((_, StepVerb::Http(verb) | StepVerb::Net(verb))) => Some(verb),
            // What changes nothing may be asked as often as a GET.
            Some((_, StepVerb::Grpc)) if effect == Effect::None => Some(Verb::Get),
            Some((_, StepVerb::Grpc)) => Some(Verb::Grpc),
            _ => None,
        };
        let mut expect = expect;
        self.add_oauth2(table, http_verb, &mut expect, &mut captures);
        let (captured, captures) = captures;
        let poll = self.poll(table, http_verb);
        self.check_fail_if(table, http_verb);
        let retry = self.retry(table, http_verb, default_keys);
        let poll_for = table.table("poll").and_then(|poll| poll.get("for"));
        let poll_for_at = poll_for.map(|node| self.position(&node.span));
        let slow = self.placed_duration(table, "slow");
        let within = self.placed_duration(table, "within");
        let timeout = self.placed_duration(table, "timeout");
        self.check_limits(table, poll);
        StepEntry {
            name,
            kind,
            doing,
            verb_at: verb_at.map(|node| self.position(&node.span)),
            actors: self.acting(table),
            feature: self.placed(table, "feature", FeatureId::from_arc),
            expect,
            fail_if,
            captured,
            captures,
            poll,
            poll_for_at,
            retry,
            slow,
            within,
            since: table
                .text("since")
                .map(|(since, node)| (since.to_owned(), self.position(&node.span))),
            timeout,
            when: self.when(table),
            wait_before: self.placed_duration(table, "wait_before"),
            max_body: self.max_body(table, verb.map(|(_, verb)| verb)),
            spends: self.spends(table),
            effect,
            names: self.take_names(),
            position,
        }
    }

    /// An unsafe verb changes something unless the step says that it does not, or asks for a
    /// token: a session.
    fn effect(table: &Table, verb: Option<StepVerb>, doing: Option<&Doing>) -> Effect {
        let is_unsafe = match verb {
            Some(StepVerb::Http(verb)) => verb.has_side_effects(),
            Some(StepVerb::Send) => true,
            Some(StepVerb::Grpc) => !super::grpc::only_asks(doing),
            Some(
                StepVerb::Open
                | StepVerb::Receive
                | StepVerb::Close
                | StepVerb::Net(_)
                | StepVerb::Use,
            )
            | None => false,
        };
        let said = table.get("side_effect").and_then(Node::as_bool);
        if is_unsafe && !is_token_request(table) && said != Some(false) {
            Effect::Change
        } else {
            Effect::None
        }
    }

    fn check_fail_if(&mut self, table: &Table, http_verb: Option<Verb>) {
        if let Some(entry) = table.entry("fail_if")
            && table.get("poll").is_none()
            && http_verb.is_some()
        {
            let _ = self
                .error(
                    &entry.key_span,
                    "`fail_if` ends a poll, and there is no `poll`",
                )
                .rule(Rule::MisplacedKey)
                .help("use `expect` with `not`, or add `poll`");
        }
    }

    fn take_names(&mut self) -> Vec<PlacedName> {
        std::mem::take(&mut self.names)
    }

    fn verb(
        &mut self,
        table: &Table,
        owner: &std::ops::Range<usize>,
    ) -> Option<(&'static str, StepVerb)> {
        // What `tcp` and `udp` send is their own: `send` is no second verb there.
        let sends_bytes = table.get("tcp").is_some() || table.get("udp").is_some();
        let verbs = VERBS
            .iter()
            .filter(|(_, verb)| !(sends_bytes && *verb == StepVerb::Send));
        let mut found = verbs.filter_map(|(word, verb)| {
            table
                .entry(word)
                .map(|entry| (entry.key_span.clone(), *word, *verb))
        });
        let first = found.next();
        let second = found.next();
        match (first, second) {
            (Some((_, word, verb)), None) => Some((word, verb)),
            (Some(first), Some(second)) => {
                let (first, second) = if first.0.start < second.0.start {
                    (first, second)
                } else {
                    (second, first)
                };
                let position = self.position(&first.0);
                let _ = self
                    .error(
                        &second.0,
                        format!("a step has one verb, this one has `{}` too", first.1),
                    )
                    .rule(Rule::StepVerb)
                    .related(position, "the first verb")
                    .help("make two steps of it");
                None
            }
            (None, _) => {
                let words: Vec<&str> = VERBS.iter().map(|(word, _)| *word).collect();
                if !is_misspelt(table, &keys::STEP, &words) {
                    let _ = self
                        .error(owner, "this step has no verb")
                        .rule(Rule::StepVerb)
                        .label("it does nothing")
                        .help(format!("add one of {}", words.join(", ")));
                }
                None
            }
        }
    }

    fn check_keys_of_verb(&mut self, table: &Table, word: &str, verb: StepVerb, kind: StepKind) {
        for entry in &table.entries {
            let key = entry.key.as_str();
            let is_verb = is_verb(key) && key != "send";
            let is_verb = is_verb || key == word;
            let is_known = keys::STEP.names().any(|name| name == key);
            if is_verb || !is_known || matches!(key, "name" | "as") {
                continue;
            }
            if kind == StepKind::Cleanup && key == "feature" {
                let _ = self
                    .error(&entry.key_span, "a cleanup step measures no feature")
                    .rule(Rule::MisplacedKey)
                    .help("remove `feature`: a failed cleanup never counts as an outage");
            } else if !verb.takes(key) {
                let help = match (key, verb) {
                    ("where", _) => "`where` chooses frames: it belongs to `receive`".to_owned(),
                    ("feature", StepVerb::Use) => {
                        "the steps of a fragment keep the fragment's feature".to_owned()
                    }
                    (_, StepVerb::Use) => "a `use` step has only `name`, `use` and `as`".to_owned(),
                    ("socket", _) => {
                        "`socket` names what `ws` opens; other verbs name it themselves, as in \
                         receive = \"inbox\""
                            .to_owned()
                    }
                    _ => {
                        let keys: Vec<&str> = verb.keys().collect();
                        format!("`{word}` takes: {}", keys.join(", "))
                    }
                };
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{key}` has no meaning for `{word}`"),
                    )
                    .rule(Rule::MisplacedKey)
                    .help(help);
            }
        }
    }

    fn doing(
        &mut self,
        table: &Table,
        word: &'static str,
        verb: StepVerb,
        position: &Position,
    ) -> Option<Doing> {
        let Some((text, node)) = table.text(word) else {
            self.check_is_text(table, word);
            return None;
        };
        Some(Doing::Act(match verb {
            StepVerb::Use => {
                let position = self.position(&node.span);
                return Some(Doing::Use {
                    fragment: text.to_owned(),
                    position,
                });
            }
            StepVerb::Http(verb) => {
                let url = self.url(node, &["http://", "https://"]);
                let headers = self.step_headers(table);
                let query = self.step_query(table);
                let body = self.body(table);
                let client = self.oauth2_client(table);
                let follow = self.follow(table);
                Act::Http(HttpAct {
                    verb,
                    url: url?,
                    headers,
                    query: query?,
                    client,
                    body: body?,
                    follow,
                })
            }
            StepVerb::Grpc => Act::Grpc(Box::new(self.call(table, node)?)),
            StepVerb::Open => {
                let url = self.url(node, &["ws://", "wss://"]);
                let headers = self.step_headers(table);
                let query = self.step_query(table);
                let socket = self.opened_socket(table, position);
                Act::Open(OpenAct {
                    url: url?,
                    headers,
                    query: query?,
                    socket: socket?,
                })
            }
            StepVerb::Send => {
                let body = self.body(table)?;
                if body == Body::Empty {
                    let _ = self
                        .error(&node.span, "there is nothing to send")
                        .rule(Rule::MissingKey)
                        .help("add `json = { … }` or `body = \"…\"`");
                    return None;
                }
                if !matches!(body, Body::Json(_) | Body::Text(_)) {
                    let _ = self
                        .error(&node.span, "a frame is text")
                        .help("send `json = { … }` or `body = \"…\"`");
                    return None;
                }
                Act::Send {
                    socket: text.to_owned(),
                    body,
                }
            }
            StepVerb::Receive => {
                let filter = self.expectations(table, "where", Of::Frame);
                Act::Receive {
                    socket: text.to_owned(),
                    filter,
                }
            }
            StepVerb::Close => Act::Close {
                socket: text.to_owned(),
            },
            StepVerb::Net(verb) => Act::Net(Box::new(self.net(table, node, verb)?)),
        }))
    }

    /// `send` may be bytes, but not where it is the verb; the others are told by the key table.
    fn check_is_text(&mut self, table: &Table, word: &str) {
        if word == "send"
            && let Some(node) = table.get(word)
        {
            let _ = self
                .error(&node.span, "`send` must be text in quotes")
                .label(format!("this is {}", node.kind()))
                .help("name the socket: send = \"inbox\", and what is sent as json or body");
        }
    }

    fn opened_socket(&mut self, table: &Table, position: &Position) -> Option<String> {
        if let Some((name, node)) = table.text("socket") {
            let fits = !name.is_empty() && name.len() <= 60 && !name.chars().any(char::is_control);
            if !fits {
                let _ = self
                    .error(&node.span, "this cannot be the name of a socket")
                    .rule(Rule::InvalidName)
                    .help("use 1 to 60 characters");
            }
            return fits.then(|| name.to_owned());
        }
        if table.get("socket").is_none() {
            let _ = self
                .error(&position.span, "`socket` is missing")
                .rule(Rule::MissingKey)
                .label("`ws` needs it")
                .help("add `socket = \"inbox\"`: other steps know the socket by this name");
        }
        None
    }

    fn acting(&mut self, table: &Table) -> Option<Vec<(String, Position)>> {
        let node = table.get("as")?;
        match &node.value {
            NodeValue::Text(actor) => Some(vec![(actor.clone(), self.position(&node.span))]),
            NodeValue::Array(items) => {
                if items.is_empty() {
                    let _ = self
                        .error(&node.span, "nobody performs this step")
                        .rule(Rule::UnknownActor)
                        .help("name an actor, or leave `as` out if there is only one");
                }
                let mut actors: Vec<(String, Position)> = Vec::new();
                for item in items {
                    let Some(actor) = item.as_text() else {
                        continue;
                    };
                    if actors.iter().any(|(known, _)| known == actor) {
                        let _ = self
                            .error(&item.span, format!("`{}` is named twice", shown(actor)))
                            .rule(Rule::UnknownActor)
                            .help("an actor performs a step once");
                    } else {
                        actors.push((actor.to_owned(), self.position(&item.span)));
                    }
                }
                Some(actors)
            }
            _ => None,
        }
    }

    fn when(&mut self, table: &Table) -> Option<Expression> {
        let (text, node) = table.text("when")?;
        let braces = (text.trim().starts_with("{{"), text.trim().ends_with("}}"));
        if let (true, false) | (false, true) = braces {
            let (message, help) = match braces {
                (true, _) => ("this condition is not closed", "close it with }}"),
                (false, _) => ("this condition is not opened", "open it with {{"),
            };
            let _ = self
                .error(&node.span, message)
                .rule(Rule::InvalidExpression)
                .help(help);
            return None;
        }
        let inside = text
            .trim()
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"))
            .map_or((text, 0), |inner| {
                (inner, text.find("{{").map_or(0, |at| at + 2))
            });
        match Expression::parse(inside.0, Grammar::Condition) {
            Ok(expression) => {
                for name in expression.names() {
                    let at = name.at.start + inside.1..name.at.end + inside.1;
                    let position = self.position(&node.inside(self.source, &at));
                    self.names.push(PlacedName {
                        name: name.clone(),
                        position,
                    });
                }
                Some(expression)
            }
            Err(error) => {
                let at = error.at.start + inside.1..error.at.end + inside.1;
                self.expression_error(node, &crate::expression::ExpressionError { at, ..error });
                None
            }
        }
    }

    fn max_body(&mut self, table: &Table, verb: Option<StepVerb>) -> usize {
        let most = match verb {
            Some(StepVerb::Grpc) => MAX_MESSAGE_BYTES_MAX,
            _ => MAX_BODY_BYTES_MAX,
        };
        let Some((node, bytes)) = table
            .get("max_body")
            .and_then(|n| Some((n, n.as_integer()?)))
        else {
            return BODY_BYTES_MAX;
        };
        match usize::try_from(bytes) {
            Ok(bytes) if (1..=most).contains(&bytes) => bytes,
            _ => {
                let _ = self
                    .error(&node.span, "`max_body` is out of range")
                    .help(format!("use 1 to {most} bytes"));
                BODY_BYTES_MAX
            }
        }
    }
}
