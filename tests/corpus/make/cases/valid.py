"""Messages that have to be accepted: every vendor's, and everything that SAML leaves free."""

import saml
import vendors
from case import Case, as_base64
from saml import (
    ALICE,
    BASIC,
    EMAIL,
    PERSISTENT,
    SP,
    TRANSIENT,
    UNSPECIFIED,
    URI,
    Assertion,
    Attribute,
    Confirmation,
    Response,
    Style,
    plain,
)
from sign import Signature, signed
from tree import E, declare
from vendors import changed, expected

#: vendor: (row by placement, the placements, what it is called)
VENDOR_ROWS = {
    "okta": {"assertion": "VAL-06", "response": "VAL-05", "both": "VAL-05"},
    "entra": {"assertion": "VAL-03", "response": "VAL-04", "both": "VAL-04"},
    "adfs": {"assertion": "VAL-01", "response": "VAL-02", "both": "VAL-02"},
    "google": {"assertion": "VAL-08", "response": "VAL-07"},
    "jumpcloud": {"assertion": "VAL-52", "response": "VAL-52", "both": "VAL-52"},
    "keycloak": {"assertion": "VAL-10", "response": "VAL-10", "both": "VAL-10"},
    "onelogin": {"assertion": "VAL-13", "response": "VAL-13", "both": "VAL-13"},
    "pingone": {"assertion": "VAL-53", "response": "VAL-53", "both": "VAL-53"},
    "pingfederate": {"assertion": "VAL-18", "response": "VAL-18", "both": "VAL-11, VAL-18"},
    "auth0": {"assertion": "VAL-14", "response": "VAL-14", "both": "VAL-14"},
    "shibboleth": {"assertion": "VAL-09", "response": "VAL-09", "both": "VAL-09"},
    "simplesamlphp": {"assertion": "VAL-12", "response": "VAL-12", "both": "VAL-12"},
    "forgerock": {"assertion": "VAL-15", "response": "VAL-15", "both": "VAL-15, VAL-16"},
    "generic": {"assertion": "VAL-54", "response": "VAL-54", "both": "VAL-54"},
}

NAMES = {
    "okta": "Okta",
    "entra": "Entra ID",
    "adfs": "AD FS",
    "google": "Google Workspace",
    "jumpcloud": "JumpCloud",
    "keycloak": "Keycloak",
    "onelogin": "OneLogin",
    "pingone": "PingOne",
    "pingfederate": "PingFederate",
    "auth0": "Auth0",
    "shibboleth": "Shibboleth",
    "simplesamlphp": "SimpleSAMLphp",
    "forgerock": "ForgeRock AM",
    "generic": "pysaml2 and whoever writes ns0",
}


def cases():
    yield from _plain()
    yield from _vendors()
    yield from _vendor_variants()
    yield from _signatures()
    yield from _key_info()
    yield from _content()
    yield from _attributes()
    yield from _wire()


def accept(path, title, row, body, what, signed_by, **more):
    """A case that has to be accepted, with the identity that `what` says."""
    return Case(
        path=f"valid/{path}",
        title=title,
        row=row,
        signed=signed_by,
        body=body,
        expect="accept",
        **{**expected(what), **more},
    )


def build(what=None, where="assertion", how=None, style=None, envelope=None):
    """The generic Response, signed."""
    style = style or Style()
    root, made = plain(style, what or Assertion(), envelope)
    how = how or Signature()
    places = [(made, how)] if where in ("assertion", "both") else []
    places += [(root, how)] if where in ("response", "both") else []
    return signed(root, *places, prolog=style.prolog, pretty=style.pretty)


def _plain():
    for where in ("assertion", "response", "both"):
        title = f"Nothing special, signed: {where}"
        yield accept(f"plain-{where}-signed", title, "VAL-00", build(where=where), Assertion(), where)


def _vendors():
    for name, rows in VENDOR_ROWS.items():
        vendor = vendors.ALL[name]
        for where, row in rows.items():
            yield accept(
                f"{name}/{where}-signed",
                f"{NAMES[name]}, signed: {where}",
                row,
                vendors.message(vendor, where),
                vendor.assertion,
                where,
            )


