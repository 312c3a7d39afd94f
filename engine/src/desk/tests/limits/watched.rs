//! C06, C14, C18, C21 and C27 over random histories, each held against what it means.

use proptest::prelude::*;

use super::*;

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

impl Bench {
    fn raised_of(&mut self, kind: FaultKind) -> usize {
        let raised = self.raised().into_iter();
        raised.filter(|(found, _)| *found == kind).count()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_sequence_passes_the_cancels_of_a_day(steps in prop::collection::vec((0u64..20, 0u8..3), 1..60), most in 1u32..12) {
        let mut bench = Bench::limited(&[&format!("account cancels_per_day {most}")]);
        let (mut today, mut day, mut told) = (0, 0, 0);
        for (hours, way) in steps {
            let id = bench.working();
            bench.wait(hours * 3_600_000 / 4);
            let now = bench.now.as_millis() / 86_400_000;
            (day, today) = if now == day { (day, today + 1) } else { (now, 1) };
            bench.out.clear();
            if way == 0 {
                let every = CancelAll { strategy: strategy("a"), symbol: None };
                bench.desk.cancel_all(every, bench.now, &mut bench.out);
            }
            (0..way).for_each(|_| bench.cancel(id));
            prop_assert!(matches!(bench.out[0], Effect::Cancel(_)), "a cancel is never refused");
            if today == 1 {
                told = 0;
            }
            told += bench.raised_of(FaultKind::OrderRatio);
            prop_assert_eq!(told, usize::from(today > most), "{} of {}", today, most);
        }
    }

    #[test]
    fn no_sequence_passes_the_age_of_an_order(rests in prop::collection::vec((0u64..4_000, 0u64..3_000), 1..25)) {
        let mut bench = Bench::limited(&["account max_order_age 3s"]);
        let (mut placed, mut told) = (Vec::new(), 0);
        for (before, after) in rests {
            bench.wait(before);
            placed.push((bench.working(), bench.now));
            bench.pass(Duration::from_millis(after));
            told += bench.raised_of(FaultKind::OrderAge);
            for (id, at) in &placed {
                let is_old = bench.now.saturating_since(*at) > Duration::from_secs(3);
                let order = bench.desk.order(id).unwrap();
                prop_assert_eq!(order.cancel_pending, is_old, "{:?}", bench.now.saturating_since(*at));
            }
        }
        let old = placed.iter().filter(|(id, _)| bench.desk.order(id).unwrap().cancel_pending);
        let count = old.count();
        prop_assert_eq!(told, count);
    }

    #[test]
    fn no_sequence_passes_slow_answers(answers in prop::collection::vec(0u64..200, 1..60), row in 1u32..6) {
        let mut bench = Bench::limited(&["account slow_answer 100ms", &format!("account slow_answers {row}")]);
        let mut slow = 0;
        for millis in answers {
            let id = bench.buy("1", "10").unwrap();
            bench.out.clear();
            bench.wait(millis);
            bench.acknowledge(id);
            slow = if millis > 100 { slow + 1 } else { 0 };
            let is_told = slow > 0 && slow % row == 0;
            prop_assert_eq!(bench.raised_of(FaultKind::SlowVenue), usize::from(is_told));
        }
    }

    #[test]
    fn no_sequence_passes_the_trading_hours(
        minutes in prop::collection::vec(0u64..3_000, 1..40),
        (first, days) in (0u64..7, 0u64..7), (from, length) in (0u64..1_440, 1u64..1_440),
    ) {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let clock = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let last = (first + days) % 7;
        let (name, end) = (|day: u64| NAMES[usize::try_from(day).unwrap()], (from + length) % 1_440);
        let window = format!("{}-{} {}-{}", name(first), name(last), clock(from), clock(end));
        let mut bench = Bench::limited(&[&format!("global trading_hours {window}")]);
        // A Monday.
        let monday = 1_795_392_000_000u64;
        bench.now = Timestamp::from_millis(i64::try_from(monday).unwrap());
        for more in minutes {
            bench.wait(more * 60_000);
            let at = (u64::try_from(bench.now.as_millis()).unwrap() - monday) / 60_000;
            // Some allowed day began the window less than its length ago.
            let open = (0..=days).any(|day| {
                let begin = (first + day) % 7 * 1_440 + from;
                (at % 10_080 + 10_080 - begin) % 10_080 < length
            });
            prop_assert_eq!(bench.buy("1", "10").is_ok(), open, "{} at minute {}", window, at);
        }
    }

    #[test]
    fn no_sequence_passes_the_free_disk(measured in prop::collection::vec(0u64..20, 1..60)) {
        let mut bench = Bench::limited(&["global min_free_disk_mb 10"]);
        let mut was_low = false;
        for free in measured {
            bench.desk.disk_measured(free * 1_000_000, bench.now, &mut bench.out);
            let is_low = free < 10;
            prop_assert_eq!(bench.raised_of(FaultKind::DiskLow), usize::from(is_low && !was_low));
            was_low = is_low;
        }
    }
}
