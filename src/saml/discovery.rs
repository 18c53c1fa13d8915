//! SAML Discovery Service protocol (SSTC, Committee Specification 01, March 2008): another site asks
//! the person which identity provider is theirs, and sends them back with the answer.
//!
//! In: the address of that site, and a page of ours. Out: the address to send the browser to, and
//! later what came back. Promised: people only ever come back to a page of ours, since it is made
//! from [`PublicUrl`] and a path and from nothing that a request says; and what comes back is a name
//! that anybody could have written, which chooses among the identity providers that are known
//! here and does nothing else.

use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

use super::binding::query::MAX_QUERY;
use crate::base::url::is_loopback;
use crate::base::{ErrorCode, PublicUrl};

/// Core 8.3.6: no entityID is longer.
const MOST: usize = 1024;

/// `urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol:single`, the one policy (2.4.1) and
/// what is meant without one: at most one identity provider comes back.
pub const SINGLE: &str = "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol:single";

/// A site that asks people for their identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryService(Url);

/// What is wrong about an address, or an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// People would be sent there in the clear.
    #[error("the discovery service is no https address")]
    Address,
    /// Section 2.4.1: they would be told apart by nobody.
    #[error("its address has a parameter {0} of its own, which this protocol needs")]
    Taken(String),
    /// More than one choice.
    #[error("there is more than one {0} in the answer")]
    Twice(String),
    /// Not an entityID.
    #[error("the answer is no entityID: it has {0} bytes, or control characters")]
    EntityId(usize),
    /// More than an address can have.
    #[error("the answer is too long")]
    Long,
}

impl DiscoveryError {
    /// `config.value` for an address, `binding.discovery` for an answer.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Address | Self::Taken(_) => ErrorCode::ConfigValue,
            Self::Twice(_) | Self::EntityId(_) | Self::Long => ErrorCode::BindingDiscovery,
        }
    }
}

/// Whether the person may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// They may (the default).
    Allowed,
    /// They must not see anything: only what the site remembers counts (`isPassive`).
    Passive,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryRequest<'a> {
    /// Our entityID.
    pub entity_id: &'a str,
    /// What browsers see of us.
    pub own: &'a PublicUrl,
    /// Our page that takes the answer: a path below `own`.
    pub page: &'a str,
    /// What that page needs to know when they come back, as one parameter: a name and a value.
    pub state: Option<(&'a str, &'a str)>,
    /// In which parameter the answer comes (`returnIDParam`); `entityID` without.
    pub return_id_param: Option<&'a str>,
    /// Whether the person may be asked.
    pub asking: Asking,
    /// How the site chooses (`policy`); [`SINGLE`] without.
    pub policy: Option<&'a str>,
}

/// `entityID`, as the answer's parameter when nothing else is said (2.4.1).
pub const RETURN_ID_PARAM: &str = "entityID";

impl DiscoveryService {
    /// Reads its address: `https`, or `http` on loopback.
    ///
    /// ```
    /// use samlgate::saml::discovery::DiscoveryService;
    /// assert!(DiscoveryService::parse("https://ds.example.org/wayf?lang=de").is_ok());
    /// assert!(DiscoveryService::parse("http://ds.example.org/wayf").is_err());
    /// assert!(DiscoveryService::parse("https://ds.example.org/?return=x").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, DiscoveryError> {
        let url = Url::parse(text).map_err(|_| DiscoveryError::Address)?;
        let host = url.host_str().ok_or(DiscoveryError::Address)?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => is_loopback(host),
            _ => false,
        };
        let bare =
            url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if !secure || !bare {
            return Err(DiscoveryError::Address);
        }
        const OURS: [&str; 5] = ["entityID", "return", "returnIDParam", "policy", "isPassive"];
        if let Some((name, _)) = url.query_pairs().find(|(name, _)| OURS.contains(&&**name)) {
            return Err(DiscoveryError::Taken(name.into_owned()));
        }
        Ok(Self(url))
    }

    /// Where to send the browser.
    pub fn url(&self, request: &DiscoveryRequest<'_>) -> String {
        let mut url = self.0.clone();
        {
            let mut pairs = url.query_pairs_mut();
            pairs
                .append_pair("entityID", request.entity_id)
                .append_pair("return", &request.return_url());
            if let Some(policy) = request.policy {
                pairs.append_pair("policy", policy);
            }
            if let Some(param) = request.return_id_param {
                pairs.append_pair("returnIDParam", param);
            }
            if request.asking == Asking::Passive {
                pairs.append_pair("isPassive", "true");
            }
        }
        url.into()
    }
}

