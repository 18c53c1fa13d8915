//! A person with a real browser, two hosts of ours, and a form that was sent too late.

use serde_json::json;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::gateway::{Gateway, Setup};
use crate::support::peers::Idp;

/// Field by field what runs, in the order in which it ends.
struct Street {
    browser: Browser,
    gateway: Gateway,
    idp: Idp,
    _app: App,
}

impl Street {
    /// `https://localhost:PORT` and `https://wiki.localhost:PORT`, each with a public page `/open`.
    async fn found() -> Self {
        let app = App::start().await;
        let mut setup = Setup::https();
        let idp = Idp::pysaml2(&setup, &[]).await;
        setup = setup.set(
            "attributes",
            "user_name = [\"urn:oid:0.9.2342.19200300.100.1.1\"]",
        );
        for host in ["localhost", "wiki.localhost"] {
            for (path, more) in [("/", "headers = [\"remote\"]"), ("/open", "public = true")] {
                setup = setup.add(&format!(
                    "[[route]]\nhost = {host:?}\npath = {path:?}\nupstream = [{:?}]\n{more}\n",
                    app.url()
                ));
            }
        }
        let gateway = setup.idp("corp", &idp.metadata_url(), "").start().await;
        Self { browser: Browser::start().await, gateway, idp, _app: app }
    }

    fn wiki(&self, path: &str) -> String {
        self.gateway.url(path).replacen("localhost", "wiki.localhost", 1)
    }

    /// Sends a form from the public page of a host to `/form` there, with a file if asked for.
    async fn send_form(&self, page: &str, file: bool) {
        self.browser.goto(page).await;
        let script = "const [file] = arguments;
            const form = document.createElement('form');
            form.method = 'post';
            form.action = '/form?step=2';
            const note = document.createElement('textarea');
            note.name = 'note';
            note.value = 'two\\nlines & \\u00fc';
            form.append(note);
            if (file) {
                form.enctype = 'multipart/form-data';
                const input = document.createElement('input');
                input.type = 'file';
                input.name = 'file';
                const files = new DataTransfer();
                files.items.add(new File(['what was in it'], 'a.txt', { type: 'text/plain' }));
                input.files = files.files;
                form.append(input);
            }
            document.body.append(form);
            form.submit();";
        self.browser.client().execute(script, vec![json!(file)]).await.unwrap();
    }
}

#[tokio::test]
async fn one_sign_in_opens_both_hosts_and_one_sign_out_closes_both() {
    let street = Street::found().await;
    let browser = &street.browser;
    let page = street.wiki("/page?a=1");
    browser.goto(&page).await;
    browser.sign_in_at(&street.idp, "alice").await;
    browser.arrives_at(&page).await;
    browser.reads("body", "\"remote-user\",\"alice").await;
    let on_wiki = browser.cookie("__Host-samlgate").await.unwrap();

    let home = street.gateway.url("/page");
    browser.goto(&home).await;
    browser.arrives_at(&home).await;
    browser.reads("body", "\"remote-user\",\"alice").await;
    assert_ne!(browser.cookie("__Host-samlgate").await.unwrap(), on_wiki);

    browser.goto(&street.wiki("/.samlgate/sign_out")).await;
    browser.screenshot("hosts-sign-out").await;
    browser.click("form[method=post] button").await;
    browser.reads("h1", "signed out").await;
    for url in [
        street.gateway.url("/.samlgate/user"),
        street.wiki("/.samlgate/user"),
    ] {
        browser.goto(&url).await;
        browser.reads("body", "unauthenticated").await;
    }
}

#[tokio::test]
async fn a_form_that_was_sent_too_late_arrives_by_itself_after_signing_in() {
    let street = Street::found().await;
    let browser = &street.browser;
    street.send_form(&street.gateway.url("/open"), false).await;
    browser.sign_in_at(&street.idp, "alice").await;
    browser.arrives_at(&street.gateway.url("/form?step=2")).await;
    browser.reads("body", "\"method\":\"POST\"").await;
    browser.reads("body", "note=two%0D%0Alines+%26+%C3%BC").await;
    browser.reads("body", "\"remote-user\",\"alice").await;
}

#[tokio::test]
async fn a_form_on_another_host_arrives_with_its_file() {
    let street = Street::found().await;
    let browser = &street.browser;
    street.send_form(&street.wiki("/open"), true).await;
    browser.sign_in_at(&street.idp, "alice").await;
    browser.arrives_at(&street.wiki("/form?step=2")).await;
    browser.reads("body", "what was in it").await;
    browser.reads("body", "filename=\\\"a.txt\\\"").await;
    browser.reads("body", "\"remote-user\",\"alice").await;
}
