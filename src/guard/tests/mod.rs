//! The guard as a whole: from an answer on one side to an evaluation on the other.

mod codes;
mod forged;
mod people;
mod policy;
mod way;
mod world;
