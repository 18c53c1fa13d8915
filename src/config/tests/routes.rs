//! `[[route]]`, `[limits]`, and what of `[server]` belongs to them.

use super::*;
use crate::access::{
    Balance, Condition, Ejection, FormPost, HealthCheck, HostMatch, Protocol, Route, Timeouts,
    Underscores,
};
use crate::base::ProxyProtocol;

fn the(more: &str) -> Route {
    good(&route(more)).config.routes[0].clone()
}

/// Exactly one mistake, at this key of the route.
#[track_caller]
fn wrong(more: &str, key: &str) {
    refused(&route(more), &format!("route[#1].{key}"));
}

#[track_caller]
fn warned(text: &str) -> Vec<String> {
    let warnings = good(text).warnings;
    let others = warnings.iter().filter(|warning| warning.path != "idp");
    others.map(|warning| warning.path.clone()).collect()
}

#[test]
fn what_is_not_written_is_as_the_manual_says() {
    let route = the("");
    assert_eq!(route.balance, Balance::RoundRobin);
    assert_eq!(
        route.ejection,
        Ejection { failures: 5, pause: Duration::from_secs(10) }
    );
    assert_eq!(route.timeouts, Timeouts::default());
    assert_eq!(route.timeouts.answer, Duration::from_secs(60));
    assert_eq!(
        (route.health, route.max_body, route.rewrite),
        (None, None, None)
    );
    assert_eq!(route.form_post, FormPost::Replay);
    assert_eq!(route.upstream_protocol, Protocol::Http1);
    let server = good(&minimal("")).config.server;
    assert_eq!(server.underscore_headers, Underscores::Refuse);
    assert_eq!(server.proxy_protocol, ProxyProtocol::Optional);
    assert_eq!(
        server.connections,
        ConnectionLimits { total: 10_000, per_client: None }
    );
    assert_eq!(
        (server.workers, server.shutdown_delay),
        (None, Duration::ZERO)
    );
    assert_eq!(
        (server.shutdown_grace, server.reuse_port),
        (Duration::from_secs(60), false)
    );
    assert_eq!(
        server.forward_auth,
        ForwardAuth { enabled: true, oauth2_proxy_paths: false }
    );
    let rate = good(&minimal("")).config.limits.sign_in.unwrap();
    assert_eq!((rate.count.get(), rate.per), (300, Duration::from_secs(60)));
}

#[test]
fn hosts_are_names_or_everything_below_one() {
    for host in [
        "*",
        "*example.com",
        "a*.example.com",
        "*.*.example.com",
        "a.*.example.com",
        "*.10.0.0.1",
        "https://app.example.com",
        "app.example.com:8443",
        "",
    ] {
        wrong(&format!("host = '{host}'"), "host");
    }
    wrong("host_header = 'app internal'", "host_header");
    let host = |host: &str| the(&format!("host = '{host}'")).host;
    assert_eq!(
        host("APP.example.com"),
        HostMatch::Exact("app.example.com".into())
    );
    assert_eq!(
        host("other.example"),
        HostMatch::Exact("other.example".into())
    );
    assert_eq!(
        host("*.Example.com"),
        HostMatch::Below("*.example.com".into())
    );
    assert_eq!(the("host = '*.example.com'").name, "*.example.com/");
}

#[test]
fn a_host_where_nobody_could_sign_in_is_for_public_routes_only() {
    let at = |more: &str| {
        let server = "[server]\npublic_url = \"http://localhost:8080\"\n";
        format!("{server}{ROUTE}{more}\n")
    };
    refused(&at("host = 'wiki.example.com'"), "route[#1].host");
    refused(&at("host = '*.example.com'"), "route[#1].host");
    good(&at("host = 'wiki.example.com'\npublic = true"));
    good(&at("host = 'wiki.localhost'"));
    good(&at("host = '*.localhost'"));
}

