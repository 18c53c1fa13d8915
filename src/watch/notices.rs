//! The list of what ends → what administrators are told of it, step by step.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::{DAY, Expiry, What, drift, stale};
use crate::base::Timestamp;
use crate::notice::Notice;
use crate::saml::Vendor;
use crate::saml::metadata::{IdpMetadata, KeyAges};
use crate::trust::IdpSettings;

/// All of these keys begin with it.
pub const PREFIX: &str = "expiry/";
/// And of these.
pub const TRAP: &str = "idp-certificates/";

impl Expiry {
    /// What it is about, without the step: `expiry/idp_certificate/corp/signing/1f0e…`.
    pub fn key(&self) -> String {
        // The next document of the same is not another thing to be told of.
        let digits: String = match self.what {
            What::Metadata => "until".to_owned(),
            _ => self.fingerprint.chars().take(16).collect(),
        };
        let (what, owner, key_use) = (self.what.as_str(), &self.owner, &self.key_use);
        let owner = owner.replace('/', ":");
        format!("{PREFIX}{what}/{owner}/{key_use}/{digits}")
    }

    /// Which step is due: the smallest number of days that has been reached, 0 when it has ended.
    ///
    /// Not due is what was made for less time than that. Certificates for TLS are renewed when a
    /// third of their time is left, and nobody has to hear of them before. Of what is fetched anew all
    /// the time nobody hears before it has ended ([`super::renewed`] says where it is not).
    pub fn due(&self, days: &[u32], now: Timestamp) -> Option<u32> {
        if self.what == What::ScimToken {
            // Whoever looks after the connections says so.
            return None;
        }
        if self.has_ended(now) {
            return Some(0);
        }
        if self.renews {
            return None;
        }
        let left = self.not_after.since(now);
        let lifetime = self.not_before.map(|begin| self.not_after.since(begin));
        let times = if self.what == What::TlsCertificate {
            3
        } else {
            1
        };
        let reached = |step: &u32| {
            let step = DAY.saturating_mul(*step);
            left <= step && lifetime.is_none_or(|life| life > step.saturating_mul(times))
        };
        days.iter().copied().filter(reached).min()
    }

    /// What is said at a step.
    pub fn notice(&self, step: u32, now: Timestamp) -> Notice {
        let end = self.not_after.to_saml();
        let when = match step {
            0 => format!("ended at {end}"),
            1 => format!("ends within a day, at {end}"),
            step => format!("ends within {step} days, at {end}"),
        };
        let (owner, key_use, subject) = (&self.owner, &self.key_use, &self.subject);
        let thing = match self.what {
            What::IdpCertificate => format!("the {key_use} certificate of {owner} ({subject})"),
            What::OwnCertificate => format!("our {key_use} certificate ({subject})"),
            What::TlsCertificate => format!("the TLS certificate of {owner} ({subject})"),
            What::Metadata => format!("the metadata of {owner} ({subject})"),
            What::MetadataSigner => {
                format!("the certificate by which the metadata of {owner} is verified ({subject})")
            }
            What::ScimToken => format!("the {subject} of the connection {owner}"),
            What::JwtKey => "the second year of the key of the identity header".to_owned(),
            What::Exception => format!("{key_use} of {owner}"),
        };
        Notice {
            key: format!("{}/{step}", self.key()),
            text: format!("{thing} {when}"),
            advice: self.remedy.clone(),
            detail: json!({
                "what": self.what.as_str(), "owner": owner, "use": key_use, "subject": subject,
                "fingerprint": self.fingerprint, "days": step, "expires": end,
            }),
            at: now,
        }
    }
}

/// Entra's trap: a certificate has ended, and a valid one stands beside it.
///
/// Entra ID signs by the other one at once, whether somebody has made it active or not: whoever has
/// given only the active one to a service provider is locked out that night. We take every
/// certificate of the metadata, so that nothing fails here; and we say so, since elsewhere it does.
pub fn trap(settings: &IdpSettings, metadata: &IdpMetadata, now: Timestamp) -> Option<Notice> {
    if !settings.enabled || metadata.key_ages(now) != KeyAges::Mixed {
        return None;
    }
    let signing = || metadata.listed_keys.iter().filter(|key| key.key_use.signs());
    let ended = signing().filter(|key| key.certificate.not_after() <= now);
    let ended = &ended.max_by_key(|key| key.certificate.not_after())?.certificate;
    let valid = signing().filter(|key| key.certificate.is_current(now));
    let valid = &valid.max_by_key(|key| key.certificate.not_after())?.certificate;
    let name = &settings.name;
    let (end, until) = (ended.not_after().to_saml(), valid.not_after().to_saml());
    let does = match metadata.vendor {
        Vendor::Entra => {
            "Entra ID signs by the other one now, whether somebody has made it active or not"
        }
        _ => "it should sign by the other one now",
    };
    let advice = match metadata.vendor {
        Vendor::Entra => {
            "sign-ins go on here, since samlgate takes every certificate of the metadata; in Entra ID make the valid one active, and remove the one that ended"
        }
        _ => {
            "sign-ins go on here, since samlgate takes every certificate of the metadata; tell its administrator to remove the one that ended"
        }
    };
    let digits = |fingerprint: &str| fingerprint.chars().take(16).collect::<String>();
    Some(Notice {
        key: format!("{TRAP}{name}/{}", digits(ended.fingerprint())),
        text: format!(
            "a signing certificate of {name} ended at {end}, and another one is valid until {until}: \
             {does}"
        ),
        advice: advice.to_owned(),
        detail: json!({
            "idp": name, "ended": ended.fingerprint(), "ended_at": end,
            "valid": valid.fingerprint(), "valid_until": until,
        }),
        at: now,
    })
}

