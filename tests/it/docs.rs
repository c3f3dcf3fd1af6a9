//! The pages of the connectors: what their tables of users' wishes name is there.

use std::path::Path;

const HEADING: &str = "## What users asked for";
/// Pages that have the table.
const PAGES: &[&str] = &["docs/elasticsearch.md", "docs/firehose.md", "docs/s3.md"];
/// Fewest tests that a table names.
const FEWEST: usize = 15;

#[test]
fn tests_that_the_tables_of_wishes_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut code = String::new();
    for folder in ["connectors", "tests/it"] {
        read_rust(&root.join(folder), &mut code);
    }
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).expect("a page");
        let names = named_tests(&text);
        let unknown: Vec<_> = names.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
        assert!(
            names.len() >= FEWEST && unknown.is_empty(),
            "`{page}`: of {} tests these are unknown: {unknown:?}",
            names.len()
        );
    }
}

/// Returns the words in backticks of the table that can only be names of tests.
fn named_tests(page: &str) -> Vec<&str> {
    let (_, rest) = page.split_once(HEADING).expect("the table");
    let table = rest.split_once("\n## ").map_or(rest, |(table, _)| table);
    let is_part = |letter: char| letter == '_' || letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = |word: &&str| word.len() > 20 && word.chars().all(is_part);
    table.split('`').skip(1).step_by(2).filter(is_name).collect()
}

fn read_rust(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_rust(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(&path).expect("text"));
        }
    }
}
