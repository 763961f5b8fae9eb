//! A city with two branches or more, and what the second of them shares: a teacher, a room, a class.

use crate::{CITY, Rogue, Town, command_for, peak_memory_mb};
use client_core::domain::{
    AdmitBranch, ApproveTeacher, AssetDeclared, AssetKind, Calendar, ClaimLodged, Command, Condition,
    CourseListed, OfferAsset, OfferTeacher, RequestLodged, SessionAnnounced, SetProfile, SharedViews,
    TeacherProposed,
};
use client_core::event::EventRef;
use client_core::ids::{AssetId, BranchId, ClassId, CourseId, TeacherId};
use client_core::time::{Day, HalfDay, Slot};
use lianxiao::client::ClientError;
use lianxiao::sync::now;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// The branch whose office device is a rogue.
pub const A: &str = "新埭镇";
/// The branch it means to harm.
pub const B: &str = "广陈镇";
/// A branch that has to do with neither.
pub const C: &str = "独山港镇";

/// Far more than a healthy node needs.
const LONGEST_WAIT: Duration = Duration::from_secs(90);
/// The arbiter decides within a second; only a pause or a failure reaches this.
const LONGEST_DECIDING: Duration = Duration::from_secs(20);
/// Who answers nothing for so long is gone; one that works on something long answers late, but answers.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// Claims for a day in this span are decided at once, together with the day's others.
const SOON: std::ops::Range<i32> = 4..13;
/// Claims for a day in this span go into a round.
const LATER: std::ops::Range<i32> = 20..180;
/// When classes of an hour and a half begin.
const HOURS: [u16; 4] = [8, 10, 13, 15];

/// A running city and what [`B`] shares with it.
pub struct Scene {
    /// The nodes.
    pub town: Town,
    /// The course all claims are for.
    pub course: CourseId,
    /// [`B`]'s teacher: approved for the course, offered always.
    pub teacher: TeacherId,
    /// [`B`]'s room: offered always.
    pub room: AssetId,
    /// [`B`]'s own class with both.
    pub class: ClassId,
    soon: Vec<Slot>,
    later: Vec<Slot>,
    names: usize,
}

impl Scene {
    /// Starts the city and the branches [`A`] and [`B`].
    pub async fn start() -> Self {
        Self::start_with(&[A, B]).await
    }

    /// Starts the city and these branches, [`B`] among them.
    pub async fn start_with(branches: &[&str]) -> Self {
        let town = Town::start(branches, &[]).await;
        let (soon, later) = (free_slots(SOON), free_slots(LATER));
        let (course, room, class) = (CourseId([0; 16]), AssetId([0; 16]), ClassId([0; 16]));
        let teacher = TeacherId([0; 16]);
        let mut scene = Self { town, course, teacher, room, class, soon, later, names: 0 };
        scene.share().await;
        scene
    }

    async fn share(&mut self) {
        let course = CourseListed {
            course: self.course,
            code: "K001".into(),
            title: "基层治理".into(),
            area: "形势政策".into(),
            periods: 2,
            method: "讲授".into(),
            audience: "全体".into(),
            online: true,
        };
        self.act(CITY, &command_for(course)).await;
        self.town.converge().await;
        self.course = self.only(B, "courses", "courses").await.parse().expect("a course");
        self.teacher = self.propose_teacher(B, "示例甲").await;
        self.act(B, &command_for(room_named("一号教室"))).await;
        self.room = self.only(B, "resources", "assets").await.parse().expect("a room");
        let (windows, from, to) = (always(), now().day(), now().day().plus(300));
        self.act(B, &Command::from(OfferAsset { asset: self.room, windows, from, to })).await;
        let slot = self.later_slot();
        let announced = self.own_class(self.teacher, Some(self.room), slot);
        self.act(B, &command_for(announced)).await;
        self.class = self.only(B, "sessions", "sessions").await.parse().expect("a class");
        self.town.converge().await;
    }

    /// A branch's teacher: approved for the course, offered always.
    pub async fn propose_teacher(&mut self, at: &str, name: &str) -> TeacherId {
        let proposal = TeacherProposed {
            teacher: TeacherId([0; 16]),
            name: name.into(),
            full_time: true,
            source: "示例".into(),
            courses: vec![self.course],
            weekly_cap_periods: 200,
        };
        self.act(at, &command_for(proposal)).await;
        let view = self.view(at, "teachers").await;
        let mut all = view["teachers"].as_object().expect("teachers").iter();
        let teacher: TeacherId = all
            .find(|(_, teacher)| teacher["name"] == name)
            .and_then(|(id, _)| id.parse().ok())
            .expect("the teacher");
        let (windows, from, to) = (always(), now().day(), now().day().plus(300));
        self.act(at, &Command::from(OfferTeacher { teacher, windows, from, to })).await;
        self.town.converge().await;
        self.act(CITY, &Command::from(ApproveTeacher { teacher, courses: vec![self.course] })).await;
        self.town.converge().await;
        teacher
    }

