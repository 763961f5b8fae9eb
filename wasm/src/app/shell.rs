//! The frame around the rooms: bar, rail, the note of what was just saved.

use super::parts::mark;
use super::ui::{Lang, Room, Toast, Ui};
use super::{courses, requests, schedule, sync, teachers, today, words};
use client_core::domain::{CancelRequest, Command};
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

const TOAST_MILLIS: u32 = 8_000;

/// The whole page of a running device.
#[component]
pub fn Shell(ui: Ui, switch: impl Fn(Lang) + Copy + 'static) -> impl IntoView {
    listen(ui);
    // "Down for 3 minutes" grows without any event.
    let minutes = RwSignal::new(0_u32);
    Interval::new(30_000, move || minutes.update(|n| *n += 1)).forget();
    let line = move || {
        minutes.track();
        line_state(ui)
    };
    let room = move || match ui.room.get() {
        Room::Today => view! { <today::Today ui /> }.into_any(),
        Room::Schedule => view! { <schedule::Schedule ui /> }.into_any(),
        Room::Courses => view! { <courses::Courses ui /> }.into_any(),
        Room::Teachers => view! { <teachers::Teachers ui /> }.into_any(),
        Room::Requests => view! { <requests::Requests ui /> }.into_any(),
        Room::Sync => view! { <sync::SyncState ui /> }.into_any(),
    };
    let other = ui.say(Lang::En, Lang::Zh);
    view! {
        <a class="skip" href="#main">{ui.say("跳到正文", "Skip to content")}</a>
        <div class="frame">
            <header class="bar">
                <a class="brand" href="/" on:click=move |event| follow(ui, &event, Room::Today)>
                    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M1 1h11v11H1zM8 8h11v11H8z" fill="none" stroke="currentColor" stroke-width="2"></path></svg>
                    {ui.say("联校", "lianxiao")}
                </a>
                <span class="who"><b data-test="branch">{move || ui.branch_name()}</b></span>
                {line}
                <a class="unsent" href=Room::Sync.path() on:click=move |event| follow(ui, &event, Room::Sync)>
                    <svg class="meter" aria-hidden="true"><use href="#m1"></use></svg>
                    {ui.say("未送出 ", "Unsent ")}<b data-test="unsent">{move || ui.with(|replica| replica.unsent().len())}</b>
                </a>
                <button class="btn quiet" lang=ui.say("en", "zh-CN") on:click=move |_| switch(other)>{ui.say("English", "中文")}</button>
            </header>
            <nav class="rail" aria-label=ui.say("主目录", "Rooms")>
                <ul>{Room::ALL.map(|room| rail_entry(ui, room)).collect_view()}</ul>
            </nav>
            <main class="page" id="main">{room}</main>
        </div>
        <UpdateNote ui />
        {move || ui.toast.get().map(|toast| toast_view(ui, toast))}
    }
}

fn rail_entry(ui: Ui, room: Room) -> impl IntoView {
    let (long, short) = match room {
        Room::Today => (ui.say("今日", "Today"), ui.say("今日", "Today")),
        Room::Schedule => (ui.say("课表", "Schedule"), ui.say("课表", "Week")),
        Room::Courses => (ui.say("教学清单", "Teaching list"), ui.say("清单", "List")),
        Room::Teachers => (ui.say("师资库", "Teachers"), ui.say("师资", "Pool")),
        Room::Requests => (ui.say("申请与裁定", "Requests"), ui.say("申请", "Asks")),
        Room::Sync => (ui.say("同步与设备", "Sync"), ui.say("同步", "Sync")),
    };
    let count = move || match room {
        Room::Today => ui.with(|replica| today::waiting(replica).len()),
        Room::Courses => ui.views(|views| views.courses.courses.len()),
        Room::Teachers => ui.views(|views| views.teachers.people()),
        Room::Requests => requests::open(ui),
        Room::Schedule | Room::Sync => 0,
    };
    view! {
        <li class:pin=room != Room::Sync>
            <a href=room.path() aria-current=move || (ui.room.get() == room).then_some("page") on:click=move |event| follow(ui, &event, room)>
                <span><span class="desk">{long}</span><span class="narrow">{short}</span></span>
                <span class="n">{move || Some(count()).filter(|n| *n > 0)}</span>
            </a>
        </li>
    }
}

fn follow(ui: Ui, event: &leptos::ev::MouseEvent, room: Room) {
    if !event.ctrl_key() && !event.meta_key() && !event.shift_key() {
        event.prevent_default();
        ui.go(room);
    }
}

