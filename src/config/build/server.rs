//! `[server]`, `[admin]` and `[saml]`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::access::Underscores;
use crate::base::{Listen, NonEmpty, ProxyProtocol, PublicUrl, RoleName, Secret, TlsFiles};
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::config::settings::{AdminSettings, ConnectionLimits, ForwardAuth, ServerSettings};
use crate::saml::discovery::DiscoveryService;
use crate::saml::{Family, ServiceProvider};

/// `server.public_url`; needed by almost everything else.
pub(in crate::config) fn public_url(reader: &mut Reader, server: &Scope<'_>) -> Option<PublicUrl> {
    reader.parsed(server, "public_url", |text| {
        PublicUrl::parse(text).map_err(|error| {
            let hint =
                "write scheme and host as browsers show them, such as https://app.example.com";
            Complaint::new(format!("\"{text}\": {error}"), hint)
        })
    })
}

/// The rest of `[server]`.
pub(in crate::config) fn server(reader: &mut Reader, scope: &Scope<'_>) -> Option<ServerSettings> {
    let before = reader.problems.len();
    let listen = reader.parsed_list(scope, "listen", listen_address);
    for (place, address) in listen.iter().enumerate() {
        if listen.iter().take(place).any(|earlier| earlier == address) {
            let message = format!("{address} stands there twice");
            reader.wrong_at(
                scope,
                "listen",
                Complaint::new(message, "remove one of them"),
            );
        }
    }
    let trusted_proxies = reader.parsed_list(scope, "trusted_proxies", network);
    if trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
        let complaint = Complaint::new(
            "trusts every address: anyone can claim to be any client",
            "name the networks of your proxies",
        );
        reader.warn_at(scope, "trusted_proxies", complaint);
    }
    let tls = tls(reader, scope);
    let listen = NonEmpty::from_vec(listen);
    if listen.is_none() && reader.problems.len() == before {
        let complaint = Complaint::new(
            "names no address",
            "for example `listen = \"0.0.0.0:8080\"`",
        );
        reader.wrong_at(scope, "listen", complaint);
    }
    let proxy_protocol = proxy_protocol(reader, scope, &trusted_proxies);
    let underscores = [("refuse", Underscores::Refuse), ("drop", Underscores::Drop)];
    let underscore_headers = reader.choice(scope, "underscore_headers", &underscores);
    let total = reader.integer(scope, "max_connections", 1..=1_000_000);
    let per_client = reader.integer(scope, "max_connections_per_client", 1..=1_000_000);
    let shutdown_delay = reader.duration(scope, "shutdown_delay");
    let shutdown_grace = reader.duration(scope, "shutdown_grace");
    let reuse_port = reader.boolean(scope, "reuse_port");
    let workers = reader.integer(scope, "workers", 1..=1024);
    let workers = workers.and_then(|workers| usize::try_from(workers).ok());
    let forward_auth = forward_auth(reader, scope, &trusted_proxies);
    Some(ServerSettings {
        listen: listen?,
        trusted_proxies,
        tls,
        proxy_protocol: proxy_protocol?,
        underscore_headers: underscore_headers?,
        shutdown_delay: shutdown_delay?,
        shutdown_grace: shutdown_grace?,
        reuse_port: reuse_port?,
        workers: workers.and_then(NonZeroUsize::new),
        connections: ConnectionLimits { total: total?, per_client },
        forward_auth: forward_auth?,
    })
}

fn proxy_protocol(
    reader: &mut Reader,
    scope: &Scope<'_>,
    trusted: &[IpNet],
) -> Option<ProxyProtocol> {
    let choices = [
        ("optional", ProxyProtocol::Optional),
        ("required", ProxyProtocol::Required),
        ("off", ProxyProtocol::Off),
    ];
    let chosen = reader.choice(scope, "proxy_protocol", &choices);
    if chosen == Some(ProxyProtocol::Required) && trusted.is_empty() {
        let complaint = Complaint::new(
            "is \"required\", and there are no trusted_proxies who could speak it",
            "name their addresses in trusted_proxies",
        );
        reader.wrong_at(scope, "proxy_protocol", complaint);
    }
    chosen
}

