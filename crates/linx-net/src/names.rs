//! Names for numbers: iproute2's name files (`rt_protos`, `rt_tables`, …), and the names of links.
//!
//! Where the files are, as iproute2 6.x has it: `/etc/iproute2/FILE`; where that does not exist
//! `/usr/share/iproute2/FILE`, then `/usr/lib/iproute2/FILE`. To it come the files `FILE.d/*.conf` of the same three
//! directories, where one in `/etc` hides one of the same name. What no file names has iproute2's built-in name, or
//! is a number. A line that cannot be read, or that would name a number with what a terminal obeys,
//! is skipped. Names of protocols above IP come from `/etc/protocols`.
//!
//! Nothing here asks the kernel: [`LinkNames`] is filled from links that a list or a monitor brought.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use linx_wire::name::{Name, is_dangerous};
use linx_wire::route::LinkView;

#[cfg(feature = "nft")]
pub use crate::datatype::{KnownSets, SetTypes, Sets};
use crate::words::{self, Words};

/// What a name file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NameFile {
    /// `rt_protos`: who made a route (`RTPROT_*`).
    Protocols,
    /// `rt_scopes`: `RT_SCOPE_*`
    Scopes,
    /// `rt_tables`: routing tables.
    Tables,
    /// `rt_dsfield`: values of the type-of-service byte.
    DsField,
    /// `rt_realms`: route realms.
    Realms,
    /// `group`: groups of links.
    Groups,
    /// `rt_addrprotos`: who made an address (`IFAPROT_*`).
    AddressProtocols,
    /// `protodown_reasons`: bits of a link's protocol-down reasons.
    ProtoDownReasons,
    /// `/etc/protocols`: protocols above IP (`IPPROTO_*`).
    IpProtocols,
}

impl NameFile {
    const ALL: [Self; 9] = [
        Self::Protocols,
        Self::Scopes,
        Self::Tables,
        Self::DsField,
        Self::Realms,
        Self::Groups,
        Self::AddressProtocols,
        Self::ProtoDownReasons,
        Self::IpProtocols,
    ];

    fn file(self) -> &'static str {
        match self {
            Self::Protocols => "rt_protos",
            Self::Scopes => "rt_scopes",
            Self::Tables => "rt_tables",
            Self::DsField => "rt_dsfield",
            Self::Realms => "rt_realms",
            Self::Groups => "group",
            Self::AddressProtocols => "rt_addrprotos",
            Self::ProtoDownReasons => "protodown_reasons",
            // Beside iproute2's own directory: /etc/protocols.
            Self::IpProtocols => "../protocols",
        }
    }

    /// Whether iproute2 reads a directory of additions to it.
    fn has_directory(self) -> bool {
        matches!(self, Self::Protocols | Self::Tables | Self::AddressProtocols | Self::ProtoDownReasons)
    }

    /// What iproute2 knows without a file.
    fn built_in(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::Protocols => &[
                (0, "unspec"),
                (1, "redirect"),
                (2, "kernel"),
                (3, "boot"),
                (4, "static"),
                (8, "gated"),
                (9, "ra"),
                (10, "mrt"),
                (11, "zebra"),
                (12, "bird"),
                (13, "dnrouted"),
                (14, "xorp"),
                (15, "ntk"),
                (16, "dhcp"),
                (18, "keepalived"),
                (42, "babel"),
                (186, "bgp"),
                (187, "isis"),
                (188, "ospf"),
                (189, "rip"),
                (192, "eigrp"),
            ],
            Self::Scopes => &[(0, "global"), (255, "nowhere"), (254, "host"), (253, "link"), (200, "site")],
            Self::Tables => &[(253, "default"), (254, "main"), (255, "local")],
            Self::DsField => &[(0, "0")],
            Self::Realms => &[(0, "unknown")],
            Self::Groups => &[(0, "default")],
            Self::AddressProtocols => &[(0, "unspec"), (1, "kernel_lo"), (2, "kernel_ra"), (3, "kernel_ll")],
            Self::ProtoDownReasons => &[],
            Self::IpProtocols => &[
                (1, "icmp"),
                (2, "igmp"),
                (4, "ipencap"),
                (6, "tcp"),
                (17, "udp"),
                (33, "dccp"),
                (41, "ipv6"),
                (47, "gre"),
                (50, "esp"),
                (51, "ah"),
                (58, "ipv6-icmp"),
                (89, "ospf"),
                (103, "pim"),
                (108, "ipcomp"),
                (112, "vrrp"),
                (115, "l2tp"),
                (132, "sctp"),
                (136, "udplite"),
            ],
        }
    }

    /// How a number without a name is written.
    fn number(self, number: u32) -> String {
        match self {
            Self::DsField => format!("{number:#04x}"),
            Self::AddressProtocols => format!("{number:#04x}"),
            Self::IpProtocols => format!("ipproto-{number}"),
            _ => number.to_string(),
        }
    }

    /// Numbers below this are looked up without a search.
    const COMMON: usize = 256;
}

