//! Through the door, over real sockets.

use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use actix::{Actor, Addr};
use serde_json::json;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltBoard, HaltLevel, HaltPolicy, Scope};
use tripline_engine::ids::RunId;
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::time::Timestamp;

use super::*;
use crate::alert::testing::alert;
use crate::alert::{AlertActor, Settings};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::health::PartsCell;

fn alerts() -> Addr<AlertActor> {
    let clock = Clock::starting_at(Timestamp::from_millis(1_795_000_000_000));
    let log = crate::alert::channels::log::Config::default();
    let log: crate::alert::ChannelConfig = log.into();
    let http = crate::alert::Http::new(None).unwrap();
    let channels = crate::alert::build_channels(&[log], &http).unwrap();
    AlertActor::new(channels, clock, Settings::default(), Rc::new(|_, _| {})).start()
}

/// What stands behind the door of an engine that has not started yet.
fn desk(alerts: &Addr<AlertActor>) -> Desk {
    let (faults, _) = Faults::channel(
        HaltBoard::new(),
        HaltPolicy::default(),
        std::sync::Arc::new(|_| {}),
    );
    Desk {
        alerts: alerts.clone(),
        faults,
        clock: Clock::starting_at(Timestamp::from_millis(1_795_000_000_000)),
        run: RunId::from_millis(1_795_000_000_000),
        account: "main".parse().unwrap(),
        live: false,
        parts: PartsCell::default(),
        halt_file: None,
        life: Life::new(None, std::time::Duration::from_secs(2)),
    }
}

fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tripline-door-{}-{name}.sock", std::process::id()))
}

fn open(path: &std::path::Path, alerts: &Addr<AlertActor>) -> Result<Door, ControlError> {
    let settings = DoorSettings {
        socket: Some(path.to_owned()),
        http: None,
    };
    Door::open(settings, desk(alerts))
}

#[actix_rt::test]
async fn an_alert_is_listed_and_acknowledged_through_the_socket() {
    let (path, alerts) = (socket("ack"), alerts());
    let door = open(&path, &alerts).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "only its owner may open it");
    alerts
        .send(alert(Severity::Critical, "halted"))
        .await
        .unwrap();
    let client = Client::new(&path);
    let listed = client.ask(Asked::Get("/v1/alerts")).await.unwrap();
    assert_eq!(listed["open"][0]["title"], "halted");
    let id = listed["open"][0]["id"].clone();
    let order = json!({ "id": id, "by": "ann" });
    let post = |order| client.ask(Asked::Post("/v1/alerts/ack", order));
    let seen = post(order.clone()).await.unwrap();
    assert_eq!(seen["acknowledged"][0]["id"], id);
    let error = post(order).await.unwrap_err();
    assert!(
        matches!(error, ControlError::Refused { status: 404, .. }),
        "{error}"
    );
    let error = post(json!({ "id": 5 })).await.unwrap_err();
    assert!(
        matches!(error, ControlError::Refused { status: 400, .. }),
        "{error}"
    );
    let error = client.ask(Asked::Get("/v1/elsewhere")).await.unwrap_err();
    assert!(
        matches!(error, ControlError::Refused { status: 404, .. }),
        "{error}"
    );
    drop(door);
    let error = client.ask(Asked::Get("/v1/alerts")).await.unwrap_err();
    assert!(matches!(error, ControlError::NoAnswer { .. }), "{error}");
    assert!(!path.exists());
}

#[actix_rt::test]
async fn a_socket_that_a_dead_engine_left_is_replaced_and_that_of_a_living_one_is_not() {
    let (path, alerts) = (socket("left"), alerts());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let door = open(&path, &alerts).unwrap();
    let error = open(&path, &alerts).err().unwrap();
    assert!(matches!(error, ControlError::InUse { .. }), "{error}");
    drop(door);
    std::fs::write(&path, "a file").unwrap();
    assert!(open(&path, &alerts).is_err());
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "a file",
        "nothing is overwritten"
    );
    std::fs::remove_file(&path).unwrap();
}