    async fn only(&self, at: &str, view: &str, list: &str) -> String {
        self.view(at, view).await[list].as_object().expect("a list").keys().next().expect("one").clone()
    }

    /// An office device of [`A`], certified by its node.
    pub async fn rogue(&self) -> Rogue {
        Rogue::enrol(self.town.client(A), None, "office").await
    }

    /// Hands [`A`]'s node what the rogue wrote and waits until all nodes hold it.
    pub async fn take(&self, rogue: &mut Rogue) -> usize {
        let uploaded = rogue.upload(self.town.client(A).address()).await;
        let uploaded = uploaded.expect("the node takes it, or says why not");
        assert_eq!(uploaded.refused, Vec::<String>::new(), "kept and forwarded, whatever it is");
        self.settle(LONGEST_WAIT).await;
        uploaded.wire_bytes
    }

    /// The names of all nodes.
    pub fn nodes(&self) -> Vec<&'static str> {
        [CITY, A, B, C].into_iter().filter(|name| self.town.runs(name)).collect()
    }

    /// Waits until all nodes hold the same and the city signed for it; a node that ended is named.
    pub async fn settle(&self, longest: Duration) {
        let began = Instant::now();
        let mut answered = Instant::now();
        loop {
            let last = match self.differs().await {
                Ok(None) => return,
                Ok(Some(what)) => {
                    answered = Instant::now();
                    what
                }
                Err(what) => what,
            };
            // One that was just being asked when it restarted a part of itself answers again in a moment.
            assert!(answered.elapsed() < LONGEST_SILENCE, "{last}");
            assert!(began.elapsed() < longest, "after {longest:?} the nodes do not come together: {last}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn differs(&self) -> Result<Option<String>, String> {
        let status = async |name: &str| {
            let status = self.town.client(name).get("/api/status").await;
            status.map_err(|error| format!("{name} is gone: {error}; {}", self.last_words(name)))
        };
        let city = status(CITY).await?;
        for name in self.nodes() {
            let own = status(name).await?;
            let pending = own["not_at_city"] != 0 || own["not_at_upstream"] != 0;
            if own["frontiers"]["shared"] != city["frontiers"]["shared"] || pending {
                return Ok(Some(format!("{name} is not in step")));
            }
        }
        Ok(None)
    }

    /// What a node said last of a panic or an error.
    pub fn last_words(&self, name: &str) -> String {
        let log = self.town.log(name);
        let matters =
            |line: &&str| ["panicked", "ERROR", "memory allocation"].iter().any(|w| line.contains(w));
        let said: Vec<&str> = log.lines().filter(matters).collect();
        said.last().map_or_else(|| "it said nothing".to_owned(), |line| (*line).to_owned())
    }

    /// Kills every node where it stands and starts it again over its folder.
    pub async fn start_all_again(&mut self) {
        for name in self.nodes() {
            self.town.kill(name).await;
            self.town.start_again(name).await;
        }
        self.settle(LONGEST_WAIT).await;
    }

    /// Starts every node again so that it may not take more memory than this: what is wrong with it must
    /// not end other programs of the machine.
    pub async fn bound_memory(&mut self, gibibytes: u64) {
        let limit = format!("--data={}", gibibytes << 30);
        for name in self.nodes() {
            self.town.kill(name).await;
            if Path::new("/usr/bin/prlimit").exists() {
                self.town.start_under(name, &["/usr/bin/prlimit", &limit, "--"]).await;
            } else {
                self.town.start_again(name).await;
            }
        }
        self.settle(LONGEST_WAIT).await;
    }

    /// Every node answers views, previews and commands, a claim is decided, a round closes, and all come to
    /// the same; what of that does not hold.
    pub async fn goes_on(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for view in SharedViews::NAMES {
            for name in self.nodes() {
                let view = self.town.client(name).get(&format!("/api/views/{view}")).await;
                self.note(&mut faults, name, "a view", view);
            }
        }
        let order = self.order("一组");
        self.note(&mut faults, B, "an order", self.try_act(B, &command_for(order)).await);
        for name in self.nodes() {
            let preview = self.town.client(name).get("/api/preview").await;
            self.note(&mut faults, name, "a preview", preview);
        }
        let slot = self.soon_slot();
        let claim = command_for(self.wish(slot));
        if let Some(claim) = self.note(&mut faults, B, "a claim", self.try_act(B, &claim).await) {
            let outcome = self.try_decided(B, &claim).await;
            if outcome.as_deref() != Ok("confirmed") {
                faults.push(format!("an honest claim on a free hour is {outcome:?}"));
            }
        }
        let closed = self.town.client(CITY).post("/api/round/close", &json!({})).await;
        self.note(&mut faults, CITY, "closing a round", closed);
        for name in self.nodes() {
            let command = self.harmless(name);
            self.note(&mut faults, name, "a command", self.try_act(name, &command).await);
        }
        self.settle(LONGEST_WAIT).await;
        let mut digests = BTreeSet::new();
        for name in self.nodes() {
            let digest = self.town.client(name).get("/api/digests").await;
            let digest = self.note(&mut faults, name, "its digests", digest);
            digests.extend(digest.map(|all| all["shared"].to_string()));
        }
        if digests.len() > 1 {
            faults.push("the nodes come to different views".into());
        }
        faults
    }

    fn note<T>(
        &self,
        faults: &mut Vec<String>,
        at: &str,
        what: &str,
        done: Result<T, ClientError>,
    ) -> Option<T> {
        done.inspect_err(|error| faults.push(format!("{what} at {at}: {error}; {}", self.last_words(at))))
            .ok()
    }

    /// A harmless command at a node; answers with the seconds it took.
    pub async fn command(&mut self, at: &str) -> f64 {
        let command = self.harmless(at);
        let began = Instant::now();
        self.act(at, &command).await;
        began.elapsed().as_secs_f64()
    }

    fn harmless(&mut self, at: &str) -> Command {
        self.names += 1;
        match at {
            CITY => Command::from(AdmitBranch { name: format!("后来的镇{}", self.names) }),
            _ => Command::from(SetProfile { registered: 500 }),
        }
    }

    /// Closes the open round at the city.
    pub async fn close_round(&self) -> Value {
        let closed = self.town.client(CITY).post("/api/round/close", &json!({})).await;
        closed.unwrap_or_else(|error| panic!("no round closes: {error}; {}", self.last_words(CITY)))
    }

    /// Does something at a node; answers with its first event.
    pub async fn act(&self, at: &str, command: &Command) -> EventRef {
        let done = self.try_act(at, command).await;
        done.unwrap_or_else(|error| panic!("{command:?} at {at}: {error}; {}", self.last_words(at)))
    }

    /// The same where it may be refused.
    pub async fn try_act(&self, at: &str, command: &Command) -> Result<EventRef, ClientError> {
        let done = self.town.client(at).post("/api/commands", &json!(command)).await?;
        Ok(done["events"][0].as_str().and_then(|event| event.parse().ok()).expect("an event"))
    }

    /// A view of a node.
    pub async fn view(&self, at: &str, name: &str) -> Value {
        let view = self.town.client(at).get(&format!("/api/views/{name}")).await;
        view.unwrap_or_else(|error| panic!("{at}'s {name}: {error}; {}", self.last_words(at)))
    }

    /// An hour that nobody asked for yet, soon enough to be decided at once.
    pub fn soon_slot(&mut self) -> Slot {
        self.soon.pop().expect("a free hour")
    }

    /// An hour that nobody asked for yet, late enough for a round.
    pub fn later_slot(&mut self) -> Slot {
        self.later.pop().expect("a free hour")
    }

    /// A wish for [`B`]'s teacher.
    pub fn wish(&self, slot: Slot) -> ClaimLodged {
        let (teacher, course) = (Some(self.teacher), Some(self.course));
        ClaimLodged { teacher, asset: None, course, slot, headcount: 30, branches_served: 1 }
    }

    /// An order for the course that any class will do for.
    pub fn order(&self, group: &str) -> RequestLodged {
        RequestLodged {
            courses: vec![self.course],
            group: group.into(),
            headcount: 30,
            from: now().day().plus(20),
            to: now().day().plus(60),
            half_days: Vec::new(),
            max_travel_minutes: 600,
            online: true,
            priority: 2,
            pre_consent: true,
        }
    }

    /// A class of a branch's own.
    pub fn own_class(&self, teacher: TeacherId, venue: Option<AssetId>, slot: Slot) -> SessionAnnounced {
        let (session, course) = (ClassId(lianxiao::keys::random_id()), self.course);
        SessionAnnounced { session, course, teacher: Some(teacher), venue, slot, headcount: 30 }
    }

    /// Claims [`B`]'s teacher.
    pub async fn claim(&self, at: &str, slot: Slot) -> EventRef {
        self.act(at, &command_for(self.wish(slot))).await
    }

    /// What the city answered to a claim, as a node knows it.
    pub async fn outcome(&self, at: &str, claim: &EventRef) -> Option<String> {
        let view = self.view(at, "requests").await;
        view["claims"][claim.to_string()]["outcome"]["kind"].as_str().map(str::to_owned)
    }

    /// The same, once it has answered.
    pub async fn decided(&self, at: &str, claim: &EventRef) -> String {
        self.try_decided(at, claim).await.unwrap_or_else(|why| panic!("{claim}: {why}"))
    }

    async fn try_decided(&self, at: &str, claim: &EventRef) -> Result<String, String> {
        let began = Instant::now();
        while began.elapsed() < LONGEST_DECIDING {
            if let Some(outcome) = self.outcome(at, claim).await {
                return Ok(outcome);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let paused = self.town.status(CITY).await["arbiter_paused"].clone();
        Err(format!("never decided; the arbiter is paused: {paused}; {}", self.last_words(CITY)))
    }

    /// The arbiter has looked at all that is held: a claim that came last is decided.
    pub async fn arbiter_is_through(&mut self) {
        let slot = self.soon_slot();
        let claim = self.claim(B, slot).await;
        self.decided(B, &claim).await;
        self.settle(LONGEST_WAIT).await;
    }

    /// The contradictions of this kind, or of this word in the detail, that name an event.
    pub async fn anomalies(&self, at: &str, word: &str, event: Option<&EventRef>) -> Vec<Value> {
        let view = self.view(at, "anomalies").await;
        let named = |anomaly: &Value| {
            let event = event.map(EventRef::to_string);
            let evidence = anomaly["evidence"].as_array().cloned().unwrap_or_default();
            event.is_none_or(|event| evidence.iter().any(|it| *it == event))
        };
        let speaks = |anomaly: &Value| {
            let detail = anomaly["detail"].as_str().unwrap_or_default();
            anomaly["kind"] == word || detail.starts_with(word)
        };
        let all = view.as_array().cloned().unwrap_or_default().into_iter();
        all.filter(|anomaly| speaks(anomaly) && named(anomaly)).collect()
    }

    /// Every node shows each of these events among its contradictions, under this word; an empty word is
    /// any. What of that does not hold.
    pub async fn hides(&self, events: &[EventRef], word: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for name in self.nodes() {
            let (mut hidden, mut which) = (0, BTreeSet::new());
            for event in events {
                if self.anomalies(name, word, Some(event)).await.is_empty() {
                    let why = self.why(name, event).await;
                    hidden += 1;
                    which.insert(format!("{}, kept aside: {}", why["kind"], why["kept_aside"]));
                }
            }
            if hidden > 0 {
                let all = events.len();
                faults.push(format!("{name} shows {hidden} of {all} not as {word:?}: {which:?}"));
            }
        }
        faults
    }

    /// What a node knows of an event's place.
    pub async fn why(&self, at: &str, event: &EventRef) -> Value {
        let found = self.town.client(at).get(&format!("/api/why/{event}")).await;
        found.unwrap_or_else(|error| panic!("{event} at {at}: {error}"))[0].clone()
    }

    /// The branch's id.
    pub async fn branch(&self, at: &str) -> BranchId {
        let status = self.town.status(at).await;
        status["branch"].as_str().and_then(|branch| branch.parse().ok()).expect("a branch")
    }

    /// The most memory a node took since its start, in MB (Linux; elsewhere 0).
    pub fn peak_memory_mb(&self, name: &str) -> u64 {
        peak_memory_mb(&self.town.folder(name))
    }
}

/// Nothing was found that does not hold.
pub fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A room for five hundred people.
pub fn room_named(name: &str) -> AssetDeclared {
    AssetDeclared {
        asset: AssetId([0; 16]),
        kind: AssetKind::Room,
        name: name.into(),
        place: String::new(),
        capacity: 500,
        quantity: 1,
        features: Vec::new(),
        condition: Condition::Good,
        open: always(),
        talk_minutes: 0,
        docent: String::new(),
    }
}

/// Every half-day of the week.
pub fn always() -> Vec<HalfDay> {
    (0..7).flat_map(|weekday| [false, true].map(|afternoon| HalfDay { weekday, afternoon })).collect()
}

/// An hour and a half on this day.
pub fn slot(day: Day, hour: u16) -> Slot {
    Slot { day, start_minute: hour * 60, duration_minutes: 90 }
}

/// Hours on days so far ahead that are no holidays.
fn free_slots(ahead: std::ops::Range<i32>) -> Vec<Slot> {
    let calendar = Calendar::default();
    let days = ahead.map(|days| now().day().plus(days)).filter(|day| calendar.weekday(*day).is_some());
    let mut slots: Vec<Slot> = days.flat_map(|day| HOURS.map(|hour| slot(day, hour))).collect();
    slots.reverse();
    slots
}
