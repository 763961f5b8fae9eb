//! The wire to the node that served the page: one WebSocket, tried again with a growing, jittered wait.

use super::{Host, UPSTREAM, now, random};
use client_core::peer::Input;
use client_core::replica::Replica;
use client_core::sync::{Backoff, opening_query};
use client_core::time::Millis;
use futures_channel::{mpsc, oneshot};
use futures_util::{FutureExt, StreamExt, future, select_biased};
use gloo_timers::future::TimeoutFuture;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

/// A connection that is not open by then is given up: on a dead line the browser waits for minutes.
const OPENING_MILLIS: u32 = 20_000;

/// A connection that stood so long was good: the next try is made soon.
const STOOD_MILLIS: i64 = 10_000;

thread_local! {
    static WAKE: RefCell<Option<oneshot::Sender<()>>> = const { RefCell::new(None) };
}

fn until_woken() -> oneshot::Receiver<()> {
    let (sender, woken) = oneshot::channel();
    WAKE.set(Some(sender));
    woken
}

/// Ends the wait for the next try; the one after a try that fails, too.
pub fn wake() {
    if let Some(sender) = WAKE.take() {
        let _ = sender.send(());
    }
}

/// Connects, carries messages until the line drops, waits, and so on.
pub async fn keep_connected(host: Rc<Host>) {
    let woken = Closure::<dyn FnMut()>::new(wake);
    for moment in ["online", "focus"] {
        let _ = super::window().add_event_listener_with_callback(moment, woken.as_ref().unchecked_ref());
    }
    woken.forget();
    let mut backoff = Backoff::default();
    // What comes could not be kept where the records are gone.
    while !host.is_cleared.get() {
        let mut woken = until_woken();
        let opened = carry(&host).await;
        let stood = opened.is_some_and(|since| now().0 - since.0 > STOOD_MILLIS);
        if host.with(Replica::take_carried) || stood {
            backoff.reset();
        }
        if opened.is_some() {
            woken = until_woken();
        }
        future::select(TimeoutFuture::new(backoff.wait(random()[0]) as u32), woken).await;
    }
}

enum Wire {
    Open,
    Bytes(Vec<u8>),
    Closed,
}

/// The open connection.
pub struct Line {
    socket: WebSocket,
    end: mpsc::UnboundedSender<Wire>,
}

impl Line {
    pub fn send(&self, bytes: &[u8]) {
        // A socket that is closing tells so itself.
        let _ = self.socket.send_with_u8_array(bytes);
    }

    /// Nothing more is taken from it; on a dead line the browser would say only after a minute that it is
    /// closed.
    pub fn hang_up(self) {
        let _ = self.end.unbounded_send(Wire::Closed);
    }
}

/// One connection from opening to its end; says when it opened, if ever.
async fn carry(host: &Rc<Host>) -> Option<Millis> {
    let nonce = random();
    let socket = open(&nonce)?;
    let (sender, mut wire) = mpsc::unbounded();
    let opened = sender.clone();
    let on_open = Closure::<dyn FnMut()>::new(move || drop(opened.unbounded_send(Wire::Open)));
    let heard = sender.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        if let Ok(buffer) = message.data().dyn_into::<js_sys::ArrayBuffer>() {
            let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
            drop(heard.unbounded_send(Wire::Bytes(bytes)));
        }
    });
    let closed = sender.clone();
    let on_close = Closure::<dyn FnMut()>::new(move || drop(closed.unbounded_send(Wire::Closed)));
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    let first = select_biased! {
        first = wire.next() => first,
        () = TimeoutFuture::new(OPENING_MILLIS).fuse() => None,
    };
    let since = matches!(first, Some(Wire::Open)).then(now);
    if since.is_some() {
        host.line.replace(Some(Line { socket: socket.clone(), end: sender }));
        host.input(Input::Connected { connection: UPSTREAM, nonce });
        while let Some(Wire::Bytes(bytes)) = wire.next().await
            && host.line.borrow().is_some()
        {
            host.input(Input::Received { connection: UPSTREAM, bytes });
        }
    }
    socket.set_onopen(None);
    socket.set_onmessage(None);
    socket.set_onclose(None);
    let _ = socket.close();
    host.line.replace(None);
    host.input(Input::Closed { connection: UPSTREAM });
    since
}

fn open(nonce: &[u8; 32]) -> Option<WebSocket> {
    let location = super::window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let socket =
        WebSocket::new(&format!("{scheme}://{}/sync{}", location.host().ok()?, opening_query(nonce))).ok()?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    Some(socket)
}
