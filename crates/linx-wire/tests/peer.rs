//! Field by field against netlink-packet-route on what a kernel sent (`testdata/`): two readings of the same bytes.
//! Version 0.34 of that crate differs in nothing. What it keeps as bytes is not compared: the queues of a tun, next
//! hops, and what is newer than it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::needless_pass_by_value, clippy::semicolon_if_nothing_returned)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;

use common::{Capture, captures};
use linx_wire::header::control;
use linx_wire::route::link::{BridgePort, Inet6, LinkAttributes, LinkView};
use linx_wire::route::{
    AddressRef, AddressView, LinkData, LinkRef, NeighbourRef, NeighbourView, NsIdRef, NsIdView, RouteRef,
    RouteView, RuleRef, RuleView, SlaveData,
};
use linx_wire::uapi::rtm;
use netlink_packet_core::ParseableParametrized;
use netlink_packet_route::RouteNetlinkMessage as Theirs;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, InfoBridge, InfoBridgePort, InfoData, InfoMacVlan, InfoPortData,
    InfoVxlan, LinkAttribute, LinkInfo, LinkMessage, Prop,
};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteVia};
use netlink_packet_route::rule::{RuleAttribute, RuleMessage};

/// Kinds of messages that it does not know.
const NOT_ITS: [u16; 2] = [rtm::NEWNEXTHOP, rtm::DELNEXTHOP];

