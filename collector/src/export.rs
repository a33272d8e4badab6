//! Writes a copy of a running collector's board and recovery into a folder, once or again and
//! again: files that any web server, or a disk, can serve while the collector is away.
//!
//! All files are of one picture: they come in one answer of `/api/v1/copy`. Each is written beside
//! its place and renamed over it, the pages last, so that a reader never sees half a file. When the
//! collector cannot be reached the files stay as they are, and say how old they are.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Wall time that a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Wall time that an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest answer that is read: a thousand features in twenty regions are about 20 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Files of one copy.
const FILES_MAX: usize = 32;

/// Longest name of a file of a copy in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The shortest time between two copies: a picture is published every second.
pub const EVERY_MIN: Duration = Duration::from_secs(1);

/// What to copy, where to.
#[derive(Debug, Clone)]
pub struct Order {
    /// The address of the collector's board: `http://127.0.0.1:8300`.
    pub collector: String,
    /// The environment; without it the collector's default one.
    pub target: Option<String>,
    /// The folder; it is made if it does not exist.
    pub out: PathBuf,
}

/// Why there is no new copy.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The address is no address.
    #[error("`{address}` is not the address of a collector; write it as `http://127.0.0.1:8300`")]
    Address {
        /// What was given.
        address: String,
    },
    /// The client cannot be set up.
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// It did not answer.
    #[error("{address} does not answer: {reason}")]
    Unreachable {
        /// Who.
        address: String,
        /// Why, as far as is known.
        reason: String,
    },
    /// It refused.
    #[error("{address} answered {status}: {message}")]
    Refused {
        /// Who.
        address: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// What it said is no copy.
    #[error("{address} answered what is no copy: {reason}; is it a collector of this version?")]
    Answer {
        /// Who.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A copy as the collector answers it.
#[derive(Debug, serde::Deserialize)]
struct Copy {
    as_of: String,
    files: Vec<CopyFile>,
}

#[derive(Debug, serde::Deserialize)]
struct CopyFile {
    name: String,
    content: String,
}

/// A copy that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// As of when it is, RFC 3339.
    pub as_of: String,
    /// How many files it has.
    pub files: usize,
}

/// Makes copies by one order.
#[derive(Debug)]
pub struct Exporter {
    http: reqwest::Client,
    address: String,
    out: PathBuf,
}

impl Exporter {
    /// An exporter; it does nothing yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(order: &Order) -> Result<Self, ExportError> {
        // Whoever was first installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let no_address = || ExportError::Address {
            address: order.collector.clone(),
        };
        let mut address = reqwest::Url::parse(&order.collector).map_err(|_| no_address())?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(no_address());
        }
        address
            .path_segments_mut()
            .map_err(|()| no_address())?
            .pop_if_empty()
            .extend(["api", "v1", "copy"]);
        if let Some(target) = &order.target {
            address.query_pairs_mut().append_pair("target", target);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(ExportError::Client)?;
        Ok(Self {
            http,
            address: address.into(),
            out: order.out.clone(),
        })
    }

    /// Makes one copy.
    ///
    /// # Errors
    /// When the collector does not answer with a copy, or a file cannot be written. What was there
    /// before is still there then, file by file.
    pub async fn once(&self) -> Result<Written, ExportError> {
        let body = self.fetch().await?;
        let copy: Copy =
            serde_json::from_slice(&body).map_err(|error| self.no_copy(error.to_string()))?;
        if copy.files.is_empty() || copy.files.len() > FILES_MAX {
            let files = copy.files.len();
            return Err(self.no_copy(format!("it has {files} files, not 1 to {FILES_MAX}")));
        }
        if let Some(file) = copy.files.iter().find(|file| !is_plain_name(&file.name)) {
            return Err(self.no_copy(format!(
                "`{}` is not the name of a file of a copy",
                file.name
            )));
        }
        let out = self.out.clone();
        let writing = tokio::task::spawn_blocking(move || write_all(&out, &copy));
        match writing.await {
            Ok(written) => written,
            Err(error) => Err(ExportError::Write {
                path: self.out.clone(),
                source: std::io::Error::other(error),
            }),
        }
    }

    /// Makes a copy `every` so often until `stop`, and tells of each. A copy that fails is tried
    /// again at its next time; none is made up for.
    pub async fn keep(
        &self,
        every: Duration,
        stop: &CancellationToken,
        mut tell: impl FnMut(Result<Written, ExportError>),
    ) {
        let mut ticks = tokio::time::interval(every.max(EVERY_MIN));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // What is being fetched may be given up; what is being written is written to its end.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                made = self.once() => tell(made),
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<u8>, ExportError> {
        let unreachable = |error: reqwest::Error| ExportError::Unreachable {
            address: self.address.clone(),
            reason: root_cause(&error),
        };
        let mut response = self
            .http
            .get(&self.address)
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let most = ANSWER_BYTES_MAX >> 20;
                return Err(self.no_copy(format!("it is longer than {most} MiB")));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        let words: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let message = words
            .as_ref()
            .and_then(|words| words["error"]["message"].as_str());
        Err(ExportError::Refused {
            address: self.address.clone(),
            status: status.as_u16(),
            message: message.unwrap_or("it does not say why").to_owned(),
        })
    }

    fn no_copy(&self, reason: String) -> ExportError {
        ExportError::Answer {
            address: self.address.clone(),
            reason,
        }
    }
}