#[actix_rt::test]
async fn over_http_the_token_is_needed_and_only_this_machine_listens() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = |address| DoorSettings {
        socket: None,
        http: Some((address, "the-token".to_owned().into())),
    };
    let alerts = alerts();
    let desk = desk(&alerts);
    let error = Door::open(settings("0.0.0.0:0".parse().unwrap()), desk.clone())
        .err()
        .unwrap();
    assert!(matches!(error, ControlError::NotLocal { .. }), "{error}");
    let _door = Door::open(settings(address), desk).unwrap();
    let ask = async |token: &str| {
        let client = awc::Client::default();
        let request = client.get(format!("http://{address}/v1/alerts"));
        let request = request.insert_header(("authorization", token));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("Bearer the-token").await, 200);
    for wrong in ["Bearer the-toke", "the-token", "Bearer ", ""] {
        assert_eq!(ask(wrong).await, 401, "{wrong}");
    }
}

#[actix_rt::test]
async fn an_order_to_halt_is_carried_out_at_once_and_with_an_id_once() {
    let (path, alerts) = (socket("halt"), alerts());
    let desk = desk(&alerts);
    let board = desk.faults.board().clone();
    let settings = DoorSettings {
        socket: Some(path.clone()),
        http: None,
    };
    let _door = Door::open(settings, desk).unwrap();
    let client = Client::new(&path);
    let halt = |order| client.ask(Asked::Post("/v1/halt", order));
    let order = json!({ "scope": "account", "reason": "drill", "who": "ann", "level": "reduce_only",
        "resting_orders": "keep", "command_id": "one" });
    let first = halt(order.clone()).await.unwrap();
    assert_eq!(halt(order.clone()).await.unwrap(), first);
    let account = Scope::Account("main".parse().unwrap());
    let standing = board.standing(&account).unwrap();
    assert_eq!((standing.level, standing.epoch), (HaltLevel::ReduceOnly, 1));
    let incident = &standing.incidents[0];
    assert_eq!(incident.fault.kind, FaultKind::Manual);
    assert_eq!(incident.fault.actor, "operator ann");
    assert_eq!(incident.reaction.resting_orders, RestingOrders::Keep);
    assert_eq!(first["halted"]["incident"]["id"], incident.id.0);
    let status = client.ask(Asked::Get("/v1/status")).await.unwrap();
    assert_eq!(
        (&status["version"], &status["started"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(status["scopes"][0]["scope"], "account");
    assert_eq!(status["scopes"][0]["level"], "reduce_only");

    let mut other = order.clone();
    other["reason"] = "something else".into();
    let refused = [
        (other, 409),
        (
            json!({ "scope": "account", "reason": " ", "who": "ann" }),
            400,
        ),
        (
            json!({ "scope": "account", "reason": "drill", "who": "" }),
            400,
        ),
        (json!({ "scope": "account", "reason": "drill" }), 400),
        (
            json!({ "scope": "account", "reason": "drill", "who": "ann", "level": "active" }),
            400,
        ),
        (
            json!({ "scope": "everywhere", "reason": "drill", "who": "ann" }),
            400,
        ),
        (
            json!({ "scope": "account", "reason": "drill", "who": "ann", "levle": "halted" }),
            400,
        ),
        (
            json!({ "scope": "strategy:quote", "reason": "drill", "who": "ann" }),
            503,
        ),
    ];
    for (order, wanted) in refused {
        match halt(order.clone()).await {
            Err(ControlError::Refused { status, .. }) => assert_eq!(status, wanted, "{order}"),
            other => panic!("{order}: {other:?}"),
        }
    }
    assert_eq!(board.standing(&account).unwrap().epoch, 1);
}

#[actix_rt::test]
async fn the_sign_of_life_is_that_of_what_trades() {
    let (path, alerts) = (socket("alive"), alerts());
    let pulse = crate::watchdog::Pulses::default().trading;
    let stuck_after = std::time::Duration::from_millis(400);
    let ticking = actix_rt::spawn(pulse.clone().keep(stuck_after));
    let settings = DoorSettings {
        socket: Some(path.clone()),
        http: None,
    };
    let life = Life::new(Some(pulse.clone()), stuck_after);
    let desk = Desk {
        life: life.clone(),
        ..desk(&alerts)
    };
    let _door = Door::open(settings, desk).unwrap();
    let client = Client::new(&path);
    let alive = || client.ask(Asked::Get("/v1/alive"));
    let told = alive().await.unwrap();
    assert_eq!(told["run"], json!(RunId::from_millis(1_795_000_000_000)));
    assert_eq!(told["stopping"], false);
    life.stop();
    assert_eq!(alive().await.unwrap()["stopping"], true);
    ticking.abort();
    while pulse.age() < stuck_after {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let error = alive().await.unwrap_err();
    assert!(
        matches!(error, ControlError::Refused { status: 503, .. }),
        "{error}"
    );
}
