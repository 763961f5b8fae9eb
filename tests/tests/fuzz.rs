//! Every decoder against its corpus and a few thousand mutations of it, the same on every run.

use std::thread;
use tests::fuzz::{self, TARGETS};

/// All targets at once, each with the largest thing its limits allow.
const MOST_MIB: u64 = 768;

#[test]
fn no_decoder_panics_or_accepts_what_does_not_come_back() {
    let runs: Vec<_> = TARGETS
        .iter()
        .map(|target| (target, thread::spawn(|| fuzz::run(target, 20_261_123, |done| done < target.short))))
        .collect();
    for (target, run) in runs {
        let tally = run.join().expect("the runner itself stands");
        let name = target.name;
        if let Some(path) = tally.failure {
            panic!(
                "{name}: {} breaks a promise; with the fix it joins tests/fuzz/corpus/{name}",
                path.display()
            );
        }
        assert!(tally.executions >= target.short, "{name} ran {tally:?}");
        let peak = fuzz::peak_mib().unwrap_or_default();
        assert!(peak < MOST_MIB, "an input of at most 64 KiB took {peak} MiB by the end of {name}");
        assert!(tally.accepted > 0, "{name} refuses even what the product wrote");
    }
}

#[test]
fn every_target_has_a_corpus_and_a_driver_for_cargo_fuzz() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(fuzz::corpus(target.name).len() >= 3, "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        assert!(folder.join(format!("fuzz_targets/{}.rs", target.name)).exists(), "{}", target.name);
    }
}
