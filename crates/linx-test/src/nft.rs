//! Rule sets of nf_tables that have one of everything, and what the kernel says of them.

use linx_sys::{Netns, Protocol, RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{Ack, MessageFlags, Messages, control};
use linx_wire::nft::expr::{
    BITWISE, CMP, CONNLIMIT, COUNTER, INNER, LAST, MATCH, META, PAYLOAD, TARGET, TUNNEL,
};
use linx_wire::nft::{
    Batch, CHAIN, ELEMENT, ELEMENT_LIST, Entity, EntityRef, HOOK, Nest, OBJECT, RULE, RULE_COMPAT, SET,
    SetView, TABLE, TUNNEL_ERSPAN, TUNNEL_GENEVE, TUNNEL_IP, TUNNEL_IP6, TUNNEL_KEY, TUNNEL_OPTS,
    TUNNEL_VXLAN, family, object_type, request,
};
use linx_wire::route::Operation;
use linx_wire::uapi::nft;

use crate::PATIENCE;

/// Whether a commit of this script's lines may leave two chains of one name, whose rules nobody can tell apart (KERNEL.md
/// 1.12).
pub fn makes_namesakes(script: &str) -> bool {
    script.lines().any(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        ["rename", "chain", family, table, _, name] => {
            let added = format!("add chain {family} {table} {name}");
            script.lines().any(|line| line == added || line.starts_with(&format!("{added} ")))
        }
        _ => false,
    })
}

/// A part of a rule set: its name, and the lines that `nft` makes it of.
#[derive(Clone, Copy, Debug)]
pub struct NftScene {
    /// Its name.
    pub name: &'static str,
    /// Commands of `nft`, one a line; what is empty is left out.
    pub script: &'static str,
}

/// Everything that nft 1.0.6 can make.
pub const NFT_SCENES: &[NftScene] = &[
    NftScene { name: "tables", script: TABLES },
    NftScene { name: "matches", script: MATCHES },
    NftScene { name: "statements", script: STATEMENTS },
    NftScene { name: "nat", script: NAT },
    NftScene { name: "sets", script: SETS },
    NftScene { name: "objects", script: OBJECTS },
    NftScene { name: "families", script: FAMILIES },
];

const TABLES: &str = r#"
add table inet plain
add table ip asleep { flags dormant; }
add table ip6 noted { comment "a comment with \ and é"; }
add chain inet plain regular
add chain inet plain noted { comment "why"; }
add chain inet plain input { type filter hook input priority -100; policy drop; }
add chain inet plain pre { type filter hook prerouting priority raw; }
add chain ip asleep out { type route hook output priority mangle; policy accept; }
add rule inet plain input jump regular comment "first"
add rule inet plain input goto noted
add rule inet plain regular return
add rule inet plain regular continue
add rule inet plain input drop
add rule inet plain input jump { counter packets 3 bytes 4000000000000; accept; }
"#;

