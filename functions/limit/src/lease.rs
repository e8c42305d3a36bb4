//! Slices of a shared quota, taken in advance.
