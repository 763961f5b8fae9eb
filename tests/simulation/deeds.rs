//! What people do: roll calls, claims, profiles, classes, offline or not.

use crate::cast::USER;
use crate::checker::NodeId;
use crate::node::{Flavour, Kind};
use crate::scenario::CITY;
use crate::world::World;
use client_core::domain::{
    AdmitBranch, AnnounceSession, ApproveTeacher, AttendanceCheckedIn, BranchAdmitted, BranchProfile,
    CancelRequest, CheckIn, CheckInLearners, CheckedIn, ClaimLodged, ClaimWish, Command, CourseListed,
    DeviceEnrolled, Draft, Instruct, RecordTaught, SessionAnnounced, SetProfile, SharedViews, TeacherOffered,
    TeacherProposed,
};
use client_core::event::EventRef;
use client_core::identity::Certificate;
use client_core::ids::{ActionId, BranchId, ClassId, CourseId, LearnerId, TeacherId};
use client_core::log::{LogKey, Shelf};
use client_core::node::{Actions, What, Writer};
use client_core::peer::Input;
use client_core::time::{Day, HalfDay, Millis, Slot};

pub const COURSE: CourseId = CourseId([9; 16]);
pub const TEACHERS: u8 = 3;

/// A teacher of the first branch.
pub fn teacher(n: u8) -> TeacherId {
    TeacherId([0xa0 + n; 16])
}

/// What stands before anything else happens: a course, the branches, teachers of the first branch.
pub fn begin(world: &mut World, city: NodeId, branches: &[NodeId]) {
    let mut drafts = vec![Draft::new(BranchId::CITY, course())];
    for node in branches {
        let branch = world.nodes[*node].branch;
        let admitted = BranchAdmitted { branch, name: format!("示例镇{}", branch.0[0]) };
        drafts.push(Draft::new(BranchId::CITY, admitted));
        let Certificate { device, key, branch, role, .. } = *world.nodes[*node].identity.certificate();
        let enrolled = DeviceEnrolled { device, key, branch, role, label: "节点".into() };
        drafts.push(Draft::new(BranchId::CITY, enrolled));
    }
    write(world, city, drafts);
    let home = branches[0];
    let (today, branch) = (world.clock(home).day(), world.nodes[home].branch);
    for n in 0..TEACHERS {
        let halves = (0..7).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon }));
        let proposed = TeacherProposed {
            teacher: teacher(n),
            name: format!("示例{n}"),
            full_time: true,
            source: "市委党校".into(),
            courses: vec![COURSE],
            weekly_cap_periods: 40,
        };
        let (windows, to) = (halves.collect(), today.plus(4000));
        let offered = TeacherOffered { teacher: teacher(n), windows, from: today.plus(-4000), to };
        write(world, home, vec![Draft::new(branch, proposed), Draft::new(branch, offered)]);
    }
}

