//! Configurations as REST received them, on their way to the config log. Pure.

use connect_core::config::Props;

use crate::herder::error::HerderError;
use crate::herder::ports::RawProps;

const NAME: &str = "name";

/// Returns the configuration to store. Nulls never get past validation.
pub(crate) fn without_nulls(raw: &RawProps) -> Props {
    raw.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect()
}

/// Returns a configuration with a patch merged over it; a null removes its key.
pub(crate) fn patched(mut stored: Props, patch: &RawProps) -> Props {
    for (key, value) in patch {
        match value {
            Some(value) => drop(stored.insert(key.clone(), value.clone())),
            None => drop(stored.shift_remove(key)),
        }
    }
    stored
}

/// Puts the name into a configuration, as `checkAndPutConnectorConfigName` does.
///
/// # Errors
/// Fails when the configuration holds another name.
pub(crate) fn put_name(name: &str, config: &mut RawProps) -> Result<(), HerderError> {
    match config.get(NAME) {
        Some(Some(found)) if found == name => Ok(()),
        Some(Some(found)) => Err(HerderError::bad_request(format!(
            "Connector name configuration ({found}) doesn't match connector name in the URL ({name})"
        ))),
        _ => {
            config.insert(NAME.to_owned(), Some(name.to_owned()));
            Ok(())
        }
    }
}
