use crate::author::Author;
use crate::domain::*;
use crate::domain::{History, PrivateViews, SharedViews};
use crate::event::{Accepted, EventRef, Scope};
use crate::given::{Change, Given, HOME, TEACHER, branch, teacher};
use crate::history::{Kept, Unfolded};
use crate::identity::{self, Certificate, Role, SecretKey};
use crate::ids::*;
use crate::time::{HybridClock, Millis};
use proptest::prelude::*;

const DEVICE: DeviceId = DeviceId([1; 16]);

fn profile(registered: u32) -> BranchProfile {
    BranchProfile { name: "新埭镇".into(), registered }
}

fn history(changes: &[Change]) -> History {
    let mut history = History::default();
    changes.iter().for_each(|change| change.put_into(&mut history));
    history
}

/// What branch 1 says last, as far as it counts.
fn registered(history: &History) -> Option<u32> {
    SharedViews::fold(history).branches.branches.get(&branch(1)).map(|branch| branch.registered)
}

fn why(history: &History, event: &EventRef) -> Vec<(Unfolded, Option<EventRef>)> {
    let of = |kept: &Kept| kept.reference == *event;
    history.kept().into_iter().filter(of).map(|kept| (kept.why, kept.ruling)).collect()
}

/// Branch 1 writes three changes; the changes themselves.
fn three() -> (Given, Vec<EventRef>, Vec<Change>) {
    let mut given = Given::nothing();
    let events = [600, 601, 602].map(|registered| given.write(branch(1), profile(registered))).to_vec();
    let changes = given.changes.clone();
    (given, events, changes)
}

fn accepted(change: &Change) -> Vec<Accepted> {
    vec![Accepted { document: change.document, actor: change.actor, heads: vec![change.hash()] }]
}

fn revoked(accepted: Vec<Accepted>) -> DeviceRevoked {
    DeviceRevoked { device: DEVICE, key: None, reason: "被盗".into(), accepted }
}

fn released(from: &Change, to: &Change) -> QuarantineReleased {
    QuarantineReleased { document: from.document, actor: from.actor, from: from.hash(), to: to.hash() }
}

fn rejected(from: &Change, to: &Change) -> QuarantineRejected {
    QuarantineRejected { document: from.document, actor: from.actor, from: from.hash(), to: to.hash() }
}

fn corrected(from: &Change, to: &Change, minutes: i64) -> ClockCorrected {
    let (from_hash, to_hash) = (from.hash(), to.hash());
    let offset_millis = minutes * Millis::MINUTE;
    ClockCorrected { document: from.document, actor: from.actor, from: from_hash, to: to_hash, offset_millis }
}

/// The same in the order written, reversed, and with the decisions first.
fn every_way(given: &Given) -> [History; 3] {
    let reversed: Vec<Change> = given.changes.iter().rev().cloned().collect();
    let mut decisions_first = given.changes.clone();
    decisions_first.sort_by_key(|change| change.document.scope != Scope::Decisions);
    [history(&given.changes), history(&reversed), history(&decisions_first)]
}

#[test]
fn a_revoked_device_counts_up_to_the_accepted_change_whenever_the_news_arrives() {
    let (mut given, events, changes) = three();
    let ruling = given.city(revoked(accepted(&changes[1])));
    let later = given.write(branch(1), profile(603));
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(601));
        for event in [&events[2], &later] {
            assert_eq!(why(&history, event), [(Unfolded::Quarantine, Some(ruling))]);
        }
        let anomalies = SharedViews::fold(&history).anomalies;
        let shown = anomalies.iter().find(|anomaly| anomaly.evidence == [events[2], later, ruling]).unwrap();
        assert_eq!(shown.detail.as_deref(), Some("quarantine"));
    }
}

#[test]
fn of_several_revocations_all_must_accept() {
    let (mut given, events, changes) = three();
    given.city(revoked(accepted(&changes[2])));
    assert_eq!(registered(&given.history()), Some(602));
    let second = given.city(revoked(accepted(&changes[0])));
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(600));
        assert_eq!(why(&history, &events[2]), [(Unfolded::Quarantine, Some(second))]);
    }
}

#[test]
fn a_revocation_that_a_later_one_supersedes_by_name_counts_no_more() {
    let (mut given, _, changes) = three();
    let first = given.city(revoked(Vec::new()));
    assert_eq!(registered(&given.history()), None);
    let second = Draft::new(BranchId::CITY, revoked(accepted(&changes[1])));
    given.draft(BranchId::CITY, Draft { supersedes: Some(first), ..second });
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(601));
    }
}

