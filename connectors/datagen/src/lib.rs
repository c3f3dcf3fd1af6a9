//! connector-datagen
