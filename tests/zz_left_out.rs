//! Says loudly, at the end of a plain `cargo test`, what only `tests/run` checks. No harness: its words are always seen.

#![expect(clippy::disallowed_methods, reason = "asks who called, which is no setting of the program")]

use std::io::Write as _;

/// What `tests/run` does beyond `cargo test`; a step added there is named here.
const LEFT_OUT: &[&str] = &[
    "format (cargo fmt --check)",
    "lints (clippy with the settings of .ci/, warnings refused)",
    "the demo, from the script to its exit code",
    "receiving, reminding, erasing, rebuilding and searching on PostgreSQL (cargo test runs the store's own tests on it)",
    "the copy in an object storage that speaks S3 (cargo test makes it in a folder)",
    "the pages and verify.html in a real browser (tests/browser)",
    "full and read-only disks, where the tests are not run by root",
    "deploy/nginx.conf, deploy/Caddyfile, the tunnel and the systemd unit, where nginx, Caddy, sshd and systemd-analyze are not installed",
    "the container, which tests/run --long builds where podman or docker is at hand",
];

fn main() {
    if std::env::var_os("KARIBARAI_TESTS_RUN").is_some() {
        return;
    }
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "\n  NOT CHECKED by `cargo test` alone; `tests/run` does all of it:");
    for part in LEFT_OUT {
        let _ = writeln!(out, "    - {part}");
    }
    let _ = writeln!(out);
}
