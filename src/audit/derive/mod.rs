//! From native records to events, a file a format; pure.
