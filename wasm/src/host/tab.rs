//! One tab at a time: a Web Lock guards the store, so that no two replicas write one device's lines.

use js_sys::{Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, held: &Closure<dyn FnMut(JsValue) -> Promise>) -> Result<Promise, JsValue>;
}

/// Waits until this tab is the one that may use the store, and keeps it until the tab is closed.
/// Browsers without Web Locks (plain HTTP from another machine) get no guard.
pub async fn hold_the_store() {
    let navigator = super::window().navigator();
    if Reflect::get(&navigator, &"locks".into()).is_ok_and(|locks| locks.is_undefined()) {
        return;
    }
    let granted = Promise::new(&mut |resolve, reject| {
        let held = Closure::new(move |_lock| {
            // The lock lives as long as this promise, and nobody resolves it.
            let _ = resolve.call0(&JsValue::UNDEFINED);
            Promise::new(&mut |_, _| {})
        });
        if let Err(error) = request_lock("lianxiao", &held) {
            let _ = reject.call1(&JsValue::UNDEFINED, &error);
        }
        held.forget();
    });
    // A browser that refuses locks altogether has no second tab on this store either.
    let _ = JsFuture::from(granted).await;
}
