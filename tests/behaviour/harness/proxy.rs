//! A way to a server that can be cut and mended, so that an outage can be had without stopping a server that others use.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

/// Connections to its port go to the server's, while it is whole.
pub struct Proxy {
    pub port: u16,
    whole: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let whole = Arc::new(watch::channel(true).0);
        let shared = whole.clone();
        let tasks = TaskTracker::new();
        let connections = tasks.clone();
        let accepting = tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, SocketAddr::from(([127, 0, 0, 1], server)), shared.subscribe()));
            }
        });
        Self { port, whole, accepting }
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
