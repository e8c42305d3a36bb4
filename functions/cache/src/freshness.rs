//! How long responses are fresh, and how old they are (RFC 9111 section 4.2).
