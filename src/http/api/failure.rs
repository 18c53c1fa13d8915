//! Why something was not done: `{"error":{"code":…,"message":…}}`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::base::StoreError;
use crate::directory::Refusal;

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $message:literal,)*) => {
        /// Stable words for what went wrong. A word is never reused for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code {
            $($variant,)*
        }

        impl Code {
            /// Every one.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The words.
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The status that they come with.
            pub(super) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What is said where there is nothing more to say.
            pub(super) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

codes! {
    Off "api.off" FORBIDDEN "The API is switched off. Set admin.token (SAMLGATE_ADMIN__TOKEN, or SAMLGATE_ADMIN__TOKEN_FILE) to at least 32 characters to switch it on.",
    Token "api.token" UNAUTHORIZED "Show admin.token: Authorization: Bearer …",
    Browser "api.browser" FORBIDDEN "Pages in a browser may not ask here; use a program.",
    TooOften "api.too_often" TOO_MANY_REQUESTS "Too many wrong tokens came from there; try again later.",
    NotFound "api.not_found" NOT_FOUND "There is nothing at this address; /api/v1/openapi.json says what there is.",
    Method "api.method" METHOD_NOT_ALLOWED "Not this method; Allow says which.",
    Body "api.body" BAD_REQUEST "The body is not what is wanted here.",
    BodyTooLarge "api.body_too_large" PAYLOAD_TOO_LARGE "The body is larger than 64 KiB.",
    BodyKind "api.body_kind" UNSUPPORTED_MEDIA_TYPE "Send the body as application/json.",
    Value "api.value" UNPROCESSABLE_ENTITY "A value can not be what it is.",
    Store "api.store" SERVICE_UNAVAILABLE "The database does not answer; try again.",
    ConnectionUnknown "connection.unknown" NOT_FOUND "There is no such connection.",
    ConnectionTaken "connection.taken" CONFLICT "There is a connection of this name already.",
    IdpUnknown "connection.idp_unknown" UNPROCESSABLE_ENTITY "There is no such identity provider.",
    IdpTaken "connection.idp_taken" CONFLICT "The identity provider has a connection already.",
    TokenUnknown "token.unknown" NOT_FOUND "The connection has no such token.",
    TokenNone "token.none" CONFLICT "The connection has no token that could be rotated.",
    TokenMany "token.too_many" CONFLICT "The connection has two good tokens already; revoke one, or rotate with overlap 0.",
    KeyBad "key.invalid" UNPROCESSABLE_ENTITY "This is no public key that can be used.",
    KeyUnknown "key.unknown" NOT_FOUND "The connection has no such key.",
    KeyKnown "key.known" CONFLICT "The connection has this key already.",
    UserUnknown "user.unknown" NOT_FOUND "There is no such person.",
    LinkTaken "link.taken" CONFLICT "The person, or the NameID, is linked already.",
    LinkUnknown "link.unknown" NOT_FOUND "The person has no link to this identity provider.",
    KeyMany "key.too_many" CONFLICT "The connection would have more than five keys; remove one.",
}

/// Why not.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) retry_after: Option<u64>,
    pub(super) allow: Option<String>,
}

impl Failure {
    /// With nothing more to say.
    pub(super) fn of(code: Code) -> Self {
        Self::with(code, code.message())
    }

    /// With a sentence.
    pub(super) fn with(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    pub(super) fn body(&self) -> Value {
        json!({ "error": { "code": self.code.as_str(), "message": self.message } })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(detail = error.detail, "API: the store did not answer");
        Self { retry_after: Some(5), ..Self::of(Code::Store) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::UnknownConnection(name, _) => Self::with(
                Code::ConnectionUnknown,
                format!("There is no connection {name}."),
            ),
            Refusal::NameTaken(name) => Self::with(
                Code::ConnectionTaken,
                format!("There is a connection {name} already."),
            ),
            Refusal::UnknownIdp(idp, all) => {
                let all: Vec<&str> = all.iter().map(|idp| idp.as_str()).collect();
                let all = if all.is_empty() {
                    "none".to_owned()
                } else {
                    all.join(", ")
                };
                Self::with(
                    Code::IdpUnknown,
                    format!("There is no identity provider {idp}; there is {all}."),
                )
            }
            Refusal::IdpTaken(idp, other) => {
                let other = other.map_or_else(String::new, |other| format!(", {other}"));
                Self::with(
                    Code::IdpTaken,
                    format!("{idp} has a connection already{other}."),
                )
            }
            Refusal::TooManyTokens(name, _) => Self::with(
                Code::TokenMany,
                Code::TokenMany.message().replace("The connection", name.as_str()),
            ),
            Refusal::NoToken(_) => Self::of(Code::TokenNone),
            Refusal::UnknownToken(name, id, _) => {
                Self::with(Code::TokenUnknown, format!("{name} has no token {id}."))
            }
            Refusal::BadKey(error) => Self::with(Code::KeyBad, format!("key: {error}")),
            Refusal::TooManyKeys(name, _) => Self::with(
                Code::KeyMany,
                Code::KeyMany.message().replace("The connection", name.as_str()),
            ),
            Refusal::KnownKey(name, id) => Self::with(
                Code::KeyKnown,
                format!("{name} has this key already: {id}."),
            ),
            Refusal::UnknownKey(name, id, _) => {
                Self::with(Code::KeyUnknown, format!("{name} has no key {id}."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_manual() {
        let manual = include_str!("../../../docs/api.md");
        for code in Code::ALL {
            let line = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
            assert!(manual.contains(&line), "{line}");
        }
    }
}
