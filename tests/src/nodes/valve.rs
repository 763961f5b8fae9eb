//! A line that counts what comes down it, stops at a byte, or spoils one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A relay on loopback in front of a node; dropped, it takes no more connections.
pub struct Valve {
    address: SocketAddr,
    state: Arc<State>,
    relay: JoinHandle<()>,
}

struct State {
    down: AtomicU64,
    limit: watch::Sender<u64>,
    spoil: AtomicU64,
}

impl Valve {
    /// In front of `target`; nothing stops yet.
    pub async fn open(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let limit = watch::channel(u64::MAX).0;
        let state = Arc::new(State { down: AtomicU64::new(0), limit, spoil: AtomicU64::new(u64::MAX) });
        let relay = tokio::spawn(relay(listener, target, state.clone()));
        Self { address, state, relay }
    }

    /// What a node takes for its upstream.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that came down so far.
    pub fn down(&self) -> u64 {
        self.state.down.load(Ordering::SeqCst)
    }

    /// Lets no byte after this one down; connections stay open.
    pub fn stop_at(&self, down: u64) {
        self.state.limit.send_replace(down);
    }

    /// Lets everything down again.
    pub fn let_through(&self) {
        self.stop_at(u64::MAX);
    }

    /// Turns over a bit of this byte when it comes by.
    pub fn spoil(&self, down: u64) {
        self.state.spoil.store(down, Ordering::SeqCst);
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(target).await else { return };
            let (mut near_in, near_out) = near.into_split();
            let (far_in, mut far_out) = far.into_split();
            tokio::select! {
                _ = tokio::io::copy(&mut near_in, &mut far_out) => {}
                () = down(far_in, near_out, &state) => {}
            }
        });
    }
}

async fn down(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: &State,
) {
    let mut limit = state.limit.subscribe();
    let mut buffer = vec![0; 4096];
    loop {
        let so_far = || state.down.load(Ordering::SeqCst);
        if limit.wait_for(|limit| *limit > so_far()).await.is_err() {
            return;
        }
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        let before = state.down.fetch_add(read as u64, Ordering::SeqCst);
        let spoil = state.spoil.load(Ordering::SeqCst);
        if let Some(at) = spoil.checked_sub(before).filter(|at| *at < read as u64) {
            buffer[at as usize] ^= 0x10;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
