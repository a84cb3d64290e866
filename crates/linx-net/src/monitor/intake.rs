//! When a loss is told: the order of what was queued, the gap, and what came after it. No I/O.
//!
//! The kernel reports an overflow (ENOBUFS) before the datagrams that are queued, all of which are older than the gap,
//! and takes nothing more until its queue was empty once (KERNEL.md 2.1). So the datagrams are delivered first, then
//! the loss. A datagram may arrive between the last of the old ones and the empty queue that ends them: it is newer
//! than the gap and yet delivered before the loss is told. So a loss says "somewhere before this", not "here".

/// Least that a queued datagram costs the kernel's accounting, bytes (`SKB_TRUESIZE` of an empty one; a route event
/// costs 832).
const LEAST_TRUESIZE: u32 = 512;

/// Whether an overflow is waiting to be told.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Datagrams that may still be older than the gap.
    old: Option<u32>,
}

impl Intake {
    /// ENOBUFS, with so many bytes queued. True: an earlier loss is to be told first; its queue was empty, or the kernel
    /// would not report another.
    pub(crate) fn overflow(&mut self, queued_bytes: u32) -> bool {
        self.old.replace(queued_bytes / LEAST_TRUESIZE + 1).is_some()
    }

    /// A datagram came. True: the loss is to be told before it, because all that was queued has been delivered and a
    /// reader who never sees an empty queue must hear of it too.
    pub(crate) fn datagram(&mut self) -> bool {
        match &mut self.old {
            None => false,
            Some(0) => {
                self.old = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// The queue is empty. True: the loss is to be told now.
    pub(crate) fn empty(&mut self) -> bool {
        self.old.take().is_some()
    }

    /// Whether a loss is waiting.
    pub(crate) fn is_pending(&self) -> bool {
        self.old.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn the_loss_comes_when_the_queue_is_empty() {
        let mut intake = Intake::default();
        assert!(!intake.empty());
        assert!(!intake.overflow(5 * 832));
        assert!(!intake.datagram() && !intake.datagram() && intake.is_pending());
        assert!(intake.empty());
        assert!(!intake.empty() && !intake.datagram());
    }

    #[test]
    fn a_second_overflow_tells_the_first() {
        let mut intake = Intake::default();
        assert!(!intake.overflow(0));
        assert!(intake.overflow(0));
        assert!(intake.empty() && !intake.empty());
    }

    #[test]
    fn a_reader_who_is_never_done_hears_of_it() {
        let mut intake = Intake::default();
        intake.overflow(10 * 512);
        let until = (0..100).take_while(|_| !intake.datagram()).count();
        assert_eq!(until, 11);
    }

    /// The kernel's side, as `af_netlink.c` has it.
    #[derive(Default)]
    struct Kernel {
        queue: VecDeque<u32>,
        congested: bool,
        error: bool,
        next: u32,
        lost: u32,
    }

    impl Kernel {
        const ROOM: usize = 4;

        fn send(&mut self) {
            let number = self.next;
            self.next += 1;
            if self.congested || self.queue.len() >= Self::ROOM {
                self.lost += 1;
                self.error |= !self.congested;
                self.congested = true;
            } else {
                self.queue.push_back(number);
            }
        }

        fn recv(&mut self) -> Result<Option<u32>, ()> {
            if std::mem::take(&mut self.error) {
                self.congested &= !self.queue.is_empty();
                return Err(());
            }
            let first = self.queue.pop_front();
            self.congested &= !self.queue.is_empty();
            Ok(first)
        }
    }

    proptest! {
        /// Against a model of the kernel's queue: what is delivered is in order, and every hole in it is told after
        /// the last datagram before it and within a queue's length after it.
        #[test]
        fn every_hole_is_told(script in prop::collection::vec(any::<bool>(), 0..400)) {
            let (mut kernel, mut intake) = (Kernel::default(), Intake::default());
            let mut seen: Vec<u32> = Vec::new();
            let mut told: Vec<usize> = Vec::new();
            let mut read = |kernel: &mut Kernel, told: &mut Vec<usize>| {
                match kernel.recv() {
                    Err(()) => {
                        if intake.overflow(832 * kernel.queue.len() as u32) {
                            told.push(seen.len());
                        }
                    }
                    Ok(None) => {
                        if intake.empty() {
                            told.push(seen.len());
                        }
                        return false;
                    }
                    Ok(Some(number)) => {
                        if intake.datagram() {
                            told.push(seen.len());
                        }
                        seen.push(number);
                    }
                }
                true
            };
            for send in script {
                if send {
                    kernel.send();
                } else {
                    read(&mut kernel, &mut told);
                }
            }
            while read(&mut kernel, &mut told) {}
            for (at, pair) in seen.windows(2).enumerate() {
                prop_assert!(pair[0] < pair[1]);
                if pair[0] + 1 < pair[1] {
                    let bound = at + 1..=at + 1 + 2 * Kernel::ROOM + 1;
                    prop_assert!(told.iter().any(|place| bound.contains(place)), "hole after {}", pair[0]);
                }
            }
            let behind_the_last = seen.last().map_or(0, |last| last + 1) < kernel.next;
            prop_assert!(!behind_the_last || told.last() == Some(&seen.len()));
            prop_assert_eq!(kernel.lost == 0, told.is_empty());
        }
    }
}
