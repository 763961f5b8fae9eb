//! Records become events: only what is not known yet, each person and thing under one id.

use super::clean::branch_stem;
use super::records::*;
use client_core::domain::*;
use client_core::event::Statement;
use client_core::ids::{AssetId, BranchId, ClassId, CourseId, LearnerId, PersonId, TeacherId, id_of_unit};
use client_core::node::SealedField;
use client_core::time::{Day, HalfDay, Millis, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// What a node holds already, by what office files call it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Branches by name.
    pub branches: BTreeMap<String, BranchId>,
    /// Courses by number.
    pub courses: BTreeMap<String, CourseId>,
    /// Teachers by branch, name and phone.
    pub teachers: BTreeMap<(BranchId, String, String), TeacherId>,
    /// Assets by branch, kind and name.
    pub assets: BTreeMap<(BranchId, AssetKind, String), AssetId>,
    /// Learners by branch, name and phone.
    pub learners: BTreeMap<(BranchId, String, String), LearnerId>,
    /// Classes by branch and ledger number.
    pub classes: BTreeMap<(BranchId, String), ClassId>,
    /// Who was at which class.
    pub attendances: BTreeSet<(ClassId, LearnerId)>,
}

/// One change's worth of events, with the sealed fields they announce.
#[derive(Clone, Default)]
pub struct Action {
    /// The events.
    pub drafts: Vec<Draft>,
    /// The sealed fields.
    pub sealed: Vec<SealedField>,
}

/// What one file adds.
#[derive(Clone)]
pub struct FilePlan {
    /// The file.
    pub file: String,
    /// Its actions, in order.
    pub actions: Vec<Action>,
}

impl FilePlan {
    /// What no event may hold, and so would count nowhere: the file, the kind and the field.
    pub fn out_of_bounds(&self) -> Option<String> {
        let mut drafts = self.actions.iter().flat_map(|action| &action.drafts);
        drafts.find_map(|draft| {
            let body = draft.event.body();
            let (out, kind) = (body.bounds().err()?, body.info().name);
            Some(format!("{}: a row gives {kind} whose field {out}; correct the row", self.file))
        })
    }
}

/// How long an imported offer runs.
const OFFER_DAYS: i32 = 365;
/// Learners registered in one change.
const LEARNERS_A_CHANGE: usize = 100;
/// Check-ins in one change; a longer roll is split.
const CHECK_INS_A_CHANGE: usize = 200;
/// Hour at which a ledger that gives only the day lets a class begin.
const LEDGER_START_MINUTE: u16 = 9 * 60;

/// Plans an office against what is known. Planning again with the result known gives nothing.
pub fn plan(
    office: &Office,
    known: &Known,
    today: Day,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Vec<FilePlan> {
    let stems = known.branches.iter().map(|(name, id)| (branch_stem(name), *id)).collect();
    let mut planner = Planner { known: known.clone(), stems, today, new_id, files: Vec::new() };
    planner.courses(office);
    planner.teachers(office);
    planner.assets(office);
    planner.learners(office);
    planner.classes(office);
    planner.sign_ins(office);
    planner.files
}

/// Branches that files name and nobody has opened.
pub fn unknown_branches(office: &Office, branches: impl Iterator<Item = String>) -> Vec<String> {
    let known: BTreeSet<String> = branches.map(|name| branch_stem(&name)).collect();
    office.branches().into_iter().filter(|stem| !known.contains(stem)).collect()
}

struct Planner<'a> {
    known: Known,
    stems: BTreeMap<String, BranchId>,
    today: Day,
    new_id: &'a mut dyn FnMut() -> [u8; 16],
    files: Vec<FilePlan>,
}

