use super::*;
use crate::domain::Refusal;
use crate::domain::{AnnounceSession, ClaimWish, Draft, SetProfile};
use crate::given::{Given, TEACHER, USER, branch, claim, course, slot};
use crate::ids::BranchId;
use crate::node::NotDone;
use crate::peer::Input;
use crate::peer::tests::node::{NOW, Node as City};

type Disk = Vec<Record>;

/// Opens an office's replica over what is on its disk.
fn open((enrolment, key): &(Enrolment, SecretKey), disk: Disk, now: Millis) -> Replica {
    Replica::open(enrolment.setup(key.clone(), [disk.len() as u8; 32]), enrolment.user, disk, now).unwrap()
}

fn office() -> ((Enrolment, SecretKey), Given) {
    let given = Given::a_shared_teacher();
    let (key, certificate) = given.certificate(branch(1));
    ((Enrolment { city_key: given.city_key.public(), chain: vec![certificate], user: USER }, key), given)
}

fn order() -> Command {
    let (course, slot) = (crate::given::COURSE, slot("2026-12-14", 540));
    AnnounceSession { course, teacher: None, venue: None, slot, headcount: 20 }.into()
}

type Answer = Result<Vec<EventRef>, NotDone>;

/// Carries out everything the replica wants but the wire; gives back its answers and what it says.
fn settle(replica: &mut Replica, disk: &mut Vec<Record>, now: Millis) -> (Vec<Answer>, Vec<Vec<u8>>) {
    let (mut answers, mut said) = (Vec::new(), Vec::new());
    while let Some(effect) = replica.poll() {
        match effect {
            Effect::Persist { token, records, .. } => {
                disk.extend(records);
                replica.handle(Input::Persisted(vec![token]), now);
            }
            Effect::Node(node::Effect::Done { result, .. }) => answers.push(result),
            Effect::Node(node::Effect::Send { bytes, .. }) => said.push(bytes),
            Effect::Node(node::Effect::Hangup { reason, .. }) => panic!("{reason}"),
            Effect::Node(_) => {}
        }
    }
    (answers, said)
}

/// Carries frames between it and a city until both are silent.
fn meet(replica: &mut Replica, disk: &mut Vec<Record>, city: &mut City) {
    let connection = 1;
    replica.handle(Input::Connected { connection, nonce: [1; 32] }, NOW);
    city.handle(Input::Accepted { connection, nonce: [2; 32], peer_nonce: [1; 32] });
    loop {
        let up = settle(replica, disk, NOW).1;
        if up.is_empty() && city.wire.is_empty() {
            break;
        }
        up.into_iter().for_each(|bytes| city.handle(Input::Received { connection, bytes }));
        for bytes in std::mem::take(&mut city.wire) {
            replica.handle(Input::Received { connection, bytes }, NOW);
        }
    }
    replica.handle(Input::Tick, NOW);
    settle(replica, disk, NOW);
}

#[test]
fn an_event_is_answered_only_when_it_is_durable_and_survives_a_restart() {
    let (office, given) = office();
    let (now, mut disk) = (given.now, Vec::new());
    let mut replica = open(&office, Vec::new(), now);
    let profile = SetProfile { registered: 600 }.into();
    replica.command(1, profile, now);
    assert_eq!(replica.unsent().len(), 0, "nothing counts before it is durable");
    let (answers, _) = settle(&mut replica, &mut disk, now);
    let event = answers[0].as_ref().unwrap()[0];
    assert_eq!(replica.delivery(&event), Some(Delivery::Here));
    let mut again = open(&office, disk, now);
    assert_eq!(again.views().digest(), replica.views().digest());
    assert_eq!(again.unsent(), [(event, Delivery::Here)]);
}

#[test]
fn what_a_full_disk_refused_never_happened() {
    let (office, given) = office();
    let (now, mut disk) = (given.now, Vec::new());
    let mut replica = open(&office, Vec::new(), now);
    let profile = |registered| SetProfile { registered }.into();
    replica.command(1, profile(600), now);
    let Some(Effect::Persist { token, .. }) = replica.poll() else { panic!("nothing to persist") };
    replica.handle(Input::NotPersisted(token, "quota".into()), now);
    let (answers, _) = settle(&mut replica, &mut disk, now);
    assert_eq!(answers[0], Err(NotDone::NotSaved("quota".into())));
    assert!(replica.unsent().is_empty() && replica.views().branches.branches.is_empty());
    // The line goes on where it stood: the next change is its first.
    replica.command(2, profile(601), now);
    let event = settle(&mut replica, &mut disk, now).0[0].as_ref().unwrap()[0];
    assert_eq!(replica.node().shared().seq(&event), Some(1));
}

