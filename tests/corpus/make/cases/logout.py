"""Logout messages: who may end whose session."""

import base64
import urllib.parse
import zlib

import keys
import saml
from case import Case
from saml import ALICE, CAROL, EMAIL, IDP, OTHER_IDP, SLO, Style, escape, time
from sign import ALGORITHM, Signature, raw, read, signed
from tree import E, declare

SESSION = f"{IDP} {ALICE} _session"


def cases():
    yield from _redirect_valid()
    yield from _post_valid()
    yield from _redirect_refused()
    yield from _post_refused()
    yield from _soap_valid()
    yield from _soap_refused()
    yield from _responses()


def request(
    name_id=ALICE,
    issuer=IDP,
    destination=SLO,
    issued=0,
    end=300,
    indexes=("_session",),
    format=EMAIL,
    identifier="_logout",
    root="LogoutRequest",
    version="2.0",
    qualifier=None,
):
    """A LogoutRequest as E."""
    named = [("Format", format), ("NameQualifier", qualifier)]
    return E(
        f"samlp:{root}",
        [
            declare("samlp", "samlp"),
            declare("saml", "saml"),
            ("ID", identifier),
            ("Version", version),
            ("IssueInstant", time(issued)),
            ("Destination", destination),
            ("NotOnOrAfter", time(end) if isinstance(end, int) else end),
        ],
        E("saml:Issuer", [], issuer) if issuer else None,
        E("saml:NameID", named, escape(name_id)) if name_id else None,
        *[E("samlp:SessionIndex", [], index) for index in indexes],
    )


def response(in_response_to="_ours", status=saml.SUCCESS, issuer=IDP, destination=SLO, issued=0):
    """A LogoutResponse as E."""
    return E(
        "samlp:LogoutResponse",
        [
            declare("samlp", "samlp"),
            declare("saml", "saml"),
            ("ID", "_answer"),
            ("Version", "2.0"),
            ("IssueInstant", time(issued)),
            ("Destination", destination),
            ("InResponseTo", in_response_to),
        ],
        E("saml:Issuer", [], issuer),
        E("samlp:Status", [], E("samlp:StatusCode", {"Value": status})),
    )