const MATCHES: &str = r#"
add table inet m
add set inet m s { type ipv4_addr; }
add chain inet m c { type filter hook prerouting priority 0; }
add chain inet m o { type filter hook output priority 0; }
add rule inet m c ip saddr & 255.255.0.0 == 10.0.0.0
add rule inet m c ip saddr 10.0.0.0/12 ip daddr != 10.1.2.3
add rule inet m c meta mark set meta mark or 0x10
add rule inet m c meta mark set meta mark and 0xf0ff xor 0x30
add rule inet m c meta mark set meta mark << 4
add rule inet m c meta mark set ct mark >> 8
add rule inet m c meta length 100-200
add rule inet m c meta mark > 5
add rule inet m c tcp dport >= 1024
add rule inet m c udp sport != 53
add chain inet m r
add rule inet m c tcp dport != 1000-2000
add rule inet m c ip daddr != 10.0.0.1-10.0.0.9
add rule inet m c ip saddr @s
add rule inet m c ip saddr != @s
add rule inet m c tcp dport { 22, 80, 443 }
add rule inet m c ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80-90 }
add rule inet m c tcp dport vmap { 22 : accept, 23 : drop, 25 : jump r }
add rule inet m c meta iifname "lo" meta oifname != "eth*"
add rule inet m c meta iif lo
add rule inet m c meta protocol ip meta l4proto tcp meta nfproto ipv4
add rule inet m c meta priority 1:2 meta pkttype broadcast meta cpu 1
add rule inet m c meta iiftype ether meta iifgroup 3 meta rtclassid 7
add rule inet m c meta iifkind "veth"
add rule inet m c meta sdif 4
add rule inet m c meta sdifname "vrf0"
add rule inet m o meta skuid 1000 meta skgid 1001 meta cgroup 9
add rule inet m c meta time < "2030-01-01 00:00:00" meta day "Monday" meta hour "10:00"-"12:00"
add rule inet m c meta random < 5
add rule inet m c meta secpath exists
add rule inet m c ct state established,related ct direction original ct status assured
add rule inet m c ct mark 7 ct expiration 5s ct helper "ftp" ct zone 3 ct id 9
add rule inet m c ct original ip saddr 10.0.0.1 ct reply ip6 daddr fd00::1
add rule inet m c ct original protocol tcp ct reply proto-dst 80
add rule inet m c ct original packets > 5 ct reply bytes > 6 ct avgpkt > 7
add rule inet m c ct label 4
add rule inet m c ip option lsrr exists
add rule inet m c ip6 nexthdr tcp
add rule inet m c frag frag-off 33
add rule inet m c rt type 0
add rule inet m c hbh hdrlength 3
add rule inet m c exthdr hbh exists
add rule inet m c tcp option maxseg size 1400 tcp option sack-perm exists
add rule inet m c sctp chunk init num-outbound-streams 5 dccp type request
add rule inet m c tcp flags & (syn | ack) == syn tcp window 7
add rule inet m c @th,16,16 22 @nh,8,8 0x10 @ll,0,48 0x010203040506
add rule inet m c rt classid 5
add rule inet m o rt ip nexthop 10.0.0.1 rt ip6 nexthop fd00::1 rt mtu > 1400
add rule inet m o rt ipsec exists
add rule inet m c socket transparent 1 socket mark 6 socket wildcard 1
add rule inet m c osf name "Linux" osf ttl skip name "Linux" osf version "Linux:3.0"
add rule inet m c fib saddr . iif oif missing
add rule inet m c fib daddr . mark type local
add rule inet m c fib saddr oifname "lo"
add rule inet m c ipsec in reqid 1 ipsec in ip saddr 10.0.0.1
add rule inet m o ipsec out spnum 1 spi 0x1234
add rule inet m c numgen inc mod 10 offset 3 vmap { 3 : accept }
add rule inet m c meta mark set numgen random mod 0x100
add rule inet m c meta mark set jhash ip saddr . tcp sport mod 32 seed 0xdeadbeef offset 5
add rule inet m c meta mark set symhash mod 2 offset 100
add rule inet m c meta mark set ip saddr map { 10.0.0.1 : 0x1, 10.0.0.2 : 0x2 }
"#;

