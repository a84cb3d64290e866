//! Contestants that take turns, and a table of their medians.

use std::time::Duration;

/// One line of a table.
pub struct Contestant<'a> {
    /// What is measured.
    pub name: &'static str,
    /// Runs once over everything; returns how many messages it took.
    pub run: Box<dyn FnMut() -> u64 + 'a>,
    /// Most that its ratio to the first contestant may be.
    pub goal: Option<f64>,
}

/// Runs all contestants in turn, `rounds` times, and prints ns per message, ratio to the first, spread and
/// allocations per message.
pub fn race(title: &str, rounds: usize, mut contestants: Vec<Contestant<'_>>) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    let mut allocations = vec![0.0; contestants.len()];
    for round in 0..=rounds {
        for (index, contestant) in contestants.iter_mut().enumerate() {
            let before = crate::allocations();
            let start = cpu();
            let messages = (contestant.run)() as f64;
            let took = cpu() - start;
            // Round 0 warms up.
            if round > 0 {
                times[index].push(took.as_nanos() as f64 / messages);
                allocations[index] = (crate::allocations() - before) as f64 / messages;
            }
        }
    }
    println!("\n{title} ({rounds} rounds, interleaved; CPU time)\n");
    println!("| contestant | ns/message | ratio | goal | spread | allocations |\n|---|---|---|---|---|---|");
    let mut base = None;
    for ((contestant, times), allocations) in contestants.iter().zip(&mut times).zip(allocations) {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let base = *base.get_or_insert(median);
        let ratio = median / base;
        let goal = contestant.goal.map_or(String::new(), |goal| {
            format!("≤ {goal} {}", if ratio <= goal { "met" } else { "not met" })
        });
        println!(
            "| {} | {median:.1} | {ratio:.2} | {goal} | {:.1}–{:.1} | {allocations:.2} |",
            contestant.name,
            times[0],
            times[times.len() - 1],
        );
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