/// A copy of branch 1's device writes another second change.
fn forked() -> (Given, [EventRef; 2], Vec<Change>) {
    let mut given = Given::nothing();
    given.write(branch(1), profile(600));
    let copy = given.authors[&branch(1)].clone();
    let own = given.write(branch(1), profile(601));
    given.authors.insert(branch(1), copy);
    let twin = given.write(branch(1), profile(700));
    let changes = given.changes.clone();
    assert_eq!(changes[1].at, changes[2].at);
    (given, [own, twin], changes)
}

#[test]
fn of_lines_that_part_only_the_one_with_the_accepted_change_counts() {
    for line in [0, 1] {
        let (mut given, events, changes) = forked();
        let ruling = given.city(revoked(accepted(&changes[line + 1])));
        for history in every_way(&given) {
            assert_eq!(registered(&history), Some([601, 700][line]));
            assert_eq!(why(&history, &events[1 - line]), [(Unfolded::Quarantine, Some(ruling))]);
            assert!(why(&history, &events[line]).is_empty());
        }
    }
}

#[test]
fn an_accepted_change_that_is_not_here_yet_accepts_once_it_comes() {
    let (mut given, _, changes) = three();
    given.city(revoked(accepted(&changes[2])));
    let mut early: Vec<Change> = given.changes.clone();
    early.remove(2);
    assert_eq!(registered(&history(&early)), None);
    early.push(changes[2].clone());
    assert_eq!(registered(&history(&early)), Some(602));
}

#[test]
fn quarantine_ends_by_range_and_the_first_ruling_counts() {
    let (mut given, events, changes) = three();
    given.city(revoked(Vec::new()));
    given.city(released(&changes[0], &changes[1]));
    let rejection = given.city(rejected(&changes[1], &changes[2]));
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(601), "released first, so the rejection says nothing of it");
        assert_eq!(why(&history, &events[2]), [(Unfolded::Rejected, Some(rejection))]);
    }
}

#[test]
fn a_range_that_is_not_on_one_line_rules_on_nothing() {
    let (mut given, _, changes) = forked();
    given.city(revoked(Vec::new()));
    given.city(released(&changes[1], &changes[2]));
    given.city(released(&changes[2], &changes[0]));
    for history in every_way(&given) {
        assert_eq!(registered(&history), None);
    }
}

#[test]
fn a_rejection_says_nothing_of_what_was_never_in_quarantine() {
    let (mut given, _, changes) = three();
    given.city(rejected(&changes[0], &changes[2]));
    assert_eq!(registered(&given.history()), Some(602));
}

#[test]
fn a_corrected_stamp_changes_the_order_alone_and_the_last_correction_counts() {
    let (mut given, events, changes) = three();
    let written = given.history().get(&events[2]).unwrap().stamp;
    // The second change goes behind the third, then before the first: corrections never add.
    given.city(corrected(&changes[1], &changes[1], 120));
    assert_eq!(registered(&given.history()), Some(601));
    given.city(corrected(&changes[1], &changes[2], -60));
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(600));
        let entry = history.get(&events[2]).unwrap();
        assert_eq!(entry.reference.document, changes[2].document);
        assert_eq!(entry.stamp, written.shifted(-60 * Millis::MINUTE));
        assert_eq!(entry.correction.as_ref().unwrap().written, written);
    }
}

#[test]
fn of_a_closed_actor_what_the_city_held_counts_and_the_kept_line_goes_on() {
    let (mut given, [_, twin], changes) = forked();
    let copy = given.authors[&branch(1)].clone();
    let keep = vec![changes[2].hash(), changes[1].hash()];
    let (document, actor) = (changes[0].document, changes[0].actor);
    let ruling = given.city(ActorClosed { document, actor, keep });
    let goes_on = given.write(branch(1), profile(701));
    given.write(branch(1), profile(702));
    // On the other line, and on one that parts before.
    let others = [changes[1].at, changes[0].at].map(|at| {
        let mut other = copy.clone();
        let mut line = other.lines()[&document].clone();
        line.position = if at == changes[1].at { end_of(&changes[1]) } else { end_of(&changes[0]) };
        other.resume(document, line);
        given.authors.insert(branch(1), other);
        given.write(branch(1), profile(900))
    });
    for history in every_way(&given) {
        assert_eq!(registered(&history), Some(702));
        assert!(history.get(&twin).is_some() && history.get(&goes_on).is_some());
        assert_eq!(history.len(), 6, "three before, two after, the closing");
        for other in &others {
            assert_eq!(why(&history, other), [(Unfolded::Closed, Some(ruling))]);
        }
    }
}

