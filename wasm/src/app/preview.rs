//! Before anything is decided: what the planner would say to this branch's orders.

use super::ui::Ui;
use super::what_if::WhatIfPanel;
use super::words;
use client_core::decide::timetable::Preview;
use client_core::domain::{JointClass, SharedViews, UnmetOrder};
use client_core::ids::BranchId;
use client_core::plan::{Budget, Progress, Refusal};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Steps between two looks at the page: about 50 ms.
const STEPS_AT_ONCE: u64 = 500_000;

/// A plan in the making, as a panel shows it.
#[derive(Clone)]
pub enum Shown<T> {
    Nothing,
    /// Percent of the steps.
    Working(u64),
    Refused(String),
    Done(T),
}

impl<T> Shown<T> {
    pub fn is_working(&self) -> bool {
        matches!(self, Self::Working(_))
    }

    /// Its state, or what came of it.
    pub fn view(self, ui: Ui, done: impl FnOnce(&SharedViews, &T) -> AnyView) -> AnyView {
        match self {
            Self::Nothing => ().into_any(),
            Self::Working(percent) => {
                let text = ui.say(format!("正在试排… {percent}%"), format!("Planning… {percent}%"));
                view! { <p class="small" role="status">{text}</p> }.into_any()
            }
            Self::Refused(why) => {
                let text = ui.say(format!("排不了：{why}"), format!("Cannot plan: {why}"));
                view! { <p class="err" role="alert">{text}</p> }.into_any()
            }
            Self::Done(answer) => ui.views(|views| done(views, &answer)),
        }
    }
}

/// Runs a planner in slices, so that the page goes on drawing; ends where nobody waits for it any more.
pub fn in_slices<P: 'static, T: Clone + Send + Sync + 'static>(
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
            // The room was left, or the question is another now.
            if shown.try_with_untracked(Shown::is_working) != Some(true) {
                return;
            }
        }
        shown.set(Shown::Done(finish(planning)));
    });
}

/// The panel of the requests room.
#[component]
pub fn PreviewPanel(ui: Ui) -> impl IntoView {
    let shown = RwSignal::new(Shown::<Preview>::Nothing);
    let start = move |_| {
        let planning = ui.with(|replica| replica.preview(crate::host::now(), Budget::default()));
        in_slices(shown, planning, |it, steps| it.planning.run(steps), |it| it.finish());
    };
    let result = move || shown.get().view(ui, |views, preview| previewed(ui, views, preview));
    let city = ui.branch() == BranchId::CITY;
    view! {
        <section class="panel" data-test="preview">
            <h2>{ui.say("先试排一次", "Preview")}</h2>
            <p class="small">{ui.say("按本机知道的，看看这一轮大概会怎么排。只是预排，不算数。", "What the city would say on what this device knows. A preview: nothing is decided.")}</p>
            <div class="acts"><button class="btn" data-test="preview-start" disabled=move || shown.with(Shown::is_working) on:click=start>{ui.say("试排", "Plan")}</button></div>
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
pub fn class(ui: Ui, views: &SharedViews, class: &JointClass) -> String {
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

pub fn unmet(ui: Ui, views: &SharedViews, unmet: &UnmetOrder) -> String {
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
