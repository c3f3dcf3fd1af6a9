//! `sluice docs`: the reference of all keys, written from the same tables that parse them.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use connect_core::plugin::{PluginKind, Registry};

use crate::cli::list::facts;
use crate::config::WorkerMode;
use crate::plugins::{ConfigKeyInfo, plugin_config};

pub(super) fn run(folder: &Path, registry: &Registry) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("creating folder `{}`", folder.display()))?;
    for (name, text) in pages(registry) {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("writing page `{}`", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns file name and text of every page.
fn pages(registry: &Registry) -> Vec<(&'static str, String)> {
    let worker = WorkerMode::Distributed.config_def();
    let worker_keys: Vec<ConfigKeyInfo> = worker.keys.iter().map(ConfigKeyInfo::from).collect();
    let standalone: Vec<ConfigKeyInfo> = WorkerMode::Standalone
        .config_def()
        .keys
        .iter()
        .filter(|key| worker.key(&key.name).is_none())
        .map(ConfigKeyInfo::from)
        .collect();
    let mut text = page("Worker keys", "Keys of a worker file, in any mode and in a group of workers.");
    push_keys(&mut text, &worker_keys);
    text.push_str("\n## Standalone workers\n\n");
    push_keys(&mut text, &standalone);
    let mut pages = vec![("worker.md", text)];
    let groups = [
        ("connectors.md", "Connectors", [PluginKind::Sink, PluginKind::Source]),
        ("converters.md", "Converters", [PluginKind::Converter, PluginKind::HeaderConverter]),
        ("transforms.md", "Transforms and predicates", [PluginKind::Transformation, PluginKind::Predicate]),
    ];
    pages.extend(groups.map(|(name, title, kinds)| (name, plugin_page(registry, title, kinds))));
    pages
}

fn page(title: &str, intro: &str) -> String {
    format!("<!-- Written by `sluice docs`. Do not edit. -->\n\n# {title}\n\n{intro}\n\n")
}

fn plugin_page(registry: &Registry, title: &str, kinds: [PluginKind; 2]) -> String {
    let mut text = page(title, "Keys of each plug-in. `sluice plugins CLASS` shows the same.");
    let mut seen: Vec<&str> = Vec::new();
    for plugin in registry.plugins().iter().filter(|plugin| kinds.contains(&plugin.kind())) {
        if seen.contains(&plugin.class) {
            continue;
        }
        seen.push(plugin.class);
        text.push_str(&format!("## `{}` ({})\n\n", plugin.class, plugin.kind().name()));
        let keys = plugin_config(registry, plugin.class, None).unwrap_or_default();
        push_keys(&mut text, &keys);
        text.push('\n');
    }
    text
}

fn push_keys(text: &mut String, keys: &[ConfigKeyInfo]) {
    if keys.is_empty() {
        text.push_str("No keys.\n");
        return;
    }
    text.push_str("| Key | Value | Meaning |\n|---|---|---|\n");
    for key in keys {
        let doc = key.documentation.replace('|', "\\|").replace('\n', " ");
        let facts = facts(key).replace('|', "\\|");
        writeln!(text, "| `{}` | {facts} | {doc} |", key.name).expect("a string takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn pages_name_every_key() {
        let pages = pages(&registry());
        let page = |name: &str| &pages.iter().find(|(known, _)| *known == name).expect("page").1;
        for key in
            ["`bootstrap.servers` | list, required, high", "`offset.storage.file.filename`", "`group.id`"]
        {
            assert!(page("worker.md").contains(key), "{key}");
        }
        assert!(page("connectors.md").contains("| `batch.size` | int, default 2000, low |"));
        assert!(page("converters.md").contains("`decimal.format`"));
        assert_eq!(page("converters.md").matches("StringConverter` (").count(), 1, "named once");
    }
}
