//! The way to the one who works messages off, one after the other: whoever leaves a message does it, unless
//! somebody does already. So nobody is woken for a short one. What takes long, and what others left while
//! somebody worked, falls to a thread of the worker's own.
//!
//! Whoever leaves a message must hold nothing the worker waits for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tokio::task::block_in_place;

/// Messages that wait; each connection has at most two among them.
const MOST_WAITING: usize = 4096;

/// Works messages off.
pub trait Worker: Send + 'static {
    /// What is left for it.
    type Message: Send + 'static;

    /// Whether this takes long: then it is nothing for a thread that serves others too.
    fn is_long(message: &Self::Message) -> bool;

    /// Waits for a message and works off what is there; says how many that were, or nothing if it is to
    /// stop. It may wait for the disk.
    fn work_off(&mut self, messages: &mut mpsc::Receiver<Self::Message>) -> Option<usize>;
}

/// A worker and what waits for it.
pub struct Inbox<W: Worker> {
    messages: mpsc::Sender<W::Message>,
    /// Messages that are not worked off. Whoever raises it from zero sees to it that it comes down again.
    waiting: AtomicUsize,
    /// Empty while somebody works, and once the worker has stopped.
    desk: Mutex<Option<Box<Desk<W>>>>,
    /// Wakes the worker's own thread.
    wake: Sender<()>,
}

struct Desk<W: Worker> {
    worker: W,
    messages: mpsc::Receiver<W::Message>,
}

/// The worker has stopped; nothing more is worked off.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped;

impl<W: Worker> Inbox<W> {
    /// The way to a worker.
    ///
    /// # Panics
    /// Outside of a multi-thread runtime: on another nobody could wait for the disk.
    pub fn new(worker: W) -> std::io::Result<Arc<Self>> {
        let flavor = Handle::current().runtime_flavor();
        assert_eq!(flavor, RuntimeFlavor::MultiThread, "a node needs tokio's multi-thread runtime");
        let (sender, messages) = mpsc::channel(MOST_WAITING);
        let desk = Mutex::new(Some(Box::new(Desk { worker, messages })));
        let (wake, woken) = std::sync::mpsc::channel();
        let inbox = Arc::new(Self { messages: sender, waiting: AtomicUsize::new(0), desk, wake });
        let weak = Arc::downgrade(&inbox);
        let work = move || {
            for () in woken {
                while weak.upgrade().is_some_and(|inbox: Arc<Self>| inbox.work()) {}
            }
        };
        std::thread::Builder::new().name("node".into()).spawn(work)?;
        Ok(inbox)
    }

    /// Leaves a message, and works off what waits if nobody does: one round, the thread goes on.
    pub async fn send(&self, message: W::Message) -> Result<(), Stopped> {
        let place = self.messages.reserve().await.map_err(|_| Stopped)?;
        let is_long = W::is_long(&message);
        let is_first = self.waiting.fetch_add(1, Ordering::AcqRel) == 0;
        place.send(message);
        if is_first && (is_long || block_in_place(|| self.work())) {
            // A thread that is gone took the worker with it.
            let _ = self.wake.send(());
        }
        Ok(())
    }

    /// Until the worker has stopped.
    pub async fn stopped(&self) {
        self.messages.closed().await;
    }

    /// One round; says whether there is more.
    fn work(&self) -> bool {
        // A panic takes the worker with it, and whoever waits for an answer hears that it has stopped.
        let Some(mut desk) = self.desk().take() else { return false };
        let Some(done) = desk.worker.work_off(&mut desk.messages) else {
            // So does whoever was just about to leave a message.
            desk.messages.close();
            while desk.messages.blocking_recv().is_some() {}
            return false;
        };
        *self.desk() = Some(desk);
        self.waiting.fetch_sub(done, Ordering::AcqRel) != done
    }

    fn desk(&self) -> MutexGuard<'_, Option<Box<Desk<W>>>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, Stopped, Worker};
    use std::sync::Arc;
    use tokio::sync::{mpsc, oneshot};

    enum Message {
        Note(usize, usize),
        Fail,
        Stop,
        Tell(oneshot::Sender<Vec<(usize, usize)>>),
    }

    /// Takes one message at a time, so that senders find it at work and somebody else goes on.
    #[derive(Default)]
    struct Notebook(Vec<(usize, usize)>);

    impl Worker for Notebook {
        type Message = Message;

        fn is_long(message: &Message) -> bool {
            matches!(message, Message::Note(_, number) if number % 100 == 0)
        }

        fn work_off(&mut self, messages: &mut mpsc::Receiver<Message>) -> Option<usize> {
            match messages.blocking_recv()? {
                Message::Note(sender, number) => self.0.push((sender, number)),
                Message::Fail => panic!("as the test wants"),
                Message::Stop => return None,
                Message::Tell(reply) => reply.send(self.0.clone()).expect("the test waits"),
            }
            Some(1)
        }
    }

    fn inbox() -> Arc<Inbox<Notebook>> {
        Inbox::new(Notebook::default()).expect("a thread")
    }

    async fn told(inbox: &Arc<Inbox<Notebook>>) -> Result<Vec<(usize, usize)>, Stopped> {
        let (reply, answer) = oneshot::channel();
        inbox.send(Message::Tell(reply)).await?;
        answer.await.map_err(|_| Stopped)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_message_is_worked_off_in_the_order_of_its_sender() {
        const SENDERS: usize = 16;
        const EACH: usize = 2_000;
        let inbox = inbox();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let inbox = inbox.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        inbox.send(Message::Note(sender, number)).await.expect("it works");
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.expect("it sent");
        }
        let notes = told(&inbox).await.expect("it works");
        for sender in 0..SENDERS {
            let own = notes.iter().filter(|(by, _)| *by == sender).map(|(_, number)| *number);
            assert!(own.eq(0..EACH), "all of sender {sender}, in order");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_a_panic_everybody_hears_that_it_has_stopped() {
        let inbox = inbox();
        let failing = inbox.clone();
        let failed = tokio::spawn(async move { failing.send(Message::Fail).await }).await;
        assert!(failed.expect_err("it failed").is_panic());
        inbox.stopped().await;
        assert_eq!(told(&inbox).await, Err(Stopped));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_the_stop_everybody_hears_of_it() {
        let inbox = inbox();
        assert_eq!(inbox.send(Message::Stop).await, Ok(()));
        inbox.stopped().await;
        assert_eq!(told(&inbox).await, Err(Stopped));
    }
}
