use super::*;
use crate::domain::{
    AdmitBranch, AttendanceCheckedIn, BranchAdmitted, CheckIn, ClaimWish, CloseActor, CorrectAttendance,
    CorrectTaught, DeviceEvent, Event, OrderWish, RequestEvent, RevokeDevice, SessionTaught, SetProfile,
    TeacherOffered, UpdateTeacher, VoidAttendance,
};
use crate::given::{COURSE, Given, HOME, TEACHER, claim, course, day, offered, slot, teacher};
use crate::ids::{DeviceId, LearnerId};

fn asker(role: Role, branch: u8) -> Asker {
    let today = day("2026-11-23");
    Asker { branch: BranchId([branch; 16]), role, today, now: today.start() }
}

fn run(command: impl Into<Command>, asker: &Asker, views: &SharedViews) -> Result<Vec<Draft>, Refusal> {
    run_with(command, asker, views, &PrivateViews::default())
}

fn run_with(
    command: impl Into<Command>,
    asker: &Asker,
    views: &SharedViews,
    own_views: &PrivateViews,
) -> Result<Vec<Draft>, Refusal> {
    let mut n = 100;
    let random = &mut || {
        n += 1;
        [n; 16]
    };
    command.into().drafts(&mut Context { asker: *asker, views, own_views, random })
}

fn order() -> OrderWish {
    OrderWish {
        courses: vec![COURSE],
        group: "新埭第一支部".into(),
        headcount: 40,
        from: day("2026-12-14"),
        to: day("2026-12-18"),
        half_days: vec![],
        max_travel_minutes: 40,
        online: false,
        priority: 2,
        pre_consent: true,
    }
}

#[test]
fn an_order_for_a_listed_course_becomes_an_event_of_the_asking_branch() {
    let mut given = Given::nothing();
    given.city(course());
    let views = given.views();
    let drafts = run(order(), &asker(Role::Office, 5), &views).unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].branch, BranchId([5; 16]));
    assert!(matches!(drafts[0].event, Event::Request(RequestEvent::Order(_))));
}

#[test]
fn an_order_names_what_is_wrong_with_it() {
    let mut given = Given::nothing();
    given.city(course());
    let views = given.views();
    let office = asker(Role::Office, 5);
    let code = |order: OrderWish| run(order, &office, &views).unwrap_err();
    assert_eq!(code(OrderWish { headcount: 0, ..order() }).code(), "invalid");
    assert_eq!(code(OrderWish { courses: vec![CourseId([1; 16])], ..order() }).code(), "unknown");
    let past = OrderWish { from: day("2026-11-01"), to: day("2026-11-05"), ..order() };
    assert_eq!(code(past).to_string(), "2026-11-05 is past; choose 2026-11-23 or later");
    let city = run(order(), &asker(Role::Arbiter, 0), &views).unwrap_err();
    assert_eq!(city.code(), "not_yours");
}

#[test]
fn a_claim_outside_the_offered_time_says_what_is_offered() {
    let mut given = Given::nothing();
    given.city(course());
    given.write(HOME, teacher(TEACHER, "示例甲"));
    let monday = HalfDay { weekday: 0, afternoon: false };
    given.write(HOME, TeacherOffered { windows: vec![monday], ..offered(TEACHER) });
    let views = given.views();
    let claim = |start_minute| ClaimWish::from(claim(TEACHER, slot("2026-12-14", start_minute)));
    let office = asker(Role::Office, 5);
    assert!(run(claim(540), &office, &views).is_ok());
    let error = run(claim(840), &office, &views).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the teacher is not offered at that time; offered: Mon am from 2026-11-01 to 2027-06-30"
    );
}

#[test]
fn only_the_city_opens_a_branch_and_only_once() {
    let admitted = BranchAdmitted { branch: BranchId([5; 16]), name: "新埭镇".into() };
    let mut given = Given::nothing();
    given.city(admitted);
    let views = given.views();
    let admit = |name: &str| AdmitBranch { name: name.into() };
    assert_eq!(run(admit("广陈镇"), &asker(Role::Office, 5), &views).unwrap_err().code(), "not_yours");
    assert_eq!(run(admit("新埭镇"), &asker(Role::Arbiter, 0), &views).unwrap_err().code(), "already");
    assert!(run(admit("广陈镇"), &asker(Role::Arbiter, 0), &views).is_ok());
}

