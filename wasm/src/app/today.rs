//! Today: what waits for this branch, today's classes, what has come in.

use super::anomalies::anomalies;
use super::parts::{badge, empty, head, section, state};
use super::shell::paper_foot;
use super::ui::{Room, Ui};
use super::words;
use client_core::domain::{BookingKind, Command, OutcomeKind, RecordTaught, SharedViews};
use client_core::event::EventRef;
use client_core::ids::{BranchId, ClassId};
use client_core::replica::Replica;
use client_core::time::{Millis, Slot};
use leptos::prelude::*;

/// How many days a decision counts as new.
const NEW_DAYS: i64 = 14;

/// Own refused claims that have not been lodged anew since: they wait for an answer.
pub fn waiting(replica: &mut Replica) -> Vec<EventRef> {
    let branch = replica.certificate().branch;
    let requests = &replica.views().requests;
    let own = requests.claims.iter().filter(|(id, state)| id.document.branch == branch && !state.cancelled);
    let refused = own.clone().filter(|(_, state)| {
        state
            .outcome
            .as_ref()
            .is_some_and(|o| matches!(o.kind, OutcomeKind::Refused | OutcomeKind::Displaced))
    });
    let answered = |wish: &client_core::domain::ClaimWish, at: Millis| {
        own.clone().any(|(_, other)| {
            other.lodged.as_ref().is_some_and(|lodged| lodged.at > at && lodged.wish.course == wish.course)
        })
    };
    let refused = refused.filter(|(_, state)| {
        state
            .lodged
            .as_ref()
            .zip(state.outcome.as_ref())
            .is_some_and(|(lodged, outcome)| !answered(&lodged.wish, outcome.at))
    });
    refused.map(|(id, _)| *id).collect()
}

#[component]
pub fn Today(ui: Ui) -> impl IntoView {
    let today = crate::host::now().day();
    let end = view! { <button class="btn desk" on:click=move |_| { let _ = window().print(); }>{ui.say("打印今日单", "Print")}</button> };
    let heard = move || {
        let heard = ui.with(|replica| replica.line().city_heard);
        match heard {
            Some(at) => ui.say(
                format!("市校数据截至 {}，之后以本机为准", words::moment(at)),
                format!("city data as of {}", words::moment(at)),
            ),
            None => ui.say("还没有收到市校数据".to_owned(), "no data from the city yet".to_owned()),
        }
    };
    let title = format!("{} {}", ui.say("今日", "Today"), words::day(ui.lang, today));
    view! {
        {head(title, String::new(), end.into_any())}
        <p class="small dim" style="margin-bottom:12px">{heard}</p>
        <div class="cols">
            <div class="stack">{move || waits(ui)}{move || classes(ui)}{move || anomalies(ui)}{move || news(ui)}</div>
            <aside>{move || unsent(ui)}{move || rest_of_week(ui)}</aside>
        </div>
        {move || paper_foot(ui)}
    }
}

fn waits(ui: Ui) -> impl IntoView {
    let rows: Vec<(String, String)> = ui.with(|replica| {
        let waiting = waiting(replica);
        let views = replica.views();
        let claims = waiting.iter().filter_map(|id| views.requests.claims.get(id));
        claims
            .filter_map(|state| {
                let (lodged, outcome) = state.lodged.as_ref().zip(state.outcome.as_ref())?;
                let who =
                    lodged.wish.teacher.map(|id| words::teacher(ui.lang, views, id)).unwrap_or_default();
                Some((
                    format!("{who} {}", words::slot(ui.lang, &lodged.wish.slot)),
                    words::reasons(ui.lang, views, &outcome.reasons),
                ))
            })
            .collect()
    });
    if rows.is_empty() {
        return section(
            ui.say("等我答复", "Waiting for me"),
            String::new(),
            empty(
                ui.say("没有等本校答复的事", "Nothing waits for this branch"),
                ui.say(
                    "未排上的约课会先到这里，附上就近办法。",
                    "Refused claims come here first, with the nearest alternatives.",
                ),
            )
            .into_any(),
        )
        .into_any();
    }
    let count = ui.say(format!("{} 件", rows.len()), rows.len().to_string());
    let rows = rows.into_iter().map(|(what, why)| {
        view! { <tr><th class="t" scope="row">{state("no", "no", ui.say("未排上", "not granted"))}" "{what}<span class="sub blk">{why}</span></th><td class="act"><button class="btn main" on:click=move |_| ui.go(Room::Requests)>{ui.say("就近办法", "Alternatives")}</button></td></tr> }
    });
    let table =
        view! { <table class="tbl fold" data-test="waiting"><tbody>{rows.collect_view()}</tbody></table> };
    section(ui.say("等我答复", "Waiting for me"), count, table.into_any()).into_any()
}

