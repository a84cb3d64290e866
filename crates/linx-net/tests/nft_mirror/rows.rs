//! A test for each way in which the kernel announces less, or other, than what happened (KERNEL.md 1.6).

use std::time::{Duration, Instant};

use linx::mirror::nft::{Book, Options};
use linx::mirror::{Cause, Change};
use linx::nft::{ChainView, ElementFlags, ElementRef, ElementView, Family, RuleView, SetView, TableView};

use linx_test::{Nft, PATIENCE, is_root, skip_unless};
use linx_wire::header::MessageFlags;
use linx_wire::nft::{CHAIN, DEVICE, ELEMENT, ELEMENT_LIST, HOOK, Nest, TABLE, family};
use linx_wire::uapi::nft as number;

use crate::bed::{Bed, lines};

#[test]
fn devices_that_come_to_a_chain_are_announced_alone_and_stand_in_front() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("devices", "add table netdev t");
    for devices in ["v1", "v2, v3", "v0", "v0, v1, v2, v3"] {
        let hook = format!("type filter hook ingress devices = {{ {devices} }} priority 0;");
        assert!(bed.nft(&format!("add chain netdev t c {{ {hook} }}")));
        bed.read();
        bed.check();
    }
    let chain = bed.book.state().chains().next().unwrap();
    let names: Vec<_> = chain.hook().unwrap().device_names().map(|name| name.to_string()).collect();
    assert_eq!(names, ["v0", "v3", "v2", "v1"]);
    let all: Vec<_> = bed.told.iter().map(lines).collect();
    assert_eq!(all[0], ["+chain/netdev/t/1"]);
    assert_eq!(all[1], ["~chain/netdev/t/1 hook.dev hook.devices.names"]);
    assert_eq!(all[2], ["~chain/netdev/t/1 hook.devices.names"]);
    assert_eq!(all.len(), 3);
    bed.check_history();
}

#[test]
fn a_device_that_leaves_a_chain_is_no_end_of_it() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("leaves", "add table netdev t");
    let hook = "type filter hook ingress devices = { v0, v1, v2 } priority 0;";
    bed.tells(&format!("add chain netdev t c {{ {hook} }}\nadd rule netdev t c counter"));
    let mut nft = Nft::new(&bed.namespace.netns());
    let mut leave = |names: &[&str]| {
        let devices = Nest::new(&DEVICE).set("names", names.to_vec());
        let hook = Nest::new(&HOOK).set("hook", 0u32).set("prio", 0).set("devices", devices);
        let chain = Nest::new(&CHAIN).set("table", "t").set("name", "c").set("hook", hook);
        let request = chain.request(number::DELCHAIN, MessageFlags::empty(), family::NETDEV).unwrap();
        assert_eq!(nft.commit(vec![request]), []);
    };
    leave(&["v1"]);
    assert_eq!(bed.read().iter().map(lines).collect::<Vec<_>>(), [["~chain/netdev/t/1 hook.devices.names"]]);
    bed.check();
    leave(&["v0"]);
    assert_eq!(bed.read().len(), 1);
    bed.check();
    // The last device too: the chain is still there, hooked to nothing.
    leave(&["v2"]);
    bed.read();
    bed.check();
    assert_eq!((bed.book.state().chains().count(), bed.book.state().rules().count()), (1, 1));
    bed.check_history();
}

#[test]
fn what_changes_nothing_is_not_told() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("noop", SETS);
    let before = bed.book.state().clone();
    for script in ["add table inet t", "add element inet t s { 10.0.0.1 }", "reset counters"] {
        assert!(bed.tells(script).is_empty(), "{script}");
    }
    assert!(!bed.nft("add table inet u\nadd rule inet t nowhere accept"));
    assert!(bed.namespace.try_exec("nft", &["-c", "add table inet checked"]).is_ok());
    assert!(bed.read().is_empty());
    assert_eq!(bed.book.state().generation(), before.generation());
    // The kernel announces this, as a generation of its own, and nothing is other than before.
    assert!(bed.tells("add chain inet t c").is_empty());
    assert_ne!(bed.book.state().generation(), before.generation());
    assert_eq!(bed.book.state().fingerprint(), before.fingerprint());
    assert!(bed.tells("add rule inet t c accept\nflush chain inet t c").len() <= 1);
    bed.check_history();
}

