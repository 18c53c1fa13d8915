//! A person with a real browser: headless Chromium by `chromedriver`.
//!
//! Each has a profile of its own. Certificates are not verified, since ours signed themselves;
//! everything else is as it comes: cookies, redirects, forms that submit themselves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::peers::{Idp, LoginPage, WHO_AM_I, principal};
use super::ports;
use super::process::Process;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with a person in front of it.
pub(crate) struct Browser {
    client: Client,
    driver: String,
    session: String,
    #[expect(dead_code, reason = "ends with us, after the session")]
    process: Process,
}

impl Browser {
    /// An empty window.
    pub(crate) async fn start() -> Self {
        // With --port=0 it takes a free IPv4 port, and gives up when the same one is taken on IPv6.
        let port = format!("--port={}", ports::free());
        let mut process = Process::start("chromedriver", Command::new("chromedriver").arg(port));
        let port = process.line_with("started successfully on port ").await;
        let driver = format!("127.0.0.1:{}", port.trim_end_matches('.'));
        let profile = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--ignore-certificate-errors",
                    "--window-size=1200,900",
                    format!("--user-data-dir={}", profile.path().display()),
                ],
            },
            "acceptInsecureCerts": true,
        });
        process.keep(profile);
        let Value::Object(capabilities) = capabilities else {
            unreachable!()
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://{driver}"))
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        Self { client, driver, session, process }
    }

    /// Everything that has no word of its own here.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Types an address.
    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// What the address bar says.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Waits until the page at this address is there, as a whole. The address bar is not enough:
    /// it changes before the page does, and what one clicks then is lost.
    pub(crate) async fn arrives_at(&self, url: &str) {
        let script = "return document.readyState == 'complete' && location.href == arguments[0]";
        let arrived = tokio::time::timeout(PATIENCE, async {
            // Between two pages there may be nothing to run a script in.
            while self.client.execute(script, vec![json!(url)]).await.ok() != Some(json!(true)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        if arrived.await.is_err() {
            panic!(
                "still at {}, not at {url}:\n{}",
                self.address().await,
                self.text("body").await
            );
        }
    }

    /// Goes back, as the button does, and waits for the whole page.
    pub(crate) async fn back_to(&self, url: &str) {
        self.client.execute("history.back()", Vec::new()).await.unwrap();
        self.arrives_at(url).await;
    }

    /// Waits until there is such an element, and returns what a person reads in it.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.when_there(css, async |element| element.text().await).await
    }

    /// Does this with such an element as soon as there is one. A page that is replaced meanwhile
    /// takes its elements with it; then it is tried again with the element of the next page.
    async fn when_there<T>(
        &self,
        css: &str,
        act: impl AsyncFn(Element) -> Result<T, CmdError>,
    ) -> T {
        let act = async || act(self.client.find(Locator::Css(css)).await?).await;
        let mut last = None;
        let done = tokio::time::timeout(PATIENCE, async {
            loop {
                match act().await {
                    Ok(value) => return value,
                    Err(error) => last = Some(error),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        match done {
            Ok(value) => value,
            Err(_) => panic!("{css} at {}: {last:?}", self.address().await),
        }
    }

    /// Waits until the text of such an element contains this.
    pub(crate) async fn reads(&self, css: &str, wanted: &str) {
        let read = tokio::time::timeout(PATIENCE, async {
            while !self.text(css).await.contains(wanted) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        if read.await.is_err() {
            panic!(
                "{css} at {} says {:?}",
                self.address().await,
                self.text(css).await
            );
        }
    }

    /// Waits until there is such an element, and clicks it.
    pub(crate) async fn click(&self, css: &str) {
        self.when_there(css, async |element| element.click().await).await;
    }

    /// Waits until there is such a field, and types into it.
    pub(crate) async fn text_into(&self, css: &str, text: &str) {
        self.when_there(css, async |field| field.send_keys(text).await).await;
    }

    /// Waits until there is such a list, and chooses from it.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.when_there(css, async |select| select.select_by_value(value).await).await;
    }

    /// Says who one is, on the login page of an identity provider.
    pub(crate) async fn sign_in_at(&self, idp: &Idp, user: &str) {
        self.text("form#login").await;
        assert!(self.address().await.starts_with(&idp.url("/")));
        match idp.login_page() {
            LoginPage::Choice => {
                self.choose("#user", user).await;
            }
            LoginPage::Name => {
                self.when_there("#username", async |input| input.send_keys(user).await).await;
            }
        }
        self.click("#sign-in").await;
    }

    /// Whom the application behind the gateway takes this browser for; empty for nobody. The page
    /// has to be one of the gateway's.
    pub(crate) async fn who_am_i(&self) -> String {
        let script = "const [body, done] = arguments;
            fetch('/', { method: 'PROPFIND', headers: { Depth: '0' }, body })
                .then((answer) => answer.text()).then(done, (error) => done(String(error)));";
        let answer = self.client.execute_async(script, vec![json!(WHO_AM_I)]).await.unwrap();
        principal(answer.as_str().unwrap())
    }

    /// The value of a cookie of this page, also of one that scripts cannot see.
    pub(crate) async fn cookie(&self, name: &str) -> Option<String> {
        let cookie = self.client.get_named_cookie(name).await.ok();
        cookie.map(|cookie| cookie.value().to_owned())
    }

    /// Opens another tab and looks at it. What it returns leads back by [`Self::switch_to`].
    pub(crate) async fn new_tab(&self) -> fantoccini::wd::WindowHandle {
        let old = self.client.window().await.unwrap();
        let new = self.client.new_window(true).await.unwrap();
        self.switch_to(new.handle).await;
        old
    }

    /// Looks at another tab.
    pub(crate) async fn switch_to(&self, tab: fantoccini::wd::WindowHandle) {
        self.client.switch_to_window(tab).await.unwrap();
    }

    /// A picture of the page as target/tmp/screenshots/NAME.png.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, self.client.screenshot().await.unwrap()).unwrap();
        file
    }
}

impl Drop for Browser {
    /// Ends the session, which closes Chromium; `chromedriver` alone would leave it running.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(&self.driver) else {
            return;
        };
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.session, self.driver
        );
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.write_all(request.as_bytes());
        // The answer comes when the browser has closed.
        let _ = stream.read(&mut [0; 512]);
    }
}
