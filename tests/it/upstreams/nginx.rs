//! nginx as an application that says how it was asked.

use std::fmt::Write as _;
use std::process::Command;

use tempfile::TempDir;

use super::authority::Authority;
use crate::support::ports;
use crate::support::process::Process;

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Http2,
    Tls,
    TlsHttp2,
    Unix,
    UnixHttp2,
}

/// One nginx with several servers, `0` and so on.
pub(super) struct Nginx {
    kind: Kind,
    folder: TempDir,
    authority: Authority,
    ports: Vec<u16>,
    /// Behind them: reads a body, and says how long it was.
    inner: u16,
    process: Process,
}

impl Kind {
    pub(super) const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsHttp2)
    }

    /// The line of a route that says so.
    pub(super) const fn protocol(self) -> &'static str {
        match self {
            Self::Http2 | Self::TlsHttp2 | Self::UnixHttp2 => "upstream_protocol = \"http2\"",
            Self::Plain | Self::Tls | Self::Unix => "",
        }
    }
}

impl Nginx {
    pub(super) async fn start(kind: Kind, servers: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let (authority, at) = (Authority::new(), folder.path().display().to_string());
        let ports: Vec<u16> = (0..servers).map(|_| ports::free()).collect();
        let inner = ports::free();
        let mut text: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        for (server, port) in ports.iter().enumerate() {
            let file = |name: &str| authority.file(name).display().to_string();
            let tls = match kind.is_tls() {
                true => format!(
                    "ssl_certificate {};\nssl_certificate_key {};\nssl_client_certificate {};\n\
                     ssl_verify_client on;\n",
                    file("app.crt"),
                    file("app.key"),
                    file("ca.crt"),
                ),
                false => String::new(),
            };
            let says = match kind.is_tls() {
                true => "$ssl_server_name $ssl_client_s_dn $ssl_client_verify",
                false => "- - -",
            };
            let listen = match kind {
                Kind::Plain => format!("127.0.0.1:{port}"),
                Kind::Http2 => format!("127.0.0.1:{port} http2"),
                Kind::Tls => format!("127.0.0.1:{port} ssl"),
                Kind::TlsHttp2 => format!("127.0.0.1:{port} ssl http2"),
                Kind::Unix => format!("unix:{at}/{server}.sock"),
                Kind::UnixHttp2 => format!("unix:{at}/{server}.sock http2"),
            };
            writeln!(
                text,
                "server {{\nlisten {listen};\n{tls}\
                 location / {{ return 200 \"{server} $server_protocol {says} $request_uri\\n\"; }}\n\
                 location = /health {{\nif (-f {at}/{server}.sick) {{ return 503; }}\nreturn 204;\n}}\n\
                 location = /length {{\nproxy_pass http://127.0.0.1:{inner};\n}}\n}}",
            )
            .unwrap();
        }
        // Reads a body and says how long it was.
        writeln!(
            text,
            "server {{\nlisten 127.0.0.1:{inner};\nlocation / {{\nreturn 200 \"$http_content_length\\n\";\n}}\n}}",
        )
        .unwrap();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{text}}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let process = run(&at);
        let mut nginx = Self { kind, folder, authority, ports, inner, process };
        nginx.listening().await;
        nginx
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// As a route names them.
    pub(super) fn upstreams(&self) -> Vec<String> {
        let at = self.folder.path().display();
        let named = |(server, port): (usize, &u16)| match self.kind {
            Kind::Plain | Kind::Http2 => format!("http://127.0.0.1:{port}"),
            Kind::Tls | Kind::TlsHttp2 => format!("https://127.0.0.1:{port}"),
            Kind::Unix | Kind::UnixHttp2 => format!("unix:{at}/{server}.sock"),
        };
        self.ports.iter().enumerate().map(named).collect()
    }

    /// From now on a server answers well, or not, when it is asked how it is.
    pub(super) fn is_sick(&self, server: usize, sick: bool) {
        let mark = self.folder.path().join(format!("{server}.sick"));
        match sick {
            true => std::fs::write(mark, "").unwrap(),
            false => std::fs::remove_file(mark).unwrap(),
        }
    }

    pub(super) async fn stop(&mut self) {
        self.process.stop().await;
    }

    pub(super) async fn start_again(&mut self) {
        self.process = run(&self.folder.path().display().to_string());
        self.listening().await;
    }

    async fn listening(&mut self) {
        self.process.listening_on(self.inner).await;
    }
}

fn run(folder: &str) -> Process {
    let mut command = Command::new("/usr/sbin/nginx");
    let config = format!("{folder}/nginx.conf");
    command.args(["-p", folder, "-e", "stderr", "-c", &config]);
    Process::start("nginx", &mut command)
}
