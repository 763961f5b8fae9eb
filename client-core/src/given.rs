//! A small made-up city for unit tests: one course, one shared teacher, branches that write.

pub mod samples;
pub mod tree;

use crate::author::Author;
use crate::domain::*;
use crate::domain::{History, SharedViews};
use crate::event::{DocumentId, EventRef};
use crate::identity::{self, Certificate, Role, SecretKey};
use crate::ids::*;
use crate::log::{Changes, Position, Put, Run};
use crate::time::{Day, HalfDay, HybridClock, Millis, Slot};
use std::collections::BTreeMap;

pub const COURSE: CourseId = CourseId([9; 16]);
pub const TEACHER: TeacherId = TeacherId([7; 16]);
pub const HOME: BranchId = BranchId([6; 16]);
pub const USER: UserId = UserId([0; 16]);

/// One change as a node takes it in.
#[derive(Clone)]
pub struct Change {
    pub document: DocumentId,
    pub actor: ActorId,
    pub author: Certificate,
    /// What it stands on.
    pub at: Position,
    pub events: Vec<(EventId, Vec<u8>)>,
}

impl Change {
    pub fn put_into(&self, history: &mut History) {
        let (run, changes) = self.run();
        history.insert(&run, &self.author, &changes);
    }

    /// As one of many; the history is settled afterwards.
    pub fn load_into(&self, history: &mut History) {
        let (run, changes) = self.run();
        history.load(&run, &self.author, &changes);
    }

    /// Its own hash.
    pub fn hash(&self) -> ChangeHash {
        self.run().0.last_hash
    }

    /// Where the next change of its line stands.
    pub fn end(&self) -> Position {
        self.run().0.end()
    }

    fn run(&self) -> (Run, Changes) {
        let puts = self.events.iter().map(|(id, value)| Put { id: *id, value: value.clone() }).collect();
        let changes = vec![puts];
        let city = self.author.city;
        let key = SecretKey::from_random([1; 32]);
        (Run::write(city, &key, self.document, self.actor, &self.at, &changes).expect("a run"), changes)
    }
}

/// Everything written so far, in writing order.
pub struct Given {
    pub city_key: SecretKey,
    pub changes: Vec<Change>,
    /// The same as they travel, with the introduction where a line begins.
    pub runs: Vec<(Run, Option<Vec<u8>>)>,
    pub now: Millis,
    pub authors: BTreeMap<BranchId, Author>,
    entropy: Entropy,
}

impl Given {
    pub fn nothing() -> Self {
        let now = day("2026-11-23").start();
        Self {
            city_key: SecretKey::from_random([42; 32]),
            changes: Vec::new(),
            runs: Vec::new(),
            now,
            authors: BTreeMap::new(),
            entropy: Entropy::new([1; 32]),
        }
    }

    /// A listed course, and a teacher of [`HOME`] approved for it and offered every weekday.
    pub fn a_shared_teacher() -> Self {
        let mut given = Self::nothing();
        given.city(course());
        given.write(HOME, teacher(TEACHER, "示例甲"));
        given.write(HOME, offered(TEACHER));
        given.city(TeacherApproved { teacher: TEACHER, courses: vec![COURSE] });
        given
    }

    pub fn certificate(&self, branch: BranchId) -> (SecretKey, Certificate) {
        let seed = if branch == BranchId::CITY { [41; 32] } else { [branch.0[0]; 32] };
        let key = SecretKey::from_random(seed);
        let role = if branch == BranchId::CITY { Role::Arbiter } else { Role::Office };
        let city = identity::city_id(self.city_key.public());
        let device = DeviceId(branch.0);
        let certificate =
            Certificate::issue(&self.city_key, city, key.public(), device, branch, role, Millis(0));
        (key, certificate)
    }

    pub fn city(&mut self, event: impl Into<Event>) -> EventRef {
        self.write(BranchId::CITY, event)
    }

    /// The city's node starts again, from a copy of its store: it writes on as a new actor.
    pub fn restart_city(&mut self) {
        self.authors.remove(&BranchId::CITY);
    }

    pub fn write(&mut self, branch: BranchId, event: impl Into<Event>) -> EventRef {
        self.draft(branch, Draft::new(branch, event))
    }

    pub fn draft(&mut self, branch: BranchId, draft: Draft) -> EventRef {
        self.act(branch, &[draft])[0]
    }

