//! An instance in the making: lists that grow, with places by id, so that nothing is looked for in them.

use super::draw::UNLIMITED;
use super::grid::Cell;
use super::pins::{Pin, Shut};
use crate::plan::{RawCourse, RawInstance, RawTeacher, RawVenue};
use std::collections::BTreeMap;

/// The instance as far as it has come.
pub struct Sheet {
    pub raw: RawInstance,
    /// Places in the lists.
    teachers: BTreeMap<String, usize>,
    venues: BTreeMap<String, usize>,
    /// Places of the teachers of a course.
    teaching: BTreeMap<String, Vec<usize>>,
}

impl Sheet {
    /// Begins with what is there before any order.
    pub fn new(raw: RawInstance) -> Self {
        let mut teaching: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, teacher) in raw.teachers.iter().enumerate() {
            for course in teacher.skills.keys() {
                teaching.entry(course.clone()).or_default().push(at);
            }
        }
        let teachers = raw.teachers.iter().enumerate().map(|(at, teacher)| (teacher.id.clone(), at));
        let venues = raw.venues.iter().enumerate().map(|(at, venue)| (venue.id.clone(), at));
        Self { teachers: teachers.collect(), venues: venues.collect(), teaching, raw }
    }

    /// Adds a course that whoever teaches another one teaches as well.
    pub fn add_course_like(&mut self, other: &str, course: RawCourse) {
        for at in self.teaching.get(other).into_iter().flatten() {
            self.raw.teachers[*at].skills.insert(course.id.clone(), 0);
        }
        self.raw.courses.push(course);
    }

    /// Keeps time of a teacher and a venue free.
    pub fn shut(&mut self, shut: &Shut) {
        let (day, span) = (shut.cell.day as usize, shut.cell.span());
        if let Some(at) = self.teachers.get(&shut.teacher) {
            self.raw.teachers[*at].avail[day] &= !span;
        }
        if let Some(at) = self.venues.get(&shut.venue) {
            self.raw.venues[*at].avail[day] &= !span;
        }
    }

    /// Pins a class: gives it its time at its teacher and its venue in its town, offered or not, and adds
    /// what stands for either.
    pub fn pin(&mut self, pin: &Pin, town: u32) {
        let (day, span) = (pin.cell.day as usize, pin.cell.span());
        match self.teachers.get(&pin.class.teacher).map(|at| &mut self.raw.teachers[*at]) {
            Some(teacher) => {
                teacher.avail[day] |= span;
                if pin.stands_in {
                    teacher.skills.insert(pin.class.course.clone(), 0);
                }
            }
            None => {
                self.teachers.insert(pin.class.teacher.clone(), self.raw.teachers.len());
                self.raw.teachers.push(self.nobody(pin, town));
            }
        }
        match self.venues.get(&pin.class.venue).map(|at| &mut self.raw.venues[*at]) {
            Some(venue) => venue.avail[day] |= span,
            None => {
                self.venues.insert(pin.class.venue.clone(), self.raw.venues.len());
                self.raw.venues.push(self.nowhere(pin, town));
            }
        }
        if pin.stands_in {
            self.raw.courses.push(RawCourse {
                id: pin.class.course.clone(),
                duration: pin.cell.length,
                max_groups: 1,
                needs: Vec::new(),
                sites: Some(vec![pin.class.venue.clone()]),
                online_ok: false,
                offered: false,
            });
        }
        self.raw.requests.extend(pin.requests.iter().cloned());
        self.raw.pinned.push(pin.raw());
    }

    /// Stands for a teacher who is not of the pool.
    fn nobody(&self, pin: &Pin, town: u32) -> RawTeacher {
        RawTeacher {
            id: pin.class.teacher.clone(),
            town,
            skills: [(pin.class.course.clone(), 0)].into(),
            reach: UNLIMITED,
            max_day: UNLIMITED,
            max_week: UNLIMITED,
            target: UNLIMITED,
            avail: self.only(pin.cell),
        }
    }

    /// Stands for a place nobody shares.
    fn nowhere(&self, pin: &Pin, town: u32) -> RawVenue {
        RawVenue {
            id: pin.class.venue.clone(),
            town,
            capacity: UNLIMITED,
            equip: Vec::new(),
            lecture: false,
            avail: self.only(pin.cell),
        }
    }

    fn only(&self, cell: Cell) -> Vec<u32> {
        (0..self.raw.days).map(|day| if day == cell.day { cell.span() } else { 0 }).collect()
    }
}
