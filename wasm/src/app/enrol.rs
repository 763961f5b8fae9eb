//! The first page of a new device: a one-time code makes it one of a branch's devices.

use super::parts::mark;
use super::ui::Lang;
use crate::host::{self, EnrolError, Store};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

#[component]
pub fn Enrol(lang: Lang, on_done: impl Fn() + Copy + 'static) -> impl IntoView {
    let code = RwSignal::new(host::code_in_address().unwrap_or_default());
    let problem = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let send = move || {
        if busy.get_untracked() || code.get_untracked().trim().is_empty() {
            return;
        }
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            match enrol(code.get_untracked().trim()).await {
                Ok(()) => on_done(),
                Err(why) => problem.set(Some(in_words(lang, why))),
            }
            busy.try_set(false);
        });
    };
    // A code in the address is meant to be used at once.
    Effect::new(move || {
        if host::code_in_address().is_some() {
            send();
        }
    });
    view! {
        <main class="middle">
            <h1>{lang.say("联校：登记这台设备", "lianxiao: enrol this device")}</h1>
            <form class="panel" on:submit=move |event| { event.prevent_default(); send(); }>
                <p class="small">{lang.say("向本分校的管理员要一个一次性登记码。登记以后，断网也能照常用。", "Ask your branch's administrator for a one-time code. Once enrolled, the page works without a line.")}</p>
                <div class="field" class:bad=move || problem.get().is_some()>
                    <label for="code">{lang.say("登记码", "Code")}</label>
                    <input id="code" data-test="code" autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX-XXXX" aria-describedby="code-problem"
                        prop:value=move || code.get() on:input=move |event| code.set(event_target_value(&event)) />
                    <p class="err" id="code-problem" role="alert">{move || problem.get().map(|why| view! { {mark("no")}<span>{why}</span> })}</p>
                </div>
                <button class="btn main wide" data-test="enrol" disabled=move || busy.get()>{move || if busy.get() { lang.say("正在登记…", "Enrolling…") } else { lang.say("登记", "Enrol") }}</button>
            </form>
        </main>
    }
}

enum Failure {
    Enrol(EnrolError),
    Store(String),
}

async fn enrol(code: &str) -> Result<(), Failure> {
    // The store first: a code serves once and must not be lost to a browser that keeps nothing.
    let store = Store::open().await.map_err(|error| Failure::Store(error.to_string()))?;
    let identity = host::enrol(code).await.map_err(Failure::Enrol)?;
    store.keep_identity(&identity).await.map_err(|error| Failure::Store(error.to_string()))?;
    // Some browsers ask the person; nothing waits for the answer.
    spawn_local(async {
        let _ = host::ask_to_keep().await;
    });
    Ok(())
}

fn in_words(lang: Lang, failure: Failure) -> String {
    match failure {
        Failure::Enrol(EnrolError::NoAnswer) => lang
            .say(
                "连不上：登记这一步要有线路。等线路通了再点一次，码还能用。",
                "No answer: enrolling needs a line. Try again when it is up; the code still holds.",
            )
            .to_owned(),
        Failure::Enrol(EnrolError::Refused(code, detail)) if code == "code" => {
            lang.say(format!("这个码不对、用过了，或过了期。请向管理员要一个新码。（{detail}）"), detail)
        }
        Failure::Enrol(EnrolError::Refused(_, detail)) => {
            lang.say(format!("没有登记成：{detail}"), format!("Not enrolled: {detail}"))
        }
        Failure::Store(why) => lang.say(
            format!("浏览器不让存东西（可能是无痕窗口）：{why}"),
            format!("The browser keeps nothing (a private window?): {why}"),
        ),
    }
}