const SETS: &str = "
add table inet t
add chain inet t c
add counter inet t hits
add set inet t s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2, 10.0.0.3 }; }
add set inet t ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/24, 10.0.1.0-10.0.1.9 }; }
add set inet t pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 }; }
add set inet t rest { type ipv4_addr; flags interval; counter; elements = { 10.0.0.0/8, * }; }
add map inet t verdicts { type inet_service : verdict; elements = { 22 : jump c }; }
add map inet t objects { type ipv4_addr : counter; elements = { 10.0.0.1 : \"hits\" }; }
";

fn count(told: &[Vec<String>], begins: &str) -> usize {
    told.iter().flatten().filter(|line| line.starts_with(begins)).count()
}

#[test]
fn a_flushed_set_loses_each_element() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("flush", SETS);
    for (set, elements) in
        [("s", 3), ("ranges", 4), ("pairs", 1), ("rest", 3), ("verdicts", 1), ("objects", 1)]
    {
        let before = bed.book.state().set(Family::Inet, "t", set).unwrap().len();
        let kind = if ["verdicts", "objects"].contains(&set) { "map" } else { "set" };
        let told = bed.tells(&format!("flush {kind} inet t {set}"));
        assert_eq!((told.len(), told[0].len()), (1, before), "{set}: {told:?}");
        assert!(before >= elements && before <= elements + 1, "{set}: {before}");
        assert_eq!(count(&told, &format!("-element/inet/t/{set}/")), before);
    }
    bed.check_history();
}

#[test]
fn elements_leave_with_their_set_and_their_table() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("leave", SETS);
    let told = bed.tells("delete set inet t s");
    assert_eq!((count(&told, "-element/inet/t/s/"), count(&told, "-set/")), (3, 1));
    let all = bed.book.state().len();
    let told = bed.tells("delete table inet t");
    assert_eq!((told.len(), told[0].len()), (1, all));
    assert!(bed.book.state().is_empty());
    bed.tells(SETS);
    let all = bed.book.state().len();
    let told = bed.tells("flush ruleset");
    assert_eq!((told.len(), told[0].len(), count(&told, "-")), (1, all, all));
    bed.check_history();
}

#[test]
fn a_set_that_is_filled_again_tells_what_is_other() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("refill", SETS);
    let told = bed.tells("flush set inet t s\nadd element inet t s { 10.0.0.2, 10.0.0.3, 10.0.0.4 }");
    assert_eq!(told, [["-element/inet/t/s/0a000001", "+element/inet/t/s/0a000004"]]);
    let again = "flush set inet t s\nadd element inet t s { 10.0.0.2, 10.0.0.3, 10.0.0.4 }";
    let generation = bed.book.state().generation();
    assert!(bed.tells(again).is_empty());
    assert_ne!(bed.book.state().generation(), generation);
    let told = bed.tells("add element inet t s { 10.0.0.9 }\ndelete element inet t s { 10.0.0.9 }");
    assert!(told.is_empty(), "{told:?}");
    // What has a handle is another one.
    let told =
        bed.tells("delete set inet t s\nadd set inet t s { type ipv4_addr; elements = { 10.0.0.2 }; }");
    assert_eq!((count(&told, "-element/"), count(&told, "+element/")), (3, 1), "{told:?}");
    assert_eq!((count(&told, "-set/"), count(&told, "+set/")), (1, 1));
    bed.check_history();
}

#[test]
fn anonymous_sets_and_bound_chains_go_with_their_rule() {
    skip_unless!(is_root(), "not root");
    let script = "add table inet t\nadd chain inet t c\n\
        add rule inet t c tcp dport { 22, 80 } accept\n\
        add rule inet t c jump { tcp dport { 1, 2 } accept; drop; }";
    for end in ["flush ruleset", "delete table inet t", "flush table inet t", "flush chain inet t c"] {
        let mut bed = Bed::new("bound", script);
        let before = bed.book.state().len();
        assert_eq!((bed.book.state().chains().count(), bed.book.state().rules().count()), (2, 4), "{end}");
        let told = bed.tells(end);
        let left = bed.book.state().len();
        assert_eq!((told.len(), told[0].len()), (1, before - left), "{end}: {told:?}");
        assert_eq!(
            (count(&told, "-chain/"), count(&told, "-rule/")),
            (if left == 0 { 2 } else { 1 }, 4),
            "{end}"
        );
        bed.check_history();
    }
    let mut bed = Bed::new("boundone", script);
    let handles: Vec<_> =
        bed.book.state().rules_of(Family::Inet, "t", "c").map(|rule| rule.handle()).collect();
    let told = bed.tells(&format!("delete rule inet t c handle {}", handles[0]));
    assert_eq!((told[0].len(), count(&told, "-element/"), count(&told, "-set/")), (4, 2, 1), "{told:?}");
    let told = bed.tells(&format!("delete rule inet t c handle {}", handles[1]));
    assert_eq!(
        (count(&told, "-rule/"), count(&told, "-chain/"), count(&told, "-set/")),
        (3, 1, 1),
        "{told:?}"
    );
    assert_eq!(bed.book.state().len(), 2);
    bed.check_history();
}

