//! What the bytes of a set's keys and data mean: nft's types.
//!
//! The kernel takes them for bytes. nft keeps the number of its type with the set (`NFTA_SET_KEY_TYPE`; 6 bits for each
//! field of a concatenation), and its byte order follows from the type, but for keys of sets with intervals: these are
//! in network order, so that the kernel can compare them. What has no type is shown as bytes: never as a guess.

mod sets;
mod words;

use std::borrow::Cow;
use std::net::IpAddr;

use linx_wire::addr;
use linx_wire::name::Name;

pub use self::sets::{KnownSets, SetTypes, Sets};
use crate::names::{Context, NameFile};
use crate::words::{Words, word};

/// How values of a type are written.
#[derive(Clone, Copy)]
enum Form {
    Ip,
    Ether,
    Number,
    /// In text as `0x0000002a`.
    Mark,
    Word(Words),
    /// Flags: several words.
    Flags(Words),
    Protocol,
    Name,
    Link,
    LinkType,
    Realm,
    Group,
    ClassId,
}

/// A type of nft's.
pub(crate) struct Datatype {
    /// nft's number for it.
    id: u32,
    /// Its name.
    pub(crate) name: &'static str,
    /// Bytes; 0: as many as there are.
    size: usize,
    /// Whether the kernel has it in the machine's byte order.
    host: bool,
    form: Form,
}

const fn of(id: u32, name: &'static str, size: usize, form: Form) -> Datatype {
    Datatype { id, name, size, host: false, form }
}

/// Of the machine's byte order.
const fn host(id: u32, name: &'static str, size: usize, form: Form) -> Datatype {
    Datatype { id, name, size, host: true, form }
}

/// All of nft 1.0.6 of which there can be sets; each made and read back by a test.
static DATATYPES: &[Datatype] = &[
    of(2, "nf_proto", 1, Form::Word(words::NF_PROTO)),
    of(4, "integer", 0, Form::Number),
    of(7, "ipv4_addr", 4, Form::Ip),
    of(8, "ipv6_addr", 16, Form::Ip),
    of(9, "ether_addr", 6, Form::Ether),
    of(10, "ether_type", 2, Form::Word(words::ETHER_TYPE)),
    of(11, "arp_op", 2, Form::Word(words::ARP_OP)),
    of(12, "inet_proto", 1, Form::Protocol),
    of(13, "inet_service", 2, Form::Number),
    of(14, "icmp_type", 1, Form::Word(words::ICMP_TYPE)),
    of(15, "tcp_flag", 1, Form::Flags(words::TCP_FLAGS)),
    of(16, "dccp_pkttype", 1, Form::Word(words::DCCP_TYPE)),
    of(17, "mh_type", 1, Form::Word(words::MH_TYPE)),
    host(18, "time", 4, Form::Number),
    host(19, "mark", 4, Form::Mark),
    host(20, "iface_index", 4, Form::Link),
    host(21, "iface_type", 2, Form::LinkType),
    host(22, "realm", 4, Form::Realm),
    host(23, "classid", 4, Form::ClassId),
    host(24, "uid", 4, Form::Number),
    host(25, "gid", 4, Form::Number),
    host(26, "ct_state", 4, Form::Flags(words::CT_STATE)),
    of(27, "ct_dir", 1, Form::Word(words::CT_DIRECTION)),
    host(28, "ct_status", 4, Form::Flags(words::CT_STATUS)),
    of(29, "icmpv6_type", 1, Form::Word(words::ICMPV6_TYPE)),
    of(31, "pkt_type", 1, Form::Word(words::PACKET_TYPE)),
    of(32, "icmp_code", 1, Form::Word(words::ICMP_CODE)),
    of(33, "icmpv6_code", 1, Form::Word(words::ICMPV6_CODE)),
    of(34, "icmpx_code", 1, Form::Word(words::ICMPX_CODE)),
    host(35, "devgroup", 4, Form::Group),
    of(36, "dscp", 1, Form::Word(words::DSCP)),
    of(37, "ecn", 1, Form::Number),
    host(38, "fib_addrtype", 4, Form::Word(words::FIB_ADDRESS_TYPE)),
    of(39, "boolean", 1, Form::Number),
    of(41, "ifname", 16, Form::Name),
    of(42, "igmp_type", 1, Form::Word(words::IGMP_TYPE)),
    // nft calls two types so: this one is a moment.
    host(43, "time", 8, Form::Number),
    host(44, "hour", 4, Form::Number),
    of(45, "day", 1, Form::Word(words::DAY)),
    host(46, "cgroupsv2", 8, Form::Number),
];

