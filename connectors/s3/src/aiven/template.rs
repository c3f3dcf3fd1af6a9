//! Names by template, as Aiven's `Template` and `RecordGrouperFactory` read them: text with places in double braces.
//! Which places a template has says how records are grouped.

use std::fmt::Write;

use jiff::Zoned;

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AivenTemplate {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Partition { is_padded: bool },
    StartOffset { is_padded: bool },
    Time(Unit),
    Key,
    UtcDate,
    LocalDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
}

/// What the places of a template stand for.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) start_offset: i64,
    pub(crate) key: &'a str,
    pub(crate) time: &'a Zoned,
    /// Dates of the wall clock, in UTC and in the zone of the machine.
    pub(crate) dates: Option<(&'a Zoned, &'a Zoned)>,
}

/// How records are grouped into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All records, by topic and partition.
    Changelog,
    /// All records, by topic, partition and key.
    KeyedChangelog,
    /// The newest record of each key.
    Compact,
}

impl AivenTemplate {
    /// Compiles a template of whole names.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        Self::compile_with(text, false)
    }

    /// Compiles the template of a prefix: it knows dates too, and leaves places that it does not know as they are.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub(crate) fn compile_prefix(text: &str) -> Result<Self, String> {
        Self::compile_with(text, true)
    }

    fn compile_with(text: &str, is_prefix: bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("{{") {
            plain.push_str(&rest[..start]);
            let Some((name, argument, length)) = scan(&rest[start..]) else {
                // No place, and so text: the next may begin with the second brace.
                plain.push('{');
                rest = &rest[start + 1..];
                continue;
            };
            let whole = &rest[start..start + length];
            rest = &rest[start + length..];
            match part_of(name, argument, is_prefix)? {
                Some(part) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                }
                None => plain.push_str(whole),
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Returns how records are grouped into files of such names.
    ///
    /// # Errors
    /// Returns what is wrong with the set of places.
    pub(crate) fn mode(&self) -> Result<Mode, String> {
        let has = |wanted: fn(&Part) -> bool| self.parts.iter().any(wanted);
        let has_topic = has(|part| *part == Part::Topic);
        let has_partition = has(|part| matches!(part, Part::Partition { .. }));
        let has_offset = has(|part| matches!(part, Part::StartOffset { .. }));
        let has_time = has(|part| matches!(part, Part::Time(_)));
        let has_key = has(|part| *part == Part::Key);
        if has_topic && has_partition && has_offset {
            return Ok(if has_key { Mode::KeyedChangelog } else { Mode::Changelog });
        }
        if has_key && !has_offset && !has_time {
            return Ok(Mode::Compact);
        }
        Err("unsupported set of template variables, supported sets are: topic,partition,start_offset,timestamp; \
             topic,partition,key,start_offset,timestamp; key; key,topic,partition"
            .to_owned())
    }

    /// Appends the text with its places filled.
    pub(crate) fn render(&self, values: &Values<'_>, out: &mut String) {
        for part in &self.parts {
            let written = match part {
                Part::Text(text) => out.write_str(text),
                Part::Topic => out.write_str(values.topic),
                Part::Partition { is_padded: true } => write!(out, "{:010}", values.partition),
                Part::Partition { .. } => write!(out, "{}", values.partition),
                Part::StartOffset { is_padded: true } => write!(out, "{:020}", values.start_offset),
                Part::StartOffset { .. } => write!(out, "{}", values.start_offset),
                Part::Time(Unit::Year) => write!(out, "{:04}", values.time.year()),
                Part::Time(Unit::Month) => write!(out, "{:02}", values.time.month()),
                Part::Time(Unit::Day) => write!(out, "{:02}", values.time.day()),
                Part::Time(Unit::Hour) => write!(out, "{:02}", values.time.hour()),
                Part::Key => out.write_str(values.key),
                Part::UtcDate => values.dates.map_or(Ok(()), |(utc, _)| write!(out, "{}", utc.date())),
                Part::LocalDate => values.dates.map_or(Ok(()), |(_, local)| write!(out, "{}", local.date())),
            };
            written.expect("writing to a string");
        }
    }
}

/// Reads a place at the start of a text: its name, its argument, and its length; `None` if there is none.
fn scan(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let inside = text.strip_prefix("{{")?;
    let (content, _) = inside.split_once("}}")?;
    let length = content.len() + 4;
    let (name, argument) = match content.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (content.trim(), None),
    };
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_argument =
        |text: &str| text.chars().all(|letter| is_word(letter) || letter == '=' || letter == ' ');
    let is_place = name.chars().all(is_word) && argument.is_none_or(is_argument);
    is_place.then_some((name, argument, length))
}

