//! Thousands of seeds balance, and each fault that is planted into the engine is found: the simulation sees.
//! Needs the feature `planted`, and an optimised build to be quick: `make simulation`.

#![cfg(feature = "planted")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tripline::simulate::{SimulateOptions, Subject, keep_wanted_panics_quiet, run, simulate};
use tripline_engine::planted::{Planted, plant};

/// The seeds that are tried for each planted fault.
const MOST_SEEDS: u64 = 600;
/// A fault that was found so often is found.
const FINDS: u64 = 3;

/// `TRIPLINE_SEEDS=A..B`, or the seeds that every run of the tests tries.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("TRIPLINE_SEEDS") else {
        return 0..2000;
    };
    let (from, to) = text.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn thousands_of_seeds_balance() {
    let options = SimulateOptions {
        seeds: seeds(),
        json: true,
        trace: false,
    };
    let summary = run(&Subject::shipped(), &options).unwrap();
    assert_eq!(summary.failed, Vec::<u64>::new());
    assert_eq!(summary.seeds, options.seeds.end - options.seeds.start);
    assert!(summary.faults_injected.len() > 20, "{summary:?}");
}

/// What is tried of one planted fault.
struct Trial {
    planted: Planted,
    seeds: u64,
    finds: u64,
    /// The first find, and what was wrong there.
    first: Option<(u64, String)>,
}

fn trial(planted: Planted) -> Trial {
    let subject = Subject::shipped();
    let mut trial = Trial {
        planted,
        seeds: 0,
        finds: 0,
        first: None,
    };
    while trial.finds < FINDS && trial.seeds < MOST_SEEDS {
        plant(Some(planted));
        let outcome = simulate(&subject, trial.seeds, false);
        plant(None);
        trial.seeds += 1;
        let Some(wrong) = outcome.wrong.first() else {
            continue;
        };
        // It is the planted fault that was found, if the seed balances without it.
        if simulate(&subject, outcome.seed, false).wrong.is_empty() {
            trial.finds += 1;
            trial.first.get_or_insert((outcome.seed, wrong.clone()));
        }
    }
    trial
}

#[test]
fn each_planted_fault_is_found() {
    keep_wanted_panics_quiet();
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let work = || {
        let mut trials = Vec::new();
        while let Some(planted) = Planted::ALL.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            trials.push(trial(*planted));
        }
        trials
    };
    let mut trials: Vec<Trial> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let trials = workers.into_iter().map(|worker| worker.join().unwrap());
        trials.flatten().collect()
    });
    trials.sort_by_key(|trial| trial.planted as usize);
    println!("found after so many seeds on average, and first at:");
    for trial in &trials {
        let Trial {
            planted,
            seeds,
            finds,
            first,
        } = trial;
        match first {
            Some((seed, wrong)) => println!(
                "{planted:?}: {:.1}; seed {seed}: {wrong}",
                *seeds as f64 / *finds as f64
            ),
            None => println!("{planted:?}: not in {seeds} seeds"),
        }
    }
    println!("{} planted faults in {:?}", trials.len(), began.elapsed());
    let missed: Vec<_> = trials.iter().filter(|one| one.first.is_none()).collect();
    let missed: Vec<_> = missed.iter().map(|one| one.planted).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
