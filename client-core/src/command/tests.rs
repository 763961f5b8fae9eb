use super::*;
use crate::event::{BranchAdmitted, CourseListed, Event, LoggedEvent};
use crate::fold::History;
use crate::time::Slot;

fn asker(role: Role, branch: u8) -> Asker {
    let today: Day = "2026-11-23".parse().unwrap();
    Asker { branch: BranchId([branch; 16]), role, today, now: today.start() }
}

fn run(command: &Command, asker: &Asker, views: &SharedViews) -> Result<Vec<Draft>, CommandError> {
    let mut n = 100;
    draft(command, asker, views, &mut || {
        n += 1;
        [n; 16]
    })
}

/// Views after these events, all written by a city device that may write anywhere.
fn views(drafts: &[Draft]) -> SharedViews {
    use crate::identity::{Certificate, SecretKey};
    use crate::ids::{CityId, DeviceId, Entropy, UserId};
    use crate::time::{HybridClock, Millis};
    let mut history = History::default();
    for (n, draft) in drafts.iter().enumerate() {
        let key = SecretKey::from_random([n as u8 + 1; 32]);
        let role = match draft.event.kind().unwrap().2 {
            crate::event::Scope::Decisions => Role::Arbiter,
            _ => Role::Importer,
        };
        let certificate = Certificate::issue(
            &key,
            CityId([0; 16]),
            key.public(),
            DeviceId([1; 16]),
            BranchId::CITY,
            role,
            Millis(0),
        );
        let author = crate::author::Author::new(
            CityId([0; 16]),
            key,
            vec![certificate.clone()],
            HybridClock::default(),
        );
        let mut entropy = Entropy::new([n as u8; 32]);
        let now = Millis(1_700_000_000_000 + n as i64);
        let written = author
            .write(
                std::slice::from_ref(draft),
                crate::ids::ActionId([0; 16]),
                UserId([0; 16]),
                now,
                &mut entropy,
            )
            .unwrap();
        for run in written.runs {
            for puts in crate::log::unpack(&run.bytes).unwrap() {
                let events: Vec<_> = puts.iter().map(|p| LoggedEvent { id: p.id, value: &p.value }).collect();
                history.insert(run.document, run.actor, &certificate, 1, &events);
            }
        }
    }
    SharedViews::fold(&history)
}

fn course() -> CourseListed {
    CourseListed {
        course: SubjectId([9; 16]),
        code: "K001".into(),
        title: "基层治理".into(),
        area: "形势政策".into(),
        periods: 2,
        method: "讲授".into(),
        audience: "全体".into(),
        online: true,
    }
}

fn order() -> RequestLodged {
    RequestLodged {
        courses: vec![SubjectId([9; 16])],
        group: "新埭第一支部".into(),
        headcount: 40,
        from: "2026-12-14".parse().unwrap(),
        to: "2026-12-18".parse().unwrap(),
        half_days: vec![],
        max_travel_minutes: 40,
        online: false,
        priority: 2,
        pre_consent: true,
    }
}

#[test]
fn an_order_for_a_listed_course_becomes_an_event_of_the_asking_branch() {
    let views = views(&[Draft::new(BranchId::CITY, course())]);
    let drafts = run(&Command::LodgeRequest(order()), &asker(Role::Office, 5), &views).unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].branch, BranchId([5; 16]));
    assert!(matches!(drafts[0].event, Event::RequestLodged(_)));
}

#[test]
fn an_order_names_what_is_wrong_with_it() {
    let views = views(&[Draft::new(BranchId::CITY, course())]);
    let office = asker(Role::Office, 5);
    let code = |order: RequestLodged| run(&Command::LodgeRequest(order), &office, &views).unwrap_err();
    assert_eq!(code(RequestLodged { headcount: 0, ..order() }).code(), "invalid");
    assert_eq!(code(RequestLodged { courses: vec![SubjectId([1; 16])], ..order() }).code(), "unknown");
    let past =
        RequestLodged { from: "2026-11-01".parse().unwrap(), to: "2026-11-05".parse().unwrap(), ..order() };
    assert_eq!(code(past).to_string(), "2026-11-05 is past; choose 2026-11-23 or later");
    let city = run(&Command::LodgeRequest(order()), &asker(Role::Arbiter, 0), &views).unwrap_err();
    assert_eq!(city.code(), "not_yours");
}

#[test]
fn a_claim_outside_the_offered_time_says_what_is_offered() {
    let teacher = PersonId([7; 16]);
    let home = BranchId([6; 16]);
    let monday = HalfDay { weekday: 0, afternoon: false };
    let day = |text: &str| text.parse::<Day>().unwrap();
    let views = views(&[
        Draft::new(BranchId::CITY, course()),
        Draft::new(
            home,
            TeacherProposed {
                teacher,
                name: "示例".into(),
                full_time: true,
                source: "市委党校".into(),
                courses: vec![SubjectId([9; 16])],
                weekly_cap_periods: 6,
            },
        ),
        Draft::new(
            home,
            crate::event::TeacherOffered {
                teacher,
                windows: vec![monday],
                from: day("2026-11-01"),
                to: day("2027-06-30"),
            },
        ),
    ]);
    let claim = |day: Day, start_minute| {
        Command::LodgeClaim(ClaimLodged {
            teacher: Some(teacher),
            asset: None,
            course: None,
            slot: Slot { day, start_minute, duration_minutes: 90 },
            headcount: 30,
            branches_served: 0,
        })
    };
    let office = asker(Role::Office, 5);
    assert!(run(&claim(day("2026-12-14"), 540), &office, &views).is_ok());
    let error = run(&claim(day("2026-12-14"), 840), &office, &views).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the teacher is not offered at that time; offered: Mon am from 2026-11-01 to 2027-06-30"
    );
}

#[test]
fn only_the_city_opens_a_branch_and_only_once() {
    let admitted = BranchAdmitted { branch: BranchId([5; 16]), name: "新埭镇".into() };
    let views = views(&[Draft::new(BranchId::CITY, admitted)]);
    let admit = |name: &str| Command::AdmitBranch { name: name.into() };
    assert_eq!(run(&admit("广陈镇"), &asker(Role::Office, 5), &views).unwrap_err().code(), "not_yours");
    assert_eq!(run(&admit("新埭镇"), &asker(Role::Arbiter, 0), &views).unwrap_err().code(), "already");
    assert!(run(&admit("广陈镇"), &asker(Role::Arbiter, 0), &views).is_ok());
}

#[test]
fn commands_read_from_json() {
    let json = r#"{"command":"set_profile","registered":600}"#;
    assert_eq!(serde_json::from_str::<Command>(json).unwrap(), Command::SetProfile { registered: 600 });
    let order = Command::LodgeRequest(order());
    let text = serde_json::to_string(&order).unwrap();
    assert!(text.starts_with(r#"{"command":"lodge_request","courses":["#), "{text}");
    assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), order);
}