fn forward_auth(reader: &mut Reader, scope: &Scope<'_>, trusted: &[IpNet]) -> Option<ForwardAuth> {
    let Some(inner) = reader.inner(scope, "forward_auth") else {
        return Some(ForwardAuth { enabled: true, oauth2_proxy_paths: false });
    };
    let enabled = reader.boolean(&inner, "enabled")?;
    let oauth2_proxy_paths = reader.boolean(&inner, "oauth2_proxy_paths")?;
    if oauth2_proxy_paths && !enabled {
        let complaint = Complaint::new(
            "is true, and forward_auth is not enabled",
            "remove `enabled = false`, or this",
        );
        reader.wrong_at(&inner, "oauth2_proxy_paths", complaint);
    }
    if enabled && trusted.is_empty() {
        let complaint = Complaint::new(
            "is enabled, and there are no trusted_proxies: nobody may ask",
            "name the addresses of the proxies in trusted_proxies",
        );
        reader.warn_at(scope, "forward_auth", complaint);
    }
    Some(ForwardAuth { enabled, oauth2_proxy_paths })
}

/// `server.templates`.
pub(in crate::config) fn templates(reader: &mut Reader, scope: &Scope<'_>) -> Option<PathBuf> {
    reader.parsed(scope, "templates", |text| {
        let path = PathBuf::from(not_empty(text)?);
        match path.is_dir() {
            true => Ok(path),
            false => Err(Complaint::new(
                format!("{text} is not a folder"),
                "name a folder, or remove the key to use the built-in pages",
            )),
        }
    })
}

fn listen_address(text: &str) -> Result<Listen, Complaint> {
    Listen::parse(text).ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not an address to listen on"),
            "write address:port such as 0.0.0.0:8080 or [::]:8080, or unix:/run/samlgate.sock",
        )
    })
}

fn network(text: &str) -> Result<IpNet, Complaint> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
        Complaint::new(
            format!("\"{text}\" is not a network"),
            "write an address and a prefix length such as 10.0.0.0/8 or fd00::/8",
        )
    })
}

fn tls(reader: &mut Reader, scope: &Scope<'_>) -> Option<TlsFiles> {
    let tls = reader.inner(scope, "tls")?;
    let certificate = reader.parsed(&tls, "certificate", readable);
    let key = reader.parsed(&tls, "key", readable);
    Some(TlsFiles { certificate: certificate?, key: key? })
}

/// A file that can be read now.
pub(in crate::config) fn readable(text: &str) -> Result<PathBuf, Complaint> {
    let path = Path::new(not_empty(text)?);
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    let hint = "relative paths start in the folder in which samlgate is started";
    match opened {
        Ok(metadata) if metadata.is_file() => Ok(path.to_owned()),
        Ok(_) => Err(Complaint::new(format!("{text} is not a file"), hint)),
        Err(error) => Err(Complaint::new(
            format!("{text} can not be read: {error}"),
            hint,
        )),
    }
}

/// `admin.listen`; also for `samlgate health`, which needs nothing else.
pub(in crate::config) fn admin_listen(
    reader: &mut Reader,
    admin: &Scope<'_>,
) -> Option<SocketAddr> {
    reader.parsed(admin, "listen", |text| {
        text.parse().map_err(|_| {
            Complaint::new(
                format!("\"{text}\" is not an address to listen on"),
                "write address:port such as 127.0.0.1:9090",
            )
        })
    })
}

/// `[admin]`.
pub(in crate::config) fn admin(
    reader: &mut Reader,
    scope: &Scope<'_>,
    server: Option<&ServerSettings>,
) -> Option<AdminSettings> {
    let listen = admin_listen(reader, scope);
    let roles = reader.parsed_list(scope, "roles", role_name);
    let public = server.map(|server| server.listen.iter()).into_iter().flatten();
    let public = public.filter_map(|listen| match listen {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) => None,
    });
    // Port 0 asks the system for any free port, and can not clash.
    if listen.is_some_and(|own| own.port() != 0 && public.into_iter().any(|other| other == own)) {
        let complaint = Complaint::new(
            "is the address of server.listen, which everybody can reach",
            "give the admin listener an address of its own",
        );
        reader.wrong_at(scope, "listen", complaint);
    }
    // Nobody can guess what nobody could remember.
    let token = reader.parsed(scope, "token", |text| {
        let complaint = |message| Complaint::new(message, "draw one: openssl rand -hex 32");
        match text.len() {
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(complaint(
                "has characters that do not belong in a header".to_owned(),
            )),
            0..SHORTEST => Err(complaint(format!("has fewer than {SHORTEST} characters"))),
            _ => Ok(Secret::new(text.to_owned())),
        }
    });
    Some(AdminSettings { listen: listen?, roles, token })
}

