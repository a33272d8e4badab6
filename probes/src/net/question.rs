//! A DNS question and what its answer says. Pure.

use std::net::IpAddr;

use bongsu_language::Fact;
use bongsu_model::FailClass;
use hickory_resolver::proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::Facts;
use crate::failure::Fault;

/// The media type of DNS messages (RFC 8484, section 6).
pub(crate) const MEDIA_TYPE: &str = "application/dns-message";

/// The largest answer over UDP that is asked for: it fits a packet on every path (DNS flag day
/// 2020).
const PAYLOAD_MAX: u16 = 1_232;

/// Most records of an answer that are looked at.
const RECORDS_MAX: usize = 256;

/// The type that asks for every type.
const ANY: u16 = 255;

/// Extended DNS errors (RFC 8914): the option, and the codes that say that DNSSEC failed.
const EXTENDED_ERROR: u16 = 15;
const DNSSEC_ERRORS: std::ops::RangeInclusive<u16> = 6..=12;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    message: Message,
    record_type: u16,
}

/// What an answer says.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) facts: Facts,
    /// The addresses among the answers.
    pub(crate) addresses: Vec<IpAddr>,
    /// Whether the answer was cut to fit its datagram.
    pub(crate) is_cut: bool,
}

impl Question {
    /// The question for the records of `name` of the type with this number.
    pub(crate) fn new(name: &str, record_type: u16) -> Result<Self, Fault> {
        let mut name = Name::from_ascii(name).map_err(|_| {
            Fault::internal(format!("`{name}` is no name that DNS can be asked for"))
        })?;
        name.set_fqdn(true);
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        // Asks to be told whether the answer was validated (RFC 6840, section 5.7).
        message.metadata.authentic_data = true;
        let _ = message.add_query(Query::query(name, RecordType::from(record_type)));
        let mut edns = Edns::new();
        let _ = edns.set_max_payload(PAYLOAD_MAX);
        let _ = message.set_edns(edns);
        Ok(Self {
            message,
            record_type,
        })
    }

    /// The same for HTTPS, where answers are told apart otherwise, and where an id of its own would
    /// keep each from being cached (RFC 8484, section 4.1).
    pub(crate) fn over_https(mut self) -> Self {
        self.message.metadata.id = 0;
        self
    }

    /// The question as it is sent.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        self.message
            .to_vec()
            .map_err(|error| Fault::internal(format!("the question cannot be written: {error}")))
    }

    /// What `bytes` say, none if they are no answer to this question.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<Result<Reply, Fault>> {
        let id = bytes.get(..2)?;
        if id != self.message.metadata.id.to_be_bytes() {
            return None;
        }
        let malformed = || Fault::platform(FailClass::Dns, "malformed");
        let Ok(answer) = Message::from_vec(bytes) else {
            return Some(Err(malformed()));
        };
        if answer.metadata.message_type != MessageType::Response {
            return None;
        }
        // An error may leave the question out; an answer may not.
        let is_ours = answer.queries == self.message.queries;
        let is_error = answer.metadata.response_code != ResponseCode::NoError;
        if !(is_ours || is_error && answer.queries.is_empty()) {
            return None;
        }
        Some(Ok(self.judge(&answer)))
    }

    fn judge(&self, answer: &Message) -> Reply {
        let records = || answer.answers.iter().take(RECORDS_MAX);
        let is_meant = |record: &&Record| {
            self.record_type == ANY || u16::from(record.record_type()) == self.record_type
        };
        let meant = || records().filter(is_meant);
        let answers: Vec<String> = meant().map(|record| written(&record.data)).collect();
        let rcode = rcode(answer.metadata.response_code);
        let dnssec = if answer.metadata.authentic_data {
            "authenticated"
        } else if is_bogus(answer) {
            "bogus"
        } else {
            "unauthenticated"
        };
        let mut facts: Facts = vec![
            (Fact::Rcode, rcode.into()),
            (Fact::Answers, answers.into()),
            (Fact::Dnssec, dnssec.into()),
        ];
        let ttl = records().map(|record| record.ttl).min();
        facts.extend(ttl.map(|ttl| (Fact::Ttl, ttl.into())));
        let address = |record: &Record| match &record.data {
            RData::A(address) => Some(IpAddr::from(address.0)),
            RData::AAAA(address) => Some(address.0.into()),
            _ => None,
        };
        Reply {
            facts,
            addresses: meant().filter_map(address).collect(),
            is_cut: answer.metadata.truncation,
        }
    }
}

