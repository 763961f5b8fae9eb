//! A line that can be cut: a TCP relay between a branch node and the city, on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One line; dropped, it takes its connections with it.
pub struct Line {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    up: watch::Sender<bool>,
    bytes: Arc<AtomicU64>,
    relay: JoinHandle<()>,
}

impl Line {
    /// Opens a line to `target`.
    pub async fn open(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (up, state) = watch::channel(true);
        let bytes = Arc::new(AtomicU64::new(0));
        let target = Arc::new(Mutex::new(target));
        let relay = tokio::spawn(relay(listener, target.clone(), state, bytes.clone()));
        Ok(Self { address, target, up, bytes, relay })
    }

    /// What a node takes for its upstream.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads elsewhere from the next connection on: the node at the other end was started again.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().expect("nobody panics holding it") = target;
    }

    /// Breaks every connection and lets none through.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Lets connections through again.
    pub fn heal(&self) {
        self.up.send_replace(true);
    }

    /// Bytes carried so far, both ways.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.relay.abort();
        self.cut();
    }
}

async fn relay(
    listener: TcpListener,
    target: Arc<Mutex<SocketAddr>>,
    up: watch::Receiver<bool>,
    bytes: Arc<AtomicU64>,
) {
    loop {
        let Ok((near, _)) = listener.accept().await else { return };
        if *up.borrow() {
            let target = *target.lock().expect("nobody panics holding it");
            tokio::spawn(carry(near, target, up.clone(), bytes.clone()));
        }
    }
}

async fn carry(near: TcpStream, target: SocketAddr, mut up: watch::Receiver<bool>, bytes: Arc<AtomicU64>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::select! {
        _ = pump(near_in, far_out, &bytes) => {}
        _ = pump(far_in, near_out, &bytes) => {}
        _ = up.wait_for(|up| !up) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    bytes: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
        bytes.fetch_add(read as u64, Ordering::Relaxed);
    }
}
