//! The node's own promises: what the city writes in which term, what a pause holds back, whose clock it goes
//! by. What it promises others is held by the simulator.

use super::*;
use crate::domain::{AdmitBranch, ClockCorrected, Command, Draft, LodgeRequest, OrderWish, SetProfile};
use crate::event::Statement;
use crate::given::{COURSE, Given, USER, branch, course, day};
use crate::ids::UserId;
use crate::log::MemoryShelf;
use crate::peer::Batch;
use crate::sync::PROTOCOL;

/// A node over a store in memory that may be full.
struct Over {
    node: Node,
    shelf: MemoryShelf,
    is_full: bool,
    /// What waits until somebody says that it is durable.
    storing: VecDeque<(u64, Batch)>,
    notes: BTreeMap<String, Vec<u8>>,
    done: Vec<Result<Vec<EventRef>, NotDone>>,
    decided: Vec<Result<Closed, NotDone>>,
    plans: Vec<ToPlan>,
    now: Millis,
}

impl Over {
    fn open(given: &Given, who: BranchId, was_put_back: bool) -> Self {
        let (key, certificate) = given.certificate(who);
        let setup = Setup {
            city_key: given.city_key.public(),
            city: (who == BranchId::CITY).then(|| CitySeat::new(given.city_key.clone())),
            writers: vec![(Writer::Node, key, vec![certificate])],
            protocol: PROTOCOL,
            was_put_back,
            entropy: [who.0[0]; 32],
        };
        let node = Node::open(setup, Restored::default(), given.now).unwrap();
        Self {
            node,
            shelf: MemoryShelf::default(),
            is_full: false,
            storing: VecDeque::new(),
            notes: BTreeMap::new(),
            done: Vec::new(),
            decided: Vec::new(),
            plans: Vec::new(),
            now: given.now,
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Node, Millis, &MemoryShelf)) {
        act(&mut self.node, self.now, &self.shelf);
        while let Some(effect) = self.node.poll() {
            match effect {
                Effect::Persist { token, batch } => self.storing.push_back((token, *batch)),
                Effect::Done { result, .. } => self.done.push(result),
                Effect::Decided { result, .. } => self.decided.push(result),
                Effect::Plan(to_plan) => self.plans.push(to_plan),
                _ => {}
            }
        }
    }

    /// The oldest batch becomes durable, or is refused where the disk is full.
    fn store_one(&mut self) -> bool {
        let Some((token, batch)) = self.storing.pop_front() else { return false };
        if self.is_full {
            let input = Input::NotPersisted(token, "the disk is full".into());
            self.act(|node, now, shelf| node.handle(input, now, shelf));
            return true;
        }
        for (document, actor, bytes) in &batch.introductions {
            self.shelf.introduce(LogKey { document: *document, actor: *actor }, bytes.clone());
        }
        batch.runs.iter().for_each(|placed| self.shelf.push(placed.place, placed.run.clone()));
        self.notes.extend(batch.notes.clone());
        self.act(|node, now, shelf| node.handle(Input::Persisted(vec![token]), now, shelf));
        true
    }

    fn store_all(&mut self) {
        while self.store_one() {}
    }

    fn tick(&mut self) {
        self.act(|node, now, shelf| node.handle(Input::Tick, now, shelf));
    }

    fn command(&mut self, command: impl Into<Command>) {
        let what = What::Command(Box::new(command.into()));
        self.act(|node, now, shelf| node.write(1, (Writer::Node, USER), what, now, shelf));
    }

    fn decide(&mut self) {
        self.act(|node, now, shelf| node.decide(1, now, shelf));
    }

    /// Runs that somebody wrote come in a segment.
    fn hear(&mut self, runs: &[(crate::log::Run, Option<Vec<u8>>)]) {
        let input = Input::Segment { ticket: 1, runs: runs.to_vec() };
        self.act(|node, now, shelf| node.handle(input, now, shelf));
    }

    fn kinds(&self) -> Vec<&'static str> {
        let mut decisions: Vec<_> = self.node.shared().ranked().collect();
        decisions.sort_by_key(|entry| entry.stamp);
        decisions.into_iter().map(|entry| entry.event.body().info().name).collect()
    }

    fn count(&self, kind: &str) -> usize {
        self.kinds().into_iter().filter(|it| *it == kind).count()
    }
}

fn admit(name: &str) -> AdmitBranch {
    AdmitBranch { name: name.into() }
}

#[test]
fn the_city_writes_nothing_before_the_term_of_its_life() {
    let mut city = Over::open(&Given::nothing(), BranchId::CITY, false);
    city.command(admit("新埭镇"));
    city.store_all();
    assert_eq!(city.kinds(), ["arbiter.term", "branch.admitted"]);
    city.command(admit("广陈镇"));
    city.store_all();
    assert_eq!(city.count("arbiter.term"), 1);
}

