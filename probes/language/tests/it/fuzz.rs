//! Mutated seeds, a few seconds of them: the same at every run.

use std::path::{Path, PathBuf};

use crate::{harness, mutate};

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    mutate::seeds(&folder.join("../fuzz/seeds").join(target))
}

#[test]
fn any_file_is_read_or_told() {
    let mut all = seeds("journeys");
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../journeys");
    all.extend(mutate::seeds(&folder));
    mutate::each(&all, 400, harness::journeys);
}

#[test]
fn any_template_is_rendered_or_told() {
    mutate::each(&seeds("expressions"), 1_500, harness::expressions);
}

#[test]
fn any_path_takes_what_it_matches() {
    mutate::each(&seeds("captures"), 1_500, harness::captures);
}

#[test]
fn any_bytes_are_messages_and_descriptors_or_refused() {
    mutate::each(&seeds("messages"), 1_000, harness::messages);
}
