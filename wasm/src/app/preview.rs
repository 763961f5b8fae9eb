//! Before anything is decided: what the planner would say to this branch's orders, and at the city what would
//! change if a teacher were ill.

use super::order_form::field;
use super::ui::Ui;
use super::words;
use client_core::decide::timetable::{Change, Preview, WhatIf, WhatIfAnswer};
use client_core::event::{JointConfirmed, RequestUnmet};
use client_core::fold::SharedViews;
use client_core::ids::BranchId;
use client_core::plan::{Budget, Progress, Refusal};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Steps between two looks at the page: about 50 ms.
const STEPS_AT_ONCE: u64 = 500_000;

/// What the panel shows.
#[derive(Clone)]
enum Shown<T> {
    Nothing,
    /// Percent of the steps.
    Working(u64),
    Refused(String),
    Done(T),
}

/// Runs a planner in slices, so that the page goes on drawing.
fn in_slices<P: 'static, T: Clone + Send + Sync + 'static>(
    shown: RwSignal<Shown<T>>,
    planning: Result<P, Refusal>,
    run: impl Fn(&mut P, u64) -> Progress + 'static,
    finish: impl FnOnce(P) -> T + 'static,
) {
    let mut planning = match planning {
        Ok(planning) => planning,
        Err(refusal) => return shown.set(Shown::Refused(refusal.to_string())),
    };
    shown.set(Shown::Working(0));
    spawn_local(async move {
        loop {
            let progress = run(&mut planning, STEPS_AT_ONCE);
            if progress.done {
                break;
            }
            shown.set(Shown::Working(progress.steps * 100 / progress.budget.max(1)));
            TimeoutFuture::new(0).await;
        }
        shown.set(Shown::Done(finish(planning)));
    });
}

fn working(ui: Ui, percent: u64) -> AnyView {
    let text = ui.say(format!("正在试排… {percent}%"), format!("Planning… {percent}%"));
    view! { <p class="small" role="status">{text}</p> }.into_any()
}

fn refused(ui: Ui, why: &str) -> AnyView {
    let text = ui.say(format!("排不了：{why}"), format!("Cannot plan: {why}"));
    view! { <p class="err" role="alert">{text}</p> }.into_any()
}

/// The panel of the requests room.
#[component]
pub fn PreviewPanel(ui: Ui) -> impl IntoView {
    let shown = RwSignal::new(Shown::<Preview>::Nothing);
    let start = move |_| {
        let planning = ui.with(|replica| replica.preview(crate::host::now(), Budget::default()));
        in_slices(shown, planning, |it, steps| it.planning.run(steps), |it| it.finish());
    };
    let result = move || match shown.get() {
        Shown::Nothing => ().into_any(),
        Shown::Working(percent) => working(ui, percent),
        Shown::Refused(why) => refused(ui, &why),
        Shown::Done(preview) => ui.views(|views| previewed(ui, views, &preview)),
    };
    let city = ui.branch() == BranchId::CITY;
    view! {
        <section class="panel" data-test="preview">
            <h2>{ui.say("先试排一次", "Preview")}</h2>
            <p class="small">{ui.say("按本机知道的，看看这一轮大概会怎么排。只是预排，不算数。", "What the city would say on what this device knows. A preview: nothing is decided.")}</p>
            <div class="acts"><button class="btn" data-test="preview-start" on:click=start>{ui.say("试排", "Plan")}</button></div>
            <div aria-live="polite">{result}</div>
        </section>
        {city.then(|| view! { <WhatIfPanel ui /> })}
    }
}

fn previewed(ui: Ui, views: &SharedViews, preview: &Preview) -> AnyView {
    let age = match preview.city_heard {
        Some(at) => ui.say(
            format!("预排 · 市校数据截至 {}", words::moment(at)),
            format!("preview · city data as of {}", words::moment(at)),
        ),
        None => {
            ui.say("预排 · 还没有收到市校数据".to_owned(), "preview · no data from the city yet".to_owned())
        }
    };
    let proposal = &preview.proposal;
    let rows: Vec<String> = proposal
        .classes
        .iter()
        .map(|proposed| class(ui, views, &proposed.class))
        .chain(proposal.unmet.iter().map(|it| unmet(ui, views, it)))
        .collect();
    let none = rows.is_empty().then(|| ui.say("没有等着排的点单。", "No order waits to be planned."));
    let saved = (proposal.minutes_saved > 0).then(|| {
        let minutes = proposal.minutes_saved;
        let text = ui.say(
            format!("合班省下教师授课 {minutes} 分钟"),
            format!("joining saves {minutes} minutes of teaching"),
        );
        view! { <p class="small">{text}</p> }
    });
    let rows = rows.into_iter().map(|text| view! { <li>{text}</li> }).collect_view();
    view! { <p class="small dim">{age}</p><ul class="lines" data-test="previewed">{rows}</ul><p class="small">{none}</p>{saved} }.into_any()
}