const STATEMENTS: &str = r#"
add table inet s
add set inet s seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 1000; }
add map inet s marks { type ipv4_addr : mark; flags dynamic; size 100; }
add chain inet s c { type filter hook prerouting priority 0; }
add chain inet s o { type filter hook output priority 0; }
add chain inet s in { type filter hook input priority 0; }
add rule inet s c counter packets 5 bytes 4886718345
add rule inet s c limit rate 400/minute burst 6 packets
add rule inet s c limit rate over 10 mbytes/second burst 70000 bytes
add rule inet s c quota 25 mbytes used 1 mbytes
add rule inet s c quota over 500 bytes
add rule inet s c ct count 20
add rule inet s c ct count over 10
add rule inet s c log prefix "in: " group 5 snaplen 64 queue-threshold 7
add rule inet s c log prefix "x" level debug flags all
add rule inet s c log level audit
add rule inet s c ct mark set 0x12345678 ct event set new,destroy
add rule inet s c ct zone set 5
add rule inet s c ct original zone set 6
add rule inet s o ct label set 5
add rule inet s c notrack
add rule inet s c meta priority set 1:20
add rule inet s c meta nftrace set 1
add rule inet s c meta pkttype set host
add rule inet s c ip ttl set 5
add rule inet s c tcp dport set 8080
add rule inet s c udp checksum set 0
add rule inet s c ip6 hoplimit set 7
add rule inet s c ether saddr set 02:00:00:00:00:01
add rule inet s c tcp option maxseg size set 1360
add rule inet s o tcp option maxseg size set rt mtu
add rule inet s c reset tcp option sack-perm
add rule inet s c add @seen { ip saddr }
add rule inet s c update @seen { ip saddr timeout 5s }
add rule inet s c add @seen { ip saddr counter }
add rule inet s c delete @seen { ip saddr }
add rule inet s c add @seen { ip saddr limit rate 5/second counter }
add rule inet s c update @marks { ip saddr : 0x77 }
add rule inet s in reject
add rule inet s in reject with tcp reset
add rule inet s in reject with icmp type admin-prohibited
add rule inet s in reject with icmpv6 type no-route
add rule inet s in reject with icmpx type host-unreachable
add rule inet s in synproxy mss 1460 wscale 9 timestamp sack-perm
add rule inet s c queue flags bypass,fanout num 3-5
add rule inet s c meta l4proto tcp tproxy ip to 127.0.0.1:50080
add rule inet s c meta l4proto tcp tproxy to :50081
add table ip d
add chain ip d c { type filter hook prerouting priority 0; }
add rule ip d c dup to 10.0.0.9 device "lo"
add rule ip d c dup to 10.0.0.9
"#;

const NAT: &str = r#"
add table ip n
add chain ip n pre { type nat hook prerouting priority dstnat; }
add chain ip n post { type nat hook postrouting priority srcnat; }
add rule ip n post ip protocol tcp snat to 10.0.0.1-10.0.0.9:1000-2000 random,persistent
add rule ip n post snat to 10.0.0.1
add rule ip n post snat ip prefix to 10.0.0.0/24
add rule ip n post snat to ip saddr map { 10.1.0.1 : 10.2.0.1 }
add rule ip n post ip protocol tcp masquerade to :1024-65535 fully-random
add rule ip n post masquerade
add rule ip n pre tcp dport 80 dnat to 10.0.0.7:8080
add rule ip n pre dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080, 443 : 10.0.0.2 . 8443 }
add rule ip n pre tcp dport 22 redirect to :2222
add rule ip n pre ip protocol udp redirect to :3000-4000 random
add rule ip n pre redirect
add table inet n6
add chain inet n6 pre { type nat hook prerouting priority -100; }
add chain inet n6 post { type nat hook postrouting priority 100; }
add rule inet n6 pre dnat ip6 to fd00::7
add rule inet n6 pre tcp dport 80 dnat ip6 to [fd00::7]:8080
add rule inet n6 post masquerade
"#;

const SETS: &str = r#"
add table inet sets
add chain inet sets c
add counter inet sets hits
add set inet sets addrs { type ipv4_addr; comment "some addresses"; size 100; }
add element inet sets addrs { 10.0.0.1 comment "one", 10.0.0.2 }
add set inet sets nets { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/64, fd01::1-fd01::9 }; }
add set inet sets aging { type inet_service; flags timeout; timeout 1h; gc-interval 10m; elements = { 22, 23 timeout 10m, 24 timeout 20m expires 15m }; }
add set inet sets pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90, 10.1.1.1 . 443 }; }
add set inet sets plain_pairs { type ipv4_addr . inet_proto . inet_service; elements = { 10.0.0.1 . tcp . 80 }; }
add set inet sets counted { type ipv4_addr; counter; elements = { 10.0.0.1 counter packets 5 bytes 6, 10.0.0.2 }; }
add set inet sets double { type ipv4_addr; flags dynamic; limit rate 5/second counter; elements = { 10.0.0.1 }; }
add set inet sets fixed { type mark; flags constant; elements = { 1, 2 }; }
add set inet sets thrifty { type ipv4_addr; policy memory; }
add set inet sets typed { typeof tcp option maxseg size; }
add set inet sets names { type ifname; flags interval; elements = { "eth0", "lo" }; }
add set inet sets others { type ipv4_addr; flags interval; counter; elements = { 10.0.0.0/8, * }; }
add map inet sets to_mark { type ipv4_addr : mark; elements = { 10.0.0.1 : 0x1020304, * : 0x5 }; }
add map inet sets to_verdict { type inet_service : verdict; elements = { 22 : accept, 23 : jump c, 24 : drop, 25 : return }; }
add map inet sets to_pair { type inet_service : ipv4_addr . inet_service; elements = { 80 : 10.0.0.1 . 8080 }; }
add map inet sets to_range { type inet_service : interval ipv4_addr; flags interval; elements = { 80 : 10.0.0.1-10.0.0.9 }; }
add map inet sets to_object { type ipv4_addr : counter; elements = { 10.0.0.1 : "hits" }; }
add rule inet sets c ip saddr @counted tcp dport vmap @to_verdict
add rule inet sets c counter name ip saddr map @to_object
add rule inet sets c counter name ip saddr map { 10.0.0.1 : "hits" }
"#;

