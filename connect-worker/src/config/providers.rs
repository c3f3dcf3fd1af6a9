//! The config providers for local files and the environment, as Apache Kafka ships them.

use std::path::{Component, Path, PathBuf};

use connect_core::config::{Props, Secret};
use connect_core::config_provider::{ConfigData, ConfigProvider};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use regex::Regex;

use crate::config::files::properties_utf8;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the providers of this module.
pub fn plugins() -> Vec<PluginInfo> {
    let plugin =
        |class, factory| PluginInfo { class, version: VERSION, factory: Factory::ConfigProvider(factory) };
    vec![
        plugin("org.apache.kafka.common.config.provider.FileConfigProvider", || {
            Box::new(FileConfigProvider::default())
        }),
        plugin("org.apache.kafka.common.config.provider.DirectoryConfigProvider", || {
            Box::new(DirectoryConfigProvider::default())
        }),
        plugin("org.apache.kafka.common.config.provider.EnvVarConfigProvider", || {
            Box::new(EnvVarConfigProvider::default())
        }),
    ]
}

/// Values from a properties file: the path is the file, keys are its keys.
#[derive(Default)]
struct FileConfigProvider {
    allowed: AllowedPaths,
}

impl ConfigProvider for FileConfigProvider {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.allowed = AllowedPaths::parse(props)?;
        Ok(())
    }

    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData, ConnectError> {
        let Some(file) = self.allowed.resolve(path) else { return Ok(ConfigData::default()) };
        let unreadable = || ConnectError::config(format!("Could not read properties from file {path}"));
        let bytes = std::fs::read(&file).map_err(|error| unreadable().because(error))?;
        let mut content = properties_utf8(&bytes).map_err(|(_, message)| unreadable().because(message))?;
        let value = |key: &&str| Some(((*key).to_owned(), Secret::new(content.swap_remove(*key)??)));
        Ok(ConfigData { values: distinct(keys).iter().filter_map(value).collect(), ttl: None })
    }
}

/// Values from a directory: the path is the directory, keys are file names, values are the files' texts.
#[derive(Default)]
struct DirectoryConfigProvider {
    allowed: AllowedPaths,
}

impl ConfigProvider for DirectoryConfigProvider {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.allowed = AllowedPaths::parse(props)?;
        Ok(())
    }

    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData, ConnectError> {
        let Some(directory) = self.allowed.resolve(path) else { return Ok(ConfigData::default()) };
        if !directory.is_dir() {
            tracing::warn!(path, "the path of a directory config provider is not a directory");
            return Ok(ConfigData::default());
        }
        let mut data = ConfigData::default();
        for key in distinct(keys) {
            let file = directory.join(key);
            // Only files of the directory itself: a key must not lead out of it.
            let is_name = Path::new(key).components().all(|part| matches!(part, Component::Normal(_)))
                && Path::new(key).components().count() == 1;
            if !is_name || !file.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&file).map_err(|error| {
                ConnectError::config(format!("Could not read file {} for property {key}", file.display()))
                    .because(error)
            })?;
            data.values.push((key.to_owned(), Secret::new(text)));
        }
        Ok(data)
    }
}

/// Values from environment variables; `allowlist.pattern` limits their names.
#[derive(Default)]
struct EnvVarConfigProvider {
    pattern: Option<Regex>,
}

impl ConfigProvider for EnvVarConfigProvider {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let Some(pattern) = props.get("allowlist.pattern") else { return Ok(()) };
        let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            ConnectError::config(format!(
                "Invalid value {pattern} for configuration allowlist.pattern: not a regular expression"
            ))
            .because(error)
        })?;
        self.pattern = Some(regex);
        Ok(())
    }

    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData, ConnectError> {
        if !path.is_empty() {
            return Err(ConnectError::config(format!(
                "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
            )));
        }
        let is_allowed = |key: &&&str| self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(key));
        let value = |key: &&str| Some(((*key).to_owned(), Secret::new(std::env::var(key).ok()?)));
        let values = distinct(keys).iter().filter(is_allowed).filter_map(value).collect();
        Ok(ConfigData { values, ttl: None })
    }
}

