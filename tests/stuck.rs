//! What holds up the engine's threads is seen from outside of them, and orders are cancelled all the same: by the
//! safety actor's own connection when the gateway cannot, by the gateway when the safety actor cannot.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use support::hand::{Hand, buy};
use support::proxy::Proxy;
use support::quoter::Ticking;
use support::receiver::Robot;
use support::{Exchange, engine_with, settings, symbol, until};
use tripline::running::{ExitReport, Running};
use tripline::settings::EngineSettings;
use tripline_actors::alert::{Channel, ChannelError, Rendered};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltBoard, HaltLevel, Scope};
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::order::{NewOrder, OrderState, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};
use tripline_engine::time::Timestamp;

/// For how long the next callback does not return, in milliseconds; 0 for not at all.
#[derive(Clone, Default)]
struct Block(Arc<AtomicU64>);

impl Block {
    fn set(&self, lasts: Duration) {
        let lasts = u64::try_from(lasts.as_millis()).unwrap();
        self.0.store(lasts, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// As a strategy does that waits for something in a callback.
    fn wait(&self) {
        let millis = self.0.load(Ordering::SeqCst);
        if millis > 0 {
            std::thread::sleep(Duration::from_millis(millis));
            self.0.store(0, Ordering::SeqCst);
        }
    }
}

/// Rests an order at each of its first ticks; blocks when it is told to, and places before and after that.
struct Blocker {
    block: Block,
    /// It has something to tell a person, once its orders rest.
    talks: Arc<AtomicBool>,
    ready: bool,
    placed: u32,
}

impl Blocker {
    fn place(&mut self, ctx: &mut Context<'_>) {
        let price = format!("{}", 50_000 + self.placed);
        let (quantity, price) = ("0.01".parse().unwrap(), price.parse().unwrap());
        let order = NewOrder::limit(symbol("BTCUSDT"), Side::Buy, quantity, price);
        // A refusal is what is hoped for after the latch.
        self.placed += u32::from(ctx.place(order).is_ok());
    }
}

impl Strategy for Blocker {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(symbol("BTCUSDT"))]
    }

    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.ready = true;
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, _: &BestBidAsk) -> StrategyResult {
        if self.ready && self.placed < 10 {
            self.place(ctx);
        }
        if self.placed == 10 && self.talks.swap(false, Ordering::SeqCst) {
            ctx.alert(Severity::Info, "all is well");
        }
        if !self.block.is_over() {
            self.block.wait();
            self.place(ctx);
        }
        Ok(())
    }
}

/// What it can be told, beside its orders.
struct Stuck {
    text: String,
    end: bool,
}

/// An engine on a thread of its own, which may be stuck.
struct Apart {
    board: HaltBoard,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: JoinHandle<(ExitReport, usize)>,
    stuck: Arc<Mutex<Vec<Stuck>>>,
}

/// What a test changes.
struct Change {
    block: Block,
    talks: Arc<AtomicBool>,
    /// Makes the only alert channel block.
    slow: Option<Block>,
    settings: EngineSettings,
}

impl Apart {
    async fn start(exchange: &Exchange, robot: &Robot, change: Change) -> Self {
        let (began, begun) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let stuck = Arc::new(Mutex::new(Vec::new()));
        let (said, channel, address) = (stuck.clone(), robot.channel(), exchange.addr());
        let thread = std::thread::spawn(move || {
            let (mut venue, credentials) = tripline::binance_on(address);
            support::hurry(&mut venue);
            let Change {
                block,
                talks,
                slow,
                settings,
            } = change;
            let strategy = Blocker {
                block,
                talks,
                ready: false,
                placed: 0,
            };
            let builder = tripline::Tripline::builder(settings)
                .binance(venue, credentials)
                .on_stuck(Arc::new(move |text, end| {
                    let text = text.to_owned();
                    said.lock().unwrap().push(Stuck { text, end });
                }))
                .strategy("blocker", strategy)
                .unwrap();
            let builder = match slow {
                Some(block) => builder.alert_channel(move || Rc::new(Slow(block))),
                None => builder.alert(channel),
            };
            actix_rt::System::new().block_on(async move {
                let running = builder.start().await.unwrap();
                began.send(running.board().clone()).unwrap();
                stopped.await.unwrap();
                let open = open_in(&running).await;
                (running.stop().await, open)
            })
        });
        let board = tokio::task::spawn_blocking(move || begun.recv().unwrap());
        Self {
            board: board.await.unwrap(),
            stop: Some(stop),
            thread,
            stuck,
        }
    }

    fn is_halted(&self, scope: Scope) -> Option<Timestamp> {
        let standing = self.board.standing(&scope)?;
        let mut incidents = standing.incidents.iter();
        let stuck = incidents.find(|one| one.fault.kind == FaultKind::ArbiterStuck)?;
        (standing.level == HaltLevel::Halted).then_some(stuck.fault.at)
    }

