//! `bongsu-collector export report` and `export verify`: a report as a folder, and whether it is
//! still as it was written.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::evidence::{Chain, Line};
use super::files::{File, files};
use super::manifest::{EVIDENCE_FILE, MANIFEST_FILE, Manifest};
use super::subject::{SCHEMA, Subject};
use super::verify::{Sound, verify};
use super::words::{self, Author, WORDS_BYTES_MAX, Words};
use crate::claims::{Client, Told, Whom, failed};
use crate::web::answer::EvidencePageAnswer;
use crate::web::encode;

/// The report of an incident.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The incident, as /incidents and /api/v1/incidents name it.
    #[arg(long, value_name = "ID")]
    incident: String,
    /// The folder; it is made if it does not exist. One that holds a report already is refused.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What people know, as deploy/config/words.toml explains it. It is
    /// added to what operators wrote in the collector, and only in this report.
    #[arg(long, value_name = "FILE")]
    human: Option<PathBuf>,
    /// The folder of the report before: this one counts on from its number, and names its head. It
    /// may be of an incident that turned out to be one with this one.
    #[arg(long, value_name = "DIR")]
    after: Option<PathBuf>,
    #[command(flatten)]
    whom: Whom,
}

/// A report that is looked at.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The folder of the report.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The head that was told when it was written, kept elsewhere: who changed everything could
    /// have changed the manifest as well.
    #[arg(long, value_name = "SHA256")]
    head: Option<String>,
}

impl VerifyArguments {
    /// Looks at it: 0 as it was written, 1 changed or unreadable.
    pub fn run(&self) -> Told {
        let sound = match verify(&self.folder, self.head.as_deref()) {
            Ok(sound) => sound,
            Err(error) => return failed(1, &error.to_string()),
        };
        let Sound {
            manifest,
            strangers,
        } = sound;
        let mut out = format!(
            "{}: as it was written, {} files and {} runs, head {}\n",
            self.folder.display(),
            manifest.files.len(),
            manifest.evidence.records,
            manifest.head,
        );
        if !strangers.is_empty() {
            out += &format!("not part of the report: {}\n", strangers.join(", "));
        }
        Told {
            out,
            err: String::new(),
            code: 0,
        }
    }
}

/// Why there is no report: an exit code and words.
type Failure = (u8, String);

impl ReportArguments {
    /// Writes it: 0 written, 1 the collector or the disk refused, 2 wrong file or usage.
    pub async fn run(&self) -> Told {
        match self.written().await {
            Ok(out) => Told {
                out,
                err: String::new(),
                code: 0,
            },
            Err((code, why)) => failed(code, &why),
        }
    }

    async fn written(&self) -> Result<String, Failure> {
        let known = self.out.join(MANIFEST_FILE);
        if known.exists() {
            return Err((
                2,
                format!(
                    "{} holds a report already, and a report is not written over: name another \
                     folder",
                    self.out.display()
                ),
            ));
        }
        let human = self.human.as_deref().map(read_words).transpose()?;
        let before = self.after.as_deref().map(read_before).transpose()?;
        let client = Client::new(&self.whom).map_err(|why| (2, why))?;
        let mut subject = self.subject(&client).await?;
        if let Some(before) = before {
            let report = before.report;
            let (of, incident) = (report.incident, &subject.incident);
            // What was reported of one that turned out to be this one goes on here.
            if of != incident.id && !incident.absorbed.contains(&of) {
                let id = &incident.id;
                return Err((
                    2,
                    format!(
                        "--after is a report of another incident, {of}, which is not known to be \
                         one with {id}: name the folder of the newest report of {id}"
                    ),
                ));
            }
            subject.number = report.number.saturating_add(1);
            subject.previous = Some(before.head);
        }
        subject.words.extend(human);
        let shelf = subject.shelf().map_err(|error| (1, error.to_string()))?;
        let files = files(&subject, &shelf);
        let failed = |error: std::io::Error| {
            let out = self.out.display();
            (1, format!("cannot write the report into {out}: {error}"))
        };
        std::fs::create_dir_all(&self.out).map_err(failed)?;
        let chain = self.evidence(&client, &subject).await?;
        if chain.head().to_string() != subject.evidence.head {
            return Err((
                1,
                "the runs behind the report changed while they were read: another feature was \
                 affected, or the oldest left the journal; try again"
                    .to_owned(),
            ));
        }
        let manifest = Manifest::of(&subject, (chain.records(), chain.head()), &files);
        write_all(&self.out, &files, &manifest).map_err(failed)?;
        let goes_on = subject.incident.merged_into.as_ref();
        let goes_on = goes_on.map_or(String::new(), |into| {
            let out = self.out.display();
            format!(
                "it turned out to be one with {into}: go on with --incident {into} --after {out}\n"
            )
        });
        Ok(format!(
            "{} files in {}, report no. {} as of {}, {} runs of evidence\n{goes_on}head {}\n",
            files.len() + 2,
            self.out.display(),
            subject.number,
            subject.as_of,
            chain.records(),
            manifest.head,
        ))
    }

