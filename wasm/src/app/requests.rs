//! Requests and decisions: a slip for each order and claim, with its reason and its alternatives.

use super::parts::{badge, empty, head, mark};
use super::preview::PreviewPanel;
use super::shell::paper_foot;
use super::ui::{Room, Ui};
use super::words;
use client_core::domain::{
    CancelRequest, Command, Outcome, OutcomeKind, SharedViews, State, TakeAlternative,
};
use client_core::event::EventRef;
use client_core::ids::BranchId;
use client_core::time::Millis;
use leptos::prelude::*;

/// One slip before it is drawn.
struct Slip {
    request: EventRef,
    branch: String,
    is_own: bool,
    title: String,
    lodged: Millis,
    received: bool,
    cancelled: bool,
    outcome: Option<Outcome>,
    reason: String,
    alternatives: Vec<(String, String)>,
}

/// Own orders and claims that wait for the city.
pub fn open(ui: Ui) -> usize {
    let branch = ui.branch();
    ui.views(|views| {
        let claims = views.requests.open_claims().filter(|(id, _, _)| id.document.branch == branch).count();
        claims + views.requests.open_orders().filter(|(id, _)| id.document.branch == branch).count()
    })
}

fn slips(ui: Ui, views: &SharedViews, own: BranchId) -> Vec<Slip> {
    let claims = views.requests.claims.iter().filter_map(|(id, state)| {
        let wish = &state.lodged.as_ref()?.wish;
        let who = wish.teacher.map(|id| words::teacher(ui.lang, views, id));
        let who = who.or_else(|| wish.asset.map(|id| words::asset(ui.lang, views, id))).unwrap_or_default();
        slip(ui, views, own, *id, state, format!("{who} {}", words::slot(ui.lang, &wish.slot)))
    });
    let orders = views.requests.orders.iter().filter_map(|(id, state)| {
        let wish = &state.lodged.as_ref()?.wish;
        let course = words::course(ui.lang, views, wish.courses.first().copied());
        let class = state.outcome.as_ref().and_then(|outcome| views.requests.joint.get(&outcome.class?));
        let when = match class {
            Some(class) => words::slot(ui.lang, &class.slot),
            None => format!("{} – {}", words::day(ui.lang, wish.from), words::day(ui.lang, wish.to)),
        };
        slip(ui, views, own, *id, state, format!("{course} {when}"))
    });
    let mut slips: Vec<Slip> = claims.chain(orders).collect();
    // What needs an answer first, then what waits, then the rest; the newest on top.
    slips.sort_by_key(|slip| (order(slip), std::cmp::Reverse(slip.lodged)));
    slips
}

/// `None` for what is another branch's business.
fn slip<T>(
    ui: Ui,
    views: &SharedViews,
    own: BranchId,
    request: EventRef,
    state: &State<T>,
    title: String,
) -> Option<Slip> {
    let lodged = state.lodged.as_ref().filter(|lodged| lodged.branch == own || own == BranchId::CITY)?;
    let outcome = state.outcome.clone();
    let alternatives = outcome.iter().flat_map(|outcome| &outcome.alternatives).map(|other| {
        let who = other.teacher.map(|id| words::teacher(ui.lang, views, id));
        let place = other.asset.map(|id| words::asset(ui.lang, views, id));
        let both: Vec<String> = [who, place].into_iter().flatten().collect();
        (words::slot(ui.lang, &other.slot), both.join(ui.say("，", ", ")))
    });
    let instead = outcome
        .iter()
        .filter_map(|outcome| outcome.instead.as_ref())
        .map(|class| (words::slot(ui.lang, &class.slot), words::other_class(ui.lang, views, class)));
    let reason = outcome.as_ref().map(|outcome| words::reasons(ui.lang, views, &outcome.reasons));
    Some(Slip {
        request,
        branch: views.branches.name(lodged.branch),
        is_own: lodged.branch == own,
        title,
        lodged: lodged.at,
        received: state.received.is_some(),
        cancelled: state.cancelled,
        reason: reason.unwrap_or_default(),
        alternatives: alternatives.chain(instead).collect(),
        outcome,
    })
}

fn order(slip: &Slip) -> u8 {
    match (slip.cancelled, slip.outcome.as_ref().map(|outcome| outcome.kind)) {
        (true, _) => 3,
        (false, Some(OutcomeKind::Refused | OutcomeKind::Displaced)) => 0,
        (false, None | Some(OutcomeKind::Waitlisted)) => 1,
        (false, Some(OutcomeKind::Confirmed)) => 2,
    }
}

#[component]
pub fn Requests(ui: Ui) -> impl IntoView {
    let list = move || {
        let branch = ui.branch();
        let slips = ui.views(|views| slips(ui, views, branch));
        if slips.is_empty() {
            return empty(
                ui.say("还没有申请", "No requests yet"),
                ui.say(
                    "在教学清单里点单，或在师资库里约课，就会列在这里。",
                    "Order a course or claim a teacher and it stands here.",
                ),
            )
            .into_any();
        }
        view! { <div class="slips" data-test="slips">{slips.into_iter().map(|slip| slip_view(ui, slip)).collect_view()}</div> }.into_any()
    };
    let end = view! {
        <button class="btn desk" on:click=move |_| { let _ = window().print(); }>{ui.say("打印批复单", "Print")}</button>
        <button class="btn main" on:click=move |_| ui.go(Room::Courses)>{ui.say("新点单", "New order")}</button>
    };
    let heard = move || {
        let heard = ui.with(|replica| replica.line().city_heard).map_or_else(|| "—".into(), words::moment);
        ui.say(format!("市校数据截至 {heard}"), format!("city data as of {heard}"))
    };
    view! {
        {head(ui.say("申请与裁定", "Requests and decisions").into(), String::new(), end.into_any())}
        <p class="small dim" style="margin-bottom:12px">{heard}</p>
        <div class="cols"><div>{list}</div><aside class="stack"><PreviewPanel ui />{move || rounds(ui)}{fairness(ui)}</aside></div>
        {move || paper_foot(ui)}
    }
}

