//! A namespace, a monitor of it, and a book that is fed by the monitor.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use linx::mirror::nft::{Book, Changes, Group, Options, State, Transaction};
use linx::mirror::{Cause, Change};
use linx::nft::{self, ElementRef, ItemRef, Monitor, Notice, RuleView};
use linx::{Compare, Handle, Key};
use linx_test::{Namespace, PATIENCE};

/// What is read so long after its commit is late: how long an element lasts is told, and not from when on.
const LATE: Duration = Duration::from_secs(1);

/// What was told, and the state before it.
pub(crate) struct Told {
    pub(crate) before: State,
    pub(crate) what: What,
    pub(crate) after: u64,
}

pub(crate) enum What {
    Transaction(Transaction),
    Group(Group),
}

impl Told {
    pub(crate) fn changes(&self) -> &Changes {
        match &self.what {
            What::Transaction(transaction) => &transaction.changes,
            What::Group(group) => &group.changes,
        }
    }

    fn undo(&self, state: &mut State) {
        match &self.what {
            What::Transaction(transaction) => transaction.undo(state),
            What::Group(group) => {
                let deltas: Vec<_> = group.deltas(1, 0, SystemTime::UNIX_EPOCH).collect();
                assert_eq!(deltas.len(), group.changes.len());
                deltas.iter().rev().for_each(|delta| delta.undo(state));
            }
        }
    }

    fn apply(&self, state: &mut State) {
        match &self.what {
            What::Transaction(transaction) => {
                transaction.apply(state);
                assert_eq!(state.generation(), transaction.generation);
            }
            What::Group(group) => {
                group.deltas(1, 0, SystemTime::UNIX_EPOCH).for_each(|delta| delta.apply(state));
            }
        }
    }
}

pub(crate) struct Bed {
    pub(crate) namespace: Namespace,
    pub(crate) handle: Handle,
    monitor: Monitor,
    pub(crate) book: Book,
    pub(crate) told: Vec<Told>,
    pub(crate) doubts: u32,
    /// When the first commit began that was not read yet.
    begun: Option<Instant>,
    /// Whether a commit was read late.
    is_late: bool,
}

impl Bed {
    /// Begins with the rule set that `script` makes.
    pub(crate) fn new(tag: &str, script: &str) -> Self {
        Self::with(tag, script, Options::default())
    }

    pub(crate) fn with(tag: &str, script: &str, options: Options) -> Self {
        let namespace = Namespace::new(tag);
        namespace.ip("link set lo up");
        for (a, b) in [("v0", "v1"), ("v2", "v3")] {
            namespace.ip(&format!("link add {a} type veth peer name {b}"));
        }
        if !script.is_empty() {
            namespace.nft(script);
        }
        let handle = Handle::new(&namespace.netns()).unwrap();
        let monitor = Monitor::builder().netns(&namespace.netns()).rcvbuf(64 << 20).subscribe().unwrap();
        let rules = nft::pull(&handle).subscribe_first(&monitor.control()).ruleset().unwrap();
        let mut book = Book::new(options);
        book.load(&rules, Instant::now());
        Self { namespace, handle, monitor, book, told: Vec::new(), doubts: 0, begun: None, is_late: false }
    }

    /// Commits; whether the kernel took it.
    pub(crate) fn nft(&mut self, script: &str) -> bool {
        self.begun.get_or_insert_with(Instant::now);
        self.namespace.try_exec("nft", &["-f", &self.file(script)]).is_ok()
    }

    /// Commits, which must do; what was told, line by line. The state must be what a pull finds.
    pub(crate) fn tells(&mut self, script: &str) -> Vec<Vec<String>> {
        assert!(self.nft(script), "{script}");
        let told = self.read().iter().map(lines).collect();
        self.check();
        told
    }

    /// The keys of what ended by now.
    pub(crate) fn expire(&mut self) -> Vec<String> {
        let before = self.book.state().clone();
        let Some(group) = self.book.expire(Instant::now()) else { return Vec::new() };
        assert_eq!(group.cause, Cause::Expired);
        let told = Told { before, what: What::Group(group), after: self.book.state().fingerprint() };
        let keys = lines(&told);
        self.told.push(told);
        keys
    }

    pub(crate) fn owner_gone(&mut self, portid: u32) -> Vec<Group> {
        let mut before = self.book.state().clone();
        let groups = self.book.owner_gone(portid);
        for group in &groups {
            let mut after = before.clone();
            after.apply(&group.changes);
            let told = Told { before, what: What::Group(group.clone()), after: after.fingerprint() };
            self.told.push(told);
            before = after;
        }
        groups
    }

