//! Commands: what a person may do, checked against the views, answered with events.
//!
//! A command never refuses a fact because it is late; it refuses what cannot be meant (a time in
//! the past for a plan, an unknown course, nobody to teach) and says what to do instead.

mod asset;
mod branch;
mod course;
mod owner;
mod request;
mod ruling;
mod session;
mod teacher;

use crate::event::{
    Accepted, AssetDeclared, CalendarPublished, ClaimLodged, CourseListed, DocumentId, Draft, EventRef,
    PlanningPublished, PolicyPublished, RequestLodged, Role,
};
use crate::event::{CheckIn, KnownLines, Owned, SessionAnnounced, TeacherProposed, is_hidden};
use crate::fold::{Named, SharedViews};
use crate::ids::{ActorId, BranchId, ChangeHash, DeviceId, PersonId, PublicKey, SubjectId, id_of_unit};
use crate::log::LogKey;
use crate::time::{Day, HalfDay, Millis};
use serde::{Deserialize, Serialize};

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The branch of the device; [`BranchId::CITY`] for the city.
    pub branch: BranchId,
    /// The device's role.
    pub role: Role,
    /// Today in the city.
    pub today: Day,
    /// Now.
    pub now: Millis,
}

/// One action of a person, as JSON: `{"command": "offer_teacher", …}`. Fields that are ids of new
/// things are ignored on the way in: the command gives them fresh ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// The city opens a branch.
    AdmitBranch {
        /// Its name.
        name: String,
    },
    /// The branch says how many learners are on its roll.
    SetProfile {
        /// How many.
        registered: u32,
    },
    /// The city publishes its rules.
    PublishPolicy(PolicyPublished),
    /// The city publishes holidays and swapped workdays.
    PublishCalendar(CalendarPublished),
    /// The city publishes the rules of its timetable.
    PublishPlanning(PlanningPublished),
    /// A branch puts a teacher forward.
    ProposeTeacher(TeacherProposed),
    /// A teacher's weekly windows go to the pool.
    OfferTeacher {
        /// The teacher.
        teacher: PersonId,
        /// Half-days of every week.
        windows: Vec<HalfDay>,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// A teacher is away.
    MarkTeacherUnavailable {
        /// The teacher.
        teacher: PersonId,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// The city takes a teacher into the pool.
    ApproveTeacher {
        /// The teacher.
        teacher: PersonId,
        /// For these courses; empty means all that were proposed.
        courses: Vec<SubjectId>,
    },
    /// The city rules that two entries are one teacher.
    MergeTeachers {
        /// The entry that stays.
        kept: PersonId,
        /// The entry that becomes another name of it.
        merged: PersonId,
    },
    /// The city puts a course on the list.
    ListCourse(CourseListed),
    /// The city takes a course off the list.
    DelistCourse {
        /// The course.
        course: SubjectId,
        /// Why.
        reason: String,
    },
    /// A branch says what it has.
    DeclareAsset(AssetDeclared),
    /// An asset's weekly windows go to the pool.
    OfferAsset {
        /// The asset.
        asset: SubjectId,
        /// Half-days of every week.
        windows: Vec<HalfDay>,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// An asset cannot be used.
    BlockAsset {
        /// The asset.
        asset: SubjectId,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
        /// Why.
        reason: String,
    },
    /// An order: a course and wishes.
    LodgeRequest(RequestLodged),
    /// A claim: someone or something at a time.
    LodgeClaim(ClaimLodged),
    /// Lodges the alternative of a refused claim or order as a new one.
    TakeAlternative {
        /// The refused claim or order.
        claim: EventRef,
        /// Which of its alternatives, from 0; an order has one.
        index: usize,
    },
    /// Takes an order or claim back.
    CancelRequest {
        /// The order or claim.
        request: EventRef,
    },
    /// Agrees to a joint class for an order.
    ConsentRequest {
        /// The order.
        request: EventRef,
    },
    /// Announces a class of one's own.
    AnnounceSession(SessionAnnounced),
    /// Records that a class was held.
    RecordTaught {
        /// The class: announced here, confirmed for this branch, or joint.
        session: SubjectId,
        /// How many came.
        headcount: u32,
        /// Held online.
        online: bool,
    },
    /// Calls a class off.
    CancelSession {
        /// The class.
        session: SubjectId,
        /// Why.
        reason: String,
    },
    /// The city trusts a device no longer: stolen, lost, or it wrote what nobody may.
    RevokeDevice {
        /// The device.
        device: DeviceId,
        /// Its key; needed only where several are certified under the id.
        #[serde(default)]
        key: Option<PublicKey>,
        /// Why.
        reason: String,
        /// What is accepted of it; all that is held at this moment if left out.
        #[serde(default)]
        accepted: Option<Vec<Accepted>>,
    },
    /// The city lets changes in quarantine count.
    ReleaseQuarantine {
        /// The document.
        document: DocumentId,
        /// The actor.
        actor: ActorId,
        /// The first change.
        from: ChangeHash,
        /// The last change, on the same line.
        to: ChangeHash,
    },
    /// The city rules that changes in quarantine never count.
    RejectQuarantine {
        /// The document.
        document: DocumentId,
        /// The actor.
        actor: ActorId,
        /// The first change.
        from: ChangeHash,
        /// The last change, on the same line.
        to: ChangeHash,
    },
    /// The city closes an actor that wrote too many lines.
    CloseActor {
        /// The document.
        document: DocumentId,
        /// The actor.
        actor: ActorId,
        /// Where the lines end that count, the one that goes on first; all held at this moment if empty.
        #[serde(default)]
        keep: Vec<ChangeHash>,
    },
    /// The city records whose a thing is that several units declared.
    RecordOwner {
        /// What sort of thing.
        sort: Owned,
        /// The thing.
        subject: SubjectId,
        /// Whose it is.
        unit: BranchId,
    },
    /// The city gives a thing to another unit.
    TransferOwner {
        /// What sort of thing.
        sort: Owned,
        /// The thing.
        subject: SubjectId,
        /// Whose it is from now on.
        unit: BranchId,
        /// Up to where the word of the owner before it counts; all that is held at this moment if left out.
        #[serde(default)]
        accepted: Option<Vec<KnownLines>>,
        /// Why.
        reason: String,
    },
    /// A roll call: who was there.
    CheckIn {
        /// The class.
        session: SubjectId,
        /// Who, when, how.
        learners: Vec<CheckedIn>,
    },
}

/// One line of a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedIn {
    /// The learner.
    pub learner: PersonId,
    /// When.
    pub at: Millis,
    /// How.
    pub how: CheckIn,
}

/// What was refused and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Only the city, or only the branch concerned, may do this.
    #[error("{role} of {branch} may not do this: {who} does")]
    NotYours {
        /// The asking device's role.
        role: Role,
        /// Its branch.
        branch: BranchId,
        /// Who may.
        who: &'static str,
    },
    /// An id names nothing known here.
    #[error("no {what} {id} is known here; sync first, or pick one from the list")]
    Unknown {
        /// A course, teacher, …
        what: &'static str,
        /// The id given.
        id: String,
    },
    /// A field cannot be meant.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A plan in the past.
    #[error("{day} is past; choose {earliest} or later")]
    Past {
        /// The day asked for.
        day: Day,
        /// The first possible day.
        earliest: Day,
    },
    /// The time is not offered to the pool.
    #[error("the {what} is not offered at that time; offered: {offered}")]
    NotOffered {
        /// Teacher or asset.
        what: &'static str,
        /// The offered half-days in words.
        offered: String,
    },
    /// It is in that state already.
    #[error("{0}")]
    Already(String),
}

