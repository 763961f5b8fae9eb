//! At a running city node: a clock ten years ahead is corrected, a stolen device is kept out, and the
//! node says so of every event.

use client_core::domain::{AdmitBranch, Command, ReleaseQuarantine, RevokeDevice, SetProfile};
use client_core::event::EventRef;
use client_core::history::Unfolded;
use client_core::identity::{Role, SecretKey};
use client_core::ids::{DeviceId, UserId};
use client_core::node;
use client_core::peer::Input;
use client_core::replica::{Effect, Enrolment, Replica};
use client_core::time::Millis;
use lianxiao::config::{self, DataFolder};
use lianxiao::node::{EnrolRequest, Node, Whereabouts};
use lianxiao::sync::now;
use lianxiao::sync::outbox::{Outgoing, outbox};
use std::sync::Arc;

const TEN_YEARS: i64 = 3_652 * Millis::DAY;

/// An office device with its own clock, connected to the node.
struct Device {
    node: Arc<Node>,
    replica: Replica,
    connection: u64,
    frames: Outgoing,
    clock_off_millis: i64,
    answers: Vec<EventRef>,
}

impl Device {
    async fn enrol(node: &Arc<Node>, n: u8) -> Self {
        let key = SecretKey::from_random([n; 32]);
        let code = node.make_code(Some("新埭镇"), Role::Office, "前台", now()).await.unwrap();
        let answer = node.enrol(&EnrolRequest { code, key: key.public() }, now()).await.unwrap();
        let enrolment = Enrolment { city_key: answer.city_key, chain: answer.chain, user: answer.user };
        let mut replica =
            Replica::open(enrolment.setup(key, [n; 32]), enrolment.user, Vec::new(), now()).unwrap();
        let (sender, frames) = outbox();
        let connection = node.accepted([n; 32], sender).await.unwrap();
        replica.handle(Input::Connected { connection, nonce: [n; 32] }, now());
        let node = node.clone();
        Self { node, replica, connection, frames, clock_off_millis: 0, answers: Vec::new() }
    }

    fn id(&self) -> DeviceId {
        self.replica.certificate().device
    }

    fn clock(&self) -> Millis {
        Millis(now().0 + self.clock_off_millis)
    }

    fn tell(&mut self, input: Input) {
        self.replica.handle(input, self.clock());
    }

    async fn register(&mut self, registered: u32) -> EventRef {
        let command = Command::from(SetProfile { registered });
        self.replica.command(registered, command, self.clock());
        self.carry_out().await;
        *self.answers.last().unwrap()
    }

    async fn carry_out(&mut self) {
        while let Some(effect) = self.replica.poll() {
            match effect {
                Effect::Persist { token, .. } => self.tell(Input::Persisted(vec![token])),
                Effect::Node(node::Effect::Send { connection, bytes }) => {
                    let received = Input::Received { connection, bytes };
                    self.node.input(received, None).await.unwrap();
                }
                Effect::Node(node::Effect::Done { result, .. }) => self.answers.extend(result.unwrap()),
                Effect::Node(node::Effect::Hangup { reason, .. }) => panic!("{reason}"),
                Effect::Node(_) => {}
            }
        }
    }

    /// Goes on until the node knows of the event what `wanted` asks for.
    async fn until(&mut self, event: EventRef, wanted: impl Fn(&Whereabouts) -> bool) -> Whereabouts {
        loop {
            let found = self.node.whereabouts(&event.to_string()).await.unwrap();
            if let Some(found) = found.into_iter().find(&wanted) {
                return found;
            }
            let pause = std::time::Duration::from_millis(20);
            while let Ok(Some(bytes)) = tokio::time::timeout(pause, self.frames.recv()).await {
                let connection = self.connection;
                self.tell(Input::Received { connection, bytes });
                self.carry_out().await;
            }
        }
    }
}

async fn registered(node: &Node) -> u32 {
    let views = node.shared_views().await.unwrap();
    views.branches.branches[&views.branches.by_name("新埭镇").unwrap()].registered
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_corrected_and_a_stolen_device_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    let node = config::open_city(&data, None).await.unwrap().node;

    let mut device = Device::enrol(&node, 1).await;
    device.clock_off_millis = TEN_YEARS;
    let wrong = device.register(600).await;
    let corrected = device.until(wrong, |it| it.corrected.is_some()).await;
    assert!(corrected.stamp.unwrap().millis().0 > now().0 + TEN_YEARS / 2);
    assert!(corrected.corrected.unwrap().millis() <= now());
    assert!(corrected.ruling.is_some() && corrected.kept_aside.is_none());
    device.clock_off_millis = 0;
    let right = device.register(601).await;
    device.until(right, |it| it.kept_aside.is_none()).await;
    assert_eq!(registered(&node).await, 601, "what came after the wrong clock counts after it");

    let revoke =
        Command::from(RevokeDevice {
            device: device.id(), key: None, reason: "被盗".into(), accepted: None
        });
    let ruling = node.command(revoke, UserId([0; 16])).await.unwrap()[0];
    let admit = Command::from(AdmitBranch { name: "广陈镇".into() });
    node.command(admit, UserId([0; 16])).await.unwrap();
    let stolen = device.register(900).await;
    let kept = device.until(stolen, |it| it.kept_aside.is_some()).await;
    assert_eq!((kept.kept_aside, kept.ruling), (Some(Unfolded::Quarantine), Some(ruling)));
    assert_eq!(registered(&node).await, 601);
    assert_eq!(device.replica.views().branches.by_name("广陈镇"), None, "nothing goes to it any more");

    let (document, actor, change) = (stolen.document, stolen.actor, kept.change);
    let release = Command::from(ReleaseQuarantine { document, actor, from: change, to: change });
    node.command(release, UserId([0; 16])).await.unwrap();
    device.until(stolen, |it| it.kept_aside.is_none()).await;
    assert_eq!(registered(&node).await, 900);
    node.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_answer_was_lost_is_enrolled_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    let node = config::open_city(&data, None).await.unwrap().node;
    let key = SecretKey::from_random([9; 32]).public();
    let mut answers = Vec::new();
    for role in [Role::Office, Role::Office, Role::BranchNode] {
        let code = node.make_code(Some("新埭镇"), role, "前台", now()).await.unwrap();
        answers.push(node.enrol(&EnrolRequest { code, key }, now()).await);
    }
    let refused = answers.pop().unwrap().unwrap_err().to_string();
    assert!(refused.contains("another branch or role"), "{refused}");
    let chains: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().chain).collect();
    assert_eq!(chains[0], chains[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_cut_short_is_told_of_by_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    let node = config::open_city(&data, None).await.unwrap().node;
    let key = SecretKey::from_random([9; 32]).public();
    let code = node.make_code(Some("新埭镇"), Role::Office, "前台", now()).await.unwrap();
    let branch = node.shared_views().await.unwrap().branches.by_name("新埭镇").unwrap();
    let device = DeviceId([5; 16]);
    let cut = node.store().put_device(node.city(), device, key, branch, Role::Office, "前台", now());
    cut.await.unwrap();
    let answer = node.enrol(&EnrolRequest { code, key }, now()).await.unwrap();
    assert_eq!(answer.chain[0].device, device);
    assert!(node.shared_views().await.unwrap().devices.enrolled.contains_key(&device));
    let told = node.status().await.unwrap().frontiers;
    let code = node.make_code(Some("新埭镇"), Role::Office, "前台", now()).await.unwrap();
    node.enrol(&EnrolRequest { code, key }, now()).await.unwrap();
    assert_eq!(node.status().await.unwrap().frontiers, told, "once");
}
