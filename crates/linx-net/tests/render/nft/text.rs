//! Lines for people, of what nft makes.

use linx::names::{Context, LinkNames, Names};
use linx_test::{Namespace, is_root, skip_unless};
use linx_wire::name::Name;

use super::{Pulled, nft};

const SCRIPT: &[&str] = &[
    "add table inet f { flags dormant; comment \"a \\ b\"; }",
    "add chain inet f input { type filter hook input priority -5; policy drop; }",
    "add chain inet f plain { comment \"why\"; }",
    "add table netdev d",
    "add chain netdev d in { type filter hook ingress device \"v0\" priority 0; }",
    "add rule inet f input tcp dport 22 jump plain comment \"ssh\"",
    "add set inet f hosts { type ipv4_addr . inet_service; flags interval,timeout; timeout 1h; size 100; }",
    "add set inet f seen { type ipv4_addr; flags timeout; counter; gc-interval 90s; policy memory; comment \"c\"; }",
    "add element inet f seen { 10.0.0.9 counter packets 4 bytes 5 comment \"one\" }",
    "add element inet f hosts { 10.0.0.0/8 . 80-90 timeout 2h }",
    "add map inet f verdicts { type mark : verdict; }",
    "add element inet f verdicts { 0x2a : jump plain, 7 : drop }",
    "add map inet f pairs { type ifname : ipv4_addr . inet_service; }",
    "add element inet f pairs { \"eth0\" : 10.0.0.1 . 8080 }",
    "add counter inet f hits { packets 3 bytes 4000 }",
    "add map inet f counted { type inet_proto : counter; }",
    "add element inet f counted { tcp : \"hits\" }",
    "add quota inet f most { over 20 mbytes }",
    "add limit inet f pace { rate over 2 kbytes/second burst 512 bytes }",
    "add limit inet f each { rate 400/hour burst 9 packets }",
    "add ct helper inet f ftp { type \"ftp\" protocol tcp; }",
    "add ct expectation inet f soon { protocol udp; dport 9876; timeout 2m; size 12; l3proto ip; }",
    "add ct timeout inet f times { protocol udp; l3proto ip; policy = { unreplied : 11, replied : 12 }; }",
    "add synproxy inet f proxy { mss 1460; wscale 7; timestamp sack-perm; }",
];

const LINES: &[&str] = &[
    "table inet f flags dormant comment \"a \\\\ b\"",
    "table netdev d",
    "chain inet f input type filter hook input priority -5 policy drop",
    "chain inet f plain comment \"why\"",
    "chain netdev d in type filter hook ingress device \"v0\" priority 0 policy accept",
    "rule inet f input handle N [meta load l4proto → r1] [cmp eq r1 0x06] [payload load 2b @ transport + 2 → r1] \
     [cmp eq r1 0x0016] [immediate jump plain] comment \"ssh\"",
    "set inet f hosts type ipv4_addr . inet_service flags interval,timeout timeout 1h size 100",
    "set inet f seen type ipv4_addr flags timeout gc-interval 1m30s policy memory [counter packets 0 bytes 0] comment \"c\"",
    "map inet f verdicts type mark : verdict",
    "map inet f pairs type ifname : ipv4_addr . inet_service",
    "map inet f counted type inet_proto : counter",
    "element inet f seen 10.0.0.9 [counter packets 4 bytes 5] comment \"one\"",
    "element inet f verdicts 0x0000002a : jump plain",
    "element inet f verdicts 0x00000007 : drop",
    "element inet f pairs \"eth0\" : 10.0.0.1 . 8080",
    "element inet f counted tcp : \"hits\"",
    "counter inet f hits packets 3 bytes 4000",
    "quota inet f most over 20 mbytes used 0 bytes",
    "limit inet f pace rate over 2 kbytes/second burst 512 bytes",
    "limit inet f each rate 400/hour burst 9 packets",
    "ct helper inet f ftp type \"ftp\" protocol tcp l3proto inet",
    "ct expectation inet f soon protocol udp l3proto ip dport 9876 timeout 2m size 12",
    "ct timeout inet f times protocol udp l3proto ip policy { unreplied : 11s, replied : 12s }",
    "synproxy inet f proxy mss 1460 wscale 7 timestamp sack-perm",
];

#[test]
fn lines_have_nfts_words() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nft-text");
    namespace.ip("link add v0 type veth peer name v1");
    for line in SCRIPT {
        assert!(nft(&namespace, &[line]).is_some(), "{line}");
    }
    let pulled = Pulled::of(&namespace);
    let (names, mut links) = (Names::load(), LinkNames::new());
    links.insert(1, Name::new(b"lo"), 772);
    let cx = Context::new(&names, &links).volatile(true).sets(Some(&pulled.sets));
    let shown: Vec<String> = pulled
        .items()
        .map(|item| {
            let line = linx::text::nft_line(item, &cx).to_string();
            let words = line.split(' ').collect::<Vec<_>>();
            // The kernel's number.
            let handle = |at: usize| at > 0 && words[at - 1] == "handle";
            let words = words.iter().enumerate().map(|(at, word)| if handle(at) { "N" } else { word });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    for expected in LINES {
        assert!(shown.iter().any(|line| line == expected), "{expected}\n{shown:#?}");
    }
    // One that ends is the only one that differs from run to run.
    let rest: Vec<_> = shown.iter().filter(|line| !LINES.contains(&line.as_str())).collect();
    assert_eq!(rest.len(), 1, "{rest:#?}");
    assert!(rest[0].starts_with("element inet f hosts 10.0.0.0/8 . 80-90 timeout 2h expires 1h5"));
    // Handles where details are asked for, and nothing that packets count where it is not.
    let table = pulled.items().next().unwrap();
    let detailed = linx::text::nft_line(table, &cx.details(true)).to_string();
    assert!(detailed.contains(" # handle "), "{detailed}");
    let quiet: Vec<_> =
        pulled.items().map(|item| linx::text::nft_line(item, &cx.volatile(false)).to_string()).collect();
    assert!(quiet.contains(&"counter inet f hits".to_owned()));
    assert!(quiet.contains(&"quota inet f most over 20 mbytes".to_owned()));
}
