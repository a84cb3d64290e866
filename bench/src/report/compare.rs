//! Whether two runs say the same.
//!
//! The rule: two sets of samples agree when the median of each lies between the least and the most of the other, widened by
//! a tenth. It is asked of the costs, of the ratios to the first row of the table (which are what counts), and of what the
//! goals came to.

use std::fmt::Write;

use serde_json::Value;

use super::page::{list, short};
use super::{median, quantile};

/// What the least and the most are widened by.
const SLACK: f64 = 0.1;

/// Whether two sets of samples agree.
pub fn agree(a: &[f64], b: &[f64]) -> bool {
    let within = |value: f64, range: &[f64]| {
        let (least, most) = (quantile(range, 0.0), quantile(range, 1.0));
        least - SLACK * least.abs() <= value && value <= most + SLACK * most.abs()
    };
    within(median(a), b) && within(median(b), a)
}

/// The samples of a row.
pub fn values(row: &Value, column: &str) -> Vec<f64> {
    list(&row["samples"]).iter().filter_map(|sample| sample[column].as_f64()).collect()
}

/// Its ratios to the first row of the table, round by round.
pub fn ratios(table: &Value, row: &Value) -> Vec<f64> {
    let base = list(&table["rows"]).first().map(|first| values(first, "cost")).unwrap_or_default();
    values(row, "cost").iter().zip(base).map(|(a, b)| a / b).filter(|ratio| ratio.is_finite()).collect()
}

/// The costs of a row; why there are none, if it was not measured. What it came to before it failed is no figure.
pub fn costs(row: &Value) -> Result<Vec<f64>, String> {
    if let Some(why) = row["fault"].as_str() {
        return Err(format!("not measured: {why}"));
    }
    match values(row, "cost") {
        none if none.is_empty() => Err("not measured".to_owned()),
        costs => Ok(costs),
    }
}

/// What ratios are to: the first row.
pub fn base(table: &Value) -> &Value {
    list(&table["rows"]).first().map_or(&Value::Null, |first| &first["name"])
}

/// What two lists have under the same name: those of the first in their order, then those that the second has alone.
pub fn pairs<'a>(
    first: &'a Value,
    second: &'a Value,
    name: &str,
) -> Vec<(Option<&'a Value>, Option<&'a Value>)> {
    let (first, second) = (list(first), list(second));
    let mut both: Vec<_> =
        first.iter().map(|one| (Some(one), second.iter().find(|other| other[name] == one[name]))).collect();
    let alone = second.iter().filter(|other| first.iter().all(|one| one[name] != other[name]));
    both.extend(alone.map(|other| (None, Some(other))));
    both
}

/// How many of something agree, and what does not.
#[derive(Default)]
struct Tally {
    all: usize,
    apart: Vec<String>,
}

impl Tally {
    fn add(&mut self, agree: bool, what: impl FnOnce() -> String) {
        self.all += 1;
        if !agree {
            self.apart.push(what());
        }
    }

    fn print(&self, text: &mut String, what: &str) {
        let same = self.all - self.apart.len();
        let share = 100.0 * same as f64 / self.all.max(1) as f64;
        let _ = writeln!(text, "- {what}: {same} of {} agree, {share:.0} %", self.all);
    }
}

/// What one of two runs has and the other has not.
#[derive(Default)]
struct Alone {
    figures: usize,
    lines: Vec<String>,
}

impl Alone {
    fn add(&mut self, figures: usize, line: String) {
        self.figures += figures;
        self.lines.push(line);
    }
}

/// What two runs come to beside each other.
#[derive(Default)]
struct Comparison {
    costs: Tally,
    ratios: Tally,
    verdicts: Tally,
    /// Of the first run, and of the second.
    alone: [Alone; 2],
    /// What neither has measured.
    neither: Vec<String>,
    /// Tables whose ratios are to different rows.
    bases: Vec<String>,
}

impl Comparison {
    fn areas(&mut self, run: &Value, other: &Value) {
        for pair in pairs(&run["areas"], &other["areas"], "name") {
            match pair {
                (Some(here), Some(there)) => self.tables(here, there),
                (here, there) => {
                    let area = here.or(there).unwrap_or(&Value::Null);
                    let rows = list(&area["tables"]).iter().map(measured).sum();
                    self.alone[usize::from(here.is_none())]
                        .add(rows, format!("area {}", word(&area["name"])));
                }
            }
        }
    }

