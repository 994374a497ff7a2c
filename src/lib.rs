//! karibarai (仮払い): a Chatwork webhook bot for people who take work on CrowdWorks.

pub mod cases;
pub mod chatwork;
pub mod cli;
pub mod config;
pub mod detect;
pub mod domain;
pub mod follow;
pub mod ledger;
pub mod proof;
pub mod receive;
pub mod reconcile;
pub mod reply;
pub mod review;
pub mod sandbox;
pub mod store;
pub mod upkeep;
