//! Reading a rule set, all of it of one generation.
//!
//! - Each message of a dump carries the low 16 bits of the generation that it is of, elements included, which have no
//!   other sign of a tear (KERNEL.md 3.1). All of them must be those of the generation that was asked for before, and it
//!   must be the same afterwards. If not, all is read again.
//! - The kernel counts a commit first, then carries it out: policies, flags and sets of intervals are the old ones for
//!   some milliseconds of the new generation. It carries out one at a time, so a transaction of nothing, which changes
//!   nothing, not even the generation, returns when the commit of the generation that was asked for has ended.
//! - Rules are read chain by chain: the kernel's whole dump walks over all that it has shown already each time it goes on
//!   (seven times slower at 50,000 rules).
//! - Reads are as large as the kernel's parts get, from the socket's first on: else it leaves out what does not fit, and
//!   says nothing (KERNEL.md 3.2).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_sys::Protocol;
use linx_wire::emit::Request;
use linx_wire::nft::{
    Batch, Chain, ChainView, Elements, Flowtable, SetRef, SetView, StatefulObject, TableRef, request,
};
use linx_wire::{Decode, Kind};

use super::Family;
use super::ruleset::{Bag, Ruleset, set_key};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::monitor::{Control, nft::next_generation};
use crate::request::Expect;

/// Times that a rule set is read again because it changed meanwhile, unless told otherwise.
const RETRIES: u32 = 30;
/// Pause before the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

const PULL: &str = "list nft";

/// A rule set to be read, all of it unless told otherwise. See the [module](super).
pub fn pull(handle: &Handle) -> Pull {
    Pull {
        handle: handle.clone(),
        family: linx_wire::nft::family::UNSPEC,
        table: None,
        kinds: KINDS.into(),
        wanted: None,
        control: None,
        retries: RETRIES,
    }
}

const KINDS: [Kind; 7] = [
    Kind::Table,
    Kind::Chain,
    Kind::NftRule,
    Kind::Set,
    Kind::Elements,
    Kind::StatefulObject,
    Kind::Flowtable,
];

/// What to read of a rule set.
#[derive(Clone, Debug)]
#[must_use = "a rule set is read by ruleset()"]
pub struct Pull {
    handle: Handle,
    family: u8,
    table: Option<Box<[u8]>>,
    kinds: Vec<Kind>,
    /// Sets whose elements are to be read; `None` is all.
    wanted: Option<Wanted>,
    control: Option<Control>,
    retries: u32,
}

