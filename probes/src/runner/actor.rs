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

impl Hands {
    /// Closes the connections, but not at once: behind whatever is to be done next. To close one
    /// wakes its server, and so does to open the next; where a run follows on another, as in
    /// `bongsu run`, one waking does for both.
    pub(super) fn close_behind(all: Vec<Self>) {
        let open: Vec<Connections> = all
            .into_iter()
            .map(|hands| hands.connections)
            .filter(|connections| !connections.is_empty())
            .collect();
        if !open.is_empty() {
            drop(tokio::spawn(async move { drop(open) }));
        }
    }
}
