//! The one table of error codes.
//!
//! A code is a promise: people write it into runbooks and alerts. It is never reused and never
//! changes its meaning. `docs/errors.md` shows the whole table, and `tests/it/error_codes.rs`
//! compares the two.
//!
//! Three readers: the code is for everybody, [`ErrorCode::public`] for the person at the browser,
//! [`ErrorCode::remedy`] for the admin. The values of one failure (what was expected, what was
//! found) are in the error types of the modules and go to the log and the audit record alone.

use std::fmt;

/// What a person at a browser can be shown. Many codes, few pages: telling them apart any finer
/// would help whoever forges messages (and nobody else).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Page {
    /// The request is not one that a browser sends by itself.
    BadRequest,
    /// The message can not be trusted: signature, decryption, structure.
    NotAuthentic,
    /// A genuine message, but meant for somebody else, or about somebody we do not let in.
    NotForUs,
    /// The identity provider reported an error of its own.
    IdpSaidNo,
    /// Too late, used before, or begun in another browser: signing in again helps.
    TryAgain,
    /// Signed in, but not entitled to this.
    Forbidden,
    /// There is no such page.
    NotFound,
    /// The application behind us, or a part of the gateway, does not answer.
    Unavailable,
    /// The gateway itself is at fault.
    Internal,
}

