//! Lines about the stream itself that more than one command prints.

use std::time::{Duration, SystemTime};

use linx::Kind;
use linx::json::Marker;
use linx::monitor::{Loss, LossReason};

use super::Printer;
use crate::object::Object;
use crate::place::Place;
use crate::units::show_size;

/// Kinds for people: `all but nft`, `route, neigh`.
pub(crate) fn kind_words(kinds: &[Kind]) -> String {
    let known = |kind: &&Kind| Object::ALL.iter().any(|object| object.kind() == Some(**kind));
    let count = kinds.iter().filter(known).count();
    let nft = kinds.iter().any(|kind| !known(&kind));
    // Ids of namespaces are not mirrored.
    let all = Object::ALL.len() - 1;
    match (count, nft) {
        (count, false) if count + 1 >= all => "all but nft".to_owned(),
        (0, true) => "nft".to_owned(),
        (count, true) if count + 1 >= all => "all".to_owned(),
        _ => {
            let mut words: Vec<_> = kinds.iter().map(|kind| linx::words::followed(*kind)).collect();
            words.dedup();
            words.join(", ")
        }
    }
}

impl Printer {
    /// The states of all namespaces are complete, so many: people are told once.
    pub(crate) fn all_synced(&mut self, count: usize, generation: Option<u32>, took: Duration) {
        if self.is_json() {
            return;
        }
        let s = if count == 1 { "" } else { "s" };
        let mut text = format!("{count} namespace{s} in {:.2} s", took.as_secs_f64());
        if let Some(generation) = generation {
            text += &format!(", nft generation {generation}");
        }
        let marker = Marker::Synced { kinds: &[], hidden: &[], generation };
        self.marker(SystemTime::now(), None, &marker, &text);
    }

    /// Announcements are missing; `then` is what that means for what is printed.
    pub(crate) fn loss(&mut self, time: SystemTime, place: &Place, loss: &Loss, kinds: &[Kind], then: &str) {
        let (error, message) = match &loss.reason {
            LossReason::Undecodable { bytes, error } => (Some(error.to_string()), Some(&**bytes)),
            _ => (None, None),
        };
        let marker = Marker::ResyncNeeded {
            reason: loss.reason.word(),
            kinds,
            rcvbuf: Some(loss.rcvbuf_bytes as u64),
            dropped: (loss.drops > 0).then_some(loss.drops.into()),
            error: error.as_deref(),
            message,
        };
        let mut text = loss.reason.to_string();
        if matches!(loss.reason, LossReason::Overflow) {
            text = format!("{text} ({})", show_size(loss.rcvbuf_bytes));
        }
        if loss.drops > 0 {
            text = format!("{text}, {} messages dropped", loss.drops);
        }
        self.marker(time, Some(place), &marker, &format!("{}: {text}{then}", kind_words(kinds)));
    }
}
