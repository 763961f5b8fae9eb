//! Views that are kept up are what a fold from the beginning gives, whatever comes in whatever order.

use super::*;
use crate::author::Author;
use crate::domain::*;
use crate::event::{Accepted, Brought, EventRef, KnownHead, KnownLines, Scope, Statement};
use crate::given::samples::{Named as Things, samples};
use crate::given::{Change, Given, USER, branch, day};
use crate::identity::{self, Certificate, Role, SecretKey};
use crate::ids::*;
use crate::time::{HybridClock, Millis};

/// Small numbers without end.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const BRANCHES: [u8; 3] = [1, 2, 6];

/// A city where everybody says everything of few things: their own and others', corrected, voided, undone.
struct City {
    dice: Dice,
    given: Given,
    /// What was written, with the place of its change.
    written: Vec<(EventRef, usize)>,
    /// Devices as they were when they were copied.
    copies: Vec<(BranchId, Author)>,
    importer: Option<Author>,
    epochs: u64,
}

impl City {
    fn new(seed: u64) -> Self {
        let (dice, given) = (Dice(seed), Given::nothing());
        let (written, copies) = Default::default();
        Self { dice, given, written, copies, importer: None, epochs: 1 }
    }

    fn id(&mut self) -> [u8; 16] {
        let unit = branch(self.dice.one_of(&BRANCHES));
        let n = self.dice.one_of(&[1, 2]);
        self.dice.one_of(&[id_of_unit(unit, [n; 16]), [7 + n; 16], id_of_unit(unit, [3; 16])])
    }

    fn earlier(&mut self) -> Option<(EventRef, usize)> {
        (!self.written.is_empty()).then(|| self.written[self.dice.below(self.written.len())])
    }

    fn things(&mut self) -> Things {
        let nobodys = crate::given::samples::nobodys();
        let mut request = |of: EventRef| self.earlier().map_or(of, |(event, _)| event);
        let (order, claim) = (request(nobodys.order), request(nobodys.claim));
        Things {
            teacher: TeacherId(self.id()),
            asset: AssetId(self.id()),
            class: ClassId(self.id()),
            course: CourseId(self.dice.one_of(&[[9; 16], [10; 16]])),
            learner: LearnerId(self.dice.one_of(&[[22; 16], [23; 16]])),
            order,
            claim,
            action: self.dice.one_of(&[nobodys.action, ActionId([26; 16])]),
            day: day("2026-12-14").plus(self.dice.one_of(&[0, 1, 7])),
        }
    }

    /// Somebody says something.
    fn act(&mut self) {
        let things = self.things();
        let mut all = samples(&things);
        let event = all.swap_remove(self.dice.below(all.len()));
        let scope = event.body().info().scope;
        let unit = match scope {
            Scope::Decisions => BranchId::CITY,
            _ => branch(self.dice.one_of(&BRANCHES)),
        };
        let event = self.made_real(event);
        self.given.now = self.given.now.plus_minutes(self.dice.one_of(&[-600, 0, 1, 3, 60]));
        if unit == BranchId::CITY && self.dice.below(12) == 0 {
            self.given.restart_city();
        }
        if self.dice.below(20) == 0
            && let Some(author) = self.given.authors.get(&unit)
        {
            self.copies.push((unit, author.clone()));
        }
        if self.dice.below(15) == 0 && !self.copies.is_empty() {
            let (of, copy) = self.copies.swap_remove(self.dice.below(self.copies.len()));
            self.given.authors.insert(of, copy);
        }
        let own =
            |(event, _): &&(EventRef, usize)| event.document.scope == scope && event.document.branch == unit;
        let own: Vec<EventRef> = self.written.iter().filter(own).map(|(event, _)| *event).collect();
        let mut draft = Draft::new(unit, event);
        if self.dice.below(3) == 0 && !own.is_empty() {
            let recent = own.len().min(6);
            draft.supersedes = Some(own[own.len() - 1 - self.dice.below(recent)]);
        }
        let event = self.given.draft(unit, draft);
        self.written.push((event, self.given.changes.len() - 1));
    }

