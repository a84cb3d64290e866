//! `linx list route get ADDRESS …`: the kernel's own decision.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;

use linx::RouteQuery;

use crate::error::{Failure, Outcome, quoted};
use crate::filter::{LinkWord, prefix};
use crate::suggest;

/// What was asked, before names of links are looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) destination: IpAddr,
    pub(crate) iif: Option<LinkWord>,
    pub(crate) oif: Option<LinkWord>,
    pub(crate) query: RouteQuery,
}

const WORDS: [&str; 13] = [
    "from",
    "iif",
    "oif",
    "dev",
    "mark",
    "uid",
    "tos",
    "dsfield",
    "ipproto",
    "sport",
    "dport",
    "flowlabel",
    "fibmatch",
];

/// The words behind `route get`, if that is what they are.
pub(crate) fn is_get(words: &[OsString]) -> Option<&[OsString]> {
    let (object, rest) = words.split_first()?;
    let (verb, rest) = rest.split_first()?;
    let route = crate::object::Object::parse(object.to_str()?) == Some(crate::object::Object::Route);
    (route && verb == "get").then_some(rest)
}

/// Parses them.
pub(crate) fn parse(words: &[OsString]) -> Outcome<Question> {
    let mut words = words.iter().map(OsString::as_os_str).peekable();
    if words.peek().is_some_and(|word| *word == "to") {
        words.next();
    }
    let destination = match words.next() {
        Some(word) => prefix::address(&word.to_string_lossy())?,
        None => return Err(Failure::usage("\"get\" wants an address behind it")),
    };
    let mut question = Question { destination, iif: None, oif: None, query: RouteQuery::default() };
    while let Some(word) = words.next() {
        let Some(name) = WORDS.into_iter().find(|name| word == *name) else {
            let failure = Failure::usage(format!("{} is no word of \"get\"", quoted(word)));
            return Err(match suggest::nearest(&word.to_string_lossy(), WORDS) {
                Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
                None => failure.remedy(format!("words are {}", WORDS.join(", "))),
            });
        };
        if name == "fibmatch" {
            question.query.fibmatch = true;
            continue;
        }
        let value =
            words.next().ok_or_else(|| Failure::usage(format!("\"{name}\" wants a value behind it")))?;
        set(&mut question, name, value)?;
    }
    if let Some(source) = question.query.src.filter(|source| source.is_ipv4() != destination.is_ipv4()) {
        return Err(Failure::usage(format!("{source} and {destination} are of different families")));
    }
    Ok(question)
}

fn set(question: &mut Question, name: &str, value: &OsStr) -> Outcome {
    use std::os::unix::ffi::OsStrExt;
    let query = &mut question.query;
    match name {
        "from" => query.src = Some(prefix::address(&value.to_string_lossy())?),
        "iif" => question.iif = Some(LinkWord(value.as_bytes().to_vec())),
        "oif" | "dev" => question.oif = Some(LinkWord(value.as_bytes().to_vec())),
        "mark" => query.mark = Some(number(name, value)?),
        "uid" => query.uid = Some(number(name, value)?),
        "tos" | "dsfield" => query.tos = narrow(name, value)?,
        "ipproto" => query.ip_proto = Some(protocol(value)?),
        "sport" => query.sport = Some(narrow(name, value)?),
        "dport" => query.dport = Some(narrow(name, value)?),
        _ => query.flowlabel = Some(number(name, value)?),
    }
    Ok(())
}

fn number(name: &str, value: &OsStr) -> Outcome<u32> {
    let text = value.to_str().unwrap_or_default();
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| Failure::usage(format!("{} is no number for \"{name}\"", quoted(value))))
}

fn narrow<T: TryFrom<u32>>(name: &str, value: &OsStr) -> Outcome<T> {
    let number = number(name, value)?;
    T::try_from(number).map_err(|_| Failure::usage(format!("{number} is too large for \"{name}\"")))
}

/// The protocols that routes may depend on, by name, or any by number.
fn protocol(value: &OsStr) -> Outcome<u8> {
    match value.to_str() {
        Some("icmp") => Ok(1),
        Some("tcp") => Ok(6),
        Some("udp") => Ok(17),
        Some("ipv6-icmp" | "icmpv6") => Ok(58),
        Some("sctp") => Ok(132),
        _ => narrow("ipproto", value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_question_with_everything() {
        let all = words(
            "r get 10.0.0.1 from 10.0.0.2 iif eth0 dev eth1 mark 0x10 uid 7 ipproto tcp sport 1 dport 2 tos 4 fibmatch",
        );
        let question = parse(is_get(&all).unwrap()).unwrap();
        let query = RouteQuery {
            src: Some("10.0.0.2".parse().unwrap()),
            mark: Some(16),
            uid: Some(7),
            ip_proto: Some(6),
            sport: Some(1),
            dport: Some(2),
            tos: 4,
            fibmatch: true,
            ..RouteQuery::default()
        };
        assert_eq!(question.query, query);
        assert_eq!(question.iif, Some(LinkWord(b"eth0".to_vec())));
        assert_eq!(question.oif, Some(LinkWord(b"eth1".to_vec())));
        assert_eq!(is_get(&words("route dev get")), None);
        assert_eq!(is_get(&words("link get")), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, text) in [
            (
                "route get 10.0.0",
                "linx: \"10.0.0\" is not an address: an IPv4 address is four numbers from 0 to 255",
            ),
            ("route get ::1 form ::2", "linx: \"form\" is no word of \"get\"; did you mean \"from\"?"),
            ("route get ::1 from 10.0.0.1", "linx: 10.0.0.1 and ::1 are of different families"),
            ("route get ::1 sport 70000", "linx: 70000 is too large for \"sport\""),
            ("route get ::1 mark x", "linx: \"x\" is no number for \"mark\""),
            ("route get ::1 mark", "linx: \"mark\" wants a value behind it"),
        ] {
            let words = words(line);
            assert_eq!(parse(is_get(&words).unwrap()).unwrap_err().text().unwrap(), text);
        }
        assert!(parse(is_get(&words("route get")).unwrap()).is_err());
    }
}