/// Names of one kind, in both directions.
#[derive(Clone, Debug)]
struct Table {
    /// Text of the numbers 0 to 255, ready to print.
    common: Vec<Box<str>>,
    beyond: HashMap<u32, Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

/// iproute2's names for numbers.
#[derive(Clone, Debug)]
pub struct Names {
    tables: Vec<Table>,
    numeric: bool,
    /// Shared by those who say the same.
    state: Token,
}

/// Stands for what something says at a moment: as long as one is kept, nothing that says otherwise has the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token(Arc<()>);

impl Token {
    /// Whether it is of the same words.
    #[cfg(feature = "json")]
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What it stands for says something else from now on.
    fn change(&mut self) {
        if Arc::get_mut(&mut self.0).is_none() {
            *self = Self::default();
        }
    }
}

/// Where iproute2 looks, the strongest first.
const DIRECTORIES: [&str; 3] = ["/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"];

impl Names {
    /// The names of this machine's files. What cannot be read is left out: the built-in names remain.
    #[must_use]
    pub fn load() -> Self {
        Self::load_from(&DIRECTORIES.map(Path::new))
    }

    /// The names of the files in `directories`, the strongest first.
    #[must_use]
    pub fn load_from(directories: &[&Path]) -> Self {
        let mut names = Self::built_in();
        for (table, which) in names.tables.iter_mut().zip(NameFile::ALL) {
            let file = directories.iter().find_map(|place| std::fs::read(place.join(which.file())).ok());
            file.iter().for_each(|text| table.read(which, text));
            if which.has_directory() {
                for path in additions(directories, which.file()) {
                    std::fs::read(path).iter().for_each(|text| table.read(which, text));
                }
            }
        }
        names
    }

    /// The names that iproute2 has without any file.
    #[must_use]
    pub fn built_in() -> Self {
        let table = |which: NameFile| {
            let mut table = Table {
                common: (0..NameFile::COMMON as u32).map(|number| which.number(number).into()).collect(),
                beyond: HashMap::new(),
                numbers: HashMap::new(),
            };
            which.built_in().iter().for_each(|(number, name)| table.add(*number, name));
            table
        };
        Self { tables: NameFile::ALL.map(table).into(), numeric: false, state: Token::default() }
    }

    /// Numbers instead of names from here on (`ip -N`), or names again. The other direction, [`Names::number`], knows
    /// names in both cases.
    #[must_use]
    pub fn numeric(mut self, numeric: bool) -> Self {
        self.numeric = numeric;
        self.state.change();
        self
    }

    #[cfg(feature = "json")]
    #[inline]
    pub(crate) fn state(&self) -> &Token {
        &self.state
    }

    /// The name of a number, else the number as iproute2 writes it.
    #[must_use]
    #[inline]
    pub fn name(&self, which: NameFile, number: u32) -> Cow<'_, str> {
        if self.numeric {
            return which.number(number).into();
        }
        let table = self.tables.get(which as usize);
        match table.and_then(|table| table.get(number)) {
            Some(name) => Cow::Borrowed(name),
            None => which.number(number).into(),
        }
    }

    /// The name of a number, where a file or iproute2 has one.
    #[cfg(feature = "nft")]
    pub(crate) fn known(&self, which: NameFile, number: u32) -> Option<&str> {
        let name = self.tables.get(which as usize)?.get(number)?;
        (!self.numeric && name != which.number(number)).then_some(name)
    }

    /// Whether names are left out (`ip -N`).
    #[cfg(feature = "nft")]
    pub(crate) fn is_numeric(&self) -> bool {
        self.numeric
    }

