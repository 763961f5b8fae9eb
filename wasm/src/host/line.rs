//! The wire to the node that served the page: one WebSocket, tried again with a growing, jittered wait.

use super::{Host, random};
use client_core::replica::Input;
use client_core::sync::opening_query;
use futures_channel::{mpsc, oneshot};
use futures_util::{FutureExt, StreamExt, future, select_biased};
use gloo_timers::future::{IntervalStream, TimeoutFuture};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

const FIRST_WAIT_MILLIS: u32 = 500;
const LONGEST_WAIT_MILLIS: u32 = 30_000;
const TICK_MILLIS: u32 = 5_000;

thread_local! {
    static WAKE: RefCell<Option<oneshot::Sender<()>>> = const { RefCell::new(None) };
}

/// Ends the wait for the next try.
pub fn wake() {
    if let Some(sender) = WAKE.take() {
        let _ = sender.send(());
    }
}

/// Connects, carries messages until the line drops, waits, and so on for ever.
pub async fn keep_connected(host: Rc<Host>) {
    let woken = Closure::<dyn FnMut()>::new(wake);
    for moment in ["online", "focus"] {
        let _ = super::window().add_event_listener_with_callback(moment, woken.as_ref().unchecked_ref());
    }
    woken.forget();
    let mut wait = FIRST_WAIT_MILLIS;
    loop {
        if carry(&host).await {
            wait = FIRST_WAIT_MILLIS;
        }
        let (sender, woken) = oneshot::channel();
        WAKE.set(Some(sender));
        let jittered = wait / 2 + u32::from(random()[0]) * wait / 512;
        future::select(TimeoutFuture::new(jittered), woken).await;
        wait = (wait * 2).min(LONGEST_WAIT_MILLIS);
    }
}

enum Wire {
    Open,
    Bytes(Vec<u8>),
    Closed,
}

/// One connection from opening to its end; says whether it ever opened.
async fn carry(host: &Rc<Host>) -> bool {
    let nonce = random();
    let Some(socket) = open(&nonce) else { return false };
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
    let on_close = Closure::<dyn FnMut()>::new(move || drop(sender.unbounded_send(Wire::Closed)));
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    let mut ticks = IntervalStream::new(TICK_MILLIS).fuse();
    let mut was_open = false;
    loop {
        let event = select_biased! {
            event = wire.next().fuse() => event.unwrap_or(Wire::Closed),
            _ = ticks.next() => {
                host.input(Input::Tick);
                continue;
            }
        };
        match event {
            Wire::Open => {
                was_open = true;
                host.socket.replace(Some(socket.clone()));
                host.input(Input::Connected { nonce });
            }
            Wire::Bytes(bytes) => host.input(Input::Received(bytes)),
            Wire::Closed => break,
        }
    }
    socket.set_onopen(None);
    socket.set_onmessage(None);
    socket.set_onclose(None);
    host.socket.replace(None);
    host.input(Input::Disconnected);
    was_open
}

fn open(nonce: &[u8; 32]) -> Option<WebSocket> {
    let location = super::window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let socket =
        WebSocket::new(&format!("{scheme}://{}/sync{}", location.host().ok()?, opening_query(nonce))).ok()?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    Some(socket)
}
