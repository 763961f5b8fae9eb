//! Events about courses.

use crate::event::{Checked, Kind, Scope, Speaker, bounds};
use crate::ids::CourseId;
use client_core_macros::Packed;

/// The city puts a course on the teaching list (市级教学清单).
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct CourseListed {
    /// The course.
    pub course: CourseId,
    /// Its number on the list, e.g. `K001`.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Content area (内容类别).
    pub area: String,
    /// Length in teaching periods of 45 minutes.
    pub periods: u8,
    /// Method of teaching (教学方式).
    pub method: String,
    /// For whom (适用对象).
    pub audience: String,
    /// Whether a group may join online.
    pub online: bool,
}

/// The city takes a course off the teaching list.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct CourseDelisted {
    /// The course.
    pub course: CourseId,
    /// Why.
    pub reason: String,
}

impl Kind for CourseListed {
    const NAME: &'static str = "course.listed";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { course: _, code, title, area, periods: _, method, audience, online: _ } = self;
        bounds::name("code", code)?;
        bounds::text("title", title)?;
        bounds::text("area", area)?;
        bounds::text("method", method)?;
        bounds::text("audience", audience)
    }
}

impl Kind for CourseDelisted {
    const NAME: &'static str = "course.delisted";
    const SCOPE: Scope = Scope::Decisions;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { course: _, reason } = self;
        bounds::text("reason", reason)
    }
}