#[test]
fn public_paths_lie_below_the_path_of_their_route() {
    let paths = |value: &str| format!("path = '/app'\npublic_paths = {value}");
    let wrong = |value: &str| refused(&route(&paths(value)), "route[/app].public_paths");
    for value in [
        "'/other'",
        "'/apple'",
        "'/app'",
        "'app/x'",
        "['/app/x', '/app/x/']",
        "'/'",
    ] {
        wrong(value);
    }
    let found = good(&route(&paths("['/app/x/', 'exact:/app/y', 'exact:/app/']"))).config;
    assert_eq!(
        found.routes[0].public_paths,
        [
            PathMatch::Prefix("/app/x".into()),
            PathMatch::Exact("/app/y".into()),
            PathMatch::Exact("/app/".into()),
        ]
    );
    let text = route("path = 'exact:/a'\npublic_paths = 'exact:/a/b'");
    refused(&text, "route[exact:/a].public_paths");
    wrong_public("public_paths = '/x'", "public_paths");
    wrong_public("form_post = 'refuse'", "form_post");
    let two = format!("{}{ROUTE}path = '/x'\n", route("public_paths = '/x'"));
    refused(&two, "route[#1].public_paths");
}

#[track_caller]
fn wrong_public(more: &str, key: &str) {
    wrong(&format!("public = true\n{more}"), key);
}

#[test]
fn what_is_required_says_whether_one_or_all_of_it() {
    let require = |value: &str| {
        let text = route(&format!(
            "require = {value}\n[[role]]\nname = 'it'\ngroups = 'IT'\n{IDP}"
        ));
        good(&text).config.routes[0].require.clone()
    };
    let any = require("{ roles = 'it', groups = ['a', 'b'], attributes = { dept = ['x', 'y'] } }");
    assert_eq!((any.any.len(), any.all.len()), (4, 0));
    let all = require("{ roles = 'it', idp = ['corp'], match = 'all', methods = ['GET', 'POST'] }");
    assert_eq!((all.any.len(), all.all.len(), all.methods.len()), (0, 2, 2));
    assert!(matches!(&all.all[1], Condition::Idp(names) if names[0].as_str() == "corp"));
    let sign_in = require("{ authn_context = ['urn:a', 'urn:b'] }");
    assert_eq!(sign_in.any.len(), 1);
    assert_eq!(require("{ methods = 'GET' }").methods, [http::Method::GET]);

    // Whoever writes this means "both", and would get "either".
    wrong("require = { groups = 'x', idp = 'corp' }", "require");
    wrong(
        "require = { authn_context = 'urn:a', idp = 'corp' }",
        "require",
    );
    wrong("require = { match = 'all' }", "require");
    wrong(
        "require = { groups = 'x', match = 'every' }",
        "require.match",
    );
    wrong(
        "require = { groups = 'x', methods = ['get'] }",
        "require.methods",
    );
    wrong(
        "require = { groups = 'x', methods = ['TRACE'] }",
        "require.methods",
    );
    wrong(
        "require = { attributes = { dept = [] } }",
        "require.attributes",
    );
    wrong("require = { idp = ['Corp Login'] }", "require.idp");
    wrong(
        "require = { authn_context = 'mfa please' }",
        "require.authn_context",
    );
    assert_eq!(
        warned(&route("require = { idp = 'x' }")),
        ["route[#1].require.idp"]
    );
}