struct Class {
    session: Option<ClassId>,
    slot: Slot,
    title: String,
    who: String,
    place: String,
    people: u32,
    joint: bool,
    firm: bool,
}

fn booked(ui: Ui, views: &SharedViews, branch: BranchId) -> Vec<Class> {
    let own = views
        .bookings
        .iter()
        .filter(|booking| booking.branches.contains(&branch) || branch == BranchId::CITY);
    own.map(|booking| Class {
        session: booking.session,
        slot: booking.slot,
        title: words::course(ui.lang, views, booking.course),
        who: booking.teacher.map(|id| words::teacher(ui.lang, views, id)).unwrap_or_default(),
        place: booking.asset.map(|id| words::asset(ui.lang, views, id)).unwrap_or_default(),
        people: booking.headcount,
        joint: booking.kind == BookingKind::Joint,
        firm: booking.kind == BookingKind::Own,
    })
    .collect()
}

fn classes(ui: Ui) -> impl IntoView {
    let (today, branch) = (crate::host::now().day(), ui.branch());
    let classes: Vec<Class> = ui
        .views(|views| booked(ui, views, branch))
        .into_iter()
        .filter(|class| class.slot.day == today)
        .collect();
    if classes.is_empty() {
        return section(
            ui.say("今天的课", "Today's classes"),
            String::new(),
            empty(
                ui.say("今天没有课", "No class today"),
                ui.say("旁边是往后七天的课。", "The next seven days stand beside."),
            )
            .into_any(),
        )
        .into_any();
    }
    let people: u32 = classes.iter().map(|class| class.people).sum();
    let count = ui.say(
        format!("{} 班，应到 {people} 人", classes.len()),
        format!("{} classes, {people} expected", classes.len()),
    );
    let rows = classes.into_iter().map(|class| {
        let held = class.session.filter(|_| class.firm).map(|session| {
            let (title, headcount) = (class.title.clone(), class.people);
            let record = move |_| {
                let command = Command::from(RecordTaught { session, headcount, online: false });
                ui.run(command, ui.say(format!("已上课：{title}，{headcount} 人"), format!("Held: {title}, {headcount} people")));
            };
            view! { <button class="btn" on:click=record>{ui.say("按应到记已上课", "Held as planned")}</button> }
        });
        view! {
            <tr>
                <td class="nowrap">{words::hours(&class.slot)}</td>
                <th class="t" scope="row">{class.title}{class.joint.then(|| view! { <span class="tag joint">{ui.say("联合", "joint")}</span> })}</th>
                <td data-l=ui.say("教师", "Teacher")>{class.who}</td><td data-l=ui.say("场地", "Room")>{class.place}</td>
                <td class="num" data-l=ui.say("应到", "Expected")>{class.people}</td>
                <td class="act">{held}</td>
            </tr>
        }
    });
    let table = view! { <table class="tbl fold"><tbody>{rows.collect_view()}</tbody></table> };
    section(ui.say("今天的课", "Today's classes"), count, table.into_any()).into_any()
}

