//! Budgets of pools and the kill switch: what a profile says, and what journeys owe it.

use bongsu_language::{
    Budget, CheckOptions, Effect, Journey, KillSwitch, Loaded, SourceFile, TargetProfile, load,
    load_target,
};

use crate::shipped::drawn;

fn profile(more: &str) -> TargetProfile {
    let text = format!(
        "format = 1\ntarget = \"superapp\"\nbase.pay = \"https://pay.superapp.test\"\n\
         hosts = [\"*.superapp.test\"]\n{more}\n\
         accounts = [{{ name = \"a\", login = \"a\" }}, {{ name = \"b\", login = \"b\" }}]\n"
    );
    let file = SourceFile::new("target.toml", text);
    load_target(&file).unwrap_or_else(|all| panic!("{}", drawn(&all, std::slice::from_ref(&file))))
}

fn journey(pay: &str, back: &str) -> SourceFile {
    SourceFile::new(
        "transfer.toml",
        format!(
            "format = 1\njourney = \"transfer\"\nfeature = \"pay.transfer.account\"\n\
             timeout = \"6s\"\nbase = \"{{{{ target.base.pay }}}}\"\nvars.amount = 100\n\
             actor.alice.account = \"pool:wallets\"\nactor.bob.account = \"pool:wallets\"\n\
             [[step]]\nname = \"pay\"\nas = \"alice\"\npost = \"/v1/transfers\"\n\
             headers.idempotency-key = \"{{{{ run.id }}}}-pay\"\n{pay}\n\
             [[cleanup]]\nname = \"pay back\"\nas = \"bob\"\npost = \"/v1/transfers\"\n\
             headers.idempotency-key = \"{{{{ run.id }}}}-back\"\n{back}\n"
        ),
    )
}

fn loaded(file: &SourceFile, target: &TargetProfile) -> Loaded {
    let options = CheckOptions {
        catalogue: None,
        targets: std::slice::from_ref(target),
    };
    load(std::slice::from_ref(file), options)
}

fn good(file: &SourceFile, target: &TargetProfile) -> Journey {
    let mut loaded = loaded(file, target);
    let told = drawn(&loaded.diagnostics, std::slice::from_ref(file));
    loaded.journeys.pop().unwrap_or_else(|| panic!("{told}"))
}

#[test]
fn a_profile_says_what_its_accounts_may_be_used_for() {
    let target = profile("kill_switch = \"side-effects\"\n[pool.wallets]\nbudget.runs = 9");
    assert_eq!(target.kill_switch, KillSwitch::SideEffects);
    let expected = Budget {
        runs: Some(9),
        ..Budget::default()
    };
    assert_eq!(target.pools[0].budget, expected);
    let silent = profile("[pool.wallets]");
    assert_eq!(silent.kill_switch, KillSwitch::Off);
    assert_eq!(silent.pools[0].budget, Budget::default());
}

#[test]
fn what_a_run_spends_is_known_before_it_for_each_actor_with_cleanup() {
    let target = profile("[pool.wallets]\nbudget.money = 1000");
    let file = journey("spends = \"{{ amount }}\"", "spends = 70");
    let journey = good(&file, &target);
    assert_eq!(journey.spends(0), Some(100));
    assert_eq!(journey.spends(1), Some(70));
    let none = good(
        &self::journey("", ""),
        &profile("[pool.wallets]\nbudget.runs = 1"),
    );
    assert_eq!(none.spends(0), None);
}

#[test]
fn a_pool_with_a_budget_of_money_takes_no_journey_that_does_not_say_what_it_spends() {
    let target = profile("[pool.wallets]\nbudget.money = 99");
    let told = |pay: &str| {
        let file = journey(pay, "");
        let loaded = loaded(&file, &target);
        drawn(&loaded.diagnostics, &[file])
    };
    let silent = told("");
    assert!(silent.contains("no step says what it spends"), "{silent}");
    assert!(silent.contains("`spends = 0` to one step"), "{silent}");
    let much = told("spends = 100");
    assert!(
        much.contains("a run spends 100, and pool `wallets` allows an account 99 in 24 hours"),
        "{much}"
    );
    assert!(
        !told("spends = 99").contains("error"),
        "{}",
        told("spends = 99")
    );
}

#[test]
fn an_unsafe_verb_changes_something_unless_the_step_says_otherwise() {
    let target = profile("[pool.wallets]");
    let changing = good(&journey("", ""), &target);
    assert_eq!(changing.steps[0].effect, Effect::Change);
    assert!(changing.has_side_effects());
    // Cleanup is what undoes: it alone does not make a journey one with side effects.
    let harmless = good(&journey("side_effect = false", ""), &target);
    assert!(!harmless.has_side_effects());
}