fn end_of(change: &Change) -> crate::log::Position {
    let puts: Vec<crate::log::Put> =
        change.events.iter().map(|(id, value)| crate::log::Put { id: *id, value: value.clone() }).collect();
    crate::log::encode_change(change.actor, &change.at, &puts).unwrap().1
}

#[test]
fn revoking_a_branch_node_revokes_what_it_certified_but_what_the_city_enrolled() {
    let mut given = Given::nothing();
    let (node_key, node) = given.certificate(HOME);
    let city = identity::city_id(given.city_key.public());
    let below = |n: u8, given: &mut Given| {
        let key = SecretKey::from_random([n; 32]);
        let device = DeviceId([n; 16]);
        let issue = Certificate::issue;
        let certificate = issue(&node_key, city, key.public(), device, HOME, Role::Office, Millis(0));
        let author = Author::new(city, key, vec![node.clone(), certificate], HybridClock::default());
        given.authors.insert(HOME, author);
        given.write(HOME, teacher(TeacherId([n; 16]), "示例甲"));
        given.changes.last_mut().unwrap().author = given.authors[&HOME].certificate().clone();
    };
    below(71, &mut given);
    below(72, &mut given);
    let enrolled = |device: DeviceId, key: PublicKey, role| DeviceEnrolled {
        device,
        key,
        branch: HOME,
        role,
        label: "前台".into(),
    };
    let named = SecretKey::from_random([72; 32]).public();
    given.city(DeviceRevoked {
        device: node.device, key: None, reason: "被盗".into(), accepted: Vec::new()
    });
    given.city(enrolled(node.device, node.key, Role::BranchNode));
    given.city(enrolled(DeviceId([72; 16]), named, Role::Office));
    for history in every_way(&given) {
        let teachers = SharedViews::fold(&history).teachers.teachers;
        assert_eq!(teachers.keys().collect::<Vec<_>>(), [&TeacherId([72; 16])]);
    }
}

#[test]
fn decisions_stand_whoever_is_revoked() {
    let mut given = Given::nothing();
    given.city(BranchAdmitted { branch: branch(1), name: "新埭镇".into() });
    let device = given.certificate(BranchId::CITY).1.device;
    given.city(DeviceRevoked { device, key: None, reason: "换新".into(), accepted: Vec::new() });
    for history in every_way(&given) {
        assert_eq!(SharedViews::fold(&history).branches.name(branch(1)), "新埭镇");
        assert!(history.kept().is_empty());
    }
}

#[test]
fn private_documents_go_by_the_same_rulings() {
    let mut given = Given::nothing();
    let learner = |n: u8| LearnerRegistered {
        learner: LearnerId([n; 16]),
        group: "第一支部".into(),
        sealed: ChangeHash([n; 32]),
    };
    given.write(branch(1), learner(1));
    given.write(branch(1), learner(2));
    given.city(revoked(accepted(&given.changes[0])));
    let (private, decisions): (Vec<Change>, Vec<Change>) =
        given.changes.iter().cloned().partition(|change| change.document.scope == Scope::Private);
    let learners = |history: &History| PrivateViews::fold(history, branch(1)).learners.learners.len();
    let mut private = history(&private);
    assert_eq!(learners(&private), 2);
    private.follow(history(&decisions).rulings());
    assert_eq!(learners(&private), 1);
}

#[test]
fn bytes_in_quarantine_knock_out_nothing_that_counts() {
    // Of two events with one identity the smaller hash counts, but not out of quarantine.
    for swap in [false, true] {
        let (mut given, [own, twin], mut changes) = forked();
        let (mine, theirs) = if swap { (2, 1) } else { (1, 2) };
        let id = changes[mine].events[0].0;
        changes[theirs].events[0].0 = id;
        given.changes[theirs] = changes[theirs].clone();
        given.city(revoked(accepted(&changes[mine])));
        let counts = if swap { twin } else { own };
        for history in every_way(&given) {
            assert_eq!(registered(&history), Some(if swap { 700 } else { 601 }));
            assert_eq!(history.get(&counts).map(|entry| entry.reference.event), Some(id));
        }
    }
}

