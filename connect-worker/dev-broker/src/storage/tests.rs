//! Tests of the storage modules together.