#[test]
fn a_renamed_chain_is_named_anew_by_its_rules_and_by_all_that_lead_to_it() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("rename", SETS);
    bed.tells(
        "add chain inet t d\nadd rule inet t d jump c\nadd rule inet t c accept\nadd rule inet t c drop",
    );
    let told = bed.tells("rename chain inet t c other");
    let [told] = &told[..] else { panic!("{told:?}") };
    assert_eq!(told.len(), 5, "{told:?}");
    let ends = |end: &str| told.iter().filter(|line| line.starts_with('~') && line.ends_with(end)).count();
    assert_eq!(
        (ends(" name"), ends(" chain"), ends("data.verdict.chain"), ends("expr.data.data.verdict.chain")),
        (1, 2, 2, 1)
    );
    assert!(bed.book.state().chain(Family::Inet, "t", "c").is_none());
    assert_eq!(bed.book.state().rules_of(Family::Inet, "t", "other").count(), 2);
    bed.check_history();
}

#[test]
fn a_timeout_that_is_renewed_is_a_change_of_its_end() {
    skip_unless!(is_root(), "not root");
    let script = "add table inet t\nadd set inet t s { type ipv4_addr; flags timeout; timeout 100s; }\n\
        add element inet t s { 10.0.0.1, 10.0.0.2 timeout 50s, 10.0.0.3 timeout 200s }";
    let mut bed = Bed::new("renew", script);
    let told = bed.tells("add element inet t s { 10.0.0.1 timeout 300s }");
    assert_eq!(told, [["~element/inet/t/s/0a000001 timeout expires"]]);
    let told = bed.tells("add element inet t s { 10.0.0.2 timeout 50s expires 20s }");
    assert_eq!(told, [["~element/inet/t/s/0a000002 expires"]]);
    // The default is not sent with an element: who has another one begins to tell it.
    let told = bed.tells("add set inet t s { type ipv4_addr; flags timeout; timeout 200s; }");
    assert_eq!(count(&told, "~element/"), 1, "{told:?}");
    let told = bed.tells("add element inet t s { 10.0.0.4 }\nadd set inet t s { type ipv4_addr; flags timeout; timeout 300s; }");
    assert_eq!(count(&told, "~element/"), 2, "{told:?}");
    bed.check_history();
}

#[test]
fn elements_end_when_their_time_has_come() {
    skip_unless!(is_root(), "not root");
    let script = "add table inet t\nadd set inet t s { type ipv4_addr; flags timeout; timeout 100s; }\n\
        add set inet t ranges { type ipv4_addr; flags interval,timeout; }\n\
        add set inet t d { type ipv4_addr; flags timeout; timeout 4s; }\n\
        add element inet t ranges { 10.0.0.0/24 timeout 3s, 10.0.1.0/24 timeout 300s, 10.0.3.0/24 timeout 3s }\n\
        add element inet t s { 10.0.0.1, 10.0.0.2 timeout 4s, 10.0.0.3 timeout 3s, 10.0.0.4 timeout 1h }";
    let made = Instant::now();
    let mut bed = Bed::new("expire", script);
    let begun = Instant::now();
    bed.tells("add element inet t d { 10.0.0.9 }\nadd element inet t s { 10.0.0.3 timeout 90s }");
    let deadline = bed.book.deadline().unwrap();
    assert!(deadline <= begun + Duration::from_millis(3050), "{:?}", deadline - begun);
    // An element ends in the book and in the kernel at most so much apart: it was read of so late.
    let apart = made.elapsed();
    let (mut ended, mut last, end) = (Vec::new(), made, begun + PATIENCE);
    // Looks since something ended.
    let mut looks = 0;
    while (ended.len() < 6 || looks == 0) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
        let now = Instant::now();
        let ends = bed.expire();
        assert!(bed.book.deadline().is_none_or(|due| due > now), "what is due has ended");
        if !ends.is_empty() {
            (last, looks) = (Instant::now(), 0);
        }
        ended.extend(ends);
        // The kernel keeps what marks the end of an interval until it clears up.
        let is_end = |element: &ElementRef<'_>| element.flags().contains(ElementFlags::INTERVAL_END);
        let sets = bed.book.state().sets();
        let here: usize = sets.map(|set| set.elements().filter(|it| !is_end(it)).count()).sum();
        let begins = Instant::now();
        let there = bed.pull().elements().filter(|it| !is_end(it)).count();
        if begins > last + apart && bed.book.deadline().is_none_or(|due| due > Instant::now() + apart) {
            assert_eq!(there, here);
            looks += 1;
        }
    }
    assert!(looks > 0);
    ended.sort();
    let all = [
        "d/0a000009",
        "ranges/0a000000",
        "ranges/0a000100/end",
        "ranges/0a000300",
        "ranges/0a000400/end",
        "s/0a000002",
    ];
    assert_eq!(ended, all.map(|key| format!("-element/inet/t/{key}")));
    assert_eq!(bed.book.state().set(Family::Inet, "t", "s").unwrap().len(), 3);
    bed.check_history();
}

