//! Standard output on a thread of its own: who reads from the kernel never waits for who reads from us, up to a
//! bounded queue. Beyond it the kernel's queue fills, and its overflow is told.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Failure, Outcome};

/// Lines are handed over in pieces of about this size, bytes: each costs waking the writer once.
const PIECE: usize = 256 * 1024;

/// Pieces that may wait to be written: 16 MiB.
const PIECES: usize = 64;

/// What writing is called in errors.
const STDOUT: &str = "standard output";

/// Where lines go.
pub(crate) struct Output {
    piece: Vec<u8>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// Emptied pieces, to be filled again.
    spare: Vec<Vec<u8>>,
    /// A piece was taken out and is not written yet.
    writing: bool,
    /// Nothing more will come.
    ended: bool,
    /// Writing failed; everything else is thrown away.
    failed: Option<io::Error>,
    closed: bool,
}

impl Output {
    /// Writes to standard output.
    pub(crate) fn stdout() -> Outcome<Self> {
        // Not the standard library's own handle: it scans for line ends, and pieces are whole lines already.
        let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
        let stdout = stdout.map_err(|error| Failure::io(STDOUT, &error))?;
        Self::new(std::fs::File::from(stdout))
    }

    /// Writes to `sink`.
    pub(crate) fn new(sink: impl Write + Send + 'static) -> Outcome<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("linx-out".to_owned())
            .spawn(move || theirs.write_all(sink))
            .map_err(|error| Failure::io("start a thread", &error))?;
        Ok(Self { piece: Vec::with_capacity(PIECE + PIECE / 4), shared, writer: Some(writer) })
    }

    /// The place to append lines to, each with its line feed; follow up with [`Output::line`].
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.piece
    }

    /// Says that a line is complete: hands over what there is once it is enough. Waits while the queue is full.
    #[inline]
    pub(crate) fn line(&mut self) {
        if self.piece.len() >= PIECE {
            self.flush();
        }
    }

    /// Hands over everything.
    pub(crate) fn flush(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        while state.waiting.len() >= PIECES && !state.closed {
            state = self.shared.wait(state);
        }
        let next = state.spare.pop().unwrap_or_else(|| Vec::with_capacity(PIECE + PIECE / 4));
        let full = std::mem::replace(&mut self.piece, next);
        if !state.closed {
            state.waiting.push_back(full);
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    /// Whether nobody reads any more, or writing failed: [`Output::finish`] says which.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// What writing failed with. A reader that closed its end is no error.
    pub(crate) fn finish(mut self) -> Outcome {
        self.flush();
        self.end();
        if let Some(writer) = self.writer.take() {
            // It does not panic; if it did, the panic was printed.
            drop(writer.join());
        }
        match self.shared.lock().failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::io(STDOUT, &error)),
            _ => Ok(()),
        }
    }

    fn end(&self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: std::sync::MutexGuard<'a, State>) -> std::sync::MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut sink: impl Write) {
        let mut state = self.lock();
        loop {
            let Some(piece) = state.waiting.pop_front() else {
                if state.ended {
                    return;
                }
                state = self.wait(state);
                continue;
            };
            state.writing = true;
            drop(state);
            let result = sink.write_all(&piece);
            state = self.lock();
            state.writing = false;
            let mut piece = piece;
            piece.clear();
            if state.spare.len() < 4 {
                state.spare.push(piece);
            }
            if let Err(error) = result {
                state.failed = Some(error);
                state.closed = true;
                state.waiting.clear();
            }
            self.changed.notify_all();
            if state.closed {
                return;
            }
        }
    }
}
