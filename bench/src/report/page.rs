//! The report as Markdown, from its JSON: what a run prints, and what `report FILE` prints again.

use std::fmt::Write;

use serde_json::Value;

use super::compare;
use super::{median, quantile};

/// All of a run; with another run's figures beside it.
pub fn document(run: &Value, other: Option<&Value>) -> String {
    let mut text = head(run);
    if let Some(other) = other {
        text.push_str("\nThe second run:\n");
        text.push_str(&head(other));
    }
    let rounds = |run: &Value| run["rounds"].as_u64().unwrap_or_default() as usize;
    let Some(other) = other else {
        for one in list(&run["areas"]) {
            text.push_str(&area(one));
            text.push_str(&unmeasured(one, "Not measured"));
            list(&one["tables"]).iter().for_each(|shown| text.push_str(&table(shown, rounds(run), None)));
        }
        text.push_str(&verdict(run));
        return text;
    };
    for (here, there) in compare::pairs(&run["areas"], &other["areas"], "name") {
        text.push_str(&area(here.or(there).unwrap_or(&Value::Null)));
        match (here, there) {
            (Some(_), None) => text.push_str("\nThe second run has no such area.\n"),
            (None, Some(_)) => {
                text.push_str("\nThe first run has no such area: the figures are of the second.\n")
            }
            _ => {}
        }
        let (here, there) = (here.unwrap_or(&Value::Null), there.unwrap_or(&Value::Null));
        text.push_str(&unmeasured(here, "Not measured in the first run"));
        text.push_str(&unmeasured(there, "Not measured in the second run"));
        for pair in compare::pairs(&here["tables"], &there["tables"], "title") {
            match pair {
                (Some(shown), beside) => text.push_str(&table(shown, rounds(run), beside)),
                (None, Some(shown)) => text.push_str(&table(shown, rounds(other), None)),
                (None, None) => {}
            }
            match pair {
                (Some(_), None) if !there.is_null() => text.push_str("\nThe second run has no such table.\n"),
                (None, Some(_)) if !here.is_null() => {
                    text.push_str("\nThe first run has no such table: the figures are of the second.\n");
                }
                _ => {}
            }
        }
    }
    text.push_str("\nThe first run:\n");
    text.push_str(&verdict(run));
    text.push_str("\nThe second run:\n");
    text.push_str(&verdict(other));
    text
}

/// Why an area was not measured, or not all of it.
fn unmeasured(area: &Value, what: &str) -> String {
    let why = area["fault"].as_str().or(area["skipped"].as_str());
    why.map_or(String::new(), |why| format!("\n{what}: {why}\n"))
}

/// Where and how it was run.
pub fn head(run: &Value) -> String {
    let (machine, word) = (&run["machine"], |value: &Value| value.as_str().unwrap_or_default().to_owned());
    let mut text = String::from("\n");
    let _ = writeln!(text, "- `{}`, {}", word(&run["command"]), word(&run["time"]));
    let _ = writeln!(
        text,
        "- {} cores of {}, {} of memory, {}; load average when it began {}",
        machine["cores"],
        word(&machine["cpu"]),
        word(&machine["memory"]),
        word(&machine["kernel"]),
        word(&machine["load"]),
    );
    let versions = run["versions"].as_object().into_iter().flatten();
    let versions: Vec<String> =
        versions.map(|(name, version)| format!("{name}: {}", word(version))).collect();
    let _ = writeln!(text, "- {}", versions.join("; "));
    if let Some(took) = run["took_s"].as_f64() {
        let _ = writeln!(text, "- {:.1} minutes in all, {} rounds", took / 60.0, run["rounds"]);
    }
    text
}

/// The heading of an area.
pub fn area(area: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("\n## {}\n\n{}\n", word(&area["title"]), word(&area["text"]))
}

