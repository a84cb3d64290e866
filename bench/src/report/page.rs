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
    let rounds = run["rounds"].as_u64().unwrap_or_default() as usize;
    for one in list(&run["areas"]) {
        text.push_str(&area(one));
        if let Some(why) = one["fault"].as_str().or(one["skipped"].as_str()) {
            let _ = writeln!(text, "\nNot measured: {why}");
        }
        for shown in list(&one["tables"]) {
            let beside = other.and_then(|other| compare::same_table(other, &one["name"], &shown["title"]));
            text.push_str(&table(shown, rounds, beside));
        }
    }
    text.push_str(&verdict(run));
    text
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
    for row in list(&table["rows"]) {
        let name = word(&row["name"]);
        if let Some(why) = row["fault"].as_str() {
            let _ = writeln!(text, "| {name} | not measured: {why} |");
            continue;
        }
        let costs = compare::values(row, "cost");
        if of_form.len() == 2 && costs.len() < rounds {
            fewer.push((name.clone(), costs.len()));
        }
        let mut cells = figures(table, row, of_form.len());
        if let Some(beside) = beside {
            match compare::same_row(beside, &row["name"]) {
                None => cells.extend(std::iter::repeat_n(String::new(), of_form.len() + 2)),
                Some(there) => {
                    cells.extend(figures(beside, there, of_form.len()));
                    let agree = compare::agree(&costs, &compare::values(there, "cost"));
                    cells.push(if agree { "yes" } else { "**no**" }.to_owned());
                }
            }
        }
        for column in &columns {
            let values = compare::values(row, column);
            cells.push(if values.is_empty() { String::new() } else { short(median(&values)) });
        }
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    let goals = list(&table["goals"]);
    if !goals.is_empty() {
        text.push('\n');
    }
    for goal in goals {
        let _ = write!(text, "- {}: {}", word(&goal["text"]), judged(goal));
        if let Some(other) = beside.and_then(|beside| compare::same_goal(beside, &goal["text"])) {
            let _ = write!(text, "; second run {}", judged(other));
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
    if value.fract() == 0.0 && value.abs() < 1e6 {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}
