//! The way back: what a resume has to pass before a halt is lifted, a person's and one that comes by itself.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{Amiss, ResumeRefused, Scope};
use tripline_engine::ids::Symbol;
use tripline_engine::journal::Resumed;
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::messages::control::{self, Resume};
use tripline_engine::time::Timestamp;

use super::Safety;
use crate::gateway::{GatewayHealth, Reconcile};
use crate::health::{Health, Parts};
use crate::market_data::{BookHealth, SymbolHealth};

/// A resume is refused when this engine and the venue do not agree within this time.
const RECONCILED_WITHIN: Duration = Duration::from_secs(45);

/// How often it is looked whether a halt can be lifted by itself.
const LOOK: Duration = Duration::from_secs(1);

/// Lift a halt.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), ResumeRefused>")]
pub struct ResumeOrdered(pub Resume);

/// Halts that are lifted by themselves.
#[derive(Debug, Default)]
pub(super) struct ByItself {
    /// Since when everything has been in order for a scope, and the epoch of then.
    good: HashMap<Scope, (u64, Timestamp)>,
    /// A look is under way.
    busy: bool,
    /// Scopes whose resume is under way: a second one would begin its reconciliation anew, again and again.
    resuming: BTreeSet<Scope>,
}

impl Handler<ResumeOrdered> for Safety {
    type Result = ResponseActFuture<Self, Result<(), ResumeRefused>>;

    fn handle(
        &mut self,
        ResumeOrdered(resume): ResumeOrdered,
        _: &mut Context<Self>,
    ) -> Self::Result {
        self.resume(resume)
    }
}

impl Safety {
    /// Reconciles first, then looks whether all is in order, then lifts: a fault that is raised meanwhile keeps the
    /// halt.
    fn resume(&self, resume: Resume) -> ResponseActFuture<Self, Result<(), ResumeRefused>> {
        if let Err(refused) = self.may_resume(&resume) {
            return Box::pin(std::future::ready(Err(refused)).into_actor(self));
        }
        let board = self.faults.board();
        let drift_seen = board.has_seen(&resume, FaultKind::BalanceDrift);
        let question = self.reconcile.send(Reconcile::ToResume { drift_seen });
        let (parts, scope) = (self.parts.clone(), resume.scope);
        let answer = async move {
            let reason = match tokio::time::timeout(RECONCILED_WITHIN, question).await {
                Ok(Ok(Ok(_))) => {
                    let parts = parts.get().ok_or(ResumeRefused::NoAnswer { scope })?;
                    return Ok((parts.health().await, instruments_of(parts, scope)));
                }
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("the venue has not told everything for {RECONCILED_WITHIN:?}"),
            };
            Err(ResumeRefused::NotReconciled { scope, reason })
        };
        Box::pin(answer.into_actor(self).map(|answer, safety, _| {
            let (health, symbols) = answer?;
            let amiss = amiss(resume.scope, &symbols, &health);
            match amiss.is_empty() {
                true => safety.lift(resume),
                false => Err(ResumeRefused::NotInOrder {
                    scope: resume.scope,
                    amiss,
                }),
            }
        }))
    }

