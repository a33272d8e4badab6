//! Asks a server what its methods look like: its own files, then those that they need.
//!
//! It goes over a connection of its own, so that the call after it is measured as anybody's.

use bongsu_language::{
    GrpcStatus, IpVersion, Method, REFLECTION_METHODS, ReflectionAnswer, ReflectionQuestion,
    Schema, SchemaError,
};
use bongsu_model::{FailClass, NetworkFacts};

use super::{Call, End, call, malformed};
use crate::clock::Deadline;
use crate::failure::Fault;
use crate::http::{Connections, Line};
use crate::phases::Stopwatch;
use crate::target::Target;

/// Most times that a server is asked: files need files that need files.
const ROUNDS_MAX: usize = 16;

/// Most files that are asked for at a time.
const QUESTIONS_MAX: usize = 256;

/// Most bytes of one answer.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is asked for, and with what.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    /// The URL before the service's name, with its slash.
    pub(crate) before: &'a str,
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    /// The metadata of the call: who may call may also ask.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) target: &'a Target,
    pub(crate) ip: Option<IpVersion>,
    pub(crate) watch: &'a mut Stopwatch,
    pub(crate) deadline: Deadline,
}

/// Why nothing was learned.
#[derive(Debug)]
pub(crate) struct Unlearned {
    pub(crate) fault: Fault,
    /// In a sentence, not redacted.
    pub(crate) told: String,
    pub(crate) network: NetworkFacts,
}

/// Learns the method from the server.
pub(crate) async fn reflect(asking: Asking<'_>) -> Result<Method, Box<Unlearned>> {
    let mut connections = Connections::default();
    let mut reflecting = Reflecting {
        asking,
        connections: &mut connections,
        network: NetworkFacts::default(),
        version: REFLECTION_METHODS[0],
    };
    let learned = reflecting.learn().await;
    learned.map_err(|(fault, told)| {
        Box::new(Unlearned {
            fault,
            told: format!("reflection: {told}"),
            network: reflecting.network,
        })
    })
}

type Untold = (Fault, String);

struct Reflecting<'a> {
    asking: Asking<'a>,
    connections: &'a mut Connections,
    network: NetworkFacts,
    /// The service that answers, by its method.
    version: &'static str,
}

impl Reflecting<'_> {
    async fn learn(&mut self) -> Result<Method, Untold> {
        let mut schema = Schema::default();
        let mut questions = vec![ReflectionQuestion::Symbol(self.asking.service.to_owned())];
        for _ in 0..ROUNDS_MAX {
            for answer in self.ask(&questions).await? {
                match ReflectionAnswer::decode(&answer) {
                    Some(ReflectionAnswer::Files(files)) => {
                        for file in files {
                            schema.add(&file).map_err(|error| unusable(&error))?;
                        }
                    }
                    Some(ReflectionAnswer::Refused(status, message)) => {
                        let told = format!("{status}: {message}");
                        return Err((status_fault(status), told));
                    }
                    None => return Err((malformed(), "this is no answer".to_owned())),
                }
            }
            let missing = schema.missing();
            if missing.is_empty() {
                return schema
                    .method(self.asking.service, self.asking.method)
                    .map_err(|error| unusable(&error));
            }
            questions = missing
                .into_iter()
                .take(QUESTIONS_MAX)
                .map(ReflectionQuestion::File)
                .collect();
        }
        Err(unusable(&SchemaError::TooLarge))
    }

    /// Asks all at once; a server that does not know the newest version is asked by the older one.
    async fn ask(&mut self, questions: &[ReflectionQuestion]) -> Result<Vec<Vec<u8>>, Untold> {
        let end = self.ask_once(questions).await?;
        let unimplemented = GrpcStatus::from_name("UNIMPLEMENTED");
        let end = if Some(end.status) == unimplemented && self.version == REFLECTION_METHODS[0] {
            self.version = REFLECTION_METHODS[1];
            self.ask_once(questions).await?
        } else {
            end
        };
        if Some(end.status) == unimplemented {
            let told = "the server has none: name a `descriptor` file, or switch it on";
            return Err((status_fault(end.status), told.to_owned()));
        }
        // Some end the stream with an error after they have answered.
        if end.status != GrpcStatus::OK && end.messages.len() < questions.len() {
            let told = format!("{}: {}", end.status, end.message);
            return Err((status_fault(end.status), told));
        }
        if end.messages.len() != questions.len() {
            return Err((malformed(), "not every question was answered".to_owned()));
        }
        Ok(end
            .messages
            .iter()
            .map(|message| message.to_vec())
            .collect())
    }

    async fn ask_once(&mut self, questions: &[ReflectionQuestion]) -> Result<End, Untold> {
        let url = format!("{}{}", self.asking.before, self.version);
        let url = url.parse().map_err(|_| {
            (
                Fault::internal("the URL of reflection cannot be used"),
                String::new(),
            )
        })?;
        let asked = Call {
            url,
            headers: self.asking.headers.to_vec(),
            messages: questions.iter().map(ReflectionQuestion::encode).collect(),
            body_max: ANSWER_BYTES_MAX,
        };
        let line = Line {
            target: self.asking.target,
            ip: self.asking.ip,
            connections: self.connections,
            watch: self.asking.watch,
            deadline: self.asking.deadline,
        };
        let (exchange, end) = call(&asked, line).await;
        self.network = exchange.network;
        match (exchange.fault, end) {
            (Some(fault), _) => {
                let told = fault.detail().to_owned();
                Err((fault, told))
            }
            (None, Some(end)) => Ok(end),
            (None, None) => Err((malformed(), "there is no answer".to_owned())),
        }
    }
}

fn status_fault(status: GrpcStatus) -> Fault {
    Fault::platform(FailClass::Status, status.name())
}

/// The server's own schema does not have what the journey asks for, or is not whole.
fn unusable(error: &SchemaError) -> Untold {
    let class = match error {
        SchemaError::TooLarge => FailClass::BodyTooLarge,
        _ => FailClass::Expectation,
    };
    let told = match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    };
    (Fault::platform(class, "reflection"), told)
}
