//! Rules for values that only the worker's own keys need, with Kafka's texts.

use connect_core::config::Parsed;

/// Accepts lists without duplicates and empty items, and the empty list.
pub(crate) fn unique_list(name: &str, value: &Parsed) -> Result<(), String> {
    let Parsed::List(items) = value else { return Ok(()) };
    let is_repeated = |(index, item): (usize, &String)| items.iter().take(index).any(|other| other == item);
    if items.iter().enumerate().any(is_repeated) {
        return Err(format!("Configuration '{name}' values must not be duplicated."));
    }
    if items.iter().any(String::is_empty) {
        return Err(format!("Configuration '{name}' values must not be empty."));
    }
    Ok(())
}

/// Accepts lists with at least one item, without duplicates and empty items.
pub(crate) fn non_empty_unique_list(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if items.is_empty() => Err(format!(
            "Configuration '{name}' must not be empty. Valid values include: any non-empty value"
        )),
        _ => unique_list(name, value),
    }
}

/// Accepts lists of URLs with at least one item.
pub(crate) fn listeners(name: &str, value: &Parsed) -> Result<(), String> {
    let example = "ex: http://localhost:8080,https://localhost:8443";
    match value {
        Parsed::List(items) if items.is_empty() => {
            Err(format!("Invalid value for {name}, at least one URL is expected, {example}."))
        }
        Parsed::List(items) => match items.iter().find(|item| !item.contains("://")) {
            Some(item) => {
                Err(format!("Invalid value {item} for configuration {name}: Not a URL, {example}."))
            }
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// As [`listeners`], but an absent or empty list is allowed: it switches the admin resources off.
pub(crate) fn admin_listeners(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if items.is_empty() => Ok(()),
        _ => listeners(name, value),
    }
}

/// Accepts -1, which leaves the choice to the broker, and positive numbers.
pub(crate) fn positive_or_broker_default(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Int(number) if *number < 1 && *number != -1 => Err(format!(
            "Invalid value {number} for configuration {name}: \
             must be a positive number, or -1 to use the broker's default"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_refused_with_kafkas_texts() {
        let list =
            |text: &str| Parsed::parse("k", connect_core::config::ConfigType::List, text).expect("list");
        let cases = [
            ("", Err("Configuration 'k' must not be empty. Valid values include: any non-empty value")),
            ("a,a", Err("Configuration 'k' values must not be duplicated.")),
            ("a,,b", Err("Configuration 'k' values must not be empty.")),
            ("a,b", Ok(())),
        ];
        for (text, expected) in cases {
            let outcome = non_empty_unique_list("k", &list(text));
            assert_eq!(outcome, expected.map_err(str::to_owned), "{text}");
        }
        assert_eq!(unique_list("k", &list("")), Ok(()));
    }

    #[test]
    fn replication_is_positive_or_the_brokers_choice() {
        for (number, is_valid) in [(-2, false), (-1, true), (0, false), (1, true)] {
            assert_eq!(positive_or_broker_default("k", &Parsed::Int(number)).is_ok(), is_valid, "{number}");
        }
    }
}
