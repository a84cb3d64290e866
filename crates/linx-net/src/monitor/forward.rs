//! Reading a monitor on a thread of its own, into a bounded channel.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use super::{Control, Decoder, Monitor, Notice, NoticeOf};
use crate::error::{Error, ErrorKind, Result};

/// How long to wait for room in the channel before looking again.
const RETRY: Duration = Duration::from_millis(10);

impl<D: Decoder> Monitor<D> {
    /// Reads it on a thread of its own and passes every notice to `sender`. When the channel is full, notices are
    /// dropped and counted, and one [`Notice::Lagged`] with their number comes as soon as there is room. The thread ends
    /// with the monitor (an error other than `Unsubscribed` is passed on as [`Notice::Ended`]), and when it finds that
    /// the receiver is gone.
    ///
    /// # Errors
    /// When no thread can be started.
    ///
    /// ```
    /// use linx::route::Monitor;
    /// use std::sync::mpsc::sync_channel;
    ///
    /// let (sender, receiver) = sync_channel(1024);
    /// let control = Monitor::builder().subscribe()?.forward_to(sender)?;
    /// control.unsubscribe();
    /// assert!(receiver.recv().is_err(), "nothing came, and nothing will");
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn forward_to(self, sender: SyncSender<NoticeOf<D>>) -> Result<Control> {
        let control = self.control();
        let unstarted = self.config().failed(ErrorKind::Io);
        std::thread::Builder::new()
            .name("linx-monitor".into())
            .spawn(move || run(self, &Outlet::<D> { sender }))
            .map_err(|_| unstarted)?;
        Ok(control)
    }
}

struct Outlet<D: Decoder> {
    sender: SyncSender<NoticeOf<D>>,
}

/// What became of a notice.
enum Sent {
    Yes,
    Full,
    NoReceiver,
}

impl<D: Decoder> Outlet<D> {
    fn send(&self, notice: NoticeOf<D>) -> Sent {
        match self.sender.try_send(notice) {
            Ok(()) => Sent::Yes,
            Err(TrySendError::Full(_)) => Sent::Full,
            Err(TrySendError::Disconnected(_)) => Sent::NoReceiver,
        }
    }
}

fn run<D: Decoder>(mut monitor: Monitor<D>, outlet: &Outlet<D>) {
    let mut lagged = 0;
    loop {
        let timeout = if lagged > 0 { Some(RETRY) } else { None };
        let notice = match monitor.recv_within(timeout) {
            Ok(notice) => notice,
            Err(error) => {
                drop(monitor);
                return finish(outlet, lagged, error);
            }
        };
        if lagged > 0 {
            match outlet.send(Notice::Lagged(lagged)) {
                Sent::Yes => lagged = 0,
                Sent::Full => {
                    lagged += u64::from(notice.is_some());
                    continue;
                }
                Sent::NoReceiver => return,
            }
        }
        match notice.map(|notice| outlet.send(notice)) {
            None | Some(Sent::Yes) => {}
            Some(Sent::Full) => lagged = 1,
            Some(Sent::NoReceiver) => return,
        }
    }
}

/// Passes on how it ended, however long the receiver takes.
fn finish<D: Decoder>(outlet: &Outlet<D>, lagged: u64, error: Error) {
    let lag = (lagged > 0).then_some(Notice::Lagged(lagged));
    let end = (error.kind != ErrorKind::Unsubscribed).then_some(Notice::Ended(error));
    for notice in lag.into_iter().chain(end) {
        if outlet.sender.send(notice).is_err() {
            return;
        }
    }
}
