//! Small parts that several rooms show.

use super::ui::{Lang, Ui};
use super::words;
use client_core::event::EventRef;
use client_core::node::Delivery;
use client_core::time::HalfDay;
use leptos::prelude::*;

/// A mark: a 14 px shape, hidden from readers; a word always stands beside it.
pub fn mark(name: &'static str) -> impl IntoView {
    view! { <svg class="mark" aria-hidden="true"><use href=format!("#{name}")></use></svg> }
}

/// A state: shape, word, colour.
pub fn state(class: &'static str, shape: &'static str, word: impl Into<String>) -> impl IntoView {
    view! { <span class=format!("st {class}")>{mark(shape)}{word.into()}</span> }
}

/// How far an event has come, from saved here to decided.
pub fn badge(ui: Ui, event: &EventRef, decided: bool) -> impl IntoView + use<> {
    let reach = ui.with(|replica| replica.delivery(event));
    let (class, meter, zh, en) = match reach {
        _ if decided => ("s4", "m4", "已裁定", "decided"),
        Some(Delivery::City) => ("s3", "m3", "已到市校", "at the city"),
        Some(Delivery::Branch) => ("s2", "m2", "已到分校", "at the branch"),
        Some(Delivery::Here) => ("s1", "m1", "本机已存", "saved here"),
        None => ("", "m3", "来自别处", "from elsewhere"),
    };
    view! {
        <span class=format!("sync {class}") data-test="badge">
            <svg class="meter" aria-hidden="true"><use href=format!("#{meter}")></use></svg>
            {ui.say(zh, en)}
        </span>
    }
}

/// Offered half-days: a pair of boxes a weekday, filled where time is offered.
pub fn strip(lang: Lang, half_days: &[HalfDay]) -> impl IntoView + use<> {
    let boxes = (0..14_u8).map(|n| {
        let (weekday, afternoon) = (n / 2, n % 2 == 1);
        let x = f32::from(weekday) * 17.0 + if afternoon { 7.5 } else { 0.5 };
        let offered = half_days.contains(&HalfDay { weekday, afternoon });
        let (fill, opacity) = if offered { ("currentColor", "1") } else { ("none", ".5") };
        view! { <rect x=x.to_string() y="1.5" width="6" height="9" fill=fill stroke="currentColor" stroke-opacity=opacity></rect> }
    });
    let label = words::half_days(lang, half_days);
    view! { <svg class="strip" viewBox="0 0 118 12" width="118" height="12" role="img" aria-label=label>{boxes.collect_view()}</svg> }
}

/// Where nothing is yet: what would be here, and one next step.
pub fn empty(title: &'static str, next: &'static str) -> impl IntoView {
    view! { <div class="empty"><b>{title}</b>{next}</div> }
}

/// The head of a room.
pub fn head(title: String, sub: String, end: AnyView) -> impl IntoView {
    view! {
        <header class="head">
            <h1 tabindex="-1">{title}</h1>
            <span class="sub">{sub}</span>
            <div class="end">{end}</div>
        </header>
    }
}

/// The search field of a table; `/` goes to it.
pub fn search(label: &'static str, text: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="filters">
            <p class="field">
                <label for="search">{label}" "<kbd>"/"</kbd></label>
                <input id="search" type="search" autocomplete="off" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event)) />
            </p>
        </div>
    }
}

/// The rows of a searchable table, or why there are none: nothing yet, or nothing found.
pub fn found_rows<R: Clone + PartialEq + Send + Sync + 'static>(
    ui: Ui,
    sought: RwSignal<String>,
    rows: Memo<Vec<R>>,
    nothing_yet: (&'static str, &'static str),
    table: impl Fn(Vec<R>) -> AnyView + Send + 'static,
) -> impl IntoView {
    move || match rows.get() {
        rows if !rows.is_empty() => table(rows),
        _ if sought.get().is_empty() => empty(nothing_yet.0, nothing_yet.1).into_any(),
        _ => empty(
            ui.say("没有找到", "Nothing found"),
            ui.say("换个词，或清空搜索。", "Try another word or clear the search."),
        )
        .into_any(),
    }
}

/// The buttons below a form: save it, or go back.
pub fn save_or_back(ui: Ui, test: &'static str, save: &'static str) -> impl IntoView {
    let saving = move || ui.is_saving.get();
    view! {
        <div class="acts">
            <button class="btn main" data-test=test disabled=saving>{move || if saving() { ui.say("正在存…", "Saving…") } else { save }}</button>
            <button class="btn" type="button" on:click=move |_| ui.close_form()>{ui.say("返回", "Back")}</button>
        </div>
    }
}

/// A labelled input bound to a text.
pub fn field(
    label: &'static str,
    id: &'static str,
    kind: &'static str,
    text: RwSignal<String>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input id=id type=kind required prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event)) />
        </div>
    }
}

/// A part of a room: its heading, a count beside it, and what stands under them.
pub fn section(title: &'static str, count: String, body: AnyView) -> impl IntoView {
    view! { <section><div class="sec-head"><h2>{title}</h2><span class="count">{count}</span></div>{body}</section> }
}
