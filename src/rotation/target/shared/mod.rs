//! What several kinds of target need: their settings, HTTP, logins, files that are replaced whole,
//! and words of others made safe to repeat.

pub(super) mod der;
pub(super) mod http;
pub(super) mod login;
pub(super) mod postgres;
pub(super) mod reload;
pub(super) mod replace;
pub(super) mod settings;
pub(super) mod tls;
pub(super) mod words;