#[derive(Clone)]
struct Wanted(Arc<dyn Fn(&SetRef<'_>) -> bool + Send + Sync>);

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

/// Why one reading did not do.
enum Fault {
    /// The rule set changed meanwhile.
    Torn,
    Final(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Pull {
    /// Only tables of this family, and what is in them.
    pub fn family(self, family: Family) -> Self {
        Self { family: family.number(), ..self }
    }

    /// Only this table, and what is in it.
    pub fn table(self, family: Family, name: impl AsRef<[u8]>) -> Self {
        Self { family: family.number(), table: Some(name.as_ref().into()), ..self }
    }

    /// Only objects of these kinds.
    pub fn kinds(self, kinds: &[Kind]) -> Self {
        Self { kinds: kinds.into(), ..self }
    }

    /// Without the elements of sets and maps.
    pub fn without_elements(mut self) -> Self {
        self.kinds.retain(|kind| *kind != Kind::Elements);
        self
    }

    /// The elements of those sets and maps alone that are wanted: each is asked for when it was read itself, in every
    /// attempt. [`Ruleset::has_elements_of`] tells which were read.
    ///
    /// ```no_run
    /// use linx::nft::{self, SetView};
    /// use linx::Handle;
    ///
    /// let small = |set: &nft::SetRef<'_>| set.attributes().count().is_some_and(|count| count < 1000);
    /// let rules = nft::pull(&Handle::host()?).elements_of(small).ruleset()?;
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn elements_of(self, wanted: impl Fn(&SetRef<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { wanted: Some(Wanted(Arc::new(wanted))), ..self }
    }

    /// How often it is read again when it changes meanwhile (30 times unless told, which takes up to two seconds of
    /// pauses).
    pub fn retries(self, times: u32) -> Self {
        Self { retries: times, ..self }
    }

    /// For a monitor of the same namespace that is subscribed already: afterwards it tells exactly the commits after
    /// the rule set, none twice and none missing ([`Control::set_min_gen`] is called). What is in a channel of
    /// [`forward_to`](crate::monitor::Monitor::forward_to) by then was told before.
    pub fn subscribe_first(self, control: &Control) -> Self {
        Self { control: Some(control.clone()), ..self }
    }

    /// Reads it. If it changes meanwhile it is read again, up to thirty times with growing pauses.
    ///
    /// # Errors
    /// `Permission` without CAP_NET_ADMIN; `Kernel` with ENOENT for a table that does not exist; `Changing`, which names
    /// two generations, when it changed each time; `NamespaceGone`, also when the monitor of
    /// [`subscribe_first`](Self::subscribe_first) is another namespace's; `Decode`, `Timeout`, `Io`.
    ///
    /// ```
    /// use linx::nft::{self, Family, RuleView};
    /// use linx::Handle;
    ///
    /// match nft::pull(&Handle::host()?).table(Family::Inet, "filter").ruleset() {
    ///     Ok(rules) => rules.rules().for_each(|rule| println!("{} {:?}", rule.chain(), rule.handle())),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn ruleset(&self) -> Result<Ruleset> {
        let is_other = |control: &Control| control.netns_cookie() != self.handle.netns_cookie();
        if self.control.as_ref().is_some_and(is_other) {
            return Err(self.error(ErrorKind::NamespaceGone));
        }
        let mut pause = PAUSE;
        let mut tries = 0;
        let mut before = super::generation(&self.handle)?;
        loop {
            let outcome = self.settled().and_then(|()| self.once(before));
            // Also of a reading that failed: what is missing may have gone meanwhile.
            let after = super::generation(&self.handle)?;
            match outcome {
                Ok(mut ruleset) if after == before => {
                    ruleset.generation = before;
                    ruleset.netns = self.handle.netns_cookie();
                    if let Some(control) = &self.control {
                        control.set_min_gen(next_generation(before));
                    }
                    return Ok(ruleset);
                }
                Err(Fault::Final(error)) if after == before => return Err(error),
                _ if tries == self.retries => return Err(self.error(ErrorKind::Changing { before, after })),
                _ => {}
            }
            tries += 1;
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            before = super::generation(&self.handle)?;
        }
    }

    /// [`ruleset`](Self::ruleset) on tokio's blocking pool: the kernel builds a dump inside `recv(2)` (feature `tokio`).
    ///
    /// # Errors
    /// As [`ruleset`](Self::ruleset); `Io` when the runtime shuts down.
    ///
    /// # Panics
    /// Outside a runtime.
    #[cfg(feature = "tokio")]
    pub async fn ruleset_async(self) -> Result<Ruleset> {
        let cancelled = self.error(ErrorKind::Io);
        match tokio::task::spawn_blocking(move || self.ruleset()).await {
            Ok(ruleset) => ruleset,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(cancelled),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        self.handle.error(kind, &self.operation())
    }

    /// What is being done, for errors.
    fn operation(&self) -> String {
        match &self.table {
            None => PULL.to_owned(),
            Some(name) => {
                let family = linx_wire::nft::family::word(self.family).unwrap_or("?");
                format!("{PULL}: table {family} \"{}\"", linx_wire::name::Name::new(name))
            }
        }
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Waits for the end of a commit that is being carried out.
    fn settled(&self) -> Result<(), Fault> {
        let nothing = |seq, portid| Batch::new(seq, portid, None).and_then(Batch::finish);
        // What is in it is short enough.
        let nothing = |seq, portid| nothing(seq, portid).unwrap_or_default();
        Ok(self.handle.send_by(Protocol::NETFILTER, nothing, &self.operation())?)
    }

    /// One reading; all of it is of `generation`, or it is torn.
    fn once(&self, generation: u32) -> Result<Ruleset, Fault> {
        let mut all = Ruleset::default();
        let (family, table) = (self.family, self.table.as_deref());
        match table {
            None if !self.wants(Kind::Table) => {}
            None => self.bag(request::tables(family), generation, &mut all.tables)?,
            Some(name) => self.one_table(family, name, generation, &mut all)?,
        }
        if self.wants(Kind::Chain) || self.wants(Kind::NftRule) {
            self.chains_and_rules(generation, &mut all)?;
        }
        if self.wants(Kind::StatefulObject) {
            self.bag::<StatefulObject>(request::objects(family, table, None), generation, &mut all.objects)?;
        }
        if self.wants(Kind::Flowtable) {
            self.bag::<Flowtable>(request::flowtables(family, table), generation, &mut all.flowtables)?;
        }
        if self.wants(Kind::Set) || self.wants(Kind::Elements) {
            self.bag(request::sets(family, table), generation, &mut all.sets)?;
        }
        if self.wants(Kind::Elements) {
            all.reads_elements = true;
            let sets = std::mem::take(&mut all.sets);
            for set in sets.iter() {
                if self.wanted.as_ref().is_some_and(|wanted| !wanted.0(&set)) {
                    all.unread.insert(set_key(&set));
                    continue;
                }
                let (table, name) = (set.table().as_bytes(), set.name().as_bytes());
                let (request, from) = (request::elements(set.family(), table, name), Instant::now());
                self.bag::<Elements>(request, generation, &mut all.elements)?;
                all.was_read(&set, from);
            }
            all.sets = sets;
        }
        if !self.wants(Kind::Table) {
            all.tables = Bag::default();
        }
        if !self.wants(Kind::Set) {
            all.sets = Bag::default();
        }
        Ok(all)
    }

    fn one_table(&self, family: u8, name: &[u8], generation: u32, all: &mut Ruleset) -> Result<(), Fault> {
        let too_long = |_| Fault::Final(self.error(ErrorKind::Truncated));
        let request = request::table(family, name).map_err(too_long)?.acknowledged();
        let mut torn = false;
        let tables = &mut all.tables;
        let mut answer = self.handle.ask_by(Protocol::NETFILTER, request, Expect::Ack, &self.operation())?;
        answer.for_each(|message| {
            torn |= !is_of(message.payload, generation);
            TableRef::decode(message.payload).map_err(ErrorKind::Decode)?;
            tables.push(message.bytes);
            Ok(())
        })?;
        if torn { Err(Fault::Torn) } else { Ok(()) }
    }

    fn chains_and_rules(&self, generation: u32, all: &mut Ruleset) -> Result<(), Fault> {
        let mut places = Vec::new();
        let chains = &mut all.chains;
        self.dump::<Chain>(request::chains(self.family), generation, |message, chain| {
            // There is no filter for the chains of one table.
            if self.table.as_deref().is_none_or(|table| chain.table().as_bytes() == table) {
                chains.push(message);
                let (table, name) = (chain.table().as_bytes(), chain.name().as_bytes());
                places.push((chain.family(), Box::<[u8]>::from(table), Box::<[u8]>::from(name)));
            }
        })?;
        if self.wants(Kind::NftRule) {
            for (family, table, chain) in &places {
                self.bag(request::rules(*family, Some(table), Some(chain)), generation, &mut all.rules)?;
            }
        }
        if !self.wants(Kind::Chain) {
            all.chains = Bag::default();
        }
        Ok(())
    }

    fn bag<T: Decode>(&self, request: Request, generation: u32, bag: &mut Bag<T>) -> Result<(), Fault> {
        self.dump::<T>(request, generation, |message, _| bag.push(message))
    }

    fn dump<T: Decode>(
        &self,
        request: Request,
        generation: u32,
        mut each: impl FnMut(&[u8], T::Ref<'_>),
    ) -> Result<(), Fault> {
        let operation = self.operation();
        let mut answer = self.handle.ask_by(Protocol::NETFILTER, request, Expect::Dump, &operation)?;
        while let Some(message) = answer.next() {
            let message = match message {
                Err(error) if error.kind == ErrorKind::Torn => return Err(Fault::Torn),
                message => message?,
            };
            if message.header.message_type != T::NEW {
                continue;
            }
            if !is_of(message.payload, generation) {
                return Err(Fault::Torn);
            }
            let object =
                T::decode_ref(message.payload).map_err(|error| self.error(ErrorKind::Decode(error)))?;
            each(message.bytes, object);
        }
        Ok(())
    }
}

/// Whether a message is of this generation, by the low bits that it carries (`nfgenmsg.res_id`).
fn is_of(payload: &[u8], generation: u32) -> bool {
    payload.get(2..4).is_some_and(|low| *low == (generation as u16).to_be_bytes())
}
