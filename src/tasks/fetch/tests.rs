use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use super::*;

/// A server on loopback that gives one answer after the other, and tells what it was asked.
struct Server {
    address: SocketAddr,
    asked: mpsc::Receiver<String>,
}

impl Server {
    fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = mpsc::channel();
        std::thread::Builder::new()
            .spawn(move || {
                for answer in answers {
                    let (mut stream, _) = listener.accept().unwrap();
                    tell.send(head(&mut stream)).unwrap();
                    // The other side may have had enough.
                    let _ = stream.write_all(&answer);
                }
            })
            .unwrap();
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/metadata?a=b", self.address)
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut one).unwrap() == 1 {
        bytes.extend_from_slice(&one);
    }
    String::from_utf8(bytes).unwrap()
}

fn ok(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn fetcher() -> Fetcher {
    Fetcher::new().unwrap()
}

const SMALL: Bounds = Bounds { time: Duration::from_secs(10), bytes: 100 };

#[tokio::test]
async fn a_document_comes_with_what_it_is_asked_again_by() {
    let headers = "ETag: \"one\"\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n";
    let unchanged = b"HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n".to_vec();
    let server = Server::answering(vec![ok(headers, "<md/>"), unchanged]);
    let fetched = fetcher().fetch(&server.url()).await.unwrap();
    assert_eq!(&fetched.body[..], b"<md/>");
    let asked = server.asked.recv().unwrap();
    assert!(
        asked.starts_with("GET /metadata?a=b HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("if-none-match"), "{asked}");

    let known = Validators { etag: fetched.etag, last_modified: fetched.last_modified };
    let answer = fetcher().fetch_if(&server.url(), &known, SMALL).await.unwrap();
    assert!(matches!(answer, Answer::Same));
    let asked = server.asked.recv().unwrap();
    assert!(asked.contains("if-none-match: \"one\"\r\n"), "{asked}");
    assert!(
        asked.contains("if-modified-since: Sat, 21 Nov 2026 10:00:00 GMT\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn more_than_a_document_can_be_is_not_read_to_its_end() {
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n".to_vec();
    let chunk = [b'x'; 64];
    let endless = [&endless[..], &chunk, b"\r\n40\r\n", &chunk, b"\r\n"].concat();
    let server = Server::answering(vec![endless]);
    let error = fetcher().fetch_if(&server.url(), &Validators::default(), SMALL).await;
    assert_eq!(error.unwrap_err(), FetchError::Size(100));
}

#[tokio::test]
async fn who_never_answers_is_waited_for_so_long_and_no_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let bounds = Bounds { time: Duration::from_millis(20), bytes: 100 };
    let error = fetcher().fetch_if(&url, &Validators::default(), bounds).await.unwrap_err();
    assert_eq!(error, FetchError::Timeout(bounds.time));
    assert_eq!(error.code().as_str(), "md.fetch");
}

#[tokio::test]
async fn garbage_and_errors_are_no_documents() {
    let gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n".to_vec();
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort".to_vec();
    let server = Server::answering(vec![b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), gone, short]);
    let fetch = async || fetcher().fetch(&server.url()).await.unwrap_err();
    assert!(matches!(fetch().await, FetchError::Connection(_)));
    assert_eq!(fetch().await, FetchError::Status(StatusCode::GONE));
    assert!(matches!(fetch().await, FetchError::Connection(_)));
}

#[tokio::test]
async fn a_redirect_is_looked_at_like_the_first_address() {
    for (to, why) in [
        ("http://idp.example.com/", "not an https address"),
        ("ftp://idp.example.com/", "not an https address"),
        ("file:///etc/passwd", "not an https address"),
        ("https://me@idp.example.com/", "not an https address"),
        ("https://10.0.0.1/", "10.0.0.1"),
        ("https://169.254.169.254/latest/", "169.254.169.254"),
        ("https://[fe80::1]/", "fe80::1"),
    ] {
        let server = Server::answering(vec![redirect(to)]);
        let error = fetcher().fetch(&server.url()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(why), "{to}: {text}");
        assert_eq!(error.code().as_str(), "md.fetch");
    }
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::answering(vec![redirect("/metadata?a=b"); 4]);
    let error = fetcher().fetch(&server.url()).await.unwrap_err();
    assert_eq!(error, FetchError::Redirects(3));
}

#[test]
fn this_machine_is_asked_by_the_operator_and_never_by_a_foreign_server() {
    let foreign = Url::parse("https://idp.example.com/metadata").unwrap();
    for address in [
        "http://127.0.0.1/",
        "https://localhost/",
        "http://[::1]:80/",
    ] {
        assert!(allowed(address, None).is_ok(), "{address}");
        assert!(allowed(address, Some(&foreign)).is_err(), "{address}");
    }
    assert!(allowed("https://idp.example.com/new", Some(&foreign)).is_ok());
}

#[tokio::test]
async fn private_networks_are_asked_only_where_the_operator_says_so() {
    let error = fetcher().fetch("https://192.168.0.1/metadata").await.unwrap_err();
    let (host, found) = ("192.168.0.1".to_owned(), "192.168.0.1".to_owned());
    assert_eq!(error, FetchError::Private { host, found });
    assert!(error.to_string().contains("saml.allow_private_metadata"));
}

#[tokio::test]
async fn a_message_is_posted_and_its_answer_taken_whatever_it_is() {
    let fault = b"HTTP/1.1 500 Oops\r\nContent-Type: text/xml\r\nContent-Length: 5\r\n\r\n<f/>\n";
    let moved = redirect("https://elsewhere.example.com/");
    let server = Server::answering(vec![fault.to_vec(), moved]);
    let message = Message {
        content_type: "text/xml",
        headers: &[(HeaderName::from_static("soapaction"), "\"urn:x\"")],
        body: Bytes::from_static(b"<soap/>"),
        bounds: SMALL,
    };
    let posted = fetcher().post(&server.url(), None, &message).await.unwrap();
    assert_eq!(posted.status, 500);
    assert_eq!(posted.content_type.as_deref(), Some("text/xml"));
    assert_eq!(&posted.body[..], b"<f/>\n");
    let asked = server.asked.recv().unwrap();
    assert!(
        asked.starts_with("POST /metadata?a=b HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("soapaction: \"urn:x\"\r\n"), "{asked}");
    assert!(asked.contains("content-length: 7\r\n"), "{asked}");
    let posted = fetcher().post(&server.url(), None, &message).await.unwrap();
    assert_eq!(posted.status, 302);
}

#[test]
fn what_somebody_elses_certificate_says_is_cut() {
    assert_eq!(short("no"), "no");
    let long = short(&"name, ".repeat(100));
    assert_eq!(long.chars().count(), 201);
    assert!(long.ends_with('…'));
}