#[test]
fn commands_read_from_json() {
    let json = r#"{"command":"set_profile","registered":600}"#;
    assert_eq!(serde_json::from_str::<Command>(json).unwrap(), SetProfile { registered: 600 }.into());
    let order = Command::from(order());
    let text = serde_json::to_string(&order).unwrap();
    assert!(text.contains(r#""command":"lodge_request""#), "{text}");
    assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), order);
}

#[test]
fn a_revocation_that_does_not_say_so_accepts_what_is_held_at_this_moment() {
    let mut given = Given::nothing();
    given.write(HOME, teacher(TEACHER, "示例甲"));
    let (key, device) = (given.runs[0].0.key(), DeviceId([6; 16]));
    let mut ledger = crate::log::Ledger::default();
    let run = &given.runs[0].0;
    let author = given.certificate(HOME).1;
    ledger.push(key, &author, crate::log::Place::On(0), run.start(), run.end());
    let (views, history) = (given.views(), given.history());
    let revoke: Command = serde_json::from_value(
        serde_json::json!({"command": "revoke_device", "device": device, "reason": "被盗"}),
    )
    .unwrap();
    let revoke = revoke.as_of(&ledger, &history).unwrap();
    assert_eq!(run_as(&revoke, Role::Office, &views).unwrap_err().code(), "not_yours");
    let drafts = run_as(&revoke, Role::Arbiter, &views).unwrap();
    let Event::Device(DeviceEvent::Revoked(revoked)) = &drafts[0].event else { panic!("{drafts:?}") };
    assert_eq!((revoked.accepted.len(), &revoked.accepted[0].heads), (1, &vec![run.last_hash]));
    let close = Command::from(CloseActor { document: key.document, actor: key.actor, keep: Vec::new() });
    assert_eq!(run_as(&close, Role::Arbiter, &views).unwrap_err().code(), "unknown");
    let drafts = run_as(&close.as_of(&ledger, &history).unwrap(), Role::Arbiter, &views).unwrap();
    assert!(
        matches!(&drafts[0].event, Event::Device(DeviceEvent::Closed(closed)) if closed.keep == [run.last_hash])
    );
    let nobody: Command =
        RevokeDevice { device: DeviceId([9; 16]), key: None, reason: "?".into(), accepted: None }.into();
    assert_eq!(run_as(&nobody, Role::Arbiter, &views).unwrap_err().code(), "unknown");
}

fn run_as(command: &Command, role: Role, views: &SharedViews) -> Result<Vec<Draft>, Refusal> {
    run(command.clone(), &asker(role, if role == Role::Arbiter { 0 } else { 5 }), views)
}

