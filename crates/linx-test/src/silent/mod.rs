//! Scenes of what the kernel changes in silence: a test for each line of KERNEL.md 4.4, and of 1.6 where no event says
//! what changed.
//!
//! A scene is played in a namespace of its own: [`SilentScene::prepare`], then whatever watches is started, then
//! [`Stage::act`], which returns when the effect is there. What watches agrees with the kernel afterwards only if it
//! knows more than events.

mod links;
mod neighbours;
mod nft;
mod routes;
mod stage;

pub use stage::Stage;

/// The IPv4 routes that `ve0` has by its address, which go whenever it does.
const CONNECTED: &[&str] = &["- route/2/254/10.0.0.0/24/", "- route/2/255/10.0.0.255/32/"];

/// Whose events do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// rtnetlink's.
    Route,
    /// nf_tables'.
    Nft,
}

/// Something that changes in silence.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SilentScene {
    /// Its name, that of a test.
    pub name: &'static str,
    /// What sets it off, in the words of KERNEL.md.
    pub row: &'static str,
    /// Whose events do not tell.
    pub teller: Teller,
    /// What changes without being told, as those are wrong who believe events: `- KEY` of what is gone, `+ KEY` of what is
    /// there and `~ KEY FIELD` of what is otherwise, `~~` where the field is volatile. Keys are those of linx-net; of key
    /// and field the beginning. Empty: all that changes is told.
    pub silent: &'static [&'static str],
    /// What may be silent as well, but is another scene's.
    pub also: &'static [&'static str],
    /// The link (words of `ip link add NAME`) without which it cannot be played.
    pub needs: Option<&'static str>,
    prepare: fn(&mut Stage),
    act: fn(&mut Stage),
}

impl SilentScene {
    const ROUTE: Self = Self {
        name: "",
        row: "",
        teller: Teller::Route,
        silent: &[],
        also: &[],
        needs: None,
        prepare: |_| {},
        act: |_| {},
    };
    const NFT: Self = Self { teller: Teller::Nft, ..Self::ROUTE };

    /// All of them.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [routes::SCENES, links::SCENES, neighbours::SCENES, nft::SCENES].into_iter().flatten()
    }

    /// Changes of the same kinds that are told: what finds silence must find none here.
    pub fn told() -> impl Iterator<Item = &'static Self> {
        [routes::TOLD, neighbours::TOLD, nft::TOLD].into_iter().flatten()
    }

    /// The one with this name, silent or told.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        Self::all().chain(Self::told()).find(|scene| scene.name == name).expect("a scene of this name")
    }

    /// A namespace in which everything is ready for [`Stage::act`]; `None` when this kernel has not what it needs.
    #[must_use]
    pub fn prepare(&'static self) -> Option<Stage> {
        let mut stage = Stage::new(self.act);
        if let Some(words) = self.needs {
            if let Err(error) = stage.namespace.try_ip(&format!("link add probe0 {words}")) {
                eprintln!(
                    "SKIPPED {} without {words}: {}",
                    self.name,
                    error.lines().next().unwrap_or_default()
                );
                return None;
            }
            stage.namespace.ip("link del probe0");
        }
        (self.prepare)(&mut stage);
        Some(stage)
    }
}
