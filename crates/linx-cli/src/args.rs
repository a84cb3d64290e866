//! The command line: every option, with its help. Help, man page and completions come from here.

use std::ffi::OsString;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const ABOUT: &str = "The Linux kernel's network state, live, in any network namespace";

const LONG_ABOUT: &str = "\
The Linux kernel's network state, live, in any network namespace: links, addresses, neighbours, routes, rules, \
next hops and nf_tables, and every change to them with its author. Changes nothing itself.";

const FILTERS: &str = "\
Filters, combined with \"and\", each may be preceded by \"not\":
  dev LINK         on, through or of this link
  master LINK      links that belong to this bridge, bond or VRF
  type KIND        links of a kind (veth, bridge, …) and their addresses, routes of a type (blackhole, …)
  group GROUP      links of a group and their addresses
  table TABLE      routes and rules of a routing table; all
  table [FAMILY] NAME  of nft: what is in this table
  proto PROTOCOL   made by this protocol (kernel, static, bird, …)
  to PREFIX        routes to exactly this prefix; addresses, neighbours, rules within it
  to root PREFIX   … to this prefix and longer ones
  to match PREFIX  … to this prefix and shorter ones
  by WHO           changes by a command, pid, login, unit or container, or by its parent
  op new|del       changes of one direction (monitor)
  op added|changed|removed  what became of it (watch)
  cause CAUSE      event, implied, resync, expired or audit (watch)
Objects and words may be abbreviated as with ip: l a r n ru nex.
Behind nft: ruleset, tables, chains, rules, sets, elements, objects, flowtables.";

/// See `linx --help`.
#[derive(Parser, Debug)]
#[command(
    name = "linx",
    bin_name = "linx",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    styles = STYLES,
    infer_subcommands = true,
    infer_long_args = true,
    subcommand_required = true,
    args_override_self = true,
    max_term_width = 100,
    after_help = "Exit status: 0 fine, 1 usage, 2 kernel or I/O error, 4 --for ran out."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the state now
    #[command(visible_alias = "show", after_help = FILTERS)]
    List(List),
    /// Print every change as it happens
    #[command(after_help = FILTERS)]
    Monitor(Monitor),
    /// Print what really changes: each difference once, what the kernel does not announce included
    #[command(after_help = FILTERS)]
    Watch(Watch),
    /// Show the network namespaces of this machine
    Netns(Netns),
    /// Print the JSON Schema that every line of JSON satisfies
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

/// Options that every command takes, before or after its name.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// In this namespace (repeatable); "/" means a path, else a name, else a pid; "name:" and "pid:" force
    #[arg(short = 'n', long, value_name = "NAME|PID|PATH")]
    pub(crate) netns: Vec<OsString>,
    /// In every namespace of this machine
    #[arg(long)]
    pub(crate) all_netns: bool,
    /// IPv4 only
    #[arg(short = '4', overrides_with_all = ["inet6", "family"])]
    pub(crate) inet: bool,
    /// IPv6 only
    #[arg(short = '6', overrides_with_all = ["inet", "family"])]
    pub(crate) inet6: bool,
    /// Address family: inet, inet6, bridge, mpls or link
    #[arg(short = 'f', long, value_name = "FAMILY", overrides_with_all = ["inet", "inet6"])]
    pub(crate) family: Option<Family>,
    /// One JSON object a line
    #[arg(short = 'j', long)]
    pub(crate) json: bool,
    /// JSON over several lines; not with -o
    #[arg(short = 'p', long)]
    pub(crate) pretty: bool,
    /// Date and time in front of lines for people
    #[arg(short = 't', long)]
    pub(crate) timestamp: bool,
    /// The same, shorter: [2026-11-21T14:02:11.340]
    #[arg(long)]
    pub(crate) tshort: bool,
    /// One line an object, whatever the details: the form of every line but those of -p
    #[arg(short = 'o', long)]
    pub(crate) oneline: bool,
    /// Details
    #[arg(short = 'd', long)]
    pub(crate) details: bool,
    /// Statistics, counters and ages
    #[arg(short = 's', long, visible_alias = "stats", action = clap::ArgAction::Count)]
    pub(crate) statistics: u8,
    /// Of nft: handles
    #[arg(long)]
    pub(crate) handle: bool,
    /// Of nft: lists without counters, quotas used and the like
    #[arg(long)]
    pub(crate) stateless: bool,
    /// Numbers instead of names of tables, protocols, scopes and groups
    #[arg(short = 'N', long)]
    pub(crate) numeric: bool,
    /// Colour
    #[arg(
        short = 'c',
        long,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always"
    )]
    pub(crate) color: Option<When>,
    /// More on standard error about what is done
    #[arg(short = 'v', long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Global {
    /// These, with those that stood behind the command's name: the later of two wins, namespaces add up.
    pub(crate) fn merged(mut self, later: &Self) -> Self {
        self.netns.extend(later.netns.iter().cloned());
        if later.inet || later.inet6 || later.family.is_some() {
            (self.inet, self.inet6, self.family) = (later.inet, later.inet6, later.family);
        }
        self.all_netns |= later.all_netns;
        self.json |= later.json;
        self.pretty |= later.pretty;
        self.timestamp |= later.timestamp;
        self.tshort |= later.tshort;
        self.oneline |= later.oneline;
        self.details |= later.details;
        self.statistics = self.statistics.saturating_add(later.statistics);
        self.handle |= later.handle;
        self.stateless |= later.stateless;
        self.numeric |= later.numeric;
        self.color = later.color.or(self.color);
        self.verbose = self.verbose.saturating_add(later.verbose);
        self
    }

    /// The family asked for.
    pub(crate) fn family(&self) -> Option<Family> {
        match (self.inet, self.inet6) {
            (true, _) => Some(Family::Inet),
            (_, true) => Some(Family::Inet6),
            _ => self.family,
        }
    }

    /// Whether lines are JSON: `-p` alone means it too, as there is nothing else to make pretty.
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.pretty
    }

    /// Whether JSON takes several lines an object.
    pub(crate) fn is_pretty(&self) -> bool {
        self.pretty && !self.oneline
    }
}

