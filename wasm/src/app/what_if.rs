//! What if, for the city: a teacher away, a venue closed, one more order. Nothing is decided by asking.

use super::order_form::LONGEST_WAY_MINUTES;
use super::parts::field;
use super::preview::{Shown, class, in_slices, unmet};
use super::ui::Ui;
use super::words;
use client_core::decide::timetable::{Before, Change, WhatIf, WhatIfAnswer};
use client_core::domain::{AssetKind, OrderWish, SharedViews};
use client_core::ids::BranchId;
use client_core::plan::Budget;
use leptos::prelude::*;

/// People of a usual order.
const USUAL_PEOPLE: &str = "30";

/// The questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    TeacherAway,
    VenueClosed,
    OneMoreOrder,
}

impl Question {
    const ALL: [Self; 3] = [Self::TeacherAway, Self::VenueClosed, Self::OneMoreOrder];

    fn word(self) -> &'static str {
        match self {
            Self::TeacherAway => "teacher",
            Self::VenueClosed => "venue",
            Self::OneMoreOrder => "order",
        }
    }

    fn label(self, ui: Ui) -> &'static str {
        match self {
            Self::TeacherAway => ui.say("教师请假", "a teacher is away"),
            Self::VenueClosed => ui.say("场地停用", "a venue is closed"),
            Self::OneMoreOrder => ui.say("多来一份点单", "one more order comes"),
        }
    }

    /// Whom or what it is about.
    fn subject(self, ui: Ui) -> &'static str {
        match self {
            Self::TeacherAway => ui.say("教师", "Teacher"),
            Self::VenueClosed => ui.say("场地", "Venue"),
            Self::OneMoreOrder => ui.say("课程", "Course"),
        }
    }

    /// Ids and names to choose from.
    fn subjects(self, ui: Ui, views: &SharedViews) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = match self {
            Self::TeacherAway => {
                let known = views.teachers.teachers.iter();
                let known = known.filter(|(_, teacher)| teacher.merged_into.is_none());
                known.map(|(id, teacher)| (id.to_hex(), teacher.name.clone())).collect()
            }
            Self::VenueClosed => {
                let assets = views.resources.assets.iter();
                let venues = assets.filter(|(_, asset)| asset.kind != AssetKind::Equipment);
                let name = |id| words::asset(ui.lang, views, id);
                venues
                    .map(|(id, asset)| {
                        let branch = views.branches.name(asset.branch);
                        (id.to_hex(), format!("{branch} · {}", name(*id)))
                    })
                    .collect()
            }
            Self::OneMoreOrder => {
                let courses = views.courses.courses.keys();
                let listed = courses.filter_map(|id| Some((*id, views.courses.on_list(*id)?)));
                listed.map(|(id, course)| (id.to_hex(), course.title.clone())).collect()
            }
        };
        all.sort_by(|one, other| one.1.cmp(&other.1));
        all
    }
}

