//! Version requirements of plug-ins (KIP-891): ranges as Maven writes them. Sluice has one version of each.

use std::cmp::Ordering;

use connect_core::config::Parsed;

/// A version requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    ranges: Vec<Range>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    low: Option<String>,
    high: Option<String>,
    is_low_included: bool,
    is_high_included: bool,
}

impl Requirement {
    /// Parses a requirement; `latest` and blank give `None`. A bare version means exactly that one
    /// (`PluginUtils.connectorVersionRequirement`).
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.is_empty() || text == "latest" {
            return Ok(None);
        }
        if !text.starts_with(['[', '(']) {
            let exact = Some(text.to_owned());
            let range =
                Range { low: exact.clone(), high: exact, is_low_included: true, is_high_included: true };
            return Ok(Some(Self { ranges: vec![range] }));
        }
        let mut ranges = Vec::new();
        let mut rest = text;
        while rest.starts_with(['[', '(']) {
            let end = rest.find([']', ')']).ok_or_else(|| format!("Unbounded range: {text}"))?;
            let (range, after) = rest.split_at(end + 1);
            ranges.push(Range::parse(range)?);
            rest = after.trim_start().trim_start_matches(',').trim_start();
        }
        if !rest.is_empty() {
            return Err(format!("Only fully-qualified sets allowed in multiple set scenario: {text}"));
        }
        Ok(Some(Self { ranges }))
    }

    pub(super) fn includes(&self, version: &str) -> bool {
        self.ranges.iter().any(|range| range.includes(version))
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.ranges.iter().map(Range::text).collect();
        formatter.write_str(&texts.join(","))
    }
}

impl Range {
    fn parse(text: &str) -> Result<Self, String> {
        let is_low_included = text.starts_with('[');
        let is_high_included = text.ends_with(']');
        let inner = text.get(1..text.len() - 1).unwrap_or_default();
        let bound = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match inner.split_once(',') {
            None if is_low_included && is_high_included => {
                Ok(Self { low: bound(inner), high: bound(inner), is_low_included, is_high_included })
            }
            None => Err(format!("Single version must be surrounded by []: {text}")),
            Some((low, high)) => {
                let (low, high) = (bound(low), bound(high));
                if let (Some(low), Some(high)) = (&low, &high)
                    && compare(high, low) == Ordering::Less
                {
                    return Err(format!("Range defies version ordering: {text}"));
                }
                Ok(Self { low, high, is_low_included, is_high_included })
            }
        }
    }

    fn includes(&self, version: &str) -> bool {
        let is_above = self.low.as_deref().is_none_or(|low| match compare(version, low) {
            Ordering::Less => false,
            Ordering::Equal => self.is_low_included,
            Ordering::Greater => true,
        });
        let is_below = self.high.as_deref().is_none_or(|high| match compare(version, high) {
            Ordering::Less => true,
            Ordering::Equal => self.is_high_included,
            Ordering::Greater => false,
        });
        is_above && is_below
    }

    fn text(&self) -> String {
        let open = if self.is_low_included { '[' } else { '(' };
        let close = if self.is_high_included { ']' } else { ')' };
        let bound = |bound: &Option<String>| bound.clone().unwrap_or_default();
        format!("{open}{},{}{close}", bound(&self.low), bound(&self.high))
    }
}

/// Compares versions part by part, numbers as numbers; a missing part counts as zero.
fn compare(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let part = |part: &str| part.parse().map_or((0, part.to_owned()), |number| (number, String::new()));
        text.split(['.', '-']).map(part).collect()
    };
    let (mut left, mut right) = (parts(left), parts(right));
    let len = left.len().max(right.len());
    left.resize(len, (0, String::new()));
    right.resize(len, (0, String::new()));
    left.cmp(&right)
}

/// Refuses texts that are no requirement.
pub(super) fn validate(_name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Text(text) => Requirement::parse(text).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_what_maven_says() {
        let cases = [
            ("4.3.1", "4.3.1", true),
            ("4.3", "4.3.1", false),
            ("[4.0,5.0)", "4.3.1", true),
            ("[4.0,4.3.1)", "4.3.1", false),
            ("(,4.3.1]", "4.3.1", true),
            ("(4.3.1,)", "4.3.1", false),
            ("[1.0],[4,)", "4.3.1", true),
            ("[4.10,)", "4.9.0", false),
        ];
        for (text, version, is_included) in cases {
            let requirement = Requirement::parse(text).expect(text).expect("not latest");
            assert_eq!(requirement.includes(version), is_included, "{text}");
        }
        assert_eq!(Requirement::parse("0.0.1").expect("valid").expect("exact").to_string(), "[0.0.1,0.0.1]");
        assert_eq!(Requirement::parse("latest"), Ok(None));
    }

    #[test]
    fn broken_ranges_are_refused() {
        for text in ["[1", "(1)", "[2,1]", "[1],x"] {
            Requirement::parse(text).expect_err(text);
        }
        assert_eq!(Requirement::parse("[1"), Err("Unbounded range: [1".to_owned()));
    }
}