/// A table and what its goals came to; `rounds` were asked for. `beside`: the same table of another run.
pub fn table(table: &Value, rounds: usize, beside: Option<&Value>) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let columns: Vec<String> = list(&table["columns"]).iter().map(word).collect();
    let of_form: &[&str] = match table["form"].as_str() {
        Some("race") => &["ratio", "spread"],
        Some("counts") => &["ratio"],
        _ => &[],
    };
    let mut heads = vec![word(&table["unit"])];
    heads.extend(of_form.iter().map(|head| (*head).to_owned()));
    if beside.is_some() {
        heads.push("second run".to_owned());
        heads.extend(of_form.iter().map(|head| (*head).to_owned()));
        heads.push("agree".to_owned());
    }
    heads.extend(columns.iter().cloned());
    let mut text = format!("\n### {}\n\n| | {} |\n|---|", word(&table["title"]), heads.join(" | "));
    text.push_str(&"---|".repeat(heads.len()));
    text.push('\n');
    let mut fewer = Vec::new();
    let nothing = Value::Null;
    for (here, there) in compare::pairs(&table["rows"], &beside.unwrap_or(&nothing)["rows"], "name") {
        let name = word(&here.or(there).unwrap_or(&nothing)["name"]);
        let of = |row: Option<&Value>, run: &str| {
            row.ok_or(format!("the {run} run has no such row")).and_then(compare::costs)
        };
        let (costs, costs_there) = (of(here, "first"), of(there, "second"));
        if beside.is_none()
            && let Err(why) = &costs
        {
            let _ = writeln!(text, "| {name} | {why} |");
            continue;
        }
        // Where there are no figures the first cell says why.
        let cells_of =
            |table: &Value, row: Option<&Value>, costs: &Result<Vec<f64>, String>| match (row, costs) {
                (Some(row), Ok(_)) => figures(table, row, of_form.len()),
                (_, why) => {
                    let why = why.as_ref().err().cloned().unwrap_or_default();
                    std::iter::once(why).chain(std::iter::repeat_n(String::new(), of_form.len())).collect()
                }
            };
        if let Ok(costs) = &costs
            && of_form.len() == 2
            && costs.len() < rounds
        {
            fewer.push((name.clone(), costs.len()));
        }
        let mut cells = cells_of(table, here, &costs);
        if let Some(beside) = beside {
            cells.extend(cells_of(beside, there, &costs_there));
            cells.push(match (&costs, &costs_there) {
                (Ok(a), Ok(b)) if compare::agree(a, b) => "yes".to_owned(),
                (Ok(_), Ok(_)) => "**no**".to_owned(),
                _ => String::new(),
            });
        }
        for column in &columns {
            let values = match (here, &costs) {
                (Some(row), Ok(_)) => compare::values(row, column),
                _ => Vec::new(),
            };
            cells.push(if values.is_empty() { String::new() } else { short(median(&values)) });
        }
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    if let Some(beside) = beside
        && !of_form.is_empty()
        && compare::base(table) != compare::base(beside)
    {
        let (here, there) = (word(compare::base(table)), word(compare::base(beside)));
        let _ =
            writeln!(text, "\nThe ratios of the first run are to {here}, those of the second to {there}.");
    }
    let goals = compare::pairs(&table["goals"], &beside.unwrap_or(&nothing)["goals"], "text");
    if !goals.is_empty() {
        text.push('\n');
    }
    for (here, there) in goals {
        let _ = write!(text, "- {}: ", word(&here.or(there).unwrap_or(&nothing)["text"]));
        text.push_str(&here.map_or("no goal of the first run".to_owned(), judged));
        if beside.is_some() {
            let there = there.map_or("has no such goal".to_owned(), judged);
            let _ = write!(text, "; second run {there}");
        }
        text.push('\n');
    }
    if let Some((_, first)) = fewer.first() {
        let is_all =
            fewer.len() == list(&table["rows"]).len() && fewer.iter().all(|(_, turns)| turns == first);
        let who = if is_all {
            format!("{first} each")
        } else {
            fewer.iter().map(|(name, turns)| format!("{name} {turns}")).collect::<Vec<_>>().join("; ")
        };
        let _ = writeln!(text, "\nFewer rounds than the {rounds} asked for, because one takes long: {who}.");
    }
    text
}

/// Cost, and so many of the ratio to the first row and the spread.
fn figures(table: &Value, row: &Value, more: usize) -> Vec<String> {
    let costs = compare::values(row, "cost");
    let ratios = compare::ratios(table, row);
    let mut cells = vec![short(median(&costs)), format!("{:.2}", median(&ratios))];
    cells.push(format!("{}–{}", short(quantile(&costs, 0.0)), short(quantile(&costs, 1.0))));
    cells.truncate(1 + more);
    cells
}

fn judged(goal: &Value) -> String {
    match (goal["value"].as_f64(), goal["met"].as_bool()) {
        (Some(value), Some(true)) => format!("{}, met", exact(value)),
        (Some(value), _) => format!("{}, **not met**", exact(value)),
        _ => "not judged: not measured".to_owned(),
    }
}