fn part_of(name: &str, argument: Option<&str>, is_prefix: bool) -> Result<Option<Part>, String> {
    let parameter = match argument {
        None => None,
        Some(argument) => match argument.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                Some((key.trim(), value.trim()))
            }
            _ => return Err(format!("the parameter of `{name}` is given as `name=value`")),
        },
    };
    let padding = || match parameter {
        None => Ok(false),
        Some(("padding", "true")) => Ok(true),
        Some(("padding", "false")) => Ok(false),
        Some(_) => Err(format!("the parameter of `{name}` is `padding=true` or `padding=false`")),
    };
    Ok(Some(match name {
        "" => return Err("a place without a name".to_owned()),
        "topic" => Part::Topic,
        // Aiven pads partitions in whole names only.
        "partition" => Part::Partition { is_padded: padding()? && !is_prefix },
        "start_offset" => Part::StartOffset { is_padded: padding()? },
        "timestamp" => Part::Time(match parameter {
            // `YYYY` is an old spelling.
            Some(("unit", "yyyy" | "YYYY")) => Unit::Year,
            Some(("unit", "MM")) => Unit::Month,
            Some(("unit", "dd")) => Unit::Day,
            Some(("unit", "HH")) => Unit::Hour,
            _ => return Err("`timestamp` needs a parameter: `unit=yyyy`, `MM`, `dd` or `HH`".to_owned()),
        }),
        "utc_date" if is_prefix => Part::UtcDate,
        "local_date" if is_prefix => Part::LocalDate,
        "key" if !is_prefix => Part::Key,
        _ if is_prefix => return Ok(None),
        _ => {
            return Err(format!(
                "`{{{{{name}}}}}` is no place; there are topic, partition, start_offset, timestamp and key"
            ));
        }
    }))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn rendered(template: &AivenTemplate) -> String {
        let time = date(2020, 3, 1).at(4, 5, 6, 0).to_zoned(TimeZone::UTC).expect("a time");
        let mut out = String::new();
        let dates = Some((&time, &time));
        let values =
            Values { topic: "mytopic", partition: 1, start_offset: 7, key: "k/1", time: &time, dates };
        template.render(&values, &mut out);
        out
    }

    #[test]
    fn names_are_those_of_aivens_readme() {
        let cases = [
            ("{{topic}}-{{partition}}-{{start_offset:padding=true}}.gz", "mytopic-1-00000000000000000007.gz"),
            ("{{ topic }}-{{partition:padding=true}}-{{start_offset}}.gz", "mytopic-0000000001-7.gz"),
            (
                "{{topic}}-{{partition}}-{{start_offset}}-{{timestamp:unit=yyyy}}{{timestamp:unit=MM}}\
                 {{timestamp:unit=dd}}T{{timestamp:unit=HH}}.gz",
                "mytopic-1-7-20200301T04.gz",
            ),
            ("{{timestamp:unit=YYYY}}/{{topic}}-{{partition}}-{{start_offset}}", "2020/mytopic-1-7"),
            ("dir/{{topic}}/{{partition}}/{{key}}-{{start_offset}}", "dir/mytopic/1/k/1-7"),
            ("k{{key}}", "kk/1"),
            ("{{{key}} {not a place} {{a-b}}", "{k/1 {not a place} {{a-b}}"),
        ];
        for (text, expected) in cases {
            assert_eq!(rendered(&AivenTemplate::compile(text).expect(text)), expected, "{text}");
        }
        let prefix = "p-{{utc_date}}/{{local_date}}/{{key}}/{{partition:padding=true}}/";
        let prefix = AivenTemplate::compile_prefix(prefix).expect("valid");
        assert_eq!(rendered(&prefix), "p-2020-03-01/2020-03-01/{{key}}/1/");
    }

    #[test]
    fn places_say_how_records_are_grouped() {
        let cases = [
            ("{{topic}}{{partition}}{{start_offset}}", Some(Mode::Changelog)),
            ("{{start_offset}}{{partition}}{{topic}}{{timestamp:unit=dd}}", Some(Mode::Changelog)),
            ("{{topic}}{{partition}}{{key}}{{start_offset}}", Some(Mode::KeyedChangelog)),
            ("{{key}}", Some(Mode::Compact)),
            ("{{topic}}/{{key}}", Some(Mode::Compact)),
            ("{{partition}}/{{topic}}/{{key}}", Some(Mode::Compact)),
            ("plain", None),
            ("{{topic}}", None),
            ("{{topic}}{{partition}}", None),
            ("{{key}}{{start_offset}}", None),
            ("{{key}}{{timestamp:unit=dd}}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(AivenTemplate::compile(text).expect(text).mode().ok(), expected, "{text}");
        }
    }

    #[test]
    fn bad_templates_are_refused() {
        for text in [
            "{{}}",
            "{{what}}",
            "{{timestamp}}",
            "{{timestamp:unit=ss}}",
            "{{timestamp:unit=}}",
            "{{start_offset:padding=yes}}",
            "{{partition:unit=dd}}",
            "{{topic:}}",
        ] {
            assert!(AivenTemplate::compile(text).is_err(), "{text}");
        }
    }
}