fn line_state(ui: Ui) -> impl IntoView {
    let line = ui.with(|replica| replica.line().clone());
    let minutes = (crate::host::now().0 - line.since.0).max(0) / 60_000;
    let since = match minutes {
        0 => ui.say("刚刚".to_owned(), "just now".to_owned()),
        1..60 => ui.say(format!("{minutes} 分"), format!("for {minutes} min")),
        _ => ui.say(
            format!("{} 小时 {} 分", minutes / 60, minutes % 60),
            format!("for {} h {} min", minutes / 60, minutes % 60),
        ),
    };
    let (class, shape, word) = if line.live && line.caught_up {
        ("on", "on", ui.say("线路通，已对齐".to_owned(), "Online, in step".to_owned()))
    } else if line.live {
        ("on", "on", ui.say("线路通，正在对齐".to_owned(), "Online, catching up".to_owned()))
    } else {
        ("off", "off", ui.say(format!("线路断开 {since}"), format!("Line down {since}")))
    };
    let goes_on = (!line.live).then(|| ui.say("，照常可用", ", work goes on"));
    view! {
        <span class=format!("linestate {class}") role="status" data-test="line" data-state=class>
            {mark(shape)}<span>{word}<span class="desk">{goes_on}</span></span>
        </span>
    }
}

fn toast_view(ui: Ui, toast: Toast) -> impl IntoView {
    let shown = toast.clone();
    gloo_timers::callback::Timeout::new(TOAST_MILLIS, move || {
        if ui.toast.try_get_untracked().flatten().as_ref() == Some(&shown) {
            ui.toast.set(None);
        }
    })
    .forget();
    let close = move || ui.toast.set(None);
    match toast {
        Toast::Saved { what, event, can_take_back } => {
            let take_back = move || {
                close();
                let what = ui.say("已撤回", "Taken back").to_owned();
                ui.run(Command::from(CancelRequest { request: event }), what);
            };
            view! {
                <div class="toast" role="status" data-test="toast">
                    {move || super::parts::badge(ui, &event, false)}
                    <span class="says">{what}</span>
                    {can_take_back.then(|| view! { <button class="btn quiet" on:click=move |_| take_back()>{ui.say("撤回", "Undo")}</button> })}
                    <button class="btn quiet" on:click=move |_| close()>{ui.say("知道了", "OK")}</button>
                </div>
            }
            .into_any()
        }
        Toast::Refused(why) => view! {
            <div class="toast" role="alert" data-test="refusal">
                {super::parts::state("no", "no", ui.say("没有存", "Not saved"))}
                <span class="says">{why}</span>
                <button class="btn quiet" on:click=move |_| close()>{ui.say("知道了", "OK")}</button>
            </div>
        }
        .into_any(),
    }
}

/// A new release waits until the person agrees.
#[component]
fn UpdateNote(ui: Ui) -> impl IntoView {
    let offered = RwSignal::new(false);
    let handle = window_event_listener_untyped("lianxiao-update", move |_| offered.set(true));
    on_cleanup(move || handle.remove());
    let agree = move |_| {
        let update = js_sys::Reflect::get(&window(), &"lianxiaoUpdate".into());
        if let Some(update) = update.ok().and_then(|update| update.dyn_into::<js_sys::Function>().ok()) {
            let _ = update.call0(&window());
        }
    };
    move || {
        offered.get().then(|| view! {
            <div class="toast" role="status">
                <span class="says">{ui.say("有新版本，换上只要一两秒，记录不动。", "A new version is here; your records stay.")}</span>
                <button class="btn main" on:click=agree>{ui.say("现在换", "Use it now")}</button>
            </div>
        })
    }
}

/// Back and forward, and the keys that work everywhere.
fn listen(ui: Ui) {
    let back = window_event_listener_untyped("popstate", move |_| {
        ui.form.set(None);
        // The same room keeps its rows and where it was scrolled to.
        if ui.room.get_untracked() != Room::here() {
            ui.room.set(Room::here());
        }
    });
    let keys = window_event_listener(leptos::ev::keydown, move |event| {
        let typing = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok());
        let typing =
            typing.is_some_and(|at| matches!(at.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA"));
        match event.key().as_str() {
            "Escape" => {
                ui.close_form();
                ui.toast.set(None);
            }
            "/" if !typing => {
                if let Some(field) = document().get_element_by_id("search") {
                    event.prevent_default();
                    let _ = field.unchecked_into::<web_sys::HtmlElement>().focus();
                }
            }
            _ => {}
        }
    });
    on_cleanup(move || {
        back.remove();
        keys.remove();
    });
}

/// The line that stands below a printed sheet.
pub fn paper_foot(ui: Ui) -> impl IntoView {
    let (unsent, heard) = ui.with(|replica| (replica.unsent().len(), replica.line().city_heard));
    let heard = heard.map_or_else(|| "—".into(), words::moment);
    let now = words::moment(crate::host::now());
    let text = ui.say(
        format!("打印于 {now} · {} · 市校数据截至 {heard} · 本机另有 {unsent} 件未送出", ui.branch_name()),
        format!(
            "Printed {now} · {} · city data as of {heard} · {unsent} unsent on this device",
            ui.branch_name()
        ),
    );
    view! { <p class="print-only">{text}</p> }
}
