//! From the kernel's acknowledgement to the event in hand.

use std::time::{Duration, Instant};

use crate::load::{Sender, wait_until};
use crate::monitors::{BORROWED, BUSY, LINX, Measured, RAW, RAW_BUSY};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_most, median, quantile, under};
use crate::{Scale, libmnl, measure};

const P99: &str = "99th percentile, µs";

const GOALS: [Goal; 3] =
    [at_most(LINX, 1.15, RAW), at_most(LINX, 1.5, RAW).of_column(P99), under(BUSY, 1.0, None)];

/// The latency tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title("Latency", "µs from when the kernel has acknowledged a route to when its event is in hand.");
    let namespace = &Namespace::new()?;
    for (title, gap, count) in [
        ("A route every 200 µs", Duration::from_micros(200), 1500),
        ("A route every 3 ms", Duration::from_millis(3), 400),
    ] {
        let count = if scale.short { 20 } else { count };
        let ours = |name: &'static str| Contestant::new(name, move || turn(namespace, name, gap, count));
        let mut contestants: Vec<_> = [RAW, LINX, BORROWED, RAW_BUSY, BUSY].map(ours).into();
        if !scale.short {
            for name in crate::peers::MONITORS {
                contestants.push(Contestant { stranger: true, ..ours(name) });
            }
            contestants.push(Contestant { stranger: true, ..ours(libmnl::NAME) });
        }
        report.race(title, "median, µs", true, contestants, &GOALS)?;
    }
    Ok(())
}

fn turn(namespace: &Namespace, name: &str, gap: Duration, count: u32) -> Outcome<Sample> {
    let monitor = Measured::start(namespace, name, 4 << 20, count as usize)?;
    let mut sender = Sender::new(namespace)?;
    let sent = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            measure::pin(0);
            let mut sent = Vec::new();
            for n in 0..count {
                let start = Instant::now();
                // The kernel does all of its work before this returns; an acknowledgement would be queued by now.
                sender.send(n..n + 1, false)?;
                sent.push(measure::now().as_nanos() as u64);
                wait_until(start + gap / 2);
                sender.send(n..n + 1, true)?;
                wait_until(start + gap);
            }
            Ok::<_, String>(sent)
        });
        thread.join().map_err(|_| "the sender panicked".to_owned())?
    })?;
    let verdict = monitor.finish()?;
    let heard = sent.iter().zip(&verdict.times).filter(|(_, heard)| **heard > 0);
    let micros: Vec<f64> = heard.map(|(sent, heard)| (*heard as f64 - *sent as f64) / 1e3).collect();
    if micros.len() < count as usize {
        return Err(format!("{} of {count} events were heard", micros.len()));
    }
    Ok(Sample::new(median(&micros)).with(P99, quantile(&micros, 0.99)))
}
