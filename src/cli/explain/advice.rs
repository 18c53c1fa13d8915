//! What to try next with a message that was refused.

use super::explanation::{Facts, Refused};
use super::walk::Walk;
use crate::base::ErrorCode;

impl Walk<'_> {
    /// What to try next.
    pub(super) fn advise(&mut self, error: &Refused) {
        let issued = self.facts.as_ref().and_then(Facts::issued);
        let advice = match (error.code, issued) {
            (
                ErrorCode::TimeIssueInstant
                | ErrorCode::TimeNotYet
                | ErrorCode::TimeExpired
                | ErrorCode::TimeSession
                | ErrorCode::SubjectExpired,
                Some(issued),
            ) if issued != self.now => format!(
                "it was checked at {}; --at {issued} checks it when it was made",
                self.now
            ),
            (ErrorCode::ProtoUnsolicited, _) => {
                "--set allow_idp_initiated=true shows the rest".to_owned()
            }
            (ErrorCode::IdpDisabled, _) => "--set enabled=true shows the rest".to_owned(),
            (ErrorCode::EncCbcUnsigned, _) => {
                "--set allow_cbc_in_unsigned_response=true shows the rest".to_owned()
            }
            (ErrorCode::SigC14n | ErrorCode::SigTransform, _) if says_inclusive_c14n(error) => {
                "that is inclusive C14N: --set allow_inclusive_c14n=true shows the rest".to_owned()
            }
            (ErrorCode::IdpUnknown, _) if self.known.registry.all().len() > 1 => {
                "whom the gateway had asked is not known here; name that one alone, by \
                 --idp-metadata"
                    .to_owned()
            }
            (ErrorCode::SigAlgorithm | ErrorCode::SigDigestAlgorithm, _)
                if self.says_sha1(error) =>
            {
                "--set allow_sha1_until=DAY, with a day that lies ahead, shows the rest".to_owned()
            }
            (ErrorCode::EncFailed, _) if self.known.decryption_keys.iter().next().is_none() => {
                "there is no key to decrypt with: add --decrypt-key".to_owned()
            }
            _ => return,
        };
        self.notes.push(advice);
    }

    fn says_sha1(&self, error: &Refused) -> bool {
        let found = error.values.found.as_deref().unwrap_or_default();
        found.ends_with("#rsa-sha1") || found.ends_with("#sha1")
    }
}

/// Both of its versions, and nothing else that is not accepted.
fn says_inclusive_c14n(error: &Refused) -> bool {
    const INCLUSIVE: &[&str] = &[
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    ];
    let found = error.values.found.as_deref().unwrap_or_default();
    let last = found.split_ascii_whitespace().last().unwrap_or_default();
    found.split_ascii_whitespace().count() <= 2 && INCLUSIVE.contains(&last)
}
