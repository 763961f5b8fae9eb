use super::*;
use crate::event::BranchProfile;
use crate::given::{Given, branch};
use crate::identity::{SecretKey, city_id};

fn profile(registered: u32) -> BranchProfile {
    BranchProfile { name: "新埭镇".into(), registered }
}

/// Two changes of branch 1 and one of branch 2.
fn two_branches() -> Given {
    let mut given = Given::nothing();
    given.write(branch(1), profile(600));
    given.write(branch(1), profile(601));
    given.write(branch(2), profile(520));
    given
}

fn at_the_door(
    given: &Given,
    known: Option<&KnownLine>,
    run: &Run,
    introduction: &[u8],
) -> Result<Admission, DoorError> {
    let key = given.city_key.public();
    admit(key, city_id(key), known, Some(introduction), run)
}

fn line_after(run: &Run, admission: Admission) -> KnownLine {
    let Admission::New { author, .. } = admission else { panic!("{admission:?}") };
    KnownLine { position: run.end(), author }
}

#[test]
fn a_line_is_admitted_change_by_change_and_once_only() {
    let given = two_branches();
    let (first, introduction) = &given.runs[0];
    let line = line_after(first, at_the_door(&given, None, first, introduction).unwrap());
    let again = at_the_door(&given, Some(&line), first, introduction).unwrap();
    assert!(matches!(again, Admission::Stands(position) if position == first.end()));
    let (second, introduction) = &given.runs[1];
    let ahead = at_the_door(&given, None, second, introduction).unwrap();
    assert!(matches!(ahead, Admission::Stands(Position::START)), "a gap is asked for again, not refused");
    assert!(at_the_door(&given, Some(&line), second, introduction).is_ok());
}

#[test]
fn a_bad_change_is_refused_and_the_other_branchs_line_goes_on() {
    let given = two_branches();
    let (good, introduction) = &given.runs[0];
    let edits: [fn(&mut Run); 6] = [
        |run| run.attestation.0[5] ^= 1,
        |run| run.last_hash.0[0] ^= 1,
        |run| run.bytes[3] ^= 1,
        |run| run.document.branch = branch(2),
        |run| run.events += 1,
        |run| run.first_op += 1,
    ];
    for (n, edit) in edits.iter().enumerate() {
        let mut bad = good.clone();
        edit(&mut bad);
        assert!(at_the_door(&given, None, &bad, introduction).is_err(), "edit {n}");
        let (other, introduction) = &given.runs[2];
        assert!(at_the_door(&given, None, other, introduction).is_ok(), "edit {n}");
    }
}

#[test]
fn nobody_writes_on_the_line_of_another_key_or_of_another_city() {
    let given = two_branches();
    let (run, _) = &given.runs[0];
    let (_, of_another) = &given.runs[2];
    assert!(matches!(at_the_door(&given, None, run, of_another), Err(DoorError::Introduction(_))));
    let mut elsewhere = Given::nothing();
    elsewhere.city_key = SecretKey::from_random([43; 32]);
    elsewhere.write(branch(1), profile(600));
    let (foreign, introduction) = &elsewhere.runs[0];
    assert!(matches!(at_the_door(&given, None, foreign, introduction), Err(DoorError::Introduction(_))));
}

#[test]
fn a_line_that_parts_is_told_where() {
    let given = two_branches();
    let (first, introduction) = &given.runs[0];
    let mut line = line_after(first, at_the_door(&given, None, first, introduction).unwrap());
    line.position.hash.0[0] ^= 1;
    let (second, introduction) = &given.runs[1];
    let forked = at_the_door(&given, Some(&line), second, introduction).unwrap_err();
    assert_eq!(forked, DoorError::Forked { seq: 2 });
}