const OBJECTS: &str = r#"
add table ip o
add chain ip o c { type filter hook prerouting priority 0; }
add chain ip o in { type filter hook input priority 0; }
add counter ip o plain
add counter ip o used { packets 12 bytes 4886718345 }
add quota ip o some { 100 mbytes used 1 mbytes }
add quota ip o most { over 20 bytes }
add limit ip o pace { rate 400/hour burst 9 packets }
add limit ip o amount { rate over 1 kbytes/second burst 512 bytes }
add ct helper ip o ftp { type "ftp" protocol tcp; l3proto ip; }
add ct timeout ip o tcp_times { protocol tcp; l3proto ip; policy = { established : 132, close : 5, syn_sent : 7 }; }
add ct timeout ip o udp_times { protocol udp; policy = { unreplied : 11, replied : 12 }; }
add ct expectation ip o expected { protocol udp; dport 9876; timeout 2m; size 12; l3proto ip; }
add secmark ip o label { "system_u:object_r:ssh_server_packet_t:s0"; }
add synproxy ip o proxy { mss 1460; wscale 7; timestamp sack-perm; }
add counter ip o noted { comment "kept"; }
add rule ip o c counter name "used" quota name "some" limit name "pace"
add rule ip o c ct helper set "ftp"
add rule ip o c ct timeout set "tcp_times"
add rule ip o c ct expectation set "expected"
add rule ip o in synproxy name "proxy"
add table inet flows
add flowtable inet flows f { hook ingress priority filter + 5; devices = { lo }; }
add chain inet flows c { type filter hook forward priority 0; }
add rule inet flows c meta l4proto tcp flow add @f
"#;

const FAMILIES: &str = r#"
add table arp a
add chain arp a in { type filter hook input priority 0; }
add rule arp a in arp operation request arp saddr ip 10.0.0.1 counter
add table bridge b
add chain bridge b pass { type filter hook forward priority filter; }
add rule bridge b pass meta ibrname "br0" meta obrname "br1"
add rule bridge b pass ether type vlan vlan id 5
add rule bridge b pass meta ibrvproto vlan meta ibrpvid 7
add rule bridge b pass reject with icmpx type port-unreachable
add table netdev d
add chain netdev d one { type filter hook ingress device "v0" priority -500; policy accept; }
add chain netdev d two { type filter hook ingress devices = { "v0", "v1" } priority 0; }
add chain netdev d out { type filter hook egress device "v0" priority 0; }
add rule netdev d one fwd to "v1"
add rule netdev d one fwd ip to 10.0.0.1 device "v1"
add rule netdev d one dup to "v1"
add rule netdev d two reject
add table ip6 six
add chain ip6 six c { type filter hook prerouting priority 0; }
add rule ip6 six c ip6 saddr fd00::/8 ip6 flowlabel 7 icmpv6 type nd-neighbor-solicit
add rule ip6 six c dup to fd00::1 device "v0"
"#;

