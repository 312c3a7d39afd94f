//! The exchange's state, shared by all connections of the one thread, and the way from what the model
//! did to what the clients see.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::Notify;
use tripline_engine::ids::{AccountId, Asset, Symbol};

use crate::clock::Clock;
use crate::config::{ConfigError, ExchangeConfig, KeyConfig, KeyError};
use crate::faults::{FaultError, FaultSpec, Faults, Known};
use crate::history::{Deed, History, HistoryError, Line};
use crate::limits::Limits;
use crate::market::Market;
use crate::model::{Event, Exchange, ExecutionType, Time};
use crate::record::Record;
use crate::streams::StreamHub;
use crate::user::UserHub;
use crate::wire::signature::Verifier;

/// An API key and what it opens.
pub struct Key {
    pub account: AccountId,
    pub verifier: Verifier,
    pub trading: bool,
}

/// Everything that one practice exchange knows. Each concern has a cell of its own, borrowed only
/// within a call, never across a wait.
pub struct Core {
    pub clock: Clock,
    pub model: RefCell<Exchange>,
    pub market: RefCell<Market>,
    pub limits: RefCell<Limits>,
    pub faults: RefCell<Faults>,
    pub keys: RefCell<HashMap<String, Rc<Key>>>,
    pub streams: StreamHub,
    pub users: UserHub,
    pub record: RefCell<Record>,
    pub assets: Vec<Asset>,
    /// Whether the market's own liquidity stands still.
    pub paused: Cell<bool>,
    /// Woken when the market is paused or thawed, or the clock jumps.
    pub market_changed: Notify,
    counter: Cell<u64>,
    /// How much the model has done.
    events: Cell<u64>,
    history: RefCell<Option<History>>,
}

impl Core {
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: &ExchangeConfig, clock: Clock) -> Result<Rc<Self>, ConfigError> {
        let now_us = clock.now_us();
        let settings = config.settings()?;
        let mut assets: Vec<Asset> = settings
            .instruments
            .iter()
            .flat_map(|one| [one.base, one.quote])
            .collect();
        assets.sort_unstable();
        assets.dedup();
        let mut model = Exchange::new(settings, Time(now_us));
        let market = Market::new(&config.market, &mut model, config.seed, Time(now_us))?;
        model.drain_events();
        Ok(Rc::new(Self {
            model: RefCell::new(model),
            market: RefCell::new(market),
            limits: RefCell::new(Limits::new(config.limits.clone())),
            faults: RefCell::default(),
            keys: RefCell::new(keys(config)?),
            streams: StreamHub::default(),
            users: UserHub::default(),
            record: RefCell::default(),
            assets,
            paused: Cell::new(false),
            market_changed: Notify::new(),
            counter: Cell::new(0),
            events: Cell::new(0),
            history: RefCell::default(),
            clock,
        }))
    }

    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    pub fn now(&self) -> Time {
        Time(self.clock.now_us())
    }

    /// From here on every deed is written down before it acts.
    pub fn keep(&self, history: History) {
        self.history.replace(Some(history));
    }

    /// How much the model has done since its beginning.
    pub fn events(&self) -> u64 {
        self.events.get()
    }

    /// Does what changes the exchange, at one time, and written down before if there is a history.
    ///
    /// # Errors
    /// [`HistoryError`]: nothing was done.
    pub fn act<T>(
        &self,
        deed: impl FnOnce() -> Deed,
        act: impl FnOnce() -> T,
    ) -> Result<T, HistoryError> {
        let at = self.now_us();
        let _held = self.clock.hold(at);
        if let Some(history) = self.history.borrow_mut().as_mut() {
            history.append(&Line {
                at,
                events: self.events.get(),
                deed: deed(),
            })?;
        }
        Ok(act())
    }

    /// Lets the market do what is due.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn advance_market(&self) -> Result<(), HistoryError> {
        self.act(
            || Deed::Market,
            || {
                let mut model = self.model.borrow_mut();
                self.market.borrow_mut().advance(&mut model, self.now());
                drop(model);
                self.settle();
            },
        )
    }

    /// Lets the market go on from now, without making up for what it has missed.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn skip_market(&self) -> Result<(), HistoryError> {
        self.act(
            || Deed::Skip,
            || self.market.borrow_mut().skip_to(self.now()),
        )
    }

    /// The accounts that have a key, in order.
    pub fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> =
            self.keys.borrow().values().map(|key| key.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    /// # Errors
    /// [`FaultError`] for a fault that would do nothing here.
    pub fn check_fault(&self, fault: &FaultSpec) -> Result<(), FaultError> {
        let model = self.model.borrow();
        let symbols: Vec<Symbol> = model.symbols().collect();
        let accounts: Vec<AccountId> = model.accounts().collect();
        fault.check(&Known {
            symbols: &symbols,
            accounts: &accounts,
        })
    }

    /// Gives an account one more API key, or the key other powers.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn add_key(&self, account: AccountId, key: &KeyConfig) -> Result<(), KeyError> {
        let verifier = key.verifier()?;
        let entry = Rc::new(Key {
            account,
            verifier,
            trading: key.trading,
        });
        self.keys.borrow_mut().insert(key.api_key.clone(), entry);
        Ok(())
    }

    /// Takes a key away, and with it the sessions that it logged on; whether it was there.
    pub fn revoke_key(&self, api_key: &str) -> bool {
        let found = self.keys.borrow_mut().remove(api_key).is_some();
        self.users.revoke(self, api_key);
        found
    }

    /// A number that no other call gets: request ids.
    pub fn next_number(&self) -> u64 {
        let next = self.counter.get() + 1;
        self.counter.set(next);
        next
    }

    /// Takes what the model did since the last call to the streams, at once and best prices first, and
    /// to the user-data queue, which [`UserHub::flush`] empties after the response.
    pub fn settle(&self) {
        let events = self.model.borrow_mut().drain_events();
        if events.is_empty() {
            return;
        }
        self.events.set(self.events.get() + events.len() as u64);
        for event in &events {
            if let Event::BookTicker(ticker) = event {
                self.streams.book_ticker(self, ticker);
            }
        }
        let mut user_events = false;
        let mut trades = Vec::new();
        for event in events {
            match event {
                Event::BookTicker(_) | Event::SymbolStatusChanged { .. } => {}
                Event::Trade(trade) => trades.push(trade),
                Event::BookChanged(change) => self.streams.book_changed(&change),
                Event::Execution(report) => {
                    if report.execution == ExecutionType::Trade {
                        self.credit(&report);
                    }
                    user_events = true;
                    self.users.push(Event::Execution(report));
                }
                Event::AccountPosition(_) | Event::BalanceUpdate(_) => {
                    user_events = true;
                    self.users.push(event);
                }
            }
        }
        self.streams.trades(self, &trades);
        if user_events {
            self.users.wake();
        }
    }

    /// The first fill of an order gives some of its account's order count back.
    fn credit(&self, report: &crate::model::ExecutionReport) {
        let Some(trade) = &report.trade else { return };
        if report.order.executed_qty == trade.quantity {
            let now_us = self.now_us();
            self.limits.borrow_mut().credit_first_fill(
                report.order.account,
                trade.is_maker,
                now_us,
            );
        }
    }
}

fn keys(config: &ExchangeConfig) -> Result<HashMap<String, Rc<Key>>, KeyError> {
    let mut keys = HashMap::new();
    for account in &config.accounts {
        for key in &account.keys {
            let entry = Key {
                account: account.id,
                verifier: key.verifier()?,
                trading: key.trading,
            };
            keys.insert(key.api_key.clone(), Rc::new(entry));
        }
    }
    Ok(keys)
}
