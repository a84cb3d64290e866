//! Contestants that take turns, goals that are judged by their medians, and the samples of all of it as JSON.
//!
//! A table is JSON first and is printed from that ([`page`]), so that `report FILE` prints what the run printed.

mod compare;
pub mod page;
mod run;

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::Scale;
pub use compare::compare;

/// What a benchmark comes to; the error is for a person.
pub type Outcome<T> = Result<T, String>;

/// What one turn cost.
#[derive(Clone, Default)]
pub struct Sample {
    /// In the table's unit.
    pub cost: f64,
    /// Other figures, by the name of their column.
    pub others: Vec<(&'static str, f64)>,
}

impl Sample {
    /// A cost alone.
    pub fn new(cost: f64) -> Self {
        Self { cost, others: Vec::new() }
    }

    /// Another figure.
    pub fn with(mut self, column: &'static str, value: f64) -> Self {
        self.others.push((column, value));
        self
    }
}

/// One line of a table.
pub struct Contestant<'a> {
    /// What is measured.
    pub name: String,
    /// A stranger may be missing or fail: its line says so. Linx and the limit may not.
    pub stranger: bool,
    /// Takes no more turns than this.
    pub most: usize,
    /// One turn.
    pub turn: Box<dyn FnMut() -> Outcome<Sample> + 'a>,
}

impl<'a> Contestant<'a> {
    /// Linx, or the physical limit.
    pub fn new(name: impl Into<String>, turn: impl FnMut() -> Outcome<Sample> + 'a) -> Self {
        Self { name: name.into(), stranger: false, most: usize::MAX, turn: Box::new(turn) }
    }

    /// Another program or library.
    pub fn stranger(name: impl Into<String>, turn: impl FnMut() -> Outcome<Sample> + 'a) -> Self {
        Self { stranger: true, ..Self::new(name, turn) }
    }

    /// The same, but it takes no more than so many turns.
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// How a figure is held against its limit.
#[derive(Clone, Copy)]
enum Sense {
    /// At most.
    Most,
    /// At least.
    Least,
    /// At most so much more than the other's.
    More,
}

/// What a figure of a contestant should be, by itself or beside another's.
#[derive(Clone, Copy)]
pub struct Goal {
    of: &'static str,
    /// Nobody, where it is empty.
    to: &'static str,
    sense: Sense,
    limit: f64,
    column: Option<&'static str>,
}

/// `of` costs at most `limit` times what `to` does.
pub const fn at_most(of: &'static str, limit: f64, to: &'static str) -> Goal {
    Goal { of, to, sense: Sense::Most, limit, column: None }
}

/// `of` costs at least `limit` times what `to` does.
pub const fn at_least(of: &'static str, limit: f64, to: &'static str) -> Goal {
    Goal { of, to, sense: Sense::Least, limit, column: None }
}

/// A figure of `of` itself, in the column's unit, is at most this.
pub const fn under(of: &'static str, limit: f64, column: Option<&'static str>) -> Goal {
    Goal { of, to: "", sense: Sense::Most, limit, column }
}

/// A figure of `of` itself, in the column's unit, is at least this.
pub const fn over(of: &'static str, limit: f64, column: Option<&'static str>) -> Goal {
    Goal { of, to: "", sense: Sense::Least, limit, column }
}

/// A figure of `of` is at most so much more than that of `to`.
pub const fn at_most_more(of: &'static str, more: f64, to: &'static str, column: &'static str) -> Goal {
    Goal { of, to, sense: Sense::More, limit: more, column: Some(column) }
}

impl Goal {
    /// The same of another column than the cost.
    pub const fn of_column(self, column: &'static str) -> Self {
        Self { column: Some(column), ..self }
    }

    fn text(&self) -> String {
        let column = self.column.map_or(String::new(), |column| format!("{column}: "));
        let (of, to, limit) = (self.of, self.to, self.limit);
        let sign = if matches!(self.sense, Sense::Least) { '≥' } else { '≤' };
        let wanted = match self.sense {
            _ if to.is_empty() => limit.to_string(),
            Sense::More => format!("{to} + {limit}"),
            _ => format!("{limit} × {to}"),
        };
        format!("{column}{of} {sign} {wanted}")
    }

