//! `poll` and `retry`: what may be sent more than once.

use std::time::Duration;

use bongsu_model::{FailClass, Verb};

use crate::document::{Node, Table};
use crate::grpc::GrpcStatus;
use crate::journey::{Poll, Retry, RetryOn};
use crate::keys;
use crate::parser::{Parser, shown};
use crate::rule::Rule;

/// Shortest time between two starts of a poll: a probe is no load test.
const POLL_EVERY_MIN: Duration = Duration::from_millis(100);

/// Most repetitions of a send.
const RETRY_TIMES_MAX: i64 = 5;

impl Parser<'_> {
    pub(super) fn poll(&mut self, table: &Table, verb: Option<Verb>) -> Option<Poll> {
        let entry = table.entry("poll")?;
        let poll = entry.node.as_table()?;
        self.check_keys(poll, &entry.key_span, &keys::POLL);
        let every = self.duration(poll, "every");
        let for_ = self.duration(poll, "for");
        let idempotent = poll.get("idempotent").and_then(Node::as_bool) == Some(true);
        if let Some(verb) = verb
            && !is_safe(verb)
            && !idempotent
        {
            let _ = self
                .error(&entry.key_span, format!("`{verb}` cannot be polled"))
                .rule(Rule::UnsafePoll)
                .label("it would be sent again and again")
                .help(if verb == Verb::Grpc {
                    "add `side_effect = false` to the step if the method changes nothing"
                } else {
                    "poll with `get`, or add `idempotent = true` if repeating it does no harm"
                });
        }
        let (every, for_) = (every?, for_?);
        if every < POLL_EVERY_MIN {
            let _ = self
                .error(&entry.key_span, "the poll is too fast")
                .rule(Rule::LimitsCannotFit)
                .help("`every` must be at least \"100ms\"");
        }
        if every > for_ {
            let _ = self
                .error(&entry.key_span, "the poll asks only once")
                .rule(Rule::LimitsCannotFit)
                .label("`every` is longer than `for`")
                .help("make `for` several times as long as `every`");
        }
        Some(Poll { every, for_ })
    }

    pub(super) fn retry(
        &mut self,
        table: &Table,
        verb: Option<Verb>,
        default_keys: &[String],
    ) -> Option<Retry> {
        let entry = table.entry("retry")?;
        let retry = entry.node.as_table()?;
        self.check_keys(retry, &entry.key_span, &keys::RETRY);
        let has_key = default_keys.iter().any(|key| key == "idempotency-key")
            || table.table("headers").is_some_and(|headers| {
                headers
                    .entries
                    .iter()
                    .any(|entry| entry.key.eq_ignore_ascii_case("idempotency-key"))
            });
        if let Some(verb) = verb
            && !is_safe(verb)
            && !has_key
        {
            let _ = self
                .error(&entry.key_span, format!("`{verb}` cannot be sent twice"))
                .rule(Rule::UnsafeRetry)
                .label("if the first one arrived, this does it again")
                .help(if verb == Verb::Grpc {
                    "add `side_effect = false` to the step if the method changes nothing"
                } else {
                    "add headers.idempotency-key = \"{{ run.id }}-NAME\" if the server honours it, \
                     or remove `retry`"
                });
        }
        let times = retry
            .get("times")
            .and_then(|node| Some((node, node.as_integer()?)));
        let times = match times {
            Some((_, times)) if (1..=RETRY_TIMES_MAX).contains(&times) => u32::try_from(times).ok(),
            Some((node, _)) => {
                let _ = self
                    .error(&node.span, "`times` is out of range")
                    .help(format!("use 1 to {RETRY_TIMES_MAX}"));
                None
            }
            None => None,
        };
        let on = retry.get("on").and_then(Node::items).unwrap_or_default();
        let on: Vec<RetryOn> = on.iter().filter_map(|node| self.retry_on(node)).collect();
        Some(Retry { times: times?, on })
    }

    fn retry_on(&mut self, node: &Node) -> Option<RetryOn> {
        const CLASSES: &[(&str, FailClass)] = &[
            ("connect", FailClass::Connect),
            ("dns", FailClass::Dns),
            ("tls", FailClass::Tls),
            ("timeout", FailClass::Timeout),
        ];
        let text = node.as_text()?;
        if let Some((_, class)) = CLASSES.iter().find(|(word, _)| *word == text) {
            return Some(RetryOn::Class(*class));
        }
        if let Some(status) = GrpcStatus::from_name(text)
            && status != GrpcStatus::OK
        {
            return Some(RetryOn::Grpc(status));
        }
        match text.parse::<u16>() {
            Ok(status) if (400..=599).contains(&status) => Some(RetryOn::Status(status)),
            _ => {
                let _ = self
                    .error(
                        &node.span,
                        format!("`{}` is nothing to retry on", shown(text)),
                    )
                    .help(
                        "use connect, dns, tls, timeout, a status from \"400\" to \"599\", or one of \
                         gRPC such as \"UNAVAILABLE\"",
                    );
                None
            }
        }
    }
}

fn is_safe(verb: Verb) -> bool {
    !verb.has_side_effects()
}