    /// Stops it in order; gives the report, and how many orders it held for open before.
    async fn stop(mut self) -> (ExitReport, usize) {
        self.stop.take().unwrap().send(()).unwrap();
        let thread = self.thread;
        let ended = tokio::task::spawn_blocking(move || thread.join().unwrap());
        ended.await.unwrap()
    }
}

async fn open_in(running: &Running) -> usize {
    let desk = running.snapshot().await.unwrap().desk;
    let orders = desk.orders.iter();
    orders.filter(|order| order.state.may_be_open()).count()
}

/// An alert channel that may block its thread.
struct Slow(Block);

impl Channel for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn send<'a>(
        &'a self,
        _: &'a Rendered,
        _: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        self.0.wait();
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn ten_rest(exchange: &Exchange) {
    until("ten orders rest", || async {
        exchange.open_orders().await.len() == 10
    })
    .await;
}

fn patient() -> EngineSettings {
    EngineSettings {
        stuck_after: Duration::from_secs(1),
        ..settings()
    }
}

fn account() -> Scope {
    Scope::Account("practice".parse().unwrap())
}

#[actix_rt::test]
async fn while_a_strategy_blocks_its_thread_the_account_is_halted_its_orders_cancelled_and_a_person_told()
 {
    let (exchange, robot) = (Rc::new(Exchange::start().await), Robot::start().await);
    let block = Block::default();
    let change = Change {
        block: block.clone(),
        talks: Arc::default(),
        slow: None,
        settings: patient(),
    };
    let engine = Apart::start(&exchange, &robot, change).await;
    let ticking = Ticking::start(&exchange);
    ten_rest(&exchange).await;
    block.set(Duration::from_secs(12));
    until("the account is halted", || async {
        engine.is_halted(account()).is_some()
    })
    .await;
    until("no order is left", || async {
        exchange.open_orders().await.is_empty()
    })
    .await;
    until("a person was told", || async {
        robot.told_of(FaultKind::ArbiterStuck)
    })
    .await;
    assert!(!block.is_over(), "all of that while it was stuck");
    let placed = exchange.placements().await.len();
    until("it is not stuck any more", || async { block.is_over() }).await;
    until("the sweep is told", || async {
        let texts = robot.texts();
        texts.iter().any(|text| text.contains("10 orders"))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await; // Ticks go on.
    assert_eq!(exchange.placements().await.len(), placed);
    drop(ticking);
    let (report, open) = engine.stop().await;
    assert_eq!(open, 0, "it knows that they are cancelled");
    assert_eq!(report.exit_code(), 3, "the halt stands: {report:?}");
    let orders = exchange.orders().await;
    assert!(orders.iter().all(|order| order["status"] == "CANCELED"));
}

#[actix_rt::test]
async fn when_what_tells_a_person_is_stuck_everything_is_halted_and_swept_and_in_the_end_the_process_given_up()
 {
    let (exchange, robot) = (Rc::new(Exchange::start().await), Robot::start().await);
    let slow = Block::default();
    let talks = Arc::<AtomicBool>::default();
    let change = Change {
        block: Block::default(),
        talks: talks.clone(),
        slow: Some(slow.clone()),
        settings: patient(),
    };
    let engine = Apart::start(&exchange, &robot, change).await;
    let ticking = Ticking::start(&exchange);
    ten_rest(&exchange).await;
    slow.set(Duration::from_secs(8));
    // Nothing has gone wrong yet, and telling this blocks what tells.
    talks.store(true, Ordering::SeqCst);
    until("everything is halted", || async {
        engine.is_halted(Scope::Global).is_some()
    })
    .await;
    until("no order is left", || async {
        exchange.open_orders().await.is_empty()
    })
    .await;
    assert!(!slow.is_over(), "all of that while it was stuck");
    until("it is hopeless", || async {
        engine.stuck.lock().unwrap().iter().any(|said| said.end)
    })
    .await;
    let said: Vec<_> = {
        let said = engine.stuck.lock().unwrap();
        said.iter().map(|one| (one.text.clone(), one.end)).collect()
    };
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].0.contains("arbiter_stuck") && !said[0].1,
        "{said:?}"
    );
    until("it is not stuck any more", || async { slow.is_over() }).await;
    drop(ticking);
    assert_eq!(engine.stop().await.0.exit_code(), 3);
}

