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

/// The table of this name in another run.
pub fn same_table<'a>(run: &'a Value, area: &Value, title: &Value) -> Option<&'a Value> {
    let area = list(&run["areas"]).iter().find(|there| there["name"] == *area)?;
    list(&area["tables"]).iter().find(|there| there["title"] == *title)
}

/// The row of this name, if it was measured.
pub fn same_row<'a>(table: &'a Value, name: &Value) -> Option<&'a Value> {
    list(&table["rows"]).iter().find(|there| there["name"] == *name && there["fault"].is_null())
}

/// The goal of this text.
pub fn same_goal<'a>(table: &'a Value, text: &Value) -> Option<&'a Value> {
    list(&table["goals"]).iter().find(|there| there["text"] == *text)
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

/// What of two runs agrees, as Markdown.
pub fn compare(run: &Value, other: &Value) -> String {
    let (mut costs, mut ratio, mut verdicts) = (Tally::default(), Tally::default(), Tally::default());
    let mut alone = 0;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for area in list(&run["areas"]) {
        for table in list(&area["tables"]) {
            let Some(there) = same_table(other, &area["name"], &table["title"]) else {
                alone += list(&table["rows"]).len();
                continue;
            };
            for (index, row) in list(&table["rows"]).iter().enumerate() {
                let (here, place) =
                    (values(row, "cost"), || format!("{}: {}", word(&table["title"]), word(&row["name"])));
                let Some(row_there) = same_row(there, &row["name"]) else {
                    alone += usize::from(!here.is_empty());
                    continue;
                };
                let beyond = values(row_there, "cost");
                if here.is_empty() || beyond.is_empty() {
                    continue;
                }
                costs.add(agree(&here, &beyond), || {
                    format!("{}: {} and {}", place(), spread(&here), spread(&beyond))
                });
                if index > 0 && table["form"] != "plain" {
                    let (a, b) = (ratios(table, row), ratios(there, row_there));
                    if !a.is_empty() && !b.is_empty() {
                        ratio
                            .add(agree(&a, &b), || format!("{}: {} and {}", place(), spread(&a), spread(&b)));
                    }
                }
            }
            for goal in list(&table["goals"]) {
                let Some(goal_there) = same_goal(there, &goal["text"]) else { continue };
                verdicts.add(goal["met"] == goal_there["met"], || {
                    let value = |goal: &Value| goal["value"].as_f64().map_or("nothing".to_owned(), short);
                    let (a, b) = (value(goal), value(goal_there));
                    format!("{}: {}: {a} and {b}", word(&table["title"]), word(&goal["text"]))
                });
            }
        }
    }
    let mut text = String::from(
        "\n## Two runs\n\nTwo figures agree when the median of each lies between the least and the most \
                                 of the other, widened by a tenth.\n\n",
    );
    costs.print(&mut text, "costs");
    ratio.print(&mut text, "ratios");
    verdicts.print(&mut text, "verdicts on goals");
    if alone > 0 {
        let _ = writeln!(text, "- {alone} figures are in the first run alone");
    }
    for (what, tally) in [("Costs", &costs), ("Ratios", &ratio), ("Verdicts", &verdicts)] {
        if !tally.apart.is_empty() {
            let _ = writeln!(text, "\n{what} that do not agree (median, least–most):\n");
            tally.apart.iter().for_each(|line| _ = writeln!(text, "- {line}"));
        }
    }
    text
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
}