/// What was compared, and what differed.
#[derive(Default)]
struct Check {
    same: BTreeMap<&'static str, usize>,
    differ: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Check {
    fn eq<T: PartialEq + Debug>(&mut self, field: &'static str, theirs: T, ours: Option<T>) {
        if ours.as_ref() == Some(&theirs) {
            *self.same.entry(field).or_default() += 1;
        } else {
            self.differ.entry(field).or_default().insert(format!("theirs {theirs:?}, ours {ours:?}"));
        }
    }

    fn truth(&mut self, field: &'static str, theirs: bool, ours: Option<u8>) {
        self.eq(field, theirs, ours.map(|value| value != 0));
    }

    fn text(&mut self, field: &'static str, theirs: &str, ours: Option<linx_wire::name::Name<'_>>) {
        self.eq(field, theirs.as_bytes().to_vec(), ours.map(|name| name.as_bytes().to_vec()));
    }
}

#[test]
fn another_reader_reads_the_same() {
    let mut check = Check::default();
    let mut refused = BTreeSet::new();
    let captures = captures();
    for message in captures.iter().flat_map(Capture::messages) {
        let (message_type, payload) = (message.header.message_type, message.payload);
        if message_type < control::MIN_TYPE || NOT_ITS.contains(&message_type) {
            continue;
        }
        let theirs = match Theirs::parse_with_param(payload, message_type) {
            Ok(theirs) => theirs,
            Err(error) => {
                refused.insert(format!("{message_type}: {error}"));
                continue;
            }
        };
        match theirs {
            Theirs::NewLink(theirs) | Theirs::DelLink(theirs) => {
                link(&mut check, &theirs, LinkRef::decode(payload).unwrap());
            }
            Theirs::NewAddress(theirs) | Theirs::DelAddress(theirs) => {
                address(&mut check, &theirs, AddressRef::decode(payload).unwrap());
            }
            Theirs::NewNeighbour(theirs) | Theirs::DelNeighbour(theirs) => {
                neighbour(&mut check, &theirs, NeighbourRef::decode(payload).unwrap());
            }
            Theirs::NewRule(theirs) | Theirs::DelRule(theirs) => {
                rule(&mut check, &theirs, RuleRef::decode(payload).unwrap());
            }
            Theirs::NewRoute(theirs) | Theirs::DelRoute(theirs) => {
                route(&mut check, &theirs, RouteRef::decode(payload).unwrap());
            }
            Theirs::NewNsId(theirs) | Theirs::DelNsId(theirs) => {
                nsid(&mut check, &theirs, NsIdRef::decode(payload).unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused.is_empty(), "it refuses messages: {refused:#?}");
    assert!(check.differ.is_empty(), "{:#?}", check.differ);
    let compared: usize = check.same.values().sum();
    println!("{} fields, {compared} values", check.same.len());
    assert!(check.same.len() >= 150 && compared >= 5_000, "{} fields, {compared} values", check.same.len());
}

#[test]
fn a_difference_would_be_noticed() {
    let mut check = Check::default();
    check.eq("same", 1, Some(1));
    check.eq("other", 1, Some(2));
    check.truth("absent", true, None);
    assert_eq!(check.differ.keys().copied().collect::<Vec<_>>(), ["absent", "other"]);
    assert_eq!(check.same["same"], 1);
}

fn link(check: &mut Check, theirs: &LinkMessage, ours: LinkRef<'_>) {
    let header = &theirs.header;
    check.eq("link.family", header.interface_family.into(), Some(ours.family()));
    check.eq("link.index", header.index, Some(ours.index()));
    check.eq("link.type", header.link_layer_type.into(), Some(ours.link_type()));
    check.eq("link.flags", header.flags.bits(), Some(ours.flags().bits()));
    check.eq("link.change", header.change_mask.bits(), Some(ours.change().bits()));
    let our = ours.attributes();
    for attribute in &theirs.attributes {
        link_attribute(check, attribute, our, &ours);
    }
}

fn link_attribute(check: &mut Check, theirs: &LinkAttribute, our: LinkAttributes<'_>, link: &LinkRef<'_>) {
    use LinkAttribute as T;
    match theirs {
        T::Address(v) => check.eq("link.address", v.clone(), our.address().map(|a| a.as_bytes().to_vec())),
        T::Broadcast(v) => {
            check.eq("link.broadcast", v.clone(), our.broadcast().map(|a| a.as_bytes().to_vec()))
        }
        T::PermAddress(v) => {
            check.eq("link.permaddr", v.clone(), our.permaddr().map(|a| a.as_bytes().to_vec()))
        }
        T::IfName(v) => check.text("link.ifname", v, our.ifname()),
        T::Qdisc(v) => check.text("link.qdisc", v, our.qdisc()),
        T::IfAlias(v) => check.text("link.ifalias", v, our.ifalias()),
        T::Mode(v) => check.eq("link.linkmode", (*v).into(), our.linkmode()),
        T::Carrier(v) => check.eq("link.carrier", *v, our.carrier()),
        T::ProtoDown(v) => check.eq("link.proto_down", *v, our.proto_down()),
        T::Mtu(v) => check.eq("link.mtu", *v, our.mtu()),
        T::Link(v) => check.eq("link.link", *v, our.link()),
        T::Controller(v) => check.eq("link.master", *v, our.master()),
        T::TxQueueLen(v) => check.eq("link.txqlen", *v, our.txqlen()),
        T::NumVf(v) => check.eq("link.num_vf", *v, our.num_vf()),
        T::Group(v) => check.eq("link.group", *v, our.group()),
        T::Promiscuity(v) => check.eq("link.promiscuity", *v, our.promiscuity()),
        T::NumTxQueues(v) => check.eq("link.num_tx_queues", *v, our.num_tx_queues()),
        T::NumRxQueues(v) => check.eq("link.num_rx_queues", *v, our.num_rx_queues()),
        T::CarrierChanges(v) => check.eq("link.carrier_changes", *v, our.carrier_changes()),
        T::CarrierUpCount(v) => check.eq("link.carrier_up_count", *v, our.carrier_up_count()),
        T::CarrierDownCount(v) => check.eq("link.carrier_down_count", *v, our.carrier_down_count()),
        T::GsoMaxSegs(v) => check.eq("link.gso_max_segs", *v, our.gso_max_segs()),
        T::GsoMaxSize(v) => check.eq("link.gso_max_size", *v, our.gso_max_size()),
        T::GroMaxSize(v) => check.eq("link.gro_max_size", *v, our.gro_max_size()),
        T::TsoMaxSize(v) => check.eq("link.tso_max_size", *v, our.tso_max_size()),
        T::TsoMaxSegs(v) => check.eq("link.tso_max_segs", *v, our.tso_max_segs()),
        T::GsoIpv4MaxSize(v) => check.eq("link.gso_ipv4_max_size", *v, our.gso_ipv4_max_size()),
        T::GroIpv4MaxSize(v) => check.eq("link.gro_ipv4_max_size", *v, our.gro_ipv4_max_size()),
        T::AllMulticast(v) => check.eq("link.allmulti", *v, our.allmulti()),
        T::MinMtu(v) => check.eq("link.min_mtu", *v, our.min_mtu()),
        T::MaxMtu(v) => check.eq("link.max_mtu", *v, our.max_mtu()),
        T::LinkNetNsId(v) => check.eq("link.link_netnsid", *v, our.link_netnsid()),
        T::NewNetnsId(v) => check.eq("link.new_netnsid", *v, our.new_netnsid()),
        T::NewIfIndex(v) => check.eq("link.new_ifindex", *v, our.new_ifindex()),
        T::NetnsImmutable(v) => check.truth("link.netns_immutable", *v, our.netns_immutable()),
        T::Event(v) => check.eq("link.event", (*v).into(), our.event()),
        T::OperState(v) => check.eq("link.operstate", (*v).into(), our.operstate()),
        T::Stats64(v) => {
            let ours = link.stats().unwrap();
            let theirs = (v.rx_packets, v.tx_bytes, v.multicast, v.rx_nohandler, v.rx_otherhost_dropped);
            let ours = (
                ours.rx_packets,
                ours.tx_bytes,
                ours.multicast,
                ours.rx_nohandler,
                ours.rx_otherhost_dropped,
            );
            check.eq("link.stats64", theirs, Some(ours));
        }
        T::Map(v) => {
            let theirs = (v.memory_start, v.memory_end, v.base_address, v.irq, v.dma, v.port);
            let ours = our
                .map()
                .map(|m| (m.mem_start.get(), m.mem_end.get(), m.base_addr.get(), m.irq.get(), m.dma, m.port));
            check.eq("link.map", theirs, ours);
        }
        T::PropList(v) => {
            let theirs = v.iter().filter_map(|prop| match prop {
                Prop::AltIfName(name) => Some(name.clone()),
                _ => None,
            });
            let ours: Vec<_> = our.altnames().map(|name| name.to_string()).collect();
            check.eq("link.altnames", theirs.collect(), Some(ours));
        }
        T::LinkInfo(info) => info.iter().for_each(|info| link_info(check, info, link)),
        T::AfSpecUnspec(spec) => spec.iter().for_each(|spec| af_spec(check, spec, link)),
        _ => {}
    }
}

fn link_info(check: &mut Check, theirs: &LinkInfo, link: &LinkRef<'_>) {
    match theirs {
        LinkInfo::Kind(kind) => check.text("link.kind", &kind.to_string(), link.kind()),
        LinkInfo::PortKind(kind) => check.text("link.slave_kind", &kind.to_string(), link.slave_kind()),
        LinkInfo::Data(InfoData::Bridge(data)) => {
            let Some(LinkData::Bridge(ours)) = link.data() else { panic!("{link:?}") };
            data.iter().for_each(|theirs| bridge(check, theirs, ours));
        }
        LinkInfo::Data(InfoData::Vxlan(data)) => {
            let Some(LinkData::Vxlan(ours)) = link.data() else { panic!("{link:?}") };
            data.iter().for_each(|theirs| vxlan(check, theirs, ours));
        }
        LinkInfo::Data(InfoData::MacVlan(data)) => {
            let Some(LinkData::Macvlan(ours)) = link.data() else { panic!("{link:?}") };
            data.iter().for_each(|theirs| macvlan(check, theirs, ours));
        }
        LinkInfo::PortData(InfoPortData::BridgePort(data)) => {
            let Some(SlaveData::Bridge(ours)) = link.slave_data() else { panic!("{link:?}") };
            data.iter().for_each(|theirs| bridge_port(check, theirs, ours));
        }
        _ => {}
    }
}

fn bridge(check: &mut Check, theirs: &InfoBridge, our: linx_wire::route::link::BridgeData<'_>) {
    use InfoBridge as T;
    match theirs {
        T::GroupAddr(v) => {
            check.eq("br.group_addr", v.to_vec(), our.group_addr().map(|a| a.as_bytes().to_vec()))
        }
        T::HelloTimer(v) => check.eq("br.hello_timer", *v, our.hello_timer()),
        T::TcnTimer(v) => check.eq("br.tcn_timer", *v, our.tcn_timer()),
        T::TopologyChangeTimer(v) => check.eq("br.topology_change_timer", *v, our.topology_change_timer()),
        T::GcTimer(v) => check.eq("br.gc_timer", *v, our.gc_timer()),
        T::MulticastMembershipInterval(v) => {
            check.eq("br.mcast_membership_intvl", *v, our.mcast_membership_intvl());
        }
        T::MulticastQuerierInterval(v) => check.eq("br.mcast_querier_intvl", *v, our.mcast_querier_intvl()),
        T::MulticastQueryInterval(v) => check.eq("br.mcast_query_intvl", *v, our.mcast_query_intvl()),
        T::MulticastQueryResponseInterval(v) => {
            check.eq("br.mcast_query_response_intvl", *v, our.mcast_query_response_intvl());
        }
        T::MulticastLastMemberInterval(v) => {
            check.eq("br.mcast_last_member_intvl", *v, our.mcast_last_member_intvl());
        }
        T::MulticastStartupQueryInterval(v) => {
            check.eq("br.mcast_startup_query_intvl", *v, our.mcast_startup_query_intvl());
        }
        T::ForwardDelay(v) => check.eq("br.forward_delay", *v, our.forward_delay()),
        T::HelloTime(v) => check.eq("br.hello_time", *v, our.hello_time()),
        T::MaxAge(v) => check.eq("br.max_age", *v, our.max_age()),
        T::AgeingTime(v) => check.eq("br.ageing_time", *v, our.ageing_time()),
        T::StpState(v) => check.eq("br.stp_state", (*v).into(), our.stp_state()),
        T::MulticastHashElasticity(v) => {
            check.eq("br.mcast_hash_elasticity", *v, our.mcast_hash_elasticity())
        }
        T::MulticastHashMax(v) => check.eq("br.mcast_hash_max", *v, our.mcast_hash_max()),
        T::MulticastLastMemberCount(v) => {
            check.eq("br.mcast_last_member_cnt", *v, our.mcast_last_member_cnt())
        }
        T::MulticastStartupQueryCount(v) => {
            check.eq("br.mcast_startup_query_cnt", *v, our.mcast_startup_query_cnt());
        }
        T::RootPathCost(v) => check.eq("br.root_path_cost", *v, our.root_path_cost()),
        T::Priority(v) => check.eq("br.priority", *v, our.priority()),
        T::VlanProtocol(v) => check.eq("br.vlan_protocol", (*v).into(), our.vlan_protocol()),
        T::GroupFwdMask(v) => check.eq("br.group_fwd_mask", *v, our.group_fwd_mask()),
        T::RootId(v) => {
            let ours = our.root_id().map(|id| (id.priority.get(), id.address));
            check.eq("br.root_id", (v.priority, v.address), ours);
        }
        T::BridgeId(v) => {
            let ours = our.bridge_id().map(|id| (id.priority.get(), id.address));
            check.eq("br.bridge_id", (v.priority, v.address), ours);
        }
        T::RootPort(v) => check.eq("br.root_port", *v, our.root_port()),
        T::VlanDefaultPvid(v) => check.eq("br.vlan_default_pvid", *v, our.vlan_default_pvid()),
        T::VlanFiltering(v) => check.truth("br.vlan_filtering", *v, our.vlan_filtering()),
        T::TopologyChange(v) => check.eq("br.topology_change", *v, our.topology_change()),
        T::TopologyChangeDetected(v) => {
            check.eq("br.topology_change_detected", *v, our.topology_change_detected());
        }
        T::MulticastRouter(v) => check.eq("br.mcast_router", (*v).into(), our.mcast_router()),
        T::MulticastSnooping(v) => check.truth("br.mcast_snooping", *v, our.mcast_snooping()),
        T::MulticastQueryUseIfaddr(v) => {
            check.truth("br.mcast_query_use_ifaddr", *v, our.mcast_query_use_ifaddr());
        }
        T::MulticastQuerier(v) => check.truth("br.mcast_querier", *v, our.mcast_querier()),
        T::NfCallIpTables(v) => check.truth("br.nf_call_iptables", *v, our.nf_call_iptables()),
        T::NfCallIp6Tables(v) => check.truth("br.nf_call_ip6tables", *v, our.nf_call_ip6tables()),
        T::NfCallArpTables(v) => check.truth("br.nf_call_arptables", *v, our.nf_call_arptables()),
        T::VlanStatsEnabled(v) => check.truth("br.vlan_stats_enabled", *v, our.vlan_stats_enabled()),
        T::VlanStatsPerPort(v) => check.truth("br.vlan_stats_per_port", *v, our.vlan_stats_per_port()),
        T::MulticastStatsEnabled(v) => check.truth("br.mcast_stats_enabled", *v, our.mcast_stats_enabled()),
        T::MulticastIgmpVersion(v) => check.eq("br.mcast_igmp_version", *v, our.mcast_igmp_version()),
        T::MulticastMldVersion(v) => check.eq("br.mcast_mld_version", *v, our.mcast_mld_version()),
        T::MultiBoolOpt(v) => {
            let ours = our.bool_options().map(|options| (options.value.get(), options.mask.get()));
            check.eq("br.bool_options", (v.value.bits(), v.mask.bits()), ours);
        }
        T::FdbNLearned(v) => check.eq("br.fdb_n_learned", *v, our.fdb_n_learned()),
        T::FdbMaxLearned(v) => check.eq("br.fdb_max_learned", *v, our.fdb_max_learned()),
        _ => {}
    }
}

fn bridge_port(check: &mut Check, theirs: &InfoBridgePort, our: BridgePort<'_>) {
    use InfoBridgePort as T;
    match theirs {
        T::State(v) => check.eq("brport.state", (*v).into(), our.state()),
        T::Priority(v) => check.eq("brport.priority", *v, our.priority()),
        T::Cost(v) => check.eq("brport.cost", *v, our.cost()),
        T::HairpinMode(v) => check.truth("brport.hairpin", *v, our.hairpin()),
        T::Guard(v) => check.truth("brport.guard", *v, our.guard()),
        T::Protect(v) => check.truth("brport.root_block", *v, our.root_block()),
        T::FastLeave(v) => check.truth("brport.fastleave", *v, our.fastleave()),
        T::Learning(v) => check.truth("brport.learning", *v, our.learning()),
        T::UnicastFlood(v) => check.truth("brport.flood", *v, our.flood()),
        T::ProxyARP(v) => check.truth("brport.proxy_arp", *v, our.proxy_arp()),
        T::ProxyARPWifi(v) => check.truth("brport.proxy_arp_wifi", *v, our.proxy_arp_wifi()),
        T::DesignatedPort(v) => check.eq("brport.designated_port", *v, our.designated_port()),
        T::DesignatedCost(v) => check.eq("brport.designated_cost", *v, our.designated_cost()),
        T::PortId(v) => check.eq("brport.id", *v, our.id()),
        T::PortNumber(v) => check.eq("brport.no", *v, our.no()),
        T::TopologyChangeAck(v) => check.truth("brport.topology_change_ack", *v, our.topology_change_ack()),
        T::ConfigPending(v) => check.truth("brport.config_pending", *v, our.config_pending()),
        T::MessageAgeTimer(v) => check.eq("brport.message_age_timer", *v, our.message_age_timer()),
        T::ForwardDelayTimer(v) => check.eq("brport.forward_delay_timer", *v, our.forward_delay_timer()),
        T::HoldTimer(v) => check.eq("brport.hold_timer", *v, our.hold_timer()),
        T::MulticastRouter(v) => check.eq("brport.multicast_router", (*v).into(), our.multicast_router()),
        T::MulticastFlood(v) => check.truth("brport.mcast_flood", *v, our.mcast_flood()),
        T::MulticastToUnicast(v) => check.truth("brport.mcast_to_unicast", *v, our.mcast_to_unicast()),
        T::VlanTunnel(v) => check.truth("brport.vlan_tunnel", *v, our.vlan_tunnel()),
        T::BroadcastFlood(v) => check.truth("brport.bcast_flood", *v, our.bcast_flood()),
        T::GroupFwdMask(v) => check.eq("brport.group_fwd_mask", *v, our.group_fwd_mask()),
        T::NeighSupress(v) => check.truth("brport.neigh_suppress", *v, our.neigh_suppress()),
        T::Isolated(v) => check.truth("brport.isolated", *v, our.isolated()),
        T::MrpRingOpen(v) => check.truth("brport.mrp_ring_open", *v, our.mrp_ring_open()),
        T::MrpInOpen(v) => check.truth("brport.mrp_in_open", *v, our.mrp_in_open()),
        T::MulticastEhtHostsLimit(v) => {
            check.eq("brport.mcast_eht_hosts_limit", *v, our.mcast_eht_hosts_limit());
        }
        T::MulticastEhtHostsCnt(v) => check.eq("brport.mcast_eht_hosts_cnt", *v, our.mcast_eht_hosts_cnt()),
        T::Locked(v) => check.truth("brport.locked", *v, our.locked()),
        T::Mab(v) => check.truth("brport.mab", *v, our.mab()),
        T::MulticastNGroups(v) => check.eq("brport.mcast_n_groups", *v, our.mcast_n_groups()),
        T::MulticastMaxGroups(v) => check.eq("brport.mcast_max_groups", *v, our.mcast_max_groups()),
        T::NeighVlanSuppress(v) => check.truth("brport.neigh_vlan_suppress", *v, our.neigh_vlan_suppress()),
        T::BackupNextHopId(v) => check.eq("brport.backup_nhid", *v, our.backup_nhid()),
        T::RootId(v) => {
            let ours = our.root_id().map(|id| (id.priority.get(), id.address));
            check.eq("brport.root_id", (v.priority, v.address), ours);
        }
        T::BridgeId(v) => {
            let ours = our.bridge_id().map(|id| (id.priority.get(), id.address));
            check.eq("brport.bridge_id", (v.priority, v.address), ours);
        }
        _ => {}
    }
}

fn vxlan(check: &mut Check, theirs: &InfoVxlan, our: linx_wire::route::link::VxlanData<'_>) {
    use InfoVxlan as T;
    match theirs {
        T::Id(v) => check.eq("vxlan.id", *v, our.id()),
        T::Group(v) => check.eq("vxlan.group", IpAddr::V4(*v), our.group()),
        T::Group6(v) => check.eq("vxlan.group6", IpAddr::V6(*v), our.group6()),
        T::Link(v) => check.eq("vxlan.link", *v, our.link()),
        T::Local(v) => check.eq("vxlan.local", IpAddr::V4(*v), our.local()),
        T::Local6(v) => check.eq("vxlan.local6", IpAddr::V6(*v), our.local6()),
        T::Tos(v) => check.eq("vxlan.tos", *v, our.tos()),
        T::Ttl(v) => check.eq("vxlan.ttl", *v, our.ttl()),
        T::Label(v) => check.eq("vxlan.label", *v, our.label()),
        T::Learning(v) => check.truth("vxlan.learning", *v, our.learning()),
        T::Ageing(v) => check.eq("vxlan.ageing", *v, our.ageing()),
        T::Limit(v) => check.eq("vxlan.limit", *v, our.limit()),
        T::PortRange(v) => {
            let ours = our.port_range().map(|range| (range.low.get(), range.high.get()));
            check.eq("vxlan.port_range", *v, ours);
        }
        T::Proxy(v) => check.truth("vxlan.proxy", *v, our.proxy()),
        T::Rsc(v) => check.truth("vxlan.rsc", *v, our.rsc()),
        T::L2Miss(v) => check.truth("vxlan.l2miss", *v, our.l2miss()),
        T::L3Miss(v) => check.truth("vxlan.l3miss", *v, our.l3miss()),
        T::CollectMetadata(v) => check.truth("vxlan.external", *v, our.external()),
        T::Port(v) => check.eq("vxlan.port", *v, our.port()),
        T::UDPCsum(v) => check.truth("vxlan.udp_csum", *v, our.udp_csum()),
        T::UDPZeroCsumTX(v) => check.truth("vxlan.udp_zero_csum6_tx", *v, our.udp_zero_csum6_tx()),
        T::UDPZeroCsumRX(v) => check.truth("vxlan.udp_zero_csum6_rx", *v, our.udp_zero_csum6_rx()),
        T::RemCsumTX(v) => check.truth("vxlan.remcsum_tx", *v, our.remcsum_tx()),
        T::RemCsumRX(v) => check.truth("vxlan.remcsum_rx", *v, our.remcsum_rx()),
        T::Gbp => check.eq("vxlan.gbp", true, Some(our.gbp())),
        T::TtlInherit(v) => check.eq("vxlan.ttl_inherit", *v, our.ttl_inherit()),
        T::Df(v) => check.eq("vxlan.df", (*v).into(), our.df()),
        T::Vnifilter(v) => check.truth("vxlan.vnifilter", *v, our.vnifilter()),
        T::Localbypass(v) => check.truth("vxlan.localbypass", *v, our.localbypass()),
        T::LabelPolicy(v) => check.eq("vxlan.label_policy", *v, our.label_policy()),
        T::McRoute(v) => check.truth("vxlan.mcroute", *v, our.mcroute()),
        _ => {}
    }
}

fn macvlan(check: &mut Check, theirs: &InfoMacVlan, our: linx_wire::route::link::MacvlanData<'_>) {
    use InfoMacVlan as T;
    match theirs {
        T::Mode(v) => check.eq("macvlan.mode", (*v).into(), our.mode()),
        T::Flags(v) => check.eq("macvlan.flags", v.bits(), our.flags()),
        T::MacAddrData(list) => {
            let theirs = list.iter().filter_map(|entry| match entry {
                T::MacAddr(address) => Some(address.to_vec()),
                _ => None,
            });
            let ours: Vec<_> = our.macaddr_data().map(|address| address.as_bytes().to_vec()).collect();
            check.eq("macvlan.macaddr_data", theirs.collect(), Some(ours));
        }
        T::MacAddrCount(v) => check.eq("macvlan.macaddr_count", *v, our.macaddr_count()),
        T::BcQueueLen(v) => check.eq("macvlan.bcqueuelen", *v, our.bcqueuelen()),
        T::BcQueueLenUsed(v) => check.eq("macvlan.usedbcqueuelen", *v, our.usedbcqueuelen()),
        T::BcCutoff(v) => check.eq("macvlan.bccutoff", *v, our.bccutoff()),
        _ => {}
    }
}

fn af_spec(check: &mut Check, theirs: &AfSpecUnspec, link: &LinkRef<'_>) {
    match theirs {
        AfSpecUnspec::Inet(list) => {
            for theirs in list {
                let AfSpecInet::DevConf(v) = theirs else { continue };
                let conf = link.inet().unwrap().conf().unwrap();
                let ours = |number: usize| conf.get(number - 1).map(|value| value.get());
                check.eq("inet.forwarding", v.forwarding, ours(1));
                check.eq("inet.rp_filter", v.rp_filter, ours(8));
                check.eq("inet.arp_notify", v.arp_notify, ours(22));
                check.eq("inet.route_localnet", v.route_localnet, ours(26));
                check.eq("inet.arp_evict_nocarrier", v.arp_evict_nocarrier, ours(33));
            }
        }
        AfSpecUnspec::Inet6(list) => {
            let ours = link.inet6().unwrap();
            list.iter().for_each(|theirs| inet6(check, theirs, ours));
        }
        _ => {}
    }
}

fn inet6(check: &mut Check, theirs: &AfSpecInet6, our: Inet6<'_>) {
    use AfSpecInet6 as T;
    match theirs {
        T::Flags(v) => check.eq("inet6.flags", v.bits(), our.flags()),
        T::CacheInfo(v) => {
            let ours = our.cacheinfo().map(|info| {
                (
                    info.max_reasm_len.get(),
                    info.tstamp.get(),
                    info.reachable_time.get(),
                    info.retrans_time.get(),
                )
            });
            let theirs =
                [v.max_reasm_len, v.tstamp, v.reachable_time, v.retrans_time].map(|value| value as u32);
            check.eq("inet6.cacheinfo", (theirs[0], theirs[1], theirs[2], theirs[3]), ours);
        }
        T::DevConf(v) => {
            let conf = our.conf().unwrap();
            let ours = |number: usize| conf.get(number).map(|value| value.get());
            check.eq("inet6.forwarding", v.forwarding, ours(0));
            check.eq("inet6.mtu6", v.mtu6, ours(2));
            check.eq("inet6.disable_ipv6", v.disable_ipv6, ours(26));
            check.eq("inet6.accept_ra_min_lft", v.accept_ra_min_lft, ours(58));
        }
        T::Stats(v) => {
            let stats = our.stats().unwrap();
            let ours = |number: usize| stats.get(number).map(|value| value.get() as i64);
            check.eq("inet6.stats.num", v.num, ours(0));
            check.eq("inet6.stats.in_pkts", v.in_pkts, ours(1));
            check.eq("inet6.stats.out_mcast_pkts", v.out_mcast_pkts, ours(24));
        }
        T::Icmp6Stats(v) => {
            let stats = our.icmp6_stats().unwrap();
            let ours = |number: usize| stats.get(number).map(|value| value.get() as i64);
            check.eq("inet6.icmp6_stats.num", v.num, ours(0));
            check.eq("inet6.icmp6_stats.out_msgs", v.out_msgs, ours(3));
        }
        T::Token(v) => check.eq("inet6.token", IpAddr::V6(*v), our.token()),
        T::AddrGenMode(v) => check.eq("inet6.addr_gen_mode", v.into(), our.addr_gen_mode()),
        T::RaMtu(v) => check.eq("inet6.ra_mtu", *v, our.ra_mtu()),
        _ => {}
    }
}

fn address(check: &mut Check, theirs: &AddressMessage, ours: AddressRef<'_>) {
    use AddressAttribute as T;
    let header = &theirs.header;
    check.eq("address.family", header.family.into(), Some(ours.family()));
    check.eq("address.prefix_len", header.prefix_len, Some(ours.prefix_len()));
    check.eq("address.scope", header.scope.into(), Some(ours.scope()));
    check.eq("address.index", header.index, Some(ours.index()));
    let our = ours.attributes();
    for attribute in &theirs.attributes {
        match attribute {
            T::Address(v) => check.eq("address.address", *v, our.address()),
            T::Local(v) => check.eq("address.local", *v, our.local()),
            T::Label(v) => check.text("address.label", v, our.label()),
            T::Broadcast(v) => check.eq("address.broadcast", IpAddr::V4(*v), our.broadcast()),
            T::CacheInfo(v) => {
                let ours =
                    our.cacheinfo().map(|info| (info.preferred, info.valid, info.created, info.updated));
                check.eq("address.cacheinfo", (v.ifa_preferred, v.ifa_valid, v.cstamp, v.tstamp), ours);
            }
            T::Flags(v) => check.eq("address.flags", v.bits(), Some(ours.flags().bits())),
            T::RoutePriority(v) => check.eq("address.metric", *v, our.metric()),
            T::Protocol(v) => check.eq("address.protocol", (*v).into(), our.protocol()),
            _ => {}
        }
    }
}

fn neighbour(check: &mut Check, theirs: &NeighbourMessage, ours: NeighbourRef<'_>) {
    use NeighbourAttribute as T;
    let header = &theirs.header;
    check.eq("neighbour.family", header.family.into(), Some(ours.family()));
    check.eq("neighbour.index", header.ifindex, Some(ours.index()));
    check.eq("neighbour.state", header.state.into(), Some(ours.state().bits()));
    check.eq("neighbour.flags", header.flags.bits(), Some(ours.header().flags));
    check.eq("neighbour.type", header.kind.into(), Some(ours.route_type()));
    let our = ours.attributes();
    for attribute in &theirs.attributes {
        match attribute {
            T::Destination(v) => {
                let theirs = match v {
                    NeighbourAddress::Inet(v) => IpAddr::V4(*v),
                    NeighbourAddress::Inet6(v) => IpAddr::V6(*v),
                    // A forwarding entry's: the family of the message does not say which.
                    NeighbourAddress::Other(bytes) => linx_wire::addr::ip(bytes).unwrap(),
                    other => panic!("{other:?}"),
                };
                check.eq("neighbour.dst", theirs, ours.dst());
            }
            T::LinkLayerAddress(v) => {
                check.eq("neighbour.lladdr", v.clone(), ours.lladdr().map(|a| a.as_bytes().to_vec()));
            }
            T::CacheInfo(v) => {
                let ours = our.cacheinfo().map(|info| (info.confirmed, info.used, info.updated, info.refcnt));
                check.eq("neighbour.cacheinfo", (v.confirmed, v.used, v.updated, v.refcnt), ours);
            }
            T::Probes(v) => check.eq("neighbour.probes", *v, our.probes()),
            T::Vlan(v) => check.eq("neighbour.vlan", *v, our.vlan()),
            T::Port(v) => check.eq("neighbour.port", *v, our.port()),
            T::Vni(v) => check.eq("neighbour.vni", *v, our.vni()),
            T::IfIndex(v) => check.eq("neighbour.via_ifindex", *v, our.via_ifindex()),
            T::Controller(v) => check.eq("neighbour.master", *v, our.master()),
            T::SourceVni(v) => check.eq("neighbour.src_vni", *v, our.src_vni()),
            T::Protocol(v) => check.eq("neighbour.protocol", (*v).into(), our.protocol()),
            T::ExtFlags(v) => check.eq("neighbour.flags_ext", v.bits(), our.flags_ext()),
            _ => {}
        }
    }
}

fn rule(check: &mut Check, theirs: &RuleMessage, ours: RuleRef<'_>) {
    use RuleAttribute as T;
    let header = &theirs.header;
    check.eq("rule.family", header.family.into(), Some(ours.family()));
    check.eq("rule.tos", header.tos, Some(ours.tos()));
    check.eq("rule.action", header.action.into(), Some(ours.header().action));
    check.eq("rule.flags", header.flags.bits(), Some(ours.header().flags));
    check.eq("rule.dst_len", header.dst_len, Some(ours.to().map_or(0, |to| to.prefix_len())));
    check.eq("rule.src_len", header.src_len, Some(ours.from().map_or(0, |from| from.prefix_len())));
    let our = ours.attributes();
    for attribute in &theirs.attributes {
        match attribute {
            T::Destination(v) => check.eq("rule.to", *v, ours.to().map(|to| to.addr())),
            T::Source(v) => check.eq("rule.from", *v, ours.from().map(|from| from.addr())),
            T::Iifname(v) => check.text("rule.iif", v, ours.iif()),
            T::Oifname(v) => check.text("rule.oif", v, ours.oif()),
            T::Goto(v) => check.eq("rule.goto", *v, ours.goto()),
            T::Priority(v) => check.eq("rule.priority", *v, Some(ours.priority())),
            T::FwMark(v) => check.eq("rule.fwmark", *v, ours.fwmark().map(|mark| mark.mark)),
            T::FwMask(v) => check.eq("rule.fwmask", *v, ours.fwmark().map(|mark| mark.mask)),
            T::Realm(v) => {
                let theirs = u32::from(v.source) << 16 | u32::from(v.destination);
                check.eq("rule.flow", theirs, ours.flow());
            }
            T::TunId(v) => check.eq("rule.tun_id", *v, ours.tun_id()),
            T::SuppressIfGroup(v) => check.eq("rule.suppress_ifgroup", *v, our.suppress_ifgroup()),
            T::SuppressPrefixLen(v) => check.eq("rule.suppress_prefixlen", *v, our.suppress_prefixlen()),
            T::Table(v) => check.eq("rule.table", *v, Some(ours.table())),
            T::L3MDev(v) => check.eq("rule.l3mdev", *v, our.l3mdev()),
            T::UidRange(v) => {
                check.eq(
                    "rule.uid_range",
                    (v.start, v.end),
                    ours.uid_range().map(|range| (range.start, range.end)),
                );
            }
            T::Protocol(v) => check.eq("rule.protocol", (*v).into(), our.protocol()),
            T::IpProtocol(v) => check.eq("rule.ipproto", (*v).into(), ours.ip_protocol()),
            T::SourcePortRange(v) => {
                check.eq("rule.sport", (v.start, v.end), ours.sport().map(|ports| (ports.start, ports.end)));
            }
            T::DestinationPortRange(v) => {
                check.eq("rule.dport", (v.start, v.end), ours.dport().map(|ports| (ports.start, ports.end)));
            }
            _ => {}
        }
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v) => Some(IpAddr::V4(*v)),
        RouteAddress::Inet6(v) => Some(IpAddr::V6(*v)),
        _ => None,
    }
}

fn via(via: &RouteVia) -> Option<IpAddr> {
    match via {
        RouteVia::Inet(v) => Some(IpAddr::V4(*v)),
        RouteVia::Inet6(v) => Some(IpAddr::V6(*v)),
        _ => None,
    }
}

fn route(check: &mut Check, theirs: &RouteMessage, ours: RouteRef<'_>) {
    use RouteAttribute as T;
    let header = &theirs.header;
    check.eq("route.family", header.address_family.into(), Some(ours.family()));
    check.eq(
        "route.dst_len",
        header.destination_prefix_length,
        ours.destination().map(|dst| dst.prefix_len()),
    );
    check.eq(
        "route.src_len",
        header.source_prefix_length,
        Some(ours.source().map_or(0, |src| src.prefix_len())),
    );
    check.eq("route.tos", header.tos, Some(ours.tos()));
    check.eq("route.protocol", header.protocol.into(), Some(ours.protocol()));
    check.eq("route.scope", header.scope.into(), Some(ours.scope()));
    check.eq("route.type", header.kind.into(), Some(ours.route_type()));
    check.eq("route.flags", header.flags.bits(), Some(ours.flags().bits()));
    for attribute in &theirs.attributes {
        match attribute {
            T::Destination(v) => check.eq("route.dst", ip(v), Some(ours.destination().map(|dst| dst.addr()))),
            T::Source(v) => check.eq("route.src", ip(v), Some(ours.source().map(|src| src.addr()))),
            T::Gateway(v) => check.eq("route.gateway", ip(v), Some(ours.gateway())),
            T::Via(v) => check.eq("route.via", (via(v), true), Some((ours.gateway(), ours.is_via()))),
            T::PrefSource(v) => check.eq("route.prefsrc", ip(v), Some(ours.prefsrc())),
            T::Oif(v) => check.eq("route.oif", *v, ours.oif()),
            T::Priority(v) => check.eq("route.priority", *v, ours.priority()),
            T::Table(v) => check.eq("route.table", *v, Some(ours.table())),
            T::NhId(v) => check.eq("route.nhid", *v, ours.nhid()),
            T::Preference(v) => check.eq("route.pref", (*v).into(), ours.pref()),
            T::Realm(v) => {
                check.eq("route.flow", u32::from(v.source) << 16 | u32::from(v.destination), ours.flow());
            }
            T::CacheInfo(v) => {
                let number = u32::from_ne_bytes;
                let ours = ours.cacheinfo().map(|info| {
                    (number(info.clntref), number(info.lastuse), number(info.expires), number(info.error))
                });
                check.eq("route.cacheinfo", (v.clntref, v.last_use, v.expires, v.error), ours);
            }
            T::EncapType(v) => {
                check.eq("route.encap_type", (*v).into(), ours.encap().map(|encap| encap.encap_type))
            }
            T::Metrics(list) => list.iter().for_each(|metric| route_metric(check, metric, ours)),
            T::MultiPath(list) => {
                check.eq("route.hops", list.len(), Some(ours.hops().count()));
                for (theirs, ours) in list.iter().zip(ours.hops()) {
                    check.eq("hop.ifindex", theirs.interface_index, Some(ours.ifindex));
                    check.eq("hop.weight", u16::from(theirs.hops) + 1, Some(ours.weight()));
                    check.eq("hop.flags", theirs.flags.bits(), Some(ours.flags));
                    for attribute in &theirs.attributes {
                        match attribute {
                            T::Gateway(v) => check.eq("hop.gateway", ip(v), Some(ours.gateway())),
                            T::Via(v) => {
                                check.eq("hop.via", (via(v), true), Some((ours.gateway(), ours.is_via())))
                            }
                            T::EncapType(v) => {
                                check.eq(
                                    "hop.encap_type",
                                    (*v).into(),
                                    ours.encap().map(|encap| encap.encap_type),
                                );
                            }
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn route_metric(check: &mut Check, theirs: &RouteMetric, ours: RouteRef<'_>) {
    use RouteMetric as T;
    let Some(our) = ours.metrics() else { panic!("{ours:?}") };
    match theirs {
        T::Lock(v) => check.eq("metric.lock", *v, our.lock()),
        T::Mtu(v) => check.eq("metric.mtu", *v, our.mtu()),
        T::Window(v) => check.eq("metric.window", *v, our.window()),
        T::Rtt(v) => check.eq("metric.rtt", *v, our.rtt()),
        T::Advmss(v) => check.eq("metric.advmss", *v, our.advmss()),
        T::Hoplimit(v) => check.eq("metric.hoplimit", *v, our.hoplimit()),
        T::InitCwnd(v) => check.eq("metric.initcwnd", *v, our.initcwnd()),
        T::Features(v) => check.eq("metric.features", *v, our.features()),
        T::RtoMin(v) => check.eq("metric.rto_min", *v, our.rto_min()),
        T::QuickAck(v) => check.eq("metric.quickack", *v, our.quickack()),
        T::CcAlgo(v) => check.text("metric.congctl", v, our.congctl()),
        _ => {}
    }
}

fn nsid(check: &mut Check, theirs: &NsidMessage, ours: NsIdRef<'_>) {
    for attribute in &theirs.attributes {
        match attribute {
            NsidAttribute::Id(v) => check.eq("nsid.nsid", *v, Some(ours.nsid())),
            NsidAttribute::CurrentNsid(v) => check.eq("nsid.current_nsid", *v, ours.current_nsid()),
            _ => {}
        }
    }
}