/// Whether the server says that it found no answer that DNSSEC proves.
fn is_bogus(answer: &Message) -> bool {
    let Some(edns) = &answer.edns else {
        return false;
    };
    let options = edns.options().get_all(EdnsCode::Unknown(EXTENDED_ERROR));
    options.iter().any(|option| match option {
        EdnsOption::Unknown(_, bytes) => bytes
            .first_chunk()
            .is_some_and(|code| DNSSEC_ERRORS.contains(&u16::from_be_bytes(*code))),
        _ => false,
    })
}

/// A record's data in presentation format, names without the dot at the end, texts without
/// quotes and unknown types as RFC 3597 writes them.
fn written(data: &RData) -> String {
    match data {
        RData::Unknown { rdata, .. } => {
            let bytes = &rdata.anything;
            let mut text = format!("\\# {}", bytes.len());
            if !bytes.is_empty() {
                text.push(' ');
            }
            for byte in bytes {
                text.push_str(&format!("{byte:02x}"));
            }
            text
        }
        RData::TXT(text) => text.to_string(),
        data => {
            let text = data.to_string();
            text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
        }
    }
}

/// A code's name (IANA DNS RCODEs), `RCODE` and its number where it has none that we know.
fn rcode(code: ResponseCode) -> String {
    let word = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        ResponseCode::BADVERS | ResponseCode::BADSIG => "BADVERS",
        ResponseCode::BADCOOKIE => "BADCOOKIE",
        other => return format!("RCODE{}", u16::from(other)),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(question: &Question, change: impl Fn(&mut Message)) -> Vec<u8> {
        let mut answer = question.message.clone().into_response();
        change(&mut answer);
        answer.to_vec().unwrap()
    }

    #[test]
    fn only_the_answer_to_the_question_is_read() {
        let question = Question::new("a.test", 1).unwrap();
        assert!(question.read(&answer(&question, |_| {})).unwrap().is_ok());
        let others = [
            answer(&question, |answer| answer.metadata.id ^= 1),
            answer(&question, |answer| {
                answer.metadata.message_type = MessageType::Query;
            }),
            answer(&question, |answer| answer.queries.clear()),
            answer(&question, |answer| {
                answer.queries = Question::new("b.test", 1).unwrap().message.queries;
            }),
            Vec::new(),
            vec![0],
        ];
        for other in others {
            assert!(question.read(&other).is_none());
        }
        // An error without the question is an answer.
        let refused = answer(&question, |answer| {
            answer.queries.clear();
            answer.metadata.response_code = ResponseCode::Refused;
        });
        let reply = question.read(&refused).unwrap().unwrap();
        assert_eq!(reply.facts[0], (Fact::Rcode, "REFUSED".into()));
    }

    #[test]
    fn a_cut_or_noisy_answer_is_malformed_and_does_no_harm() {
        let question = Question::new("a.test", 1).unwrap();
        let whole = answer(&question, |_| {});
        for cut in 2..whole.len() {
            if let Some(read) = question.read(&whole[..cut]) {
                assert!(read.is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn the_server_tells_that_dnssec_failed() {
        let question = Question::new("a.test", 1).unwrap();
        let said = |code: u16| {
            let bytes = answer(&question, |answer| {
                answer.metadata.authentic_data = false;
                answer.metadata.response_code = ResponseCode::ServFail;
                let option = EdnsOption::Unknown(EXTENDED_ERROR, code.to_be_bytes().to_vec());
                let mut edns = Edns::new();
                edns.options_mut().insert(option);
                answer.set_edns(edns);
            });
            let facts = question.read(&bytes).unwrap().unwrap().facts;
            facts[2].1.as_str().unwrap().to_owned()
        };
        assert_eq!(said(6), "bogus");
        assert_eq!(said(22), "unauthenticated");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_behind_the_right_id_is_read_without_harm(
            noise in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        ) {
            let question = Question::new("a.test", ANY).unwrap();
            let mut bytes = question.message.metadata.id.to_be_bytes().to_vec();
            bytes.extend(noise);
            if let Some(Ok(reply)) = question.read(&bytes) {
                proptest::prop_assert!(reply.addresses.len() <= RECORDS_MAX);
            }
        }
    }

    #[test]
    fn names_that_dns_cannot_be_asked_for_are_our_own_mistake() {
        let long = "a".repeat(64);
        for name in [long.as_str(), "a..b"] {
            assert_eq!(Question::new(name, 1).unwrap_err().class(), None, "{name}");
        }
    }
}