/// A socket of nf_tables.
#[derive(Debug)]
pub struct Nft {
    socket: Socket,
    buf: RecvBuf,
}

impl Nft {
    /// A socket in a namespace.
    #[must_use]
    pub fn new(netns: &Netns) -> Self {
        let socket = Socket::open(Protocol::NETFILTER, netns).unwrap();
        socket.set_sndbuf(4 << 20).unwrap();
        Self { socket, buf: RecvBuf::for_events() }
    }

    /// Commits requests as one transaction; the errno of each that was refused, by its place.
    pub fn commit(&mut self, requests: Vec<Request>) -> Vec<(usize, i32)> {
        let first = self.socket.next_seq();
        let mut batch = Batch::new(first, 0, None).unwrap();
        let count = requests.len();
        for request in requests {
            batch.push(request.acknowledged()).unwrap();
            self.socket.next_seq();
        }
        self.socket.next_seq();
        self.socket.send(&batch.finish().unwrap()).unwrap();
        let mut refused = Vec::new();
        let mut answered = 0;
        while answered < count {
            let received = self.socket.recv_timeout(&mut self.buf, Some(PATIENCE)).unwrap();
            for message in Messages::new(received.bytes()) {
                let message = message.unwrap();
                if message.header.message_type == control::ERROR {
                    answered += 1;
                    let errno = Ack::decode(&message).unwrap().errno;
                    if errno != 0 {
                        refused.push(((message.header.seq - first - 1) as usize, errno));
                    }
                }
            }
        }
        refused
    }

    /// The datagrams that answer a request, without what only ends a dump.
    pub fn ask(&mut self, request: Request) -> Vec<Vec<u8>> {
        let dump = request.flags().contains(MessageFlags::DUMP);
        self.socket.send(&request.finish(self.socket.next_seq(), 0).unwrap()).unwrap();
        let mut datagrams = Vec::new();
        loop {
            let received = self.socket.recv_timeout(&mut self.buf, Some(PATIENCE)).unwrap();
            let ends = |kind| kind == control::DONE || kind == control::ERROR;
            let last =
                Messages::new(received.bytes()).any(|message| ends(message.unwrap().header.message_type));
            if !ends(Messages::new(received.bytes()).next().unwrap().unwrap().header.message_type) {
                datagrams.push(received.bytes().to_vec());
            }
            if last || !dump {
                return datagrams;
            }
        }
    }

    /// The whole rule set, as the kernel dumps it.
    pub fn pull(&mut self) -> Vec<Vec<u8>> {
        let all = family::UNSPEC;
        let mut datagrams = self.ask(request::generation());
        datagrams.extend(self.ask(request::tables(all)));
        datagrams.extend(self.ask(request::objects(all, None, None)));
        datagrams.extend(self.ask(request::chains(all)));
        datagrams.extend(self.ask(request::flowtables(all, None)));
        let sets = self.ask(request::sets(all, None));
        for entity in nft_entities(&sets) {
            if let Entity::Set(set) = entity {
                let (table, name) = (set.table(), set.name());
                let elements = request::elements(set.family(), table.as_bytes(), name.as_bytes());
                datagrams.extend(self.ask(elements));
            }
        }
        datagrams.extend(sets);
        datagrams.extend(self.ask(request::rules(all, None, None)));
        datagrams
    }
}

/// What the messages of datagrams announce.
#[must_use]
pub fn nft_entities(datagrams: &[Vec<u8>]) -> Vec<Entity> {
    let messages = datagrams.iter().flat_map(|datagram| Messages::new(datagram).map(Result::unwrap));
    let known = messages.filter_map(|m| EntityRef::decode(m.header.message_type, m.payload).unwrap());
    known
        .map(|(operation, entity)| {
            assert!(operation == Operation::New || matches!(entity, EntityRef::Generation(_)));
            entity.to_owned()
        })
        .collect()
}

fn create(message_type: u16, nest: Nest) -> Request {
    create_in(family::IP, message_type, nest)
}

fn create_in(family: u8, message_type: u16, nest: Nest) -> Request {
    nest.request(message_type, MessageFlags::ATOMIC | MessageFlags::APPEND, family).unwrap()
}