#[test]
fn where_the_term_cannot_be_stored_whoever_waits_is_told_and_the_next_tick_tries_again() {
    let mut city = Over::open(&Given::nothing(), BranchId::CITY, false);
    city.is_full = true;
    city.command(admit("新埭镇"));
    city.decide();
    city.store_all();
    assert!(matches!(city.done[..], [Err(NotDone::NotSaved(_))]), "{:?}", city.done);
    assert!(matches!(city.decided[..], [Err(NotDone::NotSaved(_))]), "{:?}", city.decided);
    city.is_full = false;
    city.command(admit("新埭镇"));
    city.decide();
    assert!(city.storing.is_empty(), "nothing before the term, and that waits for the tick");
    city.tick();
    city.store_all();
    assert_eq!(city.kinds(), ["arbiter.term", "release.announced", "branch.admitted"]);
}

#[test]
fn a_city_that_was_put_back_decides_nothing_and_begins_another_term_once_it_is_released() {
    let mut city = Over::open(&Given::nothing(), BranchId::CITY, true);
    city.decide();
    city.store_all();
    assert!(matches!(city.decided[..], [Err(NotDone::Paused(_))]));
    assert!(city.kinds().is_empty(), "no term for what is not decided");
    // A person's command is in flight while the pause ends.
    city.command(admit("新埭镇"));
    city.act(|node, _, _| drop(node.release()));
    city.store_all();
    city.decide();
    city.store_all();
    assert_eq!(city.count("arbiter.term"), 2);
    assert!(city.decided[1].is_ok());
}

#[test]
fn what_a_forgotten_line_tells_is_stored_with_it() {
    let given = {
        let mut given = Given::nothing();
        given.city(course());
        given
    };
    let mut city = Over::open(&given, BranchId::CITY, false);
    let epoch = city.node.epoch();
    city.hear(&given.runs);
    assert_ne!(city.node.epoch(), epoch, "all compare anew");
    let (_, batch) = &city.storing[0];
    let names: Vec<&str> = batch.notes.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"arbiter") && names.contains(&"epoch"), "{names:?}");
    city.store_all();
    city.decide();
    assert!(matches!(city.decided[..], [Err(NotDone::Paused(_))]));
}

#[test]
fn a_clock_that_is_far_ahead_is_corrected_also_while_another_correction_is_stored() {
    const TEN_YEARS: i64 = 3_652 * 24 * 60;
    let mut given = Given::nothing();
    let right = given.now;
    given.now = right.plus_minutes(TEN_YEARS);
    for n in 1..=3 {
        given.write(branch(n), crate::domain::BranchProfile { name: "某镇".into(), registered: 5 });
    }
    let mut city = Over::open(&Given::nothing(), BranchId::CITY, false);
    city.hear(&given.runs[..1]);
    city.store_one();
    // Its correction, behind the term, is on its way to the disk.
    city.store_one();
    assert_eq!(city.storing.len(), 1);
    city.hear(&given.runs[1..]);
    city.store_all();
    let corrected = city.node.shared().ranked().filter_map(|entry| entry.event.get::<ClockCorrected>());
    assert_eq!(corrected.count(), 3);
}

#[test]
fn a_plan_for_what_was_given_up_meanwhile_is_of_no_use() {
    let mut given = Given::nothing();
    given.city(course());
    let mut city = Over::open(&Given::nothing(), BranchId::CITY, false);
    let listed: crate::domain::CourseListed = course();
    city.act(|node, now, shelf| {
        let drafts = vec![Draft::new(BranchId::CITY, listed)];
        node.write(1, (Writer::Node, UserId([0; 16])), What::Decisions(drafts), now, shelf);
    });
    city.command(admit("新埭镇"));
    city.store_all();
    let order = OrderWish {
        courses: vec![COURSE],
        group: "一组".into(),
        headcount: 20,
        from: day("2026-12-14"),
        to: day("2026-12-18"),
        half_days: Vec::new(),
        max_travel_minutes: 0,
        online: false,
        priority: 2,
        pre_consent: true,
    };
    let lodged = LodgeRequest { wish: order };
    let mut office = Over::open(&given, branch(1), false);
    office.hear(&given.runs);
    office.store_all();
    office.command(lodged);
    let runs: Vec<_> = office.storing.iter().flat_map(|(_, batch)| batch_runs(batch)).collect();
    city.hear(&runs);
    city.store_all();
    city.act(|node, now, shelf| node.close_round(2, now, shelf));
    city.store_all();
    let first = city.plans.pop().expect("an order is to be planned");
    // A forgotten line ends the errand; released, the city plans again.
    let mut earlier = Given::nothing();
    earlier.city(course());
    city.hear(&earlier.runs);
    city.store_all();
    city.tick();
    city.store_all();
    assert!(matches!(city.decided.last(), Some(Err(NotDone::Paused(_)))), "{:?}", city.decided);
    city.act(|node, _, _| drop(node.release()));
    city.act(|node, now, shelf| node.close_round(3, now, shelf));
    city.store_all();
    let second = city.plans.pop().expect("it is planned again");
    let stale = first.failed()("the planner stopped".into());
    city.act(|node, now, shelf| node.planned(stale, now, shelf));
    assert_eq!(city.decided.len(), 1, "the answer to the first is no answer to the second");
    let planned = second.plan(crate::plan::Budget::default(), |_| {});
    city.act(|node, now, shelf| node.planned(planned, now, shelf));
    city.store_all();
    let Some(Ok(closed)) = city.decided.last() else { panic!("{:?}", city.decided) };
    assert!(closed.decisions > 0);
}

