//! CPU time of threads, processes and commands.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::report::Outcome;

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of this process, all threads.
pub fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time since the machine started: the same clock in all processes.
pub fn now() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// CPU time of another process, all threads, to the nanosecond.
pub fn cpu_of(pid: u32) -> Outcome<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the type that the call writes.
    let missing = unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &mut clock) };
    if missing != 0 {
        return Err(format!("process {pid} is gone"));
    }
    // SAFETY: as above.
    let missing = unsafe { libc::clock_gettime(clock, &mut time) };
    if missing != 0 {
        return Err(format!("process {pid} is gone"));
    }
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32))
}

/// A clock of the C library's: that of rustix looks for the kernel's page of it itself, which valgrind hides.
fn clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the type that the call writes; every kernel has these clocks.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What a process took, from its first to its last instruction.
pub struct Usage {
    /// User + system.
    pub cpu: Duration,
    /// Most memory that it ever had.
    pub rss_mb: f64,
}

/// Waits for the end of a process; an error when it does not end well.
pub fn wait(child: Child) -> Outcome<Usage> {
    let mut status = 0;
    // SAFETY: all of it is integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let pid = child.id().cast_signed();
    // SAFETY: both pointers are to live values of the types that the call writes. The child was not waited for before,
    // and dropping it does not wait.
    let ended = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
    if ended != pid {
        return Err("the process was lost".to_owned());
    }
    if libc::WIFSIGNALED(status) {
        return Err(format!("killed by signal {}", libc::WTERMSIG(status)));
    }
    if status != 0 {
        return Err(format!("ended with status {}", libc::WEXITSTATUS(status)));
    }
    let time =
        |t: libc::timeval| Duration::new(t.tv_sec.unsigned_abs(), t.tv_usec.unsigned_abs() as u32 * 1000);
    Ok(Usage { cpu: time(usage.ru_utime) + time(usage.ru_stime), rss_mb: usage.ru_maxrss as f64 / 1024.0 })
}

/// Pages that a process touched for the first time: each is a trip into the kernel, which clears it.
pub fn faults_of(pid: u32) -> Outcome<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let field = after.split_whitespace().nth(7).and_then(|faults| faults.parse().ok());
    field.ok_or_else(|| format!("process {pid} has no page faults"))
}

/// Most memory that a process ever had, MB.
pub fn peak_of(pid: u32) -> Outcome<f64> {
    status(&pid.to_string(), "VmHWM:")
}

/// Gives unused memory back and forgets how much there was: what is started next inherits that as the most that it ever had.
pub fn forget_peak() {
    // SAFETY: no argument is a pointer.
    unsafe { libc::malloc_trim(0) };
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Memory that this process has now, MB.
pub fn resident() -> Outcome<f64> {
    status("self", "VmRSS:")
}

/// A size of a process, MB.
fn status(pid: &str, name: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| format!("process {pid} has no {name}"))
}

/// Whether a thread of a process wants a core: on a busy machine it may have none for long.
fn is_runnable(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|after| after.trim_start().starts_with('R'))
    })
}

/// Waits until a process neither uses a core nor wants one; returns its CPU time.
pub fn settled(pid: u32) -> Outcome<Duration> {
    let end = Instant::now() + Duration::from_secs(60);
    let (mut last, mut calm) = (cpu_of(pid)?, 0);
    while calm < 3 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(40));
        let cpu = cpu_of(pid)?;
        let is_calm = cpu - last < Duration::from_micros(200) && !is_runnable(pid);
        calm = if is_calm { calm + 1 } else { 0 };
        last = cpu;
    }
    Ok(last)
}

/// Binds the calling thread, and what it starts, to a core; does nothing where there is no such core.
pub fn pin(core: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = rustix::thread::CpuSet::new();
    set.set(core % cores);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}