#[test]
fn upstreams_are_balanced_left_alone_and_asked() {
    let two =
        |more: &str| format!("{SERVER}[[route]]\nupstream = ['http://a', 'http://b']\n{more}\n");
    let route = |more: &str| good(&two(more)).config.routes[0].clone();
    assert_eq!(
        route("balance = 'least-requests'").balance,
        Balance::LeastRequests
    );
    assert_eq!(
        route("ejection = { failures = 2 }").ejection,
        Ejection { failures: 2, pause: Duration::from_secs(10) }
    );
    assert_eq!(
        route("health = { path = '/up?x=1', interval = '3s' }").health,
        Some(HealthCheck {
            path: "/up?x=1".into(),
            interval: Duration::from_secs(3),
            timeout: Duration::from_secs(2),
            healthy: 2,
            unhealthy: 3,
        })
    );
    for (more, key) in [
        ("balance = 'random'", "balance"),
        ("ejection = { failures = -1 }", "ejection.failures"),
        ("ejection = { failures = 1.5 }", "ejection.failures"),
        ("ejection = { pause = '0s' }", "ejection.pause"),
        ("health = {}", "health.path"),
        ("health = { path = 'up' }", "health.path"),
        ("health = { path = '/u p' }", "health.path"),
        (
            "health = { path = '/up', interval = '0s' }",
            "health.interval",
        ),
        ("health = { path = '/up', healthy = 0 }", "health.healthy"),
        ("timeouts = { answer = '0s' }", "timeouts.answer"),
        ("timeouts = { idle = 5 }", "timeouts.idle"),
        ("max_body = '10'", "max_body"),
        ("max_body = 10", "max_body"),
        ("upstream_protocol = 'h2'", "upstream_protocol"),
        ("upstream_tls = { server_name = 'app' }", "upstream_tls"),
    ] {
        refused(&two(more), &format!("route[#1].{key}"));
    }
    let route = |more: &str| format!("{SERVER}[[route]]\nupstream = {more}\n");
    refused(&route("['http://a', 'http://a:80']"), "route[#1].upstream");
    let many: Vec<_> = (0..65).map(|place| format!("'http://a{place}'")).collect();
    refused(
        &route(&format!("[{}]", many.join(", "))),
        "route[#1].upstream",
    );
    assert_eq!(
        warned(&super::route(
            "balance = 'least-requests'\nejection = { failures = 1 }"
        )),
        ["route[#1].balance", "route[#1].ejection"]
    );
    assert_eq!(the("max_body = '10MiB'").max_body, Some(10 << 20));
}

#[test]
fn paths_are_rewritten_in_one_way() {
    let app =
        |more: &str| format!("{SERVER}[[route]]\npath = '/app'\nupstream = 'http://a'\n{more}\n");
    let rewrite = |more: &str| good(&app(more)).config.routes[0].rewrite.clone();
    assert_eq!(rewrite("strip_prefix = true").as_deref(), Some(""));
    assert_eq!(rewrite("strip_prefix = false"), None);
    assert_eq!(rewrite("rewrite = '/'").as_deref(), Some(""));
    assert_eq!(rewrite("rewrite = '/v2/'").as_deref(), Some("/v2"));
    assert_eq!(the("rewrite = '/v2'").rewrite.as_deref(), Some("/v2"));
    for (more, key) in [
        ("strip_prefix = true\nrewrite = '/x'", "strip_prefix"),
        ("rewrite = 'x'", "rewrite"),
        ("rewrite = '/a/../b'", "rewrite"),
        ("rewrite = '/a?b'", "rewrite"),
        ("rewrite = 'exact:/a'", "rewrite"),
        ("rewrite = '/app'", "rewrite"),
    ] {
        refused(&app(more), &format!("route[/app].{key}"));
    }
    wrong("strip_prefix = true", "strip_prefix");
    wrong("rewrite = '/'", "rewrite");
}

