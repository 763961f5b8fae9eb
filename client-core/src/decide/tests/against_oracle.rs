//! Today's decisions against those of the plain algorithm, on random claims.

use super::oracle;
use super::*;
use crate::domain::{
    Booking, BookingKind, BranchProfile, ClaimLodged, SessionAnnounced, TeacherApproved, TravelTime,
};
use crate::given::{COURSE, room, room_declared};
use crate::time::Slot;

/// One thing somebody writes.
#[derive(Clone, Copy, Debug)]
struct Written {
    who: u8,
    teacher: u8,
    asset: u8,
    day: i32,
    half_hour: u16,
    half_hours: u16,
    headcount: u32,
    branches_served: u8,
}

fn written() -> impl Strategy<Value = Written> {
    let time = (0..40_i32, 0..20_u16, 0..6_u16);
    (1..5_u8, 0..4_u8, 0..4_u8, time, 0..60_u32, 0..3_u8).prop_map(
        |(who, teacher, asset, (day, half_hour, half_hours), headcount, branches_served)| {
            // Most of it within two days, so that it meets.
            let day = if day > 20 { day - 10 } else { day % 2 + 14 };
            Written { who, teacher, asset, day, half_hour, half_hours, headcount, branches_served }
        },
    )
}

impl Written {
    fn slot(&self) -> Slot {
        let day = crate::given::day("2026-11-30").plus(self.day);
        Slot { day, start_minute: 480 + self.half_hour * 30, duration_minutes: self.half_hours * 30 }
    }

    fn teacher(&self) -> Option<TeacherId> {
        [Some(TEACHER), Some(SECOND), Some(STRANGER), None][usize::from(self.teacher)]
    }

    fn asset(&self, rooms: [AssetId; 2]) -> Option<AssetId> {
        [None, None, Some(rooms[0]), Some(rooms[1])][usize::from(self.asset)]
    }

    fn claim(&self, rooms: [AssetId; 2]) -> ClaimLodged {
        ClaimLodged {
            teacher: self.teacher(),
            asset: self.asset(rooms),
            course: Some(COURSE),
            slot: self.slot(),
            headcount: self.headcount,
            branches_served: self.branches_served,
        }
    }

    fn class(&self, session: u8, rooms: [AssetId; 2]) -> SessionAnnounced {
        SessionAnnounced {
            session: ClassId([session; 16]),
            course: COURSE,
            teacher: self.teacher(),
            venue: self.asset(rooms),
            slot: self.slot(),
            headcount: self.headcount,
        }
    }
}

const SECOND: TeacherId = TeacherId([8; 16]);
const STRANGER: TeacherId = TeacherId([99; 16]);

/// Two teachers with a small weekly limit, a room, three kits, ways that differ, figures that differ.
fn a_city() -> (Given, [AssetId; 2]) {
    let mut given = Given::a_shared_teacher();
    for id in [TEACHER, SECOND] {
        let proposed = crate::domain::TeacherProposed { weekly_cap_periods: 9, ..teacher(id, "示例") };
        given.write(HOME, proposed);
        given.write(HOME, offered(id));
        given.city(TeacherApproved { teacher: id, courses: vec![COURSE] });
    }
    let hall = room(&mut given, branch(1), 40);
    let kit = room(&mut given, branch(2), 1);
    let kind = crate::domain::AssetKind::Equipment;
    given.write(branch(2), crate::domain::AssetDeclared { kind, quantity: 2, ..room_declared(kit, 1) });
    for n in 1..4 {
        given.write(branch(n), BranchProfile { name: format!("分校{n}"), registered: 70 * u32::from(n) });
    }
    let travel = |a, b, minutes| TravelTime { a: branch(a), b: branch(b), minutes };
    given.city(crate::domain::PolicyPublished {
        travel: vec![travel(1, 2, 20), travel(1, 3, 95), travel(2, 3, 45)],
        default_travel_minutes: 30,
        round_lead_days: 14,
        round_open_days: 5,
    });
    (given, [hall, kit])
}

