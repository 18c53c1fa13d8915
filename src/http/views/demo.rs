//! The pages of `samlgate demo`: an identity provider that believes anybody, and a sample
//! application that shows what it received.

use serde::Serialize;

use super::{Field, Forms, Look, View};

/// `demo/idp.html`: who do you want to be?
///
/// One form; each person is a button `person=VALUE` of it, and "Cancel" is `cancel=1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PickPerson {
    /// The application that asks, as the identity provider knows it: "Acme Reports".
    pub application: String,
    /// Its entityID.
    pub sp_entity_id: String,
    /// `true`: the person begins here, and no request is answered (profiles 4.1.5); there is
    /// nothing to cancel then.
    pub idp_initiated: bool,
    /// `POST` of the form.
    pub action: String,
    /// Passed through: what the answer needs to know of the request.
    pub fields: Vec<Field>,
    /// The sample people.
    pub people: Vec<Person>,
}

/// One sample person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Value of the button: the user name.
    pub value: String,
    /// `Alice Example`
    pub name: String,
    /// `AE`, in the circle.
    pub initials: String,
    /// `IT manager`
    pub title: String,
    /// `IT`
    pub department: String,
    /// `alice@example.com`
    pub email: String,
    /// What the identity provider says.
    pub groups: Vec<String>,
    /// What the gateway will grant for it.
    pub roles: Vec<String>,
    /// A special case worth trying ("has no role", "is disabled"), if any.
    pub note: Option<String>,
}

impl View for PickPerson {
    const TEMPLATE: &'static str = "demo/idp.html";
    const LOOK: Look = Look::DemoIdp;

    fn forms(&self) -> Forms {
        Forms::Own
    }
}

/// `demo/idp_post.html`: carries the Response back to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdpPost {
    /// Whom the Response speaks of, or `None` when signing in was cancelled.
    pub person: Option<String>,
    /// Where the person is taken: "Acme Reports".
    pub label: String,
    /// The ACS URL.
    pub action: String,
    /// `SAMLResponse` and `RelayState`.
    pub fields: Vec<Field>,
}

impl View for IdpPost {
    const TEMPLATE: &'static str = "demo/idp_post.html";
    const LOOK: Look = Look::DemoIdp;
    const SUBMITS_ITSELF: bool = true;

    fn forms(&self) -> Forms {
        Forms::To(self.action.clone())
    }
}

/// Which page of the sample application it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppPage {
    /// `/`
    Home,
    /// `/reports`
    Reports,
    /// `/admin`
    Admin,
    /// `/public`
    Public,
    /// Any other path.
    Other,
}

/// `demo/app.html`: the sample application, "Acme Reports".
///
/// It stands behind the gateway and knows nothing of SAML: all it shows came in headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct App {
    /// Which page.
    pub page: AppPage,
    /// Path and query that reached the application.
    pub path: String,
    /// Who is signed in, by the headers; `None` on a public page without a session.
    pub user: Option<AppUser>,
    /// Identity headers, name and value.
    pub identity: Vec<Field>,
    /// Claims of the signed header, decoded; the value as JSON writes it. Empty without one.
    pub claims: Vec<Field>,
    /// Whether the signature of the claims was checked against the gateway's keys.
    pub claims_verified: bool,
    /// Every header that reached the application.
    pub headers: Vec<Field>,
    /// `POST`: [`crate::http::links::sign_out`].
    pub sign_out: String,
}

/// Who the sample application thinks is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppUser {
    /// `Alice Example`, for the greeting.
    pub name: String,
    /// `alice@example.com`
    pub email: String,
    /// Roles in the signed header.
    pub roles: Vec<String>,
}

impl View for App {
    const TEMPLATE: &'static str = "demo/app.html";
    const LOOK: Look = Look::DemoApp;

    fn forms(&self) -> Forms {
        if self.user.is_some() {
            Forms::OwnThenIdp
        } else {
            Forms::None
        }
    }
}
