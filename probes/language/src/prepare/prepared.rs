//! What is sent, rendered: none of it shows its content, there may be secrets in it.

use bongsu_model::{Secret, Verb};
use serde_json::Value;

use super::net::PreparedNet;

/// What one actor sends in one step.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The act, ready to be done.
    pub act: PreparedAct,
    /// Texts that were made of secrets, to be given to [`crate::Redactor`]: encoded or joined
    /// they may no longer contain the secret itself.
    pub secrets: Vec<Secret>,
}

impl std::fmt::Debug for Prepared {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

/// A rendered act.
#[derive(Clone, PartialEq, Eq)]
pub enum PreparedAct {
    /// An HTTP request.
    Http(PreparedRequest),
    /// A gRPC call.
    Grpc(PreparedCall),
    /// A WebSocket to be opened.
    Open {
        /// An absolute `ws://` or `wss://` URL.
        url: String,
        /// Headers of the upgrade.
        headers: Vec<(String, String)>,
        /// The socket's name.
        socket: String,
    },
    /// A frame to be sent.
    Send {
        /// The socket's name.
        socket: String,
        /// The text frame.
        text: String,
    },
    /// A frame to be waited for: [`crate::Expectations::check`] of the act's filter decides.
    Receive {
        /// The socket's name.
        socket: String,
    },
    /// A socket to be closed.
    Close {
        /// The socket's name.
        socket: String,
    },
    /// An exchange below HTTP.
    Net(PreparedNet),
}

impl std::fmt::Debug for PreparedAct {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http(..)",
            Self::Grpc(_) => "Grpc(..)",
            Self::Open { .. } => "Open(..)",
            Self::Send { .. } => "Send(..)",
            Self::Receive { .. } => "Receive(..)",
            Self::Close { .. } => "Close(..)",
            Self::Net(_) => "Net(..)",
        })
    }
}

/// A rendered HTTP request.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedRequest {
    /// One of the HTTP verbs.
    pub verb: Verb,
    /// An absolute `http://` or `https://` URL, query included.
    pub url: String,
    /// Headers, names in lower case; `content-type` is there if there is a body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// How many redirects are followed.
    pub follow: u32,
}

impl std::fmt::Debug for PreparedRequest {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedRequest")
            .field("verb", &self.verb)
            .finish_non_exhaustive()
    }
}

/// A rendered gRPC call.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedCall {
    /// An absolute `http://` or `https://` URL, service and method included.
    pub url: String,
    /// Metadata, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The message.
    pub message: Value,
}

impl std::fmt::Debug for PreparedCall {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedCall").finish_non_exhaustive()
    }
}