/// Granted claims ahead that what was granted before them excludes.
fn excluded(views: &SharedViews, now: Millis) -> Vec<EventRef> {
    let nth = |it: &Booking| views.requests.claims[&it.source].outcome.as_ref().unwrap().place;
    let granted = views.bookings.iter().filter(|it| it.kind == BookingKind::Claim && it.slot.start() > now);
    let granted: Vec<&Booking> = granted.collect();
    let is_excluded = |one: &Booking| {
        let before = granted.iter().filter(|it| nth(it) < nth(one) && it.slot.overlaps(&one.slot));
        let teaching = before.clone().filter(|it| one.teacher.is_some() && it.teacher == one.teacher).count();
        let taking = before.filter(|it| one.asset.is_some() && it.asset == one.asset).count();
        let asset = one.asset.and_then(|asset| views.resources.assets.get(&asset));
        teaching > 0 || asset.is_some_and(|asset| taking >= asset.quantity as usize)
    };
    granted.iter().filter(|it| is_excluded(it)).map(|it| it.source).collect()
}

proptest! {
    #![proptest_config(cases(96))]
    /// Whatever came back after a restore: what was decided first stays, and nothing moves that need not.
    #[test]
    fn what_clashes_moves_and_what_was_decided_first_stays(
        granted in prop::collection::vec(written(), 1..12),
    ) {
        let (mut given, rooms) = a_city();
        for wish in &granted {
            let claim = given.write(branch(wish.who), wish.claim(rooms));
            given.city(confirmed(claim));
        }
        let views = given.views();
        let decisions = displace(&views, given.now, FRONTIER);
        prop_assert_eq!(decisions.is_empty(), excluded(&views, given.now).is_empty());
        let nth = |claim: &EventRef| views.requests.claims[claim].outcome.as_ref().unwrap().place;
        let mut moved = Vec::new();
        for Decision { id, event, supersedes } in decisions {
            let Event::Request(RequestEvent::Displaced(displaced)) = &event else { panic!("{event:?}") };
            let stays = displaced.reason.other.unwrap();
            prop_assert!(nth(&stays) < nth(&displaced.claim));
            moved.push((displaced.claim, stays));
            let draft = Draft { id: Some(id), supersedes, ..Draft::new(BranchId::CITY, event) };
            given.draft(BranchId::CITY, draft);
        }
        prop_assert!(moved.iter().all(|(_, stays)| moved.iter().all(|(claim, _)| claim != stays)));
        prop_assert_eq!(excluded(&given.views(), given.now), []);
        prop_assert!(displace(&given.views(), given.now, FRONTIER).is_empty());
    }

    #[test]
    fn rounds_and_batches_grant_what_the_plain_algorithm_grants(
        own in prop::collection::vec(written(), 0..8),
        early in prop::collection::vec(written(), 0..6),
        claims in prop::collection::vec(written(), 1..24),
    ) {
        let (mut given, rooms) = a_city();
        for (n, class) in (200..).zip(&own) {
            given.write(branch(class.who), class.class(n, rooms));
        }
        for wish in &early {
            let claim = given.write(branch(wish.who), wish.claim(rooms));
            given.city(confirmed(claim));
        }
        for wish in &claims {
            given.write(branch(wish.who), wish.claim(rooms));
        }
        let opened = open_round(&given.views(), given.now, ROUND, SEED);
        given.city(opened);
        for receipt in receipts(&given.views(), given.now) {
            given.city(receipt);
        }
        let views = given.views();
        prop_assert_eq!(
            decide_round(&views, ROUND, SEED, given.now, FRONTIER),
            oracle::decide_round(&views, ROUND, SEED, given.now, FRONTIER)
        );
        prop_assert_eq!(
            decide_now(&views, given.now, FRONTIER),
            oracle::decide_now(&views, given.now, FRONTIER)
        );
    }
}
