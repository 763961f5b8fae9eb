//! One event of every kind, about things that are handed in.

use super::*;
use crate::event::{Accepted, Basis, KnownHead, KnownLines, Scope};

/// What the samples speak of.
#[derive(Clone, Copy)]
pub struct Named {
    pub teacher: TeacherId,
    pub asset: AssetId,
    pub class: ClassId,
    pub course: CourseId,
    pub learner: LearnerId,
    pub order: EventRef,
    pub claim: EventRef,
    pub action: ActionId,
    pub day: Day,
}

/// Every kind.
pub fn samples(of: &Named) -> Vec<Event> {
    let Named { teacher, asset, class, course, learner, order, claim, action, day } = *of;
    let slot = Slot { day, start_minute: 540, duration_minutes: 90 };
    let (windows, hash) = (vec![HalfDay { weekday: 1, afternoon: true }], ChangeHash([3; 32]));
    let (document, actor, now) = (order.document, order.actor, day.start());
    let reason = || Reason { other: Some(claim), own_figure: Some(3), ..Reason::plain(ReasonCode::Draw) };
    let alternatives = || vec![Alternative { teacher: Some(teacher), asset: Some(asset), slot }];
    let known = || vec![KnownLines { document, actor, heads: vec![KnownHead { seq: 3, hash }] }];
    let planning = PlanningPublished::from(Planning::default().0);
    let calendar = CalendarDay { day, follows: Some(4) };
    let travel = TravelTime { a: branch(1), b: branch(2), minutes: 30 };
    let text = || "示例".to_owned();
    vec![
        LearnerRegistered { learner, group: text(), sealed: hash }.into(),
        AttendanceCheckedIn { session: class, learner, at: now, how: CheckIn::Scan }.into(),
        AttendanceCorrected { session: class, learner, at: now, how: CheckIn::Roll }.into(),
        AttendanceVoided { session: class, learner, reason: text() }.into(),
        ImportApplied { action, events: 7, hash, file: text() }.into(),
        ImportShared { action, events: 7, hash }.into(),
        ImportReverted { action, events: 7, hash, reason: text() }.into(),
        ImportWithdrawn { action, events: 7, hash, reason: text() }.into(),
        BenchRecorded {
            kind: text(),
            branch: text(),
            course: text(),
            fields: vec![BenchField::Number(-5), BenchField::Text(text())],
        }
        .into(),
        BranchProfile { name: text(), registered: 600 }.into(),
        super::teacher(teacher, "示例").into(),
        TeacherUpdated {
            teacher,
            name: text(),
            full_time: false,
            source: text(),
            courses: vec![course],
            weekly_cap_periods: 8,
        }
        .into(),
        TeacherOffered { teacher, windows: windows.clone(), from: day, to: day }.into(),
        TeacherUnavailable { teacher, from: day, to: day }.into(),
        AssetDeclared {
            asset,
            kind: AssetKind::Room,
            name: text(),
            place: text(),
            capacity: 40,
            quantity: 1,
            features: vec![text()],
            condition: Condition::Good,
            open: windows.clone(),
            talk_minutes: 20,
            docent: text(),
        }
        .into(),
        AssetConditionNoted { asset, condition: Condition::Broken, note: text() }.into(),
        AssetOffered { asset, windows: windows.clone(), from: day, to: day }.into(),
        AssetBlocked { asset, from: day, to: day, reason: text() }.into(),
        RequestLodged { courses: vec![course], from: day, to: day, half_days: windows, ..super::order(30) }
            .into(),
        RequestCancelled { request: order }.into(),
        RequestConsented { request: order }.into(),
        ClaimLodged { asset: Some(asset), ..super::claim(teacher, slot) }.into(),
        SessionAnnounced {
            session: class,
            course,
            teacher: Some(teacher),
            venue: Some(asset),
            slot,
            headcount: 30,
        }
        .into(),
        SessionTaught {
            session: class,
            ledger_code: text(),
            course: Some(course),
            teacher: Some(teacher),
            slot,
            headcount: 30,
            online: false,
        }
        .into(),
        SessionCorrected {
            session: class,
            ledger_code: text(),
            course: Some(course),
            teacher: Some(teacher),
            slot,
            headcount: 28,
            online: false,
        }
        .into(),
        SessionCancelled { session: class, reason: text() }.into(),
        BranchAdmitted { branch: branch(1), name: text() }.into(),
        DeviceEnrolled {
            device: DeviceId([1; 16]),
            key: PublicKey([5; 32]),
            branch: branch(1),
            role: Role::BranchNode,
            label: text(),
        }
        .into(),
        PolicyPublished {
            travel: vec![travel],
            default_travel_minutes: 30,
            round_lead_days: 14,
            round_open_days: 5,
        }
        .into(),
        CalendarPublished { days: vec![calendar] }.into(),
        planning.into(),
        super::course().into(),
        CourseDelisted { course, reason: text() }.into(),
        TeacherApproved { teacher, courses: vec![course] }.into(),
        TeacherMerged { kept: teacher, merged: TeacherId([8; 16]) }.into(),
        ArbiterTerm { epoch: 1, number: 1, parent: hash }.into(),
        RoundOpened { round: RoundId(class.0), number: 1, opened: now, closes: now, seed_hash: hash }.into(),
        RoundDecided { round: RoundId(class.0), seed: hash, frontier: hash }.into(),
        ClaimReceived { claim, at: now, mode: DecisionMode::Daily, round: Some(RoundId(class.0)) }.into(),
        ClaimConfirmed { claim, reason: reason() }.into(),
        ClaimWaitlisted { claim, position: 1, reason: reason(), alternatives: alternatives() }.into(),
        ClaimRefused { claim, reason: reason(), alternatives: alternatives() }.into(),
        ClaimDisplaced { claim, reason: reason(), alternatives: alternatives() }.into(),
        JointConfirmed {
            session: class,
            course,
            teacher,
            venue: asset,
            slot,
            parts: vec![JointPart { request: order, mode: Mode::Host }],
            reason: reason(),
        }
        .into(),
        RequestUnmet {
            request: order,
            reasons: vec![reason()],
            alternative: Some(OrderAlternative {
                give_up: vec![Wish::Time],
                course,
                teacher,
                venue: asset,
                slot,
                mode: Mode::Travel,
                joins: Some(class),
            }),
            as_of: day,
        }
        .into(),
        PlanInputs { known: known() }.into(),
        PlanDecided {
            round: Some(RoundId(class.0)),
            at: now,
            planner: 1,
            steps: 5,
            lines: 1,
            plan: hash,
            minutes_saved: 90,
        }
        .into(),
        DeviceRevoked {
            device: DeviceId([1; 16]),
            key: Some(PublicKey([5; 32])),
            reason: text(),
            accepted: vec![Accepted { document, actor, heads: vec![hash] }],
        }
        .into(),
        QuarantineReleased { document, actor, from: hash, to: hash }.into(),
        QuarantineRejected { document, actor, from: hash, to: hash }.into(),
        ClockCorrected { document, actor, from: hash, to: hash, offset_millis: -60_000 }.into(),
        ActorClosed { document, actor, keep: vec![hash] }.into(),
        ReleaseAnnounced { number: 1, kinds: vec![("x.new".to_owned(), 1)] }.into(),
        OwnerRecorded { sort: Owned::Asset, subject: SubjectId(asset.0), unit: branch(1), declaration: hash }
            .into(),
        OwnerTransferred {
            sort: Owned::Asset,
            subject: SubjectId(asset.0),
            unit: branch(1),
            accepted: known(),
            reason: text(),
        }
        .into(),
        DecisionBasis { events: vec![Basis { event: claim, hash }] }.into(),
        InstructionGiven { command: text(), seen: Some(hash) }.into(),
        InstructionCarriedOut { instruction: claim }.into(),
        InstructionRefused { instruction: claim, code: text(), detail: text() }.into(),
    ]
}

/// Things with ids of no unit.
pub fn nobodys() -> Named {
    let document = DocumentId::new(Scope::Shared, branch(1), crate::time::Quarter::of(day("2026-12-14")));
    let event = |n| EventRef { document, actor: ActorId([4; 16]), event: EventId([n; 16]) };
    Named {
        teacher: TEACHER,
        asset: AssetId([20; 16]),
        class: ClassId([21; 16]),
        course: COURSE,
        learner: LearnerId([22; 16]),
        order: event(23),
        claim: event(24),
        action: ActionId([25; 16]),
        day: day("2026-12-14"),
    }
}
