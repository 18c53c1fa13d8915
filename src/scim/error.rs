//! What is told to a client that asked for something impossible (RFC 7644, 3.12).

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};

/// A refusal, as its body says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The keyword, where the standard has one.
    pub scim_type: Option<ScimType>,
    /// One sentence for whoever reads the client's log. Nothing internal, no secret.
    pub detail: String,
}

impl ScimError {
    /// 400 with a keyword.
    pub fn bad(scim_type: ScimType, detail: impl fmt::Display) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            scim_type: Some(scim_type),
            detail: detail.to_string(),
        }
    }

    /// Another status, without a keyword.
    pub fn of(status: StatusCode, detail: impl fmt::Display) -> Self {
        Self { status, scim_type: None, detail: detail.to_string() }
    }

    /// 409: somebody else has this value already.
    pub fn taken(detail: impl fmt::Display) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            scim_type: Some(ScimType::Uniqueness),
            detail: detail.to_string(),
        }
    }

    /// 404: there is no such resource, or it is another tenant's.
    pub fn not_found(id: &str) -> Self {
        Self::of(
            StatusCode::NOT_FOUND,
            format_args!("there is no resource {id}"),
        )
    }

    /// The body of the answer. `status` is a text (RFC 7644, 3.12).
    pub fn body(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR],
            "status": self.status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let (Some(scim_type), Value::Object(body)) = (self.scim_type, &mut body) {
            body.insert("scimType".to_owned(), scim_type.as_str().into());
        }
        body
    }
}

/// The URN of a refusal.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

macro_rules! scim_types {
    ($($(#[$doc:meta])* $variant:ident $text:literal,)*) => {
        /// `scimType` (RFC 7644, table 9; RFC 9865, 2.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ScimType {
            $($(#[$doc])* $variant,)*
        }

        impl ScimType {
            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

scim_types! {
    /// A filter that is none, or that compares what can not be compared.
    InvalidFilter "invalidFilter",
    /// More results than the server is ready to return.
    TooMany "tooMany",
    /// Somebody else has this value.
    Uniqueness "uniqueness",
    /// The attribute can not be changed, or not like this.
    Mutability "mutability",
    /// The body is not what the operation wants.
    InvalidSyntax "invalidSyntax",
    /// The path of a PATCH operation is none, or names nothing.
    InvalidPath "invalidPath",
    /// The path of a PATCH operation matches nothing.
    NoTarget "noTarget",
    /// A required value is missing, or a value is of another type.
    InvalidValue "invalidValue",
    /// Another version of the protocol.
    InvalidVers "invalidVers",
    /// It must not stand in an address.
    Sensitive "sensitive",
    /// A cursor that we did not give out, or not for this query.
    InvalidCursor "invalidCursor",
    /// A cursor that is too old.
    ExpiredCursor "expiredCursor",
    /// A count that can not be met.
    InvalidCount "invalidCount",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_a_text() {
        assert_eq!(
            ScimError::taken("userName is taken").body(),
            json!({
                "schemas": [ERROR], "status": "409", "scimType": "uniqueness",
                "detail": "userName is taken",
            })
        );
        assert_eq!(ScimError::not_found("x").body().get("scimType"), None);
    }
}
