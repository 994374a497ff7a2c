//! Every number that the program shows to a monitoring system, in one list. Labels are fixed words, never ids of people.
//!
//! Never: a global recorder (two bots in one process must not share counts), a label made of received text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// So many declared windows without a read, and the mirror does not work any more.
const LATE: u32 = 4;
/// So many batches of a follower that failed in a row, and it is stuck.
const STUCK: u32 = 5;

/// Handles to the counters and gauges. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Some room was not read for far longer than planned.
    rooms_late: AtomicBool,
    /// What the last answer of Chatwork said; below zero before the first.
    api_remaining: AtomicI64,
    /// Followers whose last batch failed, and how many failed in a row.
    failing: Mutex<BTreeMap<&'static str, u32>>,
    /// Deliveries whose signature fits no token, since the start.
    mismatches: AtomicU64,
    /// A delivery could not be made durable, and nothing could be written since.
    unwritable: AtomicBool,
    /// Kinds of trouble that stand.
    troubles: Mutex<BTreeSet<&'static str>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self(Arc::new(Inner {
            recorder,
            handle,
            rooms_late: AtomicBool::new(false),
            api_remaining: AtomicI64::new(-1),
            failing: Mutex::default(),
            mismatches: AtomicU64::new(0),
            unwritable: AtomicBool::new(false),
            troubles: Mutex::default(),
        }))
    }
}

impl Metrics {
    /// `karibarai_webhook_answers_total{answer}`: deliveries by HTTP answer.
    pub fn webhook_answer(&self, answer: u16) {
        let answer = match answer {
            200 => "200",
            401 => "401",
            408 => "408",
            413 => "413",
            503 => "503",
            _ => "other",
        };
        self.counter("karibarai_webhook_answers_total", &[("answer", answer)]).increment(1);
    }