impl CommandError {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotYours { .. } => "not_yours",
            Self::Unknown { .. } => "unknown",
            Self::Invalid { .. } => "invalid",
            Self::Past { .. } => "past",
            Self::NotOffered { .. } => "not_offered",
            Self::Already(_) => "already",
        }
    }
}

/// Checks a command and gives the events it stands for. `new_id` gives fresh random ids.
pub fn draft(
    command: &Command,
    asker: &Asker,
    views: &SharedViews,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    let drafts = events_of(command, asker, views, new_id)?;
    for draft in &drafts {
        draft.event.bounds().map_err(|out| invalid(out.field, out.limit.to_string()))?;
    }
    Ok(drafts)
}

fn events_of(
    command: &Command,
    asker: &Asker,
    views: &SharedViews,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    match command {
        Command::AdmitBranch { name } => branch::admit(asker, views, name, new_id),
        Command::SetProfile { registered } => branch::profile(asker, views, *registered),
        Command::PublishPolicy(policy) => branch::publish_policy(asker, policy),
        Command::PublishCalendar(calendar) => branch::publish_calendar(asker, calendar),
        Command::PublishPlanning(planning) => branch::publish_planning(asker, planning),
        Command::ProposeTeacher(teacher) => teacher::propose(asker, views, teacher, new_id),
        Command::OfferTeacher { teacher, windows, from, to } => {
            teacher::offer(asker, views, *teacher, windows, *from, *to)
        }
        Command::MarkTeacherUnavailable { teacher, from, to } => {
            teacher::unavailable(asker, views, *teacher, *from, *to)
        }
        Command::ApproveTeacher { teacher, courses } => teacher::approve(asker, views, *teacher, courses),
        Command::MergeTeachers { kept, merged } => teacher::merge(asker, views, *kept, *merged),
        Command::ListCourse(course) => course::list(asker, views, course, new_id),
        Command::DelistCourse { course, reason } => course::delist(asker, views, *course, reason),
        Command::DeclareAsset(asset) => asset::declare(asker, asset, new_id),
        Command::OfferAsset { asset, windows, from, to } => {
            asset::offer(asker, views, *asset, windows, *from, *to)
        }
        Command::BlockAsset { asset, from, to, reason } => {
            asset::block(asker, views, *asset, *from, *to, reason)
        }
        Command::LodgeRequest(request) => request::lodge_order(asker, views, request),
        Command::LodgeClaim(claim) => request::lodge_claim(asker, views, claim),
        Command::TakeAlternative { claim, index } => request::take_alternative(asker, views, claim, *index),
        Command::CancelRequest { request } => request::cancel(asker, views, request),
        Command::ConsentRequest { request } => request::consent(asker, views, request),
        Command::AnnounceSession(session) => session::announce(asker, views, session, new_id),
        Command::RecordTaught { session, headcount, online } => {
            session::record_taught(asker, views, *session, *headcount, *online)
        }
        Command::CancelSession { session, reason } => session::cancel(asker, views, *session, reason),
        Command::RevokeDevice { device, key, reason, accepted } => {
            let named = Named { device: *device, key: *key };
            ruling::revoke(asker, views, named, reason, accepted.as_deref())
        }
        Command::RecordOwner { sort, subject, unit } => owner::record(asker, views, *sort, *subject, *unit),
        Command::TransferOwner { sort, subject, unit, accepted, reason } => {
            let accepted = accepted.as_deref().unwrap_or_default();
            owner::transfer(asker, views, (*sort, *subject), *unit, accepted, reason)
        }
        Command::ReleaseQuarantine { document, actor, from, to } => {
            let key = LogKey { document: *document, actor: *actor };
            ruling::on_quarantine(asker, views, key, (*from, *to), true)
        }
        Command::RejectQuarantine { document, actor, from, to } => {
            let key = LogKey { document: *document, actor: *actor };
            ruling::on_quarantine(asker, views, key, (*from, *to), false)
        }
        Command::CloseActor { document, actor, keep } => {
            ruling::close(asker, LogKey { document: *document, actor: *actor }, keep)
        }
        Command::CheckIn { session, learners } => session::check_in(asker, *session, learners),
    }
}

