//! What the answer of an OTLP/HTTP server means, exactly as the specification has it.
//!
//! Source: opentelemetry-proto 1.11.0, docs/specification.md, "OTLP/HTTP Response". Two deviations:
//! 401 and 403 pause the queue instead of dropping it, so that an expired token costs no data; so
//! do redirects and what says that nothing is there, which no OTLP receiver answers to its own
//! paths, so that a wrong address costs none either.

use std::time::Duration;

use bongsu_model::Timestamp;

/// What is to be done with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is acknowledged; this many items were refused, for good.
    Accepted {
        /// Spans or log records that were refused.
        rejected: u64,
        /// What the server said of it.
        message: String,
    },
    /// Send the same again, not before the delay if there is one.
    Retry {
        /// Why, for the log.
        reason: String,
        /// The server's wish.
        after: Option<Duration>,
    },
    /// The token is not accepted: keep everything, and ask again later.
    Unauthorised {
        /// Why, for the log.
        reason: String,
    },
    /// No OTLP receiver is at this address: keep everything, and ask again later.
    NoReceiver {
        /// Why, for the log.
        reason: String,
    },
    /// The compression is not known there: send it plain.
    PlainPlease,
    /// It will never be accepted.
    Refused {
        /// Why.
        reason: String,
    },
}

/// An answer as it came.
#[derive(Debug)]
pub struct RawAnswer<'a> {
    /// Where it was sent to: `/v1/traces` or `/v1/logs`.
    pub path: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, if there was one.
    pub retry_after: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Longest wait that a server can ask for: a wrong date must not silence a sender for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Reads an answer that came at `now`.
pub fn read_answer(raw: &RawAnswer<'_>, now: Timestamp) -> Answer {
    match raw.status {
        200..=299 => accepted(raw),
        429 | 502 | 503 | 504 => Answer::Retry {
            reason: reason(raw),
            after: raw.retry_after.and_then(|text| retry_after(text, now)),
        },
        401 | 403 => Answer::Unauthorised {
            reason: reason(raw),
        },
        300..=399 | 404 | 405 | 410 | 421 => Answer::NoReceiver {
            reason: reason(raw),
        },
        415 => Answer::PlainPlease,
        _ => Answer::Refused {
            reason: reason(raw),
        },
    }
}

fn accepted(raw: &RawAnswer<'_>) -> Answer {
    let partial = if raw.path == "/v1/traces" {
        crate::decode_trace_response(raw.body)
    } else {
        crate::decode_logs_response(raw.body)
    };
    match partial {
        Ok(None) => Answer::Accepted {
            rejected: 0,
            message: String::new(),
        },
        Ok(Some(partial)) => Answer::Accepted {
            rejected: u64::try_from(partial.rejected).unwrap_or(0),
            message: partial.message,
        },
        // A login page with status 200 is no acknowledgement, however friendly.
        Err(error) => Answer::Retry {
            reason: format!("status {} but no OTLP answer: {error}", raw.status),
            after: None,
        },
    }
}

fn reason(raw: &RawAnswer<'_>) -> String {
    match crate::decode_status_body(raw.body) {
        Ok(message) if !message.is_empty() => format!("status {}: {message}", raw.status),
        Ok(_) | Err(_) => format!("status {}", raw.status),
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let delay = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(text.trim())?.since(now),
    };
    Some(delay.min(RETRY_AFTER_MAX))
}

/// Reads the date format that HTTP prefers (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: u64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let month_name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == month_name)? as u64 + 1;
    let year: u64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|y| (1970..=2500).contains(y))?;
    let mut time = parts.next()?.split(':').map(str::parse::<u64>);
    let mut part = |max: u64| time.next()?.ok().filter(|value| *value <= max);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    if parts.next() != Some("GMT") {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    Some(Timestamp::from_unix_seconds(
        ((days * 24 + hour) * 60 + minute) * 60 + second,
    ))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, years counted from March so that the
/// leap day is the last one (the usual "days from civil" reckoning).
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
        let raw = RawAnswer {
            path: "/v1/traces",
            status,
            retry_after,
            body,
        };
        read_answer(&raw, Timestamp::from_unix_seconds(784_111_777))
    }

    #[test]
    fn only_the_four_passing_statuses_are_sent_again() {
        for status in [429, 502, 503, 504] {
            assert!(matches!(
                answer(status, None, b""),
                Answer::Retry { after: None, .. }
            ));
        }
        for status in [400, 408, 413, 418, 500, 501, 505] {
            assert!(
                matches!(answer(status, None, b""), Answer::Refused { .. }),
                "{status}"
            );
        }
        for status in [401, 403] {
            assert!(matches!(
                answer(status, None, b""),
                Answer::Unauthorised { .. }
            ));
        }
        for status in [301, 302, 307, 308, 404, 405, 410, 421] {
            assert!(
                matches!(answer(status, None, b"<html>"), Answer::NoReceiver { .. }),
                "{status}"
            );
        }
        assert_eq!(answer(415, None, b""), Answer::PlainPlease);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text: &str| match answer(503, Some(text), b"") {
            Answer::Retry { after, .. } => after.map(|d| d.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0));
        assert_eq!(after("999999"), Some(3600));
        for wrong in [
            "",
            "soon",
            "-1",
            "Sun, 06 Nov 1994",
            "Sun, 06 Xxx 1994 08:49:37 GMT",
        ] {
            assert_eq!(after(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_read_across_leap_days() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
        ] {
            assert_eq!(
                http_date(text),
                Some(Timestamp::from_unix_seconds(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_partial_success_is_an_acknowledgement_with_a_loss() {
        let partial = crate::PartialSuccess {
            rejected: 3,
            message: "unknown journey".to_owned(),
        };
        assert_eq!(
            answer(200, None, &crate::trace_response(Some(partial))),
            Answer::Accepted {
                rejected: 3,
                message: "unknown journey".to_owned()
            }
        );
        assert!(matches!(
            answer(200, None, b""),
            Answer::Accepted { rejected: 0, .. }
        ));
    }

    #[test]
    fn a_web_page_with_status_200_acknowledges_nothing() {
        assert!(matches!(
            answer(200, None, b"<html>sign in</html>"),
            Answer::Retry { .. }
        ));
    }

    #[test]
    fn the_collectors_reason_is_told() {
        let body = crate::status_body("the body is cut short");
        assert_eq!(
            answer(400, None, &body),
            Answer::Refused {
                reason: "status 400: the body is cut short".to_owned()
            }
        );
    }
}