    /// `karibarai_webhook_rejections_total{reason}`: deliveries whose signature was refused.
    pub fn webhook_rejected(&self, reason: &'static str) {
        self.counter("karibarai_webhook_rejections_total", &[("reason", reason)]).increment(1);
        if reason == "mismatch" {
            self.0.mismatches.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Deliveries whose signature fits none of the tokens, since the start.
    pub fn mismatches(&self) -> u64 {
        self.0.mismatches.load(Ordering::Relaxed)
    }

    /// A delivery could not be made durable, or something could be written again.
    pub fn unwritable(&self, it: bool) {
        self.0.unwritable.store(it, Ordering::Relaxed);
    }

    /// Nothing could be written since a delivery could not be made durable.
    pub fn is_unwritable(&self) -> bool {
        self.0.unwritable.load(Ordering::Relaxed)
    }

    /// `karibarai_trouble{kind}`: 1 while something keeps the bot from its work, else 0.
    pub fn trouble(&self, kind: &'static str, stands: bool) {
        self.gauge("karibarai_trouble", &[("kind", kind)]).set(if stands { 1.0 } else { 0.0 });
        let mut troubles = self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if stands {
            troubles.insert(kind);
        } else {
            troubles.remove(kind);
        }
    }

    /// Kinds of trouble that stand, by name.
    pub fn troubles(&self) -> Vec<&'static str> {
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// `karibarai_observations_total{outcome}`: what became of verified deliveries (`new`, `known`).
    pub fn observed(&self, outcome: &'static str) {
        self.counter("karibarai_observations_total", &[("outcome", outcome)]).increment(1);
    }

    /// `karibarai_replies_total{purpose,outcome}`: ends of outbox rows.
    pub fn reply_ended(&self, purpose: &'static str, outcome: &'static str) {
        self.counter("karibarai_replies_total", &[("purpose", purpose), ("outcome", outcome)]).increment(1);
    }

    /// `karibarai_ledger_entries`: size of the tree.
    pub fn ledger_size(&self, size: u64) {
        self.gauge("karibarai_ledger_entries", &[]).set(approximate(size));
    }

    /// `karibarai_follower_lag_entries{follower}`: entries that a follower has still to read.
    pub fn follower_lag(&self, follower: &'static str, entries: u64) {
        self.gauge("karibarai_follower_lag_entries", &[("follower", follower)]).set(approximate(entries));
    }

    /// `karibarai_follower_errors_total{follower}`; returns how many batches failed in a row.
    pub fn follower_failed(&self, follower: &'static str) -> u32 {
        self.counter("karibarai_follower_errors_total", &[("follower", follower)]).increment(1);
        let mut failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let in_a_row = failing.entry(follower).or_default();
        *in_a_row = in_a_row.saturating_add(1);
        *in_a_row
    }

    /// A batch of the follower went well.
    pub fn follower_went_on(&self, follower: &'static str) {
        self.0.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(follower);
    }

    /// Followers that come no further: their batches fail again and again.
    pub fn stuck_followers(&self) -> Vec<&'static str> {
        let failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.iter().filter(|(_, in_a_row)| **in_a_row >= STUCK).map(|(follower, _)| *follower).collect()
    }

    /// `karibarai_api_errors_total{kind}`: calls to Chatwork that failed.
    pub fn api_failed(&self, kind: &'static str) {
        self.counter("karibarai_api_errors_total", &[("kind", kind)]).increment(1);
    }

    /// `karibarai_api_remaining`: calls left in Chatwork's present window.
    pub fn api_remaining(&self, remaining: u64) {
        self.gauge("karibarai_api_remaining", &[]).set(approximate(remaining));
        self.0.api_remaining.store(i64::try_from(remaining).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Calls left in Chatwork's present window, as its last answer said.
    pub fn calls_left(&self) -> Option<u64> {
        u64::try_from(self.0.api_remaining.load(Ordering::Relaxed)).ok()
    }

    /// `karibarai_outbox_waiting`: replies decided and not yet ended.
    pub fn outbox_waiting(&self, rows: usize) {
        self.gauge("karibarai_outbox_waiting", &[]).set(approximate(rows as u64));
    }

    /// `karibarai_files_total{outcome}`: attempts to fetch a file (`stored`, or why not).
    pub fn file_tried(&self, outcome: &'static str) {
        self.counter("karibarai_files_total", &[("outcome", outcome)]).increment(1);
    }

    /// `karibarai_gaps_found_total`: holes recorded by this run.
    pub fn gaps_found(&self, holes: usize) {
        self.counter("karibarai_gaps_found_total", &[]).increment(holes as u64);
    }

    /// `karibarai_rooms{state}` (`watched`, `lost`), `karibarai_room_unread_seconds` (the longest since a complete read
    /// of any room that can be read), `karibarai_exposure_seconds{of}` (`today`: the longest between two complete reads;
    /// `declared`: beyond it a hole is recorded).
    pub fn coverage(
        &self,
        watched: usize,
        lost: usize,
        unread: Duration,
        today: Duration,
        declared: Duration,
    ) {
        self.gauge("karibarai_rooms", &[("state", "watched")]).set(approximate(watched as u64));
        self.gauge("karibarai_rooms", &[("state", "lost")]).set(approximate(lost as u64));
        self.gauge("karibarai_room_unread_seconds", &[]).set(unread.as_secs_f64());
        self.gauge("karibarai_exposure_seconds", &[("of", "today")]).set(today.as_secs_f64());
        self.gauge("karibarai_exposure_seconds", &[("of", "declared")]).set(declared.as_secs_f64());
        self.0.rooms_late.store(unread > declared * LATE, Ordering::Relaxed);
    }

    /// At the last pass some room that can be read had been unread for far longer than declared.
    pub fn rooms_late(&self) -> bool {
        self.0.rooms_late.load(Ordering::Relaxed)
    }

    /// The text exposition format of Prometheus.
    pub fn render(&self) -> String {
        self.0.handle.render()
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &'static str)]) -> Counter {
        self.0.recorder.register_counter(&key(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &'static str)]) -> Gauge {
        self.0.recorder.register_gauge(&key(name, labels), &METADATA)
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    Key::from_parts(
        name,
        labels.iter().map(|(key, value)| Label::from_static_parts(key, value)).collect::<Vec<_>>(),
    )
}

/// Prometheus knows floating point alone; beyond 2^53 the last digits do not matter to a graph.
fn approximate(value: u64) -> f64 {
    value as f64
}
