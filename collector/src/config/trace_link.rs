//! Where a run's trace is looked at: an address with a place for the trace id.

use bongsu_model::RunId;

/// What stands for the trace id.
const PLACE: &str = "{trace_id}";

/// Longest template in bytes: browsers and proxies take 2,000 and more.
const TEMPLATE_BYTES_MAX: usize = 1_900;

/// The address of a trace in Grafana, Tempo, Jaeger or any other backend, with a place for its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLink {
    template: String,
}

impl TraceLink {
    /// Checks a template.
    ///
    /// # Errors
    /// What is wrong with it and how to mend it.
    pub fn parse(template: &str) -> Result<Self, String> {
        let example = "write one as `https://grafana.example/trace/{trace_id}`";
        let rest = ["https://", "http://"]
            .iter()
            .find_map(|scheme| template.strip_prefix(scheme))
            .ok_or_else(|| {
                format!("a trace's address begins with `https://` or `http://`; {example}")
            })?;
        if template.len() > TEMPLATE_BYTES_MAX {
            return Err(format!(
                "the address is longer than {TEMPLATE_BYTES_MAX} bytes"
            ));
        }
        if let Some(bad) = template
            .chars()
            .find(|c| !c.is_ascii_graphic() || "<>\\`".contains(*c))
        {
            return Err(format!(
                "{bad:?} cannot stand in an address; write it percent-encoded"
            ));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(
                "everybody who sees a run sees this address: leave name and password out"
                    .to_owned(),
            );
        }
        if !is_host(authority) {
            return Err(format!("`{authority}` is not a host; {example}"));
        }
        if !template.contains(PLACE) {
            return Err(format!("`{PLACE}` is missing; {example}"));
        }
        Ok(Self {
            template: template.to_owned(),
        })
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.template
    }

    /// The address of a run's trace. Braces and quotes, which Grafana's own addresses have, are
    /// percent-encoded.
    pub fn of(&self, run: RunId) -> String {
        let filled = self.template.replace(PLACE, &run.to_string());
        let mut address = String::with_capacity(filled.len());
        for c in filled.chars() {
            match c {
                '"' | '{' | '}' | '|' | '^' => address.push_str(&format!("%{:02X}", u32::from(c))),
                other => address.push(other),
            }
        }
        address
    }
}

/// A name or an address, with or without a port.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let named = !host.is_empty() && host.chars().all(is_name);
    (literal || named) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_filled_and_what_browsers_would_encode_is_encoded() {
        let run = RunId::from_bytes([0xfa; 16]);
        let id = "fa".repeat(16);
        for (template, address) in [
            (
                "http://127.0.0.1:3200/api/traces/{trace_id}",
                format!("http://127.0.0.1:3200/api/traces/{id}"),
            ),
            (
                "https://[::1]:16686/trace/{trace_id}?x={trace_id}#{trace_id}",
                format!("https://[::1]:16686/trace/{id}?x={id}#{id}"),
            ),
            (
                "https://grafana.example/explore?panes={\"a\":{\"query\":\"{trace_id}\"}}",
                format!(
                    "https://grafana.example/explore?panes=%7B%22a%22:%7B%22query%22:%22{id}%22%7D%7D"
                ),
            ),
        ] {
            assert_eq!(TraceLink::parse(template).unwrap().of(run), address);
        }
    }

    #[test]
    fn a_template_that_would_lead_astray_is_refused_with_a_remedy() {
        let long = format!("https://a.example/{{trace_id}}?{}", "x".repeat(2_000));
        for (template, says) in [
            ("", "begins with `https://`"),
            ("javascript:alert('{trace_id}')", "begins with `https://`"),
            ("ftp://a.example/{trace_id}", "begins with `https://`"),
            ("HTTPS://a.example/{trace_id}", "begins with `https://`"),
            ("//a.example/{trace_id}", "begins with `https://`"),
            ("https://a.example/", "`{trace_id}` is missing"),
            ("https://a.example/{traceID}", "`{trace_id}` is missing"),
            ("https:///{trace_id}", "`` is not a host"),
            ("https://{trace_id}.example/", "is not a host"),
            ("https://a.example:port/{trace_id}", "is not a host"),
            ("https://a.example:0/{trace_id}", "is not a host"),
            ("https://[::g]/{trace_id}", "is not a host"),
            (
                "https://me:secret@a.example/{trace_id}",
                "leave name and password out",
            ),
            ("https://a.example/ {trace_id}", "' ' cannot stand"),
            ("https://a.example/<b>{trace_id}", "'<' cannot stand"),
            ("https://a.example/톡/{trace_id}", "percent-encoded"),
            ("https://a.example/{trace_id}\n", "cannot stand"),
            (long.as_str(), "longer than"),
        ] {
            let refusal = TraceLink::parse(template).unwrap_err();
            assert!(refusal.contains(says), "{template}: {refusal}");
        }
    }
}
