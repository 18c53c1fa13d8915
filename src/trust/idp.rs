//! One identity provider: what the operator says about it and what its metadata says.

use std::sync::Arc;
use std::time::Duration;

use super::settings::IdpSettings;
use crate::base::Timestamp;
use crate::dsig::{Allowed, Trust};
use crate::saml::asked::{Asked, AskedContext};
use crate::saml::authn_request::{NameIdPolicy, Scoping, Wishes};
use crate::saml::keys::Keys;
use crate::saml::metadata::{Binding, Endpoint, IdpMetadata};
use crate::saml::profile::Expectations;
use crate::saml::{Exception, ServiceProvider};
use crate::xmlenc::{Decryption, DecryptionKeys};

/// An identity provider that people can sign in with.
#[derive(Clone, Debug)]
pub struct IdpTrust {
    /// What the operator says.
    pub settings: Arc<IdpSettings>,
    /// What it says.
    pub metadata: IdpMetadata,
}

impl IdpTrust {
    /// What people read on its button.
    pub fn label(&self) -> &str {
        self.settings.label(Some(&self.metadata))
    }

    /// Where to send people, and how.
    ///
    /// HTTP-Redirect when it is offered: it needs no script in the browser. An identity provider
    /// that lists HTTP-POST alone (JumpCloud) gets that.
    pub fn sign_on(&self) -> Option<&Endpoint> {
        let endpoints = &self.metadata.sign_on;
        let redirect = endpoints.iter().find(|endpoint| endpoint.binding == Binding::Redirect);
        redirect.or_else(|| endpoints.first())
    }

    /// When its metadata has ended, if it has: then none of its keys counts any more (metadata
    /// 2.3.2), and nobody is sent there, who could not come back.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        self.metadata.valid_until.filter(|until| *until <= now)
    }

    /// Whether our requests to it are signed: as the operator says, else as its metadata asks.
    pub fn signs_requests(&self) -> bool {
        self.settings.sign_requests.unwrap_or(self.metadata.wants_signed_requests)
    }

    /// How far its clock may differ from ours.
    pub fn clock_skew(&self, sp: &ServiceProvider) -> Duration {
        self.settings
            .clock_skew
            .unwrap_or(sp.clock_skew)
            .min(ServiceProvider::MAX_CLOCK_SKEW)
    }

    /// The keys that its messages need: its own to verify, `ours` to decrypt. Exceptions with a
    /// date count until that moment, exclusive.
    pub fn keys<'k>(&'k self, ours: &'k DecryptionKeys, now: Timestamp) -> Keys<'k> {
        let settings = &self.settings;
        let before = |until: Option<Timestamp>| until.is_some_and(|until| now < until);
        let allowed = Allowed {
            sha1: before(settings.allow_sha1_until),
            inclusive_c14n: settings.allow_inclusive_c14n,
        };
        Keys {
            signing: Trust { keys: &self.metadata.signing_keys, allowed },
            decryption: Decryption {
                keys: ours,
                allow_cbc_unsigned: settings.allow_cbc_in_unsigned_response,
                allow_tripledes: before(settings.allow_tripledes_until),
                required: settings.want_encrypted,
            },
        }
    }

    /// Until when an exception is made for it; `None` for those without an end.
    pub fn exception_ends(&self, exception: Exception) -> Option<Timestamp> {
        match exception {
            Exception::Sha1 => self.settings.allow_sha1_until,
            Exception::TripleDes => self.settings.allow_tripledes_until,
            Exception::InclusiveC14n | Exception::CbcUnsigned => None,
        }
    }

    /// What every sign-in there has to be: it is asked for, and checked in the answer.
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            context: AskedContext::exact(&self.settings.authn_context),
            force_authn: self.settings.force_authn,
            ..Asked::NOTHING
        }
    }

    /// What every request to it asks for; where the answer goes is `acs_url`.
    pub fn wishes<'a>(&'a self, acs_url: &'a str) -> Wishes<'a> {
        let settings = &self.settings;
        let format = settings.name_id_format.as_deref();
        let qualifier = settings.name_id_qualifier.as_deref();
        let policy = NameIdPolicy {
            format,
            sp_name_qualifier: qualifier,
            allow_create: settings.name_id_allow_create,
        };
        let scoping = Scoping {
            proxy_count: settings.scoping_proxy_count,
            idps: &settings.scoping_idps,
        };
        let is_scoped = scoping.proxy_count.is_some() || !scoping.idps.is_empty();
        Wishes {
            asked: self.asked().into(),
            name_id_policy: (format.is_some() || qualifier.is_some()).then_some(policy),
            provider_name: settings.provider_name.as_deref(),
            scoping: is_scoped.then_some(scoping),
            attribute_index: settings.attribute_consuming_service_index,
            ..Wishes::answer_to(acs_url)
        }
    }

    /// What its messages are checked against.
    pub fn expectations<'a>(&'a self, sp: &'a ServiceProvider) -> Expectations<'a> {
        Expectations {
            sp,
            idp_entity_id: &self.metadata.entity_id,
            clock_skew: self.clock_skew(sp),
            asked: self.asked().into(),
            scopes: self.metadata.scopes.as_deref(),
            affiliation: self.settings.name_id_qualifier.as_deref(),
        }
    }
}
