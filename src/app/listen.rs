//! One HTTP listener with its bounds: connections, time for the head of a request, drain at the end.

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use super::AppError;

/// For the head of a request, the first or a further one of the connection.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Head of a request at most; Chatwork's is below 1 KiB.
const HEAD_BYTES: usize = 16 * 1024;
/// For requests that are under way when the program stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Binds at once, so that a port in use is told before anything else starts.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).map_err(|source| AppError::Listen { address, source })
}

/// Refuses connections beyond the cap; those that are open go on.
#[derive(Clone)]
struct Capped {
    handle: Handle<SocketAddr>,
    max: usize,
}

impl<S> Accept<TcpStream, S> for Capped {
    type Stream = TcpStream;
    type Service = S;
    type Future = Ready<io::Result<(TcpStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        if self.handle.connection_count() > self.max {
            return ready(Err(io::Error::other("too many connections")));
        }
        // An answer is one small segment; waiting to fill it would only delay it.
        ready(stream.set_nodelay(true).map(|()| (stream, service)))
    }
}

/// Serves until `stop` turns true, then drains.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let handle = Handle::new();
    let server = match axum_server::from_tcp(listener) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!(error = %error, "a listener could not be taken over");
            return;
        }
    };
    let capped = Capped { handle: handle.clone(), max };
    let mut server =
        server.acceptor(capped).handle(handle.clone()).first_request_timeout(HEAD_TIME).http1_only();
    server.http_builder().http1().header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let service = router.layer(CatchPanicLayer::new()).into_make_service_with_connect_info::<SocketAddr>();
    let drain_at_stop = async {
        while !*stop.borrow() && stop.changed().await.is_ok() {}
        handle.graceful_shutdown(Some(DRAIN));
        std::future::pending::<()>().await;
    };
    // `serve` returns once it has drained, or when the time for it is over.
    tokio::select! {
        result = server.serve(service) => {
            if let Err(error) = result {
                tracing::error!(error = %error, "a listener ended");
            }
        }
        () = drain_at_stop => {}
    }
}
