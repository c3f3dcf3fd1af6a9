//! The report, as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::table;

/// Whether a connector would run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It runs.
    Runs,
    /// Its class is not built in.
    UnknownClass,
    /// Its configuration is refused.
    Refused,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Verdict::Runs => "runs",
            Verdict::UnknownClass => "unknown class",
            Verdict::Refused => "refused",
        }
    }
}

/// What is wrong with the value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct KeyErrors {
    pub(super) key: String,
    pub(super) errors: Vec<String>,
}

/// The worker file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct WorkerReport {
    /// What keeps a worker with this file from standing in for a JVM worker.
    pub(super) problems: Vec<String>,
    /// Keys that nothing reads.
    pub(super) unknown_keys: Vec<String>,
    /// What is otherwise than on the JVM.
    pub(super) differences: Vec<String>,
}

/// A member of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MemberReport {
    pub(super) client_id: String,
    pub(super) host: String,
    /// Whether it is a worker of this program.
    pub(super) is_sluice: bool,
}

/// The group of workers now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct GroupReport {
    pub(super) id: String,
    /// State in the coordinator's words: `Stable`, `Empty`, `Dead`.
    pub(super) state: String,
    /// Protocol of the group, when it has members.
    pub(super) protocol: Option<String>,
    pub(super) members: Vec<MemberReport>,
}

/// A connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ConnectorReport {
    pub(super) name: String,
    pub(super) class: String,
    /// `sink` or `source`, when the class is known.
    #[serde(rename = "type")]
    pub(super) kind: Option<&'static str>,
    pub(super) target: &'static str,
    /// Number of tasks; `None` when some are missing in the config topic.
    pub(super) tasks: Option<usize>,
    /// Source partitions with an offset; `None` for others.
    pub(super) offsets: Option<usize>,
    pub(super) verdict: Verdict,
    /// Why, and what else is to be known.
    pub(super) reasons: Vec<String>,
    pub(super) errors: Vec<KeyErrors>,
    pub(super) unknown_keys: Vec<String>,
    pub(super) differences: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) kafka_cluster_id: String,
    pub(super) config_offset: i64,
    pub(super) worker: WorkerReport,
    pub(super) group: GroupReport,
    pub(super) connectors: Vec<ConnectorReport>,
    /// Whether everything would run.
    pub(super) is_fine: bool,
}

impl Report {
    /// Returns whether nothing stands against a take-over.
    pub(super) fn judged(mut self) -> Self {
        let runs = |connector: &ConnectorReport| connector.verdict == Verdict::Runs;
        self.is_fine = self.worker.problems.is_empty() && self.connectors.iter().all(runs);
        self
    }

    /// Writes the report for a terminal.
    ///
    /// # Errors
    /// Fails as the output does.
    pub(super) fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(
            output,
            "Kafka cluster {}, config topic read to offset {}",
            self.kafka_cluster_id, self.config_offset
        )?;
        writeln!(output, "{}", self.group.line())?;
        list(output, "Worker file: problems", &self.worker.problems)?;
        list(output, "Worker file: unknown keys", &self.worker.unknown_keys)?;
        list(output, "Worker file: what differs", &self.worker.differences)?;
        writeln!(output)?;
        if self.connectors.is_empty() {
            writeln!(output, "No connectors.")?;
        } else {
            let rows: Vec<Vec<String>> = self.connectors.iter().map(ConnectorReport::row).collect();
            table::write(
                output,
                &["connector", "verdict", "type", "target", "tasks", "offsets", "class"],
                &rows,
            )?;
        }
        for connector in &self.connectors {
            connector.write_details(output)?;
        }
        if self.connectors.iter().any(|connector| !connector.differences.is_empty()) {
            writeln!(output, "\nWhat differs is told in docs/differences.md, by the names in brackets.")?;
        }
        writeln!(output, "\n{}", self.verdict())
    }

    fn verdict(&self) -> String {
        let count = |verdict| self.connectors.iter().filter(|connector| connector.verdict == verdict).count();
        if self.is_fine {
            return format!("Everything would run: {}.", counted(self.connectors.len(), "connector"));
        }
        let mut parts = vec![format!(
            "{} of {} would",
            count(Verdict::Runs),
            counted(self.connectors.len(), "connector")
        )];
        let of_class = count(Verdict::UnknownClass);
        let refused = count(Verdict::Refused);
        parts.extend((of_class > 0).then(|| format!("{of_class} of unknown class")));
        parts.extend((refused > 0).then(|| format!("{refused} refused")));
        let text = format!("Not everything would run: {}.", parts.join(", "));
        match self.worker.problems.len() {
            0 => text,
            problems => {
                format!("{text} No worker starts with this file: {}.", counted(problems, "problem"))
            }
        }
    }
}