/// The same list for those who are told: what many identity providers have from one address ends for
/// all of them at once, and is one thing to be told of. Of the document that is the earliest end.
pub fn by_source(expiries: &[Expiry], idps: &[(&IdpSettings, &IdpMetadata)]) -> Vec<Expiry> {
    let sources: HashMap<&str, &str> = idps
        .iter()
        .filter_map(|(settings, _)| Some((settings.name.as_str(), settings.fetched_from()?)))
        .collect();
    let thing = |expiry: &'_ Expiry| match expiry.what {
        What::Metadata => Some(String::new()),
        What::MetadataSigner => Some(expiry.fingerprint.clone()),
        _ => None,
    };
    let source = |expiry: &Expiry| {
        let url = sources.get(expiry.owner.as_str())?;
        Some((expiry.what, *url, thing(expiry)?))
    };
    let mut shared: HashMap<_, usize> = HashMap::new();
    for source in expiries.iter().filter_map(source) {
        let count = shared.entry(source).or_default();
        *count = count.saturating_add(1);
    }
    shared.retain(|_, count| *count > 1);
    let mut told: HashSet<_> = HashSet::new();
    let mut list = Vec::with_capacity(expiries.len());
    // The earliest end comes first in the list.
    for expiry in expiries {
        let of = source(expiry).and_then(|source| Some((shared.get(&source)?, source)));
        match of {
            None => list.push(expiry.clone()),
            Some((count, source)) => {
                let url = source.1;
                if !told.insert(source) {
                    continue;
                }
                let (subject, remedy) = match expiry.what {
                    What::MetadataSigner => (
                        format!("{}; {count} identity providers", expiry.subject),
                        format!(
                            "ask whoever signs {url} for the next certificate, and import again with \
                             both in the file of --metadata-signing-certificate"
                        ),
                    ),
                    _ => (format!("{count} identity providers"), expiry.remedy.clone()),
                };
                list.push(Expiry { owner: url.to_owned(), subject, remedy, ..expiry.clone() });
            }
        }
    }
    list
}

/// What is to be told now.
pub fn due(
    expiries: &[Expiry],
    idps: &[(&IdpSettings, &IdpMetadata)],
    days: &[u32],
    now: Timestamp,
) -> Vec<Notice> {
    let mut notices: Vec<Notice> = idps
        .iter()
        .filter_map(|(settings, metadata)| trap(settings, metadata, now))
        .collect();
    for expiry in expiries {
        // Said as Entra's trap, which says more.
        let is_followed = expiry.what == What::IdpCertificate && expiry.successor.is_some();
        match expiry.due(days, now) {
            Some(0) if is_followed => {}
            Some(step) => notices.push(expiry.notice(step, now)),
            None => {}
        }
    }
    notices.sort_by_key(Notice::urgent_at);
    notices
}

/// Whether a notice tells of what one node alone sees: a file of it, or its clock.
pub fn is_local(key: &str) -> bool {
    let tls = key
        .strip_prefix(PREFIX)
        .and_then(|key| key.strip_prefix(What::TlsCertificate.as_str()));
    key.starts_with(drift::PREFIX) || tls.is_some_and(|key| key.starts_with('/'))
}

/// For how long after it was raised a notice is not told again, when it was cleared in between.
pub fn quiet(key: &str) -> Duration {
    let again = key.starts_with(drift::PREFIX)
        || key.starts_with(stale::PREFIX)
        || key.starts_with(&format!("{PREFIX}{}/", What::Metadata.as_str()));
    // Anything else has in its key which certificate it is, and a step of that comes once.
    DAY.saturating_mul(if again { 1 } else { 90 })
}

/// Which notices are over: what they tell of is gone, or a later step says more.
pub fn over<'n>(standing: &'n [Notice], expiries: &[Expiry], due: &[Notice]) -> Vec<&'n str> {
    // Of a federation there are thousands of each: nobody is looked for among all others.
    let is_due: HashSet<&str> = due.iter().map(|due| due.key.as_str()).collect();
    let mut steps: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (about, step) in due.iter().filter_map(|due| due.key.rsplit_once('/')) {
        steps.entry(about).or_default().insert(step);
    }
    let of_trap = |due: &'_ Notice| due.key.starts_with(TRAP);
    let traps: HashSet<&str> = due
        .iter()
        .filter(|due| of_trap(due))
        .filter_map(|due| due.key.rsplit('/').next())
        .collect();
    // A newer document has the same key.
    let lasting = expiries.iter().filter(|expiry| expiry.what != What::Metadata);
    let lasting: HashSet<String> = lasting.map(Expiry::key).collect();
    let is_over = |notice: &&Notice| {
        let key = notice.key.as_str();
        if is_due.contains(key) {
            return false;
        }
        if key.starts_with(TRAP) {
            return true;
        }
        let Some((about, step)) = key.rsplit_once('/').filter(|_| key.starts_with(PREFIX)) else {
            return false;
        };
        let is_told = lasting.contains(about);
        let later = steps.get(about).is_some_and(|said| said.iter().any(|said| *said != step));
        // Of the same certificate, Entra's trap.
        let trapped = traps.contains(about.rsplit('/').next().unwrap_or_default());
        !is_told || later || trapped
    };
    standing.iter().filter(is_over).map(|notice| notice.key.as_str()).collect()
}