def _vendor_variants():
    okta = vendors.OKTA
    what = changed(okta.assertion, confirmations=(Confirmation(in_response_to=None),), attributes=())
    yield accept(
        "okta/idp-initiated",
        "Okta, begun at its dashboard: no InResponseTo, no attributes",
        "VAL-55",
        vendors.message(okta, "both", what, changed(okta.response, in_response_to=None)),
        what,
        "both",
        unsolicited=True,
        set=("allow_idp_initiated=true",),
    )
    what = changed(okta.assertion, name_id="00u1abcd2EFGHIJKL345", format=UNSPECIFIED)
    yield accept(
        "okta/unspecified-name-id",
        "Okta, NameID format left at its default",
        "VAL-06, VAL-25",
        vendors.message(okta, "assertion", what),
        what,
        "assertion",
    )
    entra = vendors.ENTRA
    for short, title, changes in [
        ("pairwise", "persistent and opaque", {"name_id": "Xk3vYp0q9bQ1", "format": PERSISTENT}),
        ("without-format", "without Format, as in the documentation", {"name_id": "Uz2Pqz1X7pxe4XLW", "format": None}),
        ("guest", "a guest's UPN", {"name_id": "alice_example.com#EXT#@corp.onmicrosoft.com"}),
    ]:
        what = changed(entra.assertion, **changes)
        body = vendors.message(entra, "assertion", what)
        title = f"Entra ID, NameID {title}"
        yield accept(f"entra/name-id-{short}", title, "VAL-03", body, what, "assertion")
    link = Attribute(
        vendors.MICROSOFT + "claims/groups.link",
        ("https://graph.example.com/users/1/getMemberObjects",),
    )
    what = changed(entra.assertion, attributes=(link,))
    yield accept(
        "entra/groups-link",
        "Entra ID, a person of more groups than it sends: a link instead",
        "VAL-03",
        vendors.message(entra, "assertion", what),
        what,
        "assertion",
    )
    adfs = vendors.ADFS
    what = changed(adfs.assertion, name_id=None)
    yield accept(
        "adfs/no-name-id",
        "AD FS without a claim rule for NameID: attributes alone",
        "VAL-01",
        vendors.message(adfs, "assertion", what),
        what,
        "assertion",
    )
    what = changed(adfs.assertion, not_before=120)
    yield accept(
        "adfs/clock-ahead",
        "AD FS, whose NotBefore has no margin, with a clock two minutes ahead",
        "VAL-01",
        vendors.message(adfs, "assertion", what),
        what,
        "assertion",
    )
    what = changed(vendors.KEYCLOAK.assertion, not_before=-62, not_on_or_after=-2)
    yield accept(
        "keycloak/narrow-window",
        "Keycloak's window of one minute, read a minute later",
        "VAL-10",
        vendors.message(vendors.KEYCLOAK, "both", what),
        what,
        "both",
    )
    shibboleth = vendors.SHIBBOLETH
    what = changed(
        shibboleth.assertion,
        name_id="9f1c8d3e2b7a",
        format=PERSISTENT,
        attributes=(
            Attribute("urn:oasis:names:tc:SAML:attribute:subject-id", ("alice@example.com",), URI, "subject-id"),
            Attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", ("alice@example.com",), URI, "eduPersonPrincipalName"),
        ),
    )
    yield accept(
        "shibboleth/scoped",
        "Shibboleth with identifiers in a scope that its metadata lists",
        "VAL-09",
        vendors.message(shibboleth, "response", what),
        what,
        "response",
        idp="corp-scoped",
    )
    ecdsa = changed(shibboleth.signature, key="corp-p256", algorithm="ecdsa-sha256")
    yield accept(
        "shibboleth/ecdsa",
        "Shibboleth with a P-256 key",
        "VAL-32",
        vendors.message(shibboleth, "response", signature=ecdsa),
        shibboleth.assertion,
        "response",
        idp="corp-ec",
    )
    ecdsa = changed(vendors.PINGFEDERATE.signature, key="corp-p256", algorithm="ecdsa-sha256")
    yield accept(
        "pingfederate/ecdsa",
        "PingFederate with a P-256 key",
        "VAL-32",
        vendors.message(vendors.PINGFEDERATE, "both", signature=ecdsa),
        vendors.PINGFEDERATE.assertion,
        "both",
        idp="corp-ec",
    )
    for short, c14n, row in [
        ("inclusive-c14n", "c14n", "VAL-20"),
        ("inclusive-c14n-with-comments", "c14n-comments", "VAL-20"),
        ("exclusive-c14n-with-comments", "exc-comments", "VAL-22"),
    ]:
        how = changed(vendors.KEYCLOAK.signature, c14n=c14n, transform=c14n)
        for where in ("assertion", "both"):
            yield accept(
                f"keycloak/{short}-{where}",
                f"Keycloak, canonicalisation set to {short.replace('-', ' ')}, signed: {where}",
                row,
                vendors.message(vendors.KEYCLOAK, where, signature=how),
                vendors.KEYCLOAK.assertion,
                where,
                set=("allow_inclusive_c14n=true",) if row == "VAL-20" else (),
            )
    how = changed(vendors.ONELOGIN.signature, algorithm="rsa-sha1", digest="sha1")
    yield accept(
        "onelogin/rsa-sha1",
        "OneLogin with its signature algorithm of 2016",
        "VAL-23",
        vendors.message(vendors.ONELOGIN, "response", signature=how),
        vendors.ONELOGIN.assertion,
        "response",
        set=("allow_sha1_until=2030-01-01",),
    )
    how = changed(vendors.SIMPLESAMLPHP.signature, layout=None)
    what = changed(vendors.SIMPLESAMLPHP.assertion, id="pfx7a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
    yield accept(
        "simplesamlphp/onelogin-toolkit",
        "SimpleSAMLphp's words, signed by a OneLogin toolkit",
        "VAL-12",
        vendors.message(vendors.SIMPLESAMLPHP, "both", what, signature=how),
        what,
        "both",
    )


def _signatures():
    for short, title, row, how, more in [
        ("rsa-sha384", "RSA-SHA384, SHA-384", "VAL-19", Signature(algorithm="rsa-sha384", digest="sha384"), {}),
        ("rsa-sha512", "RSA-SHA512, SHA-512", "VAL-19", Signature(algorithm="rsa-sha512", digest="sha512"), {}),
        ("rsa-sha256-digest-sha512", "RSA-SHA256 over a SHA-512 digest", "VAL-19", Signature(digest="sha512"), {}),
        ("rsa-3072", "an RSA key of 3072 bits, the newer of two in the metadata", "VAL-56", Signature(key="corp-next"), {"idp": "corp-rollover"}),
        ("rsa-old-key", "the older of two keys in the metadata", "VAL-56", Signature(), {"idp": "corp-rollover"}),
        ("rsa-among-others", "RSA among keys of other kinds", "VAL-56", Signature(), {"idp": "corp-all"}),
        ("ecdsa-p256", "ECDSA with P-256", "VAL-32", Signature(key="corp-p256", algorithm="ecdsa-sha256", key_info=None), {"idp": "corp-ec"}),
        ("ecdsa-p384", "ECDSA with P-384", "VAL-32", Signature(key="corp-p384", algorithm="ecdsa-sha384", digest="sha384"), {"idp": "corp-ec"}),
        ("ecdsa-p521", "ECDSA with P-521", "VAL-32", Signature(key="corp-p521", algorithm="ecdsa-sha512", digest="sha512"), {"idp": "corp-ec"}),
        ("ecdsa-p384-sha256", "ECDSA with P-384 and SHA-256", "VAL-32", Signature(key="corp-p384", algorithm="ecdsa-sha256"), {"idp": "corp-ec"}),
        ("pss-sha256", "RSA-PSS with SHA-256", "VAL-33", Signature(algorithm="pss-sha256"), {}),
        ("pss-sha384", "RSA-PSS with SHA-384", "VAL-33", Signature(algorithm="pss-sha384", digest="sha384"), {}),
        ("pss-sha512", "RSA-PSS with SHA-512", "VAL-33", Signature(algorithm="pss-sha512", digest="sha512"), {}),
        ("ed25519", "Ed25519", "VAL-57", Signature(key="corp-ed25519", algorithm="ed25519"), {"idp": "corp-ed25519"}),
        ("ed25519-among-others", "Ed25519 among keys of other kinds", "VAL-57", Signature(key="corp-ed25519", algorithm="ed25519"), {"idp": "corp-all"}),
        ("rsa-sha1", "RSA-SHA1, excepted until a day that is to come", "VAL-23", Signature(algorithm="rsa-sha1", digest="sha1"), {"set": ("allow_sha1_until=2026-11-22",)}),
        ("sha1-digest", "a SHA-1 digest under RSA-SHA256, excepted", "VAL-23", Signature(digest="sha1"), {"set": ("allow_sha1_until=2026-11-22",)}),
        ("c14n11", "C14N 1.1", "VAL-21", Signature(c14n="c14n11", transform="c14n11"), {"set": ("allow_inclusive_c14n=true",)}),
        ("c14n10", "C14N 1.0", "VAL-20", Signature(c14n="c14n", transform="c14n"), {"set": ("allow_inclusive_c14n=true",)}),
        ("c14n10-signed-info-only", "C14N 1.0 for SignedInfo, exclusive for the content", "VAL-20", Signature(c14n="c14n"), {"set": ("allow_inclusive_c14n=true",)}),
        ("no-second-transform", "enveloped-signature alone, hence inclusive C14N 1.0", "VAL-20", Signature(transform=None), {"set": ("allow_inclusive_c14n=true",)}),
        ("exclusive-with-comments", "exclusive C14N with comments, of which there are none", "VAL-22", Signature(c14n="exc-comments", transform="exc-comments"), {}),
    ]:
        for where in ("assertion", "response"):
            yield accept(f"signature/{short}-{where}", f"Signed by {title}: {where}", row, build(where=where, how=how), Assertion(), where, **more)
    style = Style(root_declares=("p", "a", "xs", "xsi"), assertion_declares=(), value_type="xs:string")
    what = Assertion(attributes=(Attribute("email", (ALICE,)),))
    lists = {
        "xs": "xs",
        "several": "ds saml samlp xs xsi",
        "default": "#default saml ds xs xsi",
        "default-alone": "#default",
        "unknown-prefix": "xs nobody",
        "repeated": "xs  xs xsi",
    }
    for short, prefixes in lists.items():
        for where in ("assertion", "both"):
            how = Signature(prefix_list=prefixes, prefix_list_signed_info=prefixes)
            body = build(what, where, how, style)
            title = f"InclusiveNamespaces PrefixList {prefixes!r}, signed: {where}"
            yield accept(f"signature/prefix-list-{short}-{where}", title, "VAL-24", body, what, where)
    default = Style(a="", root_declares=("p",), assertion_declares=("a",))
    for where in ("assertion", "response"):
        how = Signature(prefix_list="#default xs", prefix="")
        body = build(None, where, how, default)
        title = f"PrefixList with #default where there is a default namespace, signed: {where}"
        yield accept(f"signature/prefix-list-used-default-{where}", title, "VAL-24", body, Assertion(), where)
    mixed = Signature(algorithm="rsa-sha512", digest="sha384", prefix="")
    root, made = plain()
    body = signed(root, (made, Signature(prefix="dsig", wrap=64)), (root, mixed))
    yield accept("signature/two-of-a-kind-each", "Two signatures that differ in everything", "VAL-00", body, Assertion(), "both")
    root, made = plain()
    body = signed(root, (made, Signature(key="corp-next")), (root, Signature()))
    yield accept("signature/two-keys", "Assertion and Response signed by different keys of one provider", "VAL-56", body, Assertion(), "both", idp="corp-rollover")
    root, made = plain()
    body = signed(root, (made, Signature()), (root, Signature(prefix_list="xs saml")), pretty="\t")
    yield accept("signature/tabs", "Indented by tabs", "VAL-16", body, Assertion(), "both")
    for where in ("assertion", "response", "both"):
        body = build(where=where, style=Style(pretty="  "))
        yield accept(f"signature/pretty-{where}", f"Indented, signed: {where}", "VAL-16", body, Assertion(), where)


def _key_info():
    for short, title, how, row in [
        ("none", "no KeyInfo", Signature(key_info=None), "VAL-11"),
        ("key-value", "a bare RSAKeyValue", Signature(key_info="key-value"), "VAL-17"),
        ("key-name", "a KeyName that says nothing", Signature(key_info="key-name"), "VAL-17"),
        ("issuer-serial", "X509IssuerSerial", Signature(key_info="issuer-serial"), "VAL-17"),
        ("subject-name", "X509SubjectName before the certificate", Signature(key_info="subject"), "VAL-08"),
        ("all", "KeyName, X509Data and KeyValue", Signature(key_info="keycloak"), "VAL-10"),
        ("another-certificate", "the certificate of somebody else, which is read by nobody", Signature(key_info=_attackers_certificate), "VAL-58"),
        ("wrapped-64", "base64 in lines of 64", Signature(wrap=64, first_eol=True), "VAL-15"),
        ("wrapped-76-crlf", "base64 in lines that end with CR LF as a character reference", Signature(wrap=76, eol="&#13;\n"), "VAL-15"),
        ("wrapped-crlf-hex", "the same, written &#xD;", Signature(wrap=76, eol="&#xD;\n", first_eol=True), "VAL-15"),
        ("spaces", "base64 among tabs and spaces", Signature(wrap=60, eol="\n\t    "), "VAL-15"),
    ]:
        for where in ("assertion", "response"):
            body = build(where=where, how=how)
            yield accept(f"key-info/{short}-{where}", f"KeyInfo: {title}, signed: {where}", row, body, Assertion(), where)


def _attackers_certificate(how):
    other = Signature(key="attacker", prefix=how.prefix)
    import sign

    return sign.KEY_INFO["x509"](other)


def _content():
    soon = lambda **changes: Confirmation(**changes)
    condition = lambda name, *inner: E(f"saml:{name}", [], *inner)
    statement = saml.authn_statement(Style(), Assertion(session_index="_second", session_not_on_or_after=7200))
    advice = E("saml:Advice", [], E("saml:AssertionURIRef", [], "https://idp.example.com/a/1"))
    proxy = E("saml:ProxyRestriction", {"Count": "0"}, E("saml:Audience", [], "https://proxy.example.com"))
    A = Assertion
    for short, title, row, what in [
        ("name-id/unspecified", "NameID unspecified", "VAL-25", A(name_id="alice", format=UNSPECIFIED)),
        ("name-id/no-format", "NameID without Format", "VAL-25", A(name_id="alice", format=None)),
        ("name-id/persistent", "NameID persistent, with both qualifiers", "VAL-25", A(name_id="c0ffee", format=PERSISTENT, name_qualifier=saml.IDP, sp_name_qualifier=SP)),
        ("name-id/transient", "NameID transient", "VAL-25", A(name_id="_t1", format=TRANSIENT)),
        ("name-id/windows", "NameID as a Windows name", "VAL-25", A(name_id="CORP\\alice", format=saml.NAMEID + "WindowsDomainQualifiedName")),
        ("name-id/x509", "NameID as an X.509 subject", "VAL-25", A(name_id="CN=Alice, O=Example+OU=IT", format=saml.NAMEID + "X509SubjectName")),
        ("name-id/kerberos", "NameID as a Kerberos principal", "VAL-25", A(name_id="alice@EXAMPLE.COM", format=saml.NAMEID2 + "kerberos")),
        ("name-id/not-ascii", "NameID outside of ASCII", "VAL-29", A(name_id="ålice+тест@example.com")),
        ("name-id/escaped", "NameID with characters that have to be escaped", "VAL-29", A(name_id="a&b<c>\"d'@example.com", format=UNSPECIFIED)),
        ("name-id/absent", "no NameID", "VAL-25", A(name_id=None, attributes=(Attribute("email", (ALICE,)),))),
        ("audience/two-in-one", "two Audiences in one restriction, we are the second", "VAL-26", A(audiences=(("https://another-sp.example.com", SP),))),
        ("audience/two-restrictions", "two restrictions that both name us", "VAL-26", A(audiences=((SP,), (SP, "urn:example:all")))),
        ("confirmation/bad-then-good", "a confirmation for somebody else before ours", "VAL-27", A(confirmations=(soon(recipient="https://another-sp.example.com/acs"), soon()))),
        ("confirmation/expired-then-good", "an expired confirmation before ours", "VAL-27", A(confirmations=(soon(not_on_or_after=-3600), soon()))),
        ("confirmation/holder-of-key-then-bearer", "holder-of-key before bearer", "VAL-27", A(confirmations=(soon(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), soon()))),
        ("confirmation/good-then-bad", "one without data behind ours", "VAL-27", A(confirmations=(soon(), Confirmation(data=False)))),
        ("confirmation/address", "an Address, which is not compared", "VAL-27", A(confirmations=(soon(address="2001:db8::7"),))),
        ("conditions/one-time-use", "OneTimeUse", "VAL-37", A(conditions=(condition("OneTimeUse"),))),
        ("conditions/proxy-restriction", "ProxyRestriction", "VAL-28", A(conditions=(proxy,))),
        ("conditions/both", "OneTimeUse and ProxyRestriction", "VAL-28, VAL-37", A(conditions=(condition("OneTimeUse"), proxy.copy()))),
        ("conditions/no-not-before", "Conditions without NotBefore", "VAL-31", A(not_before=None)),
        ("conditions/no-times", "Conditions without times: those of the confirmation count", "VAL-31", A(not_before=None, not_on_or_after=None)),
        ("authn/session-end", "SessionNotOnOrAfter", "VAL-31", A(session_not_on_or_after=3600)),
        ("authn/two-statements", "two AuthnStatements", "VAL-31", A(statements=(statement,))),
        ("authn/no-session-index", "no SessionIndex", "VAL-31", A(session_index=None)),
        ("authn/locality-and-authority", "SubjectLocality and AuthenticatingAuthority", "VAL-31", A(locality="192.0.2.1", authority="https://upstream.example.com")),
        ("authn/days-old", "signed in at the provider two days ago", "VAL-31", A(authn_instant=-172_800)),
        ("advice", "Advice without an Assertion in it", "VAL-31", A(advice=advice)),
        ("time/issued-ahead", "issued two minutes in our future", "VAL-59", A(issue_instant=120, not_before=100)),
        ("time/at-the-end", "a second before the skew is used up", "VAL-59", A(not_before=-600, not_on_or_after=-179, confirmations=(soon(not_on_or_after=-179),))),
        ("time/at-the-beginning", "NotBefore exactly one skew ahead", "VAL-59", A(not_before=180, not_on_or_after=300)),
    ]:
        body = build(what, "assertion")
        yield accept(short, f"{title}".capitalize() if title[0].islower() else title, row, body, what, "assertion")
    for digits in (1, 3, 6, 7, 9):
        body = build(A(), "both", style=Style(digits=digits))
        yield accept(f"time/digits-{digits}", f"Times with {digits} digits of a second", "VAL-59", body, A(), "both")
    for short, title, envelope in [
        ("no-issuer", "A Response without Issuer", Response(issuer=None)),
        ("no-destination", "An unsigned Response without Destination", Response(destination=None)),
        ("no-in-response-to", "A Response without InResponseTo, where the confirmation has one", Response(in_response_to=None)),
        ("sub-status", "Success with a second-level code and a message", Response(sub_status="urn:example:fine", message="Welcome")),
        ("extensions", "A Response with Extensions of somebody else", Response(extensions=E("samlp:Extensions", [], E("x:Hint", {"xmlns:x": "urn:example:x"}, "hello")))),
    ]:
        body = build(A(), "assertion", envelope=envelope)
        yield accept(f"response/{short}", title, "VAL-60", body, A(), "assertion")
    issuer_format = Style(issuer_format=saml.ENTITY)
    yield accept("response/issuer-format", "Issuers that say they are entities", "VAL-60", build(A(), "both", style=issuer_format), A(), "both")
    classes = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
    what = A(context_class=classes + "X509")
    yield accept("authn/context", "One of two methods that are enough", "VAL-31", build(what), what, "assertion", set=(f"authn_context={classes}Kerberos", f"authn_context={classes}X509"))
    what = A(authn_instant=0)
    yield accept("authn/fresh", "Signed in anew, as was asked for", "VAL-31", build(what), what, "assertion", set=("force_authn=true",))


def _attributes():
    style = Style(root_declares=("p", "xs", "xsi"), value_type="xs:string")
    targeted = E("saml:NameID", {"Format": PERSISTENT, "NameQualifier": saml.IDP, "SPNameQualifier": SP}, "84e411ea")
    original = "http://example.com/attributes"
    for short, title, row, attributes, more in [
        ("not-ascii", "Values outside of ASCII", "VAL-29", (Attribute("displayName", ("Ålice Exämple 日本語 𝄞",)),), ()),
        ("markup-in-text", "A value that looks like markup and is text", "VAL-29", (Attribute("title", ("<b>R&D</b> \"x\" 'y' ]]>",)),), ()),
        ("white-space", "Values with line breaks and tabs in them", "VAL-29", (Attribute("address", ("1 Main St\n\tSpringfield  ",)),), ()),
        ("targeted-id", "eduPersonTargetedID: a NameID in the value", "VAL-30", (Attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", (targeted,), URI, "eduPersonTargetedID"),), (("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "84e411ea"),)),
        ("many-values", "One attribute of many values", "VAL-61", (Attribute("groups", tuple(f"group {n}" for n in range(200))),), ()),
        ("many-elements", "One Name in many elements, one for each value", "VAL-61", tuple(Attribute("groups", (f"group {n}",)) for n in range(20)), ()),
        ("empty", "Attributes without a value, and with an empty one", "VAL-61", (Attribute("phone"), Attribute("title", ("",)), Attribute("email", (ALICE,))), ()),
        ("foreign-attribute", "An XML attribute of somebody else on Attribute", "VAL-61", (Attribute("email", (ALICE,), more=(("xmlns:x", original), ("x:OriginalIssuer", "urn:example:upstream"))),), ()),
        ("friendly-name", "FriendlyName and NameFormat", "VAL-61", (Attribute("urn:oid:2.5.4.42", ("Alice",), URI, "givenName"), Attribute("uid", ("alice",), BASIC)), ()),
        ("commas", "Values with commas and semicolons", "VAL-61", (Attribute("groups", ("Sales, EMEA", "a;b")),), ()),
    ]:
        what = Assertion(attributes=attributes)
        for where in ("assertion", "response"):
            body = build(what, where, style=style)
            extra = {"attributes": more} if more else {}
            yield accept(f"attributes/{short}-{where}", f"{title}, signed: {where}", row, body, what, where, **extra)
    nil = E("saml:AttributeValue", {"xsi:nil": "true"})
    root, made = plain(style, Assertion(attributes=(Attribute("email", (ALICE,)), Attribute("phone"))))
    made.find("Attribute", 1).children.append(nil)
    yield accept(
        "attributes/nil",
        "A value that is nil",
        "VAL-61",
        signed(root, (made, Signature())),
        Assertion(attributes=(Attribute("email", (ALICE,)), Attribute("phone", ("",)))),
        "assertion",
    )


