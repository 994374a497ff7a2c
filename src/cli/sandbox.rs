//! `sandbox`: only the Chatwork simulator, until Ctrl-C.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;

use crate::domain::{Clock as _, SystemClock};
use crate::sandbox::{Sandbox, SandboxConfig};

use super::Exit;
use super::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address to listen on; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8789")]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut config = SandboxConfig::new(Arc::new(|| SystemClock.now().0));
    config.listen = arguments.listen;
    let sandbox =
        Sandbox::start(config).await.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    terminal.say(&format!("CHATWORK_API_BASE={}", sandbox.api_base()));
    terminal.talk(&format!(
        "{} http://{}/_sandbox/ (docs/sandbox.md)",
        terminal.words("操作はこちらへ:", "steer it at"),
        sandbox.addr()
    ));
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    sandbox.stop().await;
    Ok(Exit::Done)
}
