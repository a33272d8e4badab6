//! The two text formats that Prometheus reads, down to the escaping.

use std::fmt::Write as _;

use crate::counters::MetricKind;

/// Which text format is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// OpenMetrics if `Accept` names it, else the Prometheus text format.
    pub fn choose(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A text that is being written.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    text: String,
    sample_name: String,
}

impl Exposition {
    pub(super) const fn new(format: Format) -> Self {
        Self {
            format,
            text: String::new(),
            sample_name: String::new(),
        }
    }

    /// Begins a family; the samples that follow belong to it.
    pub(super) fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        let word = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        self.sample_name = match kind {
            MetricKind::Counter => format!("{name}_total"),
            MetricKind::Gauge => name.to_owned(),
        };
        let family = match self.format {
            Format::Prometheus => self.sample_name.as_str(),
            Format::OpenMetrics => name,
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.text, "# HELP {family} {help}\n# TYPE {family} {word}");
    }

    /// One sample of the family.
    pub(super) fn sample<V: AsRef<str>>(&mut self, labels: &[(&str, V)], value: f64) {
        self.text.push_str(&self.sample_name);
        for (i, (name, text)) in labels.iter().enumerate() {
            let separator = if i == 0 { '{' } else { ',' };
            let text = escape(text.as_ref());
            let _ = write!(self.text, "{separator}{name}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {}", number(value));
    }

    /// A sample that is 1 or 0.
    pub(super) fn flag<V: AsRef<str>>(&mut self, labels: &[(&str, V)], yes: bool) {
        self.sample(labels, f64::from(u8::from(yes)));
    }

    /// A sample that counts.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    pub(super) fn count<V: AsRef<str>>(&mut self, labels: &[(&str, V)], count: u64) {
        self.sample(labels, count as f64);
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: Format) -> String {
        let mut out = Exposition::new(format);
        out.family("bongsu_x", MetricKind::Counter, "Two\nlines.");
        out.sample(&[("path", "a\\b\"c\nd")], 3.0);
        out.family("bongsu_y", MetricKind::Gauge, "Level.");
        out.sample::<&str>(&[], f64::NAN);
        out.finish()
    }

    #[test]
    fn labels_and_help_are_escaped() {
        assert_eq!(
            text(Format::Prometheus),
            "# HELP bongsu_x_total Two\\nlines.\n# TYPE bongsu_x_total counter\n\
             bongsu_x_total{path=\"a\\\\b\\\"c\\nd\"} 3\n\
             # HELP bongsu_y Level.\n# TYPE bongsu_y gauge\nbongsu_y NaN\n"
        );
    }

    #[test]
    fn openmetrics_names_counter_families_without_total_and_ends_with_eof() {
        let text = text(Format::OpenMetrics);
        assert!(text.starts_with("# HELP bongsu_x Two\\nlines.\n# TYPE bongsu_x counter\n"));
        assert!(text.contains("\nbongsu_x_total{"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn openmetrics_is_written_only_when_asked_for() {
        assert_eq!(Format::choose(None), Format::Prometheus);
        assert_eq!(Format::choose(Some("text/html, */*")), Format::Prometheus);
        assert_eq!(
            Format::choose(Some(
                "application/openmetrics-text;version=1.0.0,text/plain"
            )),
            Format::OpenMetrics
        );
    }
}
