//! The REST interface of a worker, JVM or not, as tests use it.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::wait;

const REQUEST_LIMIT: Duration = Duration::from_secs(100);

/// Talks to one worker.
#[derive(Clone, Debug)]
pub struct Api {
    url: String,
    client: Client,
}

impl Api {
    /// Returns the interface of the worker at `http://host:port`.
    pub fn new(url: impl Into<String>) -> Self {
        // A connection ends with the runtime of the test that made it, while some services are shared by all of them.
        let builder = Client::builder().timeout(REQUEST_LIMIT).pool_max_idle_per_host(0);
        let client = builder.build().expect("an HTTP client is made");
        Self { url: url.into(), client }
    }

    /// Returns `http://host:port` of the worker.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a GET and returns status and body; a body that is not JSON is a string, and no answer is status 0.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request("GET", path, None).await
    }

    /// Sends a request and returns status and body; a body that is not JSON is a string, and no answer is status 0.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = method.parse().expect("a method is a token");
        let mut call = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            call = call.json(body);
        }
        match call.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let text = response.text().await.unwrap_or_default();
                (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
            }
            Err(error) => (0, Value::String(error.to_string())),
        }
    }

    /// Creates a connector. A worker in the middle of a rebalance is asked again.
    ///
    /// # Panics
    /// When the worker refuses it.
    pub async fn create(&self, name: &str, config: &Value) {
        let body = json!({ "name": name, "config": config });
        self.settled("POST", "/connectors", Some(&body), 201).await;
    }

    /// Sends a request until the worker is not in the middle of a rebalance (409), and returns the body.
    ///
    /// # Panics
    /// When the answer's status is not `status`.
    pub async fn settled(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Value {
        let answer = wait::until(&format!("an answer to {method} {path}"), wait::LIMIT, async || {
            let answer = self.request(method, path, body).await;
            if answer.0 == 409 { Err(answer) } else { Ok(answer) }
        })
        .await;
        assert_eq!(answer.0, status, "{method} {path}: {}", answer.1);
        answer.1
    }

    /// Waits until the connector's task 0 is in `state` and returns the status.
    ///
    /// # Panics
    /// When that does not come to pass within a minute.
    pub async fn await_task(&self, name: &str, state: &str) -> Value {
        wait::until(&format!("task {name}-0 being {state}"), wait::LIMIT, async || {
            let (_, status) = self.get(&format!("/connectors/{name}/status")).await;
            if status["tasks"][0]["state"] == state { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until the connector itself is in `state` and returns the status.
    ///
    /// # Panics
    /// When that does not come to pass within a minute.
    pub async fn await_connector(&self, name: &str, state: &str) -> Value {
        wait::until(&format!("connector {name} being {state}"), wait::LIMIT, async || {
            let (_, status) = self.get(&format!("/connectors/{name}/status")).await;
            if status["connector"]["state"] == state { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }
}
