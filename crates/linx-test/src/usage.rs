//! What a process uses: time, memory, descriptors, threads.

use std::time::Duration;

/// What this process uses now.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory that is resident, bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

impl Usage {
    /// As it is now.
    #[must_use]
    pub fn now() -> Self {
        let pages: u64 = read("/proc/self/statm").split_whitespace().nth(1).unwrap().parse().unwrap();
        Self {
            resident: pages * rustix::param::page_size() as u64,
            // Without the one that it is read by.
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count() - 1,
            threads: std::fs::read_dir("/proc/self/task").unwrap().count(),
        }
    }
}

/// Processor time that this process has had. It needs no descriptor.
#[must_use]
pub fn processor_time() -> Duration {
    linx_sys::processor_time()
}

/// Processor time that the threads of this name have had, and how often they have gone to sleep.
#[must_use]
pub fn thread_usage(name: &str) -> (Duration, u64) {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|entry| entry.path());
    let (mut time, mut sleeps) = (Duration::ZERO, 0);
    for thread in threads.filter(|path| read_if(&path.join("comm")).trim_end() == name) {
        let nanoseconds = read_if(&thread.join("schedstat"));
        let nanoseconds = nanoseconds.split_whitespace().next().and_then(|number| number.parse().ok());
        time += Duration::from_nanos(nanoseconds.unwrap_or_default());
        let status = read_if(&thread.join("status"));
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sleeps += line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or_default();
    }
    (time, sleeps)
}

/// Bytes that are in a pipe, not read by anybody yet.
#[must_use]
pub fn unread(pipe: impl std::os::fd::AsFd) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap()
}

/// A thread may have ended meanwhile.
fn read_if(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}
