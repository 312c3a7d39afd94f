//! Whether an engine lives, from what each look at its door has found. Pure: times are an argument.

use std::time::Duration;

use tripline_engine::ids::RunId;

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It answers, and what trades in it runs.
    Alive { run: RunId, stopping: bool },
    /// There is no socket: none was started here, or it has stopped in order and taken its socket along.
    NoSocket,
    /// A socket is there, and nobody answers that an engine lives; why.
    Silent(String),
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// An engine lives, the first one, or the next after one that had stopped or was silent.
    Found { run: RunId },
    /// The engine that was silent goes on.
    Back { run: RunId, silent_for: Duration },
    /// Another run answers, and the last one had not said that it stops.
    Replaced { run: RunId, before: RunId },
    /// No sign of life for too long. `None`: of an engine that was never heard.
    Silent { run: Option<RunId>, why: String },
    /// It has stopped in order.
    Stopped { run: RunId },
    /// This process itself did not run for so long, so the engine need not have been silent.
    StoodStill(Duration),
}

/// The last that was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    None,
    Alive { run: RunId, stopping: bool },
    Silent { run: Option<RunId>, since: Duration },
}

/// Times are those since the beginning.
#[derive(Debug)]
pub struct Judge {
    silent_after: Duration,
    state: State,
    heard: Duration,
    looked: Duration,
    /// The last look found no socket either.
    was_gone: bool,
}

