//! Why something was not done, and what to do.

use super::{day, half_days};
use crate::app::ui::Lang;
use crate::host::Failure;
use client_core::domain::{Done, Offer, Problem, Refusal, SessionState, Sort, Who};
use client_core::event::Limit;
use client_core::node::NotDone;

/// In the reader's language.
pub fn failure(lang: Lang, failure: &Failure) -> String {
    match failure {
        Failure::NotDone(NotDone::Refused(refused)) => refusal(lang, refused),
        Failure::NotDone(
            error @ (NotDone::NotWritten(_)
            | NotDone::NotRead(_)
            | NotDone::FieldTooLarge { .. }
            | NotDone::Paused(_)
            | NotDone::Unplannable(_)),
        ) => lang.say(format!("没有办成：{error}"), format!("Not done: {error}")),
        Failure::NotDone(NotDone::NotSaved(why)) => lang.say(
            format!("本机没能存下，请看看存储空间，再存一次（{why}）"),
            format!("This device could not save. Look at its storage, then save again. ({why})"),
        ),
        Failure::OtherTab => lang
            .say(
                "另一个标签页刚在本机写过，这一页旧了：请刷新本页，再办一次；已存的都在",
                "Another tab wrote on this device, and this page is out of date: reload it and do this once \
                 more. All that was saved is there.",
            )
            .to_owned(),
        Failure::Cleared => lang
            .say(
                "浏览器清掉了本机的记录，这里什么也存不下了：请刷新本页，重新登记这台设备",
                "The browser cleared what this device held, and nothing can be saved here any more: reload \
                 the page and enrol this device anew.",
            )
            .to_owned(),
        Failure::Closing => {
            lang.say("本页正在关闭，没有存下", "The page is closing; nothing was saved.").to_owned()
        }
    }
}

fn refusal(lang: Lang, refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotYours { who, .. } => {
            let who = who_may(lang, *who);
            lang.say(format!("本机无权办理：{who}"), format!("Not for this device: {who}"))
        }
        Refusal::Unknown { what, .. } => {
            let what = sort(lang, *what);
            lang.say(
                format!("本机还没有这{what}的资料，等线路通了再试，或从清单里另选"),
                format!("This device does not know this {what} yet. Try when the line is up, or pick from the list."),
            )
        }
        Refusal::Invalid { field: name, problem: what } => {
            let (name, what) = (field(lang, name), problem(lang, what));
            lang.say(format!("{name}：{what}"), format!("{name}: {what}"))
        }
        Refusal::Past { day: asked, earliest } => {
            let (asked, earliest) = (day(lang, *asked), day(lang, *earliest));
            lang.say(
                format!("{asked}已经过去，请改到{earliest}或以后"),
                format!("{asked} is past; choose {earliest} or later"),
            )
        }
        Refusal::NotOffered { what, offered } => {
            let (what, offered) = (sort(lang, *what), offers(lang, offered));
            lang.say(
                format!("这个时段{what}没有对外开放，可选时段：{offered}"),
                format!("The {what} is not offered at that time; offered: {offered}"),
            )
        }
        Refusal::Already(done) => already(lang, done),
        Refusal::NotYet { .. } => lang
            .say(
                "市校的程序还没有更新，更新后才能办这件事",
                "The city school runs an older program; this can be done once it is updated.",
            )
            .to_owned(),
    }
}

fn who_may(lang: Lang, who: Who) -> &'static str {
    match who {
        Who::City => lang.say("请由市校办理", "the city school does this"),
        Who::Office => lang.say("请由分校办理", "a branch office does this"),
        Who::CityOffice => {
            lang.say("请由市校的办公设备办理", "an office device of the city school does this")
        }
        Who::Owner => lang.say("请由它所属的分校办理", "the branch it belongs to does this"),
        Who::TeachersBranch => lang.say(
            "这位老师属于别的分校，请先约课",
            "the teacher is another branch's; lodge a claim for the teacher",
        ),
        Who::RoomsBranch => lang.say(
            "这处场地属于别的分校，请先约课",
            "the room is another branch's; lodge a claim for the room",
        ),
    }
}

fn sort(lang: Lang, sort: Sort) -> &'static str {
    match sort {
        Sort::Course => lang.say("门课程", "course"),
        Sort::Teacher => lang.say("位老师", "teacher"),
        Sort::Asset => lang.say("处场地或设备", "room or kit"),
        Sort::Class => lang.say("个班次", "class"),
        Sort::OwnClass => lang.say("个本校班次", "class of this branch"),
        Sort::Round => lang.say("一轮约课", "round"),
        Sort::Branch => lang.say("个分校", "branch"),
        Sort::Order => lang.say("张点单", "order"),
        Sort::Claim => lang.say("次约课", "claim"),
        Sort::Request => lang.say("张点单或约课", "order or claim"),
        Sort::Device => lang.say("台设备", "device"),
        Sort::Actor => lang.say("段记录", "device's records"),
        Sort::Attendance => lang.say("位学员的签到", "attendance of this learner"),
        Sort::Unrecorded => lang.say("项待登记的资料", "unrecorded thing of this unit"),
    }
}

