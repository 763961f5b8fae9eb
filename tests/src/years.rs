//! Seven made-up years of a city with eight branches, for measuring: every kind that all may read, in shares.

use client_core::author::Author;
use client_core::domain::*;
use client_core::event::{Accepted, Basis, EventRef, KnownHead, KnownLines, Statement};
use client_core::identity::{self, Certificate, Role, SecretKey};
use client_core::ids::*;
use client_core::log::Run;
use client_core::time::{Day, HalfDay, HybridClock, Millis, Slot};
use std::collections::BTreeMap;

/// Of 10,000 events so many are of a kind.
const SHARES: [(&str, usize); 44] = [
    ("session.taught", 2_600),
    ("session.announced", 1_500),
    ("request.lodged", 800),
    ("claim.lodged", 800),
    ("claim.received", 800),
    ("decision.basis", 700),
    ("claim.confirmed", 550),
    ("joint.confirmed", 500),
    ("teacher.unavailable", 250),
    ("request.unmet", 250),
    ("session.corrected", 250),
    ("teacher.offered", 200),
    ("session.cancelled", 150),
    ("claim.refused", 140),
    ("asset.offered", 100),
    ("asset.blocked", 100),
    ("claim.waitlisted", 80),
    ("request.cancelled", 50),
    ("request.consented", 50),
    ("asset.condition", 50),
    ("teacher.updated", 50),
    ("branch.profile", 30),
    ("teacher.proposed", 20),
    ("teacher.approved", 20),
    ("asset.declared", 20),
    ("claim.displaced", 20),
    ("round.opened", 10),
    ("round.decided", 10),
    ("plan.decided", 10),
    ("plan.inputs", 10),
    ("course.listed", 10),
    ("policy.published", 5),
    ("calendar.published", 5),
    ("planning.published", 5),
    ("device.enrolled", 5),
    ("arbiter.term", 5),
    ("owner.recorded", 4),
    ("teacher.merged", 3),
    ("course.delisted", 3),
    ("clock.corrected", 2),
    ("owner.transferred", 1),
    ("branch.admitted", 1),
    ("release.announced", 1),
    ("quarantine.released", 1),
];

/// Days before the end on which the second devices wrote what arrives late.
const LATE_DAYS: i32 = 182;

/// One device.
struct Device {
    author: Author,
    certificate: Certificate,
}

/// A branch, with what it spoke of so far.
struct Unit {
    branch: BranchId,
    teachers: Vec<TeacherId>,
    assets: Vec<AssetId>,
    announced: Vec<(EventRef, SessionAnnounced)>,
    taught: Vec<(EventRef, SessionTaught)>,
    orders: Vec<EventRef>,
    claims: Vec<EventRef>,
}

/// A city that writes.
pub struct Years {
    /// All that was written, as it travels.
    pub runs: Vec<(Run, Certificate)>,
    /// How many of each kind.
    pub counts: BTreeMap<&'static str, usize>,
    dice: u64,
    city: CityId,
    city_key: SecretKey,
    entropy: Entropy,
    start: Day,
    units: Vec<Unit>,
    courses: Vec<CourseId>,
    rounds: Vec<RoundId>,
    /// By unit, then the city; the second of each wrote half a year before the end.
    devices: Vec<[Device; 2]>,
}

impl Years {
    /// So many events, evenly over seven years.
    pub fn of(events: usize) -> Self {
        let city_key = SecretKey::from_random([42; 32]);
        let city = identity::city_id(city_key.public());
        let mut years = Self {
            runs: Vec::new(),
            counts: BTreeMap::new(),
            dice: 1,
            city,
            city_key,
            entropy: Entropy::new([5; 32]),
            start: Day::from_ymd(2020, 1, 6).expect("a day"),
            units: Vec::new(),
            courses: Vec::new(),
            rounds: Vec::new(),
            devices: Vec::new(),
        };
        for n in 0..8 {
            let branch = BranchId([n + 1; 16]);
            let (teachers, assets, announced, taught) = Default::default();
            let (orders, claims) = Default::default();
            years.units.push(Unit { branch, teachers, assets, announced, taught, orders, claims });
            years.devices.push([0, 1].map(|second| years.device(n + 1 + 100 * second, branch, Role::Office)));
        }
        years
            .devices
            .push([0, 1].map(|second| years.device(9 + 100 * second, BranchId::CITY, Role::Arbiter)));
        years.begin();
        let total: usize = SHARES.iter().map(|(_, share)| share).sum();
        let mut owed: Vec<usize> = vec![0; SHARES.len()];
        while years.runs.len() < events {
            // Each kind in its turn, by what is still owed of its share.
            for (n, (_, share)) in SHARES.iter().enumerate() {
                owed[n] += share;
            }
            let next = (0..SHARES.len()).max_by_key(|n| owed[*n]).unwrap_or_default();
            owed[next] = owed[next].saturating_sub(total);
            let day = years.start.plus((years.runs.len() as u64 * 7 * 365 / events as u64) as i32);
            years.say(SHARES[next].0, day, 0);
        }
        years
    }