    /// Rulings that speak of what is there.
    fn made_real(&mut self, event: Event) -> Event {
        let Some((target, at)) = self.earlier() else { return event };
        let Some((_, to)) = self.earlier() else { return event };
        let (change, last) = (self.given.changes[at].clone(), self.given.changes[to].clone());
        let EventRef { document, actor, .. } = target;
        let (from, to) = (change.hash(), if last.actor == actor { last.hash() } else { change.hash() });
        let unit = branch(self.dice.one_of(&BRANCHES));
        let head = KnownHead { seq: change.end().seq.saturating_sub(1), hash: from };
        let known = vec![KnownLines { document, actor, heads: vec![head] }];
        match event {
            Event::Device(DeviceEvent::Revoked(it)) => {
                let (device, key) = (DeviceId(unit.0), Some(self.given.certificate(unit).1.key));
                let accepted = vec![Accepted { document, actor, heads: vec![from] }];
                DeviceRevoked { device, key, accepted, ..it }.into()
            }
            Event::Device(DeviceEvent::Enrolled(it)) => {
                let key = self.given.certificate(unit).1.key;
                DeviceEnrolled { device: DeviceId(unit.0), key, branch: unit, ..it }.into()
            }
            Event::Device(DeviceEvent::Released(_)) => {
                QuarantineReleased { document, actor, from, to }.into()
            }
            Event::Device(DeviceEvent::Rejected(_)) => {
                QuarantineRejected { document, actor, from, to }.into()
            }
            Event::Device(DeviceEvent::Corrected(_)) => {
                let offset_millis = self.dice.one_of(&[-3_600_000, 60_000, 86_400_000]);
                ClockCorrected { document, actor, from, to, offset_millis }.into()
            }
            Event::Device(DeviceEvent::Closed(_)) => {
                ActorClosed { document, actor, keep: vec![from, to] }.into()
            }
            Event::Owner(OwnerEvent::Recorded(it)) => {
                let subject = SubjectId(self.id());
                let sort = self.dice.one_of(&[Owned::Asset, Owned::Teacher, Owned::Class]);
                OwnerRecorded { sort, subject, unit, ..it }.into()
            }
            Event::Owner(OwnerEvent::Transferred(it)) => {
                let subject = SubjectId(self.id());
                let sort = self.dice.one_of(&[Owned::Asset, Owned::Teacher, Owned::Class]);
                OwnerTransferred { sort, subject, unit, accepted: known, ..it }.into()
            }
            Event::Branch(BranchEvent::Admitted(it)) => BranchAdmitted { branch: unit, ..it }.into(),
            Event::Teacher(TeacherEvent::Merged(_)) => {
                TeacherMerged { kept: TeacherId(self.id()), merged: TeacherId(self.id()) }.into()
            }
            Event::Arbiter(ArbiterEvent::Term(it)) => {
                self.epochs += u64::from(self.dice.below(3) == 0);
                let epoch = 1 + self.dice.below(self.epochs as usize) as u64;
                ArbiterTerm { epoch, number: self.dice.below(4) as u64, ..it }.into()
            }
            other => other,
        }
    }

