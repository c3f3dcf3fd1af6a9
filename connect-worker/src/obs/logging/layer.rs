//! The way of an event from `tracing` to the output.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use connect_core::kit::SharedClock;
use jiff::Zoned;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::obs::logging::levels::LogControl;
use crate::obs::logging::line::{Content, Context, LogFormat, line};

/// How to log.
pub struct LogOptions {
    /// Form of a line.
    pub format: LogFormat,
    /// Level of the root logger.
    pub level: String,
    /// Time of changes of levels.
    pub clock: SharedClock,
    /// Where lines go.
    pub output: Box<dyn Write + Send>,
}

/// Begins to log, for the whole process, and returns the control of levels. A log that somebody else has set up
/// before stays.
///
/// # Errors
/// Fails when the level is unknown.
pub fn init(options: LogOptions) -> Result<LogControl, String> {
    let (subscriber, control) = subscriber(options)?;
    tracing::subscriber::set_global_default(subscriber).ok();
    Ok(control)
}

fn subscriber(options: LogOptions) -> Result<(impl Subscriber + Send + Sync, LogControl), String> {
    let control = LogControl::new(&options.level, options.clock)?;
    let output = Mutex::new(options.output);
    let layer = LogLayer { control: control.clone(), format: options.format, output };
    Ok((Registry::default().with(layer), control))
}

struct LogLayer {
    control: LogControl,
    format: LogFormat,
    output: Mutex<Box<dyn Write + Send>>,
}

impl LogLayer {
    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Spans carry the connector and task for events of any level.
        let is_own_span = metadata.is_span() && metadata.target().starts_with("connect");
        is_own_span || *metadata.level() <= self.control.register(&logger(metadata))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: LayerContext<'_, S>) -> bool {
        self.is_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.control.most().max(LevelFilter::INFO))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut content = Content::default();
        attributes.record(&mut content);
        if let Some(span) = context.span(id) {
            let outer = span.parent().and_then(|parent| parent.extensions().get::<Context>().cloned());
            let own = content.context.or(&outer.unwrap_or_default());
            span.extensions_mut().insert(own);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let mut content = Content::default();
        values.record(&mut content);
        if let Some(span) = context.span(id) {
            let mut extensions = span.extensions_mut();
            let before = extensions.get_mut::<Context>().map(std::mem::take).unwrap_or_default();
            extensions.replace(content.context.or(&before));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let mut content = Content::default();
        event.record(&mut content);
        if let Some(span) = context.event_span(event)
            && let Some(outer) = span.extensions().get::<Context>()
        {
            content.context = std::mem::take(&mut content.context).or(outer);
        }
        let metadata = event.metadata();
        let line = line(self.format, &Zoned::now(), *metadata.level(), &logger(metadata), content);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed output leaves nobody to tell.
        output.write_all(line.as_bytes()).and_then(|()| output.flush()).ok();
    }
}

fn logger(metadata: &Metadata<'_>) -> String {
    metadata.target().replace("::", ".")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::testkit::FakeClock;
    use tracing::{debug, info, info_span, warn};

    use super::*;

    /// An output that can be read.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        /// Returns the lines without their times.
        fn lines(&self) -> Vec<String> {
            let bytes = self.0.lock().expect("not poisoned").clone();
            let text = String::from_utf8(bytes).expect("text");
            let without_time = |line: &str| line.split_once("] ").expect("a time").1.to_owned();
            text.lines().map(without_time).collect()
        }
    }

    fn logged(act: impl FnOnce(&LogControl)) -> Vec<String> {
        let page = Page::default();
        let options = LogOptions {
            format: LogFormat::Text,
            level: "INFO".to_owned(),
            clock: Arc::new(FakeClock::new()),
            output: Box::new(page.clone()),
        };
        let (subscriber, control) = subscriber(options).expect("a level");
        tracing::subscriber::with_default(subscriber, || act(&control));
        page.lines()
    }

    #[test]
    fn spans_and_fields_give_the_context() {
        let lines = logged(|_| {
            let span = info_span!("task", connector = "c", task = tracing::field::Empty);
            let _entered = span.enter();
            info!(records = 3, "polled");
            span.record("task", 0);
            info!(target: "other::room", "polled");
            warn!(task = %"d-1", error = %"x\ny", "putting");
        });
        let own = "connect_worker.obs.logging.layer.tests";
        let expected = [
            format!("INFO [c] polled records=3 ({own})"),
            "INFO [c|task-0] polled (other.room)".to_owned(),
            format!("WARN [d|task-1] putting error=x\\ny ({own})"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn levels_change_while_running() {
        let lines = logged(|control| {
            let log = |text: &str| {
                debug!(target: "level_test::inner", "{text}");
                info!(target: "level_test", "{text}");
            };
            log("first");
            control.set_level("level_test", "DEBUG").expect("a level");
            log("second");
            control.set_level("level_test.inner", "OFF").expect("a level");
            control.set_level("root", "ERROR").expect("a level");
            control.set_level("level_test", "INFO").expect("a level");
            log("third");
        });
        let expected = [
            "INFO first (level_test)",
            "DEBUG second (level_test.inner)",
            "INFO second (level_test)",
            "INFO third (level_test)",
        ];
        assert_eq!(lines, expected);
    }
}
