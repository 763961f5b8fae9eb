//! The way to the one who works messages off, one after the other: whoever leaves a message does it, unless
//! somebody does already. A thread for it would be woken for every message, and would wake whoever asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Messages that wait; each connection has at most two among them.
const MOST_WAITING: usize = 4096;

/// After so many rounds somebody else goes on: who left a message has work of its own to do.
const MOST_ROUNDS: usize = 16;

/// Works messages off.
pub trait Worker: Send + 'static {
    /// What is left for it.
    type Message: Send + 'static;

    /// Waits for a message and works off what is there; says how many that were, or nothing if it is to
    /// stop. It may wait for the disk.
    fn work_off(&mut self, messages: &mut mpsc::Receiver<Self::Message>) -> Option<usize>;
}

/// A worker and what waits for it. Needs a runtime of several threads.
pub struct Inbox<W: Worker> {
    messages: mpsc::Sender<W::Message>,
    /// Messages that are not worked off. Whoever raises it from zero works, down to zero again.
    waiting: AtomicUsize,
    /// Empty while somebody works, and once the worker has stopped.
    desk: Mutex<Option<Box<Desk<W>>>>,
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
    pub fn new(worker: W) -> Arc<Self> {
        let (sender, messages) = mpsc::channel(MOST_WAITING);
        let desk = Mutex::new(Some(Box::new(Desk { worker, messages })));
        Arc::new(Self { messages: sender, waiting: AtomicUsize::new(0), desk })
    }

    /// Leaves a message, and works off what waits if nobody does.
    pub async fn send(self: &Arc<Self>, message: W::Message) -> Result<(), Stopped> {
        let place = self.messages.reserve().await.map_err(|_| Stopped)?;
        let is_first = self.waiting.fetch_add(1, Ordering::AcqRel) == 0;
        place.send(message);
        if is_first {
            tokio::task::block_in_place(|| self.work());
        }
        Ok(())
    }

    /// Until the worker has stopped.
    pub async fn stopped(&self) {
        self.messages.closed().await;
    }

    fn work(self: &Arc<Self>) {
        for _ in 0..MOST_ROUNDS {
            // A panic takes the worker with it, and whoever waits for an answer hears that it has stopped.
            let Some(mut desk) = self.desk().take() else { return };
            let Some(done) = desk.worker.work_off(&mut desk.messages) else { return };
            *self.desk() = Some(desk);
            if self.waiting.fetch_sub(done, Ordering::AcqRel) == done {
                return;
            }
        }
        let next = self.clone();
        tokio::task::spawn_blocking(move || next.work());
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

    /// Takes one message at a time, so that senders find it at work and rounds run out.
    #[derive(Default)]
    struct Notebook(Vec<(usize, usize)>);

    impl Worker for Notebook {
        type Message = Message;

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

    async fn told(inbox: &Arc<Inbox<Notebook>>) -> Result<Vec<(usize, usize)>, Stopped> {
        let (reply, answer) = oneshot::channel();
        inbox.send(Message::Tell(reply)).await?;
        answer.await.map_err(|_| Stopped)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_message_is_worked_off_in_the_order_of_its_sender() {
        const SENDERS: usize = 16;
        const EACH: usize = 2_000;
        let inbox = Inbox::new(Notebook::default());
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
        let inbox = Inbox::new(Notebook::default());
        let failing = inbox.clone();
        let failed = tokio::spawn(async move { failing.send(Message::Fail).await }).await;
        assert!(failed.expect_err("it failed").is_panic());
        inbox.stopped().await;
        assert_eq!(told(&inbox).await, Err(Stopped));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_the_stop_everybody_hears_of_it() {
        let inbox = Inbox::new(Notebook::default());
        assert_eq!(inbox.send(Message::Stop).await, Ok(()));
        inbox.stopped().await;
        assert_eq!(told(&inbox).await, Err(Stopped));
    }
}
