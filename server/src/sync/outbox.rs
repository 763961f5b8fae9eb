//! Frames on their way from the node to one connection, of which only so much may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Who lets so much wait takes nothing and goes on asking.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// More waits than may.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMuch;

/// The node's end.
#[derive(Debug)]
pub struct Outbox {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// The connection's end.
#[derive(Debug)]
pub struct Outgoing {
    frames: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends.
pub fn outbox() -> (Outbox, Outgoing) {
    let (sender, frames) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outbox { frames: sender, waiting: waiting.clone() }, Outgoing { frames, waiting })
}

impl Outbox {
    /// Leaves a frame. Nobody may be there any more to take it.
    pub fn send(&self, frame: Vec<u8>) -> Result<(), TooMuch> {
        let bytes = frame.len();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_BYTES {
            return Err(TooMuch);
        }
        let _ = self.frames.send(frame);
        Ok(())
    }
}

impl Outgoing {
    /// The next frame; `None` once the node has ended the connection.
    pub async fn recv(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.recv().await;
        self.took(frame)
    }

    /// The next frame, if one waits.
    pub fn try_recv(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.try_recv().ok();
        self.took(frame)
    }

    fn took(&self, frame: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let bytes = frame.as_ref().map_or(0, Vec::len);
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_makes_room_and_too_much_is_told() {
        let (sender, mut frames) = outbox();
        for _ in 0..3 {
            assert_eq!(sender.send(vec![0; MOST_BYTES]), Ok(()));
            assert_eq!(frames.try_recv().map(|frame| frame.len()), Some(MOST_BYTES));
        }
        assert_eq!(sender.send(vec![0; MOST_BYTES]), Ok(()));
        assert_eq!(sender.send(vec![0]), Err(TooMuch));
    }
}