def _wire():
    A = Assertion()
    google = vendors.GOOGLE
    for short, title, eol in [("crlf", "CR LF", "\r\n"), ("lf", "LF", "\n")]:
        body = as_base64(vendors.message(google, "assertion"), 76, eol)
        yield accept(f"wire/base64-wrapped-{short}", f"The form field wrapped at 76 columns with {title}", "VAL-34", body, google.assertion, "assertion", form="base64")
    yield accept("wire/base64", "The form field in one line", "VAL-34", as_base64(build(where="both")), A, "both", form="base64")
    from urllib.parse import urlencode

    fields = {"SAMLResponse": as_base64(build(where="response")), "RelayState": "/reports?year=2026"}
    yield accept("wire/form", "A form with a RelayState that is a page of ours", "VAL-34", urlencode(fields), A, "response", form="form", more=(("relay_state", "page /reports?year=2026"),))
    fields = {"RelayState": "", "utm_source": "portal", "SAMLResponse": as_base64(build(where="both"), 76)}
    yield accept("wire/form-with-more", "A form with a field that is not ours", "VAL-34", urlencode(fields), A, "both", form="form", more=(("relay_state", "ignored"),))
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    for short, title, prolog, tail in [
        ("bom", "a byte order mark", "\ufeff", ""),
        ("bom-and-declaration", "a byte order mark and an XML declaration", "\ufeff" + declaration, ""),
        ("declaration", "an XML declaration", declaration, ""),
        ("declaration-lower-case", "an XML declaration that says utf-8 in single quotes", "<?xml version='1.0' encoding='utf-8'?>", ""),
        ("declaration-without-encoding", "an XML declaration without encoding", '<?xml version="1.0"?>', ""),
        ("standalone", "standalone=yes", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>', ""),
        ("white-space-around", "white space around the document element", "\n\n", "\r\n \t"),
    ]:
        body = prolog + build(where="both") + tail
        yield accept(f"wire/{short}", f"A message with {title}", "VAL-35", body, A, "both")
    text = build(where="both", style=Style(pretty="  ")).replace("\n", "\r\n")
    yield accept("wire/crlf", "Line ends of Windows, which a parser reads as line feeds", "VAL-62", text, A, "both")
    text = build(where="both").replace('"', "'")
    yield accept("wire/single-quotes", "Attributes in single quotes", "VAL-62", text, A, "both")
    text = build(where="assertion").replace("alice@", "&#97;l&#x69;ce&#64;")
    yield accept("wire/character-references", "Character references where nobody needs them", "VAL-62", text, A, "assertion")
    text = build(where="both").replace("/>", " \n/>").replace("<saml:NameID ", "<saml:NameID\t\n ")
    yield accept("wire/space-in-tags", "White space inside of tags", "VAL-62", text, A, "both")
    text = build(where="both").replace("Transform Algorithm", "Transform\nAlgorithm")
    import re

    text = re.sub(r"<([\w:]+)([^<>]*)/>", r"<\1\2></\1>", text)
    yield accept("wire/no-empty-tags", "Empty elements written with an end tag", "VAL-62", text, A, "both")
    # Comments: between the elements of what nobody signed, and around the document element.
    note = "<!-- made by the portal -->"
    text = build(where="assertion")
    assertion = text.index("<saml:Assertion")
    status = text.index("<samlp:Status>")
    for short, title, body in [
        ("before-assertion", "before the Assertion", text[:assertion] + note + text[assertion:]),
        ("before-status", "before the Status", text[:status] + note + text[status:]),
        ("before-root", "before the document element", note + "\n" + text),
        ("after-root", "after the document element", text + "\n" + note),
        ("everywhere", "in all of these places", note + text[:status] + note + text[status:assertion] + note + text[assertion:] + note),
    ]:
        yield accept(f"wire/comment-{short}", f"A comment {title}, outside of what is signed", "VAL-36", body, A, "assertion")
    for short, title, body in [
        ("before-root", "before the document element", note + "\n" + build(where="response")),
        ("after-root", "after the document element", build(where="response") + note),
    ]:
        yield accept(f"wire/comment-{short}-response-signed", f"A comment {title} of a signed Response", "VAL-36", body, A, "response")
