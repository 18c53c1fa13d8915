#!/usr/bin/env python3
"""An identity provider for the tests: pysaml2 behind a small HTTP server.

In: AuthnRequests by HTTP-Redirect and HTTP-POST, and what a person types on the login page.
Out: Responses by HTTP-POST, signed by xmlsec1. Nothing of the gateway is imported here, so that
two independent readings of SAML meet.

    pysaml2_idp.py --sp-metadata https://localhost:8443/saml/metadata --insecure

It prints `ready URL` when it answers, and ends on SIGTERM. The metadata of the service provider is
read at the first login, not at the start: the two need each other's. The people are in users.json.

    /metadata                                   metadata of this identity provider
    /sso/redirect, /sso/post                    single sign-on
    /idp-initiated?user=alice&relay_state=/x    a Response that nobody asked for; without user=, of
                                                whoever signs in here; sp= names one of several
    /artifact                                   what an artifact stands for (with --artifact)
    /logout                                     forgets who is signed in here
    /slo/redirect, /slo/post                    single logout (with --logout)
    /slo/begin?user=alice&binding=redirect      asks the service provider to sign somebody out: by
                                                redirect, post or soap; by itself it takes who is
                                                signed in here, and the first in the metadata
    /slo/frame?user=alice&binding=redirect      the same in a frame
"""

import argparse
import base64
import contextlib
import functools
import hashlib
import json
import logging
import re
import secrets
import signal
import ssl
import sys
import tempfile
import threading
import traceback
import urllib.request
from datetime import datetime, timedelta, timezone
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import saml2.entity
import saml2.sigver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_ARTIFACT, BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP
from saml2.authn_context import AuthnBroker, authn_context_class_ref
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import (
    NAME_FORMAT_BASIC,
    NAME_FORMAT_URI,
    NAMEID_FORMAT_EMAILADDRESS,
    NAMEID_FORMAT_PERSISTENT,
    NAMEID_FORMAT_TRANSIENT,
    NAMEID_FORMAT_UNSPECIFIED,
    NameID,
)
from saml2.s_utils import UnsupportedBinding, success_status_factory
from saml2.samlp import (
    STATUS_AUTHN_FAILED,
    STATUS_NO_AUTHN_CONTEXT,
    STATUS_NO_PASSIVE,
    ArtifactResponse,
)
from saml2.server import Server
from saml2.sigver import SecurityContext, get_xmlsec_binary

HERE = Path(__file__).resolve().parent

PASSWORD_PROTECTED = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

NAME_ID_FORMATS = {
    "persistent": NAMEID_FORMAT_PERSISTENT,
    "email": NAMEID_FORMAT_EMAILADDRESS,
    "transient": NAMEID_FORMAT_TRANSIENT,
    "unspecified": NAMEID_FORMAT_UNSPECIFIED,
}

# What --encrypt takes: the URI in the message, and xmlsec1's word for the session key. pysaml2 by
# itself knows nothing but Triple DES.
CIPHERS = {
    "aes256-gcm": ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "aes-256"),
    "aes128-cbc": ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "aes-128"),
    "tripledes-cbc": ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "des-192"),
}

# XML Schema has two words for it.
TRUE = ("true", "1")

# The two bytes in an artifact that say where it is resolved are a number. pysaml2 writes "00" in
# letters, so this is the number that its metadata has to give to the endpoint.
ARTIFACT_INDEX = int.from_bytes(b"00", "big")

BINDINGS = {
    "redirect": BINDING_HTTP_REDIRECT,
    "post": BINDING_HTTP_POST,
    "soap": BINDING_SOAP,
}


ENCRYPT = SecurityContext.encrypt_assertion


def encrypt_by(cipher):
    """Has pysaml2 encrypt by another cipher than the one that it has written down."""
    uri, session_key = CIPHERS[cipher]
    template = saml2.sigver.pre_encryption_part
    saml2.entity.pre_encryption_part = functools.partial(template, msg_enc=uri)
    SecurityContext.encrypt_assertion = functools.partialmethod(ENCRYPT, key_type=session_key)


class Refused(Exception):
    """This request gets no answer; the sentence is for the person at the browser."""


