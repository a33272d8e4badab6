//! The ledger of use against real folders.

use std::path::Path;

use bongsu_language::{CheckOptions, SourceFile, load};
use bongsu_model::{PoolName, TargetName};
use bongsu_probes::Account;

use super::*;

fn key() -> PoolKey {
    PoolKey {
        target: TargetName::new("superapp").unwrap(),
        pool: PoolName::new("wallets").unwrap(),
    }
}

fn name() -> AccountName {
    AccountName::new("wallet-1").unwrap()
}

fn lease() -> Vec<Lease> {
    vec![Lease {
        key: key(),
        account: Account {
            name: name(),
            fields: Vec::new(),
            secrets: Vec::new(),
        },
    }]
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(3_600_000_000 + seconds)
}

/// A journey that moves 100 out of its only actor's account.
fn journey() -> Journey {
    let file = SourceFile::new(
        "pay.toml",
        "format = 1\njourney = \"pay\"\nfeature = \"pay.transfer.account\"\ntimeout = \"6s\"\n\
         actor.alice.account = \"pool:wallets\"\n\
         [[step]]\nname = \"look\"\nget = \"https://pay.superapp.test/v1/wallet\"\n\
         [[step]]\nname = \"pay\"\npost = \"https://pay.superapp.test/v1/transfers\"\n\
         spends = 100\n\
         [[cleanup]]\nname = \"undo\"\ndelete = \"https://pay.superapp.test/v1/transfers\"\n",
    );
    let mut loaded = load(&[file], CheckOptions::default());
    loaded.journeys.pop().unwrap()
}

async fn budgets(folder: &Path, budget: Budget) -> Budgets {
    let budgets = Budgets::new(folder.to_owned());
    budgets.replace(vec![(key(), budget, vec![name()])]).await;
    budgets
}

fn allows(budgets: &Budgets, share: Share, now: Timestamp) -> bool {
    let charge = Charge::of(&journey(), 0);
    budgets.allows(&key(), &name(), charge, share, now)
}

const TEN_RUNS: Budget = Budget {
    runs: Some(10),
    money: None,
    uncleaned: None,
};

const MONEY: Budget = Budget {
    runs: None,
    money: Some(500),
    uncleaned: None,
};

#[tokio::test]
async fn the_last_fifth_of_a_budget_is_for_outages() {
    let folder = tempfile::tempdir().unwrap();
    let budgets = budgets(folder.path(), TEN_RUNS).await;
    for _ in 0..8 {
        assert!(allows(&budgets, Share::Routine, at(0)));
        budgets.charge(&lease(), &journey(), at(0));
    }
    assert!(!allows(&budgets, Share::Routine, at(0)));
    for _ in 0..2 {
        assert!(allows(&budgets, Share::Whole, at(0)));
        budgets.charge(&lease(), &journey(), at(0));
    }
    assert!(!allows(&budgets, Share::Whole, at(0)));
    assert_eq!(budgets.used_up(at(0)), 1);
    assert!(
        allows(&budgets, Share::Routine, at(25 * 3600)),
        "a day later"
    );
}

#[tokio::test]
async fn what_is_saved_outlives_the_process_and_what_is_not_readable_is_used_up() {
    let folder = tempfile::tempdir().unwrap();
    let before = budgets(folder.path(), MONEY).await;
    for _ in 0..4 {
        before.charge(&lease(), &journey(), at(0));
    }
    before.save(&lease()).await.unwrap();
    let after = budgets(folder.path(), MONEY).await;
    assert!(!allows(&after, Share::Routine, at(1)));
    assert!(allows(&after, Share::Whole, at(1)));
    let file = folder.path().join("superapp/wallets/wallet-1.json");
    std::fs::write(&file, "not a ledger").unwrap();
    let damaged = budgets(folder.path(), MONEY).await;
    assert!(!allows(&damaged, Share::Whole, at(1)));
    assert_eq!(damaged.used_up(at(1)), 1);
    std::fs::remove_file(&file).unwrap();
    damaged.replace(vec![(key(), MONEY, vec![name()])]).await;
    assert!(allows(&damaged, Share::Routine, at(1)), "a person decided");
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_an_error_and_the_charge_stays() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("superapp");
    std::fs::write(&in_the_way, "a file where a folder belongs").unwrap();
    let budgets = Budgets::new(folder.path().to_owned());
    budgets.replace(vec![(key(), MONEY, vec![name()])]).await;
    assert!(
        !allows(&budgets, Share::Whole, at(0)),
        "not readable either"
    );
    std::fs::remove_file(&in_the_way).unwrap();
    budgets.replace(vec![(key(), MONEY, vec![name()])]).await;
    std::fs::write(&in_the_way, "again").unwrap();
    budgets.charge(&lease(), &journey(), at(0));
    let error = budgets.save(&lease()).await.unwrap_err();
    assert!(error.to_string().contains("wallet-1.json"), "{error}");
}

#[tokio::test]
async fn accounts_without_a_budget_are_free_and_cost_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let budgets = budgets(folder.path(), Budget::default()).await;
    budgets.charge(&lease(), &journey(), at(0));
    budgets.save(&lease()).await.unwrap();
    assert!(allows(&budgets, Share::Routine, at(0)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
