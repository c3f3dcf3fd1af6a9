//! Task configurations: what the worker adds to what a connector generated, and whether tasks must restart. Pure.

use connect_core::config::Props;

use crate::config::transformer::restore_references;
use crate::herder::state::java_ordered;

const TASK_CLASS: &str = "task.class";
const COPIED: [&str; 2] = ["topics", "topics.regex"];

/// Completes the configurations a connector generated, as `Worker.connectorTaskConfigs` and
/// `AbstractHerder.reverseTransform` do: class and topics are added, and keys whose raw connector value holds a
/// reference get the raw text back, so that no resolved value is stored.
pub(crate) fn complete(generated: Vec<Props>, task_class: &str, raw: &Props, resolved: &Props) -> Vec<Props> {
    let complete_one = |mut props: Props| {
        props.insert(TASK_CLASS.to_owned(), task_class.to_owned());
        for key in COPIED {
            if let Some(value) = resolved.get(key) {
                props.insert(key.to_owned(), value.clone());
            }
        }
        java_ordered(&restore_references(raw, props))
    };
    generated.into_iter().map(complete_one).collect()
}

/// Returns whether tasks must be committed again (`AbstractHerder.taskConfigsChanged`): another number of tasks,
/// another configuration of one, or another connector configuration than the one in force at the last commit,
/// whose framework settings reach the tasks without passing through the connector.
pub(crate) fn is_changed(stored: &[Props], new: &[Props], applied: Option<&Props>, current: &Props) -> bool {
    stored != new || applied != Some(current)
}

/// Returns the text of a connector that generated too many tasks, or `None` when that is allowed.
pub(crate) fn too_many(name: &str, generated: usize, resolved: &Props) -> Option<String> {
    let max = max_tasks(resolved);
    let is_enforced =
        resolved.get("tasks.max.enforce").is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
    (generated > max && is_enforced).then(|| {
        format!(
            "The connector {name} has generated {generated} tasks, which is greater than {max}, the maximum number \
             of tasks it is configured to create. This behaviour should be considered a bug and is disallowed. If \
             necessary, it can be permitted by reconfiguring the connector with 'tasks.max.enforce' set to false; \
             however, this option will be removed in a future release of Kafka Connect."
        )
    })
}

/// Returns `tasks.max`, 1 when it is absent or no number.
pub(crate) fn max_tasks(resolved: &Props) -> usize {
    resolved.get("tasks.max").and_then(|text| text.trim().parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn class_topics_and_raw_references_are_put_into_task_configurations() {
        let raw = props(&[("topics", "a"), ("password", "${file:/x:y}"), ("user", "${env:U}")]);
        let resolved = props(&[("topics", "a"), ("password", "secret"), ("user", "me")]);
        let done = complete(vec![props(&[("password", "secret"), ("n", "0")])], "Task", &raw, &resolved);
        assert_eq!(
            done,
            vec![props(&[("password", "${file:/x:y}"), ("n", "0"), ("task.class", "Task"), ("topics", "a")])]
        );
    }

    #[test]
    fn tasks_change_by_number_configuration_or_connector_configuration() {
        let (one, two) = (props(&[("k", "1")]), props(&[("k", "2")]));
        let connector = props(&[("c", "1")]);
        let stored = std::slice::from_ref(&one);
        assert!(!is_changed(stored, stored, Some(&connector), &connector));
        assert!(is_changed(stored, &[one.clone(), one.clone()], Some(&connector), &connector));
        assert!(is_changed(stored, &[two], Some(&connector), &connector));
        assert!(is_changed(stored, stored, Some(&props(&[("c", "0")])), &connector));
        assert!(is_changed(stored, stored, None, &connector));
    }

    #[test]
    fn too_many_tasks_are_refused_unless_not_enforced() {
        let limited = props(&[("tasks.max", "2")]);
        assert_eq!(too_many("c", 2, &limited), None);
        let text = too_many("c", 5, &limited).expect("five are too many");
        assert!(
            text.starts_with("The connector c has generated 5 tasks, which is greater than 2, the maximum")
        );
        let lenient = props(&[("tasks.max", "2"), ("tasks.max.enforce", "FALSE")]);
        assert_eq!(too_many("c", 5, &lenient), None);
    }
}
