use super::*;
use crate::domain::BranchProfile;
use crate::given::{Given, branch};
use crate::identity::{SecretKey, city_id};
use crate::log::MemoryShelf;

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

/// A node's log, in memory.
#[derive(Default)]
struct Held {
    ledger: Ledger,
    shelf: MemoryShelf,
}

impl Held {
    fn admit(
        &self,
        given: &Given,
        run: &Run,
        introduction: &Option<Vec<u8>>,
    ) -> Result<Admission, DoorError> {
        let key = given.city_key.public();
        let city = City { id: city_id(key), key };
        admit(city, &self.ledger, &self.shelf, introduction.clone(), run.clone())
    }

    fn take(&mut self, given: &Given, (run, introduction): &(Run, Option<Vec<u8>>)) -> Place {
        let admission = self.admit(given, run, introduction).unwrap();
        let Admission::New(admitted) = admission else { panic!("{admission:?}") };
        let Admitted { place, run, author, introduction, .. } = *admitted;
        self.ledger.push(run.key(), &author, place, run.start(), run.end());
        if let Some(bytes) = introduction {
            self.shelf.introduce(run.key(), bytes);
        }
        self.shelf.push(place, run);
        place
    }
}

#[test]
fn a_line_is_admitted_change_by_change_and_once_only() {
    let given = two_branches();
    let mut held = Held::default();
    let (second, introduction) = &given.runs[1];
    let ahead = held.admit(&given, second, introduction).unwrap();
    assert!(matches!(ahead, Admission::Behind(heads) if heads.is_empty()), "a gap is told, not refused");
    assert_eq!(held.take(&given, &given.runs[0]), Place::On(0));
    let (first, introduction) = &given.runs[0];
    assert!(matches!(held.admit(&given, first, introduction), Ok(Admission::Known)));
    assert_eq!(held.take(&given, &given.runs[1]), Place::On(0));
    assert!(matches!(held.admit(&given, first, introduction), Ok(Admission::Known)), "further back too");
}

#[test]
fn of_a_run_that_is_partly_known_only_the_rest_is_new() {
    let given = two_branches();
    let mut held = Held::default();
    held.take(&given, &given.runs[0]);
    let both = Run::join(&[given.runs[0].0.clone(), given.runs[1].0.clone()]).unwrap().unwrap();
    let admission = held.admit(&given, &both, &given.runs[0].1).unwrap();
    let Admission::New(admitted) = admission else { panic!("{admission:?}") };
    assert_eq!((admitted.run.first_seq, admitted.changes.len()), (2, 1));
}

#[test]
fn a_bad_change_is_refused_and_the_other_branchs_line_goes_on() {
    let given = two_branches();
    let (good, introduction) = &given.runs[0];
    let edits: [fn(&mut Run); 8] = [
        |run| run.attestation.0[5] ^= 1,
        |run| run.last_hash.0[0] ^= 1,
        |run| run.bytes[3] ^= 1,
        |run| run.document.branch = branch(2),
        |run| run.events += 1,
        |run| run.first_op += 1,
        |run| run.first_seq = 0,
        |run| run.last_seq = u64::MAX,
    ];
    for (n, edit) in edits.iter().enumerate() {
        let held = Held::default();
        let mut bad = good.clone();
        edit(&mut bad);
        assert!(held.admit(&given, &bad, introduction).is_err(), "edit {n}");
        let (other, introduction) = &given.runs[2];
        assert!(held.admit(&given, other, introduction).is_ok(), "edit {n}");
    }
}

#[test]
fn nobody_writes_on_the_line_of_another_key_or_of_another_city() {
    let given = two_branches();
    let (run, _) = &given.runs[0];
    let (_, of_another) = &given.runs[2];
    let held = Held::default();
    assert!(matches!(held.admit(&given, run, of_another), Err(DoorError::Introduction(_))));
    let mut elsewhere = Given::nothing();
    elsewhere.city_key = SecretKey::from_random([43; 32]);
    elsewhere.write(branch(1), profile(600));
    let (foreign, introduction) = &elsewhere.runs[0];
    assert!(matches!(held.admit(&given, foreign, introduction), Err(DoorError::Introduction(_))));
}

/// What a copy of branch 1's device writes after its first change.
fn twin(registered: u32) -> Given {
    let mut given = Given::nothing();
    given.write(branch(1), profile(600));
    given.write(branch(1), profile(registered));
    given
}

#[test]
fn lines_that_part_are_both_kept_up_to_a_limit() {
    let given = two_branches();
    let mut held = Held::default();
    held.take(&given, &given.runs[0]);
    held.take(&given, &given.runs[1]);
    for n in 1..MAX_LINES {
        let place = held.take(&given, &twin(700 + n as u32).runs[1]);
        assert_eq!(place, Place::Parts { parent: 0, line: n as u8 });
    }
    let (one_more, introduction) = &twin(800).runs[1];
    assert!(matches!(held.admit(&given, one_more, introduction), Err(DoorError::TooManyLines)));
    held.take(&given, &given.runs[2]);
}

#[test]
fn once_the_city_closed_an_actor_every_node_takes_the_lines_that_count_and_no_other() {
    let given = two_branches();
    let mut held = Held::default();
    held.take(&given, &given.runs[0]);
    for n in 1..=MAX_LINES {
        held.take(&given, &twin(700 + n as u32).runs[1]);
    }
    let (kept, other) = (given.runs[1].clone(), twin(800).runs[1].clone());
    for (run, introduction) in [&kept, &other] {
        assert!(matches!(held.admit(&given, run, introduction), Err(DoorError::TooManyLines)));
    }
    held.ledger.close(kept.0.key(), vec![kept.0.last_hash]);
    assert!(matches!(held.admit(&given, &other.0, &other.1), Err(DoorError::TooManyLines)));
    assert_eq!(held.take(&given, &kept), Place::Parts { parent: 0, line: MAX_LINES as u8 });
    let mut further = given;
    let goes_on = further.write(branch(1), profile(602));
    let (run, introduction) = further.runs.last().cloned().unwrap();
    assert_eq!(goes_on.actor, run.actor);
    assert_eq!(held.take(&further, &(run, introduction)), Place::On(MAX_LINES as u8));
}