fn rule(expressions: Vec<Nest>) -> Request {
    create(nft::NEWRULE, Nest::new(&RULE).set("table", "made").set("chain", "c").set("expr", expressions))
}

/// Tunnels belong to devices.
fn tunnel_rule(values: &[(&str, u64)]) -> Request {
    let tunnel = values.iter().fold(Nest::new(&TUNNEL), |nest, (key, value)| nest.set(key, *value));
    let rule =
        Nest::new(&RULE).set("table", "made").set("chain", "c").set("expr", vec![Nest::expression(tunnel)]);
    create_in(family::NETDEV, nft::NEWRULE, rule)
}

fn tunnel(name: &str, key: Nest) -> Request {
    let object = Nest::new(&OBJECT).set("table", "made").set("name", name).set("type", object_type::TUNNEL);
    create_in(family::NETDEV, nft::NEWOBJ, object.set("data", key))
}

/// What nft 1.0.6 cannot make, request by request, each with what it is.
#[must_use]
pub fn nft_made() -> Vec<(&'static str, Request)> {
    let number = |policy, values: &[(&str, u64)]| {
        values.iter().fold(Nest::new(policy), |nest, (key, value)| nest.set(key, *value))
    };
    let hook = Nest::new(&HOOK).set("hook", 0u32).set("prio", -7);
    let counters = Nest::new(&COUNTER).set("bytes", 4_886_718_345_u64).set("packets", 5u64);
    let chain =
        Nest::new(&CHAIN).set("table", "made").set("name", "c").set("hook", hook).set("type", "filter");
    let inner = |inside: Nest| {
        number(&INNER, &[("num", 0), ("type", 1), ("flags", 0xf), ("hdrsize", 8)])
            .set("expr", Nest::expression(inside))
    };
    let udp = || {
        let load = number(&META, &[("dreg", 1), ("key", 16)]);
        let compare = number(&CMP, &[("sreg", 1), ("op", 0)]).set("data", Nest::value(&[17]));
        [Nest::expression(load), Nest::expression(compare)]
    };
    let compat = Nest::new(&RULE_COMPAT).set("proto", 6u32).set("flags", 0u32);
    let mut comment = vec![0u8; 256];
    comment[..5].copy_from_slice(b"hello");
    let v4 = Nest::new(&TUNNEL_IP).set("src", vec![10, 0, 0, 1]).set("dst", vec![10, 0, 0, 2]);
    let six = |last| [&[0xfd][..], &[0; 14], &[last]].concat();
    let v6 = Nest::new(&TUNNEL_IP6).set("src", six(1)).set("dst", six(2)).set("flowlabel", 0x12345u32);
    let key = |id: u32| Nest::new(&TUNNEL_KEY).set("id", id);
    let ports =
        |nest: Nest| nest.set("sport", 1000u32).set("dport", 4789u32).set("tos", 4u32).set("ttl", 64u32);
    let vxlan = Nest::new(&TUNNEL_OPTS).set("vxlan", Nest::new(&TUNNEL_VXLAN).set("gbp", 0x0102_0304u32));
    let erspan = number(&TUNNEL_ERSPAN, &[("version", 1), ("index", 0x55)]);
    let erspan2 = number(&TUNNEL_ERSPAN, &[("version", 2), ("hwid", 3), ("dir", 1)]);
    let geneve = |data: Vec<u8>| {
        Nest::new(&TUNNEL_GENEVE).set("class", 0x102u32).set("opt_type", 1u32).set("data", data)
    };
    let options = Nest::new(&TUNNEL_OPTS)
        .set_flagged("geneve", vec![geneve(vec![1, 2, 3, 4]), geneve(vec![5, 6, 7, 8])]);
    let set = Nest::new(&SET).set("table", "made").set("name", "s").set("flags", 0x20u32).set("id", 1u32);
    let set = set.set("key_type", 7u32).set("key_len", 4u32).set("expr", Nest::expression(Nest::new(&LAST)));
    let element = Nest::new(&ELEMENT).set("key", Nest::value(&[10, 0, 0, 1]));
    let element = element.set("expr", Nest::expression(Nest::new(&LAST)));
    let elements = Nest::new(&ELEMENT_LIST).set("table", "made").set("set", "s").set("elem", vec![element]);
    let connlimit = number(&CONNLIMIT, &[("count", 9), ("flags", 1)]);
    let connlimit =
        Nest::new(&OBJECT).set("table", "made").set("name", "count").set("type", 5u32).set("data", connlimit);
    let matched = Nest::new(&MATCH).set("name", "comment").set("rev", 0u32).set("info", comment);
    let target =
        Nest::new(&TARGET).set("name", "MARK").set("rev", 2u32).set("info", vec![9u8, 0, 0, 0, 255, 0, 0, 0]);
    let compat_rule = Nest::new(&RULE).set("table", "made").set("chain", "c").set("compat", compat);
    let compat_rule = compat_rule.set("expr", vec![Nest::expression(matched), Nest::expression(target)]);
    let [load, compare] = udp();
    let [load6, compare6] = udp();
    let port = number(&PAYLOAD, &[("base", 2), ("offset", 2), ("len", 2), ("dreg", 1)]);
    let protocol = number(&META, &[("key", 1), ("dreg", 1)]);
    let or = number(&BITWISE, &[("sreg", 1), ("dreg", 1), ("len", 4), ("op", 4), ("sreg2", 2)]);
    let load_both =
        [1u32, 2].map(|register| Nest::expression(number(&META, &[("key", 3), ("dreg", register.into())])));
    let both = load_both.into_iter().chain([Nest::expression(or)]).collect();
    vec![
        ("table", create(nft::NEWTABLE, Nest::new(&TABLE).set("name", "made"))),
        ("chain with counters", create(nft::NEWCHAIN, chain.set("policy", 1u32).set("counters", counters))),
        ("last", rule(vec![Nest::expression(Nest::new(&LAST))])),
        ("last that was used", rule(vec![Nest::expression(number(&LAST, &[("set", 1), ("msecs", 5000)]))])),
        ("inner payload", rule(vec![load, compare, Nest::expression(inner(port))])),
        ("inner meta", rule(vec![load6, compare6, Nest::expression(inner(protocol))])),
        ("netdev table", create_in(family::NETDEV, nft::NEWTABLE, Nest::new(&TABLE).set("name", "made"))),
        (
            "netdev chain",
            create_in(family::NETDEV, nft::NEWCHAIN, Nest::new(&CHAIN).set("table", "made").set("name", "c")),
        ),
        ("tunnel id", tunnel_rule(&[("key", 1), ("dreg", 1), ("mode", 1)])),
        ("tunnel path", tunnel_rule(&[("key", 0), ("dreg", 1)])),
        ("owned table", create(nft::NEWTABLE, Nest::new(&TABLE).set("name", "owned").set("flags", 2u32))),
        ("bitwise of two registers", rule(both)),
        ("match and target", create(nft::NEWRULE, compat_rule)),
        ("set of last", create(nft::NEWSET, set)),
        ("element with last", create(nft::NEWSETELEM, elements)),
        ("connlimit object", create(nft::NEWOBJ, connlimit)),
        ("tunnel object", tunnel("bare", ports(key(7).set("ip", v4.clone())).set("flags", 2u32))),
        ("tunnel object of IPv6", tunnel("six", key(8).set("ip6", v6))),
        ("tunnel object of VXLAN", tunnel("vxlan", key(9).set("ip", v4.clone()).set("opts", vxlan))),
        (
            "tunnel object of ERSPAN",
            tunnel(
                "erspan",
                key(10).set("ip", v4.clone()).set("opts", Nest::new(&TUNNEL_OPTS).set("erspan", erspan)),
            ),
        ),
        (
            "tunnel object of ERSPAN 2",
            tunnel(
                "erspan2",
                key(12).set("ip", v4.clone()).set("opts", Nest::new(&TUNNEL_OPTS).set("erspan", erspan2)),
            ),
        ),
        ("tunnel object of GENEVE", tunnel("geneve", key(11).set("ip", v4).set("opts", options))),
    ]
}
