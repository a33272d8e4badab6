//! `bongsu schema`: what editors need to complete and check files while they are written.

use std::path::Path;

use bongsu_language::{SchemaKind, schema};

use super::{Exit, SchemaArguments, SchemaOf, say, say_error};

pub(super) fn main(arguments: &SchemaArguments) -> Exit {
    let Some(folder) = &arguments.into else {
        say(&text(arguments.kind.into()));
        return Exit::Good;
    };
    match write_all(folder) {
        Ok(()) => Exit::Good,
        Err(error) => {
            say_error(&format!(
                "error: cannot write {}: {error}",
                folder.display()
            ));
            Exit::Usage
        }
    }
}

fn text(kind: SchemaKind) -> String {
    format!("{:#}", schema(kind))
}

/// One file a kind: `journey.json`, `fragment.json`, `catalogue.json`, `target.json`.
fn write_all(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for kind in SchemaKind::ALL {
        let path = folder.join(format!("{}.json", kind.as_str()));
        std::fs::write(path, text(*kind) + "\n")?;
    }
    Ok(())
}

impl From<SchemaOf> for SchemaKind {
    fn from(of: SchemaOf) -> Self {
        match of {
            SchemaOf::Journey => Self::Journey,
            SchemaOf::Fragment => Self::Fragment,
            SchemaOf::Catalogue => Self::Catalogue,
            SchemaOf::Target => Self::Target,
        }
    }
}
