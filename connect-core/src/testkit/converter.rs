//! The contract of key and value converters.

use bytes::{Bytes, BytesMut};

use crate::config::Props;
use crate::converter::{Converter, ConverterRole};
use crate::data::Datum;
use crate::error::ErrorKind;
use crate::testkit::connector::check_config_def;

const TOPIC: &str = "contract";

/// Checks that a converter keeps its promises: keys are sound, each sample survives the way to bytes and back, an
/// undecoded value gives the same bytes as a decoded one, and no input makes it panic or fail with anything but a
/// data error.
///
/// # Panics
/// Panics at the first broken promise.
pub async fn converter_contract(make: fn() -> Box<dyn Converter>, props: &Props, samples: &[Datum]) {
    check_config_def(&make().config_def());
    for role in [ConverterRole::Key, ConverterRole::Value] {
        let mut converter = make();
        converter.configure(props, role).expect("a valid configuration must be taken");
        for sample in samples {
            survives_both_ways(converter.as_ref(), sample).await;
        }
        fails_with_data_errors_only(converter.as_ref());
    }
}

async fn survives_both_ways(converter: &dyn Converter, sample: &Datum) {
    converter.prepare_write(TOPIC, sample).await.expect("a sample must be prepared");
    let bytes = converter
        .from_connect_data(TOPIC, sample.schema(), &sample.value())
        .unwrap_or_else(|error| panic!("{sample:?} is refused: {error}"));
    let undecoded = converter.from_datum(TOPIC, sample).unwrap_or_else(|error| panic!("{sample:?}: {error}"));
    assert_eq!(undecoded, bytes, "{sample:?} gives other bytes as a datum than as a value");
    converter.prepare(TOPIC, std::slice::from_ref(&bytes)).await.expect("own bytes must be prepared");
    let mut scratch = BytesMut::new();
    let read = converter
        .to_connect_data(TOPIC, None, bytes.as_ref(), &mut scratch)
        .unwrap_or_else(|error| panic!("own bytes of {sample:?} are refused: {error}"));
    assert_eq!(&read, sample, "another value came back");
    converter.prepare_write(TOPIC, &read).await.expect("own data must be prepared");
    let again = converter.from_datum(TOPIC, &read).unwrap_or_else(|error| panic!("{read:?}: {error}"));
    assert_eq!(again, bytes, "{sample:?} does not give the same bytes twice");
}

fn fails_with_data_errors_only(converter: &dyn Converter) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut scratch = BytesMut::new();
    for length in 0..64 {
        for _ in 0..16 {
            let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            let noise = Bytes::from(noise);
            if let Err(error) = converter.to_connect_data(TOPIC, None, Some(&noise), &mut scratch) {
                assert_eq!(error.kind(), ErrorKind::Data, "{noise:?} gives `{error}`");
            }
        }
    }
}