    /// The importer brings teachers or learners, and says so, not quite, or that they are no longer meant.
    fn import(&mut self) {
        let unit = branch(self.dice.one_of(&BRANCHES));
        let is_private = self.dice.below(2) == 0;
        let checked = id_of_import([self.dice.below(9) as u8; 16]);
        let action = self.dice.one_of(&[checked, checked, ActionId([25; 16])]);
        let mut ids = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            let sample = if is_private { 0 } else { 10 };
            let things = self.things();
            ids.push(self.brought(unit, action, samples(&things).swap_remove(sample)).event);
        }
        if self.dice.below(4) == 0 {
            ids.pop();
        }
        let Brought { events, hash, .. } = Brought::of(action, ids);
        let closing = |reverts: bool| -> Event {
            let reason = "重复".to_owned();
            match (is_private, reverts) {
                (false, false) => ImportShared { action, events, hash }.into(),
                (false, true) => ImportWithdrawn { action, events, hash, reason }.into(),
                (true, false) => ImportApplied { action, events, hash, file: "台账".into() }.into(),
                (true, true) => ImportReverted { action, events, hash, reason }.into(),
            }
        };
        if self.dice.below(4) > 0 {
            self.brought(unit, action, closing(false));
        }
        if self.dice.below(2) == 0 {
            self.brought(unit, action, closing(true));
        }
    }

    fn brought(&mut self, unit: BranchId, action: ActionId, event: Event) -> EventRef {
        let given = &mut self.given;
        let key = SecretKey::from_random([77; 32]);
        let (city, device) = (identity::city_id(given.city_key.public()), DeviceId([77; 16]));
        let (of, role) = (BranchId::CITY, Role::Importer);
        let certificate =
            Certificate::issue(&given.city_key, city, key.public(), device, of, role, Millis(0));
        let new = || Author::new(city, key, vec![certificate.clone()], HybridClock::default());
        let author = self.importer.get_or_insert_with(new);
        let mut entropy = Entropy::new([self.dice.below(256) as u8; 32]);
        given.now = given.now.plus_minutes(1);
        let draft = Draft::new(unit, event);
        let written = author.write(&[draft], action, USER, given.now, &mut entropy).unwrap();
        let (run, event) = (&written.runs[0], written.events[0]);
        let puts = crate::log::unpack(&run.bytes).unwrap().remove(0);
        given.changes.push(Change {
            document: run.document,
            actor: run.actor,
            author: certificate,
            at: run.start(),
            events: puts.into_iter().map(|put| (put.id, put.value.to_vec())).collect(),
        });
        author.accept(written);
        self.written.push((event, given.changes.len() - 1));
        event
    }
}

/// What a node holds of it.
#[derive(Default)]
struct Node {
    shared: History,
    private: History,
    views: SharedFold,
}

impl Node {
    fn take(&mut self, change: &Change) {
        match change.document.scope {
            Scope::Private => change.put_into(&mut self.private),
            _ => change.put_into(&mut self.shared),
        }
        self.private.follow(self.shared.rulings());
    }
}

/// Says how many changes came, one after the other.
fn keep_up(seed: u64, changes: usize) -> usize {
    let mut city = City::new(seed);
    while city.given.changes.len() < changes {
        if city.dice.below(9) == 0 { city.import() } else { city.act() }
    }
    let mut arriving = city.given.changes.clone();
    for n in (1..arriving.len()).rev() {
        // Most come nearly in order, some much later.
        let far = city.dice.one_of(&[0, 0, 1, 2, 7, n]);
        arriving.swap(n, n - city.dice.below(far.min(n) + 1));
    }
    let mut node = Node::default();
    let own = branch(1);
    let mut rosters = PrivateFold::new(own);
    for (n, change) in arriving.iter().enumerate() {
        node.take(change);
        if city.dice.below(4) == 0 {
            continue; // some come together
        }
        let kept_up = node.views.views(&mut node.shared).clone();
        let anew = SharedViews::fold(&node.shared);
        assert_same(&kept_up, &anew, seed, n);
        let own_anew = PrivateViews::fold(&node.private, own);
        let own_kept_up = rosters.views(&mut node.private);
        assert_eq!(own_kept_up, &own_anew, "seed {seed}, change {n}");
        assert_eq!(own_kept_up.digest(), own_anew.digest());
    }
    let mut in_order = Node::default();
    city.given.changes.iter().for_each(|change| in_order.take(change));
    let whole = SharedViews::fold(&in_order.shared);
    assert_same(node.views.views(&mut node.shared), &whole, seed, arriving.len());
    arriving.len()
}

fn assert_same(kept_up: &SharedViews, anew: &SharedViews, seed: u64, n: usize) {
    if kept_up == anew && kept_up.digest() == anew.digest() {
        return;
    }
    for name in SharedViews::NAMES {
        let (kept_up, anew) = (kept_up.named(name).unwrap(), anew.named(name).unwrap());
        assert_eq!(kept_up, anew, "seed {seed}, change {n}: {name}");
    }
    assert_eq!(kept_up.left_out, anew.left_out, "seed {seed}, change {n}");
    assert_eq!(kept_up.owners, anew.owners, "seed {seed}, change {n}");
    assert_eq!(kept_up, anew, "seed {seed}, change {n}");
}

#[test]
fn views_kept_up_are_views_folded_anew() {
    let steps: usize = (0..300).map(|seed| keep_up(seed, 70)).sum();
    assert!(steps >= 20_000, "{steps}");
}
