//! Writes many journeys into a folder, to see how long reading and checking them takes:
//!
//! ```sh
//! cargo run -p bongsu-language --example journeys -- many 1000
//! cargo build --release -p bongsu-agent
//! time target/release/bongsu check many
//! ```
//!
//! They are the shipped ones over and over, each under a name of its own, with texts of their own:
//! two that say the same would be compiled once.

use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments
        .next()
        .map_or_else(|| "many".into(), PathBuf::from);
    let count = arguments
        .next()
        .and_then(|count| count.to_str()?.parse().ok())
        .unwrap_or(1_000);
    write(&folder, count)
}

fn write(folder: &Path, count: usize) -> std::io::Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../journeys");
    std::fs::create_dir_all(folder.join("fragments"))?;
    for file in ["catalogue.toml", "fragments/sign-in.toml"] {
        let _ = std::fs::copy(shipped.join(file), folder.join(file))?;
    }
    let files = [
        "account/login",
        "talk/send-message",
        "pay/transfer",
        "talk/transfer-in-chat",
        "mobility/call-taxi",
    ];
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(shipped.join(format!("{file}.toml"))))
        .collect::<Result<Vec<_>, _>>()?;
    for n in 0..count {
        let (file, text) = (files[n % files.len()], &texts[n % files.len()]);
        let name = file.rsplit('/').next().unwrap_or(file);
        let text = text
            .replacen(
                &format!("journey = \"{name}\""),
                &format!("journey = \"{name}-{n}\""),
                1,
            )
            .replace("{{ run.id }}", &format!("{{{{ run.id }}}}-{n}"));
        std::fs::write(folder.join(format!("{name}-{n}.toml")), text)?;
    }
    Ok(())
}