class IdentityProvider:
    """pysaml2's Server, the people, and who is signed in."""

    def __init__(self, options, base, folder):
        self.asked = options  # on the command line
        self.options = options
        self.base = base
        self.folder = folder
        self.told = None
        self.users = json.loads(Path(options.users).read_text(encoding="utf-8"))
        self.lock = threading.Lock()  # pysaml2 does not promise to be thread-safe
        self.server = None
        self.sp_entity_id = None
        self.sessions = {}  # cookie -> (user, when, by which method)
        self.answered = {}  # user -> (NameID, SessionIndex) of the last assertion
        self.waiting = {}  # ticket on the login page -> (AuthnRequest, RelayState)
        self.settings = self._settings()
        # pysaml2's own reading of RequestedAuthnContext decides by which method somebody signs in.
        self.broker = AuthnBroker()
        for level, method in enumerate(options.methods or [PASSWORD_PROTECTED]):
            self.broker.add(authn_context_class_ref(method), method, level)

    def listen(self):
        """Takes what --told says by now."""
        if self.asked.told is None:
            return
        with self.lock:
            told = Path(self.asked.told).read_text(encoding="utf-8")
            if told == self.told:
                return
            self.told = told
            self.options = argparse.Namespace(**{**vars(self.asked), **json.loads(told)})
            self.settings = self._settings()
            self.server = None

    def metadata(self):
        with self.lock:
            first, *others = self.options.published or [self.settings["cert_file"]]
            settings = {**self.settings, "cert_file": first, "additional_cert_files": others}
            if self.options.valid_hours:
                settings["valid_for"] = self.options.valid_hours
            entity = entity_descriptor(IdPConfig().load(settings))
            # pysaml2 has this in its schema, and nothing that would set it.
            entity.cache_duration = self.options.cache_duration
            return str(entity)

    def parse(self, binding, parameters):
        """An AuthnRequest, with its signature checked where one is demanded or there."""
        message = parameters.get("SAMLRequest")
        if not message:
            raise Refused("There is no SAMLRequest.")
        with self.lock:
            request = self._server().parse_authn_request(
                message,
                binding,
                relay_state=parameters.get("RelayState"),
                sigalg=parameters.get("SigAlg"),
                signature=parameters.get("Signature"),
            )
        if request is None:
            raise Refused("The AuthnRequest could not be verified.")
        return request.message

    def methods(self, request):
        """The methods that this request wants, as far as there are any here."""
        requested = request and request.requested_authn_context
        if requested is None:
            return self.options.methods or [PASSWORD_PROTECTED]
        return [method for method, _ in self.broker.pick(requested)]

    def answer(self, user, since, request, relay_state, method=None, sp=None):
        """What carries the Response to the service provider, for which `sp` is the entityID."""
        with self.lock:
            server = self._server()
            binding = BINDING_HTTP_POST
            if request is None:
                sp = sp or self.sp_entity_id
                in_response_to, policy = None, None
                destination = self._acs(sp)
            else:
                sp = request.issuer.text.strip()
                if self.options.artifact and request.protocol_binding == BINDING_HTTP_ARTIFACT:
                    binding = BINDING_HTTP_ARTIFACT
                arguments = server.response_args(request, [binding])
                in_response_to = arguments["in_response_to"]
                policy = arguments["name_id_policy"]
                destination = arguments["destination"]
            person = self.users[user]
            attributes = {"uid": [user]}
            for name, value in person.items():
                values = value if isinstance(value, list) else [value]
                if any(values):
                    attributes[name] = values
            name_id = self._name_id(user, policy, sp)
            response = server.create_authn_response(
                attributes,
                in_response_to,
                destination,
                sp,
                name_id=name_id,
                authn={
                    "class_ref": method or PASSWORD_PROTECTED,
                    "authn_instant": since.timestamp(),
                },
                sign_response=self.options.sign in ("response", "both"),
                sign_assertion=self.options.sign in ("assertion", "both"),
                encrypt_assertion=self.options.encrypt is not None,
                sign_alg=self.settings["signing_algorithm"],
                digest_alg=self.settings["digest_algorithm"],
                session_not_on_or_after=self._session_end(),
            )
            # In an encrypted one it can not be seen; then all sessions of this person end.
            index = re.search('SessionIndex="([^"]+)"', str(response))
            self.answered[user] = (name_id, index and index.group(1))
            if binding == BINDING_HTTP_ARTIFACT:
                artifact = server.use_artifact(str(response))
                return binding, server.use_http_artifact(artifact, destination, relay_state)
            return binding, self._post(server, response, destination, relay_state)

    def resolve(self, envelope):
        """The SOAP answer to an ArtifactResolve: the message as it was signed.

        create_artifact_response() would write it anew, with other prefixes, and no signature
        survives that. So what answers has an empty place for it.
        """
        with self.lock:
            server = self._server()
            request = server.parse_artifact_resolve(envelope)
            message = server.artifact.pop(request.artifact.text.strip(), "")
            response = server._status_response(
                ArtifactResponse,
                server._issuer(),
                success_status_factory(),
                sign=False,
                in_response_to=request.id,
            )
            message = re.sub(r"^<\?xml[^>]*>\s*", "", message)
            response = re.sub(r"^<\?xml[^>]*>\s*", "", str(response))
            response, end = re.fullmatch(r"(.*)(</[^<>]*>)\s*", response, re.S).groups()
            soap = "http://schemas.xmlsoap.org/soap/envelope/"
            return (
                f'<S:Envelope xmlns:S="{soap}"><S:Body>{response}{message}{end}</S:Body></S:Envelope>'
            )

    def asked_to_sign_out(self, binding, parameters):
        """A LogoutRequest whose signature was verified."""
        if binding == BINDING_HTTP_REDIRECT and not parameters.get("Signature"):
            raise Refused("The LogoutRequest is not signed.")
        with self.lock:
            request = self._server().parse_logout_request(
                parameters["SAMLRequest"],
                binding,
                relay_state=parameters.get("RelayState"),
                sigalg=parameters.get("SigAlg"),
                signature=parameters.get("Signature"),
            )
        if request is None:
            raise Refused("The LogoutRequest could not be verified.")
        if binding == BINDING_HTTP_POST and request.message.signature is None:
            raise Refused("The LogoutRequest is not signed.")
        return request.message

    def first_logout(self):
        """The binding of the first endpoint for logout in the service provider's metadata."""
        with self.lock:
            server = self._server()
            for word, binding in BINDINGS.items():
                with contextlib.suppress(UnsupportedBinding):
                    server.metadata.single_logout_service(self.sp_entity_id, binding, "spsso")
                    return word
        raise Refused("The service provider has no logout.")

    def has_signed_out(self, request, relay_state, binding):
        """What carries our LogoutResponse."""
        with self.lock:
            server = self._server()
            response = server.create_logout_response(
                request, [binding], sign=binding != BINDING_HTTP_REDIRECT, **self._algorithms()
            )
            destination = server.response_args(request, [binding])["destination"]
            return self._carry(server, binding, response, destination, relay_state, True)

    def sign_out(self, user, binding):
        """What carries a LogoutRequest of ours."""
        name_id, index = self.answered[user]
        with self.lock:
            server = self._server()
            services = server.metadata.single_logout_service(self.sp_entity_id, binding, "spsso")
            destination = services[0]["location"]
            _, request = server.create_logout_request(
                destination,
                self.sp_entity_id,
                name_id=name_id,
                session_indexes=[index] if index else None,
                sign=binding != BINDING_HTTP_REDIRECT,
                **self._algorithms(),
            )
            return destination, self._carry(server, binding, request, destination, "theirs", False)

    def was_signed_out(self, binding, message):
        """The status of a LogoutResponse."""
        with self.lock:
            response = self._server().parse_logout_request_response(message, binding)
        return response.response.status.status_code.value

    def _carry(self, server, binding, message, destination, relay_state, response):
        return server.apply_binding(
            binding,
            str(message),
            destination,
            relay_state or "",
            response=response,
            sign=binding == BINDING_HTTP_REDIRECT,
            sigalg=self.settings["signing_algorithm"],
        )

    def _algorithms(self):
        return {
            "sign_alg": self.settings["signing_algorithm"],
            "digest_alg": self.settings["digest_algorithm"],
        }

    def refuse(self, request, relay_state, status, text):
        """The page that posts a Response without an assertion."""
        with self.lock:
            server = self._server()
            arguments = server.response_args(request, [BINDING_HTTP_POST])
            response = server.create_error_response(
                arguments["in_response_to"],
                arguments["destination"],
                (status, text),
                sign=True,
                sign_alg=self.settings["signing_algorithm"],
                digest_alg=self.settings["digest_algorithm"],
            )
            return self._post(server, response, arguments["destination"], relay_state)

    def _post(self, server, response, destination, relay_state):
        http = server.apply_binding(
            BINDING_HTTP_POST, str(response), destination, relay_state or "", response=True
        )
        return http["data"]

    def _name_id(self, user, policy, sp):
        wanted = getattr(policy, "format", None)
        if wanted in (None, "", NAMEID_FORMAT_UNSPECIFIED) or wanted not in NAME_ID_FORMATS.values():
            wanted = NAME_ID_FORMATS[self.options.name_id_format]
        if wanted == NAMEID_FORMAT_EMAILADDRESS:
            text = self.users[user]["mail"]
        elif wanted == NAMEID_FORMAT_UNSPECIFIED:
            text = user
        elif wanted == NAMEID_FORMAT_TRANSIENT:
            text = "_" + secrets.token_hex(20)
        else:
            text = hashlib.sha256(f"{sp}!{user}".encode()).hexdigest()
        return NameID(format=wanted, sp_name_qualifier=sp, text=text)

    def _session_end(self):
        if self.options.session_seconds is None:
            return None
        end = datetime.now(timezone.utc) + timedelta(seconds=self.options.session_seconds)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _acs(self, sp):
        services = self.server.metadata.assertion_consumer_service(sp, BINDING_HTTP_POST, "spsso")
        return services[0]["location"]

    def _server(self):
        if self.server is None:
            if self.options.encrypt is not None:
                encrypt_by(self.options.encrypt)
            places = self.options.sp_metadata
            places = places if isinstance(places, list) else [places]
            documents = [read(place, self.options.insecure) for place in places]
            settings = {**self.settings, "metadata": {"inline": documents}}
            server = Server(config=IdPConfig().load(settings))
            entities = list(server.metadata.keys())
            if len(entities) != len(places):
                raise Refused(f"{places} describe {len(entities)} entities")
            self.server, self.sp_entity_id = server, entities[0]
        return self.server

    def _logout(self):
        """The endpoints for single logout that --logout names."""
        endpoints = [(f"{self.base}/slo/{word}", BINDINGS[word]) for word in self.options.logout]
        return {"single_logout_service": endpoints} if endpoints else {}

    def _artifact(self):
        if not self.options.artifact:
            return {}
        endpoint = (f"{self.base}/artifact", BINDING_SOAP, ARTIFACT_INDEX)
        return {"artifact_resolution_service": [endpoint]}

    def _settings(self):
        post = (f"{self.base}/sso/post", BINDING_HTTP_POST)
        redirect = (f"{self.base}/sso/redirect", BINDING_HTTP_REDIRECT)
        key, certificate = self.options.key, self.options.certificate
        if key is None:
            key, certificate = key_pair(self.folder, self.options.entity_id or self.base)
        sha = self.options.sha
        return {
            "entityid": self.options.entity_id or f"{self.base}/metadata",
            "description": "pysaml2",
            "key_file": key,
            "cert_file": certificate,
            "xmlsec_binary": get_xmlsec_binary(["/usr/bin", "/usr/local/bin", "/opt/local/bin"]),
            "attribute_map_dir": str(HERE / "attribute_maps"),
            "signing_algorithm": f"http://www.w3.org/2001/04/xmldsig-more#rsa-sha{sha}",
            "digest_algorithm": {
                "256": "http://www.w3.org/2001/04/xmlenc#sha256",
                "384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
                "512": "http://www.w3.org/2001/04/xmlenc#sha512",
            }[sha],
            "service": {
                "idp": {
                    "name": "Example Corp",
                    "endpoints": {
                        "single_sign_on_service": [post]
                        if self.options.only_post
                        else [redirect, post],
                        **self._logout(),
                        **self._artifact(),
                    },
                    "name_id_format": list(NAME_ID_FORMATS.values()),
                    "want_authn_requests_signed": self.options.want_authn_requests_signed,
                    "policy": {
                        "default": {
                            "lifetime": {"seconds": self.options.lifetime},
                            "name_form": {
                                "oid": NAME_FORMAT_URI,
                                "basic": NAME_FORMAT_BASIC,
                            }[self.options.attribute_names],
                        }
                    },
                }
            },
        }