#[test]
fn what_packets_add_is_found_by_the_audit_and_what_they_use_up_is_not_told() {
    skip_unless!(is_root(), "not root");
    let script = "add table inet t\nadd set inet t s { type inet_service; flags dynamic,timeout; timeout 100s; size 100; }\n\
        add quota inet t q { over 300 bytes; }\n\
        add chain inet t c { type filter hook output priority 0; }\n\
        add rule inet t c quota name \"q\"\nadd rule inet t c counter update @s { udp dport }";
    let mut bed = Bed::new("packets", script);
    bed.packet(100);
    bed.packet(500);
    bed.packet(100);
    assert!(bed.read().is_empty());
    assert_eq!(bed.book.state().set(Family::Inet, "t", "s").unwrap().len(), 0);
    let group = bed.book.replace(&bed.pull(), Cause::Audit, Instant::now()).unwrap();
    assert_eq!((group.changes.len(), group.cause), (1, Cause::Audit));
    let delta = group.deltas(7, 3, std::time::SystemTime::UNIX_EPOCH).next().unwrap();
    assert_eq!((delta.revision(), delta.netns(), delta.change()), (7, 3, Change::Added));
    assert_eq!(delta.key().unwrap().as_str(), "nft/element/inet/t/s/0009");
    let line = delta.to_string();
    assert!(line.starts_with("+ element  inet t s 0x0009 ") && line.ends_with("[audit]"), "{line}");
    bed.check();

    // The same where volatile fields are asked for: the quota's use is told, of the right table.
    let options = Options { volatile: true, ..Options::default() };
    let mut bed = Bed::with(
        "packetsv",
        &format!("add table ip t\n{script}\nadd quota ip t q {{ over 1 mbytes; }}"),
        options,
    );
    bed.packet(100);
    bed.packet(500);
    let told: Vec<_> = bed.read().iter().map(lines).collect();
    assert_eq!(told, [["~object/inet/t/quota/q data.flags data.used"]]);
}

#[test]
fn what_an_owner_leaves_behind_is_implied() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("owner", "add table inet t");
    let make = |nft: &mut Nft, name: &str, flags: u32| {
        let table = Nest::new(&TABLE).set("name", name).set("flags", flags);
        let create = MessageFlags::ATOMIC;
        let table = table.request(number::NEWTABLE, create, family::INET).unwrap();
        let chain = Nest::new(&CHAIN).set("table", name).set("name", "c");
        let chain = chain.request(number::NEWCHAIN, create, family::INET).unwrap();
        assert_eq!(nft.commit(vec![table, chain]), []);
    };
    let (mut first, mut second) = (Nft::new(&bed.namespace.netns()), Nft::new(&bed.namespace.netns()));
    make(&mut first, "goes", 2);
    make(&mut first, "goes too", 2);
    make(&mut second, "stays", 2 | 4);
    bed.read();
    bed.check();
    assert_eq!(bed.book.owners().len(), 2);
    let owner = |name: &str| bed.book.state().table(Family::Inet, name).unwrap().owner().unwrap();
    let (goes, stays) = (owner("goes"), owner("stays"));
    drop((first, second));
    assert!(bed.read().is_empty());
    let generation = bed.book.state().generation();
    let groups = bed.owner_gone(goes);
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].changes.len(), 2);
    assert_eq!(groups[0].cause, Cause::Implied);
    assert_eq!(&*groups[0].trigger.as_ref().unwrap().what, "owner of table inet goes gone");
    let groups = bed.owner_gone(stays);
    assert_eq!((groups.len(), groups[0].changes.len()), (1, 1));
    assert!(bed.book.owners().is_empty());
    bed.check();
    assert_eq!(bed.book.state().generation(), generation);
    bed.check_history();
}