    fn tables(&mut self, here: &Value, there: &Value) {
        let name = word(&here["name"]);
        match [&here["fault"], &there["fault"]].map(Value::as_str) {
            [None, None] => {}
            [Some(why), Some(other)] => self.neither.push(format!("area {name}: {why}; {other}")),
            [None, Some(why)] => self.alone[0].lines.push(format!("area {name}, whole; the other: {why}")),
            [Some(why), None] => self.alone[1].lines.push(format!("area {name}, whole; the other: {why}")),
        }
        for pair in pairs(&here["tables"], &there["tables"], "title") {
            match pair {
                (Some(here), Some(there)) => self.table(here, there),
                (here, there) => {
                    let table = here.or(there).unwrap_or(&Value::Null);
                    let line = format!("table {}", word(&table["title"]));
                    self.alone[usize::from(here.is_none())].add(measured(table), line);
                }
            }
        }
    }

    fn table(&mut self, table: &Value, beside: &Value) {
        let title = word(&table["title"]);
        let has_ratios = table["form"] != "plain";
        let base_name = base(table);
        let same_base = base_name == base(beside);
        if has_ratios && !same_base {
            self.bases.push(format!("{title}: {} and {}", word(base_name), word(base(beside))));
        }
        for (here, there) in pairs(&table["rows"], &beside["rows"], "name") {
            let name = &here.or(there).unwrap_or(&Value::Null)["name"];
            let place = || format!("{title}: {}", word(name));
            let of = |row: Option<&Value>| row.ok_or("has no such row".to_owned()).and_then(costs);
            let (a, b) = match (of(here), of(there)) {
                (Ok(a), Ok(b)) => (a, b),
                (Err(a), Err(b)) => {
                    self.neither.push(format!("{}: {a}; {b}", place()));
                    continue;
                }
                (Ok(_), Err(why)) => {
                    self.alone[0].add(1, format!("{}; the other: {why}", place()));
                    continue;
                }
                (Err(why), Ok(_)) => {
                    self.alone[1].add(1, format!("{}; the other: {why}", place()));
                    continue;
                }
            };
            self.costs.add(agree(&a, &b), || format!("{}: {} and {}", place(), spread(&a), spread(&b)));
            if let (Some(here), Some(there)) = (here, there)
                && has_ratios
                && same_base
                && name != base_name
            {
                let (a, b) = (ratios(table, here), ratios(beside, there));
                if !a.is_empty() && !b.is_empty() {
                    self.ratios
                        .add(agree(&a, &b), || format!("{}: {} and {}", place(), spread(&a), spread(&b)));
                }
            }
        }
        for pair in pairs(&table["goals"], &beside["goals"], "text") {
            match pair {
                (Some(here), Some(there)) => self.verdicts.add(here["met"] == there["met"], || {
                    let value = |goal: &Value| goal["value"].as_f64().map_or("nothing".to_owned(), short);
                    format!("{title}: {}: {} and {}", word(&here["text"]), value(here), value(there))
                }),
                (here, there) => {
                    let goal = here.or(there).unwrap_or(&Value::Null);
                    let line = format!("{title}: goal {}", word(&goal["text"]));
                    self.alone[usize::from(here.is_none())].lines.push(line);
                }
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "\n## Two runs\n\nTwo figures agree when the median of each lies between the least and the most \
                                     of the other, widened by a tenth.\n\n",
        );
        self.costs.print(&mut text, "costs");
        self.ratios.print(&mut text, "ratios");
        self.verdicts.print(&mut text, "verdicts on goals");
        for (run, alone) in ["first", "second"].iter().zip(&self.alone) {
            if alone.figures > 0 {
                let _ = writeln!(text, "- {} costs are in the {run} run alone", alone.figures);
            }
        }
        for (what, lines) in [
            ("Costs that do not agree (median, least–most)", &self.costs.apart),
            ("Ratios that do not agree (median, least–most)", &self.ratios.apart),
            ("Verdicts that do not agree", &self.verdicts.apart),
            ("In the first run alone", &self.alone[0].lines),
            ("In the second run alone", &self.alone[1].lines),
            ("Measured in neither run", &self.neither),
            ("Ratios that are not compared, because they are to different rows", &self.bases),
        ] {
            if !lines.is_empty() {
                let _ = writeln!(text, "\n{what}:\n");
                lines.iter().for_each(|line| _ = writeln!(text, "- {line}"));
            }
        }
        text
    }
}

/// What of two runs agrees, and what only one of them has, as Markdown.
pub fn compare(run: &Value, other: &Value) -> String {
    let mut comparison = Comparison::default();
    comparison.areas(run, other);
    comparison.text()
}

/// How many rows of a table have figures.
fn measured(table: &Value) -> usize {
    list(&table["rows"]).iter().filter(|row| costs(row).is_ok()).count()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn spread(values: &[f64]) -> String {
    format!("{} ({}–{})", short(median(values)), short(quantile(values, 0.0)), short(quantile(values, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_agree_when_each_median_is_in_the_range_of_the_other() {
        assert!(agree(&[1.0, 1.1, 1.2], &[1.15, 1.25, 1.3]));
        assert!(!agree(&[1.0, 1.1, 1.2], &[1.5, 1.6, 1.7]));
        // One wide run does not make the other right.
        assert!(!agree(&[0.5, 3.0, 3.1], &[1.0, 1.1, 1.2]));
        assert!(agree(&[0.0], &[0.0]));
    }

    #[test]
    fn what_differs_is_listed() {
        let run = |cost: f64| {
            let rows = json!([
                {"name": "raw", "samples": [{"cost": 1.0}]}, {"name": "linx", "samples": [{"cost": cost}]},
            ]);
            let goals = json!([{"text": "linx ≤ 2 × raw", "value": cost, "met": cost <= 2.0}]);
            let table = json!({"title": "t", "form": "race", "rows": rows, "goals": goals});
            json!({"areas": [{"name": "a", "tables": [table]}]})
        };
        let text = compare(&run(1.0), &run(3.0));
        assert!(text.contains("costs: 1 of 2 agree, 50 %"), "{text}");
        assert!(text.contains("t: linx: 1 (1–1) and 3 (3–3)"), "{text}");
        assert!(text.contains("verdicts on goals: 0 of 1 agree"), "{text}");
        assert!(compare(&run(1.0), &run(1.05)).contains("ratios: 1 of 1 agree, 100 %"));
    }
    /// A run of one area and one table.
    fn run(rows: &Value) -> Value {
        let table = json!({"title": "t", "form": "race", "rows": rows, "goals": []});
        json!({"areas": [{"name": "a", "tables": [table]}]})
    }

    /// What it says in both orders.
    fn both_ways(run: &Value, other: &Value) -> [String; 2] {
        [compare(run, other), compare(other, run)]
    }

    #[test]
    fn a_row_that_failed_in_one_run_is_told_in_either_order() {
        let whole = run(&json!([
            {"name": "raw", "samples": [{"cost": 1.0}]}, {"name": "linx", "samples": [{"cost": 2.0}]},
        ]));
        // It had a figure before it failed: that is none.
        let broken = run(&json!([
            {"name": "raw", "samples": [{"cost": 1.0}]},
            {"name": "linx", "fault": "it fell", "samples": [{"cost": 2.0}]},
        ]));
        let [text, turned] = both_ways(&whole, &broken);
        for (text, word) in [(text, "first"), (turned, "second")] {
            assert!(text.contains("- costs: 1 of 1 agree"), "{text}");
            assert!(text.contains("- ratios: 0 of 0 agree"), "{text}");
            assert!(text.contains(&format!("- 1 costs are in the {word} run alone")), "{text}");
            let line = format!("In the {word} run alone:\n\n- t: linx; the other: not measured: it fell\n");
            assert!(text.contains(&line), "{text}");
        }
        let text = compare(&broken, &broken);
        assert!(text.contains("Measured in neither run:\n\n- t: linx: "), "{text}");
        assert!(!text.contains("alone"), "{text}");
    }

    #[test]
    fn areas_tables_rows_and_goals_of_one_run_are_told_in_either_order() {
        let row = |name: &str| json!({"name": name, "samples": [{"cost": 1.0}]});
        let table = |title: &str, rows: Value, goals: Value| json!({"title": title, "form": "race", "rows": rows, "goals": goals});
        let less = json!({"areas": [{"name": "a", "tables": [table("t", json!([row("raw")]), json!([]))]}]});
        let goals = json!([{"text": "linx ≤ 2 × raw", "value": 1.0, "met": true}]);
        let more = json!({"areas": [
            {"name": "a", "tables": [
                table("t", json!([row("raw"), row("linx")]), goals),
                table("u", json!([row("raw"), row("linx")]), json!([])),
            ]},
            {"name": "b", "tables": [table("v", json!([row("raw"), row("linx"), row("ip")]), json!([]))]},
        ]});
        let [text, turned] = both_ways(&more, &less);
        for (text, word) in [(text, "first"), (turned, "second")] {
            assert!(text.contains(&format!("- 6 costs are in the {word} run alone")), "{text}");
            for line in ["t: linx; the other: has no such row", "t: goal linx ≤ 2 × raw", "table u", "area b"]
            {
                assert!(text.contains(&format!("\n- {line}\n")), "{line}: {text}");
            }
        }
    }

    #[test]
    fn ratios_to_different_rows_are_not_compared() {
        let rows = |base: &str| {
            json!([
                {"name": base, "samples": [{"cost": 1.0}]}, {"name": "linx", "samples": [{"cost": 2.0}]},
            ])
        };
        let text = compare(&run(&rows("raw")), &run(&rows("ip")));
        assert!(text.contains("- ratios: 0 of 0 agree"), "{text}");
        assert!(text.contains("to different rows:\n\n- t: raw and ip\n"), "{text}");
    }
}