    /// Sends a packet of UDP to the namespace itself.
    pub(crate) fn packet(&self, bytes: usize) {
        let send = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(&vec![0; bytes], "127.0.0.1:9").unwrap();
        };
        self.namespace.netns().run(send).unwrap();
    }

    fn file(&self, script: &str) -> String {
        let path = std::env::temp_dir().join(format!("{}-script", self.namespace.name()));
        std::fs::write(&path, script).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Reads what was announced by now; what came of it.
    pub(crate) fn read(&mut self) -> &[Told] {
        let from = self.told.len();
        let (book, told) = (&mut self.book, &mut self.told);
        let mut take = |book: &mut Book, before: State, what: Option<What>| match what {
            Some(what) => {
                let after = book.state().fingerprint();
                let new = Told { before, what, after };
                assert!(!new.changes().is_empty());
                assert_eq!(new.changes().iter().count(), new.changes().len());
                told.push(new);
            }
            None => assert_eq!(before.fingerprint(), book.state().fingerprint()),
        };
        self.monitor
            .until_now(PATIENCE, |notice| {
                let before = book.state().clone();
                match notice {
                    Notice::Transaction(commit) => {
                        let what = book.commit(&commit, Instant::now()).map(What::Transaction);
                        take(book, before, what);
                        assert_eq!(book.state().generation(), commit.generation);
                    }
                    Notice::Event(event) => {
                        let what = book.event(&event, Instant::now()).map(What::Group);
                        take(book, before, what);
                    }
                    other => panic!("{other:?}"),
                }
            })
            .unwrap();
        for (family, table) in book.doubtful() {
            self.doubts += 1;
            let before = book.state().clone();
            // It may be gone.
            let rules = nft::pull(&self.handle).table(family, &table).without_elements().ruleset();
            let Ok(rules) = rules else { continue };
            if let Some(group) = book.replace_rules(family, &table, &rules, Cause::Implied, Instant::now()) {
                take(book, before, Some(What::Group(group)));
            }
        }
        self.is_late |= self.begun.take().is_some_and(|begun| begun.elapsed() > LATE);
        &self.told[from..]
    }

    pub(crate) fn pull(&self) -> nft::Ruleset {
        nft::pull(&self.handle).ruleset().unwrap()
    }

    /// The state must be what a pull finds.
    pub(crate) fn check(&mut self) {
        self.read();
        let rules = self.pull();
        // As a mirror does.
        if std::mem::take(&mut self.is_late) {
            let before = self.book.state().clone();
            if let Some(group) = self.book.renew(&rules, Cause::Event, Instant::now()) {
                let after = self.book.state().fingerprint();
                self.told.push(Told { before, what: What::Group(group), after });
            }
        }
        let mut fresh = Book::new(Options::default());
        fresh.load(&rules, Instant::now());
        let found = differences(self.book.state(), fresh.state());
        assert!(found.is_empty(), "{found:#?}");
        assert_eq!(self.book.state().len(), fresh.state().len());
        assert_eq!(self.book.state().fingerprint(), fresh.state().fingerprint());
        assert_eq!(self.book.state().generation(), Some(rules.generation()));
        // What compares equal, replaces nothing.
        let none = self.book.replace(&rules, Cause::Audit, Instant::now());
        assert!(none.is_none(), "{:?}", none.unwrap().changes);
    }

    /// All that was told, back and forth.
    pub(crate) fn check_history(&self) {
        let mut state = self.book.state().clone();
        for told in self.told.iter().rev() {
            assert_eq!(state.fingerprint(), told.after, "{:?}", told.changes());
            told.undo(&mut state);
            let found = differences(&state, &told.before);
            assert!(found.is_empty(), "{:?}: {found:#?}", told.changes());
            assert_eq!(state.fingerprint(), told.before.fingerprint());
        }
        for told in &self.told {
            told.apply(&mut state);
            assert_eq!(state.fingerprint(), told.after, "{:?}", told.changes());
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("{}-script", self.namespace.name())));
    }
}

/// Tracked differences of two states, and of the order of rules.
pub(crate) fn differences(mine: &State, theirs: &State) -> Vec<String> {
    let all = |state: &'_ State| -> BTreeMap<String, String> {
        state.items().map(|item| (Key::of_nft(item).to_string(), format!("{item:?}"))).collect()
    };
    let (a, b) = (all(mine), all(theirs));
    let mut found = Vec::new();
    let items = |state: &'_ State, key: &str| -> Option<usize> {
        state.items().position(|item| Key::of_nft(item).as_str() == key)
    };
    for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        match (a.get(key), b.get(key)) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => {
                let left = mine.items().nth(items(mine, key).unwrap()).unwrap();
                let right = theirs.items().nth(items(theirs, key).unwrap()).unwrap();
                let fields = fields(&left, &right);
                if !fields.is_empty() {
                    found.push(format!("{key}: {fields:?}\n{x}\n{y}"));
                }
            }
            (x, _) => found.push(format!("{key}: only {}", if x.is_some() { "here" } else { "there" })),
        }
    }
    let order = |state: &State| -> Vec<(String, u64)> {
        state
            .rules()
            .map(|rule| (format!("{} {} {}", rule.family(), rule.table(), rule.chain()), rule.handle()))
            .collect()
    };
    let (a, b) = (order(mine), order(theirs));
    if a != b {
        found.push(format!("order: {a:?}\ninstead of {b:?}"));
    }
    found
}

fn fields(a: &ItemRef<'_>, b: &ItemRef<'_>) -> Vec<String> {
    let compare = Compare::Tracked;
    match (*a, *b) {
        (ItemRef::Table(a), ItemRef::Table(b)) => a.differences(b, compare),
        (ItemRef::Chain(a), ItemRef::Chain(b)) => a.differences(b, compare),
        (ItemRef::Set(a), ItemRef::Set(b)) => a.differences(b, compare),
        (ItemRef::Object(a), ItemRef::Object(b)) => a.differences(b, compare),
        (ItemRef::Flowtable(a), ItemRef::Flowtable(b)) => a.differences(b, compare),
        (ItemRef::Rule(a), ItemRef::Rule(b)) => a.differences(b, compare),
        (ItemRef::Element(a), ItemRef::Element(b)) => ElementRef::differences(a, b, compare),
        _ => vec!["kind".into()],
    }
}

/// The changes of a transaction, each as its sign, its key and its fields.
pub(crate) fn lines(told: &Told) -> Vec<String> {
    told.changes()
        .iter()
        .map(|item| {
            let fields = item.fields().join(" ");
            let line = format!("{}{} {fields}", item.change().sign(), item.key().unwrap());
            assert_eq!(item.change() == Change::Changed, !fields.is_empty(), "{line}");
            line.trim_end().replace("nft/", "")
        })
        .collect()
}
