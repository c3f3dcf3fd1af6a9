//! `/connector-plugins`: the list, the keys of a plug-in, and validation.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;

use crate::herder::ports::{RawProps, ValidateError};
use crate::rest::answer::{Answer, ok};
use crate::rest::body;
use crate::rest::error::RestError;
use crate::rest::router::RestState;
use crate::rest::uri::{flag, query};

const CLASS: &str = "connector.class";

/// `GET /connector-plugins`.
pub(crate) async fn list(State(state): State<RestState>, RawQuery(raw): RawQuery) -> Answer {
    let connectors_only = flag(&query(raw.as_deref()), "connectorsOnly", true);
    ok(&state.herder.catalog().list(connectors_only))
}

/// `GET /connector-plugins/{p}/config`.
pub(crate) async fn config(
    State(state): State<RestState>,
    Path(plugin): Path<String>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let pairs = query(raw.as_deref());
    let version = pairs.iter().find(|(key, _)| key == "version").map(|(_, value)| value.as_str());
    ok(&state.herder.catalog().config(&plugin, version)?)
}

/// `PUT /connector-plugins/{p}/config/validate`.
pub(crate) async fn validate(
    State(state): State<RestState>,
    Path(plugin): Path<String>,
    body: Bytes,
) -> Answer {
    let props = body::props(&body).map_err(RestError::internal)?;
    let props = props.ok_or_else(|| {
        RestError::internal("Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null")
    })?;
    check_class(&plugin, &props)?;
    match state.herder.validate(props).await {
        Ok(validation) => ok(&validation.body),
        // The JVM does not unwrap the cause here.
        Err(ValidateError { class, error }) => Err(RestError::internal(format!("{class}: {error}"))),
    }
}

/// Compares the plug-in of the path with that of the configuration, as `ConnectorPluginsResource` does.
pub(super) fn check_class(plugin: &str, props: &RawProps) -> Result<(), RestError> {
    let Some(Some(class)) = props.get(CLASS) else { return Ok(()) };
    let wanted = plugin.strip_suffix("Connector").unwrap_or(plugin);
    let given = class.strip_suffix("Connector").unwrap_or(class);
    if given.ends_with(wanted) {
        return Ok(());
    }
    let text = format!("Included connector type {class} does not match request type {plugin}");
    Err(RestError::new(StatusCode::BAD_REQUEST, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_of_the_configuration_must_end_with_that_of_the_path() {
        let props =
            |class: &str| [(CLASS.to_owned(), Some(class.to_owned()))].into_iter().collect::<RawProps>();
        assert_eq!(check_class("FileStreamSource", &props("a.b.FileStreamSourceConnector")), Ok(()));
        assert_eq!(check_class("FileStreamSource", &RawProps::new()), Ok(()));
        assert!(check_class("a.b.FileStreamSourceConnector", &props("FileStreamSource")).is_err());
    }
}
