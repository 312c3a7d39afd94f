//! One channel with its queue.

use std::rc::Rc;
use std::time::Duration;

use tripline_engine::messages::alert::Alert;
use tripline_engine::time::Timestamp;

use super::messages::ChannelStats;
use super::queue::Queue;
use super::render::SUMMARY_LINE;
use super::{Channel, Route, Routed};

pub(super) struct Lane {
    pub(super) channel: Rc<dyn Channel>,
    pub(super) route: Route,
    pub(super) queue: Queue,
    /// A message is on its way: what comes meanwhile waits, so order holds.
    pub(super) busy: bool,
    /// When the rate has room again, and a timer that looks then.
    pub(super) wakes: Option<Timestamp>,
    pub(super) stats: ChannelStats,
}

impl Lane {
    fn new((channel, route): Routed, capacity: usize) -> Self {
        let summary = match channel.lists_all() {
            // Markup may double the text; the lines of critical alerts must not be cut.
            true => channel.text_limit() / (2 * SUMMARY_LINE),
            false => usize::MAX,
        };
        Self {
            route: route.of(channel.reach()),
            queue: Queue::new(capacity, channel.rate(), summary),
            busy: false,
            wakes: None,
            stats: ChannelStats {
                channel: channel.name().to_owned(),
                ..ChannelStats::default()
            },
            channel,
        }
    }

    fn is_first(&self) -> bool {
        self.route.delay() == Duration::ZERO
    }
}

/// The channels, by their places.
pub(super) struct Lanes(pub(super) Vec<Lane>);

impl Lanes {
    /// Where every channel that leaves the machine would wait, the earliest of them do not: nobody else
    /// would be told.
    pub(super) fn new(channels: Vec<Routed>, capacity: usize) -> Self {
        let lanes = channels.into_iter();
        let mut lanes: Vec<Lane> = lanes.map(|routed| Lane::new(routed, capacity)).collect();
        let remote = lanes.iter_mut().filter(|lane| lane.channel.is_remote());
        let mut remote: Vec<&mut Lane> = remote.collect();
        let earliest = remote.iter().map(|lane| lane.route.delay()).min();
        for lane in &mut remote {
            if Some(lane.route.delay()) == earliest {
                lane.route.after = Some(Duration::ZERO);
            }
        }
        Self(lanes)
    }

    fn places(&self, wanted: impl Fn(&Lane) -> bool) -> Vec<usize> {
        let lanes = self.0.iter().enumerate();
        let wanted = lanes.filter(|(_, lane)| wanted(lane));
        wanted.map(|(place, _)| place).collect()
    }

    /// The channels that get the alert at once. One that no route takes goes to all of them: no route
    /// silences an alert.
    pub(super) fn first(&self, alert: &Alert) -> Vec<usize> {
        let is_for = |lane: &Lane| lane.is_first() && lane.route.takes(alert);
        let some_remote = |lane: &Lane| lane.channel.is_remote();
        let has_remote = self.0.iter().any(some_remote);
        if has_remote && !self.0.iter().any(|lane| is_for(lane) && some_remote(lane)) {
            return self.places(|lane| lane.is_first() && (is_for(lane) || some_remote(lane)));
        }
        self.places(is_for)
    }

    /// The channels that get it later, and how much later.
    pub(super) fn later(&self, alert: &Alert) -> Vec<(usize, Duration)> {
        let is_for = |lane: &Lane| !lane.is_first() && lane.route.takes(alert);
        let places = self.places(is_for).into_iter();
        let later = places.filter_map(|place| Some((place, self.0.get(place)?.route.delay())));
        later.collect()
    }
}
