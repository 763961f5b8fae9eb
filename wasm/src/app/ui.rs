//! What every room needs at hand: the host, the language, the room, the last thing saved.

use crate::host::Host;
use client_core::domain::{Command, RequestCommand, SharedViews};
use client_core::event::EventRef;
use client_core::ids::{BranchId, CourseId, TeacherId};
use client_core::replica::Replica;
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// The two languages of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    Zh,
    En,
}

const LANG_KEY: &str = "lianxiao-lang";

impl Lang {
    /// What was chosen on this device; Chinese at first.
    pub fn kept() -> Self {
        let storage = window().local_storage().ok().flatten();
        let kept = storage.and_then(|storage| storage.get_item(LANG_KEY).ok().flatten());
        if kept.as_deref() == Some("en") { Self::En } else { Self::Zh }
    }

    /// Keeps the choice.
    pub fn keep(self) {
        let word = if self == Self::En { "en" } else { "zh" };
        if let Some(storage) = window().local_storage().ok().flatten() {
            // Without storage the choice lasts as long as the page.
            let _ = storage.set_item(LANG_KEY, word);
        }
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("lang", if self == Self::En { "en" } else { "zh-CN" });
        }
    }

    /// One of two texts.
    pub fn say<T>(self, zh: T, en: T) -> T {
        if self == Self::En { en } else { zh }
    }
}

/// The rooms of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Today,
    Schedule,
    Courses,
    Teachers,
    Requests,
    Sync,
}

impl Room {
    /// In the order of the rail.
    pub const ALL: [Self; 6] =
        [Self::Today, Self::Schedule, Self::Courses, Self::Teachers, Self::Requests, Self::Sync];

    /// Its address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Today => "/",
            Self::Schedule => "/schedule",
            Self::Courses => "/courses",
            Self::Teachers => "/teachers",
            Self::Requests => "/requests",
            Self::Sync => "/sync-state",
        }
    }

    /// The room at the page's address; today for unknown ones.
    pub fn here() -> Self {
        let path = window().location().pathname().unwrap_or_default();
        Self::ALL.into_iter().find(|room| room.path() == path).unwrap_or(Self::Today)
    }
}

/// What was just saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toast {
    /// Saved here; the first event can be followed, and taken back if it is an order or claim.
    Saved { what: String, event: EventRef, can_take_back: bool },
    /// Not saved, and why.
    Refused(String),
}

/// A form that stands beside its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Order(CourseId),
    Claim(TeacherId),
}

/// Handed to every room.
#[derive(Clone, Copy)]
pub struct Ui {
    host: StoredValue<Rc<Host>, LocalStorage>,
    changes: RwSignal<u64>,
    pub lang: Lang,
    pub room: RwSignal<Room>,
    pub form: RwSignal<Option<Form>>,
    /// Whether what the open form says is being saved: a second press adds nothing.
    pub is_saving: RwSignal<bool>,
    pub toast: RwSignal<Option<Toast>>,
}

impl Ui {
    /// Over a running host.
    pub fn new(host: Rc<Host>, lang: Lang, changes: RwSignal<u64>) -> Self {
        Self {
            host: StoredValue::new_local(host),
            changes,
            lang,
            room: RwSignal::new(Room::here()),
            form: RwSignal::new(None),
            is_saving: RwSignal::new(false),
            toast: RwSignal::new(None),
        }
    }

    /// One of two texts.
    pub fn say<T>(self, zh: T, en: T) -> T {
        self.lang.say(zh, en)
    }

    /// Looks at the replica; whoever does is shown anew when it changes.
    pub fn with<T>(self, look: impl FnOnce(&mut Replica) -> T) -> T {
        self.changes.track();
        self.host.with_value(|host| host.with(look))
    }

    /// Looks at the shared views.
    pub fn views<T>(self, look: impl FnOnce(&SharedViews) -> T) -> T {
        self.with(|replica| look(replica.views()))
    }

    /// This device's branch.
    pub fn branch(self) -> BranchId {
        self.host.with_value(|host| host.with(|replica| replica.certificate().branch))
    }

    /// What people call it.
    pub fn branch_name(self) -> String {
        let branch = self.branch();
        let known = self.views(|views| views.branches.branches.get(&branch).map(|b| b.name.clone()));
        known.unwrap_or_else(|| self.host.with_value(|host| host.branch_name.clone()))
    }

    /// Connects now.
    pub fn connect_now(self) {
        self.host.with_value(|host| host.connect_now());
    }

    /// Goes to a room; forms of the old one close.
    pub fn go(self, room: Room) {
        if let Ok(history) = window().history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(room.path()));
        }
        self.form.set(None);
        self.room.set(room);
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }

    /// Opens a form beside the table; on a phone it is a screen of its own, and Back closes it.
    pub fn open_form(self, form: Form) {
        if self.form.get_untracked().is_none()
            && let Ok(history) = window().history()
        {
            let _ = history.push_state_with_url(&JsValue::NULL, "", None);
        }
        self.form.set(Some(form));
    }

    /// Closes the form, as Back does.
    pub fn close_form(self) {
        if self.form.get_untracked().is_some()
            && let Ok(history) = window().history()
        {
            self.form.set(None);
            let _ = history.back();
        }
    }

    /// Saves what a person did and says so; `what` names it.
    pub fn run(self, command: Command, what: String) {
        spawn_local(async move {
            // What is shown says how it went.
            let _ = self.save(command, what).await;
        });
    }

    /// The same for the open form: it closes once it is saved, and keeps what was typed if it is not.
    pub fn run_form(self, command: Command, what: String) {
        if self.is_saving.get_untracked() {
            return;
        }
        self.is_saving.set(true);
        let form = self.form.get_untracked();
        spawn_local(async move {
            let is_saved = self.save(command, what).await;
            // In another language all is shown anew.
            if is_saved && self.form.try_get_untracked() == Some(form) {
                self.close_form();
            }
            self.is_saving.try_set(false);
        });
    }

    /// Says whether it is saved.
    async fn save(self, command: Command, what: String) -> bool {
        let host = self.host.with_value(Rc::clone);
        let can_take_back =
            matches!(&command, Command::Request(said) if !matches!(said, RequestCommand::CancelRequest(_)));
        let saved = host.command(command).await;
        let is_saved = saved.is_ok();
        let toast = match saved {
            Ok(events) => events.first().map(|event| Toast::Saved { what, event: *event, can_take_back }),
            Err(failure) => Some(Toast::Refused(super::words::failure(self.lang, &failure))),
        };
        if toast.is_some() {
            self.toast.try_set(toast);
        }
        is_saved
    }
}