#[test]
fn a_name_that_is_no_command_is_refused_with_those_there_are() {
    let error = serde_json::from_str::<Command>(r#"{"command":"offer_techer"}"#).unwrap_err().to_string();
    assert!(error.contains("offer_techer") && error.contains("offer_teacher"), "{error}");
    let error = serde_json::from_str::<Command>(r#"{"command":"admit_branch"}"#).unwrap_err().to_string();
    assert!(error.contains("admit_branch: missing field `name`"), "{error}");
    let names: Vec<&str> = Command::names().collect();
    let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len(), "every name stands once");
}

/// The city runs this program's release.
pub(crate) fn announced(given: &mut Given) {
    let kinds = Event::brought_since(0).map(|(kind, version)| (kind.to_owned(), version)).collect();
    given.city(crate::domain::ReleaseAnnounced { number: Event::release(), kinds });
}

/// Does what a command says, as an office of the branch.
pub(crate) fn does(given: &mut Given, branch: u8, command: impl Into<Command>) -> Result<(), Refusal> {
    let own = PrivateViews::fold(&given.history(), BranchId([branch; 16]));
    let drafts = run_with(command, &asker(Role::Office, branch), &given.views(), &own)?;
    given.act(BranchId([branch; 16]), &drafts);
    Ok(())
}

#[test]
fn nothing_new_is_written_before_the_city_announced_it() {
    let mut given = Given::a_shared_teacher();
    let update = UpdateTeacher {
        teacher: TEACHER,
        name: "示例乙".into(),
        full_time: true,
        source: String::new(),
        courses: vec![COURSE],
        weekly_cap_periods: 6,
    };
    assert_eq!(does(&mut given, 6, update.clone()), Err(Refusal::NotYet { release: 2 }));
    announced(&mut given);
    assert_eq!(does(&mut given, 6, update), Ok(()));
}

#[test]
fn a_corrected_class_counts_once_with_what_was_said_last() {
    let mut given = Given::a_shared_teacher();
    announced(&mut given);
    let session = ClassId([40; 16]);
    let taught = SessionTaught {
        session,
        ledger_code: "B-7".into(),
        course: Some(COURSE),
        teacher: Some(TEACHER),
        slot: slot("2026-11-20", 540),
        headcount: 30,
        online: false,
    };
    given.write(HOME, taught);
    let correct = |headcount, day| CorrectTaught {
        session,
        course: Some(COURSE),
        teacher: None,
        slot: slot(day, 540),
        headcount,
        online: true,
    };
    // Also into another quarter, and once more after that.
    assert_eq!(does(&mut given, 6, correct(33, "2026-09-30")), Ok(()));
    assert_eq!(does(&mut given, 6, correct(34, "2026-11-19")), Ok(()));
    let views = given.views();
    let held = views.sessions.of(session, HOME).unwrap();
    assert_eq!((held.headcount, held.ledger_code.as_str(), held.teacher), (34, "B-7", None));
    let usage = &views.courses.usage[&COURSE];
    assert_eq!((usage.classes, usage.headcount, usage.last()), (1, 34, Some(day("2026-11-19"))));
    assert_eq!(views.left_out.replaced.len(), 2);
    assert!(views.anomalies.is_empty(), "{:?}", views.anomalies);
    assert_eq!(does(&mut given, 6, correct(1, "2026-11-24")).unwrap_err().code(), "invalid");
    assert_eq!(does(&mut given, 5, correct(1, "2026-11-19")).unwrap_err().code(), "unknown");
}

#[test]
fn whoever_was_put_down_by_two_devices_is_taken_off_once_and_can_come_back() {
    let mut given = Given::nothing();
    announced(&mut given);
    let (session, learner, at) = (ClassId([40; 16]), LearnerId([41; 16]), day("2026-11-20").start());
    for minutes in [0, 1] {
        let at = at.plus_minutes(minutes);
        given.write(HOME, AttendanceCheckedIn { session, learner, at, how: CheckIn::Scan });
    }
    let seen = |given: &Given| PrivateViews::fold(&given.history(), HOME).attendance;
    assert_eq!(seen(&given).of(session, learner).map(|present| present.again.len()), Some(1));
    let correct = CorrectAttendance { session, learner, at: at.plus_minutes(9), how: CheckIn::Roll };
    assert_eq!(does(&mut given, 6, correct), Ok(()));
    assert_eq!(seen(&given).person_times(), 1);
    let present = seen(&given).of(session, learner).cloned().unwrap();
    assert_eq!((present.at, present.how, present.again.len()), (at.plus_minutes(9), CheckIn::Roll, 1));
    let void = VoidAttendance { session, learner, reason: "点错人".into() };
    assert_eq!(does(&mut given, 6, void.clone()), Ok(()));
    assert_eq!(seen(&given).person_times(), 0);
    assert_eq!(does(&mut given, 6, void).unwrap_err().code(), "unknown");
    given.write(HOME, AttendanceCheckedIn { session, learner, at, how: CheckIn::Roll });
    assert_eq!(seen(&given).person_times(), 1);
}

#[test]
fn a_teacher_said_anew_keeps_windows_and_approvals() {
    let mut given = Given::a_shared_teacher();
    announced(&mut given);
    let update = UpdateTeacher {
        teacher: TEACHER,
        name: "示例乙".into(),
        full_time: false,
        source: "高校学者".into(),
        courses: vec![COURSE],
        weekly_cap_periods: 6,
    };
    assert_eq!(does(&mut given, 5, update.clone()).unwrap_err().code(), "not_yours");
    assert_eq!(does(&mut given, 6, update), Ok(()));
    let views = given.views();
    let teacher = &views.teachers.teachers[&TEACHER];
    assert_eq!((teacher.name.as_str(), teacher.home, teacher.weekly_cap_periods), ("示例乙", HOME, 6));
    assert_eq!((teacher.offers.len(), teacher.approved.len()), (1, 1));
}
