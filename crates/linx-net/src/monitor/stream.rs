//! A monitor as a `Stream`, under tokio.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use linx_sys::AsyncReady;
use tokio::time::{Instant, Sleep};

use super::{Control, Decoder, Monitor, NoticeOf};
use crate::error::{ErrorKind, Result};

/// A monitor's notices, one after the other. It ends when the monitor was unsubscribed, and after an error.
///
/// The runtime needs I/O and time (`enable_all`).
#[must_use = "a stream does nothing unless it is polled"]
pub struct Notices<D: Decoder> {
    ready: AsyncReady,
    monitor: Monitor<D>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Events wake nobody while it sleeps: they gather.
    napping: bool,
    ended: bool,
}

impl<D: Decoder> Monitor<D> {
    /// The monitor as a `Stream` (feature `tokio`).
    ///
    /// # Errors
    /// `Unsupported` outside a runtime, `Io` on EMFILE.
    ///
    /// # Panics
    /// tokio panics when the runtime was built without I/O.
    ///
    /// ```
    /// use linx::route::{Monitor, Notice};
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> linx::Result<()> {
    /// let mut monitor = Monitor::builder().subscribe()?;
    /// let barrier = monitor.barrier()?;
    /// let mut notices = monitor.into_stream()?;
    /// // With `futures::StreamExt`: `while let Some(notice) = notices.next().await`.
    /// while let Some(notice) = poll_fn(|cx| Pin::new(&mut notices).poll_next(cx)).await {
    ///     if matches!(notice?, Notice::Barrier(reached) if reached == barrier) {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_stream(self) -> Result<Notices<D>> {
        let ready = AsyncReady::new(&self).map_err(|error| self.config().error(error))?;
        Ok(Notices { ready, monitor: self, sleep: None, napping: false, ended: false })
    }
}

impl<D: Decoder> Notices<D> {
    /// A handle to steer the monitor from elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        self.monitor.control()
    }
}

// Nothing in it is pinned but the boxed sleep.
impl<D: Decoder> Unpin for Notices<D> {}

impl<D: Decoder> Stream for Notices<D> {
    type Item = Result<NoticeOf<D>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        // A storm of notices that are there already must not starve other tasks.
        let budget = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            if let Some(sleep) = &mut this.sleep {
                let asleep = sleep.as_mut().poll(cx).is_pending();
                if asleep && (this.napping || this.ready.poll_readable(cx).is_pending()) {
                    return Poll::Pending;
                }
                this.sleep = None;
            }
            match this.monitor.try_recv() {
                Ok(Some(notice)) => {
                    budget.made_progress();
                    return Poll::Ready(Some(Ok(notice)));
                }
                Ok(None) => {}
                Err(error) => {
                    this.ended = true;
                    let unsubscribed = error.kind == ErrorKind::Unsubscribed;
                    return Poll::Ready((!unsubscribed).then_some(Err(error)));
                }
            }
            let nap = this.monitor.nap();
            this.napping = nap.is_some();
            if let Some(nap) = nap {
                this.sleep = Some(Box::pin(tokio::time::sleep(nap)));
            } else if let Some(deadline) = this.monitor.deadline() {
                this.sleep = Some(Box::pin(tokio::time::sleep_until(Instant::from_std(deadline))));
            } else if let Err(error) = ready!(this.ready.poll_readable(cx)) {
                this.ended = true;
                return Poll::Ready(Some(Err(this.monitor.config().error(error))));
            }
        }
    }
}

impl<D: Decoder> fmt::Debug for Notices<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notices").field(&self.monitor).finish()
    }
}
