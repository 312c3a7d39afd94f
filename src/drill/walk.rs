//! The steps, one after the other.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tripline_actors::control::{Asked, Client};

use super::DrillOptions;
use super::report::{DrillReport, Step, Verdict};
use super::seen::{halted, names, open_at, resume, rows, text};
use crate::practice::Pages;
use crate::running::Running;

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(50);

/// How long it is waited for an order; not every strategy has one.
const RESTS_WITHIN: Duration = Duration::from_secs(15);

/// Between two attempts to resume.
const RESUME_AGAIN: Duration = Duration::from_secs(1);

/// What a step has seen, or what it missed.
type Seen = Result<String, String>;

pub(super) struct Walk<'a> {
    running: &'a Running,
    door: Client,
    pages: Option<Pages>,
    options: DrillOptions,
    report: &'a mut DrillReport,
    tell: &'a mut dyn FnMut(&str),
    /// Alerts that waited before anything went wrong.
    before: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        running: &'a Running,
        door: Client,
        pages: Option<Pages>,
        options: DrillOptions,
        report: &'a mut DrillReport,
        tell: &'a mut dyn FnMut(&str),
    ) -> Self {
        Self {
            running,
            door,
            pages,
            options,
            report,
            tell,
            before: BTreeSet::new(),
        }
    }

    /// Every step, until one fails.
    pub(super) async fn all(&mut self) {
        let fault = self.options.fault;
        let begun = Instant::now();
        let seen = self.every_strategy_works().await;
        if !self.step("every strategy is ready and may trade", begun, seen) {
            return;
        }
        let begun = Instant::now();
        let rest = self.until(RESTS_WITHIN, Self::an_order_rests).await;
        let none = || "none, so that none has to be cancelled".into();
        self.step(
            "orders rest at the venue",
            begun,
            Ok(rest.unwrap_or_else(|_| none())),
        );
        let begun = Instant::now();
        let seen = self.go_wrong().await;
        if !self.step(
            &format!("something goes wrong: {}", fault.kind()),
            begun,
            seen,
        ) {
            return;
        }
        let seen = self.halt_stands().await;
        if !self.step("what it concerns is halted", begun, seen) {
            return;
        }
        let seen = self.orders_are_gone().await;
        if !self.step("its orders are gone, by the venue's own word", begun, seen) {
            return;
        }
        let seen = self.alert_arrives().await;
        if !self.step("a channel has taken the alert", begun, seen) {
            return;
        }
        let begun = Instant::now();
        let seen = self.acknowledged().await;
        if !self.step("a person acknowledges it", begun, seen) {
            return;
        }
        self.heal().await;
        let begun = Instant::now();
        let seen = self.resumed().await;
        if !self.step("a person resumes, and the gate lets it pass", begun, seen) {
            return;
        }
        let begun = Instant::now();
        let seen = self.every_strategy_works().await;
        self.step("every strategy may trade again", begun, seen);
    }

    fn step(&mut self, what: &str, begun: Instant, seen: Seen) -> bool {
        let passed = seen.is_ok();
        let step = Step {
            what: what.to_owned(),
            verdict: match passed {
                true => Verdict::Passed,
                false => Verdict::Failed,
            },
            seen: seen.unwrap_or_else(|missed| missed),
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        (self.tell)(&step.line());
        self.report.steps.push(step);
        passed
    }

    pub(super) fn broken_off(&mut self) {
        (self.tell)("broken off by a signal");
        self.report.steps.push(Step {
            what: "the rest".into(),
            verdict: Verdict::NotDone,
            seen: "broken off by a signal".into(),
            took_ms: 0,
        });
    }

    /// Waits until a look gives something; what it missed is told in the words of the last look.
    async fn until(&self, within: Duration, look: impl AsyncFn(&Self) -> Seen) -> Seen {
        let last = Instant::now() + within;
        loop {
            match look(self).await {
                Ok(seen) => return Ok(seen),
                Err(missed) if Instant::now() >= last => {
                    return Err(format!("not within {} s: {missed}", within.as_secs()));
                }
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    async fn status(&self) -> Result<Value, String> {
        let asked = self.door.ask(Asked::Get("/v1/status")).await;
        asked.map_err(|error| error.to_string())
    }

    async fn every_strategy_works(&self) -> Seen {
        self.until(self.options.within, async |walk| {
            let status = walk.status().await?;
            let works = names(&status["works"]);
            let all: Vec<_> = rows(&status["strategies"]).collect();
            let all: Vec<_> = all.iter().map(|one| text(&one["id"])).collect();
            if works.len() == all.len() {
                return Ok(works.join(", "));
            }
            let halted: Vec<_> = rows(&status["scopes"]).map(halted).collect();
            let (all, works) = (all.join(", "), works.join(", "));
            Err(format!(
                "of {all} may trade: {works}; {}",
                halted.join("; ")
            ))
        })
        .await
    }

    async fn an_order_rests(&self) -> Seen {
        let status = self.status().await?;
        let open = rows(&status["strategies"]).filter_map(|one| one["open_orders"].as_u64());
        match open.sum() {
            0u64 => Err("none".into()),
            open => Ok(format!("{open}")),
        }
    }

    async fn go_wrong(&mut self) -> Seen {
        self.before = self.alerts().await?.into_iter().map(|(id, _)| id).collect();
        let lever = self.options.fault.lever();
        match (&self.pages, lever) {
            (Some(pages), Some(lever)) => {
                pages.post("/practice/faults", &lever).await?;
                Ok(format!("at the practice exchange: {lever}"))
            }
            _ => {
                self.options.fault.raise(self.running);
                Ok("the engine was told that it has happened".into())
            }
        }
    }

    async fn halt_stands(&self) -> Seen {
        let kind = self.options.fault.kind().as_str();
        self.until(self.options.within, async |walk| {
            let status = walk.status().await?;
            let mut scopes = rows(&status["scopes"]);
            let hit = scopes.find_map(|scope| {
                let mut incidents = rows(&scope["incidents"]);
                let incident = incidents.find(|one| text(&one["kind"]) == kind)?;
                Some(format!(
                    "{} is {} by incident #{}",
                    text(&scope["scope"]),
                    text(&scope["level"]),
                    incident["id"]
                ))
            });
            hit.ok_or_else(|| format!("no {kind} among the incidents"))
        })
        .await
    }

    async fn orders_are_gone(&self) -> Seen {
        self.until(self.options.within, async |walk| {
            let status = walk.status().await?;
            let halted: BTreeSet<String> = rows(&status["strategies"])
                .filter(|one| text(&one["level"]) == "halted")
                .map(|one| text(&one["id"]).to_owned())
                .collect();
            let busy = rows(&status["scopes"]).any(|scope| !scope["activity"].is_null());
            let open: u64 = rows(&status["strategies"])
                .filter(|one| halted.contains(text(&one["id"])))
                .filter_map(|one| one["open_orders"].as_u64())
                .sum();
            let shown = match &walk.pages {
                Some(pages) => open_at(pages, &halted).await?,
                None => 0,
            };
            match (busy, open, shown) {
                (false, 0, 0) => {
                    let halted: Vec<_> = halted.into_iter().collect();
                    Ok(format!("none is open of {}", halted.join(", ")))
                }
                _ => Err(format!(
                    "{open} orders open in the engine, {shown} at the exchange"
                )),
            }
        })
        .await
    }

    /// Those that wait to be acknowledged, and whether a channel has taken them.
    async fn alerts(&self) -> Result<Vec<(String, bool)>, String> {
        let asked = self.door.ask(Asked::Get("/v1/alerts")).await;
        let answer = asked.map_err(|error| error.to_string())?;
        let open = rows(&answer["open"]);
        let open = open.map(|one| (text(&one["id"]).to_owned(), one["delivered"] == true));
        Ok(open.collect())
    }

    async fn new_alerts(&self) -> Result<Vec<(String, bool)>, String> {
        let mut alerts = self.alerts().await?;
        alerts.retain(|(id, _)| !self.before.contains(id));
        Ok(alerts)
    }

    async fn alert_arrives(&self) -> Seen {
        self.until(self.options.within, async |walk| {
            let alerts = walk.new_alerts().await?;
            let taken: Vec<_> = alerts.iter().filter(|(_, taken)| *taken).collect();
            match taken.first() {
                Some((id, _)) => Ok(format!("alert {id}; {}", walk.channels().await)),
                None => Err(format!("{} alerts wait, none was taken", alerts.len())),
            }
        })
        .await
    }

    /// What each channel has taken so far.
    async fn channels(&self) -> String {
        let snapshot = self.running.snapshot().await;
        let stats = snapshot.map(|snapshot| snapshot.alerts).unwrap_or_default();
        let told = stats.iter().map(|channel| {
            format!(
                "{}: {} taken, {} failed",
                channel.channel, channel.delivered, channel.failed
            )
        });
        told.collect::<Vec<_>>().join("; ")
    }

    async fn acknowledged(&mut self) -> Seen {
        let waiting = self.new_alerts().await?;
        if self.options.alone {
            for (id, _) in &waiting {
                let order = json!({ "id": id, "by": "the drill" });
                let asked = self.door.ask(Asked::Post("/v1/alerts/ack", order)).await;
                asked.map_err(|error| error.to_string())?;
            }
        }
        for (id, _) in waiting.iter().filter(|_| !self.options.alone) {
            let place = &self.options.place;
            (self.tell)(&format!(
                "NOW YOU: you have received an alert. Acknowledge it:\n    tripline alerts ack {id}{place}"
            ));
        }
        self.until(self.options.patience, async |walk| {
            let left = walk.new_alerts().await?;
            match left.is_empty() {
                true => Ok(format!("{} alerts", waiting.len())),
                false => Err(format!("{} alerts are not acknowledged", left.len())),
            }
        })
        .await
    }

    /// Takes back what was done to the practice exchange.
    pub(super) async fn heal(&mut self) {
        if let Some(pages) = &self.pages
            && let Err(error) = pages.delete("/practice/faults").await
        {
            (self.tell)(&format!("the practice exchange is not healed: {error}"));
        }
    }

    async fn resumed(&mut self) -> Seen {
        let status = self.status().await?;
        for scope in rows(&status["scopes"]).filter(|_| !self.options.alone) {
            let (scope, place) = (text(&scope["scope"]), &self.options.place);
            (self.tell)(&format!(
                "NOW YOU: look, and resume:\n    tripline status{place}\n    tripline resume {scope} --reason \"a fire drill\"{place}"
            ));
        }
        let last = Instant::now() + self.options.patience;
        loop {
            let status = self.status().await?;
            let scopes: Vec<_> = rows(&status["scopes"]).collect();
            if scopes.is_empty() {
                return Ok("nothing is halted any more".into());
            }
            let mut refused = "nobody has resumed".to_owned();
            if self.options.alone {
                for scope in &scopes {
                    let asked = Asked::Post("/v1/resume", resume(scope));
                    if let Err(error) = self.door.ask(asked).await {
                        refused = error.to_string();
                    }
                }
            }
            if Instant::now() >= last {
                let halted: Vec<_> = scopes.iter().map(|one| text(&one["scope"])).collect();
                return Err(format!("{} stays halted: {refused}", halted.join(", ")));
            }
            sleep(if self.options.alone {
                RESUME_AGAIN
            } else {
                LOOK
            })
            .await;
        }
    }
}
