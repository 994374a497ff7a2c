//! The machine's clock as it should not be: in another zone, on a leap day, at the end of a year, beyond 2038, and stepping back
//! and forth under the running program (`faketime`). Entries keep their order, times are those of the clock in UTC, what is
//! shown and filed is Japan's time, and everything verifies.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Place, Sender, founded};

/// Local time of the zone as `faketime` takes it, the zone, and what stands in the record (UTC) and on the mirror's file (Japan).
const MOMENTS: &[(&str, &str, &str, &str)] = &[
    ("@2028-02-29 23:59:30", "Asia/Tokyo", "2028-02-29T", "2028-0"),
    ("@2028-02-29 12:30:00", "America/New_York", "2028-02-29T17:", "2028-03"),
    ("@2026-12-31 23:30:00", "UTC", "2026-12-31T23:", "2027-01"),
    ("@2027-01-01 00:10:00", "Asia/Tokyo", "2026-12-31T15:", "2027-01"),
    ("@2027-03-14 02:30:00", "America/New_York", "2027-03-14T0", "2027-03"),
    ("@2038-01-19 03:14:05", "UTC", "2038-01-19T03:", "2038-01"),
    ("@2107-05-01 12:00:00", "Europe/London", "2107-05-01T11:", "2107-05"),
];

fn faked(place: Place, zone: &str) -> Place {
    place
        .with("TZ", zone)
        // Timers are another clock, which never steps.
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
}

fn lines(place: &Place) -> Vec<Value> {
    let output = place.run(&["log", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn mirrored(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mirrored(&path, found);
        } else {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_moments_and_zones_are_recorded_as_they_are() {
    for (moment, zone, utc, month) in MOMENTS {
        let what = format!("{moment} {zone}");
        let folder = tempfile::tempdir().unwrap();
        let place = founded(folder.path(), 1).await;
        let place = faked(place, zone).with("FAKETIME", moment);
        let run = place.serve(&[]);
        let Some(url) = run.url() else { panic!("{what}: {}", run.terminate().1) };
        let taken = Sender::new().burst(&url, 1_000_000..1_000_003).await;
        assert_eq!(taken.len(), 3, "{what}");
        place.read_up().await;
        let (status, said) = run.terminate();
        assert!(status.success() && !said.contains("panicked"), "{what}: {said}");
        let lines = lines(&place);
        let ours = |it: &&Value| it["message_id"].as_str().is_some_and(|it| it.starts_with("100000"));
        let seen: Vec<&str> =
            lines.iter().filter(ours).map(|it| it["observed_at"].as_str().unwrap()).collect();
        assert_eq!(seen.len(), 3, "{what}");
        // The clock runs on from the moment.
        let day = &utc[..8];
        assert!(seen.iter().all(|it| it.starts_with(utc) || it.starts_with(day)), "{what}: {seen:?}");
        assert!(seen.iter().all(|it| it.ends_with('Z')), "{what}: {seen:?}");
        let mut files = Vec::new();
        mirrored(&place.data().join("mirror"), &mut files);
        assert!(files.iter().any(|it| it.starts_with(month)), "{what}: {files:?}");
        place.sound(&what);
    }
    println!("odd moments: {} with their zones, all in order", MOMENTS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_and_forth_loses_and_reorders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let steps = folder.path().join("clock");
    fs::write(&steps, "+0").unwrap();
    let place = founded(folder.path(), 3).await;
    let place = faked(place, "America/New_York")
        .with("FAKETIME_TIMESTAMP_FILE", steps.to_str().unwrap())
        .with("FAKETIME_NO_CACHE", "1");
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    let sender = Sender::new();
    let mut all = Vec::new();
    let offsets = ["+0", "-1h", "+1h", "-2d", "+40d", "-400d", "+11y", "+0"];
    for (n, offset) in (0..).zip(offsets) {
        fs::write(&steps, offset).unwrap();
        let first = 1_000_000 + n * 10;
        let taken = sender.burst(&url, first..first + 5).await;
        assert_eq!(taken.len(), 5, "after a step to {offset}");
        all.extend(taken);
        place.read_up().await;
    }
    let (status, said) = run.terminate();
    assert!(status.success() && !said.contains("panicked"), "{said}");
    let lines = lines(&place);
    let numbers: Vec<u64> = lines.iter().map(|it| it["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    let ids: Vec<u64> = lines.iter().filter_map(|it| it["message_id"].as_str()?.parse().ok()).collect();
    let ours: Vec<u64> = ids.into_iter().filter(|it| all.contains(it)).collect();
    assert_eq!(ours.len(), all.len(), "each once");
    place.recovers(&all, "after all steps").await;
    println!("clock steps: {} steps, {} deliveries, losses 0", offsets.len(), all.len());
}