/// The innermost cause: "Connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether a file of this name lies in the folder and nowhere else.
fn is_plain_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.bytes().all(plain)
}

fn write_all(out: &Path, copy: &Copy) -> Result<Written, ExportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ExportError::Write { path, source }
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    // All are on the disk before the first is put in its place: neither a full disk nor a power cut
    // leaves less than there was.
    let beside = |file: &CopyFile| out.join(format!(".{}.new", file.name));
    for file in &copy.files {
        let path = beside(file);
        write_synced(&path, &file.content).map_err(failed(&path))?;
    }
    for file in &copy.files {
        let path = out.join(&file.name);
        std::fs::rename(beside(file), &path).map_err(failed(&path))?;
    }
    let folder = File::open(out).and_then(|folder| folder.sync_all());
    folder.map_err(failed(out))?;
    Ok(Written {
        as_of: copy.as_of.clone(),
        files: copy.files.len(),
    })
}

/// Without the sync a power cut soon after the rename may leave an empty file in the place of the
/// one before.
fn write_synced(path: &Path, content: &str) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["index.html", "index.en.html", "board.json"] {
            assert!(is_plain_name(good), "{good}");
        }
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            "",
            "..",
            ".htaccess",
            "../x",
            "a/b",
            "a\\b",
            "A",
            "a b",
            long.as_str(),
        ] {
            assert!(!is_plain_name(bad), "{bad}");
        }
    }

    fn copy(names: &[&str]) -> Copy {
        let files = names.iter().map(|name| CopyFile {
            name: (*name).to_owned(),
            content: format!("{name} anew"),
        });
        Copy {
            as_of: String::new(),
            files: files.collect(),
        }
    }

    #[test]
    fn nothing_is_put_in_its_place_before_all_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let names = ["board.json", "index.html"];
        std::fs::write(out.join("board.json"), "before").unwrap();
        // It takes every byte, and cannot be synced.
        std::os::unix::fs::symlink("/dev/null", out.join(".index.html.new")).unwrap();
        let error = write_all(out, &copy(&names)).unwrap_err().to_string();
        assert!(error.contains(".index.html.new"), "{error}");
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(read("board.json"), "before");

        std::fs::remove_file(out.join(".index.html.new")).unwrap();
        assert_eq!(write_all(out, &copy(&names)).unwrap().files, 2);
        assert_eq!(read("board.json"), "board.json anew");
        assert_eq!(std::fs::read_dir(out).unwrap().count(), 2);
    }

    #[test]
    fn an_address_is_one_of_http() {
        let order = |collector: &str| Order {
            collector: collector.to_owned(),
            target: Some("super app".to_owned()),
            out: PathBuf::new(),
        };
        let exporter = Exporter::new(&order("http://127.0.0.1:8300/")).unwrap();
        let address = "http://127.0.0.1:8300/api/v1/copy?target=super+app";
        assert_eq!(exporter.address, address);
        for bad in ["127.0.0.1:8300", "ftp://a", "http://", ""] {
            let error = Exporter::new(&order(bad)).unwrap_err().to_string();
            assert!(
                error.ends_with("write it as `http://127.0.0.1:8300`"),
                "{error}"
            );
        }
    }
}
