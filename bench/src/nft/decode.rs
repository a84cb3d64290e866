//! Rules and elements from memory, as a kernel dumped them: the walk over every nest, Linx, and the peers.

use std::hint::black_box;

use linx_wire::attr::Attrs;
use linx_wire::header::{Message, Messages};
use linx_wire::nft::{
    ElementView, Elements, ElementsRef, ElementsView, Expression, Rule, RuleRef, RuleView, request,
};

use super::libnftnl::Library;
use super::{SET_NAME, TABLE_NAME, Writer};
use crate::Scale;
use crate::decode::{BORROWED, OWNED, timed};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, at_least, at_most};

const WALK: &str = "bare deep walk";
const READ: &str = "linx, borrowed, all read";
const LIBNFTNL: &str = "libnftnl";

const RULE_GOALS: [Goal; 2] = [at_most(BORROWED, 3.0, WALK), at_least(LIBNFTNL, 6.0, BORROWED)];
const ELEMENT_GOALS: [Goal; 2] = [at_most(BORROWED, 2.0, WALK), at_least(LIBNFTNL, 18.0, BORROWED)];

/// The two tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    let (of_rules, of_elements) = if scale.short { dumped(100, 1_000)? } else { dumped(10_000, 100_000)? };
    rules(&of_rules, scale, report)?;
    elements(&of_elements, scale, report)
}

/// Datagrams of the kernel's.
type Dump = Vec<Vec<u8>>;

/// So many rules, and elements of a set, as the kernel dumps them.
pub fn dumped(rules: u32, elements: u32) -> Outcome<(Dump, Dump)> {
    let namespace = Namespace::new()?;
    let mut writer = Writer::new(&namespace)?;
    writer.table()?;
    writer.chains(1)?;
    writer.set()?;
    writer.rules(1, rules)?;
    writer.elements(elements)?;
    let rules = writer.dump(request::rules(1, Some(TABLE_NAME.as_bytes()), Some(b"c0")))?;
    Ok((rules, writer.dump(request::elements(1, TABLE_NAME.as_bytes(), SET_NAME.as_bytes()))?))
}

fn rules(d: &[Vec<u8>], scale: Scale, report: &mut Report) -> Outcome<()> {
    let first = Messages::new(d.first().ok_or("no rules")?).next().ok_or("no rule")?.unwrap();
    let attributes = walk_rule(first.payload).0;
    let title = format!("nft rule, {} B, {attributes} attributes in all nests", first.bytes.len());
    let contestants = rule_decoders(d, if scale.short { 1 } else { 10 });
    report.race(&title, "ns/rule", false, contestants, &RULE_GOALS)
}

/// Everybody who decodes rules.
pub fn rule_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    let mut contestants = vec![
        each(WALK, d, repeats, |message| {
            black_box(walk_rule(message.payload));
            1
        }),
        each(BORROWED, d, repeats, |message| {
            assert!(black_box(&RuleRef::decode(message.payload)).is_ok());
            1
        }),
        each(READ, d, repeats, |message| {
            let rule = RuleRef::decode(message.payload).unwrap();
            black_box((rule.table(), rule.chain(), rule.handle(), rule.position()));
            rule.expressions().for_each(|expression| read(expression));
            1
        }),
        each(OWNED, d, repeats, |message| {
            assert!(black_box(&Rule::decode(message.payload)).is_ok());
            1
        }),
        stranger(d, repeats, Library::rules()),
    ];
    contestants.extend(crate::peers::nft_rule_decoders(d, repeats));
    contestants
}

fn elements(d: &[Vec<u8>], scale: Scale, report: &mut Report) -> Outcome<()> {
    let mean = elements_a_message(d);
    let contestants = element_decoders(d, if scale.short { 1 } else { 10 });
    let contestants = contestants.into_iter().map(|contestant| shared(contestant, mean)).collect();
    let title = format!("nft set elements, {mean:.0} a message");
    report.race(&title, "ns/element", false, contestants, &ELEMENT_GOALS)
}

/// Not every decoder counts elements, and none is made to.
pub fn elements_a_message(d: &[Vec<u8>]) -> f64 {
    let messages = d.iter().map(|datagram| Messages::new(datagram).count()).sum::<usize>();
    let all = d.iter().flat_map(|datagram| Messages::new(datagram));
    let elements: u64 = all.map(|message| walk_elements(message.unwrap().payload).1).sum();
    elements as f64 / messages as f64
}

/// Everybody who decodes elements.
pub fn element_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    let mut contestants = vec![
        each(WALK, d, repeats, |message| {
            black_box(walk_elements(message.payload));
            1
        }),
        each(BORROWED, d, repeats, |message| {
            assert!(black_box(&ElementsRef::decode(message.payload)).is_ok());
            1
        }),
        each(READ, d, repeats, |message| {
            let elements = ElementsRef::decode(message.payload).unwrap();
            black_box((elements.table(), elements.set()));
            elements.elements().for_each(|element| {
                black_box((element.key().map(<[u8]>::len), element.flags()));
            });
            1
        }),
        each(OWNED, d, repeats, |message| {
            assert!(black_box(&Elements::decode(message.payload)).is_ok());
            1
        }),
        stranger(d, repeats, Library::elements()),
    ];
    contestants.extend(crate::peers::nft_element_decoders(d, repeats));
    contestants
}