/// Bits of one field's type in the number of a concatenation's.
const TYPE_BITS: u32 = 6;
/// Registers are filled by fours.
const REGISTER: usize = 4;

pub(crate) fn datatype(id: u32) -> Option<&'static Datatype> {
    DATATYPES.iter().find(|datatype| datatype.id == id)
}

/// The numbers of the types of a concatenation's fields; one, where it is none. None of number 0, which is no type.
pub(crate) fn fields(concatenated: u32) -> impl Iterator<Item = u32> + Clone {
    let count = u32::BITS.saturating_sub(concatenated.leading_zeros()).div_ceil(TYPE_BITS);
    (0..count).rev().map(move |place| concatenated >> (place * TYPE_BITS) & ((1 << TYPE_BITS) - 1))
}

/// The name of a type; of one that this version does not know, its number.
pub(crate) fn type_name(id: u32) -> Cow<'static, str> {
    datatype(id).map_or_else(|| id.to_string().into(), |datatype| datatype.name.into())
}

/// One value, typed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum<'a> {
    Ip(IpAddr),
    Ether([u8; 6]),
    Number(u64),
    Mark(u64),
    Word(Cow<'a, str>),
    /// Several words for the bits that are set.
    Flags(Words, u32),
    Name(Name<'a>),
}

/// Bytes and the types of their fields.
#[derive(Clone, Copy)]
pub(crate) struct Typed<'a> {
    bytes: &'a [u8],
    types: u32,
    /// All in network order.
    network: bool,
}

impl<'a> Typed<'a> {
    /// The fields' values; `None` where one has no type, or not its type's form.
    pub(crate) fn values(self, cx: &'a Context<'_>) -> Option<impl Iterator<Item = Datum<'a>>> {
        let each = move || {
            let single = fields(self.types).count() == 1;
            let mut rest = self.bytes;
            fields(self.types).map(move |id| {
                let datatype = datatype(id)?;
                let size = if single { rest.len() } else { datatype.size };
                let (bytes, behind) = rest.split_at_checked(size).filter(|_| size > 0)?;
                rest = behind.get(size.next_multiple_of(REGISTER) - size..).unwrap_or_default();
                datatype.value(bytes, self.network, cx)
            })
        };
        let padded: usize = fields(self.types)
            .map(|id| datatype(id).map_or(0, |datatype| datatype.size.next_multiple_of(REGISTER)))
            .sum();
        let count = fields(self.types).count();
        let fits = count == 1 || count > 1 && padded == self.bytes.len();
        (fits && each().all(|value| value.is_some())).then(|| each().flatten())
    }

    /// Whether it is a concatenation.
    pub(crate) fn is_concatenation(self) -> bool {
        fields(self.types).count() > 1
    }
}

