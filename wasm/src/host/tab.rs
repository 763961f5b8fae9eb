//! One tab at a time: where the browser has Web Locks, one guards the store.

use futures_channel::oneshot;
use futures_util::future;
use js_sys::{Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, held: &Closure<dyn FnMut(JsValue) -> Promise>) -> Result<Promise, JsValue>;
}

/// Waits until this tab is the one that may use the store, and keeps it until the tab is closed.
/// Without Web Locks (plain HTTP from another machine) the store alone keeps a tab from overwriting another's.
pub async fn hold_the_store() {
    let navigator = super::window().navigator();
    if Reflect::get(&navigator, &"locks".into()).is_ok_and(|locks| locks.is_undefined()) {
        return;
    }
    let (sender, granted) = oneshot::channel();
    let mut sender = Some(sender);
    let held = Closure::new(move |_lock| {
        let _ = sender.take().map(|sender| sender.send(()));
        // The lock lives as long as this promise, and nobody resolves it.
        Promise::new(&mut |_, _| {})
    });
    let asked = request_lock("lianxiao", &held);
    held.forget();
    // What was asked for settles only where the browser refuses locks altogether; then no second tab is on
    // this store either.
    if let Ok(asked) = asked {
        future::select(granted, JsFuture::from(asked)).await;
    }
}
