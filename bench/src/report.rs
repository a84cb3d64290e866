//! Contestants that take turns, a table of their medians, and the samples as JSON.

use std::fmt::Write;

use crate::Scale;

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
    /// One turn.
    pub turn: Box<dyn FnMut() -> Outcome<Sample> + 'a>,
}

impl<'a> Contestant<'a> {
    /// Linx, or the physical limit.
    pub fn new(name: impl Into<String>, turn: impl FnMut() -> Outcome<Sample> + 'a) -> Self {
        Self { name: name.into(), stranger: false, turn: Box::new(turn) }
    }

    /// Another program or library.
    pub fn stranger(name: impl Into<String>, turn: impl FnMut() -> Outcome<Sample> + 'a) -> Self {
        Self { stranger: true, ..Self::new(name, turn) }
    }
}

/// What a ratio of two contestants should be.
#[derive(Clone, Copy)]
pub struct Goal {
    /// Whose cost,
    pub of: &'static str,
    /// divided by whose; by nobody's where it is empty,
    pub to: &'static str,
    /// is at most this; at least, when it is negative.
    pub limit: f64,
    /// Of another column than the cost.
    pub column: Option<&'static str>,
}

/// `of` costs at most `limit` times what `to` does.
pub const fn at_most(of: &'static str, limit: f64, to: &'static str) -> Goal {
    Goal { of, to, limit, column: None }
}

/// `of` costs at least `limit` times what `to` does.
pub const fn at_least(of: &'static str, limit: f64, to: &'static str) -> Goal {
    Goal { of, to, limit: -limit, column: None }
}

/// A figure of `of` itself, in the column's unit, is at most this.
pub const fn under(of: &'static str, limit: f64, column: Option<&'static str>) -> Goal {
    Goal { of, to: "", limit, column }
}

struct Row {
    name: String,
    samples: Vec<Sample>,
    fault: Option<String>,
}

impl Row {
    fn values(&self, column: Option<&str>) -> Vec<f64> {
        let value = |sample: &Sample| match column {
            None => Some(sample.cost),
            Some(name) => sample.others.iter().find(|(key, _)| *key == name).map(|(_, value)| *value),
        };
        self.samples.iter().filter_map(value).collect()
    }
}

/// All tables of a run.
pub struct Report {
    scale: Scale,
    tables: Vec<String>,
    missed: Vec<String>,
    met: usize,
}

impl Report {
    /// An empty one.
    pub fn new(scale: Scale) -> Self {
        Self { scale, tables: Vec::new(), missed: Vec::new(), met: 0 }
    }

    /// A table that was printed elsewhere, as JSON.
    pub fn add(&mut self, table: String) {
        self.tables.push(table);
    }

