//! The self-hosted Tidegate runtime.