#[test]
fn destroyed_is_deleted() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("destroy", SETS);
    let mut nft = Nft::new(&bed.namespace.netns());
    let element = Nest::new(&ELEMENT).set("key", Nest::value(&[10, 0, 0, 2]));
    let elements = Nest::new(&ELEMENT_LIST).set("table", "t").set("set", "s").set("elem", vec![element]);
    let request = elements.request(number::DESTROYSETELEM, MessageFlags::empty(), family::INET).unwrap();
    assert_eq!(nft.commit(vec![request]), []);
    assert_eq!(bed.read().iter().map(lines).collect::<Vec<_>>(), [["-element/inet/t/s/0a000002"]]);
    bed.check();
    let table = Nest::new(&TABLE).set("name", "t");
    let request = table.request(number::DESTROYTABLE, MessageFlags::empty(), family::INET).unwrap();
    assert_eq!(nft.commit(vec![request]), []);
    assert_eq!(bed.read().len(), 1);
    bed.check();
    assert!(bed.book.state().is_empty());
    bed.check_history();
}

/// A rule that is to stand behind one that the same commit deletes looks as if it were the last.
#[test]
fn an_order_that_is_not_told_is_in_doubt() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("doubt", "add table ip t\nadd chain ip t c");
    bed.tells("add rule ip t c accept\nadd rule ip t c drop\nadd rule ip t c return");
    let handles: Vec<_> = bed.book.state().rules().map(|rule| rule.handle()).collect();
    assert_eq!(bed.doubts, 0);
    let [first, .., last] = handles[..] else { panic!("{handles:?}") };
    bed.tells(&format!("delete rule ip t c handle {first}\nadd rule ip t c position {first} counter"));
    assert_eq!(bed.doubts, 1);
    bed.tells(&format!("delete rule ip t c handle {last}\ninsert rule ip t c position {last} counter"));
    assert_eq!(bed.doubts, 2);
    // What empties a chain first leaves none.
    bed.tells("flush chain ip t c\nadd rule ip t c accept\nadd rule ip t c drop\ninsert rule ip t c counter");
    assert_eq!(bed.doubts, 2);
    bed.check_history();
}

/// In one commit a rule may be announced before the one it stands behind.
#[test]
fn rules_wait_for_the_one_before_them() {
    skip_unless!(is_root(), "not root");
    let mut bed =
        Bed::new("wait", "add table ip t\nadd chain ip t c\nadd rule ip t c accept\nadd rule ip t c drop");
    let first = bed.book.state().rules().next().unwrap().handle();
    let script: String =
        (0..20).map(|n| format!("add rule ip t c position {first} counter comment \"{n}\"\n")).collect();
    bed.tells(&script);
    let script: String = (0..20).map(|n| format!("insert rule ip t c counter comment \"{n}\"\n")).collect();
    bed.tells(&script);
    let script: String =
        (0..20).map(|n| format!("insert rule ip t c position {first} counter comment \"{n}\"\n")).collect();
    bed.tells(&script);
    assert_eq!((bed.doubts, bed.book.state().rules().count()), (0, 62));
    bed.check_history();
}

/// What a set's header tells of the number of its elements (kernel 6.16) is what there is, but for catch-all elements and
/// what marks the ends of intervals: after a loss, another number shows that they are others.
#[test]
fn a_set_tells_how_many_elements_it_has() {
    skip_unless!(is_root(), "not root");
    let bed = Bed::new("count", SETS);
    let rules = bed.pull();
    for set in rules.sets() {
        let here = bed.book.state().set(Family::Inet, "t", set.name().as_bytes()).unwrap();
        let uncounted = ElementFlags::INTERVAL_END | ElementFlags::CATCHALL;
        let is_counted = |element: &ElementRef<'_>| !element.flags().intersects(uncounted);
        let here = here.elements().filter(is_counted).count();
        println!("{} {:?} {here}", set.name(), set.attributes().count());
        assert!(set.attributes().count().is_none_or(|count| count as usize == here), "{}", set.name());
    }
}

