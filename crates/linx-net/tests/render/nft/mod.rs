//! What nf_tables has, as JSON and as text: against `nft -j`, the schema, captures whole and damaged, hostile names.

mod captures;
mod delta;
mod hostile;
mod keys;
mod oracle;
mod schema;
mod text;
mod transaction;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use linx::Key;
use linx::json::{Head, NetnsTag, Op, Records};
use linx::names::{Context, KnownSets};
use linx_test::{NFT_SCENES, Namespace, Nft, nft_entities};
use linx_wire::nft::{Entity, ItemRef};
use linx_wire::route::Operation;

/// A namespace with a pair of links, and the lines of every scene that this kernel takes.
pub(crate) fn scenes(name: &str) -> Namespace {
    let namespace = Namespace::new(name);
    namespace.ip("link set lo up");
    namespace.ip("link add v0 type veth peer name v1");
    // One transaction a line: what this kernel lacks is left out.
    let each = "while IFS= read -r line; do nft \"$line\" 2>/dev/null; done; true";
    let mut shell = Command::new("ip")
        .args(["netns", "exec", namespace.name(), "sh", "-c", each])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    NFT_SCENES.iter().for_each(|scene| input.write_all(scene.script.as_bytes()).unwrap());
    drop(input);
    assert!(shell.wait().unwrap().success());
    namespace
}

/// Runs nft in a namespace; what it prints, `None` when it fails.
pub(crate) fn nft(namespace: &Namespace, arguments: &[&str]) -> Option<String> {
    let run = Command::new("ip").args(["netns", "exec", namespace.name(), "nft"]).args(arguments).output();
    let output = run.unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// A rule set as the kernel dumps it, and its sets.
pub(crate) struct Pulled {
    pub(crate) entities: Vec<Entity>,
    pub(crate) sets: KnownSets<'static>,
}

impl Pulled {
    pub(crate) fn of(namespace: &Namespace) -> Self {
        let entities = nft_entities(&Nft::new(&namespace.netns()).pull());
        let mut sets = KnownSets::new();
        entities.iter().for_each(|entity| sets.note(Operation::New, entity.as_ref()));
        Self { entities, sets }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = ItemRef<'_>> {
        self.entities.iter().flat_map(|entity| entity.as_ref().items())
    }
}

/// The line of an object.
pub(crate) fn line(item: ItemRef<'_>, op: Op, cx: &Context<'_>) -> Vec<u8> {
    let netns = NetnsTag::new("x", 3, Some(Path::new("/run/netns/x")), None);
    let key = Key::of_nft(item);
    let mut line = Vec::new();
    let head = Head::new(std::time::SystemTime::now(), &netns, op).key(key.as_str());
    Records::new().nft(&mut line, &head, item, cx);
    line
}