#[test]
fn header_edits_say_nothing_about_people_or_framing() {
    let route = the(
        "request_headers = { set = { X-Tenant = 'north', Authorization = 'Basic YTpi' }, \
         remove = ['X-Debug'] }\nresponse_headers = { remove = 'Server' }",
    );
    assert_eq!(route.request_headers.set.len(), 2);
    assert_eq!(route.request_headers.remove, ["x-debug"]);
    assert_eq!(route.response_headers.remove, ["server"]);
    for name in [
        "Host",
        "Cookie",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Upgrade",
        "X-Forwarded-For",
        "X-Forwarded-Anything",
        "Forwarded",
        "X-Real-IP",
        "X-Request-Id",
        "Proxy",
        "Proxy-Authorization",
        "X-Original-URL",
        "X-Samlgate-Extra",
        "Sec-WebSocket-Key",
        "X_Tenant",
        "X Tenant",
        "",
    ] {
        let key = format!("request_headers.set.{name}");
        wrong(
            &format!("request_headers = {{ set = {{ \"{name}\" = 'x' }} }}"),
            &key,
        );
        wrong(
            &format!("request_headers = {{ remove = [\"{name}\"] }}"),
            "request_headers.remove",
        );
    }
    for name in [
        "Remote-User",
        "x-auth-request-email",
        "REMOTE-GROUPS",
        "Shib-Session-ID",
        "X-Dept",
    ] {
        for edit in [
            format!("set = {{ {name} = 'x' }}"),
            format!("remove = ['{name}']"),
        ] {
            // Of a profile that is off, or of another route.
            let other =
                format!("{ROUTE}path = '/b'\ncustom_headers = {{ X-Dept = 'department' }}\n");
            let text = format!(
                "{}{other}",
                super::route(&format!("request_headers = {{ {edit} }}"))
            );
            refused(&text, "route[#1].request_headers");
        }
    }
    for name in [
        "Set-Cookie",
        "Content-Encoding",
        "Transfer-Encoding",
        "Trailer",
    ] {
        let key = format!("response_headers.set.{name}");
        wrong(
            &format!("response_headers = {{ set = {{ {name} = 'x' }} }}"),
            &key,
        );
    }
    for value in ["a\\nb", " a", "\u{e9}", "a\\u0000"] {
        let text = format!("request_headers = {{ set = {{ X-A = \"{value}\" }} }}");
        wrong(&text, "request_headers.set.X-A");
    }
    wrong("request_headers = {}", "request_headers");
    wrong(
        "request_headers = { set = { X-A = 'a', x-a = 'b' } }",
        "request_headers.set.x-a",
    );
    wrong(
        "request_headers = { set = { X-A = 'a' }, remove = 'x-a' }",
        "request_headers.remove",
    );
    let shown = good(&super::route(
        "request_headers = { set = { Authorization = 'Basic YTpi' } }",
    ));
    assert!(shown.values.iter().all(|value| !value.display().contains("YTpi")));
}

/// Certificate and key, in PEM.
fn certificate(name: &str) -> (String, String) {
    let curve = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = openssl::ec::EcKey::generate(&curve).unwrap();
    let key = openssl::pkey::PKey::from_ec_key(key).unwrap();
    let now = Timestamp::parse_saml("2026-11-21T09:30:00Z").unwrap();
    let purpose = crate::base::certificate::KeyPurpose::Signing;
    let made = crate::base::certificate::self_signed(&key, name, purpose, now).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(made.to_pem().unwrap()),
        text(key.private_key_to_pem_pkcs8().unwrap()),
    )
}

#[test]
fn files_of_upstream_tls_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let made = |name: &str| {
        let made = certificate(name);
        (
            file(&format!("{name}.crt"), &made.0),
            file(&format!("{name}.key"), &made.1),
        )
    };
    let ((one, one_key), (_, other_key)) = (made("one"), made("other"));
    let empty = file("empty.pem", "");
    let tls = |value: &str| {
        format!("{SERVER}[[route]]\nupstream = 'https://app'\nupstream_tls = {{ {value} }}\n")
    };
    let found = good(&tls(&format!(
        "ca = '{one}', certificate = '{one}', key = '{one_key}', server_name = 'app.internal'"
    )));
    let found = found.config.routes[0].upstream_tls.clone().unwrap();
    assert!(found.ca.is_some() && found.identity.is_some());
    assert_eq!(found.server_name.as_deref(), Some("app.internal"));
    for (value, key) in [
        ("ca = 'none.pem'".to_owned(), "upstream_tls.ca"),
        (format!("ca = '{empty}'"), "upstream_tls"),
        (format!("ca = '{one_key}'"), "upstream_tls"),
        (format!("certificate = '{one}'"), "upstream_tls.certificate"),
        (format!("key = '{one_key}'"), "upstream_tls.key"),
        (
            format!("ca = '{one}', certificate = '{one}', key = '{other_key}'"),
            "upstream_tls",
        ),
        (
            format!("ca = '{one}', server_name = 'https://app'"),
            "upstream_tls.server_name",
        ),
        (String::new(), "upstream_tls"),
    ] {
        refused(&tls(&value), &format!("route[#1].{key}"));
    }
}

#[test]
fn origins_are_what_browsers_write() {
    let origins = ["https://app.example.com", "http://localhost:5173"];
    let found = good(&route(&format!("cors_origins = {origins:?}"))).config.routes;
    assert_eq!(found[0].cors_origins, origins);
    for wrong in [
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://App.example.com",
        "https://app.example.com:443",
        "https://*.example.com",
        "file:///tmp",
        "",
    ] {
        refused(
            &route(&format!("cors_origins = [{wrong:?}]")),
            "route[#1].cors_origins",
        );
    }
}

