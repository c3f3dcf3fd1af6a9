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

/// What the AWS SDK says where there are no credentials until an operator acts: its chain ended without any, or the
/// token service refuses the role.
const NO_CREDENTIALS: [&str; 6] = [
    "the credential provider was not enabled",
    "no providers in chain provided credentials",
    "unhandled error (AccessDenied)",
    "unhandled error (InvalidClientTokenId)",
    "unhandled error (SignatureDoesNotMatch)",
    "unhandled error (ValidationError)",
];

/// Returns whether a request of the AWS SDK was not sent for want of credentials, which waiting does not cure. A
/// provider that timed out may answer later. Only for errors without an answer of the service itself, which is judged
/// by its code.
pub fn lacks_aws_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(here) = cause {
        let text = here.to_string();
        if NO_CREDENTIALS.iter().any(|sign| text.contains(sign)) {
            return true;
        }
        cause = here.source();
    }
    false
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

    #[test]
    fn a_refused_role_is_no_passing_fault_and_a_provider_that_timed_out_is_one() {
        let wrapped = ["dispatch failure", "an error occurred while loading credentials"];
        for (cause, expected) in [
            ("unhandled error (AccessDenied)", true),
            ("no providers in chain provided credentials", true),
            ("unhandled error (Throttling)", false),
            ("provider timed out after 5 seconds", false),
        ] {
            let error = chain(&[wrapped[0], wrapped[1], cause]);
            assert_eq!(lacks_aws_credentials(&error), expected, "{cause}");
        }
    }
}
