//! Where a scene is played.

use std::any::Any;
use std::fmt;
use std::net::UdpSocket;

use linx_sys::Netns;

use crate::{Namespace, until};

/// A namespace with two links: `ve0` (10) with 10.0.0.1/24 and fd00::1/64, `ve1` (11) with 10.1.0.1/24 and fd00:1::1/64.
/// Their other ends, `vp0` and `vp1`, are in another namespace. All are up, and nothing is under way.
pub struct Stage {
    /// The namespace in which something happens.
    pub namespace: Namespace,
    /// The namespace of the other ends.
    pub peer: Namespace,
    act: fn(&mut Stage),
    /// What has to live until it is dropped.
    pub(super) held: Vec<Box<dyn Any + Send>>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Stage {
    pub(super) fn new(act: fn(&mut Stage)) -> Self {
        let namespace = Namespace::new("silent");
        let peer = Namespace::new("silentp");
        for sysctl in ["accept_dad", "router_solicitations"] {
            namespace.sysctl(&format!("net.ipv6.conf.default.{sysctl}"), "0");
        }
        // Carriers are seen at once where the two ends have different numbers.
        let lines = (0..2).map(|n| {
            format!(
                "link add ve{n} index 1{n} type veth peer name vp{n} netns {}\n\
                 link set ve{n} up\n\
                 address add 10.{n}.0.1/24 dev ve{n}\n\
                 address add fd00:{n}::1/64 dev ve{n}\n",
                peer.name()
            )
        });
        namespace.batch(&format!("link set lo up\n{}", lines.collect::<String>()));
        peer.batch("link set vp0 up\nlink set vp1 up\n");
        let stage = Self { namespace, peer, act, held: Vec::new() };
        for n in 0..2 {
            stage.shows(&format!("-o link show ve{n}"), "state UP");
            stage.shows(&format!("-6 -o address show dev ve{n} scope link"), "fe80::");
        }
        stage
    }

    /// One where nothing happens by itself: the namespaces and their links.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(|_| {})
    }

    /// The namespace in which something happens.
    #[must_use]
    pub fn netns(&self) -> Netns {
        self.namespace.netns()
    }

    /// Lets it happen, and returns when the effect is there.
    pub fn act(&mut self) {
        (self.act)(self);
    }

    /// Runs lines of `ip`; those that begin with `-6` come last.
    pub(super) fn ip(&self, lines: &str) {
        self.namespace.batch(&format!("{lines}\n"));
    }

    /// Waits until `ip ARGS` prints `text`.
    pub(super) fn shows(&self, args: &str, text: &str) {
        until(&format!("{text} of ip {args}"), || self.namespace.ip(args).contains(text));
    }

    /// Waits until `ip ARGS` does not print `text` any more.
    pub(super) fn lacks(&self, args: &str, text: &str) {
        until(&format!("no {text} of ip {args}"), || !self.namespace.ip(args).contains(text));
    }

    /// Sends a datagram to an address and port.
    pub(super) fn send(&self, to: &str) {
        send_from(&self.namespace, to);
    }

    /// Sets a sysctl of `ve0`.
    pub(super) fn sysctl_of_ve0(&self, family: &str, key: &str, value: &str) {
        self.namespace.sysctl(&format!("net.{family}.conf.ve0.{key}"), value);
    }
}

/// Sends a datagram of a hundred bytes; that it goes nowhere is no fault.
pub(super) fn send_from(namespace: &Namespace, to: &str) {
    let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let sent =
        namespace.netns().run(|| UdpSocket::bind(any).and_then(|socket| socket.send_to(&[0; 100], to)));
    let _ = sent.expect("to enter the namespace");
}
