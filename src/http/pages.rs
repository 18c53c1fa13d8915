//! Turns a [`View`] into the page that a browser shows.
//!
//! In: a struct of [`super::views`], and maybe a folder of the operator's own templates. Out: HTML
//! and the Content-Security-Policy that belongs to it. Promised:
//!
//! * Every value is escaped; the templates have no way around it but the style and the script,
//!   which come from files and never from a request.
//! * A page loads nothing: its style stands inside it and is allowed by its SHA-256.
//! * A template of the operator's that can not be read, or fails while a page is made, is logged
//!   and replaced by ours. [`Pages::render`] always has a page to give.
//!
//! How to write a template is told in `templates/README.md`.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::Error;
use minijinja::Output;
use minijinja::State;
use minijinja::UndefinedBehavior;
use minijinja::Value;
use minijinja::context;
use minijinja::escape_formatter;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;

use super::views::Forms;
use super::views::Look;
use super::views::View;

/// What an operator can choose about the pages.
#[derive(Clone, Debug, Default)]
pub struct PageSettings {
    /// A folder whose files take the place of ours, one by one.
    pub folder: Option<PathBuf>,
    /// The name that people know the application by, in the head of each page.
    pub service_name: Option<String>,
    /// Identity providers may be on this machine, without TLS: `public_url` is http on loopback.
    pub loopback: bool,
}

/// All templates, ready to render.
#[derive(Debug)]
pub struct Pages {
    ours: Theme,
    /// Ours with the operator's on top; `None` without a folder.
    theirs: Option<Theme>,
    problems: Vec<PageProblem>,
    loopback: bool,
}

/// A page, with the header it must be sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// `text/html; charset=utf-8`
    pub html: String,
    /// The value of `Content-Security-Policy`.
    pub content_security_policy: String,
}

/// A file in the operator's folder that is not used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct PageProblem {
    /// The file, or the folder itself.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Refusal,
}

/// Why a file of the operator's is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file system says no.
    #[error("can not be read: {0}")]
    Unreadable(io::Error),
    /// Not a template.
    #[error("is not a template: {0:#}")]
    Syntax(Error),
    /// The browser would read what follows as HTML.
    #[error("contains </style")]
    EndsStyle,
    /// Looks like an override but has no counterpart.
    #[error("is none of our style sheets")]
    UnknownStyle,
}

impl Pages {
    /// Reads the operator's folder, if there is one. What is wrong with it is logged, and listed
    /// by [`Pages::problems`].
    pub fn new(settings: &PageSettings) -> Self {
        let service_name = settings.service_name.as_deref();
        let ours = Theme::new(service_name);
        let mut problems = Vec::new();
        let theirs = settings.folder.as_deref().map(|folder| {
            let mut theme = Theme::new(service_name);
            theme.overlay(folder, &mut problems);
            theme
        });
        for problem in &problems {
            tracing::warn!(%problem, "a template is not used");
        }
        Self { ours, theirs, problems, loopback: settings.loopback }
    }

    /// Files of the operator's that are not used; for `config check`.
    pub fn problems(&self) -> &[PageProblem] {
        &self.problems
    }

    /// The page for `view`.
    pub fn render<V: View>(&self, view: &V) -> Rendered {
        let theirs = self.theirs.as_ref().and_then(|theme| {
            let html = theme.html(view);
            html.inspect_err(|error| {
                let template = V::TEMPLATE;
                tracing::warn!(template, error = %format!("{error:#}"), "a template failed");
            })
            .ok()
            .map(|html| (theme, html))
        });
        let (theme, html) = theirs.unwrap_or_else(|| {
            let html = self.ours.html(view).unwrap_or_else(|error| {
                // The tests render all of ours, so this is a fault of the build.
                tracing::error!(template = V::TEMPLATE, error = %format!("{error:#}"), "a template failed");
                LAST_RESORT.to_owned()
            });
            (&self.ours, html)
        });
        let script = V::SUBMITS_ITSELF.then_some(SUBMIT);
        let content_security_policy = self.policy(theme, V::LOOK, &view.forms(), script);
        Rendered { html, content_security_policy }
    }