/// Characters of `admin.token`.
const SHORTEST: usize = 32;

/// A name of a role.
pub(in crate::config) fn role_name(text: &str) -> Result<RoleName, Complaint> {
    RoleName::parse(text).ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not the name of a role"),
            "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit",
        )
    })
}

/// `saml.legacy_paths`.
pub(in crate::config) fn legacy_paths(reader: &mut Reader, scope: &Scope<'_>) -> Vec<Family> {
    reader.choices(scope, "legacy_paths", &Family::ALL)
}

/// `[saml]`: who we are, and where our keys lie.
pub(in crate::config) fn saml(
    reader: &mut Reader,
    scope: &Scope<'_>,
    public_url: Option<&PublicUrl>,
) -> Option<ServiceProvider> {
    let entity_id = reader.parsed(scope, "entity_id", entity_id);
    let clock_skew = clock_skew(reader, scope);
    let public_url = public_url?.clone();
    let derived = public_url.join("/saml/metadata");
    reader.derived(scope, "entity_id", &derived);
    let entity_id = entity_id.unwrap_or(derived);
    Some(ServiceProvider {
        public_url,
        entity_id,
        clock_skew: clock_skew?,
        other_acs: None,
    })
}

/// `saml.discovery`: the service that asks people for their identity provider.
pub(in crate::config) fn discovery(
    reader: &mut Reader,
    scope: &Scope<'_>,
) -> Option<DiscoveryService> {
    reader.parsed(scope, "discovery", |text| {
        DiscoveryService::parse(text).map_err(|error| {
            let hint = "write its https address, without parameters of this protocol";
            Complaint::new(format!("\"{text}\": {error}"), hint)
        })
    })
}

/// `saml.authn_context_order`: the ways of signing in, from the weakest to the strongest.
pub(in crate::config) fn context_order(reader: &mut Reader, scope: &Scope<'_>) -> Vec<String> {
    let order = reader.parsed_list(scope, "authn_context_order", uri);
    let twice = order
        .iter()
        .enumerate()
        .find(|(place, class)| order.iter().take(*place).any(|earlier| earlier == *class));
    if let Some((_, class)) = twice {
        let complaint = Complaint::new(format!("{class} stands there twice"), "remove one of them");
        reader.wrong_at(scope, "authn_context_order", complaint);
    }
    order
}

/// A `clock_skew`, which no key may set above 300 s.
pub(in crate::config) fn clock_skew(reader: &mut Reader, scope: &Scope<'_>) -> Option<Duration> {
    let skew = reader.duration(scope, "clock_skew")?;
    if skew > ServiceProvider::MAX_CLOCK_SKEW {
        let complaint = Complaint::new(
            format!("is {} s, and may be at most 300 s", skew.as_secs()),
            "set the clocks by NTP instead; 180s is plenty",
        );
        reader.wrong_at(scope, "clock_skew", complaint);
        return None;
    }
    Some(skew)
}

/// An entityID. Core 8.3.6: a URI of at most 1024 characters.
pub(in crate::config) fn entity_id(text: &str) -> Result<String, Complaint> {
    if text.chars().count() > 1024 {
        return Err(Complaint::new(
            "is longer than 1024 characters",
            "SAML allows no more (core 8.3.6)",
        ));
    }
    uri(text)
}

/// Any absolute URI, taken as it stands.
pub(in crate::config) fn uri(text: &str) -> Result<String, Complaint> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    match plain && Url::parse(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(
            format!("\"{text}\" is not a URI"),
            "write an absolute one such as https://app.example.com/saml/metadata or urn:example:app",
        )),
    }
}
