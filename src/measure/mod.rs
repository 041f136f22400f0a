//! Measures: what is usual, and what is not. Pure; `now` is an argument.
