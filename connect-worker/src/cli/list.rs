//! `sluice plugins`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use connect_core::plugin::{PluginKind, Registry};

use crate::cli::args::PluginsArgs;
use crate::cli::hints::nearest_class;
use crate::cli::table;
use crate::plugins::{ConfigKeyInfo, plugin_config, plugin_list};

const DOC_WIDTH: usize = 92;

pub(super) fn run(
    args: &PluginsArgs,
    registry: &Registry,
    output: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    write(args, registry, output)?;
    Ok(ExitCode::SUCCESS)
}

fn write(args: &PluginsArgs, registry: &Registry, output: &mut dyn Write) -> anyhow::Result<()> {
    match &args.class {
        Some(class) => write_keys(args, registry, class, output),
        None => write_list(args, registry, output),
    }
}

fn write_list(args: &PluginsArgs, registry: &Registry, output: &mut dyn Write) -> anyhow::Result<()> {
    let list = plugin_list(registry, !args.all);
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&list)?)?;
        return Ok(());
    }
    let row = |entry: &crate::plugins::PluginEntry| {
        vec![entry.kind.to_owned(), entry.class.to_owned(), entry.version.to_owned()]
    };
    table::write(output, &["type", "class", "version"], &list.iter().map(row).collect::<Vec<_>>())?;
    Ok(())
}

fn write_keys(
    args: &PluginsArgs,
    registry: &Registry,
    class: &str,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut keys =
        plugin_config(registry, class, None).map_err(|error| match nearest_class(registry, class) {
            Some(nearest) => anyhow!("{error} Did you mean `{nearest}`?"),
            None => anyhow!("{error} `sluice plugins --all` lists all of them."),
        })?;
    if !args.all {
        keys.truncate(own_keys(registry, class).unwrap_or(keys.len()));
    }
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&keys)?)?;
        return Ok(());
    }
    if keys.is_empty() {
        writeln!(output, "The plug-in has no keys of its own.")?;
    }
    for key in &keys {
        write_key(key, output)?;
    }
    Ok(())
}

/// Returns how many keys a connector declares itself; `None` for other plug-ins.
fn own_keys(registry: &Registry, class: &str) -> Option<usize> {
    let plugin = registry.find(&[PluginKind::Sink, PluginKind::Source], class).ok()?;
    let all = plugin_config(registry, plugin.class, None).ok()?;
    // The framework's keys follow the connector's own and begin with `name`.
    all.iter().rposition(|key| key.name == "name" && key.group.as_deref() == Some("Common"))
}

fn write_key(key: &ConfigKeyInfo, output: &mut dyn Write) -> std::io::Result<()> {
    writeln!(output, "{}  {}", key.name, facts(key))?;
    for line in table::wrap(&key.documentation, DOC_WIDTH) {
        writeln!(output, "    {line}")?;
    }
    Ok(())
}

/// Returns type, default and importance as one phrase.
pub(super) fn facts(key: &ConfigKeyInfo) -> String {
    let default = match (&key.default_value, key.required) {
        (_, true) => "required".to_owned(),
        (None, _) => "default null".to_owned(),
        (Some(text), _) if text.is_empty() => "default empty".to_owned(),
        (Some(text), _) => format!("default {text}"),
    };
    format!("{}, {default}, {}", key.ty.to_lowercase(), key.importance.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    fn output(args: &PluginsArgs) -> anyhow::Result<String> {
        let mut text = Vec::new();
        write(args, &registry(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }

    fn args(class: Option<&str>, all: bool, json: bool) -> PluginsArgs {
        PluginsArgs { class: class.map(str::to_owned), all, json }
    }

    #[test]
    fn list_shows_connectors_and_on_request_everything() {
        let connectors = output(&args(None, false, false)).expect("listed");
        assert_eq!(connectors.lines().count(), 3, "{connectors}");
        assert!(connectors.starts_with("TYPE    CLASS"), "{connectors}");
        assert!(output(&args(None, true, false)).expect("listed").contains("header_converter"));
        let json: serde_json::Value =
            serde_json::from_str(&output(&args(None, false, true)).expect("listed")).expect("JSON");
        assert_eq!(json[0]["type"], "sink");
    }

    #[test]
    fn keys_are_the_connectors_own_and_on_request_all() {
        let own = output(&args(Some("FileStreamSource"), false, false)).expect("shown");
        assert_eq!(
            own,
            "file  string, default null, high\ntopic  string, required, high\n\
             batch.size  int, default 2000, low\n"
        );
        let all = output(&args(Some("FileStreamSource"), true, false)).expect("shown");
        assert!(all.contains("tasks.max  int, default 1, high\n    Most tasks"), "{all}");
        let none = output(&args(Some("StringConverter"), false, false)).expect("shown");
        assert_eq!(none, "The plug-in has no keys of its own.\n");
    }

    #[test]
    fn an_unknown_class_is_told_with_the_one_probably_meant() {
        let error = output(&args(Some("FileStreamSorce"), false, false)).expect_err("unknown");
        assert_eq!(error.to_string(), "Unknown plugin FileStreamSorce. Did you mean `FileStreamSource`?");
    }
}
