//! The teaching list: what can be ordered.

use super::order_form::OrderForm;
use super::parts::{found_rows, head, search};
use super::shell::paper_foot;
use super::ui::{Form, Ui};
use client_core::domain::SharedViews;
use client_core::ids::CourseId;
use leptos::prelude::*;

#[derive(Clone, PartialEq)]
struct Row {
    id: CourseId,
    code: String,
    title: String,
    detail: String,
    periods: u8,
    teachers: usize,
    classes: u64,
}

fn rows(views: &SharedViews, sought: &str) -> Vec<Row> {
    let listed = views.courses.courses.iter().filter(|(_, course)| course.delisted.is_none());
    let mut rows: Vec<Row> = listed
        .map(|(id, course)| {
            let can_teach = views.teachers.teachers.values();
            let can_teach = can_teach.filter(|t| t.merged_into.is_none() && t.approved.contains(id));
            let detail = [&course.area, &course.method, &course.audience].map(String::as_str);
            let detail: Vec<&str> = detail.into_iter().filter(|text| !text.is_empty()).collect();
            Row {
                id: *id,
                code: course.code.clone(),
                title: course.title.clone(),
                detail: detail.join(" · "),
                periods: course.periods,
                teachers: can_teach.count(),
                classes: views.courses.usage.get(id).map_or(0, |usage| usage.classes),
            }
        })
        .filter(|row| [&row.code, &row.title, &row.detail].iter().any(|text| text.contains(sought)))
        .collect();
    rows.sort_by(|a, b| a.code.cmp(&b.code));
    rows
}

#[component]
pub fn Courses(ui: Ui) -> impl IntoView {
    let sought = RwSignal::new(String::new());
    let all = Memo::new(move |_| ui.views(|views| rows(views, sought.get().trim())));
    let nothing_yet = (
        ui.say("还没有教学清单", "No teaching list yet"),
        ui.say(
            "市校导入清单、线路通过一次后，这里就有。",
            "It appears once the city has imported it and the line was up once.",
        ),
    );
    let table = found_rows(ui, sought, all, nothing_yet, move |rows| {
        view! {
            <table class="tbl fold" data-test="courses">
                <thead><tr>
                    <th>{ui.say("编号", "No.")}</th><th>{ui.say("课程", "Course")}</th>
                    <th class="num">{ui.say("课时", "Periods")}</th><th class="num">{ui.say("能讲的教师", "Teachers")}</th>
                    <th class="num">{ui.say("已开班次", "Classes held")}</th><th></th>
                </tr></thead>
                <tbody>{rows.into_iter().map(|row| line(ui, row)).collect_view()}</tbody>
            </table>
        }
        .into_any()
    });
    let sub = move || ui.say(format!("{} 门", all.get().len()), format!("{} courses", all.get().len()));
    let form = move || {
        match ui.form.get() {
        Some(Form::Order(course)) => view! { <OrderForm ui course /> }.into_any(),
        _ => view! { <section class="panel desk"><h2>{ui.say("点单", "Order")}</h2><p class="small">{ui.say("在清单里点「点单」，写上人数和时间；几个分校点同一门课，市校会排成一个联合班。", "Choose Order in the list. When several branches order one course, the city makes one joint class of it.")}</p></section> }.into_any(),
    }
    };
    view! {
        {move || head(ui.say("教学清单", "Teaching list").into(), sub(), ().into_any())}
        <div class="cols"><div>{search(ui.say("找课程", "Search"), sought)}{table}</div><aside>{form}</aside></div>
        {move || paper_foot(ui)}
    }
}

fn line(ui: Ui, row: Row) -> impl IntoView {
    let id = row.id;
    view! {
        <tr aria-selected=move || (ui.form.get() == Some(Form::Order(id))).then_some("true")>
            <td class="nowrap">{row.code}</td>
            <th class="t" scope="row">{row.title}<span class="sub">{row.detail}</span></th>
            <td class="num" data-l=ui.say("课时", "Periods")>{row.periods}</td>
            <td class="num" data-l=ui.say("教师", "Teachers")>{row.teachers}</td>
            <td class="num" data-l=ui.say("班次", "Classes")>{row.classes}</td>
            <td class="act"><button class="btn" data-test="order" on:click=move |_| ui.open_form(Form::Order(id))>{ui.say("点单", "Order")}</button></td>
        </tr>
    }
}