#[test]
fn a_body_has_its_time_or_all_the_time_it_wants() {
    let body = |value: &str| {
        let found = good(&route(&format!("timeouts = {{ body = {value:?} }}"))).config.routes;
        found[0].timeouts.body
    };
    assert_eq!(
        (body("5s"), body("0s")),
        (Duration::from_secs(5), Duration::ZERO)
    );
    assert_eq!(
        good(&minimal("")).config.routes[0].timeouts.body,
        Duration::from_secs(60)
    );
    refused(
        &route("timeouts = { body = \"1k\" }"),
        "route[#1].timeouts.body",
    );
}

#[test]
fn limits_are_rates_and_numbers() {
    let limits = good(&section("[limits]\nsign_in = '5/s'\nacs = 'off'")).config.limits;
    assert_eq!(limits.sign_in.unwrap().count.get(), 5);
    assert_eq!(limits.acs, None);
    for value in ["'5'", "'0/m'", "'5/d'", "5", "'-5/m'", "'+5/m'"] {
        refused(
            &section(&format!("[limits]\nscim = {value}")),
            "limits.scim",
        );
    }
    for (key, value) in [
        ("max_connections", "0"),
        ("max_connections", "'many'"),
        ("max_connections_per_client", "0"),
        ("workers", "0"),
        ("workers", "5000000000"),
        ("shutdown_delay", "10"),
        ("shutdown_grace", "'long'"),
        ("reuse_port", "'yes'"),
        ("underscore_headers", "'keep'"),
        ("proxy_protocol", "'required'"),
    ] {
        refused(
            &minimal(&format!("{key} = {value}")),
            &format!("server.{key}"),
        );
    }
    let server = good(&minimal("workers = 2\nmax_connections_per_client = 5")).config.server;
    assert_eq!(server.workers.unwrap().get(), 2);
    assert_eq!(server.connections.per_client, Some(5));
    let loaded = with_environment(&minimal(""), &[("SAMLGATE_SERVER__MAX_CONNECTIONS", "7")]);
    assert_eq!(loaded.unwrap().config.server.connections.total, 7);
    with_environment(&minimal(""), &[("SAMLGATE_SERVER__MAX_CONNECTIONS", "x")]).unwrap_err();
}

#[test]
fn forward_auth_needs_somebody_who_asks() {
    let text = |value: &str| minimal(&format!("forward_auth = {{ {value} }}"));
    refused(
        &text("enabled = false, oauth2_proxy_paths = true"),
        "server.forward_auth.oauth2_proxy_paths",
    );
    assert_eq!(
        warned(&text("oauth2_proxy_paths = true")),
        ["server.forward_auth"]
    );
    let trusting = format!(
        "{}\n",
        text("oauth2_proxy_paths = true")
            .replace("forward_auth", "trusted_proxies = '10.0.0.1'\nforward_auth",)
    );
    assert!(warned(&trusting).is_empty());
    assert!(good(&trusting).config.server.forward_auth.oauth2_proxy_paths);
}