impl Judge {
    #[must_use]
    pub fn new(silent_after: Duration) -> Self {
        Self {
            silent_after,
            state: State::None,
            heard: Duration::ZERO,
            looked: Duration::ZERO,
            was_gone: false,
        }
    }

    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.state, State::Silent { .. })
    }

    /// Takes what a look that ended `now` has found.
    pub fn look(&mut self, seen: Seen, now: Duration) -> Option<News> {
        let gap = now.saturating_sub(std::mem::replace(&mut self.looked, now));
        let was_gone = std::mem::replace(&mut self.was_gone, seen == Seen::NoSocket);
        match seen {
            Seen::Alive { run, stopping } => {
                let silent_for = now.saturating_sub(self.heard);
                self.heard = now;
                self.alive(run, stopping, silent_for)
            }
            // An engine that starts makes its socket anew, and for a moment there is none.
            Seen::NoSocket if !was_gone => None,
            Seen::NoSocket => {
                self.heard = now;
                self.gone()
            }
            Seen::Silent(_) if gap > self.silent_after => {
                self.heard = now;
                Some(News::StoodStill(gap))
            }
            Seen::Silent(why) => self.silent(why, now),
        }
    }

    fn alive(&mut self, run: RunId, stopping: bool, silent_for: Duration) -> Option<News> {
        let before = std::mem::replace(&mut self.state, State::Alive { run, stopping });
        match before {
            State::Alive { run: known, .. } if known == run => None,
            State::Silent { run: known, .. } if known == Some(run) => {
                Some(News::Back { run, silent_for })
            }
            State::Alive {
                run: before,
                stopping: false,
            } => Some(News::Replaced { run, before }),
            State::None | State::Alive { .. } | State::Silent { .. } => Some(News::Found { run }),
        }
    }

    fn gone(&mut self) -> Option<News> {
        let run = match std::mem::replace(&mut self.state, State::None) {
            State::Alive { run, .. } => Some(run),
            State::Silent { run, .. } => run,
            State::None => None,
        };
        run.map(|run| News::Stopped { run })
    }

    fn silent(&mut self, why: String, now: Duration) -> Option<News> {
        if self.is_silent() || now.saturating_sub(self.heard) < self.silent_after {
            return None;
        }
        let run = match self.state {
            State::Alive { run, .. } => Some(run),
            State::None | State::Silent { .. } => None,
        };
        self.state = State::Silent { run, since: now };
        Some(News::Silent { run, why })
    }

    /// For how long it is known to be silent.
    #[must_use]
    pub fn silent_since(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Silent { since, .. } => Some(now.saturating_sub(since)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn run(number: u64) -> RunId {
        RunId::from_millis(number)
    }

    fn alive(number: u64) -> Seen {
        Seen::Alive {
            run: run(number),
            stopping: false,
        }
    }

    fn silent() -> Seen {
        Seen::Silent("refused".into())
    }

    /// One look a second, from second 1 on; what was news, with its second.
    fn look(judge: &mut Judge, first: u32, seen: &[Seen]) -> Vec<(u32, News)> {
        let mut news = Vec::new();
        for (second, seen) in (first..).zip(seen) {
            let found = judge.look(seen.clone(), SECOND * second);
            news.extend(found.map(|found| (second, found)));
        }
        news
    }

    #[test]
    fn an_engine_that_is_silent_for_long_enough_is_silent_once_until_it_is_back() {
        let mut judge = Judge::new(SECOND * 3);
        let looks = [alive(1), alive(1), silent(), silent(), alive(1)];
        assert_eq!(
            look(&mut judge, 1, &looks),
            [(1, News::Found { run: run(1) })]
        );
        let looks = [silent(), silent(), silent(), silent(), silent()];
        let news = News::Silent {
            run: Some(run(1)),
            why: "refused".into(),
        };
        assert_eq!(look(&mut judge, 6, &looks), [(8, news)]);
        assert!(judge.is_silent());
        let back = News::Back {
            run: run(1),
            silent_for: SECOND * 6,
        };
        assert_eq!(look(&mut judge, 11, &[alive(1), alive(1)]), [(11, back)]);
        assert!(!judge.is_silent());
    }

    #[test]
    fn a_socket_that_is_gone_is_an_ordered_stop_and_one_that_is_left_is_not() {
        let mut judge = Judge::new(SECOND * 3);
        let gone = || Seen::NoSocket;
        let looks = [alive(1), gone(), gone(), gone(), gone(), gone()];
        let stopped = News::Stopped { run: run(1) };
        let found = News::Found { run: run(1) };
        assert_eq!(look(&mut judge, 1, &looks), [(1, found), (3, stopped)]);
        // The next one is killed before it was ever heard: its socket stays.
        let looks = [silent(), silent(), silent()];
        let why = "refused".into();
        let news = News::Silent { run: None, why };
        assert_eq!(look(&mut judge, 7, &looks), [(9, news)]);
    }

    #[test]
    fn an_engine_that_was_dead_before_anybody_watched_is_silent_and_one_that_was_never_there_is_not()
     {
        let mut judge = Judge::new(SECOND * 2);
        let looks = [
            Seen::NoSocket,
            Seen::NoSocket,
            Seen::NoSocket,
            Seen::NoSocket,
        ];
        assert_eq!(look(&mut judge, 1, &looks), []);
        let mut judge = Judge::new(SECOND * 2);
        let news = look(&mut judge, 1, &[silent(), silent(), silent()]);
        assert_eq!(news.len(), 1);
    }

    #[test]
    fn another_run_is_told_apart_from_one_that_goes_on() {
        let mut judge = Judge::new(SECOND * 2);
        look(&mut judge, 1, &[alive(1)]);
        let news = News::Replaced {
            run: run(2),
            before: run(1),
        };
        assert_eq!(
            look(&mut judge, 2, &[Seen::NoSocket, alive(2)]),
            [(3, news)]
        );
        // One that had said that it stops is followed by the next.
        let stopping = Seen::Alive {
            run: run(2),
            stopping: true,
        };
        let news = News::Found { run: run(3) };
        assert_eq!(look(&mut judge, 4, &[stopping, alive(3)]), [(5, news)]);
        let news = look(&mut judge, 6, &[silent(), silent(), alive(4)]);
        assert_eq!(news[1], (8, News::Found { run: run(4) }));
    }

    #[test]
    fn a_watch_that_stood_still_itself_gives_the_engine_its_time_again() {
        let mut judge = Judge::new(SECOND * 3);
        look(&mut judge, 1, &[alive(1), silent()]);
        let news = judge.look(silent(), SECOND * 60);
        assert_eq!(news, Some(News::StoodStill(SECOND * 58)));
        assert_eq!(look(&mut judge, 61, &[silent(), silent()]), []);
        assert_eq!(look(&mut judge, 63, &[silent()]).len(), 1);
    }
}
