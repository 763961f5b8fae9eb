//! The shell around the replica in a browser: it stores what the replica wants stored, sends what it
//! wants sent, and says when something changed. `enrol` makes the device known, `store` is the disk,
//! `tab` keeps a second tab away from it, `line` is the wire.

mod enrol;
mod line;
mod store;
mod tab;

pub use enrol::{EnrolError, code_in_address, enrol};
pub use store::{Identity, Store, StoreError, ask_to_keep};
pub use tab::hold_the_store;

use client_core::domain::Command;
use client_core::event::EventRef;
use client_core::node::{self, NotDone};
use client_core::peer::{Connection, Input};
use client_core::replica::{Effect, Record, Replica};
use client_core::time::Millis;
use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use gloo_timers::callback::{Interval, Timeout};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// Events made durable by a command, or a code and a text that say why not.
pub type Answer = Result<Vec<EventRef>, Failure>;

/// Why a command wrote nothing.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The replica says so.
    NotDone(NotDone),
    /// Another tab of this browser wrote in the meantime.
    OtherTab,
    /// The browser cleared the store.
    Cleared,
    /// The page is closing.
    Closing,
}

/// Time passes for the replica this often, with a line or without.
const TICK_MILLIS: u32 = 5_000;

/// How long changes are gathered before the page is told.
const GATHER_MILLIS: u32 = 60;

/// The one connection of a page: to its upstream.
const UPSTREAM: Connection = 0;

/// What waits for the store.
struct Storing {
    token: u64,
    records: Vec<Record>,
    comes_again: bool,
}

/// The running replica of this browser.
pub struct Host {
    /// What people call this branch.
    pub branch_name: String,
    replica: RefCell<Replica>,
    store: Store,
    storing: mpsc::UnboundedSender<Storing>,
    line: RefCell<Option<line::Line>>,
    answers: RefCell<BTreeMap<u64, oneshot::Sender<Answer>>>,
    next_command: Cell<u32>,
    is_overtaken: Cell<bool>,
    is_cleared: Cell<bool>,
    change_is_told: Cell<bool>,
    on_change: Box<dyn Fn()>,
}

impl Host {
    /// Opens the replica over what the store holds and starts to connect. `on_change` is called some
    /// milliseconds after anything changed.
    pub async fn open(
        identity: Identity,
        store: Store,
        on_change: impl Fn() + 'static,
    ) -> Result<Rc<Self>, OpenError> {
        let records = store.records().await?;
        let replica = {
            let Identity { enrolment, key, .. } = identity;
            Replica::open(enrolment.setup(key, random()), enrolment.user, records, now())?
        };
        let (storing, waiting) = mpsc::unbounded();
        let host = Rc::new(Self {
            branch_name: identity.branch_name,
            replica: RefCell::new(replica),
            store,
            storing,
            line: RefCell::new(None),
            answers: RefCell::new(BTreeMap::new()),
            next_command: Cell::new(0),
            is_overtaken: Cell::new(false),
            is_cleared: Cell::new(false),
            change_is_told: Cell::new(false),
            on_change: Box::new(on_change),
        });
        let ticking = host.clone();
        Interval::new(TICK_MILLIS, move || ticking.input(Input::Tick)).forget();
        spawn_local(host.clone().store_all(waiting));
        spawn_local(line::keep_connected(host.clone()));
        Ok(host)
    }

    /// Looks at the replica. Not to be called from within itself.
    pub fn with<T>(&self, look: impl FnOnce(&mut Replica) -> T) -> T {
        look(&mut self.replica.borrow_mut())
    }

    /// Does what a person asks; answers when it is durable on this device.
    pub async fn command(self: &Rc<Self>, command: Command) -> Answer {
        let id = self.next_command.get();
        self.next_command.set(id + 1);
        let (sender, receiver) = oneshot::channel();
        self.answers.borrow_mut().insert(u64::from(id), sender);
        self.tell(|replica| replica.command(id, command, now()));
        receiver.await.unwrap_or(Err(Failure::Closing))
    }

    /// Connects now instead of at the next planned try.
    pub fn connect_now(&self) {
        line::wake();
    }

    /// Stores one after the other: what is later replaces what is earlier.
    async fn store_all(self: Rc<Self>, mut waiting: mpsc::UnboundedReceiver<Storing>) {
        while let Some(Storing { token, records, comes_again }) = waiting.next().await {
            let stored = self.store.put(&records, comes_again).await;
            if !comes_again {
                self.is_overtaken.set(matches!(stored, Err(StoreError::Overtaken)));
            }
            if let Err(StoreError::Cleared) = stored {
                self.is_cleared.set(true);
            }
            self.input(match stored {
                Ok(()) => Input::Persisted(vec![token]),
                Err(error) => Input::NotPersisted(token, error.to_string()),
            });
        }
    }

    fn input(self: &Rc<Self>, input: Input) {
        self.tell(|replica| replica.handle(input, now()));
    }

    fn tell(self: &Rc<Self>, what: impl FnOnce(&mut Replica)) {
        what(&mut self.replica.borrow_mut());
        loop {
            let Some(effect) = self.replica.borrow_mut().poll() else { return };
            self.carry_out(effect);
        }
    }

    fn carry_out(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Persist { token, records, comes_again } => {
                // Whoever stores lives as long as the host.
                let _ = self.storing.unbounded_send(Storing { token, records, comes_again });
            }
            Effect::Node(effect) => self.carry_out_for_node(effect),
        }
    }

    fn carry_out_for_node(self: &Rc<Self>, effect: node::Effect) {
        match effect {
            node::Effect::Send { bytes, .. } => {
                if let Some(line) = self.line.borrow().as_ref() {
                    line.send(&bytes);
                }
            }
            node::Effect::Hangup { .. } => {
                if let Some(line) = self.line.take() {
                    line.hang_up();
                }
            }
            node::Effect::Done { ticket, result } => {
                let result = result.map_err(|not_done| match not_done {
                    NotDone::NotSaved(_) if self.is_cleared.get() => Failure::Cleared,
                    NotDone::NotSaved(_) if self.is_overtaken.get() => Failure::OtherTab,
                    not_done => Failure::NotDone(not_done),
                });
                if let Some(sender) = self.answers.borrow_mut().remove(&ticket) {
                    // Whoever asked may have gone to another room.
                    let _ = sender.send(result);
                }
            }
            node::Effect::Changed => self.tell_change(),
            // Of use to others than a page.
            _ => {}
        }
    }

    fn tell_change(self: &Rc<Self>) {
        if !self.change_is_told.replace(true) {
            let host = self.clone();
            Timeout::new(GATHER_MILLIS, move || {
                host.change_is_told.set(false);
                (host.on_change)();
            })
            .forget();
        }
    }
}

/// Why the replica does not open.
#[derive(Debug)]
pub enum OpenError {
    /// The browser's storage fails.
    Store(StoreError),
    /// The device's certificate does not hold, or what it kept cannot be read.
    Node(node::OpenError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<node::OpenError> for OpenError {
    fn from(error: node::OpenError) -> Self {
        Self::Node(error)
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Node(error) => error.fmt(f),
        }
    }
}

/// The browser's clock.
pub fn now() -> Millis {
    Millis(js_sys::Date::now() as i64)
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("every browser gives random bytes");
    bytes
}

fn window() -> web_sys::Window {
    web_sys::window().expect("the page runs in a window")
}