    /// Lets all contestants take their turns and prints their table; ratios are to the first one, and are medians of the
    /// ratios within each round. The first turn of each warms up, unless `cold`.
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
        let warm_up = usize::from(!cold && !self.scale.short);
        for round in 0..self.scale.rounds + warm_up {
            for (contestant, row) in contestants.iter_mut().zip(&mut rows) {
                if row.fault.is_some() {
                    continue;
                }
                match (contestant.turn)() {
                    Ok(sample) if round >= warm_up => row.samples.push(sample),
                    Ok(_) => {}
                    Err(why) if contestant.stranger => row.fault = Some(why),
                    Err(why) => return Err(format!("{title}: {}: {why}", contestant.name)),
                }
            }
        }
        self.print(title, unit, &rows, goals);
        Ok(())
    }

    fn print(&mut self, title: &str, unit: &str, rows: &[Row], goals: &[Goal]) {
        let mut columns: Vec<&'static str> = Vec::new();
        for (column, _) in rows.iter().flat_map(|row| &row.samples).flat_map(|sample| &sample.others) {
            if !columns.contains(column) {
                columns.push(column);
            }
        }
        println!("\n### {title}\n");
        print!("| | {unit} | ratio | spread |");
        columns.iter().for_each(|column| print!(" {column} |"));
        println!("\n|---|---|---|---|{}", "---|".repeat(columns.len()));
        for row in rows {
            if let Some(why) = &row.fault {
                println!("| {} | not measured: {why} |", row.name);
                continue;
            }
            let costs = row.values(None);
            let ratio = rows.first().and_then(|base| ratio(row, base, None)).unwrap_or(f64::NAN);
            let (least, most) = (quantile(&costs, 0.0), quantile(&costs, 1.0));
            print!(
                "| {} | {} | {ratio:.2} | {}–{} |",
                row.name,
                short(median(&costs)),
                short(least),
                short(most)
            );
            for column in &columns {
                let values = row.values(Some(column));
                print!(" {} |", if values.is_empty() { String::new() } else { short(median(&values)) });
            }
            println!();
        }
        let mut judged = String::new();
        for goal in goals {
            let find = |name: &str| rows.iter().find(|row| row.name == name && row.fault.is_none());
            let Some(of) = find(goal.of) else { continue };
            let alone = goal.to.is_empty();
            let ratio = if alone {
                let values = of.values(goal.column);
                (!values.is_empty()).then(|| median(&values))
            } else {
                find(goal.to).and_then(|to| ratio(of, to, goal.column))
            };
            let Some(ratio) = ratio else { continue };
            let (met, sign) =
                if goal.limit < 0.0 { (ratio >= -goal.limit, '≥') } else { (ratio <= goal.limit, '≤') };
            let column = goal.column.map_or(String::new(), |column| format!("{column}: "));
            let to = if alone { String::new() } else { format!(" × {}", goal.to) };
            let line = format!("{column}{} {sign} {}{to}: {ratio:.2}", goal.of, goal.limit.abs());
            if !self.scale.short {
                println!(
                    "{}- {line}, {}",
                    if judged.is_empty() { "\n" } else { "" },
                    if met { "met" } else { "**not met**" }
                );
            }
            let _ = write!(
                judged,
                "{}{{\"goal\":{},\"ratio\":{ratio:.4},\"met\":{met}}}",
                comma(&judged),
                quoted(&line)
            );
            if met {
                self.met += 1;
            } else {
                self.missed.push(format!("{title}: {line}"));
            }
        }
        self.tables.push(table_json(title, unit, rows, &judged));
    }

    /// Says which goals were missed.
    pub fn finish(&self) {
        if self.scale.short {
            println!("\n{} tables; every contestant of ours ran", self.tables.len());
            return;
        }
        println!("\n{} goals met, {} missed", self.met, self.missed.len());
        self.missed.iter().for_each(|line| println!("- {line}"));
    }

    /// All samples.
    pub fn json(&self) -> String {
        format!("{{\"rounds\":{},\"tables\":[{}]}}\n", self.scale.rounds, self.tables.join(","))
    }
}

fn table_json(title: &str, unit: &str, rows: &[Row], goals: &str) -> String {
    let mut lines = String::new();
    for row in rows {
        let _ = write!(lines, "{}{{\"name\":{}", comma(&lines), quoted(&row.name));
        if let Some(why) = &row.fault {
            let _ = write!(lines, ",\"fault\":{}", quoted(why));
        }
        lines.push_str(",\"samples\":[");
        for (index, sample) in row.samples.iter().enumerate() {
            let _ = write!(lines, "{}{{\"cost\":{:.4}", if index > 0 { "," } else { "" }, sample.cost);
            for (column, value) in &sample.others {
                let _ = write!(lines, ",{}:{value:.4}", quoted(column));
            }
            lines.push('}');
        }
        lines.push_str("]}");
    }
    format!(
        "{{\"title\":{},\"unit\":{},\"rows\":[{lines}],\"goals\":[{goals}]}}",
        quoted(title),
        quoted(unit)
    )
}

fn comma(before: &str) -> &'static str {
    if before.is_empty() { "" } else { "," }
}

fn quoted(text: &str) -> String {
    let plain = |c: char| if c < ' ' { ' ' } else { c };
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").chars().map(plain).collect::<String>())
}

/// The median of the ratios of each round.
fn ratio(of: &Row, to: &Row, column: Option<&str>) -> Option<f64> {
    let ratios: Vec<f64> = of.values(column).iter().zip(to.values(column)).map(|(a, b)| a / b).collect();
    (!ratios.is_empty()).then(|| median(&ratios))
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

fn short(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
