//! Tests of the levels.
