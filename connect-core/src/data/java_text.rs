//! How Java prints values: numbers, maps, lists and structs.