#[actix_rt::test]
async fn a_sweep_that_the_gateway_does_not_confirm_is_done_over_a_connection_of_its_own() {
    let (exchange, robot) = (Exchange::start().await, Robot::start().await);
    let proxy = Proxy::start(exchange.addr()).await;
    let (hand, address) = (Hand::default(), proxy.address);
    let running = engine_with(&exchange, settings(), |venue| {
        venue.ws_api_url = Some(format!("ws://{address}/ws-api/v3"));
        venue.bounds.request_timeout_ms = 5_000;
        venue.bounds.private_silence_ms = 6_000;
    })
    .alert(robot.channel())
    .strategy("hand", hand.strategy())
    .unwrap()
    .start()
    .await
    .unwrap();
    hand.is_ready(&exchange).await;
    let id = hand.place(&exchange, buy("50000", "0.01")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    let other = hand.place(&exchange, buy("50001", "0.01")).await.unwrap();
    hand.reaches(other, OrderState::Working).await;
    // The way on which the gateway cancels goes silent without a word.
    proxy.silence();
    let halted = running.clock().now();
    running.halt(Scope::Strategy("hand".parse().unwrap()), "drill");
    until("no order is left", || async {
        exchange.open_orders().await.is_empty()
    })
    .await;
    let took = running.clock().now().saturating_since(halted);
    println!("cancelled after {took:?}");
    assert!(
        took < Duration::from_millis(2_500),
        "before the gateway could: {took:?}"
    );
    // The gateway finds the way again, and what it was about to cancel is cancelled.
    until("the gateway knows", || async {
        open_in(&running).await == 0 && running.snapshot().await.unwrap().desk.sweeps == 0
    })
    .await;
    for id in [id, other] {
        assert_eq!(
            hand.events(id).last().unwrap().order.state,
            OrderState::Canceled
        );
    }
    let report = running.stop().await;
    let kinds = report
        .halted
        .iter()
        .flat_map(|(_, standing)| &standing.incidents);
    let kinds: Vec<_> = kinds.map(|incident| incident.fault.kind).collect();
    assert!(!kinds.contains(&FaultKind::OrderContradiction), "{kinds:?}");
    assert!(!kinds.contains(&FaultKind::OrderUnresolved), "{kinds:?}");
    assert_eq!(report.stop.open, 0);
}

#[actix_rt::test]
async fn what_the_gateway_confirms_in_time_is_left_to_it() {
    let exchange = Exchange::start().await;
    // Orders go by the WebSocket API: whoever lists by REST is the safety actor.
    let proxy = Proxy::start(exchange.addr()).await;
    let (hand, address) = (Hand::default(), proxy.address);
    let running = engine_with(&exchange, settings(), |venue| {
        venue.rest_url = Some(format!("http://{address}"));
    })
    .strategy("hand", hand.strategy())
    .unwrap()
    .start()
    .await
    .unwrap();
    hand.is_ready(&exchange).await;
    let id = hand.place(&exchange, buy("50000", "0.01")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    let before = proxy.heard("GET /api/v3/openOrders");
    running.halt(Scope::Global, "drill");
    hand.reaches(id, OrderState::Canceled).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await; // Longer than it is waited for.
    assert_eq!(proxy.heard("GET /api/v3/openOrders"), before);
    assert_eq!(running.stop().await.exit_code(), 3);
}

/// Names the exchange to the process that gets stuck.
const EXCHANGE: &str = "TRIPLINE_STUCK_EXCHANGE";

/// The process of the next test: an engine whose only alert channel never returns.
#[test]
fn the_process_that_gets_stuck() {
    let Ok(exchange) = std::env::var(EXCHANGE) else {
        return;
    };
    let (mut venue, credentials) = tripline::binance_on(exchange.parse().unwrap());
    support::hurry(&mut venue);
    let (quiet, slow) = (Block::default(), Block::default());
    slow.set(Duration::from_secs(600));
    let strategy = Blocker {
        block: quiet,
        talks: Arc::new(AtomicBool::new(true)),
        ready: false,
        placed: 0,
    };
    let builder = tripline::Tripline::builder(patient())
        .binance(venue, credentials)
        .alert_channel(move || Rc::new(Slow(slow)))
        .strategy("blocker", strategy)
        .unwrap();
    builder.run().unwrap();
}

#[actix_rt::test]
async fn a_process_that_can_tell_nobody_says_so_in_a_file_and_ends_with_a_code_of_its_own() {
    let exchange = Rc::new(Exchange::start().await);
    let folder = std::env::temp_dir().join(format!("tripline-stuck-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_gets_stuck", "--nocapture"])
        .current_dir(&folder)
        .env(EXCHANGE, exchange.addr().to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ticking = Ticking::start(&exchange);
    ten_rest(&exchange).await;
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = ended.await.unwrap();
    drop(ticking);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(71), "{said}");
    assert!(said.contains("safety and alerts are stuck"), "{said}");
    let file = std::fs::read_to_string(folder.join("tripline-unseen-fault.txt")).unwrap();
    assert!(file.contains("safety and alerts are stuck"), "{file}");
    assert_eq!(
        exchange.open_orders().await,
        Vec::<serde_json::Value>::new()
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// Not stuck: nothing of a busy start is taken for it.
#[actix_rt::test]
async fn an_engine_that_runs_is_not_stuck() {
    let (exchange, robot) = (Rc::new(Exchange::start().await), Robot::start().await);
    let change = Change {
        block: Block::default(),
        talks: Arc::default(),
        slow: None,
        settings: patient(),
    };
    let engine = Apart::start(&exchange, &robot, change).await;
    let ticking = Ticking::start(&exchange);
    ten_rest(&exchange).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(ticking);
    assert_eq!(engine.board.restricted(), []);
    assert_eq!(engine.stop().await.0.exit_code(), 0);
}
