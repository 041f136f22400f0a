//! The cockpit: an Elm loop. `update` takes a message and answers with effects; `view` draws.