    /// Several events of one action.
    pub fn act(&mut self, branch: BranchId, drafts: &[Draft]) -> Vec<EventRef> {
        self.now = self.now.plus_minutes(1);
        let city = identity::city_id(self.city_key.public());
        let (key, certificate) = self.certificate(branch);
        let author = self
            .authors
            .entry(branch)
            .or_insert_with(|| Author::new(city, key, vec![certificate.clone()], HybridClock::default()));
        let action = ActionId(self.entropy.next_id());
        let written =
            author.write(drafts, action, USER, self.now, &mut self.entropy).expect("it may write there");
        for (run, introduction) in author.introduced(&written) {
            self.runs.push((run.clone(), introduction));
            let mut at = run.start();
            for puts in crate::log::unpack(&run.bytes).expect("its own bytes") {
                let (_, after) =
                    crate::log::encode_change(run.actor, &at, &puts).expect("it was encoded before");
                self.changes.push(Change {
                    document: run.document,
                    actor: run.actor,
                    author: certificate.clone(),
                    at: std::mem::replace(&mut at, after),
                    events: puts.into_iter().map(|put| (put.id, put.value.to_vec())).collect(),
                });
            }
        }
        let events = written.events.clone();
        author.accept(written);
        events
    }

    pub fn history(&self) -> History {
        let mut history = History::default();
        self.changes.iter().for_each(|change| change.put_into(&mut history));
        history
    }

    /// Puts bytes into the log that no program of ours would write, on the line of the branch.
    pub fn write_raw(&mut self, branch: BranchId, document: DocumentId, puts: Vec<(EventId, Vec<u8>)>) {
        let (_, author) = self.certificate(branch);
        let actor = ActorId([branch.0[0]; 16]);
        let own = |change: &&Change| (change.document, change.actor) == (document, actor);
        let at = self.changes.iter().rev().find(own).map_or(Position::START, Change::end);
        self.changes.push(Change { document, actor, author, at, events: puts });
    }

    pub fn views(&self) -> SharedViews {
        SharedViews::fold(&self.history())
    }
}

pub fn day(text: &str) -> Day {
    text.parse().expect("a date")
}

pub fn branch(n: u8) -> BranchId {
    BranchId([n; 16])
}

pub fn course() -> CourseListed {
    CourseListed {
        course: COURSE,
        code: "K001".into(),
        title: "基层治理".into(),
        area: "形势政策".into(),
        periods: 2,
        method: "讲授".into(),
        audience: "全体".into(),
        online: true,
    }
}

pub fn teacher(teacher: TeacherId, name: &str) -> TeacherProposed {
    TeacherProposed {
        teacher,
        name: name.into(),
        full_time: true,
        source: "市委党校".into(),
        courses: vec![COURSE],
        weekly_cap_periods: 40,
    }
}

pub fn offered(teacher: TeacherId) -> TeacherOffered {
    let windows = (0..5).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon }));
    TeacherOffered { teacher, windows: windows.collect(), from: day("2026-11-01"), to: day("2027-06-30") }
}

pub fn claim(teacher: TeacherId, slot: Slot) -> ClaimLodged {
    ClaimLodged {
        teacher: Some(teacher),
        asset: None,
        course: Some(COURSE),
        slot,
        headcount: 30,
        branches_served: 1,
    }
}

/// A room as a branch declares it.
pub fn room_declared(asset: AssetId, seats: u32) -> AssetDeclared {
    AssetDeclared {
        asset,
        kind: AssetKind::Room,
        name: "教室".into(),
        place: String::new(),
        capacity: seats,
        quantity: 1,
        features: vec!["直播设备".into()],
        condition: Condition::Good,
        open: Vec::new(),
        talk_minutes: 0,
        docent: String::new(),
    }
}

/// A room that a branch offers every weekday.
pub fn room(given: &mut Given, of: BranchId, seats: u32) -> AssetId {
    let asset = AssetId([of.0[0] + 100; 16]);
    let windows: Vec<HalfDay> =
        (0..5).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon })).collect();
    given.write(of, room_declared(asset, seats));
    given.write(of, AssetOffered { asset, windows, from: day("2026-11-01"), to: day("2027-06-30") });
    asset
}

/// An order for the one course, for company, in the fortnight from 2026-12-07 on.
pub fn order(headcount: u32) -> RequestLodged {
    RequestLodged {
        courses: vec![COURSE],
        group: "示例班".into(),
        headcount,
        from: day("2026-12-07"),
        to: day("2026-12-18"),
        half_days: Vec::new(),
        max_travel_minutes: 60,
        online: false,
        priority: 2,
        pre_consent: true,
    }
}

pub fn slot(text: &str, start_minute: u16) -> Slot {
    Slot { day: day(text), start_minute, duration_minutes: 90 }
}