    /// The word of a number that no file names, else the number: words of route types and rule actions are numbers
    /// to `ip -N` as well.
    #[must_use]
    #[inline]
    pub fn word(&self, words: Words, number: u32) -> Cow<'static, str> {
        words::word_or_number(if self.numeric { &[] } else { words }, number)
    }

    /// The word of a link's hardware (`ARPHRD_*`); `[NUMBER]` where there is none, and to `ip -N`.
    #[must_use]
    pub fn link_type(&self, number: u16) -> Cow<'static, str> {
        if self.numeric { format!("[{number}]").into() } else { words::link_type(number) }
    }

    /// The number of a name; a number in decimal, or with `0x`, is itself.
    #[must_use]
    pub fn number(&self, which: NameFile, name: &str) -> Option<u32> {
        let known = self.tables.get(which as usize).and_then(|table| table.numbers.get(name).copied());
        known.or_else(|| parse_number(name))
    }

    /// Every name of a kind, for suggestions, by number.
    pub fn all(&self, which: NameFile) -> impl Iterator<Item = (u32, &str)> {
        let table = self.tables.get(which as usize);
        let sorted: BTreeMap<u32, &str> = table
            .into_iter()
            .flat_map(|table| &table.numbers)
            .map(|(name, number)| (*number, &**name))
            .collect();
        sorted.into_iter()
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Table {
    fn add(&mut self, number: u32, name: &str) {
        match self.common.get_mut(number as usize) {
            Some(place) => *place = name.into(),
            None => drop(self.beyond.insert(number, name.into())),
        }
        self.numbers.insert(name.into(), number);
    }

    fn get(&self, number: u32) -> Option<&str> {
        self.common.get(number as usize).or_else(|| self.beyond.get(&number)).map(|name| &**name)
    }

    fn read(&mut self, which: NameFile, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let parsed = if which == NameFile::IpProtocols { parse_protocol(line) } else { parse_line(line) };
            if let Some((number, name)) = parsed.filter(|(number, name)| which.allows(*number, name)) {
                self.add(number, name);
            }
        }
    }
}

impl NameFile {
    /// Whether a file may name this number so.
    fn allows(self, number: u32, name: &str) -> bool {
        let small = number < NameFile::COMMON as u32 || matches!(self, Self::Tables | Self::Groups);
        small && !name.contains(is_dangerous)
    }
}

/// `NUMBER NAME`, decimal or with `0x`, perhaps with a comment.
fn parse_line(line: &[u8]) -> Option<(u32, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let number = words.next().filter(|word| !word.starts_with('#')).and_then(parse_number)?;
    let name = words.next().filter(|word| !word.starts_with('#'))?;
    words.next().is_none_or(|word| word.starts_with('#')).then_some((number, name))
}

/// `NAME NUMBER ALIAS …`: a line of /etc/protocols.
fn parse_protocol(line: &[u8]) -> Option<(u32, &str)> {
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let name = words.next().filter(|word| !word.starts_with('#'))?;
    // 0 is "ip" there, which is a protocol of no packet.
    Some((words.next()?.parse().ok().filter(|number| *number != 0)?, name))
}

fn parse_number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) if !hex.starts_with('+') => u32::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None if word.starts_with('+') => None,
        None => word.parse().ok(),
    }
}

/// The files `FILE.d/*.conf`, the weakest first, without those that a stronger directory hides.
fn additions(directories: &[&Path], file: &str) -> Vec<PathBuf> {
    let mut found: BTreeMap<(usize, std::ffi::OsString), PathBuf> = BTreeMap::new();
    let mut seen = std::collections::HashSet::new();
    for (rank, directory) in directories.iter().enumerate() {
        let Ok(entries) = std::fs::read_dir(directory.join(format!("{file}.d"))) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else { continue };
            if path.extension().is_some_and(|ending| ending == "conf") && seen.insert(name.clone()) {
                found.insert((directories.len() - rank, name), path);
            }
        }
    }
    found.into_values().collect()
}

/// What is known of a link beside its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkName {
    name: Box<[u8]>,
    /// The name as it is printed: itself, or where it is not UTF-8 its escaped form.
    readable: Box<str>,
    is_text: bool,
    link_type: u16,
}