def deflate(data, wbits=-15):
    """Raw DEFLATE."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()


def quote(text, lower=False):
    """Percent-encoded; ADFS and Entra ID write lower-case digits."""
    quoted = urllib.parse.quote(text, safe="")
    if lower:
        import re

        quoted = re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    return quoted


def query(
    xml,
    key="corp",
    algorithm="rsa-sha256",
    relay_state=None,
    name="SAMLRequest",
    lower=False,
    packed=None,
    order=("message", "relay", "alg"),
    encoding=None,
    sign=True,
):
    """A signed query (bindings 3.4.4.1)."""
    text = xml.write() if isinstance(xml, E) else xml
    data = deflate(text.encode()) if packed is None else packed
    parts = {"message": f"{name}={quote(base64.b64encode(data).decode(), lower)}"}
    if relay_state is not None:
        parts["relay"] = f"RelayState={quote(relay_state, lower)}"
    if not sign:
        return "&".join(parts[one] for one in order if one in parts)
    uri = ALGORITHM.get(algorithm, algorithm)
    parts["alg"] = f"SigAlg={quote(uri, lower)}"
    octets = "&".join(parts[one] for one in order if one in parts)
    value = raw(keys.private(key), algorithm, octets.encode())
    tail = f"&SAMLEncoding={quote(encoding)}" if encoding else ""
    return f"{octets}&Signature={quote(base64.b64encode(value).decode(), lower)}{tail}"


def case(path, title, row, body, expect, kind="logout_redirect", session=SESSION, **more):
    """A case of logout."""
    in_response_to = more.pop("in_response_to", None)
    extra = list(more.pop("more", ()))
    if in_response_to:
        extra.insert(0, ("in_response_to", in_response_to))
    elif session:
        extra.insert(0, ("session", session))
    return Case(
        path=path,
        title=title,
        row=row,
        body=body,
        expect=expect,
        kind=kind,
        form="query" if kind == "logout_redirect" else "xml",
        more=tuple(extra),
        **more,
    )


def accept(path, title, row, body, ends="yes", name_id=ALICE, format=EMAIL, index="_session", relay_state=None, **more):
    """Accepted, and the session ends or not."""
    extra = [("relay_state", relay_state)] if relay_state is not None else []
    return case(
        f"valid/logout/{path}",
        title,
        row,
        body,
        "accept",
        name_id=name_id,
        format=format,
        session_index=index,
        # After `expect`, where the reader looks for them.
        more=(("ends", ends), *extra),
        **more,
    )


def refuse(path, title, row, body, code, **more):
    """Refused: nothing ends."""
    return case(f"attack/logout/{path}", title, row, body, f"refuse {code}", **more)


def _redirect_valid():
    yield accept("redirect", "A signed LogoutRequest by redirect", "SLO-00", query(request()))
    yield accept("redirect-relay-state", "With a RelayState, which is signed as well", "SLO-00", query(request(), relay_state="a b/c=d&e"), relay_state="a b/c=d&e")
    yield accept("redirect-empty-relay-state", "With an empty RelayState", "SLO-00", query(request(), relay_state=""), relay_state="")
    yield accept("redirect-lower-case", "Percent-encoded in lower case, and signed like that (AD FS, Entra ID)", "SLO-01", query(request(), lower=True))
    yield accept("redirect-lower-case-relay-state", "The same with a RelayState", "SLO-01", query(request(), relay_state="https://x/?y=z", lower=True), relay_state="https://x/?y=z")
    deflate_uri = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
    yield accept("redirect-saml-encoding", "With the one SAMLEncoding that there is", "SLO-00", query(request(), encoding=deflate_uri))
    yield accept("redirect-more-parameters", "With parameters of somebody else", "SLO-00", "client=web&" + query(request()) + "&utm=1")
    for algorithm, key, idp in [
        ("rsa-sha512", "corp", "corp"),
        ("ecdsa-sha256", "corp-p256", "corp-ec"),
        ("pss-sha256", "corp", "corp"),
        ("ed25519", "corp-ed25519", "corp-ed25519"),
    ]:
        yield accept(f"redirect-{algorithm}", f"Signed by {algorithm}", "SLO-00", query(request(), key, algorithm), idp=idp)
    yield accept("redirect-sha1-allowed", "Signed by RSA-SHA1, excepted until a day that is to come", "SLO-11", query(request(), algorithm="rsa-sha1"), set=("allow_sha1_until=2030-01-01",))
    yield accept("redirect-no-index", "No SessionIndex: all sessions of this NameID", "SLO-17", query(request(indexes=())), index=None)
    yield accept("redirect-several-indexes", "Several sessions, ours among them", "SLO-17", query(request(indexes=("_a", "_session", "_b"))), index="_a _session _b")
    yield accept("redirect-other-index", "A session of the same person, which is not ours", "SLO-17, SLO-90", query(request(indexes=("_another",))), ends="no", index="_another")
    yield accept("redirect-other-name-id", "Somebody else's session", "SLO-17, SLO-90", query(request(name_id=CAROL)), ends="no", name_id=CAROL)
    yield accept("redirect-other-case", "A NameID that differs in case is somebody else's", "SLO-17", query(request(name_id="Alice@example.com")), ends="no", name_id="Alice@example.com")
    yield accept("redirect-other-format", "The NameID in another Format is somebody else's", "SLO-17", query(request(format=saml.PERSISTENT)), ends="no", format=saml.PERSISTENT)
    yield accept("redirect-no-format", "The NameID without Format is somebody else's", "SLO-17", query(request(format=None)), ends="no", format=None)
    yield accept("redirect-of-other-idp", "Another trusted provider about a NameID of the first: ends nothing of the first", "SLO-17", query(request(issuer=OTHER_IDP), key="other"), ends="no")
    yield accept("redirect-no-end", "No NotOnOrAfter", "SLO-00", query(request(end=None)))
    pretty = request().write("  ")
    yield accept("redirect-pretty", "Indented, with an XML declaration", "SLO-00", query('<?xml version="1.0" encoding="UTF-8"?>\n' + pretty))


def _post(element, *signatures, place="Issuer"):
    return signed(element, *[(element, one) for one in signatures], place=place)


def _post_valid():
    yield accept("post", "A LogoutRequest with an enveloped signature, by POST", "SLO-00", _post(request(), Signature()), kind="logout_post")
    yield accept("post-ecdsa", "The same by ECDSA", "SLO-00", _post(request(), Signature(key="corp-p256", algorithm="ecdsa-sha256")), kind="logout_post", idp="corp-ec")
    yield accept("post-okta", "The same in Okta's style", "SLO-00", _post(request(), Signature(prefix_list="xs", wrap=76)), kind="logout_post")
    yield accept("post-other-index", "A session of the same person, which is not ours", "SLO-17", _post(request(indexes=("_x",)), Signature()), kind="logout_post", ends="no", index="_x")


def _redirect_refused():
    good = query(request())
    evil = query(request(name_id=CAROL), sign=False)
    yield refuse("02-unsigned", "Not signed at all", "SLO-02", query(request(), sign=False), "sig.missing")
    yield refuse("02-unsigned-relay-state", "Not signed, with a RelayState", "SLO-02", query(request(), relay_state="x", sign=False), "sig.missing")
    xml_signed = _post(request(), Signature())
    yield refuse("02-xml-signature-alone", "Signed inside of the message, where a redirect does not look", "SLO-02", query(xml_signed, sign=False), "sig.missing")
    for key in ("attacker", "other", "weak"):
        yield refuse(f"03-signed-by-{key}", f"Signed by the key of: {key}", "SLO-03", query(request(), key), "binding.query_signature")
    message, _, tail = good.partition("&SigAlg=")
    yield refuse("05-evil-behind", "A second SAMLRequest behind the Signature", "SLO-05", f"{good}&{evil}", "binding.query")
    yield refuse("05-evil-in-front", "A second SAMLRequest in front of the signed one", "SLO-05", f"{evil}&{good}", "binding.query")
    response_too = good + "&" + evil.replace("SAMLRequest", "SAMLResponse")
    yield refuse("05-response-too", "A SAMLResponse beside the SAMLRequest", "SLO-05", response_too, "binding.query")
    yield refuse("05-encoded-name", "A second SAMLRequest, its name percent-encoded", "SLO-05", f"{good}&{evil.replace('SAMLRequest', '%53AMLRequest')}", "binding.query")
    yield refuse("05-swapped", "Another message under the same signature", "SLO-05", f"{evil}&SigAlg={tail}", "binding.query_signature")
    yield refuse("05-two-signatures", "Two signatures", "SLO-05", good + "&Signature=" + tail.partition("&Signature=")[2], "binding.query")
    yield refuse("05-two-algorithms", "Two SigAlg", "SLO-05", good + "&SigAlg=" + tail.partition("&")[0], "binding.query")
    yield refuse("05-renamed", "SAMLRequest renamed to SAMLResponse", "SLO-05", good.replace("SAMLRequest", "SAMLResponse"), "binding.query_signature")
    with_relay = query(request(), relay_state="one")
    yield refuse("07-relay-state-changed", "RelayState changed under the signature", "SLO-07", with_relay.replace("RelayState=one", "RelayState=two"), "binding.query_signature")
    yield refuse("07-relay-state-removed", "RelayState removed from under the signature", "SLO-07", with_relay.replace("RelayState=one&", ""), "binding.query_signature")
    yield refuse("07-two-relay-states", "A second RelayState", "SLO-07", with_relay.replace("RelayState=one", "RelayState=one&RelayState=two"), "binding.query")
    yield refuse("08-relay-state-added", "RelayState added behind the Signature", "SLO-08", good + "&RelayState=evil", "binding.query")
    yield refuse("08-relay-state-inserted", "RelayState added in its place, not signed", "SLO-08", f"{message}&RelayState=evil&SigAlg={tail}", "binding.query_signature")
    yield refuse("09-reordered", "Another order, signed in that order", "SLO-09", query(request(), relay_state="x", order=("relay", "message", "alg")), "binding.query")
    yield refuse("09-algorithm-first", "SigAlg first, signed like that", "SLO-09", query(request(), order=("alg", "message")), "binding.query")
    yield refuse("10-re-encoded", "Percent-encoding changed to lower case after signing", "SLO-10", _lower(message, tail), "binding.query_signature")
    for algorithm in ("rsa-sha1", "ecdsa-sha1"):
        key = "corp-p256" if algorithm == "ecdsa-sha1" else "corp"
        idp = "corp-ec" if algorithm == "ecdsa-sha1" else "corp"
        yield refuse(f"11-{algorithm}", f"Signed by {algorithm}, without an exception for it", "SLO-11", query(request(), key, algorithm), "sig.algorithm", idp=idp)
    yield refuse("11-sha1-exception-over", "Signed by RSA-SHA1, excepted until a day that is over", "SLO-11", query(request(), algorithm="rsa-sha1"), "sig.algorithm", set=("allow_sha1_until=2026-11-21",))
    for algorithm in ("hmac-sha256", "rsa-md5"):
        yield refuse(f"12-{algorithm}", f"Signed by {algorithm}", "SLO-12", query(request(), algorithm=algorithm), "sig.algorithm")
    none = good.replace(quote(ALGORITHM["rsa-sha256"]), quote("http://www.w3.org/2000/09/xmldsig#none"))
    yield refuse("12-unknown-algorithm", "An algorithm that nobody knows", "SLO-12", none, "sig.algorithm")
    without = good.partition("&Signature=")[0]
    yield refuse("13-empty-signature", "An empty Signature", "SLO-13", without + "&Signature=", "binding.query_signature")
    yield refuse("13-no-signature", "SigAlg without Signature", "SLO-13", without, "binding.query")
    yield refuse("13-no-algorithm", "Signature without SigAlg", "SLO-13", message + "&Signature=" + tail.partition("&Signature=")[2], "binding.query")
    yield refuse("13-signature-not-base64", "A Signature that is not base64", "SLO-13", without + "&Signature=%2A%2A", "binding.query_signature")
    yield refuse("14-expired", "NotOnOrAfter an hour ago", "SLO-14", query(request(end=-3600)), "time.expired")
    yield refuse("14-issued-long-ago", "Issued an hour ago, without an end", "SLO-14", query(request(issued=-3600, end=None)), "time.issue_instant")
    yield refuse("14-issued-ahead", "Issued in an hour", "SLO-14", query(request(issued=3600, end=7200)), "time.issue_instant")
    yield refuse("15-for-another-sp", "For another service provider", "SLO-15", query(request(destination="https://another-sp.example.com/saml/slo")), "proto.destination")
    yield refuse("15-for-the-acs", "For our ACS", "SLO-15", query(request(destination=saml.ACS)), "proto.destination")
    yield refuse("15-no-destination", "For nobody: no Destination", "SLO-15", query(request(destination=None)), "proto.destination")
    yield refuse("16-issuer-a-key-b", "Issuer is one trusted provider, the key another's", "SLO-16", query(request(), "other"), "binding.query_signature")
    yield refuse("16-issuer-b-key-a", "The other way round", "SLO-16", query(request(issuer=OTHER_IDP), "corp"), "binding.query_signature")
    yield refuse("16-issuer-unknown", "Issuer is nobody we know", "SLO-16", query(request(issuer="https://evil.example/metadata"), "attacker"), "idp.unknown")
    yield refuse("18-deflate-bomb-small", "2 MB of spaces, deflated", "SLO-18", query("<x/>", packed=deflate(b"<x>" + b" " * 2_000_000), key="attacker"), "binding.inflate")
    # Ten times as much does not fit into a query any more.
    largest = deflate(b"<x>" + b" " * 20_000_000)
    yield refuse("18-deflate-bomb", "20 MB of spaces, deflated", "SLO-18", query("<x/>", packed=largest, key="attacker"), "binding.inflate")
    huge = query(request(), relay_state="x").replace("RelayState=x", "RelayState={{repeat 70000 x}}")
    yield refuse("18-query-too-long", "A query of 70 KB", "SLO-18", huge, "binding.size", expand=True)
    packed = deflate(request().write().encode())
    yield refuse("21-trailing-data", "Bytes behind the DEFLATE stream", "SLO-21", query("", packed=packed + b"evil"), "binding.inflate")
    yield refuse("21-two-streams", "A second DEFLATE stream behind the first", "SLO-21", query("", packed=packed + deflate(request(name_id=CAROL).write().encode())), "binding.inflate")
    yield refuse("21-cut-off", "A DEFLATE stream without its end", "SLO-21", query("", packed=packed[:-8]), "binding.inflate")
    yield refuse("21-empty", "An empty message", "SLO-21", query("", packed=b""), "binding.inflate")
    yield refuse("22-zlib", "zlib in place of raw DEFLATE", "SLO-22", query("", packed=deflate(request().write().encode(), 15)), "binding.inflate")
    yield refuse("22-gzip", "gzip in place of raw DEFLATE", "SLO-22", query("", packed=deflate(request().write().encode(), 31)), "binding.inflate")
    yield refuse("22-not-deflated", "XML that is not deflated", "SLO-22", query("", packed=request().write().encode()), "binding.inflate")
    yield refuse("22-another-encoding", "A SAMLEncoding that nobody knows", "SLO-22", query(request(), encoding="urn:example:plain"), "binding.inflate|binding.query")
    yield refuse("23-not-base64", "A message that is not base64", "SLO-23", good.replace("SAMLRequest=", "SAMLRequest=%2A"), "binding.base64")
    yield refuse("23-no-message", "No message at all", "SLO-23", "RelayState=x", "binding.query")
    yield refuse("23-unknown-saml-parameter", "A parameter in SAML's name", "SLO-23", good + "&SAMLart=x", "binding.query")
    yield refuse("24-doctype", "A DOCTYPE in a signed message", "SLO-24", query("<!DOCTYPE x>" + request().write()), "xml.dtd")
    yield refuse("24-comment-in-name-id", "A comment in the NameID of a signed query", "SLO-20", query(request(name_id=CAROL + ".attacker.example").write().replace(CAROL, CAROL + "<!---->")), "xml.forbidden_node")
    yield refuse("24-authn-request", "An AuthnRequest at the logout address", "SLO-24", query(request(root="AuthnRequest")), "proto.root")
    yield refuse("24-version", "SAML 1.1", "SLO-24", query(request(version="1.1")), "proto.version")
    yield refuse("24-no-name-id", "Nobody's session: no NameID", "SLO-24", query(request(name_id=None)), "xml.schema")
    two = request()
    two.children.insert(2, two.find("NameID").copy())
    yield refuse("24-two-name-ids", "Two NameIDs", "SLO-24", query(two), "xml.schema")


def _lower(message, tail):
    import re

    low = re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), message)
    return f"{low}&SigAlg={tail}"


def _post_refused():
    post = {"kind": "logout_post"}
    yield refuse("post-unsigned", "By POST, not signed", "SLO-02", request().write(), "sig.missing", **post)
    for key in ("attacker", "other"):
        yield refuse(f"post-signed-by-{key}", f"By POST, signed by the key of: {key}", "SLO-03", _post(request(), Signature(key=key)), "sig.invalid", **post)
    text = _post(request(), Signature())
    yield refuse("post-changed", "By POST, NameID changed", "SLO-03", text.replace(ALICE, CAROL), "sig.digest", **post)
    comment = _post(request(name_id=CAROL + ".attacker.example"), Signature())
    yield refuse("20-comment", "By POST, a comment that cuts the NameID", "SLO-20", comment.replace(CAROL, CAROL + "<!---->"), "xml.forbidden_node", **post)
    doc = read(text)
    signature = doc.find("Signature")
    original = doc.copy().without("Signature")
    evil = doc.copy().set("ID", "_evil")
    evil.find("NameID").children = [CAROL]
    evil.find("Signature").children.append(E("ds:Object", [], original.copy()))
    yield refuse("25-original-in-object", "By POST, the original in ds:Object of the evil one", "SLO-25", evil.write(), "sig.structure", **post)
    evil = doc.copy().set("ID", "_evil")
    evil.find("NameID").children = [CAROL]
    evil.children.append(E("samlp:Extensions", [], original.copy()))
    yield refuse("25-original-in-extensions", "By POST, the original in Extensions of the evil one", "SLO-25", evil.write(), "sig.reference|xml.schema", **post)
    unsigned = original.copy().set("ID", "_evil")
    unsigned.find("NameID").children = [CAROL]
    unsigned.children.append(E("samlp:Extensions", [], doc.copy()))
    yield refuse("25-signed-inside", "By POST, the signed one inside of the evil one", "SLO-25", unsigned.write(), "sig.position", **post)
    last = request()
    yield refuse("25-signature-last", "By POST, the Signature at the end", "SLO-25", signed(last, (last, Signature()), place="SessionIndex"), "sig.position", **post)
    yield refuse("post-expired", "By POST, NotOnOrAfter an hour ago", "SLO-14", _post(request(end=-3600), Signature()), "time.expired", **post)
    yield refuse("post-for-another-sp", "By POST, for another service provider", "SLO-15", _post(request(destination="https://another-sp.example.com/saml/slo"), Signature()), "proto.destination", **post)
    yield refuse("post-response-as-request", "A LogoutResponse where a request is expected", "SLO-91", _post(response(), Signature()), "proto.root", **post)


SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def _soap(message, header="", behind=""):
    """A SOAP 1.1 envelope around a message (bindings 3.2)."""
    return (
        f'<S:Envelope xmlns:S="{SOAP}">{header}<S:Body>{message}{behind}</S:Body></S:Envelope>'
    )


def _soap_valid():
    good = _post(request(), Signature())
    soap = {"kind": "logout_soap"}
    yield accept("soap", "A LogoutRequest with an enveloped signature, by SOAP", "SLO-00", _soap(good), **soap)
    header = '<S:Header><h:Hint xmlns:h="urn:h" S:mustUnderstand="0"/></S:Header>'
    yield accept("soap-header", "With a header that need not be understood", "SLO-00", _soap(good, header), **soap)
    yield accept("soap-no-destination", "Without a Destination: it came from server to server", "SLO-15", _soap(_post(request(destination=None), Signature())), **soap)
    yield accept("soap-other-index", "A session of the same person, which is not ours", "SLO-17", _soap(_post(request(indexes=("_x",)), Signature())), ends="no", index="_x", **soap)


def _soap_refused():
    soap = {"kind": "logout_soap"}
    good = _post(request(), Signature())
    evil = request(name_id=CAROL, identifier="_evil").write()
    yield refuse("soap-unsigned", "By SOAP, not signed", "SLO-02", _soap(request().write()), "sig.missing", **soap)
    yield refuse("soap-signed-by-attacker", "By SOAP, signed by the key of: attacker", "SLO-03", _soap(_post(request(), Signature(key="attacker"))), "sig.invalid", **soap)
    yield refuse("soap-changed", "By SOAP, NameID changed", "SLO-03", _soap(good.replace(ALICE, CAROL)), "sig.digest", **soap)
    yield refuse("soap-for-another-sp", "By SOAP, for another service provider", "SLO-15", _soap(_post(request(destination="https://another-sp.example.com/saml/slo/soap"), Signature())), "proto.destination", **soap)
    yield refuse("soap-evil-first", "Two messages in the Body, the signed one last", "SLO-26", _soap(evil, behind=good), "binding.soap", **soap)
    yield refuse("soap-evil-last", "Two messages in the Body, the signed one first", "SLO-26", _soap(good, behind=evil), "binding.soap", **soap)
    two = _soap(evil).replace("</S:Body>", f"</S:Body><S:Body>{good}</S:Body>")
    yield refuse("soap-two-bodies", "Two Bodies, the signed message in the second", "SLO-26", two, "binding.soap", **soap)
    hidden = f"<S:Header>{good}</S:Header>"
    yield refuse("soap-original-in-header", "The signed message in the Header, another one in the Body", "SLO-26", _soap(evil, hidden), "sig.position", **soap)
    inner = f'<x:Wrapper xmlns:x="urn:x">{good}</x:Wrapper>'
    yield refuse("soap-wrapped", "The signed message inside of something else", "SLO-26", _soap(inner), "idp.unknown", **soap)
    must = '<S:Header><h:Hint xmlns:h="urn:h" S:mustUnderstand="1"/></S:Header>'
    yield refuse("soap-must-understand", "A header that must be understood", "SLO-26", _soap(good, must), "binding.soap", **soap)
    yield refuse("soap-12", "An envelope of SOAP 1.2", "SLO-26", _soap(good).replace(SOAP, "http://www.w3.org/2003/05/soap-envelope"), "binding.soap", **soap)
    yield refuse("soap-none", "No envelope at all", "SLO-26", good, "binding.soap", **soap)
    yield refuse("soap-fault", "A Fault", "SLO-26", _soap("<S:Fault><faultcode>S:Client</faultcode><faultstring>no</faultstring></S:Fault>"), "binding.fault", **soap)


def _responses():
    ours = {"in_response_to": "_ours", "session": None}
    named = lambda **more: query(response(**more), name="SAMLResponse")
    for short, title, status in [
        ("success", "The answer to our request", saml.SUCCESS),
        ("partial", "A partial logout at the top level", "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"),
        ("failed", "The provider could not do it: still the answer", "urn:oasis:names:tc:SAML:2.0:status:Responder"),
    ]:
        yield case(f"valid/logout/response-{short}", title, "SLO-92", named(status=status), "accept", **ours)
    post = _post(response(), Signature())
    yield case("valid/logout/response-post", "The answer to our request, by POST", "SLO-92", post, "accept", kind="logout_post", **ours)
    yield case("attack/logout/91-response-to-another", "A LogoutResponse to another request", "SLO-91", named(in_response_to="_another"), "refuse proto.in_response_to", **ours)
    yield case("attack/logout/91-response-to-nothing", "A LogoutResponse to no request", "SLO-91", named(in_response_to=None), "refuse proto.in_response_to", **ours)
    unsigned = query(response(), name="SAMLResponse", sign=False)
    yield case("attack/logout/91-response-unsigned", "A LogoutResponse that nobody signed", "SLO-91", unsigned, "refuse sig.missing", **ours)
    other = query(response(), name="SAMLResponse", key="attacker")
    yield case("attack/logout/91-response-forged", "A LogoutResponse signed by the attacker", "SLO-91", other, "refuse binding.query_signature", **ours)
    yield case("attack/logout/91-response-elsewhere", "A LogoutResponse for another service provider", "SLO-91", named(destination="https://another-sp.example.com/slo"), "refuse proto.destination", **ours)
    request_in_response = query(request(), name="SAMLResponse")
    yield case("attack/logout/91-request-as-response", "A LogoutRequest that calls itself SAMLResponse", "SLO-91", request_in_response, "refuse proto.root", **ours)