fn batch_runs(batch: &Batch) -> Vec<(crate::log::Run, Option<Vec<u8>>)> {
    let introduced = |placed: &crate::peer::Placed| {
        let of = |(document, actor, _): &&(DocumentId, _, Vec<u8>)| {
            (*document, *actor) == (placed.run.document, placed.run.actor)
        };
        batch.introductions.iter().find(of).map(|(_, _, bytes)| bytes.clone())
    };
    batch.runs.iter().map(|placed| (placed.run.clone(), introduced(placed))).collect()
}

#[test]
fn a_node_begun_anew_writes_above_the_decisions_that_its_devices_bring() {
    let mut given = Given::nothing();
    given.city(course());
    let mut office = Over::open(&given, branch(1), false);
    office.hear(&given.runs);
    office.store_all();
    let decision = office.node.shared().ranked().next().unwrap().stamp;
    office.command(SetProfile { registered: 600 });
    office.store_all();
    let written = office.done[0].as_ref().unwrap()[0];
    assert!(office.node.shared().get(&written).unwrap().stamp > decision);
}

#[test]
fn the_own_private_documents_are_read_when_somebody_asks_and_kept_up_from_then_on() {
    let mut given = Given::nothing();
    let check_in = |n: u8| crate::domain::AttendanceCheckedIn {
        session: crate::ids::ClassId([1; 16]),
        learner: crate::ids::LearnerId([n; 16]),
        at: given_now(),
        how: crate::domain::CheckIn::Roll,
    };
    let mut node = Over::open(&given, branch(1), false);
    given.write(branch(1), check_in(1));
    given.write(branch(2), check_in(2));
    given.write(branch(1), check_in(3));
    let people = |node: &mut Over| {
        let classes = &node.node.rosters(&node.shelf).unwrap().attendance.classes;
        classes.values().map(|people| people.len()).sum::<usize>()
    };
    node.hear(&given.runs[..1]);
    node.store_all();
    assert!(node.node.own().is_none(), "nobody asked yet");
    assert_eq!(people(&mut node), 1);
    node.hear(&given.runs[1..]);
    node.store_all();
    assert_eq!(people(&mut node), 2, "and nothing of another branch");
}

fn given_now() -> Millis {
    Given::nothing().now
}

#[test]
fn an_instruction_is_answered_once_on_behalf_of_whoever_gave_it() {
    let mut given = Given::nothing();
    let seed = crate::identity::SecretKey::from_random([77; 32]);
    let city_id = identity::city_id(given.city_key.public());
    let device = DeviceId([77; 16]);
    let role = Role::Office;
    let chain = vec![Certificate::issue(
        &given.city_key,
        city_id,
        seed.public(),
        device,
        BranchId::CITY,
        role,
        Millis(0),
    )];
    let mut city = Over::open(&given, BranchId::CITY, false);
    city.decide();
    city.store_all();
    // The office writes what a page would, offline.
    given.now = given.now.plus_minutes(1);
    let author = crate::author::Author::new(city_id, seed, chain, HybridClock::default());
    let user = UserId([8; 16]);
    let command = serde_json::json!({ "command": "admit_branch", "name": "林埭镇" }).to_string();
    let said = crate::domain::InstructionGiven { command, seen: None };
    let drafts = [Draft::new(BranchId::CITY, said)];
    let mut entropy = Entropy::new([5; 32]);
    let action = crate::ids::ActionId([6; 16]);
    let written = author.write(&drafts, action, user, given.now, &mut entropy).unwrap();
    city.hear(&author.introduced(&written));
    city.store_all();
    for _ in 0..3 {
        city.decide();
        city.store_all();
    }
    assert_eq!(city.count("instruction.carried_out"), 1);
    let admitted =
        city.node.shared().ranked().find(|it| it.event.get::<crate::domain::BranchAdmitted>().is_some());
    assert_eq!(admitted.unwrap().user, user);
    assert!(city.node.views().answers.answers.contains_key(&written.events[0]));
}
