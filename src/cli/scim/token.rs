//! What the commands about tokens share.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::base::Timestamp;
use crate::cli::output;
use crate::config::{Config, parse_duration};
use crate::directory::{ScimToken, Scopes};

/// `--expires`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expires {
    /// `never`
    Never,
    /// `365d`
    After(Duration),
}

impl FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let duration = parse_duration(text).filter(|duration| !duration.is_zero());
        duration
            .map(Self::After)
            .ok_or_else(|| "write a duration such as 365d or 12h, or never".to_owned())
    }
}

impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::After(duration) => write!(f, "{}d", duration.as_secs() / 86_400),
        }
    }
}

impl Expires {
    /// From when on a token is good for nothing.
    pub(super) fn from(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::After(duration) => Some(now.plus(duration)),
        }
    }
}

/// `--overlap`: also a bare 0.
pub(super) fn overlap(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => parse_duration(text)
            .ok_or_else(|| "write a duration such as 24h or 7d, or 0 for at once".to_owned()),
    }
}

/// `users, groups, read-only`
pub(super) fn scopes(scopes: Scopes) -> String {
    let words = [
        (scopes.users, "users"),
        (scopes.groups, "groups"),
        (scopes.read_only, "read-only"),
    ];
    let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    words.join(", ")
}

/// Says where a token is entered.
pub(super) fn say_where(config: &Config, token: &ScimToken, now: Timestamp) {
    let until = match token.expires {
        None => "does not expire".to_owned(),
        Some(expires) => {
            let days = expires.days_left(now);
            format!("is good until {} ({days} days)", expires.to_saml())
        }
    };
    let (id, connection) = (&token.id, &token.connection);
    output::note(&format!(
        "token {id} of the connection {connection} {until}; it is not shown again"
    ));
    let base = base_url(config);
    output::note(&format!("base URL: {base}"));
    output::hint(&format!(
        "Entra ID: Tenant URL {base}?aadOptscim062020, Secret Token is the token"
    ));
    output::hint(&format!(
        "Okta: SCIM connector base URL {base}, Unique identifier field userName, \
         Authentication Mode HTTP Header, Authorization is the token"
    ));
    output::hint("others: the base URL, and the token as OAuth bearer token (API token)");
    if !config.scim.enabled {
        output::warning("scim.enabled is false: nobody can provision anything");
    }
}

/// Where provisioning clients connect.
pub(super) fn base_url(config: &Config) -> String {
    let own = config.sp.public_url.to_string();
    format!("{}/scim/v2", own.trim_end_matches('/'))
}