/// An address family.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Inet,
    Inet6,
    Bridge,
    Mpls,
    Link,
}

impl Family {
    /// `AF_*`
    pub(crate) fn number(self) -> u8 {
        use linx_wire::addr::family;
        match self {
            Self::Inet => family::INET,
            Self::Inet6 => family::INET6,
            Self::Bridge => family::BRIDGE,
            Self::Mpls => family::MPLS,
            Self::Link => family::UNSPEC,
        }
    }
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    Auto,
    Never,
}

/// `linx list`
#[derive(Args, Debug)]
pub(crate) struct List {
    /// link, address, route, neigh, rule, nexthop, nsid, nft or all; then filters; or: route get ADDRESS …
    #[arg(value_name = "OBJECT|FILTER")]
    pub(crate) words: Vec<OsString>,
    /// Also what is hidden otherwise: all tables, NOARP and proxy neighbours, bridge forwarding entries, rules of
    /// multicast routing
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx monitor`
#[derive(Args, Debug)]
pub(crate) struct Monitor {
    /// Objects (all of them unless told), then filters
    #[arg(value_name = "OBJECT|FILTER")]
    pub(crate) words: Vec<OsString>,
    /// The state first, without a gap before the changes; then "synced"
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// End after so many changes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this time (30s, 5m, 1h30m), with exit status 4
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) duration: Option<String>,
    /// Of nf_tables: the rule set of this generation is known; begins with resync_needed if it is another by now
    #[arg(long, value_name = "GENERATION", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) since_gen: Option<u32>,
    /// Changes of a commit that are printed one by one; more are counted by table; 0: all are printed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) fold: usize,
    /// A commit is one line of JSON, however long
    #[arg(long)]
    pub(crate) whole: bool,
    /// Receive buffer to ask the kernel for, in each namespace
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    pub(crate) rcvbuf: String,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx watch`
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Objects (all of them unless told), then filters
    #[arg(value_name = "OBJECT|FILTER")]
    pub(crate) words: Vec<OsString>,
    /// Without the state before the changes: JSON begins with it unless this is said
    #[arg(long, conflicts_with = "snapshot")]
    pub(crate) no_state: bool,
    /// The state first, also for people
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Also what is hidden from people: states of neighbours, NOARP entries, devices' multicast addresses, IPv6's
    /// flags of links, lifetimes, counters, table local
    #[arg(long)]
    pub(crate) all: bool,
    /// Changes of a commit, or of one cause, that people see one by one; more are counted; 0: all are printed, and
    /// nothing is joined
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) fold: usize,
    /// End after so many changes; a commit counts as one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this time (30s, 5m, 1h30m), with exit status 4
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) duration: Option<String>,
    /// Print nothing but what is different at the end from what it was when it began
    #[arg(long)]
    pub(crate) summary: bool,
    /// A commit is one line of JSON, however long
    #[arg(long)]
    pub(crate) whole: bool,
    /// Receive buffer to ask the kernel for, for each socket of each namespace
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    pub(crate) rcvbuf: String,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx netns`
#[derive(Args, Debug)]
pub(crate) struct Netns {
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx schema`
#[derive(Args, Debug)]
pub(crate) struct Schema {
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx completions`
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// `linx man`
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The command whose page it is; without: linx itself
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    #[command(flatten)]
    pub(crate) global: Global,
}

impl Command {
    /// Its name, as in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Monitor(_) => "monitor",
            Self::Watch(_) => "watch",
            Self::Netns(_) => "netns",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// The options of every command that stood behind its name.
    pub(crate) fn global(&self) -> &Global {
        match self {
            Self::List(args) => &args.global,
            Self::Monitor(args) => &args.global,
            Self::Watch(args) => &args.global,
            Self::Netns(args) => &args.global,
            Self::Schema(args) => &args.global,
            Self::Completions(args) => &args.global,
            Self::Man(args) => &args.global,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(crate::argv::rewrite(line.split(' ').map(OsString::from))).unwrap()
    }

    #[test]
    fn the_table_of_options_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_the_command_and_namespaces_add_up() {
        let cli = parse("linx -n a -j mon route -n b -ts dev eth0 -c=never");
        let global = cli.global.clone().merged(cli.command.global());
        assert_eq!(global.netns, ["a", "b"]);
        assert!(global.is_json() && global.tshort && !global.timestamp);
        assert_eq!(global.color, Some(When::Never));
        let Command::Monitor(monitor) = cli.command else { panic!() };
        assert_eq!(monitor.words, ["route", "dev", "eth0"]);
    }

    #[test]
    fn the_last_family_wins() {
        for (line, family) in [
            ("linx -4 list r", Some(Family::Inet)),
            ("linx -4 -6 list r", Some(Family::Inet6)),
            ("linx -4 list r -6", Some(Family::Inet6)),
            ("linx -6 list r -f inet", Some(Family::Inet)),
            ("linx list r -B", Some(Family::Bridge)),
            ("linx list r", None),
        ] {
            let cli = parse(line);
            assert_eq!(cli.global.merged(cli.command.global()).family(), family, "{line}");
        }
    }
}
