//! RelayState, and where a person goes by it: what is ours is read as it was written, and no browser
//! ends up elsewhere.

use std::sync::LazyLock;

use samlgate::access::normalise;
use samlgate::base::Entropy;
use samlgate::base::PublicUrl;
use samlgate::base::ReturnTo;
use samlgate::base::entropy::token;
use samlgate::base::url::OWN_PATHS;
use samlgate::saml::binding::relay_state::RelayState;
use url::Url;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for own in OWN.iter() {
        sorts(text, own);
        returns(text, own);
    }
}

static OWN: LazyLock<[PublicUrl; 3]> = LazyLock::new(|| {
    [
        "https://app.example.com",
        "https://login.example.com:8443",
        "http://127.0.0.1:8080",
    ]
    .map(|text| PublicUrl::parse(text).expect("an address"))
});

fn sorts(text: &str, own: &PublicUrl) {
    match RelayState::sort(Some(text), own) {
        RelayState::Handle(handle) => {
            assert_eq!(
                handle, text,
                "a handle is what was given out, to the letter"
            );
            assert_eq!(handle.len(), 43);
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(handle.bytes().all(safe));
        }
        RelayState::Page(page) => {
            let written = page.as_str();
            assert!(
                text == written || text.starts_with(own.as_str()),
                "{text:?} is {written}"
            );
            let again = RelayState::sort(Some(written), own);
            assert_eq!(again, RelayState::Page(page.clone()));
            let there = followed(written, own);
            assert_eq!(
                there.origin().ascii_serialization(),
                own.as_str(),
                "{text:?}"
            );
            assert!(!is_own(there.path()), "{text:?} leads to a page of ours");
            let path = written.split(['?', '#']).next().unwrap_or_default();
            if let Ok(normal) = normalise(path) {
                assert!(!is_own(&normal), "{text:?} is a page of ours");
            }
        }
        RelayState::Ignored => {}
    }
}

/// The address in a `Location`, and as a link on one of our pages.
fn followed(written: &str, own: &PublicUrl) -> Url {
    assert!(
        written.bytes().all(|byte| byte.is_ascii_graphic()),
        "{written:?}"
    );
    let here = Url::parse(own.as_str()).and_then(|here| here.join("/saml/acs")).expect("ours");
    here.join(written).expect("an address")
}

fn is_own(path: &str) -> bool {
    OWN_PATHS.iter().any(|own| {
        path.strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn returns(text: &str, own: &PublicUrl) {
    let routed = |host: &str| host == "wiki.example.com" || host.ends_with(".apps.example.com");
    let Some(to) = ReturnTo::parse(text, own, routed) else {
        return;
    };
    let written = to.to_string();
    assert_eq!(
        ReturnTo::parse(&written, own, routed).as_ref(),
        Some(&to),
        "once more"
    );
    assert_eq!(
        ReturnTo::from_stored(&written).as_ref(),
        Some(&to),
        "from the store"
    );
    let there = followed(&written, own);
    let here = Url::parse(own.as_str()).expect("ours");
    assert_eq!(there.scheme(), here.scheme(), "{text:?}");
    assert_eq!(
        there.port_or_known_default(),
        here.port_or_known_default(),
        "{text:?}"
    );
    assert!(
        there.username().is_empty() && there.password().is_none(),
        "{text:?}"
    );
    let host = there.host_str().unwrap_or_default();
    match to.site() {
        None => assert_eq!(host, own.host(), "{text:?}"),
        Some(site) => assert!(
            host == site.host() && routed(host),
            "{text:?} leads to {host}"
        ),
    }
}

/// Always the same: a handle that is a seed.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0xa7);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "/reports?q=1#part",
        "/",
        "https://app.example.com/reports",
        "https://login.example.com:8443/x",
        "http://127.0.0.1:8080/a",
        "https://wiki.example.com:8443/a?b=https://evil.example/",
        "https://WIKI.example.com:8443",
        "https://x.apps.example.com/",
        "https://wiki.example.com:8443@evil.example/",
        "https://evil.example\\.wiki.example.com/",
        "//evil.example",
        "/\\evil.example",
        "/%2e%2e//evil.example",
        "/x/..//evil.example",
        "/.samlgate/sign_out",
        "/%2esamlgate/form?k=1",
        "/x/../saml/logout",
        "javascript:alert(1)",
    ];
    let handle = token(&Fixed).into_bytes();
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([handle]).collect()
}