#[test]
fn a_copy_of_an_event_further_on_counts_once_and_where_it_stood_first() {
    let (mut given, events, mut changes) = three();
    changes[2].events = changes[0].events.clone();
    given.changes = changes;
    for history in every_way(&given) {
        assert_eq!((history.len(), history.seq(&events[0])), (2, Some(1)));
        assert!(history.kept().is_empty());
    }
}

#[test]
fn what_an_older_program_did_not_know_folds_after_the_upgrade() {
    let (mut given, events, changes) = three();
    given.write(HOME, teacher(TEACHER, "示例甲"));
    given.city(revoked(accepted(&changes[1])));
    let unknown_kinds = &["teacher.proposed", "device.revoked"];
    let mut older = History { unknown_kinds, ..History::default() };
    given.changes.iter().for_each(|change| change.put_into(&mut older));
    assert_eq!(registered(&older), Some(602), "it knows no revocation");
    let unknown = older.kept().iter().filter(|kept| kept.why == Unfolded::UnknownKind).count();
    assert_eq!(unknown, 2);
    // The upgraded program reads the same changes again.
    let views = SharedViews::fold(&given.history());
    assert!(views.teachers.teachers.contains_key(&TEACHER));
    assert_eq!(why(&given.history(), &events[2]).len(), 1);
    assert_eq!(views.branches.branches[&branch(1)].registered, 601);
}

/// A forked, revoked device and an honest one, with every kind of ruling.
fn all_rulings() -> Given {
    let (mut given, [own, _], changes) = forked();
    given.write(branch(1), profile(701));
    given.write(HOME, teacher(TEACHER, "示例甲"));
    let renamed = given.write(HOME, teacher(TEACHER, "示例乙"));
    let late = given.changes.last().unwrap().clone();
    let first = given.city(revoked(accepted(&changes[0])));
    let again = Draft::new(BranchId::CITY, revoked(accepted(&changes[1])));
    given.draft(BranchId::CITY, Draft { supersedes: Some(first), ..again });
    given.city(released(&changes[2], &changes[2]));
    given.city(rejected(&changes[2], &given.changes[3].clone()));
    given.city(corrected(&late, &late, -30));
    given.city(corrected(&changes[0], &changes[1], 45));
    let keep = vec![changes[2].hash(), changes[1].hash()];
    given.city(ActorClosed { document: changes[0].document, actor: changes[0].actor, keep });
    given.write(branch(1), profile(702));
    given.draft(HOME, Draft { supersedes: Some(renamed), ..Draft::new(HOME, teacher(TEACHER, "示例丙")) });
    given.city(DeviceEnrolled {
        device: DEVICE,
        key: given.certificate(branch(1)).1.key,
        branch: branch(1),
        role: Role::Office,
        label: own.event.to_hex(),
    });
    given
}

proptest! {
    /// Whatever is ruled and whatever the order of arrival, views and explanations are the same.
    #[test]
    fn rulings_do_not_depend_on_the_order_of_arrival(
        order in Just((0..16_usize).collect::<Vec<_>>()).prop_shuffle(),
        again in 0..16_usize,
        at_once in any::<bool>(),
    ) {
        let given = all_rulings();
        prop_assert_eq!(given.changes.len(), 16);
        let mut shuffled: Vec<Change> = order.iter().map(|n| given.changes[*n].clone()).collect();
        shuffled.push(given.changes[again].clone());
        let mut other = History::default();
        for change in &shuffled {
            if at_once { change.load_into(&mut other) } else { change.put_into(&mut other) }
        }
        other.settle();
        let one = given.history();
        prop_assert_eq!(one.kept(), other.kept());
        prop_assert_eq!(SharedViews::fold(&one).digest(), SharedViews::fold(&other).digest());
    }
}

#[test]
fn revoking_a_key_leaves_another_under_the_same_device_id_in_force() {
    let (mut given, _, _) = three();
    let (key, honest) = given.certificate(branch(1));
    let rogue = SecretKey::from_random([66; 32]);
    let entry = |key: PublicKey| Certificate { key, ..honest.clone() };
    let revoke = |given: &mut Given, key| {
        given.city(DeviceRevoked { device: DEVICE, key, reason: "被盗".into(), accepted: Vec::new() });
        let history = given.history();
        let rulings = history.rulings();
        [rogue.public(), honest.key].map(|key| rulings.revoke(&entry(key)))
    };
    assert_eq!(key.public(), honest.key);
    assert_eq!(revoke(&mut given, Some(rogue.public())), [true, false]);
    assert_eq!(revoke(&mut given, None), [true, true], "its first version meant every key under the id");
}