fn distinct<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The `allowed.paths` of a provider; none set allows every path.
#[derive(Default)]
struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    fn parse(props: &Props) -> Result<Self, ConnectError> {
        let text = props.get("allowed.paths").map(|text| text.trim()).unwrap_or_default();
        if text.is_empty() {
            return Ok(Self(None));
        }
        let paths = text.split(',').map(|path| {
            let path = PathBuf::from(path.trim());
            let fault = match () {
                () if !path.is_absolute() => "is not absolute",
                () if !path.exists() => "does not exist",
                () => return Ok(normalized(&path)),
            };
            Err(ConnectError::config(format!("Path {} {fault}", path.display())))
        });
        paths.collect::<Result<_, _>>().map(|paths| Self(Some(paths)))
    }

    /// Returns the path to read, or `None` when it is empty or not allowed.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        if path.is_empty() {
            return None;
        }
        let Some(allowed) = &self.0 else { return Some(PathBuf::from(path)) };
        let wanted = normalized(Path::new(path));
        if allowed.iter().any(|prefix| wanted.starts_with(prefix)) {
            return Some(wanted);
        }
        tracing::warn!(path, "the path is not among the allowed paths of the config provider");
        None
    }
}

/// Removes `.` and `..` without looking at the file system.
fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker::tests::props;

    fn pairs(data: &ConfigData) -> Vec<(&str, &str)> {
        data.values.iter().map(|(key, value)| (key.as_str(), value.expose())).collect()
    }

    #[test]
    fn file_provider_reads_keys_of_a_properties_file() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("f.properties");
        std::fs::write(&file, "user = ü\npassword=p w\n").expect("written");
        let provider = FileConfigProvider::default();
        let path = file.to_str().expect("text");
        let data = provider.get(path, &["password", "user", "absent", "user"]).expect("readable");
        assert_eq!(pairs(&data), [("password", "p w"), ("user", "ü")]);
        assert!(provider.get("", &["a"]).expect("no path, no data").values.is_empty());
        let error = provider.get("/no/such", &["a"]).expect_err("unreadable");
        assert_eq!(error.context(), "Could not read properties from file /no/such");
    }

    #[test]
    fn directory_provider_reads_files_and_never_leaves_the_directory() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir(folder.path().join("inner")).expect("created");
        std::fs::write(folder.path().join("outer"), "outside").expect("written");
        std::fs::write(folder.path().join("inner/token"), "t\n").expect("written");
        let provider = DirectoryConfigProvider::default();
        let inner = folder.path().join("inner");
        let data =
            provider.get(inner.to_str().expect("text"), &["token", "../outer", "no"]).expect("readable");
        assert_eq!(pairs(&data), [("token", "t\n")]);
        let file = folder.path().join("outer");
        let data = provider.get(file.to_str().expect("text"), &["token"]).expect("not a directory");
        assert!(data.values.is_empty());
    }

    #[test]
    fn allowed_paths_are_kept_to() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("a"), "k=v\n").expect("written");
        std::fs::create_dir(folder.path().join("allowed")).expect("created");
        let root = folder.path().to_str().expect("text");
        let mut provider = FileConfigProvider::default();
        provider.configure(&props(&[("allowed.paths", &format!("{root}/allowed"))])).expect("valid");
        for path in [format!("{root}/a"), format!("{root}/allowed/../a")] {
            assert!(provider.get(&path, &["k"]).expect("no data").values.is_empty(), "{path}");
        }
        provider.configure(&props(&[("allowed.paths", root)])).expect("valid");
        assert_eq!(pairs(&provider.get(&format!("{root}/a"), &["k"]).expect("allowed")), [("k", "v")]);
        for bad in ["relative", "/no/such/folder"] {
            provider.configure(&props(&[("allowed.paths", bad)])).expect_err(bad);
        }
    }

    #[test]
    fn environment_provider_takes_no_path_and_keeps_to_its_pattern() {
        let mut provider = EnvVarConfigProvider::default();
        let name = "CARGO_PKG_NAME";
        let own = (name, "connect-worker");
        assert_eq!(pairs(&provider.get("", &[name, "NO_SUCH_VARIABLE"]).expect("valid")), [own]);
        provider.configure(&props(&[("allowlist.pattern", "CARGO_.*")])).expect("valid");
        assert_eq!(pairs(&provider.get("", &[name, "PATH"]).expect("valid")), [own]);
        let error = provider.get("p", &[name]).expect_err("path");
        assert_eq!(error.context(), "Path is not supported for EnvVarConfigProvider, invalid value 'p'");
        provider.configure(&props(&[("allowlist.pattern", "(")])).expect_err("no pattern");
    }
}