    /// What it came to, if both have figures.
    fn value(&self, rows: &[Row]) -> Option<f64> {
        let find = |name: &str| rows.iter().find(|row| row.name == name && row.fault.is_none());
        let of = find(self.of)?.values(self.column);
        let values = if self.to.is_empty() {
            of
        } else {
            let to = find(self.to)?.values(self.column);
            let both = of.iter().zip(to);
            if matches!(self.sense, Sense::More) {
                both.map(|(a, b)| a - b).collect()
            } else {
                both.map(|(a, b)| a / b).collect()
            }
        };
        Some(median(&values)).filter(|value| value.is_finite())
    }

    fn judged(&self, rows: &[Row]) -> Value {
        let value = self.value(rows);
        let met = value.map(|value| match self.sense {
            Sense::Least => value >= self.limit,
            Sense::Most | Sense::More => value <= self.limit,
        });
        json!({"text": self.text(), "limit": self.limit, "value": value.map(rounded), "met": met})
    }
}

/// The samples of a contestant.
pub struct Row {
    /// What is measured.
    pub name: String,
    /// One a round.
    pub samples: Vec<Sample>,
    /// Why there are no more.
    pub fault: Option<String>,
}

impl Row {
    fn values(&self, column: Option<&str>) -> Vec<f64> {
        let value = |sample: &Sample| match column {
            None => Some(sample.cost),
            Some(name) => sample.others.iter().find(|(key, _)| *key == name).map(|(_, value)| *value),
        };
        self.samples.iter().filter_map(value).collect()
    }

    fn json(&self) -> Value {
        let sample = |sample: &Sample| {
            let mut all = Map::new();
            all.insert("cost".to_owned(), json!(rounded(sample.cost)));
            let others = sample.others.iter();
            all.extend(others.map(|(column, value)| ((*column).to_owned(), json!(rounded(*value)))));
            Value::Object(all)
        };
        let samples: Vec<Value> = self.samples.iter().map(sample).collect();
        match &self.fault {
            None => json!({"name": self.name, "samples": samples}),
            Some(why) => json!({"name": self.name, "fault": why, "samples": samples}),
        }
    }
}

/// What a table shows beside the medians.
#[derive(Clone, Copy)]
pub enum Form {
    /// Ratios to the first row, and the spread.
    Race,
    /// Ratios alone: there is no spread.
    Counts,
    /// Nothing.
    Plain,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::Counts => "counts",
            Self::Plain => "plain",
        }
    }
}

/// All tables of a run.
pub struct Report {
    scale: Scale,
    begun: Instant,
    head: Value,
    areas: Vec<Value>,
    most_rounds: usize,
}

impl Report {
    /// An empty one.
    pub fn new(scale: Scale) -> Self {
        Self {
            scale,
            begun: Instant::now(),
            head: run::head(scale),
            areas: Vec::new(),
            most_rounds: usize::MAX,
        }
    }

    /// Prints what machine it is.
    pub fn introduce(&self) {
        print!("{}", page::head(&self.head));
    }

    /// An area of tables begins: its title, and the unit and place of its figures.
    pub fn area(&mut self, name: &str) {
        self.most_rounds = usize::MAX;
        self.areas.push(json!({
            "name": name, "title": name, "text": "", "tables": [], "begun_s": rounded(self.begun.elapsed().as_secs_f64()),
            "load": run::load(),
        }));
        self.progress("begins");
    }

    /// What the area is called, and what its figures are.
    pub fn title(&mut self, title: &str, text: &str) {
        if let Some(area) = self.areas.last_mut() {
            (area["title"], area["text"]) = (json!(title), json!(text));
            print!("{}", page::area(area));
        }
    }

    /// The area is through, or could not be measured.
    pub fn area_ends(&mut self, outcome: &Outcome<()>) {
        let end = rounded(self.begun.elapsed().as_secs_f64());
        if let Some(area) = self.areas.last_mut() {
            area["ended_s"] = json!(end);
            if let Err(why) = outcome {
                area["fault"] = json!(why);
            }
        }
        self.progress("is through");
    }

    /// Something of this area could not be measured; that is no fault.
    pub fn skipped(&mut self, why: &str) {
        println!("\nNot measured: {why}");
        if let Some(area) = self.areas.last_mut() {
            area["skipped"] = json!(why);
        }
    }

    /// Tables of this area take no more rounds than this, because each takes long.
    pub fn rounds_at_most(&mut self, rounds: usize) {
        self.most_rounds = rounds;
    }