impl Datatype {
    fn value<'a>(&self, bytes: &'a [u8], network: bool, cx: &'a Context<'_>) -> Option<Datum<'a>> {
        if self.size != 0 && bytes.len() != self.size {
            return None;
        }
        match self.form {
            Form::Ip => return addr::ip(bytes).map(Datum::Ip),
            Form::Ether => return bytes.try_into().ok().map(Datum::Ether),
            Form::Name => {
                let name = Name::from_payload(bytes);
                // The end of an interval of names is no name.
                let behind = bytes.get(name.as_bytes().len()..)?;
                return behind.iter().all(|byte| *byte == 0).then_some(Datum::Name(name));
            }
            _ => {}
        }
        let number = self.number(bytes, network)?;
        let small = u32::try_from(number).ok();
        let worded = |words: Words| match small.and_then(|number| word(words, number)) {
            Some(word) if !cx.names.is_numeric() => Datum::Word(word.into()),
            _ => Datum::Number(number),
        };
        Some(match (self.form, small) {
            (Form::Mark, _) => Datum::Mark(number),
            (Form::Word(words), _) => worded(words),
            (Form::Flags(words), Some(bits)) => {
                let known = words.iter().fold(0, |known, word| known | word.0);
                match bits.count_ones() {
                    0 => Datum::Number(number),
                    _ if bits & !known != 0 || cx.names.is_numeric() => Datum::Number(number),
                    1 => worded(words),
                    _ => Datum::Flags(words, bits),
                }
            }
            (Form::Protocol, Some(protocol)) => match cx.names.known(NameFile::IpProtocols, protocol) {
                Some(name) => Datum::Word(name.into()),
                None => Datum::Number(number),
            },
            (Form::Group, Some(group)) => match cx.names.known(NameFile::Groups, group) {
                Some(name) => Datum::Word(name.into()),
                None => Datum::Number(number),
            },
            (Form::Link, Some(index)) => match cx.links.get(index) {
                Some(link) => Datum::Name(link.name()),
                None => Datum::Number(number),
            },
            (Form::LinkType, Some(kind)) => Datum::Word(cx.names.link_type(u16::try_from(kind).ok()?)),
            (Form::Realm, Some(realm)) => Datum::Word(cx.names.name(NameFile::Realms, realm)),
            (Form::ClassId, Some(id)) => Datum::Word(format!("{:x}:{:x}", id >> 16, id & 0xffff).into()),
            _ => Datum::Number(number),
        })
    }

    fn number(&self, bytes: &[u8], network: bool) -> Option<u64> {
        let mut wide = [0u8; 8];
        let place = wide.len().checked_sub(bytes.len())?;
        wide.get_mut(place..)?.copy_from_slice(bytes);
        if self.host && !network && cfg!(target_endian = "little") {
            wide.get_mut(place..)?.reverse();
        }
        Some(u64::from_be_bytes(wide))
    }
}

/// The words of the bits that are set.
pub(crate) fn flag_words(words: Words, bits: u32) -> impl Iterator<Item = &'static str> {
    words.iter().filter(move |word| bits & word.0 != 0).map(|word| word.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{LinkNames, Names};

    #[test]
    fn fields_of_a_concatenation() {
        assert_eq!(fields(7).collect::<Vec<_>>(), [7]);
        assert_eq!(fields(467).collect::<Vec<_>>(), [7, 19]);
        assert_eq!(fields(122_589_961).collect::<Vec<_>>(), [7, 19, 41, 12, 9]);
        assert_eq!(fields(0).count(), 0);
        assert_eq!(fields(u32::MAX).count(), 6);
    }

    #[test]
    fn what_has_no_type_or_not_its_form_is_not_guessed_at() {
        let (names, links) = (Names::built_in(), LinkNames::new());
        let cx = Context::new(&names, &links);
        let values = |types, bytes: &[u8]| {
            let typed = Typed { bytes, types, network: false };
            typed.values(&cx).map(|values| values.map(|value| format!("{value:?}")).collect::<Vec<_>>())
        };
        assert_eq!(values(7, &[10, 0, 0, 1]).unwrap(), ["Ip(10.0.0.1)"]);
        assert_eq!(values(7, &[10, 0, 0]), None);
        assert_eq!(values(0, &[10, 0, 0]), None);
        assert_eq!(values(63, &[10]), None);
        assert_eq!(values(4, &[1, 0]).unwrap(), ["Number(256)"]);
        assert_eq!(values(4, &[1; 9]), None);
        assert_eq!(values(4, &[]), None);
        assert_eq!(values(7 << 6 | 13, &[10, 0, 0, 1, 0, 80, 0, 0]).unwrap(), ["Ip(10.0.0.1)", "Number(80)"]);
        assert_eq!(values(7 << 6 | 13, &[10, 0, 0, 1, 0, 80]), None);
        assert_eq!(values(7 << 6 | 4, &[10, 0, 0, 1, 0, 80, 0, 0]), None);
        assert_eq!(values(41, b"ve\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"), None);
        assert_eq!(values(15, &[3]).unwrap().len(), 1);
        assert_eq!(values(26, &0x80u32.to_ne_bytes()).unwrap(), ["Number(128)"]);
        for types in [0, 1, 7, 63, 467, u32::MAX, 41 << 6 | 41, 4 << 6 | 4] {
            for length in 0..70 {
                values(types, &vec![0xff; length]);
            }
        }
    }
}
