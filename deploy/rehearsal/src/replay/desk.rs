//! Hands in what was said, as it became public, the way an incident desk does: over the collector's
//! API with an operator's token.

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_model::{Catalogue, ClaimSubject, FeatureId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::layout::operator_token;
use crate::scenario::{Event, Happening, ROWS_MAX, rfc3339};

/// How long the collector may take for an answer, in the machine's time.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What became of the statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandedIn {
    /// Statements that the collector has.
    pub taken: u64,
    /// Why others were not taken.
    pub refused: Vec<String>,
}

/// A desk that works off what it is given, in order.
#[derive(Debug)]
pub(super) struct Desk {
    statements: mpsc::Sender<Vec<Value>>,
    working: JoinHandle<HandedIn>,
    /// The features that the collector knows: of others it takes nothing in.
    known: Vec<FeatureId>,
}

impl Desk {
    pub(super) fn open(web: SocketAddr, catalogue: &Catalogue) -> Self {
        // No more rows than a scenario has can wait.
        let (statements, waiting) = mpsc::channel(ROWS_MAX);
        Self {
            statements,
            working: tokio::spawn(work(web, waiting)),
            known: catalogue
                .features()
                .iter()
                .map(|known| known.id.clone())
                .collect(),
        }
    }

    /// Hands in what became public together.
    pub(super) async fn hand_in(&self, happenings: &[Happening<'_>]) {
        let statements: Vec<_> = happenings
            .iter()
            .filter_map(|one| self.claim(one))
            .collect();
        if !statements.is_empty() {
            // The desk works until this handle is gone.
            let _ = self.statements.send(statements).await;
        }
    }

    /// Waits until everything is handed in.
    pub(super) async fn close(self) -> HandedIn {
        drop(self.statements);
        self.working.await.unwrap_or_else(|error| HandedIn {
            taken: 0,
            refused: vec![format!("the desk broke off: {error}")],
        })
    }

    /// A statement as the collector takes it; none of what it does not know.
    fn claim(&self, happening: &Happening<'_>) -> Option<Value> {
        let Event::Statement {
            track,
            subject,
            state,
        } = &happening.row.event
        else {
            return None;
        };
        if let ClaimSubject::Feature(feature) = subject
            && !self.known.contains(feature)
        {
            return None;
        }
        let row = happening.row;
        let mut note = row.note.clone();
        if happening.is_synthetic {
            note = format!("synthetic time. {note}");
        }
        Some(json!({
            "track": track,
            "feature": subject,
            "state": state,
            "as_of": rfc3339(happening.at),
            "published": rfc3339(happening.published()),
            "source": row.source,
            "note": (!note.trim().is_empty()).then(|| note.trim().to_owned()),
            "confidence": row.confidence,
        }))
    }
}

async fn work(web: SocketAddr, mut waiting: mpsc::Receiver<Vec<Value>>) -> HandedIn {
    let mut handed_in = HandedIn::default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(ANSWER_WITHIN)
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            handed_in.refused.push(error.to_string());
            return handed_in;
        }
    };
    while let Some(statements) = waiting.recv().await {
        // Each alone: what is wrong with one is no reason to lose the others.
        for statement in statements {
            match hand_in(&client, web, &statement).await {
                Ok(()) => handed_in.taken += 1,
                Err(error) => handed_in.refused.push(error),
            }
        }
    }
    handed_in
}

async fn hand_in(client: &reqwest::Client, web: SocketAddr, claim: &Value) -> Result<(), String> {
    let what = format!(
        "{} of {}",
        claim["state"].as_str().unwrap_or_default(),
        claim["feature"].as_str().unwrap_or_default()
    );
    let answer = client
        .post(format!("http://{web}/api/v1/claims"))
        .bearer_auth(operator_token())
        .json(claim)
        .send()
        .await
        .map_err(|error| format!("{what}: {error}"))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let status = answer.status();
    let said = answer.text().await.unwrap_or_default();
    Err(format!("{what}: {status} {said}"))
}