    /// The kinds that it writes.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        SHARES.iter().map(|(kind, _)| *kind)
    }

    /// One more of a kind: at the end, or half a year before it.
    pub fn one_more(&mut self, kind: &'static str, late: bool) -> (Run, Certificate) {
        let end = self.start.plus(7 * 365);
        self.say(kind, if late { end.plus(-LATE_DAYS) } else { end }, late.into());
        self.runs.pop().expect("something was said")
    }

    /// A device that wrote so many classes in the last weeks, and the word that it is trusted no longer.
    pub fn stolen(&mut self, events: usize) -> (Vec<(Run, Certificate)>, (Run, Certificate)) {
        let mut thief = self.device(77, self.units[0].branch, Role::Office);
        let day = self.start.plus(7 * 365);
        let before = self.runs.len();
        for _ in 0..events {
            let taught = self.taught(0, day);
            self.write(&mut thief, self.units[0].branch, Draft::new(self.units[0].branch, taught), day);
        }
        let written = self.runs.split_off(before);
        let Certificate { device, key, .. } = thief.certificate;
        let accepted: Vec<Accepted> = Vec::new();
        let revoked = DeviceRevoked { device, key: Some(key), reason: "被盗".into(), accepted };
        self.city_says(0, revoked, day);
        (written, self.runs.pop().expect("it was said"))
    }

    fn device(&self, seed: u8, branch: BranchId, role: Role) -> Device {
        let key = SecretKey::from_random([seed; 32]);
        let (device, since) = (DeviceId([seed; 16]), Millis(0));
        let certificate =
            Certificate::issue(&self.city_key, self.city, key.public(), device, branch, role, since);
        let author = Author::new(self.city, key, vec![certificate.clone()], HybridClock::default());
        Device { author, certificate }
    }

    fn begin(&mut self) {
        let day = self.start;
        for n in 0..self.units.len() {
            self.say("branch.admitted", day, 0);
            for _ in 0..20 {
                self.propose(n, day, 0);
                self.declare(n, day, 0);
            }
        }
        (0..60).for_each(|_| self.say("course.listed", day, 0));
    }

    fn below(&mut self, sides: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as usize % sides.max(1)
    }

    fn id(&mut self, branch: BranchId) -> [u8; 16] {
        id_of_unit(branch, self.entropy.next_id())
    }

    fn write(&mut self, device: &mut Device, unit: BranchId, draft: Draft, day: Day) -> EventRef {
        let minute = self.below(600) as i64;
        let now = Millis(day.start().0 + (480 + minute) * Millis::MINUTE);
        let drafts = [Draft { branch: unit, ..draft }];
        let kind = drafts[0].event.body().info().name;
        let action = ActionId(self.entropy.next_id());
        let written = device
            .author
            .write(&drafts, action, UserId([3; 16]), now, &mut self.entropy)
            .expect("it may be written");
        let event = written.events[0];
        let runs = written.runs.iter().map(|run| (run.clone(), device.certificate.clone()));
        self.runs.extend(runs.collect::<Vec<_>>());
        device.author.accept(written);
        *self.counts.entry(kind).or_default() += 1;
        event
    }

    fn unit_says(&mut self, n: usize, second: usize, draft: Draft, day: Day) -> EventRef {
        let unit = self.units[n].branch;
        let device = self.device(255, unit, Role::Office);
        let mut own = std::mem::replace(&mut self.devices[n][second], device);
        let event = self.write(&mut own, unit, draft, day);
        self.devices[n][second] = own;
        event
    }

    fn city_says(&mut self, second: usize, event: impl Into<Event>, day: Day) -> EventRef {
        let n = self.units.len();
        let device = self.device(255, BranchId::CITY, Role::Arbiter);
        let mut own = std::mem::replace(&mut self.devices[n][second], device);
        let event = self.write(&mut own, BranchId::CITY, Draft::new(BranchId::CITY, event), day);
        self.devices[n][second] = own;
        event
    }

    fn propose(&mut self, n: usize, day: Day, second: usize) {
        let branch = self.units[n].branch;
        let teacher = TeacherId(self.id(branch));
        let proposed = TeacherProposed {
            teacher,
            name: format!("示例{}", self.units[n].teachers.len()),
            full_time: true,
            source: "市委党校".into(),
            courses: self.courses.iter().take(3).copied().collect(),
            weekly_cap_periods: 20,
        };
        self.unit_says(n, second, Draft::new(branch, proposed), day);
        self.units[n].teachers.push(teacher);
    }

    fn declare(&mut self, n: usize, day: Day, second: usize) {
        let branch = self.units[n].branch;
        let asset = AssetId(self.id(branch));
        let declared = AssetDeclared {
            asset,
            kind: AssetKind::Room,
            name: format!("教室{}", self.units[n].assets.len()),
            place: String::new(),
            capacity: 60,
            quantity: 1,
            features: Vec::new(),
            condition: Condition::Good,
            open: Vec::new(),
            talk_minutes: 0,
            docent: String::new(),
        };
        self.unit_says(n, second, Draft::new(branch, declared), day);
        self.units[n].assets.push(asset);
    }

    fn teacher(&mut self, n: usize) -> TeacherId {
        let place = self.below(self.units[n].teachers.len());
        self.units[n].teachers[place]
    }

    fn asset(&mut self, n: usize) -> AssetId {
        let place = self.below(self.units[n].assets.len());
        self.units[n].assets[place]
    }

    fn course(&mut self) -> CourseId {
        let place = self.below(self.courses.len());
        self.courses[place]
    }

    fn slot(&mut self, day: Day) -> Slot {
        let start = [540, 630, 840, 930][self.below(4)];
        let (day, duration_minutes) = (day.plus(self.below(28) as i32), 90);
        Slot { day, start_minute: start, duration_minutes }
    }

    fn taught(&mut self, n: usize, day: Day) -> SessionTaught {
        let branch = self.units[n].branch;
        SessionTaught {
            session: ClassId(self.id(branch)),
            ledger_code: String::new(),
            course: Some(self.course()),
            teacher: Some(self.teacher(n)),
            slot: Slot { day, ..self.slot(day) },
            headcount: 20 + self.below(60) as u32,
            online: false,
        }
    }

    /// Of what was written, one from the end, or one from half a year before it.
    fn one_of<T: Clone>(&mut self, all: fn(&Unit) -> &Vec<T>, n: usize, second: usize) -> Option<T> {
        let (end, step) = (all(&self.units[n]).len(), all(&self.units[n]).len() / 14);
        let last = if second == 1 { end.saturating_sub(step) } else { end };
        let from = last.saturating_sub(step.max(1));
        let place = (last > from).then(|| from + self.below(last - from))?;
        all(&self.units[n]).get(place).cloned()
    }

    fn say(&mut self, kind: &'static str, day: Day, second: usize) {
        let before = self.runs.len();
        let n = self.below(self.units.len());
        if !self.unit_speaks(kind, n, day, second) {
            self.city_speaks(kind, n, day, second);
        }
        if self.runs.len() == before {
            // Nothing to speak of yet.
            let taught = self.taught(n, day);
            let event = self.unit_says(n, second, Draft::new(self.units[n].branch, taught.clone()), day);
            self.units[n].taught.push((event, taught));
        }
    }

    /// Says whether units say such things.
    fn unit_speaks(&mut self, kind: &'static str, n: usize, day: Day, second: usize) -> bool {
        let branch = self.units[n].branch;
        let windows = vec![HalfDay { weekday: 1, afternoon: true }, HalfDay { weekday: 3, afternoon: false }];
        let (to, reason) = (day.plus(3), || "检修".to_owned());
        let mut supersedes = None;
        let event: Event = match kind {
            "teacher.proposed" => {
                self.propose(n, day, second);
                return true;
            }
            "asset.declared" => {
                self.declare(n, day, second);
                return true;
            }
            "session.taught" => {
                // Most classes were announced.
                let announced = self.one_of(|unit| &unit.announced, n, second);
                let mut taught = self.taught(n, day);
                if let Some((_, it)) = announced {
                    taught = SessionTaught { session: it.session, course: Some(it.course), ..taught };
                }
                let event = self.unit_says(n, second, Draft::new(branch, taught.clone()), day);
                self.units[n].taught.push((event, taught));
                return true;
            }
            "session.announced" => {
                let announced = SessionAnnounced {
                    session: ClassId(self.id(branch)),
                    course: self.course(),
                    teacher: Some(self.teacher(n)),
                    venue: Some(self.asset(n)),
                    slot: self.slot(day),
                    headcount: 40,
                };
                let event = self.unit_says(n, second, Draft::new(branch, announced.clone()), day);
                self.units[n].announced.push((event, announced));
                return true;
            }
            "request.lodged" => {
                let lodged = RequestLodged {
                    courses: vec![self.course()],
                    group: "示例班".into(),
                    headcount: 40,
                    from: day.plus(14),
                    to: day.plus(28),
                    half_days: Vec::new(),
                    max_travel_minutes: 60,
                    online: false,
                    priority: 2,
                    pre_consent: true,
                };
                let event = self.unit_says(n, second, Draft::new(branch, lodged), day);
                self.units[n].orders.push(event);
                return true;
            }
            "claim.lodged" => {
                let other = self.below(self.units.len());
                let lodged = ClaimLodged {
                    teacher: Some(self.teacher(other)),
                    asset: None,
                    course: Some(self.course()),
                    slot: self.slot(day),
                    headcount: 30,
                    branches_served: 1,
                };
                let event = self.unit_says(n, second, Draft::new(branch, lodged), day);
                self.units[n].claims.push(event);
                return true;
            }
            "session.corrected" => {
                let Some((event, it)) = self.one_of(|unit| &unit.taught, n, second) else {
                    return true;
                };
                supersedes = Some(event);
                let SessionTaught { session, ledger_code, course, teacher, slot, headcount, online } = it;
                let headcount = headcount + 1;
                SessionCorrected { session, ledger_code, course, teacher, slot, headcount, online }.into()
            }
            "session.cancelled" => {
                let Some((_, it)) = self.one_of(|unit| &unit.announced, n, second) else {
                    return true;
                };
                SessionCancelled { session: it.session, reason: reason() }.into()
            }
            "teacher.unavailable" => TeacherUnavailable { teacher: self.teacher(n), from: day, to }.into(),
            "teacher.offered" => {
                TeacherOffered { teacher: self.teacher(n), windows, from: day, to: day.plus(120) }.into()
            }
            "teacher.updated" => TeacherUpdated {
                teacher: self.teacher(n),
                name: "示例改".into(),
                full_time: false,
                source: "市委党校".into(),
                courses: vec![self.course()],
                weekly_cap_periods: 16,
            }
            .into(),
            "asset.offered" => {
                AssetOffered { asset: self.asset(n), windows, from: day, to: day.plus(120) }.into()
            }
            "asset.blocked" => AssetBlocked { asset: self.asset(n), from: day, to, reason: reason() }.into(),
            "asset.condition" => {
                AssetConditionNoted { asset: self.asset(n), condition: Condition::Broken, note: reason() }
                    .into()
            }
            "branch.profile" => {
                BranchProfile { name: "示例镇".into(), registered: 600 + self.below(9) as u32 }.into()
            }
            "request.cancelled" | "request.consented" => {
                let Some(request) = self.one_of(|unit| &unit.orders, n, second) else {
                    return true;
                };
                match kind {
                    "request.cancelled" => RequestCancelled { request }.into(),
                    _ => RequestConsented { request }.into(),
                }
            }
            _ => return false,
        };
        self.unit_says(n, second, Draft { supersedes, ..Draft::new(branch, event) }, day);
        true
    }

    fn city_speaks(&mut self, kind: &'static str, n: usize, day: Day, second: usize) {
        let reason = Reason::plain(ReasonCode::Draw);
        let claim = self.one_of(|unit| &unit.claims, n, second);
        let order = self.one_of(|unit| &unit.orders, n, second);
        let (hash, at, number) = (ChangeHash([3; 32]), day.start(), self.runs.len() as u32);
        let alternatives = Vec::new();
        let last = self.runs.last().map(|(run, _)| run.clone());
        let event: Option<Event> = match kind {
            "claim.received" => {
                claim.map(|claim| ClaimReceived { claim, at, mode: DecisionMode::Daily, round: None }.into())
            }
            "claim.confirmed" => claim.map(|claim| ClaimConfirmed { claim, reason }.into()),
            "claim.refused" => claim.map(|claim| ClaimRefused { claim, reason, alternatives }.into()),
            "claim.displaced" => claim.map(|claim| ClaimDisplaced { claim, reason, alternatives }.into()),
            "claim.waitlisted" => {
                claim.map(|claim| ClaimWaitlisted { claim, position: 1, reason, alternatives }.into())
            }
            "decision.basis" => {
                claim.map(|event| DecisionBasis { events: vec![Basis { event, hash }] }.into())
            }
            "request.unmet" => order.map(|request| {
                RequestUnmet { request, reasons: vec![reason], alternative: None, as_of: day }.into()
            }),
            "joint.confirmed" => order.map(|request| {
                let host = self.below(self.units.len());
                JointConfirmed {
                    session: ClassId(self.id(BranchId::CITY)),
                    course: self.course(),
                    teacher: self.teacher(host),
                    venue: self.asset(host),
                    slot: self.slot(day),
                    parts: vec![JointPart { request, mode: Mode::Host }],
                    reason,
                }
                .into()
            }),
            "round.opened" => {
                let round = RoundId(self.entropy.next_id());
                self.rounds.push(round);
                Some(RoundOpened { round, number, opened: at, closes: at, seed_hash: hash }.into())
            }
            "round.decided" => self
                .rounds
                .last()
                .map(|round| RoundDecided { round: *round, seed: hash, frontier: hash }.into()),
            "plan.decided" => Some(
                PlanDecided {
                    round: None,
                    at,
                    planner: 1,
                    steps: 5,
                    lines: 1,
                    plan: hash,
                    minutes_saved: 90,
                }
                .into(),
            ),
            "plan.inputs" => last.map(|run| {
                let heads = vec![KnownHead { seq: run.last_seq, hash: run.last_hash }];
                PlanInputs { known: vec![KnownLines { document: run.document, actor: run.actor, heads }] }
                    .into()
            }),
            "teacher.approved" => {
                Some(TeacherApproved { teacher: self.teacher(n), courses: vec![self.course()] }.into())
            }
            "teacher.merged" => {
                let (kept, merged) = (self.teacher(n), self.teacher(n));
                (kept != merged).then(|| TeacherMerged { kept, merged }.into())
            }
            "course.listed" => {
                let course = CourseId(self.entropy.next_id());
                self.courses.push(course);
                let listed = CourseListed {
                    course,
                    code: format!("K{}", self.courses.len()),
                    title: "基层治理".into(),
                    area: "形势政策".into(),
                    periods: 2,
                    method: "讲授".into(),
                    audience: "全体".into(),
                    online: true,
                };
                Some(listed.into())
            }
            "course.delisted" => Some(CourseDelisted { course: self.course(), reason: "过时".into() }.into()),
            "policy.published" => {
                let travel =
                    vec![TravelTime { a: self.units[0].branch, b: self.units[1].branch, minutes: 25 }];
                let (round_lead_days, round_open_days) = (14, 5);
                Some(
                    PolicyPublished { travel, default_travel_minutes: 30, round_lead_days, round_open_days }
                        .into(),
                )
            }
            "calendar.published" => {
                Some(CalendarPublished { days: vec![CalendarDay { day, follows: None }] }.into())
            }
            "planning.published" => Some(PlanningPublished::from(Planning::default().0).into()),
            "device.enrolled" => Some(
                DeviceEnrolled {
                    device: DeviceId(self.entropy.next_id()),
                    key: PublicKey([5; 32]),
                    branch: self.units[n].branch,
                    role: Role::Office,
                    label: "前台".into(),
                }
                .into(),
            ),
            "arbiter.term" => Some(ArbiterTerm { epoch: 1, number: number.into(), parent: hash }.into()),
            "owner.recorded" | "owner.transferred" => {
                let (sort, subject) = (Owned::Asset, SubjectId(self.asset(n).0));
                let unit = self.units[n].branch;
                Some(match kind {
                    "owner.recorded" => OwnerRecorded { sort, subject, unit, declaration: hash }.into(),
                    _ => {
                        let reason = "调拨".into();
                        OwnerTransferred { sort, subject, unit, accepted: Vec::new(), reason }.into()
                    }
                })
            }
            "clock.corrected" | "quarantine.released" => last.map(|run| {
                let (document, actor) = (run.document, run.actor);
                let (from, to) = (run.last_hash, run.last_hash);
                match kind {
                    "clock.corrected" => {
                        ClockCorrected { document, actor, from, to, offset_millis: -60_000 }.into()
                    }
                    _ => QuarantineReleased { document, actor, from, to }.into(),
                }
            }),
            "branch.admitted" => {
                Some(BranchAdmitted { branch: self.units[n].branch, name: format!("示例{n}镇") }.into())
            }
            "release.announced" => {
                let kinds = vec![("session.corrected".to_owned(), 1)];
                Some(ReleaseAnnounced { number: 2, kinds }.into())
            }
            _ => None,
        };
        if let Some(event) = event {
            self.city_says(second, event, day);
        }
    }
}
