//! Where two bodies differ, found in their JSON: what is told of an object that changed is by that what its lines show.
//!
//! Bodies are read as [`append`](super::append) writes them: on one line, without spaces between tokens.

/// Appends `,"before":{…},"fields":[…]`: the dotted paths that differ, and the old values of just those that there
/// were. Objects are looked into, lists are values. `leave_out` says which paths are not told.
pub(super) fn append(out: &mut Vec<u8>, before: &[u8], after: &[u8], leave_out: &dyn Fn(&[u8]) -> bool) {
    let mut found = Found { old: Vec::new(), paths: Vec::new(), path: Vec::new(), leave_out };
    found.objects(before, after);
    out.extend_from_slice(b",\"before\":{");
    out.extend_from_slice(&found.old);
    out.extend_from_slice(b"},\"fields\":[");
    out.extend_from_slice(&found.paths);
    out.push(b']');
}

struct Found<'f> {
    /// Old values, without the outermost brackets.
    old: Vec<u8>,
    /// Paths in quotes, with commas between.
    paths: Vec<u8>,
    path: Vec<u8>,
    leave_out: &'f dyn Fn(&[u8]) -> bool,
}

impl Found<'_> {
    fn objects(&mut self, before: &[u8], after: &[u8]) {
        // Both are in the same order, but for what only one of them has.
        let mut ahead = Entries::of(before);
        for (key, new) in Entries::of(after) {
            let old = match ahead.clone().next() {
                Some((known, old)) if known == key => {
                    ahead.next();
                    Some(old)
                }
                _ => Entries::of(before).find(|entry| entry.0 == key).map(|entry| entry.1),
            };
            if old != Some(new) {
                self.differs(key, old, Some(new));
            }
        }
        for (key, old) in Entries::of(before) {
            if Entries::of(after).all(|entry| entry.0 != key) {
                self.differs(key, Some(old), None);
            }
        }
    }

    fn differs(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        let length = self.path.len();
        if length > 0 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(key);
        match (old, new) {
            (Some(old), Some(new)) if old.starts_with(b"{") && new.starts_with(b"{") => {
                let start = self.old.len();
                self.open(key);
                let inside = self.old.len() + 1;
                self.old.push(b'{');
                self.objects(old, new);
                if self.old.len() == inside {
                    self.old.truncate(start);
                } else {
                    self.old.push(b'}');
                }
            }
            _ if (self.leave_out)(&self.path) => {}
            _ => {
                if !self.paths.is_empty() {
                    self.paths.push(b',');
                }
                self.paths.push(b'"');
                self.paths.extend_from_slice(&self.path);
                self.paths.push(b'"');
                if let Some(old) = old {
                    self.open(key);
                    self.old.extend_from_slice(old);
                }
            }
        }
        self.path.truncate(length);
    }

    /// The key of an old value.
    fn open(&mut self, key: &[u8]) {
        if self.old.last().is_some_and(|byte| *byte != b'{') {
            self.old.push(b',');
        }
        self.old.push(b'"');
        self.old.extend_from_slice(key);
        self.old.extend_from_slice(b"\":");
    }
}

/// The keys of an object, as they stand between their quotes, and its values.
#[derive(Clone)]
struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn of(object: &'a [u8]) -> Self {
        Self(object.strip_prefix(b"{").unwrap_or_default())
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.strip_prefix(b",").unwrap_or(self.0).strip_prefix(b"\"")?;
        let (key, rest) = rest.split_at_checked(end_of_string(rest))?;
        let rest = rest.strip_prefix(b"\":")?;
        let (value, rest) = rest.split_at_checked(end_of_value(rest))?;
        self.0 = rest;
        Some((key, value))
    }
}

/// Bytes up to the quote that ends a string.
fn end_of_string(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let end = bytes.iter().position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    end.unwrap_or(bytes.len())
}

/// Bytes up to the comma or bracket behind a value.
fn end_of_value(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += 1 + end_of_string(bytes.get(at + 1..).unwrap_or_default()),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn differences(before: &Value, after: &Value) -> Value {
        let mut out = Vec::new();
        append(&mut out, before.to_string().as_bytes(), after.to_string().as_bytes(), &|path| path == b"age");
        serde_json::from_str(&format!("{{{}}}", &String::from_utf8(out).unwrap()[1..])).unwrap()
    }

    #[test]
    fn paths_that_differ_and_their_old_values() {
        let before = json!({"a": 1, "b": {"c": [1, 2], "d": {"e": "x,\"}{"}}, "gone": null, "age": 4});
        let after = json!({"a": 1, "b": {"c": [1], "d": {"e": "x\\"}}, "new": {"f": 1}, "age": 5});
        assert_eq!(
            differences(&before, &after),
            json!({
                "before": {"b": {"c": [1, 2], "d": {"e": "x,\"}{"}}, "gone": null},
                "fields": ["b.c", "b.d.e", "new", "gone"],
            })
        );
    }

    #[test]
    fn what_is_equal_is_not_told() {
        for value in [json!({}), json!({"a": {"b": {}}, "c": []}), json!({"a": "\\\"", "b": -1.5})] {
            assert_eq!(differences(&value, &value), json!({"before": {}, "fields": []}));
        }
        // Nests that differ in what is not told alone.
        let [before, after] = [1, 2].map(|age| json!({"a": {}, "age": age, "b": true}));
        assert_eq!(differences(&before, &after), json!({"before": {}, "fields": []}));
    }

    #[test]
    fn what_is_new_has_no_old_value() {
        assert_eq!(
            differences(&json!({"b": {"x": 1}}), &json!({"a": 1, "b": {"x": 1, "y": 2}})),
            json!({"before": {}, "fields": ["a", "b.y"]})
        );
        assert_eq!(
            differences(&json!({"a": 1, "b": {"x": {"y": 1}}}), &json!({"b": 2})),
            json!({"before": {"a": 1, "b": {"x": {"y": 1}}}, "fields": ["b", "a"]})
        );
    }
}
