//! Whose product is behind this metadata? Seen by the addresses that only it uses.

use super::endpoint::Endpoint;
use crate::saml::vendor::Vendor;

type Rule<'a> = (Vendor, &'a dyn Fn(&str) -> bool);

/// The vendor, by entityID and sign-on addresses; `Generic` when nothing is typical.
pub(super) fn recognise(entity_id: &str, sign_on: &[Endpoint]) -> Vendor {
    let addresses = || sign_on.iter().map(|endpoint| endpoint.location.as_str()).chain([entity_id]);
    let any = |test: &dyn Fn(&str) -> bool| addresses().any(test);
    let host_ends = |suffix: &'static str| {
        move |address: &str| {
            let host = address.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next());
            host.is_some_and(|host| {
                host.strip_suffix(suffix)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        }
    };
    let has = |part: &'static str| move |address: &str| address.contains(part);
    let rules: [Rule<'_>; 20] = [
        (Vendor::Okta, &has("://www.okta.com/")),
        (Vendor::Okta, &host_ends("okta.com")),
        (Vendor::Okta, &host_ends("oktapreview.com")),
        (Vendor::Okta, &host_ends("okta-emea.com")),
        (Vendor::Entra, &host_ends("sts.windows.net")),
        (Vendor::Entra, &host_ends("login.microsoftonline.com")),
        (Vendor::Entra, &host_ends("login.microsoftonline.us")),
        (Vendor::Google, &has("://accounts.google.com/o/saml2")),
        (Vendor::JumpCloud, &host_ends("sso.jumpcloud.com")),
        (Vendor::Adfs, &has("/adfs/services/trust")),
        (Vendor::Adfs, &has("/adfs/ls")),
        (Vendor::Keycloak, &has("/protocol/saml")),
        (Vendor::OneLogin, &host_ends("onelogin.com")),
        (Vendor::Ping, &host_ends("pingone.com")),
        (Vendor::Ping, &has("/idp/SSO.saml2")),
        (Vendor::Auth0, &host_ends("auth0.com")),
        (Vendor::Shibboleth, &has("/idp/profile/SAML2/")),
        (Vendor::Shibboleth, &has("/idp/shibboleth")),
        (Vendor::SimpleSaml, &has("/saml2/idp/SSOService.php")),
        (Vendor::SimpleSaml, &has("/module.php/saml/idp/")),
    ];
    rules
        .iter()
        .find(|(_, test)| any(*test))
        .map_or(Vendor::Generic, |(vendor, _)| *vendor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::metadata::Binding;

    #[test]
    fn vendors_are_recognised_by_addresses_that_only_they_use() {
        let cases = [
            (
                "http://www.okta.com/exk1",
                "https://acme.okta.com/app/x/exk1/sso/saml",
                Vendor::Okta,
            ),
            (
                "https://sts.windows.net/1/",
                "https://login.microsoftonline.com/1/saml2",
                Vendor::Entra,
            ),
            (
                "https://accounts.google.com/o/saml2?idpid=C0",
                "https://accounts.google.com/o/saml2/idp?idpid=C0",
                Vendor::Google,
            ),
            (
                "JumpCloud",
                "https://sso.jumpcloud.com/saml2/app",
                Vendor::JumpCloud,
            ),
            (
                "http://fs.example.com/adfs/services/trust",
                "https://fs.example.com/adfs/ls/",
                Vendor::Adfs,
            ),
            (
                "https://k.example.com/realms/r",
                "https://k.example.com/realms/r/protocol/saml",
                Vendor::Keycloak,
            ),
            (
                "https://app.onelogin.com/saml/metadata/1",
                "https://acme.onelogin.com/trust/saml2/http-post/sso/1",
                Vendor::OneLogin,
            ),
            (
                "https://notokta.com/x",
                "https://evilokta.com/sso",
                Vendor::Generic,
            ),
            (
                "https://idp.example.com/idp/shibboleth",
                "https://idp.example.com/idp/profile/SAML2/POST/SSO",
                Vendor::Shibboleth,
            ),
        ];
        for (entity_id, location, vendor) in cases {
            let location = location.to_owned();
            let sign_on = [Endpoint { binding: Binding::Post, location, response_location: None }];
            assert_eq!(recognise(entity_id, &sign_on), vendor, "{entity_id}");
        }
    }
}