fn course() -> CourseListed {
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

/// Writes drafts as the node's own.
pub fn write(world: &mut World, node: NodeId, drafts: Vec<Draft>) {
    let (now, action) = (world.clock(node), ActionId(world.dice.bytes()));
    if let Some(replica) = world.replica(node) {
        let what = What::Actions(Actions { drafts: vec![(action, drafts)], ..Actions::default() });
        replica.act(|node, shelf| node.write(0, (Writer::Node, USER), what, now, shelf), now);
    }
    world.carry_out(node);
}

/// Somebody does something, several times in a row perhaps.
pub fn some(world: &mut World) {
    if world.dice.chance(10) {
        return crate::city::one(world, CITY);
    }
    if world.dice.chance(4) {
        return fetch_segment(world);
    }
    let able: Vec<NodeId> = (0..world.nodes.len())
        .filter(|node| {
            let node = &world.nodes[*node];
            node.is_running() && node.is_honest() && node.kind != Kind::City
        })
        .collect();
    let devices: Vec<NodeId> =
        able.iter().copied().filter(|node| world.nodes[*node].kind == Kind::Device).collect();
    let among = if world.dice.chance(85) { &devices } else { &able };
    let Some(node) = world.dice.pick(among).copied() else { return };
    for _ in 0..world.dice.between(1, 3) {
        one(world, node);
    }
}

/// A branch node takes in what its upstream has sealed of a document, as a file of runs.
fn fetch_segment(world: &mut World) {
    let branches: Vec<NodeId> = (0..world.nodes.len())
        .filter(|node| world.nodes[*node].kind == Kind::Branch && world.nodes[*node].is_honest())
        .collect();
    let Some(node) = world.dice.pick(&branches).copied() else { return };
    let random = world.dice.next() as usize;
    let branch = world.nodes[node].branch;
    let Some(city) = world.replica(CITY) else { return };
    let ledger = city.node().peer().ledger();
    let readable = |key: &LogKey| key.document.scope.is_open_to_all() || key.document.branch == branch;
    let documents: Vec<_> =
        ledger.iter().map(|(key, _)| *key).filter(readable).map(|key| key.document).collect();
    if documents.is_empty() {
        return;
    }
    let document = documents[random % documents.len()];
    let mut runs = Vec::new();
    for (key, log) in ledger.of(document) {
        let introduction = city.shelf().introduction(key).expect("a shelf in memory can be read");
        for line in 0..log.lines().len() {
            let of_line = city.shelf().runs_after(key, line as u8, log.lines()[line].from.seq, usize::MAX);
            let of_line = of_line.expect("a shelf in memory can be read");
            runs.extend(of_line.into_iter().map(|run| (run, introduction.clone())));
        }
    }
    world.tell(node, Input::Segment { ticket: 0, runs });
}

/// One deed of one node.
pub fn one(world: &mut World, node: NodeId) {
    let (now, branch) = (world.clock(node), world.nodes[node].branch);
    let deed = world.dice.below(100);
    if world.nodes[node].flavour != Flavour::Page {
        let drafts = drafts(world, node, deed, now, branch);
        return write(world, node, drafts);
    }
    let Some(known) = world.replica(node).map(|replica| replica.views().clone()) else { return };
    let command = match branch {
        BranchId::CITY => of_the_city(world, deed, now, &known),
        _ => command(world, node, deed, now, &known),
    };
    let id = world.dice.next() as u32;
    if let Some(replica) = world.replica(node) {
        replica.command(id, command, now);
    }
    world.carry_out(node);
}

/// What an office of the city school does: learners of its own, and instructions.
fn of_the_city(world: &mut World, deed: u64, now: Millis, known: &SharedViews) -> Command {
    let what = match deed {
        0..30 => {
            let session = ClassId(world.dice.bytes());
            return CheckInLearners { session, learners: vec![checked_in(world, now)] }.into();
        }
        30..60 if known.courses.on_list(COURSE).is_some() => {
            let teacher = teacher(world.dice.below(u64::from(TEACHERS)) as u8);
            ApproveTeacher { teacher, courses: vec![COURSE] }.into()
        }
        // The name may be another branch's already.
        _ => Command::from(AdmitBranch { name: format!("示例乡{}", world.dice.below(6)) }),
    };
    Instruct { what: Box::new(what) }.into()
}

fn command(world: &mut World, node: NodeId, deed: u64, now: Millis, known: &SharedViews) -> Command {
    let profile = Command::from(SetProfile { registered: 50 + world.dice.below(400) as u32 });
    let has_course = known.courses.on_list(COURSE).is_some();
    match deed {
        0..40 => {
            let session = ClassId(world.dice.bytes());
            let count = world.dice.between(1, 6);
            let learners = (0..count).map(|_| checked_in(world, now)).collect();
            Command::from(CheckInLearners { session, learners })
        }
        40..65 if has_course && !known.teachers.teachers.is_empty() => {
            let ClaimLodged { teacher, asset, course, slot, headcount, branches_served } = claim(world, now);
            ClaimWish { teacher, asset, course, slot, headcount, branches_served }.into()
        }
        65..75 if has_course => announcement(world, now).into(),
        75..82 => {
            let own = &world.nodes[node].own_events;
            let claims: Vec<_> =
                own.iter().filter(|event| known.requests.claims.contains_key(*event)).collect();
            let picked = claims.get(world.dice.below(8) as usize);
            picked.map_or(profile, |request| Command::from(CancelRequest { request: **request }))
        }
        82..88 => {
            let branch = world.nodes[node].branch;
            let own = known.sessions.iter().filter(|(_, unit, _)| *unit == branch);
            let sessions: Vec<ClassId> = own.map(|(id, _, _)| id).collect();
            world.dice.pick(&sessions).map_or(profile, |session| {
                Command::from(RecordTaught { session: *session, headcount: 20, online: false })
            })
        }
        _ => profile,
    }
}

fn drafts(world: &mut World, node: NodeId, deed: u64, now: Millis, branch: BranchId) -> Vec<Draft> {
    match deed {
        0..35 => {
            let session = ClassId(world.dice.bytes());
            let lines = (0..world.dice.between(1, 6)).map(|_| checked_in(world, now)).collect::<Vec<_>>();
            lines
                .into_iter()
                .map(|line| AttendanceCheckedIn {
                    session,
                    learner: line.learner,
                    at: line.at,
                    how: line.how,
                })
                .map(|checked| Draft::new(branch, checked))
                .collect()
        }
        35..55 => vec![Draft::new(branch, claim(world, now))],
        55..65 => {
            let session = ClassId(world.dice.bytes());
            let AnnounceSession { course, teacher, venue, slot, headcount } = announcement(world, now);
            let announced = SessionAnnounced { session, course, teacher, venue, slot, headcount };
            vec![Draft::new(branch, announced)]
        }
        _ => {
            let registered = 50 + world.dice.below(400) as u32;
            let draft = Draft::new(branch, BranchProfile { name: "示例镇".into(), registered });
            let earlier = world.dice.chance(40).then(|| some_event(world, node, branch)).flatten();
            vec![Draft { supersedes: earlier, ..draft }]
        }
    }
}

/// Something the branch has written, by whichever of its devices.
fn some_event(world: &mut World, node: NodeId, branch: BranchId) -> Option<EventRef> {
    let written = world.replica(node)?.node().shared().ranked().filter(|entry| entry.branch == branch);
    let events: Vec<EventRef> = written.map(|entry| entry.reference).collect();
    world.dice.pick(&events).copied()
}

fn checked_in(world: &mut World, now: Millis) -> CheckedIn {
    // Most roll calls are of today; some are put down weeks later.
    let days = if world.dice.chance(85) { 0 } else { world.dice.below(200) as i64 };
    CheckedIn {
        learner: LearnerId(world.dice.bytes()),
        at: Millis(now.0 - days * Millis::DAY),
        how: CheckIn::Roll,
    }
}

fn slot(world: &mut World, now: Millis) -> Slot {
    // Few days and hours, so that claims meet; some are so far ahead that a round decides them.
    let ahead = if world.dice.chance(25) { 40 } else { 1 };
    let day: Day = now.day().plus(ahead + world.dice.below(3) as i32);
    Slot { day, start_minute: 8 * 60 + 60 * world.dice.below(3) as u16, duration_minutes: 90 }
}

fn claim(world: &mut World, now: Millis) -> ClaimLodged {
    ClaimLodged {
        teacher: Some(teacher(world.dice.below(u64::from(TEACHERS)) as u8)),
        asset: None,
        course: Some(COURSE),
        slot: slot(world, now),
        headcount: 30,
        branches_served: 1 + world.dice.below(2) as u8,
    }
}

fn announcement(world: &mut World, now: Millis) -> AnnounceSession {
    AnnounceSession { course: COURSE, teacher: None, venue: None, slot: slot(world, now), headcount: 25 }
}
