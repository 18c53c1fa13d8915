//! What a client can do to a connection.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::loopback;
use super::world::raw;
use super::world::read_until;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use samlgate::base::Listen;
use samlgate::http::server::Listener;
use samlgate::http::server::Patience;
use samlgate::http::tls::Tls;
use samlgate::tasks::Supervisor;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nx",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a/\r\nConnection: close\r\n\r\n",
        "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nConnection: close\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    assert!(heads.try_recv().is_err(), "nothing of it arrives");
}

#[tokio::test]
async fn two_lengths_are_refused_and_nothing_behind_them_is_read() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "transfer-encoding:chunked\r\nX: y\r\nCONTENT-LENGTH:0",
        "Content-Length: 44\r\nTransfer-Encoding: chunked",
    ] {
        let head = format!("POST /one HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}");
        // Read to its end: the connection is closed after one answer.
        let answer = world.exchange(head.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(heads.try_recv().is_err());
    }
    // After other requests on the same connection, with and without a body.
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut stream, "\r\n\r\nok").await;
        heads.recv().await.unwrap();
    }
    let lengths = "Content-Length: 5\r\nTransfer-Encoding: chunked";
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "proxy.request").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_name_that_could_be_read_as_another_is_refused() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for name in ["Remote_User", "x_anything", "Content_Length"] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: 1\r\nConnection: close\r\n\r\n");
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer}");
    }
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let head = |size| {
        let long = "x".repeat(size);
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\nConnection: close\r\n\r\n")
    };
    let fits = world.exchange(head(60_000).as_bytes()).await;
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    // It may close before it has read everything.
    let _ = stream.write_all(head(200_000).as_bytes()).await;
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn whoever_sends_slowly_is_cut_off() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let patience = Patience { head: Duration::from_millis(300), ..Patience::default() };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    for begun in ["", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nHost: a\r\nX: "] {
        let answer = world.exchange(begun.as_bytes()).await;
        assert!(!answer.contains("200"), "{begun:?}: {answer}");
    }
}

#[tokio::test]
async fn a_slow_answer_to_a_short_request_is_not_cut_off() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Response::new(Body::from("late"))
    })
    .await;
    let patience = Patience { head: Duration::from_millis(200), ..Patience::default() };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    for head in [
        "PUT / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.ends_with("late"), "{answer}");
    }
}

#[tokio::test]
async fn what_has_begun_ends_before_the_server_does() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Response::new(Body::from("done"))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut idle = TcpStream::connect(world.gateway).await.unwrap();
    let mut busy = TcpStream::connect(world.gateway).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, "done").await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.supervisor.finish(SOON).await);
    let mut answers = String::new();
    busy.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("done").count(), 2, "{answers}");
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap(), 0);
    assert!(TcpStream::connect(world.gateway).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Listener::bind(loopback(), None).await.unwrap();
    let refused = Listener::bind(first.address(), None).await.unwrap_err();
    assert_eq!(refused.address, first.address());
    assert_eq!(refused.source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(refused.to_string().contains(&first.address().to_string()));
}

#[tokio::test]
async fn a_unix_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let address = Listen::Unix(folder.path().join("samlgate.sock"));
    let Listen::Unix(path) = &address else {
        unreachable!()
    };
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let listener = Listener::bind(address.clone(), None).await.unwrap();
    assert!(Listener::bind(address.clone(), None).await.is_err());
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_connection_may_wait_for_its_next_request_longer_than_for_its_first() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let head = Duration::from_millis(100);
    let patience = Patience { head, idle: head * 8, ..Patience::default() };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    for pause in [head, head * 4, head * 4] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        read_until(&mut stream, "ok").await;
        tokio::time::sleep(pause).await;
    }
    let closed = tokio::time::timeout(SOON, stream.read(&mut [0; 10])).await;
    assert_eq!(closed.expect("it stays open for good").unwrap(), 0);
}

#[tokio::test]
async fn a_trusted_proxy_may_say_whose_bytes_it_passes_on() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let header = "PROXY TCP4 192.0.2.1 10.0.0.1 51000 443\r\n";
    let get = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n";
    let world = Set { trusted: &["127.0.0.0/8"], ..Set::before(vec![tcp(app)]) }.start().await;
    for (begin, from) in [(header, "192.0.2.1"), ("", "1.2.3.4, 127.0.0.1")] {
        let answer = world.exchange(format!("{begin}{get}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let arrived = heads.recv().await.unwrap();
        assert!(
            arrived.contains(&format!("\r\nx-forwarded-for: {from}\r\n")),
            "{arrived}"
        );
    }
    let world = Set::before(vec![tcp(app)]).start().await;
    let answer = world.exchange(format!("{header}{get}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn certificate(folder: &std::path::Path, name: &str) -> (Tls, openssl::x509::X509) {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::x509::X509;
    use openssl::x509::X509Name;
    use openssl::x509::extension::SubjectAlternativeName;
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = openssl::bn::BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
    let alternative = SubjectAlternativeName::new()
        .dns(name)
        .build(&builder.x509v3_context(None, None));
    builder.append_extension(alternative.unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    let (certificate_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate_file, certificate.to_pem().unwrap()).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    (
        Tls::load(&certificate_file, &key_file).unwrap(),
        certificate,
    )
}

async fn handshake(
    world: &super::world::World,
    name: &'static str,
    trusted: &openssl::x509::X509,
    protocol: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.to_der().unwrap().into()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(world.gateway).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name.try_into().unwrap(), stream).await
}

#[tokio::test]
async fn tls_speaks_both_versions_and_changes_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, first) = certificate(folder.path(), "app.example.com");
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let listen = Some((loopback(), Some(tls.clone())));
    let world = Set { listen, ..Set::before(vec![tcp(app)]) }.start().await;

    let mut stream = handshake(&world, "app.example.com", &first, b"http/1.1").await.unwrap();
    stream
        .write_all(b"GET /1 HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "ok").await;
    heads.recv().await.unwrap();

    let stream = handshake(&world, "app.example.com", &first, b"h2").await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tasks.run(async move {
        let _ = connection.await;
    });
    let request = http::Request::post("https://app.example.com/2")
        .header("cookie", "a=1")
        .header("cookie", "__Host-samlgate=token")
        .header("cookie", "b=2")
        .header("remote-user", "mallory")
        .body(Body::from("hello"))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let arrived = heads.recv().await.unwrap();
    assert!(arrived.starts_with("POST /2 HTTP/1.1\r\n"), "{arrived}");
    assert_eq!(
        arrived.matches("\r\nhost: app.example.com\r\n").count(),
        1,
        "{arrived}"
    );
    assert!(arrived.contains("\r\ncookie: a=1; b=2\r\n"), "{arrived}");
    assert!(arrived.contains("\r\nremote-user: alice\r\n"), "{arrived}");
    assert!(arrived.contains("hello"), "{arrived}");

    let (_, second) = certificate(folder.path(), "new.example.com");
    assert!(handshake(&world, "new.example.com", &second, b"h2").await.is_err());
    tls.reload().unwrap();
    assert!(handshake(&world, "new.example.com", &second, b"h2").await.is_ok());
    std::fs::write(folder.path().join("tls.crt"), "nonsense").unwrap();
    assert!(tls.reload().is_err());
    assert!(handshake(&world, "new.example.com", &second, b"h2").await.is_ok());
}