    /// `default-src 'none'` and the little that one page needs beyond it.
    fn policy(&self, theme: &Theme, look: Look, forms: &Forms, script: Option<&str>) -> String {
        let loopback = if self.loopback { LOOPBACK } else { "" };
        let form_action = match forms {
            Forms::None => "'none'".to_owned(),
            Forms::Own => "'self'".to_owned(),
            Forms::OwnThenIdp => format!("'self' https:{loopback}"),
            Forms::OwnThen(address) => {
                let origin = url::Url::parse(address).map(|url| url.origin());
                let origin = origin.ok().filter(url::Origin::is_tuple);
                let origin = origin.map(|origin| format!(" {}", origin.ascii_serialization()));
                format!("'self'{} https:{loopback}", origin.unwrap_or_default())
            }
            // An address that we can not read is not written into a header.
            Forms::To(action) => match url::Url::parse(action).map(|url| url.origin()) {
                Ok(origin) if origin.is_tuple() => {
                    format!("{} https:{loopback}", origin.ascii_serialization())
                }
                _ => "'none'".to_owned(),
            },
        };
        let style = source_hash(&theme.style(look));
        let script = script.map_or_else(String::new, |script| {
            format!("; script-src {}", source_hash(script))
        });
        format!(
            "default-src 'none'; style-src {style}{script}; img-src 'self' data:; \
             form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
        )
    }
}

/// Templates and styles that fit together.
#[derive(Debug)]
struct Theme {
    templates: Environment<'static>,
    styles: Vec<(&'static str, String)>,
}

impl Theme {
    /// Ours alone.
    fn new(service_name: Option<&str>) -> Self {
        let mut templates = Environment::new();
        // A misspelt field is an error, and an error is a log line and our own page.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_formatter(escape);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        if let Ok(syntax) = syntax {
            templates.set_syntax(syntax);
        }
        templates.add_global("service_name", service_name);
        templates.add_global("submit_script", Value::from_safe_string(SUBMIT.to_owned()));
        for (name, source) in TEMPLATES {
            if let Err(error) = templates.add_template(name, source) {
                tracing::error!(template = name, %error, "a template of ours is broken");
            }
        }
        let styles = STYLES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Self { templates, styles }
    }

    /// Puts the files of `folder` on top.
    fn overlay(&mut self, folder: &Path, problems: &mut Vec<PageProblem>) {
        let mut paths = Vec::new();
        if let Err((path, error)) = find_files(folder, DEPTH, &mut paths) {
            problems.push(PageProblem { path, reason: Refusal::Unreadable(error) });
        }
        paths.sort();
        for path in paths {
            let Some(name) = template_name(folder, &path) else {
                continue;
            };
            let added = fs::read_to_string(&path)
                .map_err(Refusal::Unreadable)
                .and_then(|text| self.put(name, text));
            if let Err(reason) = added {
                problems.push(PageProblem { path, reason });
            }
        }
    }

    fn put(&mut self, name: String, text: String) -> Result<(), Refusal> {
        if name.ends_with(".html") {
            return self.templates.add_template_owned(name, text).map_err(Refusal::Syntax);
        }
        if text.to_ascii_lowercase().contains("</style") {
            return Err(Refusal::EndsStyle);
        }
        let style = self.styles.iter_mut().find(|(known, _)| *known == name);
        let (_, style) = style.ok_or(Refusal::UnknownStyle)?;
        // A browser reads CR LF as LF before it takes the hash.
        *style = text.replace("\r\n", "\n").replace('\r', "\n");
        Ok(())
    }

    fn html<V: View>(&self, view: &V) -> Result<String, Error> {
        let style = Value::from_safe_string(self.style(V::LOOK));
        let context = context! { style, ..Value::from(Serde(view)) };
        self.templates.get_template(V::TEMPLATE)?.render(context)
    }

    /// What stands between `<style>` and `</style>`.
    fn style(&self, look: Look) -> String {
        let names: &[&str] = match look {
            Look::Gateway => &["style.css", "brand.css"],
            #[cfg(feature = "demo")]
            Look::DemoIdp => &["style.css", "demo/idp.css"],
            #[cfg(feature = "demo")]
            Look::DemoApp => &["demo/app.css"],
        };
        let chosen = |name| self.styles.iter().find(|(known, _)| known == name);
        names.iter().filter_map(chosen).map(|(_, text)| text.as_str()).collect()
    }
}

