//! Watches of a mirror and of a fleet as streams, under tokio.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use linx_sys::AsyncReady;

use super::fleet::{FleetNotice, FleetWatch};
use super::{Notice, Watch};
use crate::error::{Error, ErrorKind, Result};

mod sealed {
    /// What can be read without waiting.
    pub trait Read {
        type Notice;

        fn try_next(&mut self) -> crate::error::Result<Option<Self::Notice>>;
    }
}

use sealed::Read;

impl Read for Watch {
    type Notice = Notice;

    fn try_next(&mut self) -> Result<Option<Notice>> {
        Self::try_next(self)
    }
}

impl Read for FleetWatch {
    type Notice = FleetNotice;

    fn try_next(&mut self) -> Result<Option<FleetNotice>> {
        Self::try_next(self)
    }
}

/// A watch's notices, one after the other. It ends when the mirror or the fleet does, and after an error.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Changes<W = Watch> {
    ready: AsyncReady,
    watch: W,
    ended: bool,
}

/// A fleet's notices, one after the other.
pub type FleetChanges = Changes<FleetWatch>;

/// Declares how a watch becomes a stream.
macro_rules! streams {
    ($($watch:ident)*) => {$(
        impl $watch {
            /// The watch as a `Stream` (feature `tokio`).
            ///
            /// # Errors
            /// `Unsupported` outside a runtime, `Io` on EMFILE.
            ///
            /// # Panics
            /// tokio panics when the runtime was built without I/O.
            pub fn into_stream(self) -> Result<Changes<Self>> {
                let descriptor = self.descriptor()?;
                let ready = AsyncReady::new(descriptor).map_err(|error| Error::system("watch", error))?;
                Ok(Changes { ready, watch: self, ended: false })
            }
        }
    )*};
}

streams!(Watch FleetWatch);

impl<W> Changes<W> {
    /// The watch, for its `state`.
    #[must_use]
    pub fn watch(&self) -> &W {
        &self.watch
    }
}

// Nothing in it is pinned.
impl<W> Unpin for Changes<W> {}

impl<W: Read> Stream for Changes<W> {
    type Item = Result<W::Notice>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        // Changes that are there already must not starve other tasks.
        let budget = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            match this.watch.try_next() {
                Ok(Some(notice)) => {
                    budget.made_progress();
                    return Poll::Ready(Some(Ok(notice)));
                }
                Ok(None) => {}
                Err(error) => {
                    this.ended = true;
                    let is_over = error.kind == ErrorKind::Unsubscribed;
                    return Poll::Ready((!is_over).then_some(Err(error)));
                }
            }
            if let Err(error) = ready!(this.ready.poll_readable(cx)) {
                this.ended = true;
                return Poll::Ready(Some(Err(Error::system("watch", error))));
            }
        }
    }
}

impl<W: fmt::Debug> fmt::Debug for Changes<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Changes").field(&self.watch).finish()
    }
}
