//! A gateway with the API of its admin listener, and whoever keeps its connections.

use super::app::App;
use super::gateway::{Gateway, Setup};
use super::idp::TestIdp;

/// `admin.token`
pub(crate) const API: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct Office {
    pub(crate) gateway: Gateway,
    _idp: TestIdp,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = setup.route(&app.url(), "").set("admin", &format!("token = \"{API}\""));
        Self { gateway: setup.start().await, _idp: idp }
    }

    /// What a command says that succeeds.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.gateway.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}
