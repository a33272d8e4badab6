//! Writes what clients need to reach the platform: root certificate, target profiles, passwords.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bongsu_model::{PoolName, RegionId};

use crate::platform::{Platform, RegionEndpoints};

/// Why the files were not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub struct WriteError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Writes `ca.pem`, one `target-REGION.toml` per region and one `NAME.password` per account into
/// `dir`; gives back the profiles' paths. Passwords can be read by their owner alone.
///
/// # Errors
/// The first file that could not be written.
pub fn write_profiles(
    platform: &Platform,
    pools: &[PoolName],
    dir: &Path,
) -> Result<Vec<PathBuf>, WriteError> {
    std::fs::create_dir_all(dir).map_err(|source| WriteError {
        path: dir.to_owned(),
        source,
    })?;
    write(&dir.join("ca.pem"), platform.ca_pem(), Readers::All)?;
    for pool in pools {
        for account in platform.accounts(pool) {
            let path = dir.join(format!("{}.password", account.name));
            write(&path, account.password.expose(), Readers::Owner)?;
        }
    }
    let mut profiles = Vec::new();
    for region in platform.regions() {
        if let Some(endpoints) = platform.endpoints(region) {
            let path = dir.join(format!("target-{region}.toml"));
            let text = profile(platform, region, endpoints, pools);
            write(&path, &text, Readers::All)?;
            profiles.push(path);
        }
    }
    Ok(profiles)
}

/// The target profile of one region, with paths relative to the folder that it stands in.
fn profile(
    platform: &Platform,
    region: &RegionId,
    endpoints: &RegionEndpoints,
    pools: &[PoolName],
) -> String {
    let mut text = format!(
        "# The stand-in platform as {region} reaches it. Written by `superapp` at its start.\n\
         format = 1\ntarget = \"{}\"\n\n",
        platform.name()
    );
    let keys = [("base", &endpoints.base), ("ws", &endpoints.ws)];
    for (key, urls) in keys {
        for (service, url) in urls {
            push(&mut text, format_args!("{key}.{service} = \"{url}\"\n"));
        }
    }
    let hosts: Vec<_> = endpoints.hosts.iter().map(|h| format!("\"{h}\"")).collect();
    push(
        &mut text,
        format_args!(
            "\nresolver = \"{}\"\nca = \"ca.pem\"\nhosts = [{}]\nallow_private = true\n",
            endpoints.dns,
            hosts.join(", ")
        ),
    );
    for pool in pools {
        push(
            &mut text,
            format_args!("\n[pool.{}]\naccounts = [\n", quoted(pool)),
        );
        for account in platform.accounts(pool) {
            push(
                &mut text,
                format_args!(
                    "    {{ name = \"{name}\", login = \"{}\", user_id = \"{}\", \
                     password = {{ file = \"{name}.password\" }} }},\n",
                    account.login,
                    account.user_id,
                    name = account.name,
                ),
            );
        }
        text.push_str("]\n");
    }
    text
}

/// A pool's name as a TOML key: names may have dots, which bare keys must not.
fn quoted(pool: &PoolName) -> String {
    if pool.as_str().contains('.') {
        format!("\"{pool}\"")
    } else {
        pool.as_str().to_owned()
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line)
        .expect("writing to a String never fails");
}

#[derive(Clone, Copy)]
enum Readers {
    All,
    Owner,
}

fn write(path: &Path, text: &str, readers: Readers) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if let Readers::Owner = readers {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
