//! A claim: one teacher at one time.

use super::parts::{field, save_or_back};
use super::ui::Ui;
use super::words;
use client_core::domain::{ClaimWish, Command};
use client_core::ids::{CourseId, TeacherId};
use client_core::time::{Day, HalfDay, Slot};
use leptos::prelude::*;

const USUAL_LEAD_DAYS: i32 = 15;
const MORNING_MINUTE: u16 = 9 * 60;
const AFTERNOON_MINUTE: u16 = 14 * 60;
const USUAL_MINUTES: u16 = 90;

#[component]
pub fn ClaimForm(ui: Ui, teacher: TeacherId) -> impl IntoView {
    let found = ui.views(|views| {
        let entry = views.teachers.teachers.get(&teacher)?;
        let courses: Vec<(CourseId, String)> = entry
            .approved
            .iter()
            .filter_map(|id| Some((*id, views.courses.on_list(*id)?.title.clone())))
            .collect();
        let windows: Vec<HalfDay> = entry.offers.iter().flat_map(|offer| offer.windows.clone()).collect();
        Some((entry.name.clone(), courses, windows))
    });
    let Some((name, courses, windows)) = found else { return ().into_any() };
    let (day, half) = first_offered(crate::host::now().day().plus(USUAL_LEAD_DAYS), &windows);
    let day = RwSignal::new(day.to_string());
    let start = RwSignal::new(words::clock(if half { AFTERNOON_MINUTE } else { MORNING_MINUTE }));
    let minutes = RwSignal::new(USUAL_MINUTES.to_string());
    let people = RwSignal::new("30".to_owned());
    let course = RwSignal::new(courses.first().map(|(id, _)| id.to_hex()).unwrap_or_default());
    let problem = RwSignal::new(None::<&'static str>);
    let heading = name.clone();
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let slot = read_slot(&day.get(), &start.get(), &minutes.get());
        let (Some(slot), Ok(headcount)) = (slot, people.get().trim().parse()) else {
            problem.set(Some(
                ui.say("请选好日期、时间，人数写整数。", "Choose day and time; people is a whole number."),
            ));
            return;
        };
        let claim = ClaimWish {
            teacher: Some(teacher),
            asset: None,
            course: CourseId::from_hex(&course.get()).ok(),
            slot,
            headcount,
            branches_served: 1,
        };
        let when = words::slot(ui.lang, &slot);
        ui.run_form(
            Command::from(claim),
            ui.say(format!("约课：{name} {when}"), format!("Claim: {name} {when}")),
        );
    };
    view! {
        <section class="panel form" aria-labelledby="claim-title" data-test="claim-form">
            <h2 id="claim-title">{ui.say("约课：", "Claim: ")}{heading}</h2>
            <form on:submit=save>
                <p class="small dim">{ui.say("可供：", "Offered: ")}{words::half_days(ui.lang, &windows)}</p>
                <div class="field">
                    <label for="claim-course">{ui.say("课程", "Course")}</label>
                    <select id="claim-course" on:change=move |event| course.set(event_target_value(&event))>
                        {courses.into_iter().map(|(id, title)| view! { <option value=id.to_hex()>{title}</option> }).collect_view()}
                    </select>
                </div>
                <div class="pair">
                    {field(ui.say("日期", "Day"), "claim-day", "date", day)}
                    {field(ui.say("开始", "Start"), "claim-start", "time", start)}
                </div>
                <div class="pair">
                    {field(ui.say("分钟", "Minutes"), "claim-minutes", "number", minutes)}
                    {field(ui.say("人数", "People"), "claim-people", "number", people)}
                </div>
                <p class="err" role="alert">{move || problem.get()}</p>
                {save_or_back(ui, "save-claim", ui.say("存下约课", "Save claim"))}
            </form>
        </section>
    }
    .into_any()
}

/// The first day from `from` on with an offered half-day; true for an afternoon.
fn first_offered(from: Day, windows: &[HalfDay]) -> (Day, bool) {
    let days = (0..7).map(|n| from.plus(n));
    let offered = days.flat_map(|day| [(day, false), (day, true)]).find(|(day, afternoon)| {
        windows.contains(&HalfDay { weekday: day.weekday(), afternoon: *afternoon })
    });
    offered.unwrap_or((from, false))
}

fn read_slot(day: &str, start: &str, minutes: &str) -> Option<Slot> {
    let (hour, minute) = start.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    Some(Slot {
        day: day.parse().ok()?,
        start_minute: hour * 60 + minute,
        duration_minutes: minutes.trim().parse().ok()?,
    })
}
