//! A new gateway takes the place of an old one, and nobody notices.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use samlgate::tasks::Supervisor;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::App;
use crate::support::gateway::Setup;
use crate::support::http::Visitor;
use crate::support::idp::TestIdp;
use crate::support::ports;
use crate::support::process::Process;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);
const CLIENTS: usize = 8;

/// A balancer that leads new connections to one gateway at a time, and passes bytes on.
struct Balancer {
    address: SocketAddr,
    target: Arc<std::sync::Mutex<SocketAddr>>,
    tasks: Supervisor,
}

impl Balancer {
    async fn start(first: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(std::sync::Mutex::new(first));
        let tasks = Supervisor::new();
        let (now, connections) = (Arc::clone(&target), tasks.clone());
        tasks.run(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let target = *now.lock().unwrap();
                connections.run(async move {
                    if let Ok(mut gateway) = TcpStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut gateway).await;
                    }
                });
            }
        });
        Self { address, target, tasks }
    }
}

/// Asks again and again on one connection, and on a new one when it was told so.
async fn keep_asking(
    balancer: SocketAddr,
    enough: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
) -> Result<(), String> {
    while !enough.load(SeqCst) {
        let stream = TcpStream::connect(balancer).await.map_err(|error| error.to_string())?;
        let mut stream = BufReader::new(stream);
        loop {
            let head = ask(&mut stream).await.map_err(|error| error.to_string())?;
            if !head.starts_with("http/1.1 200") {
                return Err(head);
            }
            answers.fetch_add(1, SeqCst);
            if head.contains("\r\nconnection: close\r\n") || enough.load(SeqCst) {
                break;
            }
        }
    }
    Ok(())
}

async fn ask(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    stream
        .get_mut()
        .write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        .await?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_lowercase();
    let length = head.split_once("\r\ncontent-length: ").unwrap().1.split_once('\r').unwrap().0;
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await?;
    Ok(head)
}

/// Requests that may not be sent twice, on connections that are kept: whichever of them met a
/// closing connection would be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_no_request() {
    let (idp, app) = (TestIdp::new("corp"), App::start().await);
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = setup.set("server", "shutdown_delay = \"3s\"");
    let mut old = setup.route(&app.url(), "public = true").start().await;
    let address = |url: String| url.replace("http://", "").parse::<SocketAddr>().unwrap();
    let balancer = Balancer::start(address(old.url(""))).await;

    let (enough, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = keep_asking(balancer.address, Arc::clone(&enough), Arc::clone(&answers));
            let (done, receiver) = tokio::sync::oneshot::channel();
            balancer.tasks.run(async move {
                let _ = done.send(client.await);
            });
            receiver
        })
        .collect();
    let more = async |count: usize| {
        let wanted = answers.load(SeqCst) + count;
        let wait = async {
            while answers.load(SeqCst) < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("no answers come any more");
    };
    more(200).await;

    // The new one, on the same keys and data, with ports of its own.
    let (public, admin) = (ports::free(), ports::free());
    let config = old.folder().join("new.toml");
    let listen = |url: &str| format!("listen = \"{}\"", url.replace("http://", ""));
    let text = std::fs::read_to_string(old.folder().join("samlgate.toml")).unwrap();
    let text = text.replace(
        &listen(&old.url("")),
        &format!("listen = \"127.0.0.1:{public}\""),
    );
    let text = text.replace(
        &listen(&old.admin_url("")),
        &format!("listen = \"127.0.0.1:{admin}\""),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
    command.arg("serve").arg("--config").arg(&config).current_dir(old.folder());
    let mut new = Process::start("the new samlgate", &mut command);
    new.listening_on(admin).await;
    let ready = format!("http://127.0.0.1:{admin}/readyz");
    let wait = async { while !Visitor::new().get(&ready).await.status.is_success() {} };
    tokio::time::timeout(SOON, wait)
        .await
        .expect("the new gateway does not become ready");
    more(200).await;

    // As a balancer sees it: the old one is not ready, and still answers.
    old.signal("TERM");
    let wait = async { while old.admin("/readyz").await.status.is_success() {} };
    tokio::time::timeout(SOON, wait).await.expect("the old gateway stays ready");
    *balancer.target.lock().unwrap() = SocketAddr::from(([127, 0, 0, 1], public));
    assert!(old.ended().await.success());
    more(200).await;

    enough.store(true, SeqCst);
    for client in clients {
        assert_eq!(client.await.unwrap(), Ok(()));
    }
    eprintln!("{} answers", answers.load(SeqCst));
}
