//! Seeds that once failed, with the faults they failed under; and a little of everything else.

use crate::faults::Fault;
use crate::{exhaustive, line, scenario};
use std::collections::BTreeSet;

/// Each found a defect, of the product or of an earlier form of the simulator.
const SEEDS: &[(u64, &str)] = &[
    (0, "clone"),           // the city's word came before the changes it is about
    (1, "all"),             // an answer about a line that does not exist made a node panic
    (1, "backup"),          // the arbiter decided before all branches had brought what they hold
    (5, "liar"),            // a forged word of the city
    (26, "restore,clone"),  // a replica took a line back that it had left while it wrote
    (659, "restore,clone"), // a chunk that its upstream had by another way travelled once more
    (669, "restore,clone"), // changes came after the city was asked for its word on them
    (8, "restore"),         // a device wrote on where a copy of it writes
    (53, "empty,restore"),  // a cut before the last mark
    (28, "all"),            // a rogue's private documents at another branch's node
    (133, "all"),           // a promise of the feed was lost with a chunk that stood on nothing
    (144, "all"),           // a client of protocol 1, since removed, never heard the city's word
    (146, "all"),           // a number of the feed was promised while lines were compared
    (159, "all"),           // the feed ran on before the client had named its heads
    (230, "all"),           // more lines than anybody keeps, different ones at two nodes
    (238, "all"),           // a rogue put back to an older copy
    (244, "all"),           // the city's clock was ten years ahead and set back
    (1034, "all"),          // the feed's numbers were promised while a line was still to part
    (846409, "all"),        // the last small chunk of the promise was answered only with the next tick
    (840381, "all"),        // a device was back only once where each must have been twice
    (1088, "all"),          // an older word of the city came after a newer one
    (1096, "all"),          // a branch node's clock was set back and its timers stood still
    (10006, "all"),         // a mark overtook chunks of the feed
    (101382, "all"),        // the city crashed while it waited for its branches, and decided without them
    (120, "crash,backup"),  // that again: an answer that came back undid what was confirmed meanwhile
    (300064, "all"),        // lines parted, each side had a longer one, and each waited for the other
    (300348, "all"),        // the city's clock was set back, its word on a second line passed for old
    (920484, "all"),        // a city put back said less, and its branch had nothing more to tell its devices
    (955854, "all"),        // a branch put back unnoticed wrote on and was never told what it had forgotten
    (401592, "all"),        // more lines than anybody keeps, the city was put back and took others
];

fn faults(words: &str) -> BTreeSet<Fault> {
    match words {
        // What these seeds draw stays as it was when habits came.
        "all" => Fault::ALL.iter().copied().filter(|fault| !Fault::HABITS.contains(fault)).collect(),
        words => words.split(',').map(|word| Fault::of_word(word).expect("a fault's word")).collect(),
    }
}

fn assert_clean(seed: u64, words: &str) -> scenario::Outcome {
    let outcome = scenario::run(seed, &faults(words));
    assert!(outcome.violations.is_empty(), "seed {seed}, {words}: {:?}", outcome.violations);
    assert!(outcome.stall.is_none(), "seed {seed}, {words}: {:?}", outcome.stall);
    outcome
}

#[test]
fn seeds_that_once_failed_pass() {
    for (seed, words) in SEEDS {
        assert_clean(*seed, words);
    }
}

#[test]
fn a_seed_is_a_network_worth_the_name() {
    for seed in 0..5 {
        let outcome = assert_clean(seed, "all");
        assert!(outcome.events >= 200, "seed {seed}: {} events", outcome.events);
        assert!(outcome.faults.values().sum::<u64>() >= 5, "seed {seed}: {:?}", outcome.faults);
        assert!(outcome.faults.len() >= 3, "seed {seed}: {:?}", outcome.faults);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let outcome = scenario::run(77, &faults("all"));
        (outcome.events, outcome.forks, outcome.confirmed, outcome.round_trips, outcome.faults)
    };
    assert_eq!(run(), run());
}

#[test]
fn every_sequence_of_two_steps_heals() {
    let explored = exhaustive::explore(2);
    assert!(explored.violations.is_empty(), "{:?}", explored.violations);
    assert!(explored.states > 20, "{} states", explored.states);
}

#[test]
fn bad_lines_and_crowds_keep_within_their_figures() {
    for line::Figure { what, value, most } in line::quick_figures() {
        assert!(value <= most, "{what}: {value}, at most {most}");
    }
}
