//! The one classifier of throttling: whether an error says that a caller was too fast.

use super::words::words;

/// Spellings of one thing by those who throttle: HTTP 429 (RFC 6585), gRPC's
/// `RESOURCE_EXHAUSTED`, AWS (`ThrottlingException`, `RequestLimitExceeded`, `SlowDown`,
/// `ProvisionedThroughputExceeded`, `TooManyRequestsException`, `PriorRequestNotComplete`), Azure and Kubernetes
/// (`TooManyRequests`), Google (`rateLimitExceeded`, `userRateLimitExceeded`, `quotaExceeded`),
/// Vault (`rate limit quota exceeded`), ACME (`rateLimited`, RFC 8555).
///
/// `LimitExceededException` and `quota of 10 secrets reached` are hard quotas: going slower does
/// not help, so they are no throttling.
const THROTTLED: &[&str] = &[
    "429",
    "too many requests",
    "toomanyrequests",
    "throttle",
    "throttled",
    "throttling",
    "rate limit",
    "rate limits",
    "rate limited",
    "rate limiting",
    "rate exceeded",
    "ratelimit",
    "ratelimited",
    "request limit exceeded",
    "bandwidth limit exceeded",
    "slow down",
    "slowdown",
    "resource exhausted",
    "quota exceeded",
    "throughput exceeded",
    "retry after",
    "enhance your calm",
    "prior request not complete",
];

/// True where an error says that the caller was throttled. `error` is read raw, never shown.
#[must_use]
pub fn is_throttling(error: &str) -> bool {
    let words = words(error);
    // Looked at from each word on: a searcher for each phrase costs more to make than to look.
    memchr::memchr_iter(b' ', words.as_bytes()).any(|at| {
        let from_here = words.get(at + 1..).unwrap_or_default();
        THROTTLED.iter().any(|phrase| begins(from_here, phrase))
    })
}

/// True where words begin with this phrase and a space behind it.
fn begins(words: &str, phrase: &str) -> bool {
    let first = |words: &str| words.bytes().next();
    first(words) == first(phrase)
        && words
            .strip_prefix(phrase)
            .is_some_and(|rest| rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::words::has;

    proptest! {
        #[test]
        fn phrases_are_found_where_they_stand_between_words(
            parts in prop::collection::vec(prop::sample::select([THROTTLED, &["r", "s", "retry", "4", "x", "\u{e9}"]].concat()), 0..4),
            between in prop::sample::select(&["", " ", "-", "Q"][..]),
        ) {
            let error = parts.join(between);
            let words = words(&error);
            prop_assert_eq!(is_throttling(&error), THROTTLED.iter().any(|phrase| has(&words, phrase)));
        }
    }

    #[test]
    fn every_spelling_of_throttling_is_known() {
        for words in [
            "429 Too Many Requests",
            "HTTP 429",
            "ThrottlingException: Rate exceeded",
            "Throttling.User",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "EC2ThrottledException",
            "Throttling",
            "Client.RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "SlowDown",
            "rate limit exceeded, retry after 30s",
            "rate limit quota exceeded",
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "urn:ietf:params:acme:error:rateLimited",
            "RESOURCE_EXHAUSTED: quota",
            "quotaExceeded",
            "HTTP 503, Retry-After: 20, throttled",
            "ProvisionedThroughputExceededException",
        ] {
            assert!(is_throttling(words), "{words}");
        }
    }

    #[test]
    fn hard_limits_and_numbers_that_only_look_like_it_are_none() {
        for words in [
            "LimitExceededException: 10 secrets at most",
            "context deadline exceeded",
            "HTTP 500 Internal Server Error",
            "dial tcp 10.4.29.1:8200: i/o timeout",
            "error 14290",
            "permission denied",
            "lease count quota reached",
            "curate limits",
        ] {
            assert!(!is_throttling(words), "{words}");
        }
    }
}
