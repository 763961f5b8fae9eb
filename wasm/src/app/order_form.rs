//! An order: a course, how many people, between which days.

use super::parts::{field, save_or_back};
use super::ui::Ui;
use super::words;
use client_core::domain::{Command, OrderWish};
use client_core::ids::CourseId;
use client_core::time::Day;
use leptos::prelude::*;

/// Orders are decided in rounds; a wish sooner than this has little chance.
const USUAL_LEAD_DAYS: i32 = 15;
const USUAL_WINDOW_DAYS: i32 = 30;
/// How far an order for a joint class goes unless it says otherwise.
pub const LONGEST_WAY_MINUTES: u16 = 60;

#[component]
pub fn OrderForm(ui: Ui, course: CourseId) -> impl IntoView {
    let title = ui.views(|views| words::course(ui.lang, views, Some(course)));
    let today = crate::host::now().day();
    let group = RwSignal::new(ui.say("党员班", "Members").to_owned());
    let people = RwSignal::new("30".to_owned());
    let from = RwSignal::new(today.plus(USUAL_LEAD_DAYS).to_string());
    let to = RwSignal::new(today.plus(USUAL_LEAD_DAYS + USUAL_WINDOW_DAYS).to_string());
    let online = RwSignal::new(true);
    let joint = RwSignal::new(true);
    let problem = RwSignal::new(None::<&'static str>);
    let heading = title.clone();
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (days, people) =
            ((from.get().parse::<Day>(), to.get().parse::<Day>()), people.get().trim().parse());
        let ((Ok(from), Ok(to)), Ok(headcount)) = (days, people) else {
            problem.set(Some(
                ui.say("人数要是整数，两个日期都要选。", "People is a whole number; choose both days."),
            ));
            return;
        };
        if from > to {
            problem
                .set(Some(ui.say("最晚一天早于最早一天，请对调。", "The last day lies before the first.")));
            return;
        }
        let order = OrderWish {
            courses: vec![course],
            group: group.get(),
            headcount,
            from,
            to,
            half_days: Vec::new(),
            max_travel_minutes: if joint.get() { LONGEST_WAY_MINUTES } else { 0 },
            online: online.get(),
            priority: 2,
            pre_consent: joint.get(),
        };
        ui.run_form(Command::from(order), ui.say(format!("点单：{title}"), format!("Order: {title}")));
    };
    view! {
        <section class="panel form" aria-labelledby="order-title" data-test="order-form">
            <h2 id="order-title">{ui.say("点单：", "Order: ")}{heading}</h2>
            <form on:submit=save>
                <div class="pair">
                    {field(ui.say("人数", "People"), "people", "number", people)}
                    {field(ui.say("哪个班（不写人名）", "Group (no names)"), "group", "text", group)}
                </div>
                <div class="pair">
                    {field(ui.say("最早", "First day"), "from", "date", from)}
                    {field(ui.say("最晚", "Last day"), "to", "date", to)}
                </div>
                <label class="check"><input type="checkbox" prop:checked=move || joint.get() on:change=move |event| joint.set(event_target_checked(&event)) />{ui.say("愿与别的分校合班，路程一小时内都行", "Joint class welcome, up to an hour's way")}</label>
                <label class="check"><input type="checkbox" prop:checked=move || online.get() on:change=move |event| online.set(event_target_checked(&event)) />{ui.say("线上参加也行", "Joining online is fine")}</label>
                <p class="err" role="alert">{move || problem.get()}</p>
                {save_or_back(ui, "save-order", ui.say("存下点单", "Save order"))}
                <p class="small dim">{ui.say("存下就在本机，断网也算数；送到后由市校一轮一轮裁定。", "Saved on this device at once; the city decides round by round when it arrives.")}</p>
            </form>
        </section>
    }
}
