//! Who may change what is stored and counted, and see whom: who knows the token, or whoever is on this machine.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::server::body::ResponseBody;
use crate::server::problem;

/// Who may change what is stored and counted, and see whom.
#[derive(Clone)]
pub enum Permission {
    /// Who knows the token, of which this is the digest: digests can be compared without telling how much is right.
    Token([u8; 32]),
    /// Whoever reaches the admin side, for that is this machine alone.
    Anybody,
    /// Nobody: there is no token, and others could reach the admin side.
    Nobody,
}

impl Permission {
    /// What is asked of callers.
    pub fn new(token: Option<&str>, is_loopback: bool) -> Self {
        match token.map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) => Self::Token(Sha256::digest(token).into()),
            None if is_loopback => Self::Anybody,
            None => Self::Nobody,
        }
    }

    /// Whether a request may.
    ///
    /// # Errors
    /// The answer to one that may not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Box<Response<ResponseBody>>> {
        match self {
            Self::Anybody => Ok(()),
            Self::Token(digest) => {
                let given = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
                let given = given.and_then(|given| given.split_at_checked(7)).filter(|(scheme, _)| is_bearer(scheme));
                let is_right = given.is_some_and(|(_, token)| <[u8; 32]>::from(Sha256::digest(token)) == *digest);
                if is_right {
                    return Ok(());
                }
                let mut refusal = problem::response(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
                refusal.headers_mut().insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
                Err(refusal.into())
            }
            Self::Nobody => Err(Box::new(problem::response(
                StatusCode::FORBIDDEN,
                "the admin side is not on a loopback address: set TIDEGATE_ADMIN_TOKEN to allow this",
            ))),
        }
    }
}

fn is_bearer(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_alone_opens() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, http::HeaderValue::from_static(value))]);
        let permission = Permission::new(Some("secret\n"), true);
        for (value, is_right) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer  secret", false),
            ("Bearer secre", false),
            ("Basic secret", false),
            ("Bearer", false),
            ("", false),
        ] {
            assert_eq!(permission.check(&headers(value)).is_ok(), is_right, "{value:?}");
        }
        assert!(permission.check(&HeaderMap::new()).is_err());
        assert!(Permission::new(Some(" "), true).check(&HeaderMap::new()).is_ok(), "an empty token is none");
        assert!(Permission::new(None, false).check(&HeaderMap::new()).is_err());
    }
}
