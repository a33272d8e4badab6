//! The mail intake of the help centre: a small SMTP server (RFC 5321) that makes a case of each
//! mail, and an automatic reply to it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::audit::Count;
use crate::clock::machine_time;
use crate::component::{FaultPoint, PlatformFeature};
use crate::faults::{Effect, LARGE_BYTES, Then};
use crate::http::{Caller, Content, Cut};
use crate::line::{HardCut, reset_on_close};
use crate::record::Kind;
use crate::record_api::{Asking, VISITOR};
use crate::world::{Place, World};

const NEEDS: &[FaultPoint] = &[FaultPoint::Feature(PlatformFeature::CareIntakeMail)];

/// Most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Longest line (RFC 5321, section 4.5.3.1.6, has 1,000), and longest mail.
const LINE_BYTES_MAX: u64 = 1_000;
const MAIL_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for a line.
const LINE_MAX: Duration = Duration::from_secs(10);

/// Takes mail until the platform stops.
pub(crate) async fn serve(world: Arc<World>, place: Place, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = world.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            world.counts.add(Count::ConnectionsTurnedAway);
            continue;
        };
        world.counts.add(Count::Connections);
        let caller = Caller::new(Arc::clone(&world), place.clone(), HardCut::default());
        world.tasks.spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = caller.world.stop.cancelled() => (),
                ended = converse(&caller, stream) => if let Err(error) = ended {
                    tracing::debug!(%error, "a mail was not taken");
                },
            }
        });
    }
}

/// A mail as far as it was told.
#[derive(Debug, Default)]
struct Envelope {
    from: Option<String>,
    to: Option<String>,
}

async fn converse(caller: &Caller, mut stream: TcpStream) -> std::io::Result<()> {
    let effect = caller.effect(NEEDS);
    tokio::time::sleep(machine_time(&*caller.world.clock, effect.delay)).await;
    match effect.then {
        Then::Answer | Then::AnswerWrongly => (),
        Then::Fail(_) => {
            return stream
                .write_all(b"421 4.3.2 the mail intake is out of order\r\n")
                .await;
        }
        Then::Close => return Ok(()),
        Then::Reset => {
            reset_on_close(&stream);
            return Ok(());
        }
        Then::Hang => {
            let Cut = caller.hang(NEEDS).await;
            return Ok(());
        }
    }
    let host = caller.place.service.host();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    write
        .write_all(format!("220 {host} ESMTP\r\n").as_bytes())
        .await?;
    let mut envelope = Envelope::default();
    loop {
        let Some(line) = next_line(&mut read).await? else {
            return Ok(());
        };
        let word = line.split([' ', ':']).next().unwrap_or_default();
        let reply = match word.to_ascii_uppercase().as_str() {
            "EHLO" => format!("250-{host}\r\n250-PIPELINING\r\n250 SIZE {MAIL_BYTES_MAX}"),
            "HELO" => format!("250 {host}"),
            "MAIL" => {
                envelope.from = address(&line);
                match envelope.from {
                    Some(_) => "250 2.1.0 from whom is known".to_owned(),
                    None => "501 5.1.7 write MAIL FROM:<you@example.test>".to_owned(),
                }
            }
            "RCPT" => {
                envelope.to = address(&line).filter(|to| to.starts_with("help@"));
                match envelope.to {
                    Some(_) => "250 2.1.5 it will get there".to_owned(),
                    None => format!("550 5.1.1 write to help@{host}"),
                }
            }
            "DATA" if envelope.from.is_none() || envelope.to.is_none() => {
                "503 5.5.1 say first from whom and to whom".to_owned()
            }
            "DATA" => {
                write
                    .write_all(b"354 end it with a dot on a line of its own\r\n")
                    .await?;
                let Some(mail) = read_mail(&mut read).await? else {
                    return Ok(());
                };
                let sender = std::mem::take(&mut envelope).from.unwrap_or_default();
                take(caller, effect, (sender, &mail)).await
            }
            "RSET" => {
                envelope = Envelope::default();
                "250 2.0.0 forgotten".to_owned()
            }
            "NOOP" => "250 2.0.0 nothing done".to_owned(),
            "QUIT" => {
                return write.write_all(b"221 2.0.0 goodbye\r\n").await;
            }
            _ => "500 5.5.2 this command is not known".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

type Reader<'a> = BufReader<tokio::net::tcp::ReadHalf<'a>>;

/// A line without its end; None at the end of the connection. Too long or too late is an error.
async fn next_line(read: &mut Reader<'_>) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = read.take(LINE_BYTES_MAX);
    let reading = limited.read_until(b'\n', &mut line);
    let count = tokio::time::timeout(LINE_MAX, reading).await??;
    if count == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(std::io::Error::other("a line is too long or has no end"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// A mail up to its dot; None when the connection ends before, or it is too long.
async fn read_mail(read: &mut Reader<'_>) -> std::io::Result<Option<String>> {
    let mut mail = String::new();
    while let Some(line) = next_line(read).await? {
        if line == "." {
            return Ok(Some(mail));
        }
        // A dot at the start of a line was doubled (section 4.5.2).
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
        mail.push('\n');
        if mail.len() > MAIL_BYTES_MAX {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Makes a case of a mail and says what became of it.
async fn take(caller: &Caller, effect: Effect, (sender, mail): (String, &str)) -> String {
    if effect.loses_large && mail.len() > LARGE_BYTES {
        let Cut = caller.hang(NEEDS).await;
        return "421 4.3.2 the mail did not get through".to_owned();
    }
    let (head, text) = mail.split_once("\n\n").unwrap_or((mail, ""));
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let Some(id) = header("message-id").filter(|id| id.len() <= 200) else {
        return "554 5.6.0 a mail needs a Message-ID of at most 200 bytes".to_owned();
    };
    let subject = header("subject").unwrap_or_default();
    let asking = Asking {
        caller,
        who: VISITOR.to_owned(),
        kind: Kind::MailCase,
        content: Content::Right,
    };
    let body = json!({ "contact": sender, "text": text.trim_end(), "client_ref": subject });
    let made = asking.make_as(id, Some(subject.clone()), body).await;
    let Ok((_, case)) = made else {
        return "554 5.6.0 the mail has no text, or was another one before".to_owned();
    };
    // The reply goes where the mail came from; whoever asks for the case sees that it went.
    let to = match effect.then {
        Then::AnswerWrongly => "somebody.else@example.test",
        _ => sender.as_str(),
    };
    let reply = json!({
        "to": to,
        "subject": format!("Re: {subject}"),
        "text": format!("We have your mail. It is case {}.", case.id),
    });
    let replied = asking.change(&case.id, |case| {
        case.detail.insert("autoreply".to_owned(), reply);
        Ok(())
    });
    match replied {
        Ok(case) => format!("250 2.0.0 it is case {}", case.id),
        Err(_) => "451 4.3.0 the case was ended meanwhile".to_owned(),
    }
}

/// What stands between `<` and `>`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    let fits = (3..=254).contains(&address.len()) && address.contains('@');
    fits.then(|| address.to_owned())
}