/// Which goals were missed, and what was not measured.
pub fn verdict(run: &Value) -> String {
    let tables = || {
        list(&run["areas"])
            .iter()
            .flat_map(|area| list(&area["tables"]).iter().map(move |table| (area, table)))
    };
    let mut text = String::new();
    if run["short"].as_bool() == Some(true) {
        let faults = list(&run["areas"]).iter().filter(|area| !area["fault"].is_null()).count();
        let end = match faults {
            0 => "every contestant of ours ran".to_owned(),
            faults => format!("{faults} areas are broken"),
        };
        let _ = writeln!(text, "\n{} tables; {end}", tables().count());
        return text;
    }
    let goals = || {
        tables().flat_map(|(area, table)| list(&table["goals"]).iter().map(move |goal| (area, table, goal)))
    };
    let with = |met: Option<bool>| goals().filter(move |(.., goal)| goal["met"].as_bool() == met);
    let _ = writeln!(
        text,
        "\n{} goals met, {} missed, {} not judged",
        with(Some(true)).count(),
        with(Some(false)).count(),
        with(None).count()
    );
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (area, table, goal) in with(Some(false)) {
        let value = goal["value"].as_f64().unwrap_or(f64::NAN);
        let (name, title) = (word(&area["name"]), word(&table["title"]));
        let _ = writeln!(text, "- {name}: {title}: {}: {}", word(&goal["text"]), exact(value));
    }
    for area in list(&run["areas"]) {
        if let Some(why) = area["fault"].as_str() {
            let _ = writeln!(text, "- {}: {why}", area["name"].as_str().unwrap_or_default());
        }
    }
    text
}

/// The items of a JSON list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn exact(value: f64) -> String {
    if value.abs() >= 100.0 || value == 0.0 { short(value) } else { format!("{value:.2}") }
}

/// Three digits, or a whole number.
pub fn short(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(name: &str, cost: f64) -> Value {
        json!({"name": name, "samples": [{"cost": cost, "wall ms": cost}]})
    }

    fn run(areas: &Value) -> Value {
        json!({"rounds": 1, "machine": {}, "versions": {}, "areas": areas})
    }

    fn area(name: &str, title: &str, rows: &Value) -> Value {
        let table = json!({
            "title": title, "unit": "ms", "form": "race", "columns": ["wall ms"], "rows": rows, "goals": [],
        });
        json!({"name": name, "title": name, "text": "", "tables": [table]})
    }

    #[test]
    fn a_row_that_one_run_lacks_shows_the_other_s_figures_and_why_in_either_order() {
        let broken = json!({"name": "ip", "fault": "it fell", "samples": [{"cost": 9.0}]});
        let less = run(&json!([area("a", "t", &json!([row("raw", 1.0), broken]))]));
        let more = run(&json!([area("a", "t", &json!([row("raw", 1.0), row("ip", 2.0), row("linx", 3.0)]))]));
        let text = document(&less, Some(&more));
        assert!(text.contains("| ip | not measured: it fell |  |  | 2 | 2.00 | 2–2 |  |  |\n"), "{text}");
        assert!(
            text.contains("| linx | the first run has no such row |  |  | 3 | 3.00 | 3–3 |  |  |\n"),
            "{text}"
        );
        let text = document(&more, Some(&less));
        assert!(text.contains("| ip | 2 | 2.00 | 2–2 | not measured: it fell |  |  |  | 2 |\n"), "{text}");
        assert!(
            text.contains("| linx | 3 | 3.00 | 3–3 | the second run has no such row |  |  |  | 3 |\n"),
            "{text}"
        );
        // Alone, the reason is all there is.
        assert!(document(&less, None).contains("| ip | not measured: it fell |\n"));
    }

    #[test]
    fn areas_and_tables_of_one_run_are_printed_in_either_order() {
        let first = run(&json!([area("a", "t", &json!([row("raw", 1.0)]))]));
        let mut second = run(&json!([
            area("a", "u", &json!([row("raw", 2.0)])),
            area("b", "v", &json!([row("ip", 3.0)]))
        ]));
        second["areas"][0]["fault"] = json!("it stopped");
        let text = document(&first, Some(&second));
        for line in [
            "### t\n",
            "### u\n",
            "### v\n",
            "| ip | 3 | 1.00 | 3–3 | 3 |\n",
            "Not measured in the second run: it stopped\n",
            "The second run has no such table.\n",
            "The first run has no such table: the figures are of the second.\n",
            "The first run has no such area: the figures are of the second.\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let text = document(&second, Some(&first));
        for line in
            ["### t\n", "### u\n", "### v\n", "| ip | 3 | 1.00 |", "The second run has no such area.\n"]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
