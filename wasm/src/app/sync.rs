//! Sync and devices: where everything written here has got to, and who else writes.

use super::parts::{badge, empty, head, mark, state};
use super::ui::Ui;
use super::words;
use client_core::domain::Entry;
use client_core::event::EventRef;
use client_core::identity::Role;
use client_core::ids::BranchId;
use client_core::replica::Replica;
use client_core::time::Millis;
use leptos::prelude::*;

#[component]
pub fn SyncState(ui: Ui) -> impl IntoView {
    let end = view! { <button class="btn" data-test="retry" on:click=move |_| ui.connect_now()>{ui.say("现在再试", "Try now")}</button> };
    let sub = move || ui.branch_name();
    view! {
        {move || head(ui.say("同步与设备", "Sync and devices").into(), sub(), ().into_any())}
        <div class="acts noprint" style="margin-bottom:12px">{end}</div>
        {move || way(ui)}
        {move || notes(ui)}
        <div class="cols" style="margin-top:20px">
            <section><div class="sec-head"><h2>{ui.say("在路上的", "On the way")}</h2></div>{move || unsent(ui)}</section>
            <aside class="stack">{move || devices(ui)}{move || storage(ui)}</aside>
        </div>
    }
}

/// What was written here and the city has not signed for.
pub fn unsent_entries(replica: &Replica) -> Vec<Entry> {
    let unsent = replica.unsent();
    unsent.iter().filter_map(|(event, _)| replica.entry(event)).cloned().collect()
}

fn way(ui: Ui) -> impl IntoView {
    let line = ui.with(|replica| replica.line().clone());
    let (class, word) =
        if line.live { ("link", ui.say("通", "up")) } else { ("link cut", ui.say("断开", "down")) };
    let heard =
        line.city_heard.map_or_else(|| ui.say("还没有对齐过", "not in step yet").to_owned(), words::moment);
    let beyond = if line.live { "link" } else { "link cut" };
    view! {
        <div class="way">
            <div class="node"><b>{ui.say("本机", "This device")}</b><small>{ui.say("断网照常用", "works offline")}</small></div>
            <div class=class>{word}</div>
            <div class="node"><b>{ui.say("上级节点", "Upstream node")}</b><small>{window().location().host().unwrap_or_default()}</small></div>
            <div class=beyond>{ui.say("市校签收", "signed by the city")}</div>
            <div class="node"><b>{ui.say("市校", "City")}</b><small>{ui.say(format!("最近签收 {heard}"), format!("last {heard}"))}</small></div>
        </div>
    }
}

fn notes(ui: Ui) -> impl IntoView {
    let refused = ui.with(|replica| replica.line().refused.clone());
    let rows = refused.into_iter().map(|(_, reason)| {
        view! { <p class="note no" role="alert">{mark("off")}<span><b>{ui.say("上级没有收下：", "Not taken upstream: ")}</b>{reason}{ui.say("。记录都在本机，没有丢；请把这行告诉市校。", ". Your records stay here; tell the city school.")}</span></p> }
    });
    rows.collect_view()
}

fn unsent(ui: Ui) -> impl IntoView {
    let rows: Vec<(EventRef, String, Millis)> = ui.with(|replica| {
        let entries = unsent_entries(replica);
        let views = replica.views();
        let row =
            |entry: &Entry| (entry.reference, words::event(ui.lang, views, &entry.event), entry.claimed);
        entries.iter().map(row).collect()
    });
    if rows.is_empty() {
        return empty(
            ui.say("没有在路上的", "Nothing on the way"),
            ui.say("本机写的，市校都签收了。", "The city has signed for everything written here."),
        )
        .into_any();
    }
    let rows = rows.into_iter().map(|(event, what, at)| {
        view! { <tr data-test="unsent-row"><th class="t" scope="row">{what}</th><td class="nowrap">{words::moment(at)}</td><td>{badge(ui, &event, false)}</td></tr> }
    });
    view! {
        <table class="tbl fold"><thead><tr><th>{ui.say("事项", "What")}</th><th>{ui.say("存下", "Saved")}</th><th>{ui.say("走到哪", "Where")}</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
    }
    .into_any()
}

fn devices(ui: Ui) -> impl IntoView {
    let (branch, own) = ui.with(|replica| (replica.certificate().branch, replica.certificate().device));
    let rows: Vec<(String, Role, bool)> = ui.views(|views| {
        let of_branch = views.devices.enrolled.iter().filter(|(_, device)| device.branch == branch);
        of_branch.map(|(id, device)| (device.label.clone(), device.role, *id == own)).collect()
    });
    let rows = rows.into_iter().map(|(label, role, is_this)| {
        let role = match role {
            Role::BranchNode => ui.say("分校节点", "branch node"),
            Role::Office => ui.say("办公设备", "office device"),
            Role::CityAdmin => ui.say("市校管理", "city administrator"),
            _ => ui.say("市校节点", "city node"),
        };
        view! { <tr><th scope="row">{label}<span class="sub">{role}</span></th><td>{state("ok", "ok", if is_this { ui.say("本机", "this one") } else { ui.say("在用", "in use") })}</td></tr> }
    });
    let rows = rows.collect_view();
    let whose = if branch == BranchId::CITY {
        ui.say("市校设备", "City's devices")
    } else {
        ui.say("本校设备", "Branch's devices")
    };
    view! { <section><h2 style="margin-bottom:8px">{whose}</h2><table class="tbl"><tbody>{rows}</tbody></table><p class="small dim" style="margin-top:6px">{ui.say("只列市校登记的；分校自己登记的办公设备不在内。", "Only what the city enrolled.")}</p></section> }
}

/// Whether the browser promised to keep the store.
fn storage(ui: Ui) -> impl IntoView {
    let kept = RwSignal::new(None::<bool>);
    leptos::task::spawn_local(async move {
        kept.try_set(crate::host::ask_to_keep().await);
    });
    move || {
        match kept.get() {
        Some(true) => Some(view! { <p class="note ok">{mark("ok")}<span>{ui.say("浏览器已答应长期保存。", "The browser keeps this device's records.")}</span></p> }.into_any()),
        Some(false) => Some(view! { <p class="note wait">{mark("warn")}<span>{ui.say("浏览器没有答应长期保存：空间紧时可能清掉。有未送出的，请尽快连一次线。", "The browser may clear this device's records when space is short: connect soon while anything is unsent.")}</span></p> }.into_any()),
        None => None,
    }
    }
}
