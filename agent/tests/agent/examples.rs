//! The journeys by which the language was designed, with the stand-in's paths and features.

use std::path::Path;

use bongsu_model::PoolName;
use bongsu_superapp::write_profiles;

use crate::cli::bongsu_with;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journeys_of_the_design_run_green_against_the_stand_in() {
    let stage = Stage::new().await;
    let pools = [
        "login-users",
        "chat-users",
        "wallet-users",
        "taxi-riders",
        "taxi-drivers",
    ];
    let pools = pools.map(|name| PoolName::new(name).unwrap());
    let profiles = stage.path("examples");
    write_profiles(&stage.platform, &pools, &profiles).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/examples");
    let path = |path: &Path| path.display().to_string();
    let (code, told) = bongsu_with(vec!["check".to_owned(), path(&folder)]).await;
    assert_eq!(code, Some(0), "{told}");
    let arguments = [
        "run".to_owned(),
        path(&folder),
        "--target".to_owned(),
        path(&profiles.join("target-kr-seoul.toml")),
    ];
    let (code, told) = bongsu_with(arguments.to_vec()).await;
    assert_eq!(code, Some(0), "{told}");
    for name in ["login", "send-message", "transfer", "taxi-booking"] {
        assert!(told.contains(name), "{name} is not in\n{told}");
    }
}