class Handler(BaseHTTPRequestHandler):
    """The pages. The IdentityProvider is set by main()."""

    protocol_version = "HTTP/1.1"
    idp = None

    def do_GET(self):
        self._guarded("GET")

    def do_POST(self):
        self._guarded("POST")

    def _guarded(self, method):
        try:
            self._route(method)
        except Refused as refused:
            self._page(400, f"<h1>Refused</h1><p>{escape(str(refused))}</p>")
        except Exception as error:  # pysaml2 raises many kinds; all of them are an answer here
            traceback.print_exc()
            self._page(400, f"<h1>Refused</h1><p>{escape(type(error).__name__)}</p>")

    def _route(self, method):
        self.idp.listen()
        url = urlsplit(self.path)
        text = url.query
        if method == "POST":
            text = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        here = (method, url.path)
        if here == ("POST", "/artifact"):
            self._send(200, "text/xml; charset=utf-8", self.idp.resolve(text))
            return
        parameters = {name: values[0] for name, values in parse_qs(text, True).items()}
        if here == ("GET", "/metadata"):
            self._send(200, "application/samlmetadata+xml", self.idp.metadata())
        elif here == ("GET", "/sso/redirect"):
            self._sign_on(self.idp.parse(BINDING_HTTP_REDIRECT, parameters), parameters)
        elif here == ("POST", "/sso/post"):
            # A browser leaves our Lax cookie out of a POST that another site made, and sends it
            # with the GET that follows.
            request = self.idp.parse(BINDING_HTTP_POST, parameters)
            ticket = self._keep(request, parameters.get("RelayState"))
            self._redirect(f"/sso/continue?ticket={ticket}")
        elif here == ("GET", "/sso/continue"):
            request, relay_state, _ = self._kept(parameters)
            self._sign_on(request, {"RelayState": relay_state})
        elif here == ("POST", "/login"):
            self._login(parameters)
        elif here == ("GET", "/idp-initiated"):
            self._begin(parameters)
        elif here == ("GET", "/logout"):
            self.idp.sessions.pop(self._cookie(), None)
            self._page(200, "<h1>Signed out</h1>", {"Set-Cookie": self._set_cookie("", 0)})
        elif url.path in ("/slo/redirect", "/slo/post"):
            self._slo(BINDINGS[url.path.removeprefix("/slo/")], parameters)
        elif here == ("GET", "/slo/begin"):
            signed_in = self.idp.sessions.get(self._cookie())
            user = signed_in[0] if signed_in else self._user(parameters)
            self._begin_slo(user, parameters.get("binding") or self.idp.first_logout())
        elif here == ("GET", "/slo/frame"):
            self._page(200, f'<iframe src="/slo/begin?{escape(url.query)}"></iframe>')
        elif here == ("GET", "/"):
            self._page(200, "<h1>Example Corp</h1><p>An identity provider for tests.</p>")
        else:
            self._page(404, "<h1>Not found</h1>")

    def _begin(self, parameters):
        """Somebody who comes from the portal."""
        relay_state, sp = parameters.get("relay_state"), parameters.get("sp")
        signed_in = self.idp.sessions.get(self._cookie())
        now = datetime.now(timezone.utc)
        if parameters.get("user"):
            self._answered(self.idp.answer(self._user(parameters), now, None, relay_state, sp=sp))
        elif signed_in:
            user, since, method = signed_in
            self._answered(self.idp.answer(user, since, None, relay_state, method, sp))
        else:
            self._login_page(self._keep(None, relay_state, sp))

    def _answered(self, carried, headers=None):
        binding, carrier = carried
        if binding == BINDING_HTTP_ARTIFACT:
            location = {"Location": carrier["url"]}
            self._send(303, "text/plain", "", {**(headers or {}), **location})
        else:
            self._page(200, carrier, headers, whole=True)

    def _slo(self, binding, parameters):
        forget = {"Set-Cookie": self._set_cookie("", 0)}
        if "SAMLResponse" in parameters:
            status = self.idp.was_signed_out(binding, parameters["SAMLResponse"])
            relay_state = parameters.get("RelayState", "")
            self._page(200, f"<h1>Signed out</h1><p>{escape(status)} {escape(relay_state)}</p>")
            return
        request = self.idp.asked_to_sign_out(binding, parameters)
        self.idp.sessions = {
            cookie: (user, since, method)
            for cookie, (user, since, method) in self.idp.sessions.items()
            if self.idp.answered[user][0].text != request.name_id.text
        }
        http = self.idp.has_signed_out(request, parameters.get("RelayState"), binding)
        self._carried(binding, http, forget)

    def _begin_slo(self, user, word):
        destination, http = self.idp.sign_out(user, BINDINGS[word])
        if word != "soap":
            self._carried(BINDINGS[word], http, {})
            return
        # pysaml2 names the type of SOAP 1.2; the binding is by 1.1 (bindings 3.2.2).
        headers = {**dict(http["headers"]), "Content-Type": "text/xml; charset=utf-8"}
        ask = urllib.request.Request(destination, http["data"].encode(), headers)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with urllib.request.urlopen(ask, timeout=10, context=context) as answer:
            envelope = answer.read()
        # pysaml2 writes what it finds in an envelope anew, with other prefixes, before it verifies
        # it: no signature survives that. So it is given the message as it came.
        message = re.search(rb"<samlp:LogoutResponse .*</samlp:LogoutResponse>", envelope, re.S)
        message = base64.b64encode(message.group(0)).decode()
        status = self.idp.was_signed_out(BINDING_HTTP_POST, message)
        self._page(200, f"<h1>Signed out</h1><p>{escape(status)}</p>")

    def _carried(self, binding, http, headers):
        if binding == BINDING_HTTP_REDIRECT:
            location = dict(http["headers"])["Location"]
            self._send(303, "text/plain", "", {**headers, "Location": location})
        else:
            self._page(200, http["data"], headers, whole=True)

    def _sign_on(self, request, parameters):
        relay_state = parameters.get("RelayState")
        signed_in = self.idp.sessions.get(self._cookie())
        methods = self.idp.methods(request)
        if not methods:
            status, text = STATUS_NO_AUTHN_CONTEXT, "There is no such method here"
            self._page(200, self.idp.refuse(request, relay_state, status, text), whole=True)
        elif signed_in and signed_in[2] in methods and request.force_authn not in TRUE:
            user, since, method = signed_in
            self._answered(self.idp.answer(user, since, request, relay_state, method))
        elif request.is_passive in TRUE:
            page = self.idp.refuse(request, relay_state, STATUS_NO_PASSIVE, "Nobody is signed in")
            self._page(200, page, whole=True)
        else:
            self._login_page(self._keep(request, relay_state))

    def _login_page(self, ticket):
        people = "".join(
            f'<option value="{escape(user)}">{escape(person["displayName"])}</option>'
            for user, person in self.idp.users.items()
        )
        self._page(
            200,
            f"""<h1>Example Corp Login</h1>
<form id="login" method="post" action="/login">
  <input type="hidden" name="ticket" value="{escape(ticket)}">
  <p><label>Who are you? <select id="user" name="user">{people}</select></label></p>
  <p><button id="sign-in" name="action" value="sign-in">Sign in</button>
     <button id="cancel" name="action" value="cancel">Cancel</button></p>
</form>""",
        )

    def _login(self, parameters):
        request, relay_state, sp = self._kept(parameters)
        if parameters.get("action") == "cancel":
            page = self.idp.refuse(request, relay_state, STATUS_AUTHN_FAILED, "Cancelled")
            self._page(200, page, whole=True)
            return
        user = self._user(parameters)
        now = datetime.now(timezone.utc)
        cookie = secrets.token_urlsafe(32)
        method = self.idp.methods(request)[0]
        self.idp.sessions[cookie] = (user, now, method)
        carried = self.idp.answer(user, now, request, relay_state, method, sp)
        self._answered(carried, {"Set-Cookie": self._set_cookie(cookie)})

    def _keep(self, request, relay_state, sp=None):
        ticket = secrets.token_urlsafe(16)
        self.idp.waiting[ticket] = (request, relay_state, sp)
        return ticket

    def _kept(self, parameters):
        # Not removed: whoever goes back to the login page may send it again, as at real ones.
        try:
            return self.idp.waiting[parameters.get("ticket")]
        except KeyError:
            raise Refused("This login page is from another time.") from None

    def _user(self, parameters):
        user = parameters.get("user") or parameters.get("username") or ""
        if user not in self.idp.users:
            raise Refused(f"Nobody is called {user}.")
        return user

    def _cookie_name(self):
        # Cookies do not know ports, and several of us may run on one machine.
        return f"idp_session_{self.server.server_address[1]}"

    def _cookie(self):
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        morsel = cookies.get(self._cookie_name())
        return morsel.value if morsel else None

    def _set_cookie(self, value, max_age=None):
        age = "" if max_age is None else f"; Max-Age={max_age}"
        return f"{self._cookie_name()}={value}; Path=/; HttpOnly; SameSite=Lax{age}"

    def _redirect(self, location):
        self._send(303, "text/plain", "", {"Location": quote(location, safe="/?=&_-")})

    def _page(self, status, body, headers=None, whole=False):
        if not whole:
            body = f"<!DOCTYPE html><title>Example Corp Login</title>{body}"
        self._send(status, "text/html; charset=utf-8", body, headers)

    def _send(self, status, kind, body, headers=None):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *arguments):
        # Without the query: it holds whole messages.
        line = f"{self.command} {urlsplit(self.path).path}" if self.command else "-"
        print(f"{line} {arguments[1] if len(arguments) > 1 else ''}", file=sys.stderr, flush=True)