/// The contestant, whose messages hold so many objects each.
fn shared(contestant: Contestant<'_>, objects: f64) -> Contestant<'_> {
    let Contestant { name, stranger, most, mut turn } = contestant;
    let turn = Box::new(move || {
        let mut sample = turn()?;
        sample.cost /= objects;
        sample.others.iter_mut().for_each(|(_, value)| *value /= objects);
        Ok(sample)
    });
    Contestant { name, stranger, most, turn }
}

/// A contestant that takes messages and says how many objects each holds.
pub fn each<'a>(
    name: &'static str,
    d: &'a [Vec<u8>],
    repeats: usize,
    mut take: impl FnMut(&Message<'_>) -> u64 + 'a,
) -> Contestant<'a> {
    Contestant::new(name, move || {
        timed(d, repeats, |datagram| Messages::new(datagram).map(|message| take(&message.unwrap())).sum())
    })
}

/// libnftnl, where it is.
fn stranger(d: &[Vec<u8>], repeats: usize, library: Outcome<Library>) -> Contestant<'_> {
    Contestant::stranger(LIBNFTNL, move || {
        let library = library.clone()?;
        let mut sample = timed(d, repeats, |datagram| {
            let messages = Messages::new(datagram);
            messages.filter(|m| m.as_ref().is_ok_and(|m| library.decode(m.bytes))).count() as u64
        })?;
        // What the C library allocates is not counted.
        sample.others.clear();
        Ok(sample)
    })
}

/// Reads what the expressions of [`super::rule`] say.
fn read(expression: Expression<'_>) {
    match expression {
        Expression::Meta(meta) => {
            black_box((meta.key(), meta.dreg()));
        }
        Expression::Cmp(cmp) => {
            black_box((cmp.sreg(), cmp.op(), cmp.data().and_then(|data| data.value())));
        }
        Expression::Payload(payload) => {
            black_box((payload.dreg(), payload.base(), payload.offset(), payload.len()));
        }
        Expression::Counter(counter) => {
            black_box((counter.bytes(), counter.packets()));
        }
        Expression::Immediate(immediate) => {
            black_box((immediate.dreg(), immediate.data().and_then(|data| data.verdict())));
        }
        other => {
            black_box(other.name());
        }
    }
}

/// Attributes, and the sum of their types.
type Walked = (u64, u64);

fn add(walked: &mut Walked, raw_type: u16) {
    walked.0 += 1;
    walked.1 = walked.1.wrapping_add(u64::from(raw_type));
}

/// Every attribute of a rule, expressions, their data and what is nested in those.
fn walk_rule(payload: &[u8]) -> Walked {
    let mut walked = (0, 0);
    for attr in Attrs::new(payload.get(4..).unwrap_or_default()) {
        let attr = attr.unwrap();
        add(&mut walked, attr.raw_type);
        if attr.number() != 4 {
            continue;
        }
        for expression in Attrs::new(attr.payload) {
            let expression = expression.unwrap();
            add(&mut walked, expression.raw_type);
            let mut name: &[u8] = &[];
            for part in Attrs::new(expression.payload) {
                let part = part.unwrap();
                add(&mut walked, part.raw_type);
                match part.number() {
                    1 => name = part.payload,
                    2 => walk_data(part.payload, name, &mut walked),
                    _ => {}
                }
            }
        }
    }
    walked
}

/// The data of an expression; which of them are nests depends on its name.
fn walk_data(bytes: &[u8], name: &[u8], walked: &mut Walked) {
    let nest = match name {
        b"cmp\0" => 3,
        b"immediate\0" => 2,
        _ => 0,
    };
    for attr in Attrs::new(bytes) {
        let attr = attr.unwrap();
        add(walked, attr.raw_type);
        if attr.number() == nest {
            for value in Attrs::new(attr.payload) {
                let value = value.unwrap();
                add(walked, value.raw_type);
                if value.number() == 2 {
                    Attrs::new(value.payload).for_each(|attr| add(walked, attr.unwrap().raw_type));
                }
            }
        }
    }
}

/// Every attribute of elements and of their keys and data; and how many elements there are.
fn walk_elements(payload: &[u8]) -> (Walked, u64) {
    let (mut walked, mut elements) = ((0, 0), 0);
    for attr in Attrs::new(payload.get(4..).unwrap_or_default()) {
        let attr = attr.unwrap();
        add(&mut walked, attr.raw_type);
        if attr.number() != 3 {
            continue;
        }
        for element in Attrs::new(attr.payload) {
            let element = element.unwrap();
            add(&mut walked, element.raw_type);
            elements += 1;
            for part in Attrs::new(element.payload) {
                let part = part.unwrap();
                add(&mut walked, part.raw_type);
                if matches!(part.number(), 1 | 2 | 10) {
                    Attrs::new(part.payload).for_each(|attr| add(&mut walked, attr.unwrap().raw_type));
                }
            }
        }
    }
    (walked, elements)
}