impl Page {
    /// The name of the page in templates and in JSON answers.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotAuthentic => "not_authentic",
            Self::NotForUs => "not_for_us",
            Self::IdpSaidNo => "idp_said_no",
            Self::TryAgain => "try_again",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal $status:literal $page:ident $public:literal $remedy:literal;)*) => {
        /// A stable name for a way in which things go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $text, "`\n\n```text\n", $remedy, "\n```")] $(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The dotted words: `proto.audience`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status of the answer.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The page that a browser is shown.
            pub const fn page(self) -> Page {
                match self { $(Self::$variant => Page::$page,)* }
            }

            /// What happened and what to do, for the person at the browser.
            pub const fn public(self) -> &'static str {
                match self { $(Self::$variant => $public,)* }
            }

            /// Which side has to change what, for the admin.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }

            /// The code with this text.
            pub fn find(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    BindingMethod "binding.method" 405 BadRequest "This address only takes answers from a sign-in page." "IdP: send the Response by HTTP-POST to the ACS URL.";
    BindingParams "binding.params" 400 BadRequest "The sign-in answer is incomplete." "IdP: one SAMLResponse and at most one RelayState, as a form.";
    BindingSize "binding.size" 413 BadRequest "The sign-in answer is too large." "IdP: send fewer attributes or groups (at most 256 KiB of XML).";
    BindingBase64 "binding.base64" 400 BadRequest "The sign-in answer arrived damaged." "Something between IdP and gateway changed the form; SAMLResponse must be plain base64.";
    BindingQuery "binding.query" 400 BadRequest "The sign-in message is incomplete." "IdP: send exactly one SAML message with the parameters of bindings 3.4.4.1.";
    BindingQuerySignature "binding.query_signature" 403 NotAuthentic "The message could not be verified." "IdP: sign the query with a key in its metadata.";
    BindingInflate "binding.inflate" 400 BadRequest "The sign-in message arrived damaged." "IdP: raw DEFLATE, at most 256 KiB.";
    BindingSoap "binding.soap" 400 BadRequest "The message is not a SOAP message with one SAML message in it." "IdP: SOAP 1.1, with one SAML message in the Body, no header that must be understood, at most 256 KiB.";
    BindingFault "binding.fault" 502 Unavailable "Your organisation's sign-in service reported an error." "IdP: its SOAP endpoint answered with a fault, which is in the log; its own log says why.";
    BindingArtifact "binding.artifact" 400 BadRequest "The sign-in answer is incomplete." "IdP: SAMLart is one artifact of type 0x0004, made from its own entityID, for an endpoint in its metadata.";
    BindingArtifactGone "binding.artifact_gone" 403 TryAgain "The sign-in answer was fetched before, or was not fetched in time." "IdP: it has no message for this artifact any more. Going back or reloading sends the same one again; otherwise its servers do not share their artifacts.";
    BindingArtifactUnreachable "binding.artifact_unreachable" 502 Unavailable "Your organisation's sign-in service could not be asked for its answer." "Gateway: the ArtifactResolutionService in the IdP's metadata does not answer, or answers with no SOAP message; the log says how. Is it reachable from here, and its certificate known to this machine?";
    BindingDiscovery "binding.discovery" 400 BadRequest "Your choice of an organisation did not arrive." "The discovery service has to come back to the address that we gave it, with at most one entityID.";
    XmlEncoding "xml.encoding" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: send XML 1.0 in UTF-8.";
    XmlSyntax "xml.syntax" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: the message is not well-formed XML.";
    XmlDtd "xml.dtd" 403 NotAuthentic "The sign-in answer could not be verified." "A DOCTYPE is never accepted; treat this as an attack.";
    XmlNamespace "xml.namespace" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: the message breaks Namespaces in XML.";
    XmlForbiddenNode "xml.forbidden_node" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: leave out processing instructions, CDATA and comments. A comment inside a name is an attack.";
    XmlLimit "xml.limit" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: the message is larger than the limits allow.";
    XmlId "xml.id" 403 NotAuthentic "The sign-in answer could not be verified." "Each ID must occur once; treat this as an attack.";
    XmlSchema "xml.schema" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: the message does not follow the SAML 2.0 schema.";
    ProtoRoot "proto.root" 403 NotAuthentic "The sign-in answer could not be verified." "The ACS takes a samlp:Response, the logout address a LogoutRequest or LogoutResponse.";
    SigPosition "sig.position" 403 NotAuthentic "The sign-in answer could not be verified." "A Signature stands where the schema has none; treat this as an attack.";
    SigStructure "sig.structure" 403 NotAuthentic "The sign-in answer could not be verified." "The Signature holds more, or less, than SAML allows; treat this as an attack.";
    SigReference "sig.reference" 403 NotAuthentic "The sign-in answer could not be verified." "A Signature must refer to the element it stands in; treat this as an attack.";
    SigTransform "sig.transform" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: enveloped-signature and exclusive C14N are the only transforms.";
    SigC14n "sig.c14n" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: use exclusive C14N.";
    SigAlgorithm "sig.algorithm" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: sign with RSA or ECDSA and SHA-256 or better.";
    SigDigestAlgorithm "sig.digest_algorithm" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: use SHA-256, SHA-384 or SHA-512 as digest.";
    SigEncoding "sig.encoding" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: a digest or signature value is not base64 of the right length.";
    SigDigest "sig.digest" 403 NotAuthentic "The sign-in answer could not be verified." "The signed content was changed on its way.";
    SigInvalid "sig.invalid" 403 NotAuthentic "The sign-in answer could not be verified." "No key in the IdP's metadata made this signature. If the IdP has a new certificate, import its metadata again, or look at the key by `samlgate idp keys` and let it count by `samlgate idp approve`.";
    SigMissing "sig.missing" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: sign the Response, the Assertion, or both; a logout message always.";
    EncStructure "enc.structure" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: one EncryptedKey for this gateway, inside or beside the EncryptedData, without references to elsewhere.";
    EncAlgorithm "enc.algorithm" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: encrypt with AES-GCM (or AES-CBC in a signed Response), and the key with RSA-OAEP; RSA 1.5 is never accepted.";
    EncCbcUnsigned "enc.cbc_unsigned" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: sign the Response, or encrypt with AES-GCM. Where it can do neither, allow_cbc_in_unsigned_response.";
    EncFailed "enc.failed" 403 NotAuthentic "The sign-in answer could not be verified." "The IdP encrypted to another key than those in saml.keys, or the content was changed. Import our metadata there again.";
    EncContent "enc.content" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: encrypt one whole saml:Assertion (or NameID, or Attribute) that declares its own namespaces.";
    EncRequired "enc.required" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: encrypt assertions to the key in our metadata, or switch want_encrypted off.";
    IdpUnknown "idp.unknown" 403 NotForUs "The organisation that signed you in is not known here." "Import the metadata of this identity provider.";
    IdpDisabled "idp.disabled" 403 NotForUs "Signing in with this organisation is switched off." "Enable the identity provider, or choose another one.";
    IdpStatus "idp.status" 403 IdpSaidNo "Your organisation could not sign you in, and reported an error." "IdP: the status and its message are in the audit record.";
    ProtoVersion "proto.version" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: use SAML 2.0.";
    ProtoDestination "proto.destination" 403 NotForUs "The sign-in answer was meant for another address." "Compare the ACS URL (or logout URL) at the IdP with public_url, character by character.";
    ProtoIssuer "proto.issuer" 403 NotForUs "The sign-in answer came from an unexpected organisation." "The entityID at the IdP and in the imported metadata must be the same.";
    ProtoInResponseTo "proto.in_response_to" 403 TryAgain "This sign-in was not begun in this browser, or was finished before." "Usually a bookmark of the sign-in page, a very old tab, or a browser that drops the login cookie.";
    ProtoUnsolicited "proto.unsolicited" 403 TryAgain "Please begin at the application, not at your organisation's portal." "Set allow_idp_initiated for this identity provider to let people begin at its portal.";
    ProtoMixUp "proto.mix_up" 403 TryAgain "The sign-in answer came from another organisation than the one you chose." "The request was sent to another identity provider; treat this as an attack when it repeats.";
    ProtoAssertionCount "proto.assertion_count" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: send exactly one Assertion.";
    ProtoAudience "proto.audience" 403 NotForUs "The sign-in answer was meant for another application." "Compare the audience (entityID) at the IdP with saml.entity_id, character by character.";
    ProtoCondition "proto.condition" 403 NotForUs "The sign-in answer carries a condition that is not understood here." "IdP: remove the condition that is named in the audit record.";
    ProtoReplay "proto.replay" 403 TryAgain "This sign-in was used before." "Going back or reloading sends the same answer again; nothing to change unless it repeats.";
    TimeSyntax "time.syntax" 403 NotAuthentic "The sign-in answer could not be verified." "IdP: times are UTC, as in 2026-11-21T09:30:00Z.";
    TimeIssueInstant "time.issue_instant" 403 TryAgain "The sign-in answer did not arrive in time." "Compare the clocks of the IdP and of this gateway.";
    TimeNotYet "time.not_yet" 403 TryAgain "The sign-in answer is not valid yet." "Compare the clocks of the IdP and of this gateway.";
    TimeExpired "time.expired" 403 TryAgain "The sign-in answer did not arrive in time." "Compare the clocks of the IdP and of this gateway; otherwise signing in again helps.";
    TimeSession "time.session" 403 TryAgain "Your session at your organisation has ended." "IdP: SessionNotOnOrAfter lies in the past.";
    SubjectConfirmation "subject.confirmation" 403 NotForUs "The sign-in answer could not be accepted." "IdP: send a bearer SubjectConfirmation.";
    SubjectRecipient "subject.recipient" 403 NotForUs "The sign-in answer was meant for another address." "Compare the ACS URL (Recipient) at the IdP with public_url.";
    SubjectExpired "subject.expired" 403 TryAgain "The sign-in answer did not arrive in time." "Compare the clocks of the IdP and of this gateway; otherwise signing in again helps.";
    SubjectNotBefore "subject.not_before" 403 NotForUs "The sign-in answer could not be accepted." "IdP: a bearer SubjectConfirmationData carries no NotBefore.";
    SubjectMissing "subject.missing" 403 NotForUs "Your organisation did not say who you are." "IdP: send a NameID, or an attribute that `[attributes]` maps.";
    SubjectQualifier "subject.qualifier" 403 NotForUs "The sign-in answer could not be accepted." "IdP: NameQualifier and SPNameQualifier must name the IdP and this gateway.";
    AuthnMissing "authn.missing" 403 NotForUs "The sign-in answer could not be accepted." "IdP: switch the AuthnStatement on.";
    AuthnContext "authn.context" 403 NotForUs "You signed in by a method that is not enough here." "IdP: authenticate by one of the methods in authn_context.";
    AuthnAge "authn.age" 403 TryAgain "You signed in at your organisation too long ago for this page." "IdP: it has to ask the person again when our request has ForceAuthn; where it does and says another AuthnInstant, compare the clocks, or allow a longer age.";
    AuthnLink "authn.link" 400 BadRequest "This link asks for a way of signing in that is not known here." "The link asks by `authn_context` (`authnContextClassRef`) for what is enough for no route by name, is in no `[[idp]]` and is not above the weakest in `saml.authn_context_order`: add it there, or mend the link. `maximum` is for routes alone.";
    ValueRefused "value.refused" 403 NotForUs "Your organisation sent your details in a form that can not be used." "IdP: an identifier is empty, too long, or holds control characters or outer spaces.";
    ValueComplex "value.complex" 403 NotForUs "Your organisation sent your details in a form that can not be used." "IdP: send attribute values as text.";
    ValueDuplicate "value.duplicate" 403 NotForUs "Your organisation sent your details in a form that can not be used." "IdP: an attribute that can have one value came with several different ones.";
    ValueScope "value.scope" 403 NotForUs "Your organisation sent your details in a form that can not be used." "IdP: a scoped identifier ends in a scope that the metadata does not list (shibmd:Scope).";
    GroupsOverage "groups.overage" 403 NotForUs "Your organisation did not say which groups you are in, since there are too many." "IdP: it left the groups out (Entra ID does, above 150). Have it send only the groups that are assigned to this application, or provision people and groups by SCIM; `groups_overage` says what counts meanwhile.";
    UserNotProvisioned "user.not_provisioned" 403 NotForUs "You do not have an account here yet." "users.provisioning is \"scim\": provision the person, or set it to \"jit\".";
    UserDisabled "user.disabled" 403 NotForUs "Your account is switched off." "The person is not active in the user store.";
    UserConflict "user.conflict" 403 NotForUs "Your account belongs to another sign-in." "Another identity provider's person has this name or address. Are they one person? samlgate user link. Are they two? user_name_suffix of one of the two identity providers tells their names apart.";
    SessionMissing "session.missing" 401 TryAgain "You are not signed in." "Nothing to change.";
    SessionEnded "session.ended" 401 TryAgain "Your session has ended." "Nothing to change.";
    SessionLoop "session.loop" 403 TryAgain "You have signed in several times within a minute, and had to sign in again each time." "The session cookie does not come back: the browser blocks cookies, the application is opened by http or under another name than public_url, or a proxy takes Set-Cookie away. Where the log says that it came back: the application sends people to sign in who are signed in.";
    SessionHandover "session.handover" 403 TryAgain "Signing in here took too long, or was begun in another browser." "The code that hands a session over to another host counts once, for 60 seconds, on that host and in the browser that asked there. Usually a very old tab, or a browser that drops cookies.";
    FormGone "form.gone" 410 BadRequest "The form was sent already, or had to wait too long for you to sign in." "A form that came without a session is kept for 15 minutes, and sent once.";
    StoreUnavailable "store.unavailable" 503 Unavailable "Signing in is not possible at the moment." "The database does not answer; see the log.";
    AccessRole "access.role" 403 Forbidden "You are signed in, but may not open this page." "Grant a role that the route requires, by `[[role]]` or at the IdP.";
    AccessStepUp "access.step_up" 401 TryAgain "This page needs another kind of sign-in, or a more recent one." "Nothing to change: whoever follows login_url signs in as the route asks (authn_context, max_authn_age).";
    AccessMethod "access.method" 403 Forbidden "You are signed in, but may not do this here." "The route allows other methods only: `require.methods`.";
    AccessCrossSite "access.cross_site" 403 BadRequest "This request came from another site." "Send the form from a page of the same site.";
    AuthzPeer "authz.peer" 403 BadRequest "This address only answers the proxies of this site." "Add the proxy that asks to server.trusted_proxies.";
    AuthzRequest "authz.request" 400 BadRequest "The question can not be understood." "The front proxy must say method, scheme, host and path of the request, each once, as docs/forward-auth.md shows.";
    ProxyHost "proxy.host" 404 NotFound "There is no application at this address." "No `[[route]]` matches; compare host and path.";
    ProxyRequest "proxy.request" 400 BadRequest "The request can not be passed on." "The request has an ambiguous path or header; the log says which.";
    ProxyBodyTooLarge "proxy.body_too_large" 413 BadRequest "What you sent is too large." "Raise `max_body` of the route, or send less.";
    ProxyBodyTooSlow "proxy.body_too_slow" 408 BadRequest "What you sent came too slowly." "The network of the client, or a client that means harm; `timeouts.body` of the route says how slowly a body may come.";
    ProxyUpstream "proxy.upstream" 502 Unavailable "The application does not answer." "The upstream refused the connection or broke it off.";
    ProxyUpstreamTimeout "proxy.upstream_timeout" 504 Unavailable "The application takes too long to answer." "The upstream sent no answer in time.";
    HttpNotFound "http.not_found" 404 NotFound "There is no such page." "Compare the address with the documentation.";
    HttpMethod "http.method" 405 BadRequest "This address does not take this kind of request." "Compare the method with the documentation.";
    HttpHeadTooLarge "http.head_too_large" 431 BadRequest "What your browser sent with its request is too long: most often too many cookies." "A head may have 128 KiB and 100 lines. The application sets too many cookies, or the address is too long.";
    HttpTooMany "http.too_many" 429 TryAgain "Too many people, or one too often, have come from your network within a minute. Please wait a moment." "Raise `limits.sign_in`, `limits.acs` or `server.max_connections_per_client` if many people share an address, and name the proxies in front in `server.trusted_proxies`.";
    HttpOverloaded "http.overloaded" 503 Unavailable "There are too many visitors at the moment." "As many connections are open as `server.max_connections` or the limit of open files allows.";
    MetadataSyntax "md.syntax" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "The document is not SAML 2.0 metadata in well-formed XML.";
    MetadataFetch "md.fetch" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "The metadata URL does not answer with a document.";
    MetadataValidUntil "md.valid_until" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "IdP: publish metadata whose validUntil lies ahead.";
    MetadataEntity "md.entity" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "Choose an entityID that occurs once in the document.";
    MetadataEndpoint "md.endpoint" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "IdP: an https SingleSignOnService by HTTP-Redirect or HTTP-POST is needed.";
    MetadataSignature "md.signature" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "Whoever publishes the metadata: sign it by the key whose certificate is configured.";
    MetadataKey "md.key" 503 Unavailable "Your organisation's sign-in can not be used at the moment." "IdP: publish an RSA (2048 bits or more) or EC (P-256, P-384, P-521) signing certificate.";
    ConfigSyntax "config.syntax" 500 Internal "The gateway is not configured." "The configuration file is not TOML.";
    ConfigKey "config.key" 500 Internal "The gateway is not configured." "A key of the configuration is unknown.";
    ConfigValue "config.value" 500 Internal "The gateway is not configured." "A value of the configuration is missing or not possible.";
    Internal "internal" 500 Internal "Something went wrong on our side." "A fault in the gateway; the log has the details. Please report it.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_dotted_words_and_stands_once() {
        for (place, code) in ErrorCode::ALL.iter().enumerate() {
            let word = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte)
            };
            assert!(code.as_str().bytes().all(word), "{code}");
            assert_eq!(ErrorCode::find(code.as_str()), Some(*code));
            assert_eq!(
                ErrorCode::ALL.iter().position(|other| other == code),
                Some(place)
            );
        }
    }

    #[test]
    fn signature_and_decryption_failures_look_the_same_from_outside() {
        let shown = |code: ErrorCode| (code.status(), code.page(), code.public());
        for code in ErrorCode::ALL {
            let text = code.as_str();
            if text.starts_with("sig.") || text.starts_with("enc.") || text.starts_with("xml.") {
                assert_eq!(shown(*code), shown(ErrorCode::EncFailed), "{code}");
            }
        }
    }
}