    async fn ask(
        &self,
        client: &Client,
        what: &str,
        parameters: &[(&str, Option<&str>)],
    ) -> Result<serde_json::Value, Failure> {
        let path = format!("/incidents/{}/{what}", encode(&self.incident));
        let mut all = vec![("target", self.whom.target())];
        all.extend(parameters);
        let answer = client.get(&path, &all).await.map_err(|why| (1, why))?;
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            Err((1, answer.message()))
        }
    }

    async fn subject(&self, client: &Client) -> Result<Subject, Failure> {
        let mut answer = self.ask(client, "report", &[]).await?;
        let subject = answer["subject"].take();
        if subject["schema"] != SCHEMA {
            return Err((
                1,
                "the collector answered what is no report: is it of this version?".to_owned(),
            ));
        }
        serde_json::from_value(subject)
            .map_err(|error| (1, format!("the collector's report cannot be read: {error}")))
    }

    /// Writes the runs down page by page.
    async fn evidence(&self, client: &Client, subject: &Subject) -> Result<Chain, Failure> {
        let path = self.out.join(format!(".{EVIDENCE_FILE}.new"));
        let failed =
            |error: std::io::Error| (1, format!("cannot write {}: {error}", path.display()));
        let file = std::fs::File::create(&path).map_err(failed)?;
        let mut out = std::io::BufWriter::new(file);
        let mut chain = Chain::of(subject.target.as_str(), &subject.incident.id);
        let until = subject.evidence.last_seq.to_string();
        let mut after = Some(0);
        while let Some(from) = after
            && chain.records() < subject.evidence.records
        {
            let from = from.to_string();
            let parameters = [
                ("after", Some(from.as_str())),
                ("until", Some(until.as_str())),
            ];
            let page = self.ask(client, "evidence", &parameters).await?;
            let page: EvidencePageAnswer = serde_json::from_value(page)
                .map_err(|error| (1, format!("a page of runs cannot be read: {error}")))?;
            for record in &page.records {
                chain.add(record);
                let line = Line::of(record, &chain);
                out.write_all(line.text().as_bytes()).map_err(failed)?;
            }
            after = page.next;
        }
        out.flush().map_err(failed)?;
        Ok(chain)
    }
}

fn read_words(file: &Path) -> Result<Words, Failure> {
    let wrong = |error: std::io::Error| (2, format!("cannot read {}: {error}", file.display()));
    let bytes = std::fs::metadata(file).map_err(wrong)?.len();
    if bytes > WORDS_BYTES_MAX as u64 {
        let name = file.display();
        return Err((
            2,
            format!("{name} has {bytes} bytes, at most {WORDS_BYTES_MAX} are read: shorten it"),
        ));
    }
    let text = std::fs::read_to_string(file).map_err(wrong)?;
    words::read(&text, file, Author::Said).map_err(|error| (2, error.to_string()))
}

fn read_before(folder: &Path) -> Result<Manifest, Failure> {
    let sound = verify(folder, None);
    let sound = sound.map_err(|error| (2, format!("--after {}: {error}", folder.display())))?;
    Ok(sound.manifest)
}

/// Puts every file in its place, the manifest last: without it there is no report.
fn write_all(out: &Path, files: &[File], manifest: &Manifest) -> std::io::Result<()> {
    let beside = |name: &str| out.join(format!(".{name}.new"));
    for file in files {
        std::fs::write(beside(&file.name), &file.content)?;
    }
    std::fs::write(beside(MANIFEST_FILE), manifest.text())?;
    let names = files.iter().map(|file| file.name.as_str());
    for name in names.chain([EVIDENCE_FILE, MANIFEST_FILE]) {
        std::fs::rename(beside(name), out.join(name))?;
    }
    Ok(())
}