/// The panel of the city's requests room.
#[component]
pub fn WhatIfPanel(ui: Ui) -> impl IntoView {
    let today = crate::host::now().day();
    let question = RwSignal::new(Question::TeacherAway);
    let subject = RwSignal::new(String::new());
    let branch = RwSignal::new(String::new());
    let people = RwSignal::new(USUAL_PEOPLE.to_owned());
    let from = RwSignal::new(today.plus(1).to_string());
    let to = RwSignal::new(today.plus(7).to_string());
    let problem = RwSignal::new(None::<&'static str>);
    let shown = RwSignal::new(Shown::<WhatIfAnswer>::Nothing);
    let asked = move || {
        let (from, to) = (from.get().parse().ok()?, to.get().parse().ok()?);
        if from > to {
            return None;
        }
        let subject = subject.get();
        Some(match question.get() {
            Question::TeacherAway => WhatIf::TeacherAway { teacher: subject.parse().ok()?, from, to },
            Question::VenueClosed => WhatIf::VenueClosed { venue: subject.parse().ok()?, from, to },
            Question::OneMoreOrder => WhatIf::OneMoreOrder {
                branch: branch.get().parse().ok()?,
                order: OrderWish {
                    courses: vec![subject.parse().ok()?],
                    group: ui.say("试算班", "trial").to_owned(),
                    headcount: people.get().trim().parse().ok()?,
                    from,
                    to,
                    half_days: Vec::new(),
                    max_travel_minutes: LONGEST_WAY_MINUTES,
                    online: true,
                    priority: 2,
                    pre_consent: true,
                },
            },
        })
    };
    let ask = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(what) = asked() else {
            let needed = ui.say(
                "每一项都要选；人数写整数；最晚一天不早于最早一天。",
                "Choose everything; people is a whole number; the last day is not before the first.",
            );
            problem.set(Some(needed));
            return;
        };
        problem.set(None);
        let planning = ui.with(|replica| replica.what_if(&what, crate::host::now(), Budget::default()));
        in_slices(shown, planning, |it, steps| it.run(steps), |it| it.finish());
    };
    let turn = move |event| {
        let word = event_target_value(&event);
        question.set(Question::ALL.into_iter().find(|it| it.word() == word).unwrap_or(Question::TeacherAway));
        subject.set(String::new());
        shown.set(Shown::Nothing);
        problem.set(None);
    };
    let questions = Question::ALL.map(|it| view! { <option value=it.word()>{it.label(ui)}</option> });
    let subjects = move || chooser(ui, ui.views(|views| question.get().subjects(ui, views)));
    let branches = move || chooser(ui, ui.views(branch_names));
    let of_an_order = move || question.get() == Question::OneMoreOrder;
    let result = move || shown.get().view(ui, |views, answer| answered(ui, views, answer));
    view! {
        <section class="panel" aria-labelledby="what-if-title" data-test="what-if">
            <h2 id="what-if-title">{ui.say("如果……会怎样", "What if …")}</h2>
            <form on:submit=ask>
                <div class="pair">
                    <div class="field">
                        <label for="what-if">{ui.say("如果", "If")}</label>
                        <select id="what-if" on:change=turn>{questions}</select>
                    </div>
                    <div class="field">
                        <label for="what-if-subject">{move || question.get().subject(ui)}</label>
                        <select id="what-if-subject" required prop:value=move || subject.get() on:change=move |event| subject.set(event_target_value(&event))>{subjects}</select>
                    </div>
                </div>
                <Show when=of_an_order>
                    <div class="pair">
                        <div class="field">
                            <label for="what-if-branch">{ui.say("哪所分校", "Branch")}</label>
                            <select id="what-if-branch" required prop:value=move || branch.get() on:change=move |event| branch.set(event_target_value(&event))>{branches}</select>
                        </div>
                        {field(ui.say("人数", "People"), "what-if-people", "number", people)}
                    </div>
                </Show>
                <div class="pair">
                    {field(ui.say("最早", "First day"), "what-if-from", "date", from)}
                    {field(ui.say("最晚", "Last day"), "what-if-to", "date", to)}
                </div>
                <p class="err" role="alert">{move || problem.get()}</p>
                <div class="acts"><button class="btn" data-test="what-if-ask" disabled=move || shown.with(Shown::is_working)>{ui.say("看看会怎样", "Show")}</button></div>
            </form>
            <div aria-live="polite" data-test="what-if-answer">{result}</div>
        </section>
    }
}

fn branch_names(views: &SharedViews) -> Vec<(String, String)> {
    let branches = views.branches.branches.keys().filter(|branch| **branch != BranchId::CITY);
    branches.map(|branch| (branch.to_hex(), views.branches.name(*branch))).collect()
}

fn chooser(ui: Ui, choices: Vec<(String, String)>) -> impl IntoView {
    let options = choices.into_iter().map(|(id, name)| view! { <option value=id>{name}</option> });
    view! { <option value="">{ui.say("请选", "choose")}</option>{options.collect_view()} }
}

fn answered(ui: Ui, views: &SharedViews, answer: &WhatIfAnswer) -> AnyView {
    let none = answer.changes.is_empty().then(|| ui.say("没有班次要动。", "No class would change."));
    let rows = answer.changes.iter().map(|change| changed(ui, views, change)).collect_view();
    let (stay, hit) = (answer.untouched, answer.in_the_way.len());
    let rest = ui.say(
        format!("试算，不算数。其余已定 {stay} 班不动；另有 {hit} 件约课或自办班要人来定。"),
        format!("A trial; nothing is decided. {stay} confirmed classes stay; {hit} claims or own classes need a person."),
    );
    let (without, with) = answer.minutes_saved;
    let saved = (without != with).then(|| {
        ui.say(
            format!("合班省下的教师授课由 {without} 分钟变为 {with} 分钟。"),
            format!("Teaching saved by joining: {without} minutes become {with}."),
        )
    });
    view! { <ul class="lines">{rows}</ul><p class="small">{none}{saved}</p><p class="small dim">{rest}</p> }
        .into_any()
}

/// An order's class before and after.
fn changed(ui: Ui, views: &SharedViews, change: &Change) -> impl IntoView + use<> {
    let before = match &change.before {
        Before::Confirmed { class: it } => ui.say("原定 ", "confirmed: ").to_owned() + &class(ui, views, it),
        Before::Planned { class: it } => ui.say("原可排 ", "planned: ").to_owned() + &class(ui, views, it),
        Before::Unmet => ui.say("原排不上", "unmet before").to_owned(),
        Before::NotLodged => ui.say("新点单", "the new order").to_owned(),
    };
    let after = match (&change.after, &change.unmet) {
        (Some(after), _) => ui.say("改为 ", "becomes: ").to_owned() + &class(ui, views, after),
        (None, Some(why)) => unmet(ui, views, why),
        (None, None) => ui.say("不再排", "no class any more").to_owned(),
    };
    let branch = views.branches.name(change.request.document.branch);
    view! { <li><b>{branch}</b>" "<span class="dim">{before}</span><br/>"→ "{after}</li> }
}
