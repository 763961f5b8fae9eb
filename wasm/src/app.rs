//! The app: from the opening of the store to the rooms. What is shown is always derived from the replica.

mod anomalies;
mod claim_form;
mod courses;
mod enrol;
mod order_form;
mod parts;
mod preview;
mod requests;
mod schedule;
mod shell;
mod sync;
mod teachers;
mod today;
mod ui;
mod what_if;
mod words;

use crate::host::{Host, Store, code_in_address, hold_the_store};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use std::rc::Rc;
use ui::{Lang, Ui};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;

/// How long the store may be held elsewhere before the person is told.
const PATIENCE_MILLIS: u32 = 400;

#[derive(Clone)]
enum Stage {
    Opening,
    OtherTab,
    Enrol,
    Running(Rc<Host>),
    Broken(String),
}

/// Puts the app in place of the opening line.
pub fn start() {
    let document = leptos::prelude::document();
    let Some(place) = document.get_element_by_id("app") else { return };
    place.set_inner_html("");
    let place: web_sys::HtmlElement = place.unchecked_into();
    leptos::mount::mount_to(place, App).forget();
}

#[component]
fn App() -> impl IntoView {
    let stage = RwSignal::new_local(Stage::Opening);
    let changes = RwSignal::new(0_u64);
    let lang = RwSignal::new(Lang::kept());
    Effect::new(move || lang.get().keep());
    spawn_local(async move {
        TimeoutFuture::new(PATIENCE_MILLIS).await;
        if matches!(stage.get_untracked(), Stage::Opening) {
            stage.set(Stage::OtherTab);
        }
    });
    spawn_local(async move {
        hold_the_store().await;
        stage.set(Stage::Opening);
        stage.set(open(changes).await);
    });
    move || {
        let (switch, lang) = (lang, lang.get());
        match stage.get() {
            Stage::Opening => middle(lang, "正在打开…", "Opening…"),
            Stage::OtherTab => middle(
                lang,
                "联校已在另一个标签页打开。关掉那一页，这里自动接上。",
                "lianxiao is open in another tab. Close that one and this goes on by itself.",
            ),
            Stage::Broken(why) => view! {
                <p class="middle" role="alert">
                    {lang.say("本机的存储打不开，已有的记录没有动。请关掉页面再打开；仍不行就把下面这行告诉市校：", "This device's storage does not open; nothing in it was changed. Reload; if that does not help, tell the city school:")}
                    <code>{why}</code>
                </p>
            }
            .into_any(),
            Stage::Enrol => view! { <enrol::Enrol lang on_done=move || spawn_local(async move { stage.set(open(changes).await) }) /> }.into_any(),
            Stage::Running(host) => {
                let ui = Ui::new(host, lang, changes);
                view! { <shell::Shell ui switch=move |other| switch.set(other) /> }.into_any()
            }
        }
    }
}

fn middle(lang: Lang, zh: &'static str, en: &'static str) -> AnyView {
    view! { <p class="middle" role="status">{lang.say(zh, en)}</p> }.into_any()
}

async fn open(changes: RwSignal<u64>) -> Stage {
    let opened = async {
        let store = Store::open().await.map_err(|error| error.to_string())?;
        let identity = store.identity().await.map_err(|error| error.to_string())?;
        let Some(identity) = identity else { return Ok(Stage::Enrol) };
        let host = Host::open(identity, store, move || changes.update(|n| *n += 1)).await;
        host.map(Stage::Running).map_err(|error| error.to_string())
    };
    let stage = opened.await.unwrap_or_else(Stage::Broken);
    if matches!(stage, Stage::Running(_)) && code_in_address().is_some() {
        // A code serves once; it does not belong into bookmarks.
        let history = leptos::prelude::window().history();
        let _ = history.map(|history| history.replace_state_with_url(&"".into(), "", Some("/")));
    }
    stage
}