    fn may_resume(&self, resume: &Resume) -> Result<(), ResumeRefused> {
        self.faults.board().check(resume)?;
        match &self.halt_file {
            Some(file) if file.stands() => Err(ResumeRefused::HaltFile {
                scope: resume.scope,
                path: file.path().display().to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn lift(&mut self, resume: Resume) -> Result<(), ResumeRefused> {
        self.may_resume(&resume)?;
        self.faults.board().lift(&resume)?;
        self.own.lifted(resume.scope);
        // After a crash in between the halt stands, which is the safe side.
        let record = Resumed {
            resume: resume.clone(),
        };
        if let Err(error) = self.journal.append(&[record.into()], self.clock.now()) {
            let at = self.clock.now();
            let detail = format!(
                "the resume of {} is not written down: {error}",
                resume.scope
            );
            self.faults.raise(Fault {
                kind: FaultKind::JournalFailed,
                scope: Scope::Global,
                actor: "safety".into(),
                detail,
                at,
            });
        }
        let Resume {
            scope, reason, who, ..
        } = resume;
        log::warn!(actor = "safety"; "{scope} resumed by {who}: {reason}");
        self.repeats.retain(|(_, hit), _| *hit != scope);
        let wards = self.wards.values();
        for ward in wards.filter(|ward| ward.membership.is_in(&scope)) {
            ward.resumed.send(control::Resumed {
                scope,
                reason: reason.clone(),
            });
        }
        let title = format!("{scope} resumed by {who}: {reason}");
        if let Some(alert) = self.alert_of(Severity::Info, title, String::new(), None) {
            let facts = Facts {
                phase: Phase::Resolved,
                ..Facts::default()
            };
            let scope = Some(scope);
            self.send(Alert {
                scope,
                facts,
                ..alert
            });
        }
        Ok(())
    }

    /// Goes on looking for halts that may be lifted by themselves.
    pub(super) fn watch_over_market_halts(&self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK, |safety, ctx| safety.look_at_market_halts(ctx));
    }

    /// Halts of which every standing incident tells of the market, and is configured to end by itself.
    fn look_at_market_halts(&mut self, ctx: &mut Context<Self>) {
        let standing = self.faults.board().restricted().into_iter();
        let resuming = &self.by_itself.resuming;
        let scopes = standing.filter(|(scope, _)| !resuming.contains(scope));
        let scopes = scopes.filter_map(|(scope, standing)| {
            let after = standing.resumes_after()?;
            Some((scope, standing, after))
        });
        let scopes: Vec<_> = scopes.collect();
        let is_candidate = |scope: &Scope| scopes.iter().any(|(one, ..)| one == scope);
        self.by_itself.good.retain(|scope, _| is_candidate(scope));
        let Some(parts) = self.parts.get().filter(|_| !scopes.is_empty()) else {
            return;
        };
        if std::mem::replace(&mut self.by_itself.busy, true) {
            return;
        }
        let symbols: Vec<_> = scopes
            .iter()
            .map(|(scope, ..)| instruments_of(parts, *scope))
            .collect();
        let cell = self.parts.clone();
        let asked = async move {
            match cell.get() {
                Some(parts) => parts.health().await,
                None => Health::default(),
            }
        };
        let looked = asked.into_actor(self).map(move |health, safety, ctx| {
            safety.by_itself.busy = false;
            let now = safety.clock.now();
            for ((scope, standing, after), symbols) in scopes.into_iter().zip(symbols) {
                let halt_file = safety.halt_file.as_ref();
                let is_good = amiss(scope, &symbols, &health).is_empty()
                    && !halt_file.is_some_and(super::HaltFile::stands);
                let good = &mut safety.by_itself.good;
                if !is_good {
                    good.remove(&scope);
                    continue;
                }
                let epoch = standing.epoch;
                let since = good.entry(scope).or_insert((epoch, now));
                if since.0 != epoch {
                    *since = (epoch, now);
                }
                if now.saturating_since(since.1) >= after {
                    good.remove(&scope);
                    let reason = format!("everything has been in order for {after:?}");
                    let resume = standing.resume(scope, reason, "the engine, as configured");
                    safety.resume_by_itself(resume, ctx);
                }
            }
        });
        ctx.spawn(looked);
    }

    fn resume_by_itself(&mut self, resume: Resume, ctx: &mut Context<Self>) {
        let scope = resume.scope;
        self.by_itself.resuming.insert(scope);
        let resumed = self.resume(resume).map(move |answer, safety, _| {
            safety.by_itself.resuming.remove(&scope);
            match answer {
                Ok(()) => safety.stats.resumed_by_itself += 1,
                Err(refused) => {
                    log::warn!(actor = "safety"; "{scope} is not resumed by itself: {refused}")
                }
            }
        });
        ctx.spawn(resumed);
    }
}

/// The instruments of a scope, which must have data.
fn instruments_of(parts: &Parts, scope: Scope) -> BTreeSet<Symbol> {
    let members = parts.members.iter();
    let members = members.filter(|member| member.is_in(&scope));
    match scope {
        Scope::Instrument(symbol) => BTreeSet::from([symbol]),
        _ => members
            .flat_map(|member| member.instruments.list())
            .collect(),
    }
}

/// What is not in order for a scope with these instruments.
fn amiss(scope: Scope, symbols: &BTreeSet<Symbol>, health: &Health) -> Vec<Amiss> {
    let Health {
        gateway: Some(gateway),
        market: Some(market),
    } = health
    else {
        return vec![Amiss::Silent];
    };
    let mut amiss: Vec<Amiss> = symbols
        .iter()
        .filter_map(|symbol| data_amiss(*symbol, market))
        .collect();
    amiss.extend(trading_amiss(scope, gateway));
    amiss
}

fn data_amiss(symbol: Symbol, market: &[SymbolHealth]) -> Option<Amiss> {
    // What nobody follows any more has no data, and without data no order on it passes the check.
    let known = market.iter().find(|known| known.symbol == symbol)?;
    match known.book {
        _ if !known.fresh => Some(Amiss::Data(symbol)),
        BookHealth::Building => Some(Amiss::Book(symbol)),
        BookHealth::None | BookHealth::Live => None,
    }
}

fn trading_amiss(scope: Scope, gateway: &GatewayHealth) -> impl Iterator<Item = Amiss> {
    let GatewayHealth {
        desk,
        unready,
        journal_failed,
        ..
    } = gateway;
    let flattening = desk.flattening.contains_key(&scope);
    let found = [
        (!desk.private_stream_live).then_some(Amiss::PrivateStream),
        (!desk.clock_good).then_some(Amiss::Clock),
        journal_failed.clone().map(Amiss::Journal),
        unready.clone().map(Amiss::Orders),
        flattening.then_some(Amiss::Flattening),
    ];
    found.into_iter().flatten()
}