#[test]
fn of_two_chains_of_one_name_the_last_is_held_and_stays() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new(
        "namesakes",
        "add table inet t\nadd chain inet t c0\nadd chain inet t c2\nadd rule inet t c2 counter",
    );
    let hook = "{ type filter hook input priority 0; policy accept; }";
    assert!(
        bed.nft(&format!("delete chain inet t c0\nrename chain inet t c2 c0\nadd chain inet t c0 {hook}"))
    );
    let chains = bed.pull().chains().filter(|chain| chain.name().as_bytes() == b"c0").count();
    assert_eq!(chains, 2, "the kernel makes two");
    bed.read();
    bed.check_history();
    let rules = bed.pull();
    // The rule of the first is now taken for one of the last: once.
    let _ = bed.book.replace(&rules, Cause::Audit, Instant::now());
    let again = bed.book.replace(&rules, Cause::Audit, Instant::now());
    assert!(again.is_none(), "{:?}", again.unwrap().changes);
    assert_eq!(bed.book.state().chains().count(), 1);
}

/// The rule in whose place one comes that is replaced again never was, and what belongs to it goes unannounced.
#[test]
fn a_rule_that_comes_and_goes_in_one_commit_takes_its_chain_along() {
    skip_unless!(is_root(), "not root");
    const FIRST: &str = "jump { counter; tcp dport { 1, 68 } accept; drop; }";
    const SECOND: &str = "jump { tcp dport vmap { 1 : accept }; }";
    // The rules have the handles 3, 4, and 5.
    for at in 0..3 {
        let handle = 3 + at;
        let goes = format!("delete rule ip t c handle {handle}");
        for next in [format!("replace rule ip t c handle {handle} {SECOND}"), goes] {
            let mut bed = Bed::new("twice", "add table ip t\nadd chain ip t c\nadd chain ip t d");
            assert!(bed.nft(&(0..3).map(|at| format!("add rule ip t c ip ttl {at}\n")).collect::<String>()));
            bed.read();
            bed.tells(&format!("replace rule ip t c handle {handle} {FIRST}\n{next}"));
        }
    }
}

/// A rule that one commit makes and replaces, or takes away, leaves the places of others in doubt; what the rules have is
/// theirs all the same.
#[test]
fn rules_that_come_and_go_in_one_commit_leave_the_others_where_they_are() {
    skip_unless!(is_root(), "not root");
    const MAP: &str = "tcp dport vmap { 22 : accept, 23 : drop }";
    const JUMP: &str = "jump { tcp dport { 1, 2 } accept; drop; }";
    // The rules have the handles 2, 3, and 4; anonymous maps and chains take handles, too.
    let scripts = [
        format!("delete rule ip t c handle 2\nadd rule ip t c position 2 {MAP}"),
        format!("delete rule ip t c handle 4\ninsert rule ip t c position 4 {MAP}"),
        format!("insert rule ip t c {MAP}\nreplace rule ip t c handle 6 {JUMP}"),
        "insert rule ip t c drop\nreplace rule ip t c handle 5 accept".to_owned(),
        "insert rule ip t c drop\ndelete rule ip t c handle 5".to_owned(),
        "delete rule ip t c handle 3\ninsert rule ip t c accept\nreplace rule ip t c handle 5 drop"
            .to_owned(),
        "flush chain ip t c\ninsert rule ip t c accept\nreplace rule ip t c handle 5 drop".to_owned(),
    ];
    for script in scripts {
        let mut bed = Bed::new("others", "add table ip t\nadd chain ip t c");
        bed.tells("add rule ip t c ip ttl 1\nadd rule ip t c ip ttl 2\nadd rule ip t c ip ttl 3");
        bed.tells(&script);
        bed.check_history();
    }
}

/// The kernel gives the name of an anonymous set that is gone to the next one: what is read after a loss has both.
#[test]
fn an_anonymous_set_that_got_the_name_of_one_that_went_unheard_is_kept() {
    skip_unless!(is_root(), "not root");
    let start = "add table ip t\nadd chain ip t c\nadd rule ip t c tcp dport { 22, 80 } accept";
    let mut bed = Bed::new("renamed", start);
    assert!(bed.nft("flush chain ip t c"));
    assert!(bed.nft("add rule ip t c udp dport { 53, 67 } drop"));
    let rules = bed.pull();
    bed.book.replace(&rules, Cause::Resync, Instant::now()).unwrap();
    let mut fresh = Book::new(Options::default());
    fresh.load(&rules, Instant::now());
    assert_eq!(bed.book.state().len(), fresh.state().len());
    assert_eq!(bed.book.state().fingerprint(), fresh.state().fingerprint());
}