fn news(ui: Ui) -> impl IntoView {
    let branch = ui.branch();
    let since = Millis(crate::host::now().0 - NEW_DAYS * Millis::DAY);
    let mut rows: Vec<(Millis, OutcomeKind, String, String)> = ui.views(|views| {
        let claims = views.requests.claims.iter().filter_map(|(id, state)| {
            let what = state.lodged.as_ref().map(|lodged| words::slot(ui.lang, &lodged.wish.slot))?;
            Some((id, state.outcome.as_ref()?, what))
        });
        let orders = views.requests.orders.iter().filter_map(|(id, state)| {
            let what = state
                .lodged
                .as_ref()
                .map(|lodged| words::course(ui.lang, views, lodged.wish.courses.first().copied()))?;
            Some((id, state.outcome.as_ref()?, what))
        });
        let own = claims.chain(orders).filter(|(id, outcome, _)| {
            (id.document.branch == branch || branch == BranchId::CITY) && outcome.at > since
        });
        own.map(|(_, outcome, what)| {
            (outcome.at, outcome.kind, what, words::reasons(ui.lang, views, &outcome.reasons))
        })
        .collect()
    });
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    if rows.is_empty() {
        return section(
            ui.say("新收到", "New"),
            String::new(),
            empty(
                ui.say("两周内没有新裁定", "No decision in two weeks"),
                ui.say("市校裁定后会出现在这里。", "Decisions of the city appear here."),
            )
            .into_any(),
        )
        .into_any();
    }
    let rows = rows.into_iter().take(8).map(|(at, kind, what, why)| {
        let verdict = match kind {
            OutcomeKind::Confirmed => state("ok", "ok", ui.say("已准", "granted")).into_any(),
            OutcomeKind::Waitlisted => state("mute", "queue", ui.say("候补", "on the list")).into_any(),
            OutcomeKind::Refused => state("no", "no", ui.say("未排上", "not granted")).into_any(),
            OutcomeKind::Displaced => state("info", "moved", ui.say("让位", "moved")).into_any(),
        };
        view! { <tr><td>{verdict}</td><th class="t" scope="row">{what}</th><td>{why}</td><td class="nowrap">{words::moment(at)}</td></tr> }
    });
    let table =
        view! { <table class="tbl fold" data-test="news"><tbody>{rows.collect_view()}</tbody></table> };
    section(ui.say("新收到", "New"), String::new(), table.into_any()).into_any()
}

fn unsent(ui: Ui) -> impl IntoView {
    let rows: Vec<(EventRef, String)> = ui.with(|replica| {
        let entries = super::sync::unsent_entries(replica);
        let views = replica.views();
        entries.iter().map(|entry| (entry.reference, words::event(ui.lang, views, &entry.event))).collect()
    });
    let title = ui.say(format!("未送出 {} 件", rows.len()), format!("{} unsent", rows.len()));
    let none = rows.is_empty().then(|| view! { <p class="small dim">{ui.say("本机写的，市校都签收了。", "The city has signed for everything written here.")}</p> });
    let goes = (!rows.is_empty()).then(|| view! { <p class="small dim">{ui.say("线路一通自动送出，不用守着。", "Sent by itself when the line is up.")}</p> });
    let rows = rows
        .into_iter()
        .take(6)
        .map(|(event, what)| view! { <li>{what}<br />{badge(ui, &event, false)}</li> });
    view! { <section class="panel"><h2>{title}</h2>{none}<ul class="lines">{rows.collect_view()}</ul>{goes}</section> }
}

fn rest_of_week(ui: Ui) -> impl IntoView {
    let (today, branch) = (crate::host::now().day(), ui.branch());
    let ahead = today.plus(1)..=today.plus(7);
    let classes = ui
        .views(|views| booked(ui, views, branch))
        .into_iter()
        .filter(move |class| ahead.contains(&class.slot.day));
    let rows: Vec<_> = classes
        .take(8)
        .map(|class| view! { <li><b>{words::slot(ui.lang, &class.slot)}</b>" "{class.title}{class.joint.then(|| view! { <span class="tag joint">{ui.say("联合", "joint")}</span> })}</li> })
        .collect();
    let none = rows.is_empty().then(|| view! { <p class="small dim">{ui.say("往后七天没有课。", "No class in the next seven days.")}</p> });
    view! { <section class="panel"><h2>{ui.say("往后七天", "The next seven days")}</h2>{none}<ul class="lines">{rows}</ul></section> }
}