fn problem(lang: Lang, problem: &Problem) -> String {
    match problem {
        Problem::Empty => lang.say("请填写", "must not be empty").to_owned(),
        Problem::Hidden => lang
            .say("有看不见的字符，请重新输入", "holds characters that nobody can see; type it anew")
            .to_owned(),
        Problem::TooLong(most) => {
            lang.say(format!("最多 {most} 个字"), format!("has at most {most} characters"))
        }
        Problem::Number(least, most) => {
            lang.say(format!("请填 {least} 到 {most} 的数"), format!("is a number from {least} to {most}"))
        }
        Problem::EndsBefore(from) => {
            let from = day(lang, *from);
            lang.say(format!("不能早于{from}"), format!("lies before {from}"))
        }
        Problem::NothingChosen => lang.say("至少选一项", "choose at least one").to_owned(),
        Problem::Weekday => lang.say("请选周一到周日", "choose Monday to Sunday").to_owned(),
        Problem::WithinDay => lang
            .say("至少一分钟，且不能过半夜", "must last at least a minute and end on the same day")
            .to_owned(),
        Problem::NobodyAsked => {
            lang.say("请选老师、场地或设备", "choose a teacher, a room or kit, or both").to_owned()
        }
        Problem::Alternatives(count) => {
            lang.say(format!("只有 {count} 个备选"), format!("there are {count} alternatives"))
        }
        Problem::NotHeld => {
            lang.say("这个班次还没有上课记录", "the class was not recorded as held").to_owned()
        }
        Problem::Future(today) => {
            let today = day(lang, *today);
            lang.say(format!("不能晚于{today}"), format!("lies after {today}"))
        }
        Problem::NothingInQuarantine => lang
            .say("没有停用的设备，也就没有待核的记录", "no device was revoked, so nothing is in quarantine")
            .to_owned(),
        Problem::SeveralKeys(keys) => {
            let keys: Vec<String> = keys.iter().map(|key| key.to_hex()).collect();
            let keys = keys.join(lang.say("、", ", "));
            lang.say(
                format!("这个编号下有几把密钥，请指明一把：{keys}"),
                format!("several keys are certified under this device's id: name one of {keys}"),
            )
        }
        Problem::Rules(text) => text.clone(),
        Problem::Bounds(out) => limit(lang, out),
    }
}

fn limit(lang: Lang, limit: &Limit) -> String {
    match (lang, limit) {
        (Lang::En, limit) => limit.to_string(),
        (_, Limit::Number(least, most)) => format!("请填 {least} 到 {most} 的数"),
        (_, Limit::Day) => "日期要在 1800 年到 2299 年之间".to_owned(),
        (_, Limit::Moment) => "时间无法识别".to_owned(),
        (_, Limit::WithinDay) => "开始和结束要在同一天".to_owned(),
        (_, Limit::Bytes(most)) => format!("太长，最多约 {} 个字", most / 3),
        (_, Limit::Characters) => "有不能用的字符，请重新输入".to_owned(),
        (_, Limit::Elements(most)) => format!("最多 {most} 项"),
        (_, Limit::Rules(text)) => text.clone(),
    }
}

fn already(lang: Lang, done: &Done) -> String {
    match done {
        Done::Admitted(name) => {
            lang.say(format!("已经有名为{name}的分校"), format!("a branch named {name} exists"))
        }
        Done::Listed(code) => lang.say(format!("{code} 已在清单上"), format!("{code} is on the list")),
        Done::Merged => lang.say("这两位已经并为一位", "the two are one entry").to_owned(),
        Done::Cancelled => lang.say("已经撤回过了", "it was taken back before").to_owned(),
        Done::Class(state) => match state {
            SessionState::Taught => lang.say("这个班次已经上过课", "the class was held").to_owned(),
            SessionState::Cancelled => lang.say("这个班次已经取消", "the class was called off").to_owned(),
            SessionState::Announced => lang.say("这个班次已经排好", "the class is announced").to_owned(),
        },
        Done::Owned(owner) => lang.say(
            format!("它属于{owner}，要转给别的分校请办转移"),
            format!("it is {owner}'s; a transfer gives it to another"),
        ),
        Done::Transferred => lang.say("它已经属于那个分校", "it is that unit's").to_owned(),
    }
}

fn offers(lang: Lang, offers: &[Offer]) -> String {
    let all = offers.iter().map(|offer| {
        let (from, to) = (day(lang, offer.from), day(lang, offer.to));
        let windows = half_days(lang, &offer.windows);
        lang.say(format!("{windows}（{from}至{to}）"), format!("{windows} from {from} to {to}"))
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() { lang.say("无", "nothing").to_owned() } else { all.join(lang.say("；", "; ")) }
}

/// What a form calls a field.
fn field(lang: Lang, name: &'static str) -> &'static str {
    match name {
        "name" => lang.say("名称", "name"),
        "code" => lang.say("编号", "number"),
        "title" => lang.say("课名", "title"),
        "periods" => lang.say("课时", "periods"),
        "headcount" => lang.say("人数", "people"),
        "slot" => lang.say("时间", "time"),
        "from" => lang.say("开始日期", "first day"),
        "to" => lang.say("截止日期", "last day"),
        "windows" => lang.say("可供时段", "half-days"),
        "courses" => lang.say("课程", "courses"),
        "group" => lang.say("班组", "group"),
        "priority" => lang.say("轻重", "priority"),
        "reason" => lang.say("事由", "reason"),
        "weekly_cap_periods" => lang.say("每周最多课时", "periods a week"),
        "capacity" => lang.say("座位数", "seats"),
        "quantity" => lang.say("件数", "pieces"),
        "teacher" => lang.say("老师", "teacher"),
        "index" => lang.say("备选", "alternative"),
        "learners" => lang.say("名单", "roll"),
        "travel" => lang.say("路程（分钟）", "way in minutes"),
        "key" => lang.say("密钥", "key"),
        "days" => lang.say("日期", "days"),
        other => other,
    }
}