#[test]
fn a_record_torn_from_the_end_loses_only_itself() {
    let (office, given) = office();
    let (now, mut disk) = (given.now, Vec::new());
    let mut replica = open(&office, Vec::new(), now);
    for (id, registered) in [(1, 600), (2, 601)] {
        let command = SetProfile { registered }.into();
        replica.command(id, command, now);
        settle(&mut replica, &mut disk, now);
    }
    let last = disk.iter().rposition(|record| record.key.starts_with("run/")).unwrap();
    disk[last].value.truncate(9);
    let again = open(&office, disk, now);
    assert_eq!(again.unsent().len(), 1);
}

#[test]
fn a_command_that_cannot_be_meant_is_refused_with_its_code() {
    let (office, given) = office();
    let mut replica = open(&office, Vec::new(), given.now);
    let unknown = ClaimWish::from(claim(TEACHER, slot("2026-12-14", 540))).into();
    for (id, command) in [(1, unknown), (2, order())] {
        replica.command(id, command, given.now);
    }
    let (answers, _) = settle(&mut replica, &mut Vec::new(), given.now);
    let is_unknown = |answer: &Answer| matches!(answer, Err(NotDone::Refused(Refusal::Unknown { .. })));
    assert!(answers.len() == 2 && answers.iter().all(is_unknown), "{answers:?}");
}

#[test]
fn a_device_that_only_listened_writes_above_what_it_heard_also_offline_after_a_restart() {
    let (office, given) = office();
    let mut city = City::new(&given, BranchId::CITY, PROTOCOL);
    city.draft(Draft::new(BranchId::CITY, course()));
    let mut disk = Vec::new();
    let mut replica = open(&office, Vec::new(), NOW);
    meet(&mut replica, &mut disk, &mut city);
    let decision = replica.node().shared().ranked().next().unwrap().stamp;
    let later = Millis(NOW.0 + 3 * Millis::DAY);
    let mut again = open(&office, disk, later);
    let command = SetProfile { registered: 600 }.into();
    again.command(1, command, later);
    let event = settle(&mut again, &mut Vec::new(), later).0[0].as_ref().unwrap()[0];
    let stamp = again.entry(&event).unwrap().stamp;
    assert!(stamp > decision, "{stamp:?} folds before {decision:?}");
    assert_eq!(stamp.millis(), later);
}

/// The keys of the runs that it wants stored.
fn run_keys(replica: &mut Replica) -> Vec<String> {
    let mut keys = Vec::new();
    while let Some(effect) = replica.poll() {
        if let Effect::Persist { records, .. } = effect {
            keys.extend(records.into_iter().map(|record| record.key).filter(|key| key.starts_with("run/")));
        }
    }
    keys
}

#[test]
fn two_tabs_that_write_at_one_place_name_it_alike_however_much_each_has_heard() {
    let (office, given) = office();
    let mut city = City::new(&given, BranchId::CITY, PROTOCOL);
    city.draft(Draft::new(BranchId::CITY, course()));
    let (now, mut disk) = (NOW, Vec::new());
    let mut first = open(&office, Vec::new(), now);
    meet(&mut first, &mut disk, &mut city);
    first.command(1, SetProfile { registered: 600 }.into(), now);
    settle(&mut first, &mut disk, now);
    let mut second = open(&office, disk.clone(), now);
    city.handle(Input::Closed { connection: 1 });
    city.draft(Draft::new(BranchId::CITY, course()));
    meet(&mut second, &mut Vec::new(), &mut city);
    for replica in [&mut first, &mut second] {
        replica.command(2, SetProfile { registered: 601 }.into(), now);
    }
    assert_eq!(run_keys(&mut first), run_keys(&mut second), "the second that is stored finds it taken");
}

#[test]
fn records_of_an_earlier_program_open() {
    let (office, given) = office();
    let (now, mut disk) = (given.now, Vec::new());
    let mut replica = open(&office, Vec::new(), now);
    for registered in [600, 601] {
        replica.command(1, SetProfile { registered }.into(), now);
        settle(&mut replica, &mut disk, now);
    }
    // They had no number, and named own lines by the document alone.
    for record in &mut disk {
        if record.key.starts_with("run/") {
            let (place, run, _): (crate::log::Place, crate::log::Run, u64) =
                rmp_serde::from_slice(&record.value).unwrap();
            record.value = rmp_serde::to_vec(&(place, run)).unwrap();
        }
        if let Some((_, document)) = record.key.strip_prefix("own/").and_then(|own| own.split_once('/')) {
            record.key = format!("own/{document}");
        }
    }
    let mut again = open(&office, disk, now);
    assert_eq!(again.views().digest(), replica.views().digest());
    again.command(2, SetProfile { registered: 602 }.into(), now);
    let event = settle(&mut again, &mut Vec::new(), now).0[0].as_ref().unwrap()[0];
    assert_eq!(again.node().shared().seq(&event), Some(3), "the line goes on");
}