impl GroupReport {
    fn line(&self) -> String {
        if self.members.is_empty() {
            return format!("Group {}: no member is active now ({})", self.id, self.state.to_lowercase());
        }
        let sluice = self.members.iter().filter(|member| member.is_sluice).count();
        format!(
            "Group {}: active now ({}), protocol {}, {}: {} JVM, {sluice} Sluice",
            self.id,
            self.state.to_lowercase(),
            self.protocol.as_deref().unwrap_or("not chosen yet"),
            counted(self.members.len(), "member"),
            self.members.len() - sluice
        )
    }
}

impl ConnectorReport {
    /// Notes what keeps the connector from running.
    pub(super) fn refuse(&mut self, reason: String) {
        self.verdict = Verdict::Refused;
        self.reasons.push(reason);
    }

    fn row(&self) -> Vec<String> {
        let number =
            |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        vec![
            self.name.clone(),
            self.verdict.text().to_owned(),
            self.kind.unwrap_or("-").to_owned(),
            self.target.to_lowercase(),
            self.tasks.map_or_else(|| "missing".to_owned(), |tasks| tasks.to_string()),
            number(self.offsets),
            self.class.clone(),
        ]
    }

    fn write_details(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut lines = self.reasons.clone();
        for KeyErrors { key, errors } in &self.errors {
            // Most of Kafka's texts name the key.
            lines.extend(errors.iter().map(|error| match error.contains(key.as_str()) {
                true => error.clone(),
                false => format!("`{key}`: {error}"),
            }));
        }
        lines.extend(self.unknown_keys.iter().cloned());
        lines.extend(self.differences.iter().map(|text| format!("differs: {text}")));
        list(output, &self.name, &lines)
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn list(output: &mut dyn Write, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{title}")?;
    for line in lines {
        let mut parts = table::wrap(line, 100).into_iter();
        writeln!(output, "  - {}", parts.next().unwrap_or_default())?;
        for part in parts {
            writeln!(output, "    {part}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let connector = |name: &str, verdict, tasks, reasons: &[&str]| ConnectorReport {
            name: name.to_owned(),
            class: "x.Sink".to_owned(),
            kind: Some("sink"),
            target: "PAUSED",
            tasks,
            offsets: None,
            verdict,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            errors: Vec::new(),
            unknown_keys: Vec::new(),
            differences: Vec::new(),
        };
        Report {
            kafka_cluster_id: "id".to_owned(),
            config_offset: 7,
            worker: WorkerReport::default(),
            group: GroupReport {
                id: "g".to_owned(),
                state: "Stable".to_owned(),
                protocol: Some("sessioned".to_owned()),
                members: vec![
                    MemberReport {
                        client_id: "connect-h:1".to_owned(),
                        host: "/h".to_owned(),
                        is_sluice: false,
                    },
                    MemberReport {
                        client_id: "sluice-h:2".to_owned(),
                        host: "/h".to_owned(),
                        is_sluice: true,
                    },
                ],
            },
            connectors: vec![
                connector("a", Verdict::Runs, Some(1), &[]),
                connector("b", Verdict::UnknownClass, None, &["class `x` is not built in"]),
            ],
            is_fine: false,
        }
    }

    #[test]
    fn the_text_begins_with_the_group_and_ends_with_the_verdict() {
        let mut text = Vec::new();
        report().judged().write(&mut text).expect("written");
        assert_eq!(
            String::from_utf8_lossy(&text),
            "Kafka cluster id, config topic read to offset 7\n\
             Group g: active now (stable), protocol sessioned, 2 members: 1 JVM, 1 Sluice\n\
             \n\
             CONNECTOR  VERDICT        TYPE  TARGET  TASKS    OFFSETS  CLASS\n\
             a          runs           sink  paused  1        -        x.Sink\n\
             b          unknown class  sink  paused  missing  -        x.Sink\n\
             \n\
             b\n  - class `x` is not built in\n\
             \n\
             Not everything would run: 1 of 2 connectors would, 1 of unknown class.\n"
        );
    }

    #[test]
    fn problems_of_the_worker_file_count_as_well() {
        let mut report = report();
        report.connectors.truncate(1);
        let fine = report.clone().judged();
        assert!(fine.is_fine);
        assert_eq!(fine.verdict(), "Everything would run: 1 connector.");
        report.worker.problems.push("p".to_owned());
        let report = report.judged();
        assert!(!report.is_fine);
        assert_eq!(
            report.verdict(),
            "Not everything would run: 1 of 1 connector would. No worker starts with this file: 1 problem."
        );
    }
}