impl DiscoveryRequest<'_> {
    /// Where the browser comes back to.
    fn return_url(&self) -> String {
        let mut url = self.own.join(self.page);
        let param = self.return_id_param.unwrap_or(RETURN_ID_PARAM);
        // 2.4.1: the parameter of the answer is not in the address already.
        if let Some((name, value)) = self.state.filter(|(name, _)| *name != param) {
            let encode =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let separator = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{separator}{}={}", encode(name), encode(value));
        }
        url
    }
}

/// What came back, for which nobody vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// This entityID. It is looked up among those that are known here, and refused otherwise
    /// (`idp.unknown`).
    Idp(String),
    /// None: nobody was asked, or the person did not want to say (2.4.2).
    Nobody,
}

impl Chosen {
    /// Reads the raw query with which the browser came back.
    ///
    /// ```
    /// use samlgate::saml::discovery::{Chosen, RETURN_ID_PARAM};
    /// let read = |query| Chosen::read(query, RETURN_ID_PARAM);
    /// let idp = Chosen::Idp("https://idp.example.com/metadata".to_owned());
    /// assert_eq!(read("s=1&entityID=https%3A%2F%2Fidp.example.com%2Fmetadata"), Ok(idp));
    /// assert_eq!(read("s=1"), Ok(Chosen::Nobody));
    /// assert!(read("entityID=a&entityID=b").is_err());
    /// ```
    pub fn read(query: &str, return_id_param: &str) -> Result<Self, DiscoveryError> {
        if query.len() > MAX_QUERY {
            return Err(DiscoveryError::Long);
        }
        let mut chosen = None;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if decoded(name).as_deref() != Some(return_id_param) {
                continue;
            }
            if chosen.replace(value).is_some() {
                return Err(DiscoveryError::Twice(return_id_param.to_owned()));
            }
        }
        let Some(value) = chosen.filter(|value| !value.is_empty()) else {
            return Ok(Self::Nobody);
        };
        let refused = || DiscoveryError::EntityId(value.len());
        let entity_id = decoded(value).ok_or_else(refused)?;
        if entity_id.len() > MOST || entity_id.chars().any(char::is_control) {
            return Err(refused());
        }
        Ok(Self::Idp(entity_id))
    }
}