impl LinkName {
    /// The name.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        Name::new(&self.name)
    }

    /// The name as text: as it is where it is UTF-8 (it may hold control characters), else its escaped form.
    #[must_use]
    pub fn readable(&self) -> &str {
        &self.readable
    }

    /// Whether the name is UTF-8.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// `ARPHRD_*`
    #[must_use]
    pub fn link_type(&self) -> u16 {
        self.link_type
    }
}

/// The names and types of the links of one network namespace, by index.
#[derive(Clone, Debug, Default)]
pub struct LinkNames {
    links: Vec<(u32, LinkName)>,
    /// Shared by those who say the same.
    state: Token,
}

impl LinkNames {
    /// No links.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A link that appeared, or whose name may have changed. `link_type` is `ARPHRD_*`.
    pub fn insert(&mut self, index: u32, name: Name<'_>, link_type: u16) {
        let place = self.links.binary_search_by_key(&index, |link| link.0);
        if let Some(known) = place.ok().and_then(|at| self.links.get(at)) {
            if known.1.link_type == link_type && *known.1.name == *name.as_bytes() {
                return;
            }
        }
        self.state.change();
        let text = name.to_str();
        let readable = text.map_or_else(|| name.to_string().into(), Into::into);
        let link = LinkName { name: name.as_bytes().into(), readable, is_text: text.is_some(), link_type };
        match place {
            Ok(at) => self.links.get_mut(at).into_iter().for_each(|known| known.1 = link.clone()),
            Err(at) => self.links.insert(at, (index, link)),
        }
    }

    /// A link that appeared or changed, as a list or an event tells it. A message about a part of a link changes
    /// nothing: it may lack the name.
    pub fn update(&mut self, link: &impl LinkView) {
        if !link.is_part() && !link.name().as_bytes().is_empty() {
            self.insert(link.index(), link.name(), link.link_type());
        }
    }

    /// A link that went.
    pub fn remove(&mut self, index: u32) {
        if let Ok(at) = self.links.binary_search_by_key(&index, |link| link.0) {
            self.state.change();
            self.links.remove(at);
        }
    }

    #[cfg(feature = "json")]
    #[inline]
    pub(crate) fn state(&self) -> &Token {
        &self.state
    }

    /// What is known of a link.
    #[must_use]
    #[inline]
    pub fn get(&self, index: u32) -> Option<&LinkName> {
        let at = self.links.binary_search_by_key(&index, |link| link.0).ok()?;
        self.links.get(at).map(|link| &link.1)
    }

    /// The index of a name.
    #[must_use]
    pub fn index(&self, name: &[u8]) -> Option<u32> {
        self.links.iter().find(|link| *link.1.name == *name).map(|link| link.0)
    }

    /// All links, by index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &LinkName)> {
        self.links.iter().map(|(index, link)| (*index, link))
    }

    /// Number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

/// The other end of a link that is in another network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLink {
    /// Name of its namespace, as Linx prints it.
    pub namespace: String,
    /// Its name, where the namespace could be asked.
    pub name: Option<Box<[u8]>>,
}

/// Finds the namespace behind an id, and a link in it.
pub trait Peers {
    /// The link `index` in the namespace which the object's own namespace knows as `nsid`.
    fn peer(&self, nsid: i32, index: u32) -> Option<PeerLink>;
}

/// What a renderer knows beside the object.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Names of numbers.
    pub names: &'a Names,
    /// Names of the links of the object's namespace.
    pub links: &'a LinkNames,
    /// The namespaces at the other end of links.
    pub peers: Option<&'a dyn Peers>,
    /// The sets whose elements are to be written.
    #[cfg(feature = "nft")]
    pub sets: Option<&'a dyn Sets>,
    /// Statistics, counters, ages: what changes without anybody's doing.
    pub volatile: bool,
    /// Details (`-d`) in text; JSON has always all of them.
    pub details: bool,
}

impl<'a> Context<'a> {
    /// With names alone: nothing volatile, no details.
    #[must_use]
    pub fn new(names: &'a Names, links: &'a LinkNames) -> Self {
        Self {
            names,
            links,
            peers: None,
            #[cfg(feature = "nft")]
            sets: None,
            volatile: false,
            details: false,
        }
    }

    /// The same, with what is volatile or without it.
    #[must_use]
    pub fn volatile(self, volatile: bool) -> Self {
        Self { volatile, ..self }
    }

    /// The same, with details in text or without them.
    #[must_use]
    pub fn details(self, details: bool) -> Self {
        Self { details, ..self }
    }

