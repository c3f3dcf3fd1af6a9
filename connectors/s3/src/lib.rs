//! connector-s3
