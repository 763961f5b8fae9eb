//! The shared teacher pool: who may teach what, and when.

use super::claim_form::ClaimForm;
use super::parts::{found_rows, head, search, strip};
use super::shell::paper_foot;
use super::ui::{Form, Ui};
use client_core::domain::SharedViews;
use client_core::ids::TeacherId;
use client_core::time::HalfDay;
use leptos::prelude::*;

#[derive(Clone, PartialEq)]
struct Row {
    id: TeacherId,
    name: String,
    home: String,
    full_time: bool,
    source: String,
    courses: Vec<String>,
    windows: Vec<HalfDay>,
    weekly_cap: u8,
    perhaps_twice: bool,
}

fn rows(views: &SharedViews, sought: &str) -> Vec<Row> {
    let doubled = views.teachers.likely_duplicates();
    let mut rows: Vec<Row> = views
        .teachers
        .teachers
        .iter()
        .filter(|(_, teacher)| teacher.merged_into.is_none())
        .map(|(id, teacher)| Row {
            id: *id,
            name: teacher.name.clone(),
            home: views.branches.name(teacher.home),
            full_time: teacher.full_time,
            source: teacher.source.clone(),
            courses: teacher
                .approved
                .iter()
                .filter_map(|id| Some(views.courses.on_list(*id)?.title.clone()))
                .collect(),
            windows: teacher.offers.iter().flat_map(|offer| offer.windows.clone()).collect(),
            weekly_cap: teacher.weekly_cap_periods,
            perhaps_twice: doubled.iter().any(|(a, b)| a == id || b == id),
        })
        .filter(|row| {
            row.name.contains(sought)
                || row.home.contains(sought)
                || row.courses.iter().any(|course| course.contains(sought))
        })
        .collect();
    rows.sort_by(|a, b| (&a.home, &a.name, a.id).cmp(&(&b.home, &b.name, b.id)));
    rows
}

#[component]
pub fn Teachers(ui: Ui) -> impl IntoView {
    let sought = RwSignal::new(String::new());
    let all = Memo::new(move |_| ui.views(|views| rows(views, sought.get().trim())));
    let nothing_yet = (
        ui.say("师资库还是空的", "The pool is empty"),
        ui.say("各分校报的教师经市校认可后在这里共用。", "Teachers that branches put forward appear here."),
    );
    let table = found_rows(ui, sought, all, nothing_yet, move |rows| {
        view! {
            <table class="tbl fold" data-test="teachers">
                <thead><tr>
                    <th>{ui.say("姓名", "Name")}</th><th>{ui.say("所属", "Branch")}</th><th>{ui.say("可讲", "Courses")}</th>
                    <th>{ui.say("可供 周一至周日", "Offered Mon–Sun")}</th><th class="num">{ui.say("每周上限", "Weekly limit")}</th><th></th>
                </tr></thead>
                <tbody>{rows.into_iter().map(|row| line(ui, row)).collect_view()}</tbody>
            </table>
        }
        .into_any()
    });
    let sub = move || {
        let people = ui.views(|views| views.teachers.people());
        ui.say(format!("{people} 人，各校共用"), format!("{people} people, shared by all branches"))
    };
    let form = move || {
        match ui.form.get() {
        Some(Form::Claim(teacher)) => view! { <ClaimForm ui teacher /> }.into_any(),
        _ => view! { <section class="panel desk"><h2>{ui.say("约课", "Claim")}</h2><p class="small">{ui.say("点「约课」，按可供时段选一天。两个分校要同一人同一时，由市校按公开的规则裁定，不看谁先到。", "Choose Claim and a day the teacher is offered. When two branches want the same hour the city decides by open rules, not by who was first.")}</p></section> }.into_any(),
    }
    };
    view! {
        {move || head(ui.say("师资库", "Teacher pool").into(), sub(), ().into_any())}
        <div class="cols"><div>{search(ui.say("找教师", "Search"), sought)}{table}</div><aside>{form}</aside></div>
        {move || paper_foot(ui)}
    }
}

fn line(ui: Ui, row: Row) -> impl IntoView {
    let id = row.id;
    let kind = if row.full_time { ui.say("专职", "full-time") } else { ui.say("兼职", "part-time") };
    let courses = match row.courses.as_slice() {
        [] => ui.say("待认可", "not approved yet").to_owned(),
        [only] => only.clone(),
        [first, ..] => ui.say(
            format!("{first} 等 {} 门", row.courses.len()),
            format!("{first} and {} more", row.courses.len() - 1),
        ),
    };
    let can_claim = !row.windows.is_empty() && !row.courses.is_empty();
    view! {
        <tr aria-selected=move || (ui.form.get() == Some(Form::Claim(id))).then_some("true")>
            <th class="t nowrap" scope="row">{row.name}<span class="sub">{format!("{kind} · {}", row.source)}{row.perhaps_twice.then(|| ui.say(" · 可能与别校同一人", " · perhaps listed twice"))}</span></th>
            <td class="nowrap">{row.home}</td>
            <td>{courses}</td>
            <td class="nowrap">{strip(ui.lang, &row.windows)}</td>
            <td class="num" data-l=ui.say("每周上限", "Weekly limit")>{row.weekly_cap}</td>
            <td class="act">{can_claim.then(|| view! { <button class="btn" data-test="claim" on:click=move |_| ui.open_form(Form::Claim(id))>{ui.say("约课", "Claim")}</button> })}</td>
        </tr>
    }
}