/// `06-18 周四 14:00–15:30 基层治理，示例甲，报告厅（当湖、新埭）`
fn class(ui: Ui, views: &SharedViews, class: &JointConfirmed) -> String {
    let branches: Vec<String> =
        class.parts.iter().map(|part| views.branches.name(part.request.document.branch)).collect();
    let what = [
        words::course(ui.lang, views, Some(class.course)),
        words::teacher(ui.lang, views, class.teacher),
        words::asset(ui.lang, views, class.venue),
    ];
    let when = words::slot(ui.lang, &class.slot);
    let (what, who) = (what.join(ui.say("，", ", ")), branches.join(ui.say("、", ", ")));
    ui.say(format!("{when} {what}（{who}）"), format!("{when} {what} ({who})"))
}

fn unmet(ui: Ui, views: &SharedViews, unmet: &RequestUnmet) -> String {
    let order = views.requests.orders.get(&unmet.request).and_then(|order| order.lodged.as_ref());
    let course = order.and_then(|lodged| lodged.wish.courses.first().copied());
    let course = words::course(ui.lang, views, course);
    let why = words::reasons(ui.lang, views, &unmet.reasons);
    let instead = unmet.alternative.as_ref().map(|class| {
        let (when, what) = (words::slot(ui.lang, &class.slot), words::other_class(ui.lang, views, class));
        ui.say(format!("；就近：{when} {what}"), format!("; nearest: {when} {what}"))
    });
    let instead = instead.unwrap_or_default();
    ui.say(format!("{course} 排不上：{why}{instead}"), format!("{course} unmet: {why}{instead}"))
}

/// What if a teacher were ill: for the city administrator.
#[component]
fn WhatIfPanel(ui: Ui) -> impl IntoView {
    let today = crate::host::now().day();
    let teacher = RwSignal::new(String::new());
    let from = RwSignal::new(today.plus(1).to_string());
    let to = RwSignal::new(today.plus(7).to_string());
    let problem = RwSignal::new(None::<&'static str>);
    let shown = RwSignal::new(Shown::<WhatIfAnswer>::Nothing);
    let ask = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (Ok(teacher), Ok(from), Ok(to)) = (teacher.get().parse(), from.get().parse(), to.get().parse())
        else {
            problem.set(Some(ui.say("请选教师和两个日期。", "Choose a teacher and both days.")));
            return;
        };
        problem.set(None);
        let what = WhatIf::TeacherAway { teacher, from, to };
        let planning = ui.with(|replica| replica.what_if(&what, crate::host::now(), Budget::default()));
        in_slices(shown, planning, |it, steps| it.run(steps), |it| it.finish());
    };
    let choices = move || {
        ui.views(|views| {
            let known = views.teachers.teachers.iter().filter(|(_, teacher)| teacher.merged_into.is_none());
            let option = |(id, name): (String, String)| view! { <option value=id>{name}</option> };
            known.map(|(id, teacher)| option((id.to_hex(), teacher.name.clone()))).collect_view()
        })
    };
    let result = move || match shown.get() {
        Shown::Nothing => ().into_any(),
        Shown::Working(percent) => working(ui, percent),
        Shown::Refused(why) => refused(ui, &why),
        Shown::Done(answer) => ui.views(|views| answered(ui, views, &answer)),
    };
    view! {
        <section class="panel form" data-test="what-if">
            <h2>{ui.say("如果教师请假", "What if a teacher is away")}</h2>
            <form on:submit=ask>
                <div class="field">
                    <label for="what-if-teacher">{ui.say("教师", "Teacher")}</label>
                    <select id="what-if-teacher" on:change=move |event| teacher.set(event_target_value(&event))>
                        <option value="">{ui.say("请选", "choose")}</option>{choices}
                    </select>
                </div>
                <div class="pair">
                    {field(ui.say("从", "First day"), "what-if-from", "date", from)}
                    {field(ui.say("到", "Last day"), "what-if-to", "date", to)}
                </div>
                <p class="err" role="alert">{move || problem.get()}</p>
                <div class="acts"><button class="btn">{ui.say("看看会怎样", "Show")}</button></div>
            </form>
            <div aria-live="polite">{result}</div>
        </section>
    }
}

fn answered(ui: Ui, views: &SharedViews, answer: &WhatIfAnswer) -> AnyView {
    let none = answer.changes.is_empty().then(|| ui.say("没有班次要动。", "No class would change."));
    let row = |change: &Change| match (&change.after, &change.unmet) {
        (Some(after), _) => ui.say("改为：", "becomes: ").to_owned() + &class(ui, views, after),
        (None, Some(it)) => unmet(ui, views, it),
        (None, None) => String::new(),
    };
    let rows: Vec<String> = answer
        .changes
        .iter()
        .map(|change| format!("{} {}", views.branches.name(change.request.document.branch), row(change)))
        .collect();
    let rows = rows.into_iter().map(|text| view! { <li>{text}</li> }).collect_view();
    let (stay, hit) = (answer.untouched, answer.in_the_way.len());
    let rest = ui.say(
        format!("试算，不算数。其余已定 {stay} 班不动；另有 {hit} 件约课或自办班要人来定。"),
        format!("A trial; nothing is decided. {stay} confirmed classes stay; {hit} claims or own classes need a person."),
    );
    view! { <ul class="lines">{rows}</ul><p class="small">{none}</p><p class="small dim">{rest}</p> }
        .into_any()
}