def read(place, insecure):
    """A URL or a file."""
    if "://" not in place:
        return Path(place).read_text(encoding="utf-8")
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if place.startswith("http://"):
        context = None
    with urllib.request.urlopen(place, timeout=10, context=context) as answer:
        return answer.read().decode()


def key_pair(folder, common_name):
    """A new RSA key and its self-signed certificate, as PEM files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = Path(folder, "idp.key"), Path(folder, "idp.crt")
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(key_file), str(certificate_file)


def arguments():
    parser = argparse.ArgumentParser(description="An identity provider for tests, on pysaml2.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--sp-metadata", default=[], metavar="URL|FILE")
    parser.add_argument("--insecure", action="store_true", help="do not verify the TLS of that URL")
    parser.add_argument("--entity-id", help="default: the URL of the metadata")
    parser.add_argument("--sign", choices=["response", "assertion", "both"], default="assertion")
    parser.add_argument("--encrypt", choices=list(CIPHERS))
    parser.add_argument("--sha", choices=["256", "384", "512"], default="256")
    parser.add_argument("--name-id-format", choices=list(NAME_ID_FORMATS), default="persistent")
    parser.add_argument("--attribute-names", choices=["oid", "basic"], default="oid")
    parser.add_argument("--session-seconds", type=int, help="sets SessionNotOnOrAfter")
    parser.add_argument("--want-authn-requests-signed", action="store_true")
    parser.add_argument("--only-post", action="store_true", help="metadata lists no HTTP-Redirect")
    parser.add_argument(
        "--methods", nargs="+", metavar="CLASS", help="from the weakest to the strongest"
    )
    parser.add_argument("--logout", nargs="*", choices=list(BINDINGS), default=[])
    parser.add_argument("--artifact", action="store_true", help="answers by artifact to who asks so")
    parser.add_argument("--lifetime", type=int, default=300, help="of an assertion, in seconds")
    parser.add_argument("--key", help="in PEM; default: a new one")
    parser.add_argument("--certificate", help="of that key")
    parser.add_argument("--published", nargs="*", help="other certificates in its metadata instead")
    parser.add_argument("--cache-duration", metavar="PT10M", help="of its metadata")
    parser.add_argument("--valid-hours", type=int, help="until its metadata ends")
    parser.add_argument(
        "--told",
        metavar="FILE",
        help="JSON with any of these, under names with _ for -, read again before each request",
    )
    parser.add_argument("--users", default=str(HERE / "users.json"))
    options = parser.parse_args()
    if not options.sp_metadata and not options.told:
        parser.error("--sp-metadata is missing")
    return options


def main():
    logging.basicConfig(level=logging.WARNING)
    options = arguments()
    http = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    base = f"http://127.0.0.1:{http.server_address[1]}"
    with tempfile.TemporaryDirectory(prefix="pysaml2-idp-") as folder:
        Handler.idp = IdentityProvider(options, base, folder)

        def stop(*_):
            # shutdown() waits for serve_forever(), which this very thread runs.
            threading.Thread(target=http.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"ready {base}", flush=True)
        http.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
