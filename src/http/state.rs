//! What the gateway's own pages are served from.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::app::App;
use crate::http::pages::Pages;
use crate::proxy::Jwt;
use crate::saml::metadata::SpMetadata;

/// The state of the router.
pub struct Gateway {
    /// Everything below HTTP.
    pub app: Arc<App>,
    /// The templates; replaced on reload.
    pub pages: ArcSwap<Pages>,
    /// Our metadata, signed once.
    pub metadata: SpMetadata,
    /// What signs the identity header.
    pub jwt: Arc<Jwt>,
}