/// Percent-decoded, `+` as a space; `None` if that is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DS: &str = "https://ds.example.org/wayf";

    fn own() -> PublicUrl {
        PublicUrl::parse("https://app.example.com").unwrap()
    }

    fn request(own: &PublicUrl) -> DiscoveryRequest<'_> {
        DiscoveryRequest {
            entity_id: "https://app.example.com/saml/metadata",
            own,
            page: "/.samlgate/discovered",
            state: None,
            return_id_param: None,
            asking: Asking::Allowed,
            policy: None,
        }
    }

    fn pairs(url: &str) -> Vec<(String, String)> {
        Url::parse(url).unwrap().query_pairs().into_owned().collect()
    }

    #[test]
    fn people_are_sent_there_and_come_back_to_a_page_of_ours() {
        let own = own();
        let ds = DiscoveryService::parse(&format!("{DS}?lang=de")).unwrap();
        assert_eq!(
            ds.url(&request(&own)),
            "https://ds.example.org/wayf?lang=de\
             &entityID=https%3A%2F%2Fapp.example.com%2Fsaml%2Fmetadata\
             &return=https%3A%2F%2Fapp.example.com%2F.samlgate%2Fdiscovered"
        );
        let whole = DiscoveryRequest {
            state: Some(("rd", "/reports?a=1&b=2#x")),
            return_id_param: Some("idp"),
            asking: Asking::Passive,
            policy: Some(SINGLE),
            ..request(&own)
        };
        let found = pairs(&DiscoveryService::parse(DS).unwrap().url(&whole));
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["entityID", "return", "policy", "returnIDParam", "isPassive"]
        );
        assert_eq!(found[2].1, SINGLE);
        assert_eq!((found[3].1.as_str(), found[4].1.as_str()), ("idp", "true"));
        let back = &found[1].1;
        assert!(
            back.starts_with("https://app.example.com/.samlgate/discovered?rd="),
            "{back}"
        );
        assert_eq!(
            pairs(back),
            [("rd".to_owned(), "/reports?a=1&b=2#x".to_owned())]
        );
    }

    #[test]
    fn the_parameter_of_the_answer_is_never_in_the_address_before() {
        let own = own();
        let both = DiscoveryRequest { state: Some(("entityID", "x")), ..request(&own) };
        assert_eq!(
            both.return_url(),
            "https://app.example.com/.samlgate/discovered"
        );
    }

    #[test]
    fn an_address_that_can_not_be_used_is_config_value() {
        for text in [
            "",
            "ds.example.org",
            "http://ds.example.org/",
            "javascript:alert(1)",
            "https://user@ds.example.org/",
            "https://ds.example.org/#x",
            "https://ds.example.org/?entityID=x",
            "https://ds.example.org/?a=b&isPassive=true",
        ] {
            let error = DiscoveryService::parse(text).unwrap_err();
            assert_eq!(error.code().as_str(), "config.value", "{text}");
        }
        assert!(DiscoveryService::parse("http://127.0.0.1:8080/ds").is_ok());
    }

    #[test]
    fn an_answer_that_is_no_choice_is_binding_discovery() {
        let code = |query: &str| Chosen::read(query, "idp").map_err(|error| error.code().as_str());
        let long = format!("idp={}", "x".repeat(1025));
        let endless = "x".repeat(MAX_QUERY + 1);
        for query in [
            "idp=a&idp=b",
            "idp=&idp=b",
            "idp=a&%69dp=b",
            "idp=%ff",
            "idp=a%0d",
            &long,
            &endless,
        ] {
            assert_eq!(code(query), Err("binding.discovery"), "{query}");
        }
        assert_eq!(code("idp="), Ok(Chosen::Nobody));
        assert_eq!(code("idp"), Ok(Chosen::Nobody));
        assert_eq!(code(""), Ok(Chosen::Nobody));
        assert_eq!(code("entityID=a"), Ok(Chosen::Nobody));
        assert_eq!(
            code("x=1&idp=urn%3Aa+b"),
            Ok(Chosen::Idp("urn:a b".to_owned()))
        );
        assert!(code(long.split_at(1028).0).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_the_state_is_people_come_back_to_us(name in ".{0,20}", value in ".{0,200}") {
            let own = own();
            let whole = DiscoveryRequest { state: Some((&name, &value)), ..request(&own) };
            let url = DiscoveryService::parse(DS).unwrap().url(&whole);
            let found = pairs(&url);
            prop_assert_eq!(found.len(), 2);
            let back = Url::parse(&found[1].1).unwrap();
            prop_assert_eq!(back.origin(), Url::parse(own.as_str()).unwrap().origin());
            prop_assert_eq!(back.path(), "/.samlgate/discovered");
            prop_assert_eq!(back.fragment(), None);
        }

        #[test]
        fn no_answer_panics_or_is_long(query in ".{0,300}") {
            if let Ok(Chosen::Idp(entity_id)) = Chosen::read(&query, "entityID") {
                prop_assert!(!entity_id.is_empty() && entity_id.len() <= MOST);
            }
        }
    }
}
