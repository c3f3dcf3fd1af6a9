//! What the errors of client libraries say in their causes.

use std::error::Error;

/// Returns an error and its causes in one line, each text once.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(here) = cause {
        let next = here.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = here.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::error::ConnectError;

    use super::*;

    fn chain(texts: &[&'static str]) -> ConnectError {
        let mut texts = texts.iter().rev();
        let last = ConnectError::fatal(*texts.next().expect("a text"));
        texts.fold(last, |cause, text| ConnectError::fatal(*text).because(cause))
    }

    #[test]
    fn causes_follow_in_one_line_and_repetitions_are_left_out() {
        assert_eq!(with_causes(&chain(&["sending", "sending", "refused"])), "sending: refused");
        assert_eq!(with_causes(&chain(&["alone"])), "alone");
    }
}