/// Every example of the page on routes, as it stands there.
#[test]
fn the_examples_of_the_page_on_routes_work() {
    let page = include_str!("../../../docs/routes.md");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate("app.internal");
    for (name, text) in [
        ("internal-ca.crt", &certificate),
        ("client.crt", &certificate),
        ("client.key", &key),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut examples = 0;
    for rest in page.split("```toml\n").skip(1) {
        let text = rest.split("```").next().unwrap();
        let text = text.replace("certs/", &format!("{}/", folder.path().display()));
        let server = if text.contains("[server]") {
            ""
        } else {
            SERVER
        };
        assert_eq!(warned(&format!("{server}{text}")), [""; 0], "{text}");
        examples += 1;
    }
    assert_eq!(examples, 11);
    // Every key of a route is in one of them.
    let section = keys::section("route").unwrap();
    for key in section
        .keys
        .iter()
        .filter(|key| !["name", "custom_headers"].contains(&key.name))
    {
        assert!(
            page.contains(&format!("{} =", key.name))
                || page.contains(&format!("[route.{}]", key.name)),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_route_asks_for_a_sign_in() {
    use crate::access::StepUp;
    use crate::saml::asked::Comparison;

    const ORDER: &str = "\n[saml]\nauthn_context_order = ['urn:a', 'urn:b']";
    assert_eq!(the("").step_up, None);
    let text = "authn_context = 'urn:b'\nauthn_context_comparison = 'minimum'\n\
                max_authn_age = '15m'\nforce_authn = true";
    let order = ["urn:a".to_owned(), "urn:b".to_owned()];
    let age = Some(Duration::from_secs(900));
    let wanted = StepUp::new(
        vec!["urn:b".to_owned()],
        Comparison::Minimum,
        &order,
        age,
        true,
    );
    assert_eq!(the(&format!("{text}{ORDER}")).step_up, wanted.unwrap());
    for (text, path) in [
        ("authn_context = 'mfa please'", "authn_context"),
        ("authn_context = []", "authn_context"),
        (
            "authn_context_comparison = 'minimum'",
            "authn_context_comparison",
        ),
        (
            "authn_context = 'urn:x'\nauthn_context_comparison = 'minimum'",
            "authn_context_comparison",
        ),
        (
            "authn_context = 'urn:b'\nauthn_context_comparison = 'better'\n[saml]\nauthn_context_order = ['urn:a', 'urn:b']",
            "authn_context_comparison",
        ),
        ("max_authn_age = 15", "max_authn_age"),
        ("public = true\nmax_authn_age = '15m'", "max_authn_age"),
        ("public = true\nauthn_context = 'urn:a'", "authn_context"),
    ] {
        wrong(text, path);
    }
    let twice = "[saml]\nauthn_context_order = ['urn:a', 'urn:a']";
    refused(&route(twice), "saml.authn_context_order");
}

#[test]
fn a_route_that_no_answer_of_an_identity_provider_opens_is_a_warning() {
    let about = |route: &str, idp: &str| {
        let order = "[saml]\nauthn_context_order = ['urn:a', 'urn:b', 'urn:c']";
        let idps = format!(
            "[[idp]]\nname = 'corp'\nmetadata = 'https://idp.example.com/m'\n{idp}\n\
             [[idp]]\nname = 'free'\nmetadata = 'https://free.example.com/m'"
        );
        warned(&super::route(&format!("{route}\n{idps}\n{order}")))
    };
    let only_a = "authn_context = ['urn:a']";
    let path = "route[#1].authn_context".to_owned();
    for (route, idp, unreachable) in [
        ("authn_context = 'urn:b'", only_a, true),
        ("authn_context = 'urn:x'", only_a, true),
        (
            "authn_context = 'urn:a'\nauthn_context_comparison = 'better'",
            only_a,
            true,
        ),
        (
            "authn_context = 'urn:b'\nauthn_context_comparison = 'minimum'",
            only_a,
            true,
        ),
        (
            "authn_context = 'urn:b'\nauthn_context_comparison = 'maximum'",
            only_a,
            false,
        ),
        ("authn_context = ['urn:a', 'urn:b']", only_a, false),
        (
            "authn_context = 'urn:b'",
            "authn_context = ['urn:a', 'urn:b']",
            false,
        ),
        (
            "authn_context = 'urn:b'\nauthn_context_comparison = 'minimum'",
            "authn_context = ['urn:a', 'urn:c']",
            false,
        ),
        ("authn_context = 'urn:b'", "", false),
        ("max_authn_age = '15m'", only_a, false),
        // Nobody of theirs is meant.
        (
            "authn_context = 'urn:b'\nrequire = { idp = 'free' }",
            only_a,
            false,
        ),
        (
            "authn_context = 'urn:b'\nrequire = { idp = ['free', 'corp'] }",
            only_a,
            true,
        ),
        (
            "authn_context = 'urn:b'",
            "authn_context = ['urn:a']\nenabled = false",
            false,
        ),
    ] {
        let expected = if unreachable {
            vec![path.clone()]
        } else {
            vec![]
        };
        assert_eq!(about(route, idp), expected, "{route} / {idp}");
    }
}