/// Escapes what HTML needs escaped, in text and in quoted attributes.
///
/// Minijinja's own formatter also writes `/` as `&#x2f;`, which helps nobody and makes addresses
/// and base64 hard to read, for people and for tools that look into our forms.
fn escape(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = value.as_str().filter(|_| !value.is_safe());
    let Some(text) = text.filter(|_| matches!(state.auto_escape(), AutoEscape::Html)) else {
        return escape_formatter(out, state, value);
    };
    for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
        let escaped = match part.as_bytes().last() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            Some(b'\'') => "&#39;",
            _ => "",
        };
        out.write_str(part.trim_end_matches(['&', '<', '>', '"', '\'']))?;
        out.write_str(escaped)?;
    }
    Ok(())
}

/// Files below `folder`, at most `depth` folders deep.
fn find_files(
    folder: &Path,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let blame = |error| (folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(blame)? {
        let path = entry.map_err(blame)?.path();
        if !path.is_dir() {
            found.push(path);
        } else if depth > 0 {
            find_files(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

/// `sso/choose.html` for a template or style below `folder`; `None` for any other file.
fn template_name(folder: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(folder).ok()?;
    let extension = relative.extension()?;
    if extension != "html" && extension != "css" {
        return None;
    }
    let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// `'sha256-…'` as Content Security Policy Level 3, 2.3.1 writes it.
fn source_hash(text: &str) -> String {
    let digest = openssl::sha::sha256(text.as_bytes());
    format!("'sha256-{}'", STANDARD.encode(digest))
}

/// Folders are `sso`, `demo`, `partials`; an operator may group a little deeper.
const DEPTH: usize = 3;

/// The one script: `templates/sso/post.html` sends its form without a click.
const SUBMIT: &str = "document.forms[0].submit()";

/// Where the demo's identity provider is.
const LOOPBACK: &str = " http://localhost:* http://127.0.0.1:*";

const LAST_RESORT: &str = "<!doctype html><html lang=\"en\"><title>Error</title>\
    <p>Something went wrong on our side. Please try again later.</p></html>\n";

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/base.html")),
    ("error.html", include_str!("../../templates/error.html")),
    (
        "partials/mark.html",
        include_str!("../../templates/partials/mark.html"),
    ),
    (
        "partials/icon.html",
        include_str!("../../templates/partials/icon.html"),
    ),
    (
        "partials/post_form.html",
        include_str!("../../templates/partials/post_form.html"),
    ),
    (
        "partials/footer.html",
        include_str!("../../templates/partials/footer.html"),
    ),
    (
        "sso/choose.html",
        include_str!("../../templates/sso/choose.html"),
    ),
    (
        "sso/post.html",
        include_str!("../../templates/sso/post.html"),
    ),
    (
        "sso/form_kept.html",
        include_str!("../../templates/sso/form_kept.html"),
    ),
    (
        "sso/send_form.html",
        include_str!("../../templates/sso/send_form.html"),
    ),
    (
        "sso/sign_out.html",
        include_str!("../../templates/sso/sign_out.html"),
    ),
    (
        "sso/signed_out.html",
        include_str!("../../templates/sso/signed_out.html"),
    ),
    #[cfg(feature = "demo")]
    (
        "demo/idp_base.html",
        include_str!("../../templates/demo/idp_base.html"),
    ),
    #[cfg(feature = "demo")]
    (
        "demo/idp.html",
        include_str!("../../templates/demo/idp.html"),
    ),
    #[cfg(feature = "demo")]
    (
        "demo/idp_post.html",
        include_str!("../../templates/demo/idp_post.html"),
    ),
    #[cfg(feature = "demo")]
    (
        "demo/app.html",
        include_str!("../../templates/demo/app.html"),
    ),
];

const STYLES: &[(&str, &str)] = &[
    ("style.css", include_str!("../../templates/style.css")),
    ("brand.css", ""),
    #[cfg(feature = "demo")]
    ("demo/idp.css", include_str!("../../templates/demo/idp.css")),
    #[cfg(feature = "demo")]
    ("demo/app.css", include_str!("../../templates/demo/app.css")),
];

#[cfg(test)]
mod tests;
