//! What an actor holds during a run: cookies, connections and open sockets.

use std::collections::BTreeMap;

use bongsu_language::Method;

use crate::http::{Connections, CookieJar};
use crate::websocket::Socket;

/// One actor's side of the network; nothing of it outlives the run but a warm run's cookies.
#[derive(Debug, Default)]
pub(super) struct Hands {
    pub(super) cookies: CookieJar,
    pub(super) connections: Connections,
    /// The gRPC methods that were learned from their servers, by URL. Bounded by the journey's
    /// steps.
    pub(super) methods: BTreeMap<String, Method>,
    /// Open sockets by the name that the journey gave them. Bounded by the journey's steps.
    pub(super) sockets: BTreeMap<String, Socket>,
}
