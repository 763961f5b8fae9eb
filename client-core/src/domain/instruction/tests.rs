use super::*;
use crate::decide::instruction::answer;
use crate::domain::{
    AdmitBranch, ApproveTeacher, Asker, Command, Context, Draft, History, PrivateViews, Refusal, SetProfile,
    SharedViews, TeacherUpdated, Who,
};
use crate::event::EventRef;
use crate::given::{COURSE, Given as City, HOME, TEACHER, teacher};
use crate::identity::Role;
use crate::ids::{BranchId, Entropy};
use crate::log::Ledger;

/// An office gives an instruction on what it knows.
fn instruct(city: &City, (role, branch): (Role, BranchId), what: Command) -> Result<Vec<Draft>, Refusal> {
    let views = SharedViews::fold(&city.history());
    let asker = Asker { branch, role, today: city.now.day(), now: city.now };
    let mut entropy = Entropy::new([7; 32]);
    let random = &mut || entropy.next_id();
    let own_views = &PrivateViews::default();
    let command = Command::from(Instruct { what: Box::new(what) });
    command.drafts(&mut Context { asker, views: &views, own_views, random })
}

const CITY_OFFICE: (Role, BranchId) = (Role::Office, BranchId::CITY);

/// A city whose programs are of today.
fn of_today() -> City {
    let mut city = City::a_shared_teacher();
    let events = {
        let history = city.history();
        crate::decide::upkeep(&history, &SharedViews::fold(&history), &Ledger::default())
    };
    for event in events {
        city.city(event);
    }
    city
}

/// What the arbiter answers to what was drafted.
fn answered(city: &City, draft: &Draft) -> Vec<Draft> {
    let Some(said) = draft.event.get::<InstructionGiven>() else { panic!("{draft:?}") };
    let given = Given {
        command: said.command.clone(),
        seen: said.seen,
        user: crate::given::USER,
        device: crate::ids::DeviceId([1; 16]),
        at: crate::time::Stamp::default(),
    };
    let history: History = city.history();
    let views = SharedViews::fold(&history);
    let instruction: EventRef = history.ranked().next().expect("something was written").reference;
    answer(instruction, &given, (&views, &history, &Ledger::default()), city.now).1
}

fn kinds(drafts: &[Draft]) -> Vec<&'static str> {
    use crate::event::Statement;
    drafts.iter().map(|draft| draft.event.body().info().name).collect()
}

#[test]
fn what_an_office_of_the_city_asks_for_is_carried_out_under_ids_that_follow_from_it() {
    let city = of_today();
    let admit = || Command::from(AdmitBranch { name: "林埭镇".into() });
    let drafts = instruct(&city, CITY_OFFICE, admit()).unwrap();
    assert_eq!(kinds(&drafts), ["instruction.given"]);
    let first = answered(&city, &drafts[0]);
    assert_eq!(kinds(&first), ["branch.admitted", "instruction.carried_out"]);
    assert!(first.iter().all(|draft| draft.id.is_some()));
    assert_eq!(first, answered(&city, &drafts[0]), "carried out once more it makes the same branch");
}

#[test]
fn nobody_else_instructs_and_what_a_branch_says_is_no_instruction() {
    let city = of_today();
    let admit = || Command::from(AdmitBranch { name: "林埭镇".into() });
    for who in [(Role::Office, HOME), (Role::BranchNode, HOME), (Role::CityAdmin, BranchId::CITY)] {
        let refused = instruct(&city, who, admit()).unwrap_err();
        assert!(matches!(refused, Refusal::NotYours { who: Who::CityOffice, .. }), "{refused}");
    }
    let profile = Command::from(SetProfile { registered: 5 });
    let refused = instruct(&city, CITY_OFFICE, profile).unwrap_err();
    assert!(matches!(refused, Refusal::NotYours { who: Who::Office, .. }), "{refused}");
    let again = Command::from(Instruct { what: Box::new(admit()) });
    assert!(instruct(&city, CITY_OFFICE, again).is_err());
}

#[test]
fn an_instruction_about_something_that_has_changed_is_refused_and_says_so() {
    let mut city = of_today();
    let approve = Command::from(ApproveTeacher { teacher: TEACHER, courses: vec![COURSE] });
    let drafts = instruct(&city, CITY_OFFICE, approve).unwrap();
    assert_eq!(kinds(&answered(&city, &drafts[0])), ["teacher.approved", "instruction.carried_out"]);
    let said = teacher(TEACHER, "示例乙");
    city.write(
        HOME,
        TeacherUpdated {
            teacher: TEACHER,
            name: said.name,
            full_time: said.full_time,
            source: said.source,
            courses: said.courses,
            weekly_cap_periods: said.weekly_cap_periods,
        },
    );
    let refused = answered(&city, &drafts[0]);
    assert_eq!(kinds(&refused), ["instruction.refused"]);
    assert_eq!(refused[0].event.get::<InstructionRefused>().unwrap().code, "changed");
}

#[test]
fn what_this_program_does_not_know_is_refused() {
    let city = of_today();
    let given = InstructionGiven { command: r#"{"command": "fly"}"#.into(), seen: None };
    let refused = answered(&city, &Draft::new(BranchId::CITY, given));
    assert_eq!(refused[0].event.get::<InstructionRefused>().unwrap().code, "unknown_command");
}