impl Asker {
    fn city(&self) -> Result<(), CommandError> {
        self.must(self.role == Role::Arbiter, "the city node")
    }

    fn branch(&self) -> Result<(), CommandError> {
        self.must(matches!(self.role, Role::BranchNode | Role::Office), "a branch's node or office device")
    }

    fn owner(&self, branch: BranchId) -> Result<(), CommandError> {
        self.branch()?;
        self.must(self.branch == branch, "the branch it belongs to")
    }

    fn must(&self, allowed: bool, who: &'static str) -> Result<(), CommandError> {
        if allowed {
            Ok(())
        } else {
            Err(CommandError::NotYours { role: self.role, branch: self.branch, who })
        }
    }

    /// An id for something new of the asking unit, which proves whose it is.
    fn new_id(&self, random: &mut dyn FnMut() -> [u8; 16]) -> [u8; 16] {
        id_of_unit(self.branch, random())
    }

    fn not_past(&self, day: Day) -> Result<(), CommandError> {
        if day < self.today { Err(CommandError::Past { day, earliest: self.today }) } else { Ok(()) }
    }
}

fn unknown(what: &'static str, id: impl ToString) -> CommandError {
    CommandError::Unknown { what, id: id.to_string() }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> CommandError {
    CommandError::Invalid { field, problem: problem.into() }
}

fn filled(field: &'static str, text: &str) -> Result<(), CommandError> {
    const LONGEST: usize = 200;
    if text.trim().is_empty() {
        Err(invalid(field, "must not be empty"))
    } else if text.chars().any(|c| c.is_control() || is_hidden(c)) {
        Err(invalid(field, "holds characters that nobody can see; type it anew"))
    } else if text.chars().count() > LONGEST {
        Err(invalid(field, format!("has more than {LONGEST} characters")))
    } else {
        Ok(())
    }
}

fn range(from: Day, to: Day) -> Result<(), CommandError> {
    if from > to { Err(invalid("to", format!("{to} lies before {from}"))) } else { Ok(()) }
}

fn windows(windows: &[HalfDay]) -> Result<(), CommandError> {
    if windows.is_empty() {
        return Err(invalid("windows", "name at least one half-day"));
    }
    if windows.iter().any(|window| window.weekday > 6) {
        return Err(invalid("windows", "weekdays are 0 (Monday) to 6 (Sunday)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