    /// Where the run is, on standard error.
    pub fn progress(&self, what: &str) {
        let area = self.areas.last().and_then(|area| area["name"].as_str()).unwrap_or_default();
        eprintln!("[{:>5.0} s] {area}: {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Lets all contestants take their turns and prints their table; ratios are to the first one, and are medians of the
    /// ratios within each round. The first turn of each warms up, unless `cold`. An error when one fails that may not; what
    /// the others came to is in the table all the same.
    pub fn race(
        &mut self,
        title: &str,
        unit: &str,
        cold: bool,
        mut contestants: Vec<Contestant<'_>>,
        goals: &[Goal],
    ) -> Outcome<()> {
        if let Some(text) = self.scale.only {
            contestants.retain(|contestant| contestant.name.contains(text));
        }
        let mut rows: Vec<Row> = contestants
            .iter()
            .map(|contestant| Row { name: contestant.name.clone(), samples: Vec::new(), fault: None })
            .collect();
        let mut broken = None;
        let warm_up = usize::from(!cold && !self.scale.short);
        let rounds = self.scale.rounds.min(self.most_rounds);
        for round in 0..rounds + warm_up {
            let number = (round + 1).saturating_sub(warm_up);
            self.progress(&format!("{title}: round {number} of {rounds}"));
            for (contestant, row) in contestants.iter_mut().zip(&mut rows) {
                if row.fault.is_some() || row.samples.len() >= contestant.most {
                    continue;
                }
                match (contestant.turn)() {
                    Ok(sample) if round >= warm_up => row.samples.push(sample),
                    Ok(_) => {}
                    Err(why) => {
                        if !contestant.stranger && broken.is_none() {
                            broken = Some(format!("{title}: {}: {why}", contestant.name));
                        }
                        row.fault = Some(why);
                    }
                }
            }
        }
        self.table(title, unit, Form::Race, &rows, goals);
        broken.map_or(Ok(()), Err)
    }

    /// A table of what was measured elsewhere.
    pub fn table(&mut self, title: &str, unit: &str, form: Form, rows: &[Row], goals: &[Goal]) {
        let mut columns: Vec<&'static str> = Vec::new();
        for (column, _) in rows.iter().flat_map(|row| &row.samples).flat_map(|sample| &sample.others) {
            if !columns.contains(column) {
                columns.push(column);
            }
        }
        // Little of everything says nothing about a goal.
        let goals: &[Goal] = if self.scale.short { &[] } else { goals };
        let table = json!({
            "title": title, "unit": unit, "columns": columns, "form": form.name(),
            "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "goals": goals.iter().map(|goal| goal.judged(rows)).collect::<Vec<_>>(),
        });
        print!("{}", page::table(&table, self.scale.rounds, None));
        if let Some(tables) = self.areas.last_mut().and_then(|area| area["tables"].as_array_mut()) {
            tables.push(table);
        }
    }

    /// Says which goals were missed, and what was not measured.
    pub fn finish(&self) {
        print!("{}", page::verdict(&self.json()));
    }

    /// All samples, and where and how they were taken.
    pub fn json(&self) -> Value {
        let mut all = self.head.clone();
        all["took_s"] = json!(rounded(self.begun.elapsed().as_secs_f64()));
        all["areas"] = json!(self.areas);
        all
    }
}

/// The median.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this part of the values lies.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// To six digits: the rest is noise. What is no number stays none: `null` in JSON.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(5 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_ours_ends_the_area_but_not_the_table() {
        let mut report = Report::new(Scale { rounds: 1, short: true, only: None });
        report.area("a");
        let race = |report: &mut Report, broken: Contestant<'_>| {
            let contestants = vec![broken, Contestant::new("whole", || Ok(Sample::new(1.0)))];
            report.race("t", "ms", true, contestants, &[])
        };
        let outcome = race(&mut report, Contestant::new("linx", || Err("it fell".to_owned())));
        assert_eq!(outcome, Err("t: linx: it fell".to_owned()));
        assert_eq!(race(&mut report, Contestant::stranger("ip", || Err("it fell".to_owned()))), Ok(()));
        for table in page::list(&report.json()["areas"][0]["tables"]) {
            assert_eq!(table["rows"][0]["fault"], "it fell");
            assert_eq!(table["rows"][1]["samples"][0]["cost"], 1.0);
        }
        assert_eq!(page::list(&report.json()["areas"][0]["tables"]).len(), 2);
    }
}
