use super::*;
use crate::author::Author;
use crate::domain::{Draft, Event, History, ImportShared, ImportWithdrawn, SharedViews, TeacherProposed};
use crate::given::{Change, Given, branch, teacher};
use crate::identity::{self, Certificate, SecretKey};
use crate::ids::{ActionId, BranchId, DeviceId, Entropy, TeacherId, id_of_import, id_of_unit};
use crate::time::{HybridClock, Millis};
use proptest::prelude::*;

const BRANCH: u8 = 1;

/// The city's importer brings teachers to a branch in one action; then what else it says.
fn brought(action: ActionId, teachers: u8, then: impl Fn(Brought) -> Vec<Event>) -> Vec<Change> {
    let mut given = Given::nothing();
    let key = SecretKey::from_random([77; 32]);
    let city = identity::city_id(given.city_key.public());
    let certificate = Certificate::issue(
        &given.city_key,
        city,
        key.public(),
        DeviceId([77; 16]),
        BranchId::CITY,
        Role::Importer,
        Millis(0),
    );
    let mut author = Author::new(city, key, vec![certificate.clone()], HybridClock::default());
    let mut entropy = Entropy::new([3; 32]);
    let mut write = |event: Event| {
        given.now = given.now.plus_minutes(1);
        let draft = Draft::new(branch(BRANCH), event);
        let written = author.write(&[draft], action, crate::given::USER, given.now, &mut entropy).unwrap();
        let (run, id) = (&written.runs[0], written.events[0].event);
        let puts = crate::log::unpack(&run.bytes).unwrap().remove(0);
        given.changes.push(Change {
            document: run.document,
            actor: run.actor,
            author: certificate.clone(),
            at: run.start(),
            events: puts.into_iter().map(|put| (put.id, put.value.to_vec())).collect(),
        });
        author.accept(written);
        id
    };
    let proposed = |n: u8| {
        let id = TeacherId(id_of_unit(branch(BRANCH), [n + 1; 16]));
        TeacherProposed { courses: Vec::new(), ..teacher(id, &format!("示例{n}")) }
    };
    let ids = (0..teachers).map(|n| write(proposed(n).into())).collect();
    for event in then(Brought::of(action, ids)) {
        write(event);
    }
    given.changes
}

fn closing(brought: Brought) -> Event {
    let Brought { action, events, hash } = brought;
    ImportShared { action, events, hash }.into()
}

fn reverting(brought: Brought) -> Event {
    let Brought { action, events, hash } = brought;
    ImportWithdrawn { action, events, hash, reason: "重复".into() }.into()
}

fn views(changes: &[Change]) -> SharedViews {
    let mut history = History::default();
    changes.iter().for_each(|change| change.put_into(&mut history));
    SharedViews::fold(&history)
}

#[test]
fn an_import_counts_when_all_of_it_and_its_closing_are_here() {
    let changes = brought(id_of_import([5; 16]), 3, |brought| vec![closing(brought)]);
    assert_eq!(views(&changes).teachers.teachers.len(), 3);
    for part in [&changes[..3], &changes[..2], &changes[1..]] {
        let views = views(part);
        assert!(views.teachers.teachers.is_empty());
        assert!(!views.left_out.unfinished.is_empty());
    }
    let other = brought(id_of_import([5; 16]), 3, |brought| {
        vec![closing(Brought { hash: crate::ids::ChangeHash([0; 32]), ..brought })]
    });
    assert!(views(&other).teachers.teachers.is_empty(), "its closing names other events");
}

#[test]
fn an_import_of_an_earlier_program_counts_as_it_comes() {
    let changes = brought(ActionId([5; 16]), 3, |_| Vec::new());
    assert_eq!(views(&changes[..2]).teachers.teachers.len(), 2);
}

#[test]
fn a_reverted_import_counts_no_longer_whichever_program_wrote_it() {
    for action in [id_of_import([5; 16]), ActionId([5; 16])] {
        let changes = brought(action, 3, |brought| vec![closing(brought), reverting(brought)]);
        let views = views(&changes);
        assert!(views.teachers.teachers.is_empty());
        assert_eq!(views.left_out.reverted.len(), 3);
    }
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(turn in 0..6_usize, is_reverted in any::<bool>()) {
        let said = |brought| if is_reverted { vec![closing(brought), reverting(brought)] } else { vec![closing(brought)] };
        let changes = brought(id_of_import([5; 16]), 3, said);
        let mut turned = changes.clone();
        turned.rotate_left(turn % changes.len());
        let mut history = History::default();
        turned.iter().for_each(|change| change.load_into(&mut history));
        history.settle();
        prop_assert_eq!(SharedViews::fold(&history).digest(), views(&changes).digest());
    }
}
