//! What both products' settings are made of alike.

use std::collections::{HashMap, HashSet};

use connect_core::config::Props;

use super::{Auth, Creation, Issues, Naming, PerTopic, Product, ResourceKind, Routing};
use crate::config::ExtraConfig;
use crate::template::Template;

/// Returns the base URLs: each with a scheme and without a trailing slash.
pub(super) fn urls(given: &[String], default_scheme: &str, is_tls: bool, issues: &mut Issues) -> Vec<String> {
    let is_https = is_tls && given.iter().any(|url| url.starts_with("https:"));
    let mut urls = Vec::new();
    for url in given.iter().map(|url| url.trim()) {
        let full = if url.contains("://") { url.to_owned() } else { format!("{default_scheme}://{url}") };
        let full = match full.strip_prefix("http://") {
            // The original calls every node by HTTPS when one of them is.
            Some(rest) if is_https => format!("https://{rest}"),
            _ => full,
        };
        let has_host = full.parse::<hyper::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
        if has_host {
            urls.push(full.trim_end_matches('/').to_owned());
        } else {
            issues.invalid("connection.url", url, "it must be an HTTP or HTTPS URL of a node");
        }
    }
    urls
}

/// Returns the authorisation by API key, or by user and password.
pub(super) fn auth(
    user: &Option<String>,
    password: &Option<connect_core::config::Secret>,
    extra: &ExtraConfig,
    issues: &mut Issues,
) -> Auth {
    if user.is_some() != password.is_some() {
        let text = "Both 'connection.username' and 'connection.password' must be set.";
        issues.both(["connection.username", "connection.password"], text);
    }
    match (user, password, &extra.api_key) {
        (_, _, Some(key)) => {
            if user.is_some() {
                let text = "Only one of 'api.key.value' and 'connection.username' can be set.";
                issues.text("api.key.value", text);
            }
            Auth::ApiKey(key.clone())
        }
        (Some(user), Some(password), None) => Auth::Basic { user: user.clone(), password: password.clone() },
        _ => Auth::None,
    }
}

/// Returns a setting for all topics or for those listed.
pub(super) fn per_topic(
    all: bool,
    topics: &[String],
    keys: [&str; 2],
    refuses_both: bool,
    issues: &mut Issues,
) -> PerTopic {
    if all && !topics.is_empty() && refuses_both {
        let [list, flag] = keys;
        issues.both(keys, &format!("'{list}' can not be set if '{flag}' is true."));
    }
    PerTopic { all, topics: topics.to_vec() }
}

/// Returns a template, or nothing for an empty text.
pub(super) fn template(key: &str, text: &str, issues: &mut Issues) -> Option<Template> {
    if text.is_empty() {
        return None;
    }
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(reason) => {
            issues.invalid(key, text, &reason);
            None
        }
    }
}

/// Returns the naming of indices.
pub(super) fn index_naming(extra: &ExtraConfig, issues: &mut Issues) -> Naming {
    match template("index.name.format", &extra.index_format, issues) {
        Some(template) => Naming::Index(template),
        None => {
            if extra.index_format.is_empty() {
                issues.invalid("index.name.format", "", "String must be non-empty");
            }
            Naming::Index(Template::default())
        }
    }
}

/// Returns the routing by `routing.format`.
pub(super) fn routing(extra: &ExtraConfig, issues: &mut Issues) -> Routing {
    template("routing.format", &extra.routing_format, issues).map_or(Routing::None, Routing::Format)
}

/// Parses a list of `topic:resource` and checks that it is one to one, and that it names the configured topics.
pub(super) fn resource_mapping(
    key: &str,
    entries: &[String],
    most: usize,
    props: &Props,
    issues: &mut Issues,
) -> HashMap<String, String> {
    let mut mapping = HashMap::new();
    let mut resources = HashSet::new();
    if entries.is_empty() {
        issues.invalid(key, "", "a resource is needed for every topic, as a list of `topic:resource`");
    }
    if entries.len() > most {
        let reason = format!("there are {} entries, and at most {most} are allowed", entries.len());
        issues.invalid(key, entries.join(","), &reason);
    }
    for entry in entries {
        match entry.split_once(':').map(|(topic, resource)| (topic.trim(), resource.trim())) {
            Some((topic, resource))
                if !topic.is_empty() && !resource.is_empty() && !resource.contains(':') =>
            {
                if mapping.insert(topic.to_owned(), resource.to_owned()).is_some() {
                    let reason = format!("topic `{topic}` is mapped to more than one resource");
                    issues.invalid(key, entry, &reason);
                }
                if !resources.insert(resource) {
                    let reason = format!("resource `{resource}` is mapped from more than one topic");
                    issues.invalid(key, entry, &reason);
                }
            }
            _ => issues.invalid(key, entry, "an entry must be `topic:resource`"),
        }
    }
    check_topics(key, &mapping, props, issues);
    mapping
}

fn check_topics(key: &str, mapping: &HashMap<String, String>, props: &Props, issues: &mut Issues) {
    let Some(topics) = props.get("topics").filter(|topics| !topics.trim().is_empty()) else { return };
    let topics: Vec<&str> = topics.split(',').map(str::trim).collect();
    for topic in &topics {
        if !mapping.contains_key(*topic) {
            let text = format!(
                "Topic '{topic}' is not mapped to any resource. All configured topics must be mapped to a resource."
            );
            issues.text(key, text);
        }
    }
    for topic in mapping.keys().filter(|topic| !topics.contains(&topic.as_str())) {
        let text = format!(
            "Topic '{topic}' is mapped but not configured. All mapped topics must be configured topics."
        );
        issues.text(key, text);
    }
}

/// Returns what is made on demand.
pub(super) fn creation(
    product: Product,
    kind: ResourceKind,
    extra: &ExtraConfig,
    stream_template: Option<(Option<String>, String)>,
    issues: &mut Issues,
) -> Creation {
    let object = |text: &str| -> Option<serde_json::Value> { serde_json::from_str(text).ok() };
    for (name, body, key) in [
        (&extra.template_name, &extra.template, ["index.template.name", "index.template"]),
        (&extra.policy_name, &extra.policy, ["lifecycle.policy.name", "lifecycle.policy"]),
    ] {
        // A policy may exist already; then its name alone is given.
        let may_lack_body = key[0] == "lifecycle.policy.name";
        if (name.is_empty() && !body.is_empty()) || (!name.is_empty() && body.is_empty() && !may_lack_body) {
            issues.both(key, &format!("'{}' and '{}' must be set together.", key[0], key[1]));
        }
    }
    if kind != ResourceKind::Index {
        for (key, text) in
            [("index.settings", &extra.index_settings), ("index.mappings", &extra.index_mappings)]
        {
            if !text.is_empty() {
                let reason = "only indices made on demand have it; use `index.template` for data streams";
                issues.invalid(key, text, reason);
            }
        }
    }
    let mut settings = object(&extra.index_settings);
    if !extra.policy_name.is_empty() && product == Product::Elasticsearch {
        let all = settings.get_or_insert_with(|| serde_json::json!({}));
        all["index.lifecycle.name"] = serde_json::Value::String(extra.policy_name.clone());
    }
    Creation {
        kind,
        settings,
        mappings: object(&extra.index_mappings),
        template: object(&extra.template).map(|body| (extra.template_name.clone(), body)),
        policy: Some(extra.policy_name.clone())
            .filter(|name| !name.is_empty())
            .map(|name| (name, object(&extra.policy))),
        stream_template,
    }
}

/// Returns a text that is not empty.
pub(super) fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
