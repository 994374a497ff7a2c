//! The whole program through its real doors: sockets, command line, the simulated Chatwork.

#![expect(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod anchors;
mod around;
mod backtest;
mod backup;
mod command;
mod control;
mod crash;
mod deliveries;
mod deploy;
mod desk;
mod doctor;
mod erase;
mod evidence;
mod files;
mod import;
mod leaks;
mod manuals;
mod mirror;
mod mirror_truth;
mod objects;
mod pages;
mod paper;
mod places;
mod proxy;
mod rebuild;
mod receive;
mod reminder;
mod review;
mod scenario;
mod search;
mod setup;
mod store;
mod support;
mod sweep;
mod tamper;
mod template;
mod troubles;
mod vectors;
mod witness;
mod writers;
