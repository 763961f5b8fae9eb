//! The week: a row a branch, a column a day; joint classes stand with every branch that takes part.

use super::parts::{head, mark};
use super::shell::paper_foot;
use super::ui::Ui;
use super::words;
use client_core::domain::{BookingKind, SharedViews};
use client_core::ids::BranchId;
use client_core::time::{Day, Slot};
use leptos::prelude::*;

struct Entry {
    branch: BranchId,
    slot: Slot,
    class: &'static str,
    title: String,
    who: String,
    unmet: bool,
}

fn entries(ui: Ui, views: &SharedViews, monday: Day) -> Vec<Entry> {
    let week = monday..monday.plus(7);
    let mut entries = Vec::new();
    for booking in views.bookings.iter().filter(|booking| week.contains(&booking.slot.day)) {
        let class = match booking.kind {
            BookingKind::Own => "ev",
            BookingKind::Claim => "ev pool",
            BookingKind::Joint => "ev joint",
        };
        let who = booking.teacher.map(|id| words::teacher(ui.lang, views, id)).unwrap_or_default();
        for branch in &booking.branches {
            let title = words::course(ui.lang, views, booking.course);
            entries.push(Entry {
                branch: *branch,
                slot: booking.slot,
                class,
                title,
                who: who.clone(),
                unmet: false,
            });
        }
    }
    for state in views.requests.claims.values() {
        let Some(lodged) = state.lodged.as_ref().filter(|lodged| week.contains(&lodged.wish.slot.day)) else {
            continue;
        };
        let kind = state.outcome.as_ref().map(|outcome| outcome.kind);
        let unmet = kind == Some(client_core::domain::OutcomeKind::Refused);
        if state.cancelled || (kind.is_some() && !unmet) {
            continue;
        }
        let (class, said) = if unmet {
            ("ev unmet", ui.say("未排上", "not granted"))
        } else {
            ("ev wait", ui.say("候市校", "waiting"))
        };
        let title = words::course(ui.lang, views, lodged.wish.course);
        entries.push(Entry {
            branch: lodged.branch,
            slot: lodged.wish.slot,
            class,
            title,
            who: said.to_owned(),
            unmet,
        });
    }
    entries.sort_by_key(|entry| entry.slot);
    entries
}

#[component]
pub fn Schedule(ui: Ui) -> impl IntoView {
    let today = crate::host::now().day();
    let this_week = today.plus(-i32::from(today.weekday()));
    let monday = RwSignal::new(this_week);
    let picked = RwSignal::new(today.weekday());
    let move_week = move |days: Option<i32>| match days {
        Some(days) => monday.update(|day| *day = day.plus(days)),
        None => monday.set(this_week),
    };
    let end = view! {
        <div class="seg" role="group" aria-label=ui.say("换周", "Week")>
            <button class="btn quiet" on:click=move |_| move_week(Some(-7))>{ui.say("‹ 上周", "‹ Before")}</button>
            <button class="btn quiet" on:click=move |_| move_week(None)>{ui.say("本周", "This week")}</button>
            <button class="btn quiet" data-test="next-week" on:click=move |_| move_week(Some(7))>{ui.say("下周 ›", "Next ›")}</button>
        </div>
        <button class="btn desk" on:click=move |_| { let _ = window().print(); }>{ui.say("打印", "Print")}</button>
    };
    let week = move || {
        let (from, to) = (monday.get(), monday.get().plus(6));
        format!("{} – {}", words::day(ui.lang, from), words::day(ui.lang, to))
    };
    view! {
        {head(ui.say("课表", "Schedule").into(), String::new(), end.into_any())}
        <p class="small dim" style="margin-bottom:8px" aria-live="polite">{week}</p>
        {day_pick(ui, picked)}
        <div class="tbl-wrap wk-page">{move || grid(ui, monday.get(), picked.get(), today)}</div>
        {legend(ui)}
        {move || paper_foot(ui)}
    }
}

/// On a phone one day at a time.
fn day_pick(ui: Ui, picked: RwSignal<u8>) -> impl IntoView {
    let days = (0..7_u8).map(|day| {
        view! { <label><input type="radio" name="day" prop:checked=move || picked.get() == day on:change=move |_| picked.set(day) />{words::weekday(ui.lang, day)}</label> }
    });
    view! { <fieldset class="seg daypick"><legend class="vh">{ui.say("看哪一天", "Day")}</legend>{days.collect_view()}</fieldset> }
}

fn grid(ui: Ui, monday: Day, picked: u8, today: Day) -> impl IntoView {
    let (entries, branches) = ui.views(|views| {
        let mut branches: Vec<(BranchId, String)> =
            views.branches.branches.keys().map(|id| (*id, views.branches.name(*id))).collect();
        branches.sort_by(|a, b| a.1.cmp(&b.1));
        (entries(ui, views, monday), branches)
    });
    let own = ui.branch();
    let days: Vec<Day> = (0..7).map(|n| monday.plus(n)).collect();
    let class = |day: &Day| {
        format!(
            "d {}{}",
            if day.weekday() == picked { "picked " } else { "" },
            if *day == today { "today" } else { "" }
        )
    };
    let heads = days.iter().map(|day| {
        let (_, _, date) = day.ymd();
        view! { <th scope="col" class=class(day)>{words::weekday(ui.lang, day.weekday())}" "{date}{(*day == today).then(|| view! { <small>{ui.say(" 今天", " today")}</small> })}</th> }
    });
    let heads = heads.collect_view();
    let rows = branches.into_iter().map(|(branch, name)| {
        let cells = days.iter().map(|day| {
            let held = entries.iter().filter(|entry| entry.branch == branch && entry.slot.day == *day);
            let held = held.map(entry_view).collect_view();
            let rest = if day.weekday() > 4 { " rest" } else { "" };
            view! { <td class=format!("{}{rest}", class(day))>{held}</td> }
        });
        view! { <tr class:mine=branch == own><th scope="row">{name}</th>{cells.collect_view()}</tr> }
    });
    let rows = rows.collect_view();
    view! {
        <table class="wk" data-test="week">
            <thead><tr><th scope="col">{ui.say("分校", "Branch")}</th>{heads}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn entry_view(entry: &Entry) -> impl IntoView + use<> {
    view! {
        <span class=entry.class>
            <time>{words::hours(&entry.slot)}</time>{entry.title.clone()}
            <span class="p">{entry.unmet.then(|| mark("no"))}{entry.who.clone()}</span>
        </span>
    }
}

fn legend(ui: Ui) -> impl IntoView {
    view! {
        <p class="legend">
            <span><i></i>{ui.say("本校自排，已定", "own class, firm")}</span>
            <span><i class="pool"></i>{ui.say("共用师资，已定", "shared teacher, firm")}</span>
            <span><i class="joint"></i>{ui.say("联合班", "joint class")}</span>
            <span><i class="wait"></i>{ui.say("虚线：还没定", "dashed: not firm")}</span>
            <span class="st no">{mark("no")}{ui.say("未排上", "not granted")}</span>
        </p>
    }
}