fn slip_view(ui: Ui, slip: Slip) -> impl IntoView {
    let kind = slip.outcome.as_ref().map(|outcome| outcome.kind);
    let (seal, class, letter, zh, en) = match (slip.cancelled, kind) {
        (true, _) => ("list", "mute", "撤", "已撤回", "taken back"),
        (false, None) => ("wait", "wait", "候", "候复", "waiting"),
        (false, Some(OutcomeKind::Confirmed)) => ("ok", "ok", "准", "已准", "granted"),
        (false, Some(OutcomeKind::Waitlisted)) => ("list", "mute", "补", "候补", "on the list"),
        (false, Some(OutcomeKind::Refused)) => ("no", "no", "未", "未排上", "not granted"),
        (false, Some(OutcomeKind::Displaced)) => ("moved", "info", "让", "让位", "moved"),
    };
    let decided = slip.outcome.is_some();
    let said = if decided {
        slip.reason
    } else if slip.received {
        ui.say("市校已收到，按轮次裁定。", "The city has it and decides with its round.").to_owned()
    } else {
        ui.say("本机已记下；送到市校后按轮次裁定。", "Saved here; decided when it has reached the city.")
            .to_owned()
    };
    let request = slip.request;
    let title = slip.title.clone();
    let take_back = move |_| {
        ui.run(
            Command::from(CancelRequest { request }),
            ui.say(format!("撤回：{title}"), format!("Taken back: {title}")),
        )
    };
    let can_act = slip.is_own && !slip.cancelled;
    let alternatives = slip.alternatives.into_iter().enumerate().map(|(index, (when, who))| {
        let what = format!("{who} {when}");
        let take = move |_| {
            let text = ui.say(format!("改点：{what}"), format!("Claim: {what}"));
            ui.run(Command::from(TakeAlternative { claim: request, index }), text);
        };
        let class = if index == 0 { "btn main" } else { "btn" };
        let button = can_act.then(|| view! { <button class=class data-test="take" on:click=take>{ui.say("改点这个", "Take this")}</button> });
        view! { <li><b>{when}</b><span class="why">{who}</span>{button}</li> }
    });
    let alternatives = alternatives.collect_view();
    view! {
        <article class="slip" data-test="slip" data-outcome=kind.map_or("open", OutcomeKind::word)>
            <div class=format!("margin st {class}")><span class=format!("seal {seal}") aria-hidden="true"><span>{letter}</span></span>{ui.say(zh, en)}</div>
            <div class="body">
                <div class="top"><h3>{slip.title}</h3><span class="id">{badge(ui, &request, decided)}</span></div>
                <p class="small">{said}</p>
                <ol class="trace">
                    <li class="done">{mark("ok")}{format!("{} {}", words::moment(slip.lodged), slip.branch)}</li>
                    {slip.outcome.map(|outcome| view! { <li class="now">{mark("ok")}{ui.say(format!("{} 裁定", words::moment(outcome.at)), format!("decided {}", words::moment(outcome.at)))}</li> })}
                </ol>
                <ol class="alts">{alternatives}</ol>
                {(can_act && !decided).then(|| view! { <div class="acts"><button class="btn quiet" data-test="take-back" on:click=take_back>{ui.say("撤回", "Take back")}</button></div> })}
            </div>
        </article>
    }
}

fn rounds(ui: Ui) -> impl IntoView {
    let mut rounds: Vec<(u32, Millis, bool)> = ui.views(|views| {
        let rounds = views.requests.rounds.values();
        rounds.map(|round| (round.number, round.closes, round.decided.is_some())).collect()
    });
    rounds.sort_unstable_by(|a, b| b.cmp(a));
    let rows = rounds.into_iter().take(4).map(|(number, closes, decided)| {
        let state = if decided { super::parts::state("ok", "ok", ui.say("已裁定", "decided")).into_any() } else { super::parts::state("wait", "wait", ui.say("进行中", "open")).into_any() };
        view! { <tr><th scope="row">{number}</th><td class="nowrap">{words::moment(closes)}</td><td>{state}</td></tr> }
    });
    let rows = rows.collect_view();
    view! {
        <section>
            <h2 style="margin-bottom:8px">{ui.say("轮次", "Rounds")}</h2>
            <table class="tbl"><thead><tr><th>{ui.say("轮", "No.")}</th><th>{ui.say("最早截止", "Closes")}</th><th>{ui.say("状态", "State")}</th></tr></thead><tbody>{rows}</tbody></table>
        </section>
    }
}

fn fairness(ui: Ui) -> impl IntoView {
    view! {
        <section class="panel">
            <h2>{ui.say("怎样才公平", "What is fair")}</h2>
            <p class="small">{ui.say("同一轮里不看谁先到：先排能让更多分校一起上的，再排近期每百名学员得课时少的，仍相同按本轮事先封好的抽签次序。谁都能在自己的机器上重算一遍。", "Within a round it does not matter who was first: more branches served, then fewer shared hours per 100 learners, then a draw sealed before the round. Every machine can compute it again.")}</p>
        </section>
    }
}