    /// The same, with a way to name the other ends of links.
    #[must_use]
    pub fn peers(self, peers: Option<&'a dyn Peers>) -> Self {
        Self { peers, ..self }
    }

    /// The same, with what is known of sets: elements are bytes without.
    #[cfg(feature = "nft")]
    #[must_use]
    pub fn sets(self, sets: Option<&'a dyn Sets>) -> Self {
        Self { sets, ..self }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("links", &self.links.len())
            .field("volatile", &self.volatile)
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(files: &[(&str, &str)]) -> Self {
            use std::sync::atomic::{AtomicU32, Ordering};
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("linx-names-{}-{count}", std::process::id()));
            for (name, text) in files {
                let file = path.join("iproute2").join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("iproute2")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn without_files_the_built_in_names_hold() {
        let names = Names::load_from(&[Path::new("/nonexistent")]);
        assert_eq!(names.name(NameFile::Protocols, 2), "kernel");
        assert_eq!(names.name(NameFile::Protocols, 77), "77");
        assert_eq!(names.name(NameFile::Tables, 254), "main");
        assert_eq!(names.name(NameFile::Tables, 70000), "70000");
        assert_eq!(names.name(NameFile::DsField, 8), "0x08");
        assert_eq!(names.number(NameFile::Scopes, "link"), Some(253));
        assert_eq!(names.number(NameFile::Tables, "0x10"), Some(16));
        assert_eq!(names.number(NameFile::Tables, "nosuch"), None);
        assert_eq!(names.numeric(true).name(NameFile::Tables, 254), "254");
    }

    #[test]
    fn etc_is_stronger_than_usr_as_a_whole_file_and_by_name_in_directories() {
        let etc = Directory::new(&[
            (
                "rt_tables",
                "# reserved\n 254 main\n100\tblue # a comment\n0x65 red\nbroken\n7\n8 two words\n9 es\x1bc\n",
            ),
            ("rt_tables.d/a.conf", "200 etc_a\n"),
            ("rt_tables.d/README", "201 no\n"),
            ("rt_scopes.d/a.conf", "7 no\n"),
            ("../protocols", "# a comment\nip 0 IP\nnew 253 NEW # experimental\n"),
        ]);
        let usr = Directory::new(&[
            ("rt_tables", "100 green\n102 absent\n"),
            ("rt_tables.d/a.conf", "200 usr_a\n203 hidden\n"),
            ("rt_tables.d/b.conf", "202 usr_b\n254 primary\n"),
            ("rt_protos", "77 mine\n300 too_large\n"),
        ]);
        let names = Names::load_from(&[&etc.path(), &usr.path()]);
        let table = |number| names.name(NameFile::Tables, number);
        assert_eq!([table(100), table(101), table(102)], ["blue", "red", "102"]);
        assert_eq!([table(200), table(201), table(202), table(203)], ["etc_a", "201", "usr_b", "203"]);
        assert_eq!([table(254), table(7), table(8), table(9)], ["primary", "7", "8", "9"]);
        assert_eq!(names.name(NameFile::Protocols, 77), "mine");
        assert_eq!(names.name(NameFile::Protocols, 300), "300");
        assert_eq!(names.name(NameFile::Scopes, 7), "7");
        let protocol = |number| names.name(NameFile::IpProtocols, number);
        assert_eq!([protocol(253), protocol(6), protocol(0)], ["new", "tcp", "ipproto-0"]);
        assert_eq!(names.number(NameFile::Tables, "red"), Some(101));
        assert!(names.all(NameFile::Tables).any(|entry| entry == (202, "usr_b")));
    }

    #[test]
    fn links_come_change_and_go() {
        let mut links = LinkNames::new();
        links.insert(7, Name::new(b"eth0"), 1);
        links.insert(2, Name::new(b"a\xffb"), 778);
        assert_eq!(links.get(2).map(|link| (link.readable(), link.is_text())), Some(("a\\xffb", false)));
        links.insert(7, Name::new(b"eth1"), 1);
        assert_eq!((links.index(b"eth1"), links.index(b"eth0")), (Some(7), None));
        assert_eq!(links.get(7).map(LinkName::link_type), Some(1));
        links.remove(7);
        links.remove(8);
        assert_eq!((links.len(), links.get(7).is_none()), (1, true));
    }
}