impl Planner<'_> {
    fn add(&mut self, file: &str, action: Action) {
        match self.files.iter_mut().find(|plan| plan.file == file) {
            Some(plan) => plan.actions.push(action),
            None => self.files.push(FilePlan { file: file.to_owned(), actions: vec![action] }),
        }
    }

    fn courses(&mut self, office: &Office) {
        for row in &office.courses {
            if self.known.courses.contains_key(&row.code) {
                continue;
            }
            let course = CourseId((self.new_id)());
            self.known.courses.insert(row.code.clone(), course);
            let listed = CourseListed {
                course,
                code: row.code.clone(),
                title: row.title.clone(),
                area: row.area.clone(),
                periods: row.periods,
                method: row.method.clone(),
                audience: row.audience.clone(),
                online: row.online,
            };
            let drafts = vec![Draft::new(BranchId::CITY, listed)];
            self.add(&row.source.file, Action { drafts, sealed: Vec::new() });
        }
    }

    fn teachers(&mut self, office: &Office) {
        let by_title: BTreeMap<&str, &str> =
            office.courses.iter().map(|row| (row.title.as_str(), row.code.as_str())).collect();
        for row in &office.teachers {
            let Some(branch) = self.stems.get(&row.branch).copied() else { continue };
            let key = (branch, row.name.clone(), row.phone.clone());
            if self.known.teachers.contains_key(&key) {
                continue;
            }
            let teacher = TeacherId(id_of_unit(branch, (self.new_id)()));
            self.known.teachers.insert(key, teacher);
            let code = |given: &String| {
                by_title.get(given.as_str()).map_or(given.clone(), |code| (*code).to_owned())
            };
            let courses: Vec<CourseId> = row
                .courses
                .iter()
                .filter_map(|given| self.known.courses.get(&code(given)).copied())
                .collect();
            let proposed = TeacherProposed {
                teacher,
                name: row.name.clone(),
                full_time: row.full_time,
                source: row.from.clone(),
                courses: courses.clone(),
                weekly_cap_periods: row.weekly_cap_periods,
            };
            let mut drafts = vec![Draft::new(branch, proposed)];
            if !row.windows.is_empty() {
                let (from, to) = self.offer();
                let offered = TeacherOffered { teacher, windows: row.windows.clone(), from, to };
                drafts.push(Draft::new(branch, offered));
            }
            drafts.push(Draft::new(BranchId::CITY, TeacherApproved { teacher, courses }));
            let sealed = vec![field(branch, teacher, "phone", &row.phone)];
            self.add(&row.source.file, Action { drafts, sealed });
        }
    }

    fn offer(&self) -> (Day, Day) {
        (self.today, self.today.plus(OFFER_DAYS))
    }

    fn assets(&mut self, office: &Office) {
        for row in &office.assets {
            let Some(branch) = self.stems.get(&row.branch).copied() else { continue };
            let key = (branch, row.kind, row.name.clone());
            if self.known.assets.contains_key(&key) {
                continue;
            }
            let asset = AssetId(id_of_unit(branch, (self.new_id)()));
            self.known.assets.insert(key, asset);
            let declared = AssetDeclared {
                asset,
                kind: row.kind,
                name: row.name.clone(),
                place: row.place.clone(),
                capacity: row.capacity,
                quantity: row.quantity,
                features: row.features.clone(),
                condition: row.condition,
                open: row.open.clone(),
                talk_minutes: row.talk_minutes,
                docent: row.docent.clone(),
            };
            let mut drafts = vec![Draft::new(branch, declared)];
            if row.lendable {
                let windows = if row.kind == AssetKind::Equipment { all_week() } else { row.open.clone() };
                let (from, to) = self.offer();
                drafts.push(Draft::new(branch, AssetOffered { asset, windows, from, to }));
            }
            self.add(&row.source.file, Action { drafts, sealed: Vec::new() });
        }
    }

    fn learners(&mut self, office: &Office) {
        let mut registered: BTreeMap<BranchId, (String, u32)> = BTreeMap::new();
        let mut file = "";
        let mut action = Action::default();
        for row in &office.learners {
            let Some(branch) = self.stems.get(&row.branch).copied() else { continue };
            if file != row.source.file || action.drafts.len() >= LEARNERS_A_CHANGE {
                self.flush(file, &mut action);
                file = &row.source.file;
            }
            let key = (branch, row.name.clone(), row.phone.clone());
            if self.known.learners.contains_key(&key) {
                continue;
            }
            let learner = LearnerId((self.new_id)());
            self.known.learners.insert(key, learner);
            let birth = row.birth.map(|day| day.to_string()).unwrap_or_default();
            let fields = [
                ("name", row.name.as_str()),
                ("phone", &row.phone),
                ("gender", &row.gender),
                ("birth", &birth),
            ];
            action.sealed.extend(
                fields
                    .iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| field(branch, learner, name, value)),
            );
            let event = LearnerRegistered { learner, group: row.group.clone(), sealed: sealed_hash(&fields) };
            action.drafts.push(Draft::new(branch, event));
            registered.entry(branch).or_insert_with(|| (row.source.file.clone(), 0)).1 += 1;
        }
        self.flush(file, &mut action);
        for (branch, (file, _)) in registered {
            let registered = self.known.learners.keys().filter(|(of, _, _)| *of == branch).count() as u32;
            let name =
                self.known.branches.iter().find(|(_, id)| **id == branch).map(|(name, _)| name.clone());
            let profile = BranchProfile { name: name.unwrap_or_default(), registered };
            let drafts = vec![Draft::new(branch, profile)];
            self.add(&file, Action { drafts, sealed: Vec::new() });
        }
    }

    fn flush(&mut self, file: &str, action: &mut Action) {
        if !action.drafts.is_empty() {
            let full = std::mem::take(action);
            self.add(file, full);
        }
    }

    fn classes(&mut self, office: &Office) {
        let mut teachers: BTreeMap<&str, Vec<(BranchId, TeacherId)>> = BTreeMap::new();
        let known = self.known.clone();
        for ((branch, name, _), id) in &known.teachers {
            teachers.entry(name.as_str()).or_default().push((*branch, *id));
        }
        for row in &office.classes {
            let Some(branch) = self.stems.get(&row.branch).copied() else { continue };
            let key = (branch, row.code.clone());
            if self.known.classes.contains_key(&key) {
                continue;
            }
            let session = ClassId(id_of_unit(branch, (self.new_id)()));
            self.known.classes.insert(key, session);
            let named = teachers.get(row.teacher.as_str()).map(Vec::as_slice).unwrap_or_default();
            let at_home = named.iter().find(|(home, _)| *home == branch);
            let taught = SessionTaught {
                session,
                ledger_code: row.code.clone(),
                course: self.known.courses.get(&row.course_code).copied(),
                teacher: at_home.or(named.first()).map(|(_, id)| *id),
                slot: Slot { day: row.day, start_minute: LEDGER_START_MINUTE, duration_minutes: 0 },
                headcount: row.headcount,
                online: row.online,
            };
            let drafts = vec![Draft::new(branch, taught)];
            self.add(&row.source.file, Action { drafts, sealed: Vec::new() });
        }
    }

    fn sign_ins(&mut self, office: &Office) {
        let branches: BTreeMap<&str, BranchId> = office
            .classes
            .iter()
            .filter_map(|row| Some((row.code.as_str(), *self.stems.get(&row.branch)?)))
            .collect();
        let mut without_phone: BTreeMap<(BranchId, String), Vec<LearnerId>> = BTreeMap::new();
        for ((branch, name, phone), id) in &self.known.learners {
            if super::clean::phone(phone).is_none() {
                without_phone.entry((*branch, name.clone())).or_default().push(*id);
            }
        }
        let mut rolls: BTreeMap<&str, Vec<&SignInRow>> = BTreeMap::new();
        for row in &office.sign_ins {
            rolls.entry(&row.class).or_default().push(row);
        }
        for (class, rows) in rolls {
            let branch = branches
                .get(class)
                .copied()
                .or_else(|| rows.iter().find_map(|row| self.stems.get(&row.branch).copied()));
            let session = branch.and_then(|branch| self.known.classes.get(&(branch, class.to_owned())));
            let (Some(session), Some(branch)) = (session.copied(), branch) else { continue };
            let mut drafts = Vec::new();
            for row in rows {
                let key = (branch, row.name.clone(), row.phone.clone());
                let by_name = || match without_phone.get(&(branch, row.name.clone())).map(Vec::as_slice) {
                    Some([only]) => Some(*only),
                    _ => None,
                };
                let Some(learner) = self.known.learners.get(&key).copied().or_else(by_name) else { continue };
                if self.known.attendances.insert((session, learner)) {
                    let at: Millis = row.day.start().plus_minutes(i64::from(row.minute));
                    drafts
                        .push(Draft::new(branch, AttendanceCheckedIn { session, learner, at, how: row.how }));
                }
            }
            for part in drafts.chunks(CHECK_INS_A_CHANGE) {
                self.add(&office.sign_in_file, Action { drafts: part.to_vec(), sealed: Vec::new() });
            }
        }
    }
}

fn field(branch: BranchId, person: impl Into<PersonId>, field: &str, value: &str) -> SealedField {
    SealedField { branch, person: person.into(), field: field.to_owned(), value: value.to_owned() }
}

fn all_week() -> Vec<HalfDay> {
    (0..7).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon })).collect()
}
