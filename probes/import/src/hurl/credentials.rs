//! What in a file of hurl proves who asks: headers, and the variables and captures behind them.

use super::options::last_name;
use super::{Reader, TEMPLATE};
use crate::credentials::{is_authorization, is_secret_field, is_secret_header};
use crate::draft::Capture;
use crate::toml_text::Data;

impl Reader {
    /// Remembers the variables of a header that says who asks.
    pub(super) fn note_credentials(&mut self, value: &str) {
        for found in TEMPLATE.captures_iter(value) {
            let name = found[1].split_whitespace().next().unwrap_or_default();
            let ours = self.variable(name);
            let _ = self.credentials.insert(ours);
        }
    }
}

/// Whether a header of this name and value says who asks.
pub(super) fn is_credential(name: &str, value: &str) -> bool {
    let is_login = ["authorization", "proxy-authorization"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
    is_login || is_secret_header(name) || is_authorization(value)
}

/// Whether what is captured is a secret by the name of where it stands.
pub(super) fn is_secret_capture(capture: &Capture) -> bool {
    capture.from.iter().any(|(kind, from)| match from {
        Data::Text(text) if *kind == "json" => text
            .plain()
            .is_some_and(|path| is_secret_field(last_name(path))),
        Data::Text(text) if *kind == "header" => text.plain().is_some_and(is_secret_header),
        _ => false,
    })
}
