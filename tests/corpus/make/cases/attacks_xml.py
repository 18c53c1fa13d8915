"""What XML leaves open: comments, canonical forms, document types, encodings, limits; and the form
in which a message comes."""

import base64
import zlib
from urllib.parse import quote_plus

from attack import (
    ATTACKER,
    EMPTY_DIGEST,
    ENTITY_ID,
    PLACES,
    VICTIM,
    Family,
    Message,
    assertion,
    attribute,
    audience,
    authn,
    bare,
    child,
    conditions,
    either,
    extensions,
    honest,
    name_id,
    confirmation,
    response,
    signed,
    subject,
    thing,
    victimise,
    victimised,
)
from case import as_base64
from sign import EXC, read
from tree import E, declare

ELSEWHERE = "attacker.example.net"
CANARY = "http://127.0.0.1:9/canary"
ONE_PLACE = ("response", "assertion")


def cases():
    for folder, fill in (
        ("c14", (comments, instructions, voids, namespaces_of_content)),
        ("xml", (doctypes, well_formedness, encodings, namespaces, limits)),
        ("bnd", (forms,)),
    ):
        family = Family(folder)
        for one in fill:
            one(family)
        yield from family.made


# Canonical forms


def split(where, who, mark, at):
    """A message about `who`, which has a `mark` at that place in NameID and e-mail address."""
    text = signed(response(assertion(who)), where)
    assert text.count(f">{who}<") == 2
    return text.replace(f">{who}<", f">{who[:at]}{mark}{who[at:]}<")


def comments(family):
    tail = f"{VICTIM}.{ELSEWHERE}"
    head = f"not-an-{VICTIM}"
    for where in PLACES:
        for path, row, who, at, title in (
            ("01-comment-truncates", "C14-01", tail, len(VICTIM), "behind the victim's name"),
            ("02-comment-hides-head", "C14-02", head, 7, "in front of the victim's name"),
        ):
            family.add(
                f"{path}-{where}",
                f"A comment in NameID and e-mail, {title}",
                row,
                split(where, who, "<!---->", at),
                "xml.forbidden_node",
                signed=where,
            )
    for path, mark, title in (
        ("01b-comment-with-text", "<!--x-->", "with text"),
        ("01c-two-comments", "<!--x--><!--y-->", "two of them"),
        ("01d-comment-with-markup", "<!--</saml:NameID>-->", "with an end tag inside"),
        ("01e-comment-with-dashes", "<!-- -- -->", "which is not well-formed"),
        ("01f-comment-unclosed", "<!--", "which never ends"),
    ):
        family.add(
            path,
            f"A comment in NameID and e-mail, {title}",
            "C14-01",
            split("assertion", tail, mark, len(VICTIM)),
            "xml.forbidden_node",
        )

    # The audience of another service provider.
    for path, row, local, whole, ours in (
        ("07-comment-in-audience", "C14-07", "Audience", f"{ENTITY_ID}.{ELSEWHERE}", ENTITY_ID),
        ("07b-comment-in-issuer", "C14-07", "Issuer", f"https://idp.example.com/metadata.{ELSEWHERE}", "https://idp.example.com/metadata"),
    ):
        if local == "Audience":
            root = response(assertion(parts=[subject(), conditions(audience(whole)), authn()]))
        else:
            root = response(assertion(issuer=whole))
        text = signed(root, "assertion").replace(whole, f"{ours}<!---->{whole[len(ours):]}")
        family.add(
            path,
            f"A comment in {local} makes somebody else's ours",
            row,
            text,
            "xml.forbidden_node",
        )
    for path, find in (
        ("08-comment-between-elements", "<saml:Conditions"),
        ("08b-comment-in-signed-info", "<ds:SignatureMethod"),
        ("08c-comment-in-key-info", "<ds:X509Certificate"),
        ("08d-comment-in-attribute-statement", "<saml:Attribute "),
    ):
        text = Message("assertion").text()
        family.add(
            path,
            f"A harmless comment in front of {find[1:].strip()}",
            "C14-08",
            text.replace(find, "<!-- x -->" + find, 1),
            "xml.forbidden_node",
        )
    # Signed as such, WithComments.
    root = response(assertion(f"{VICTIM}<!--x-->.{ELSEWHERE}"))
    family.add(
        "09-signed-with-comments",
        "Signed by the identity provider WithComments, a comment in NameID and e-mail",
        "C14-09",
        signed(root, "assertion", transform="exc-comments", c14n="exc-comments"),
        "xml.forbidden_node",
    )
    # Character references are text like any other.
    text = signed(response(assertion()), "assertion")
    family.add(
        "10-character-references",
        "Untouched, but the NameID is written by character references",
        "C14-05",
        text.replace(f">{ATTACKER}<", ">" + "".join(f"&#x{ord(c):x};" for c in ATTACKER) + "<"),
        "accept",
    )


def instructions(family):
    whole = f"not-an-{VICTIM}"
    for where in PLACES:
        text = signed(response(assertion(whole)), where)
        family.add(
            f"03-instruction-instead-of-head-{where}",
            "The head of NameID and e-mail became the data of a processing instruction",
            "C14-03",
            text.replace(f">{whole}<", f"><?p not-an-?>{VICTIM}<"),
            "xml.forbidden_node",
            signed=where,
        )
        tail = f"{VICTIM}.{ELSEWHERE}"
        text = signed(response(assertion(tail)), where)
        family.add(
            f"03b-instruction-instead-of-tail-{where}",
            "The tail of NameID and e-mail became the data of a processing instruction",
            "C14-03",
            text.replace(f">{tail}<", f">{VICTIM}<?p .{ELSEWHERE}?><"),
            "xml.forbidden_node",
            signed=where,
        )
        family.add(
            f"04-instruction-splits-{where}",
            "A processing instruction behind the victim's name",
            "C14-03",
            split(where, tail, "<?x?>", len(VICTIM)),
            "xml.forbidden_node",
            signed=where,
        )
        family.add(
            f"05-cdata-{where}",
            "The tail of NameID and e-mail became a CDATA section",
            "C14-05",
            text.replace(f">{tail}<", f">{VICTIM}<![CDATA[.{ELSEWHERE}]]><"),
            "xml.forbidden_node",
            signed=where,
        )
        family.add(
            f"05b-empty-cdata-{where}",
            "An empty CDATA section behind the victim's name",
            "C14-05",
            split(where, tail, "<![CDATA[]]>", len(VICTIM)),
            "xml.forbidden_node",
            signed=where,
        )
    family.add(
        "05c-cdata-around-all",
        "Untouched, but the NameID is a CDATA section",
        "C14-05",
        Message("assertion").text().replace(f">{ATTACKER}</saml:N", f"><![CDATA[{ATTACKER}]]></saml:N"),
        "xml.forbidden_node",
    )
    for path, find in (("03c-stylesheet-in-front", ""), ("03d-instruction-behind", None)):
        text = Message("response").text()
        pi = '<?xml-stylesheet href="x"?>'
        family.add(
            path,
            "Untouched, but for a processing instruction outside of the document element",
            "C14-03",
            pi + text if find == "" else text + pi,
            "xml.forbidden_node",
            signed="response",
        )


def voids(family):
    """Namespace names that canonicalisers stumble over, and digests of nothing."""
    for path, row, name, code in (
        ("11-relative", "C14-11", "1", "xml.namespace"),
        ("11b-relative-path", "C14-11", "../x", "xml.namespace"),
        ("11c-empty-scheme", "C14-11", ":x", "xml.namespace"),
        ("11d-fragment", "C14-11", "#x", "xml.namespace"),
        ("12-no-scheme", "C14-11", "example.com/x", "xml.namespace"),
        ("13-non-ascii", "C14-13", "http://example.com\u0080", "xml.namespace"),
        ("13b-idn", "C14-13", "http://ex\u00e4mple.com", "xml.namespace"),
        ("13c-reference", "C14-13", "http://example.com&#x80;", "xml.namespace"),
        ("13d-space", "C14-13", "http://example.com/a b", "xml.namespace"),
        ("13e-line-break", "C14-13", "http://example.com/&#10;", "xml.namespace"),
    ):
        for where in ONE_PLACE:
            m = Message(where)
            victimise(m.assertion)
            m.signature.find("DigestValue").children = [EMPTY_DIGEST]
            text = m.text()
            mark = "<saml:Assertion " if where == "assertion" else "<samlp:Response "
            family.add(
                f"{path}-{where}",
                f"Evil Assertion with the digest of nothing; a namespace is called {name!r}",
                row,
                text.replace(mark, f'{mark}xmlns:ns="{name}" ', 1),
                code,
                signed=where,
            )
    m = Message("assertion")
    victimise(m.assertion).attributes.insert(0, ("xmlns:ns", "1"))
    value = E("ds:DigestValue", [declare("ds", "ds")], EMPTY_DIGEST)
    child(m.root, "Status").children.append(E("samlp:StatusDetail", [], value))
    family.add(
        "11e-smuggled-digest-of-nothing",
        "The digest of nothing in the StatusDetail, a relative namespace at the evil Assertion",
        "C14-11",
        m.text(),
        "xml.namespace",
    )
    # The same void, signed by somebody who believes in it.
    def void(document):
        return b""

    root = response(assertion(VICTIM))
    family.add(
        "11f-signed-digest-of-nothing",
        "Signed by the identity provider: the digest of nothing",
        "C14-11",
        either("assertion", root=root, content=void),
        "sig.digest",
    )
    for path, row, name in (
        ("11g-signed-void-relative", "C14-11", "1"),
        ("13f-signed-void-non-ascii", "C14-13", "http://example.com\u0080"),
    ):
        root = response(assertion(VICTIM))
        root.find("Subject").attributes.append(("xmlns:ns", "urn:placeholder"))
        family.add(
            path,
            f"Signed by the identity provider: the digest of nothing; a namespace is called {name!r}",
            row,
            either("assertion", root=root, content=void).replace("urn:placeholder", name),
            "xml.namespace",
        )
    for path, uri, title in (
        ("14-unknown", "urn:example:none", "one that nobody knows"),
        ("14b-empty", "", "one without a name"),
        ("14c-c14n2", "http://www.w3.org/2010/xml-c14n2", "C14N 2.0"),
        ("14d-inclusive", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "inclusive C14N, which nobody has allowed it"),
        ("14e-inclusive-11", "http://www.w3.org/2006/12/xml-c14n11", "C14N 1.1, which nobody has allowed it"),
        ("14f-xslt", "http://www.w3.org/TR/1999/REC-xslt-19991116", "XSLT"),
        ("14g-minimal", "http://www.w3.org/2000/09/xmldsig#minimal", "minimal canonicalization of XML Signature's drafts"),
        ("14h-case", EXC.upper(), "exclusive C14N in capitals"),
    ):
        for where in ONE_PLACE:
            def c14n(signature):
                signature.find("CanonicalizationMethod").set("Algorithm", uri)

            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider, SignedInfo canonicalised by {title}",
                "C14-14",
                either(where, c14n),
                "sig.c14n",
                signed=where,
            )

    def parameters(*inside):
        def edit(signature):
            signature.find("CanonicalizationMethod").children = list(inside)

        return edit

    family.add(
        "14i-c14n-with-content",
        "CanonicalizationMethod holds an XPath",
        "C14-14",
        either("assertion", parameters(E("ds:XPath", [], "self::node()"))),
        "sig.c14n",
    )

    def long_list(prefixes):
        return E("ec:InclusiveNamespaces", [("xmlns:ec", EXC), ("PrefixList", prefixes)])

    for where in ONE_PLACE:
        def in_transform(signature):
            signature.find("Transform", 1).children = [long_list("{{repeat 8000 p }}")]

        def in_method(signature):
            signature.find("CanonicalizationMethod").children = [long_list("{{repeat 8000 p }}")]

        for path, edit, code in (
            ("15-long-prefix-list", in_transform, "sig.transform"),
            ("15b-long-prefix-list-signed-info", in_method, "sig.c14n"),
        ):
            family.add(
                f"{path}-{where}",
                "By the attacker: a PrefixList of 8000 prefixes",
                "C14-15",
                either(where, edit, how={"key": "attacker"}),
                code,
                signed=where,
                expand=True,
            )


def namespaces_of_content(family):
    """xsi:type is a name whose prefix nobody has signed."""
    typed = E("saml:AttributeValue", {"xsi:type": "xs:string"}, ATTACKER)
    person = assertion(
        parts=[
            subject(),
            conditions(),
            authn(),
            E("saml:AttributeStatement", [], attribute("email", typed)),
        ]
    )
    root = response(person)
    root.attributes[2:2] = [declare("xs", "xs"), declare("xsi", "xsi")]
    text = signed(root, "assertion")
    family.add(
        "16-rebound-type",
        "xs, which xsi:type names and nobody signed, became another namespace; xsi:type is not read",
        "C14-16",
        text.replace('xmlns:xs="http://www.w3.org/2001/XMLSchema"', 'xmlns:xs="urn:evil"'),
        "accept",
        **(honest() | {"attributes": (("email", ATTACKER),)}),
    )
    family.add(
        "16b-unbound-type",
        "The declaration of xs, which xsi:type names, is gone; xsi:type is not read",
        "C14-16",
        text.replace(' xmlns:xs="http://www.w3.org/2001/XMLSchema"', ""),
        "accept",
        **(honest() | {"attributes": (("email", ATTACKER),)}),
    )
    family.add(
        "16c-rebound-xsi",
        "xsi itself became another namespace: that was signed",
        "C14-16",
        text.replace('xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', 'xmlns:xsi="urn:evil"'),
        "sig.digest",
    )
    for path, local, value in (
        ("17-type-of-assertion", "Assertion", "saml:EvilType"),
        ("17b-type-of-subject", "Subject", "saml:EvilType"),
        ("17c-nil", "NameID", None),
        ("17d-type-of-audience-restriction", "AudienceRestriction", "saml:OneTimeUseType"),
    ):
        # Added after signing, where the attacker can.
        m = Message("assertion")
        one = m.assertion.find(local)
        one.attributes.append(declare("xsi", "xsi"))
        one.attributes.append(("xsi:type", value) if value else ("xsi:nil", "true"))
        family.add(
            path,
            f"xsi:{'type' if value else 'nil'} at {local}, added after signing",
            "C14-16",
            m.text(),
            "sig.digest",
        )
    m = Message("assertion")
    m.root.attributes += [declare("xsi", "xsi"), ("xsi:schemaLocation", f"urn:x {CANARY}")]
    family.add(
        "18-schema-location",
        "xsi:schemaLocation at the unsigned Response: fetched by nobody, read by nobody",
        "C14-16",
        m.text(),
        "accept",
    )
    # Exclusive C14N does not sign the namespaces in scope; nothing may depend on them.
    m = Message("assertion")
    m.root.attributes.append(("xmlns", "urn:evil"))
    family.add(
        "19-default-namespace-at-response",
        "A default namespace at the unsigned Response, which nothing in the Assertion uses",
        "C14-16",
        m.text(),
        "accept",
    )
    m = Message("assertion")
    m.root.attributes = [
        (k, "urn:evil" if k == "xmlns:saml" else v) for k, v in m.root.attributes
    ]
    family.add(
        "19b-saml-prefix-rebound-at-response",
        "The prefix saml became another namespace for the whole document",
        "C14-16",
        m.text(),
        "sig.position",
    )
    m = Message("assertion")
    m.root.attributes.append(("xml:lang", "evil"))
    family.add(
        "19c-xml-lang-at-response",
        "xml:lang at the unsigned Response, which inclusive C14N would inherit",
        "C14-16",
        m.text(),
        "xml.schema",
    )
    m = Message("assertion")
    m.root.attributes.append(("xml:base", CANARY))
    family.add(
        "19d-xml-base-at-response",
        "xml:base at the unsigned Response, by which a Reference could be resolved",
        "C14-16,REF-06",
        m.text(),
        "xml.schema",
    )
    m = Message("assertion")
    m.root.attributes.append(("xml:space", "preserve"))
    family.add(
        "19e-xml-space-at-response",
        "xml:space at the unsigned Response",
        "C14-16",
        m.text(),
        "xml.schema",
    )


# Documents


def with_prolog(text, prolog):
    return prolog + text


def doctypes(family):
    ten = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
    )
    laughs = f'<!DOCTYPE r [<!ENTITY l0 "lol">{ten}]>'
    m = Message("assertion")
    text = m.text()
    for path, row, prolog, use in (
        ("01-empty", "XML-01", "<!DOCTYPE samlp:Response>", None),
        ("01b-lower-case", "XML-01", "<!doctype samlp:Response>", None),
        ("01c-empty-subset", "XML-01", "<!DOCTYPE samlp:Response []>", None),
        ("01d-behind-declaration", "XML-01", '<?xml version="1.0"?><!DOCTYPE samlp:Response>', None),
        ("02-unused-entity", "XML-01", '<!DOCTYPE r [<!ENTITY x "y">]>', None),
        ("03-external", "XML-03", f'<!DOCTYPE r SYSTEM "{CANARY}.dtd">', None),
        ("03b-public", "XML-03", f'<!DOCTYPE r PUBLIC "-//x//y" "{CANARY}.dtd">', None),
        ("03c-external-entity", "XML-03", '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;"),
        ("03d-external-entity-http", "XML-03", f'<!DOCTYPE r [<!ENTITY x SYSTEM "{CANARY}">]>', "&x;"),
        ("04-billion-laughs", "XML-04", laughs, "&l9;"),
        ("05-quadratic", "XML-05", '<!DOCTYPE r [<!ENTITY a "{{repeat 50000 a}}">]>', "{{repeat 2000 &a;}}"),
        ("06-parameter-entity", "XML-06", f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{CANARY}"> %p;]>', None),
        ("06b-parameter-entity-inside", "XML-06", '<!DOCTYPE r [<!ENTITY % p "<!ENTITY x \'y\'>"> %p;]>', "&x;"),
    ):
        body = prolog + text
        if use:
            body = body.replace(
                'status:Success"/>',
                f'status:Success"/><samlp:StatusMessage>{use}</samlp:StatusMessage>',
            )
        # `<!doctype` is not the beginning of anything.
        code = "xml.syntax" if path == "01b-lower-case" else "xml.dtd"
        family.add(
            path,
            f"A DOCTYPE: {path.split('-', 1)[1].replace('-', ' ')}",
            row,
            body,
            code,
            expand="{{repeat" in body,
        )
    # An entity that nobody declares.
    text = Message("assertion").text()
    for path, reference, code in (
        ("06c-undeclared-entity", "&x;", "xml.dtd"),
        ("06d-html-entity", "&nbsp;", "xml.dtd"),
    ):
        family.add(
            path,
            f"{reference} without any DOCTYPE",
            "XML-06",
            text.replace(
                'status:Success"/>',
                f'status:Success"/><samlp:StatusMessage>{reference}</samlp:StatusMessage>',
            ),
            code,
        )
    # Entities in the names of people.
    whole = f"{VICTIM}.{ELSEWHERE}"
    text = signed(response(assertion(whole)), "assertion")
    family.add(
        "06e-entity-in-name-id",
        "The tail of NameID and e-mail became an entity",
        "XML-06,C14-05",
        f'<!DOCTYPE r [<!ENTITY t ".{ELSEWHERE}">]>' + text.replace(f">{whole}<", f">{VICTIM}&t;<"),
        "xml.dtd",
    )
    # Default attributes.
    m = Message("assertion", response(assertion(parts=[
        E("saml:Subject", [], name_id(), confirmation(InResponseTo=None)), conditions(), authn(),
    ]), InResponseTo=None))
    for path, element in (("07-attlist-response", "samlp:Response"), ("07b-attlist-confirmation", "saml:SubjectConfirmationData")):
        family.add(
            path,
            f"A DOCTYPE supplies InResponseTo of {element}",
            "XML-07",
            f'<!DOCTYPE r [<!ATTLIST {element} InResponseTo CDATA "_request">]>' + m.text(),
            "xml.dtd",
        )
    m = Message("assertion")
    text = m.text().replace(' ID="_assertion"', "")
    family.add(
        "07c-attlist-id",
        "A DOCTYPE supplies the ID of the Assertion",
        "XML-07",
        '<!DOCTYPE r [<!ATTLIST saml:Assertion ID ID "_assertion">]>' + text,
        "xml.dtd",
    )
    # CVE-2025-23369
    m = Message("assertion")
    original, signature = m.bare_assertion, m.inner
    original.set("ID", "@B@_assertion")
    signature.children.append(thing(original))
    m.replace(m.assertion, m.evil("_assertionffff"))
    m.root.set("ID", "@I@").after("Issuer", signature)
    family.add(
        "08-entities-in-ids",
        "The IDs are entities: the Response's is the signed one, the original's begins with another",
        "XML-08",
        '<!DOCTYPE r [<!ENTITY I "_assertion"><!ENTITY B "&#x50;">]>'
        + m.text().replace("@B@", "&B;").replace("@I@", "&I;"),
        "xml.dtd",
    )
    # CVE-2025-25292
    m = Message("assertion")
    genuine = m.inner.copy()
    victimise(m.assertion).attributes.insert(0, ("xmlns:example", "http://example.com\u0080"))
    m.inner.find("DigestValue").children = [EMPTY_DIGEST]
    stripped = E("Signature", [], *genuine.children)
    stripped.attributes.append(declare("ds", "ds"))
    child(m.root, "Status").children.append(E("samlp:StatusDetail", [], stripped))
    family.add(
        "10-attlist-namespace",
        "A DOCTYPE gives <Signature> its namespace, twice; the digest is that of nothing",
        "XML-10",
        '<!DOCTYPE r [<!ATTLIST Signature xmlns CDATA "http://www.w3.org/2000/09/xmldsig#"><!ATTLIST Signature xmlns CDATA "block">]>'
        + m.text(),
        "xml.dtd",
    )
    include = E(
        "xi:include",
        [("xmlns:xi", "http://www.w3.org/2001/XInclude"), ("href", "file:///etc/hostname"), ("parse", "text")],
    )
    m = Message("assertion")
    m.before("Status", extensions(include))
    family.add(
        "11-xinclude-in-extensions",
        "xi:include in the Extensions: an element like any other there, and not read",
        "XML-11",
        m.text(),
        "accept",
    )
    m = Message("assertion")
    m.root.children.append(include)
    family.add(
        "11b-xinclude-in-response",
        "xi:include as a child of the Response",
        "XML-11",
        m.text(),
        "xml.schema",
    )
    m = Message("assertion")
    m.assertion.find("NameID").children = [include]
    family.add(
        "11c-xinclude-in-name-id",
        "xi:include instead of the NameID's text",
        "XML-11",
        m.text(),
        "sig.digest",
    )


def well_formedness(family):
    text = Message("assertion").text()
    evil = response(assertion(VICTIM, ID="_e"), ID="_er").write()
    for path, row, body, code, title in (
        ("12-text-behind", "XML-12", text + "x", "xml.syntax", "a letter behind the document element"),
        ("12b-text-in-front", "XML-12", "x" + text, "xml.syntax", "a letter in front of the document element"),
        ("12c-entity-behind", "XML-12", text + "&amp;", "xml.syntax", "a reference behind the document element"),
        ("12e-cdata-behind", "XML-12", text + "<![CDATA[ ]]>", "xml.forbidden_node", "a CDATA section behind the document element"),
        ("13-nul-behind", "XML-13", text + "\0" + evil, "xml.syntax", "a NUL and an evil Response behind"),
        ("13b-nul-in-front", "XML-13", "\0" + text, "xml.syntax", "a NUL in front"),
        ("13c-nul-in-name", "XML-13", text.replace(ATTACKER, VICTIM + "\0" + ATTACKER), "xml.syntax", "a NUL in the NameID"),
        ("14-unclosed", "XML-12", text[: -len("</samlp:Response>")], "xml.syntax", "no end tag"),
        ("14b-crossed", "XML-12", text.replace("</saml:Subject><saml:Conditions ", "<saml:Conditions ").replace("<saml:AuthnStatement ", "</saml:Subject><saml:AuthnStatement "), "sig.digest", "Conditions inside of the Subject"),
        ("14c-cut", "XML-12", text[: len(text) // 2], "xml.syntax", "the first half"),
        ("14d-space-before-name", "XML-12", text.replace("<saml:NameID", "< saml:NameID"), "xml.syntax", "a space in front of a name"),
        ("14e-unquoted", "XML-12", text.replace('Version="2.0"', "Version=2.0", 1), "xml.syntax", "an attribute without quotes"),
        ("14f-no-space", "XML-12", text.replace('" Version', '"Version', 1), "xml.syntax", "no space between two attributes"),
        ("14g-no-value", "XML-12", text.replace(' Version="2.0"', ' Version="2.0" evil', 1), "xml.syntax", "an attribute without a value"),
        ("14h-attribute-twice", "XML-12", text.replace(' Version="2.0"', ' Version="2.0" Version="2.0"', 1), "xml.syntax", "an attribute twice"),
        ("14i-id-twice", "XML-12", text.replace(' Version="2.0"', ' Version="2.0" ID="_evil"', 1), "xml.syntax", "a second ID attribute"),
        ("14j-end-tag-case", "XML-12", text.replace("</samlp:Response>", "</samlp:response>"), "xml.syntax", "an end tag in another case"),
        ("14k-end-tag-prefix", "XML-12", text.replace("</samlp:Response>", "</Response>"), "xml.syntax", "an end tag without its prefix"),
        ("14l-less-than-in-attribute", "XML-12", text.replace('Version="2.0"', 'Version="<2.0"', 1), "xml.syntax", "< in an attribute"),
        ("14m-cdata-end-in-text", "XML-12", text.replace(">staff<", ">]]><"), "xml.syntax", "]]> in a text"),
        ("14n-bare-ampersand", "XML-12", text.replace(">staff<", ">a & b<"), "xml.syntax", "& that refers to nothing"),
        ("14o-attribute-in-end-tag", "XML-12", text.replace("</samlp:Response>", '</samlp:Response ID="_evil">'), "xml.syntax", "an attribute in an end tag"),
        ("27-reference-to-nul", "XML-27", text.replace(">staff<", ">&#0;<"), "xml.syntax", "&#0;"),
        ("27b-reference-to-control", "XML-27", text.replace(">staff<", ">&#x1F;<"), "xml.syntax", "&#x1F;"),
        ("27c-reference-to-surrogate", "XML-27", text.replace(">staff<", ">&#xD83D;&#xDE00;<"), "xml.syntax", "two surrogates"),
        ("27d-reference-beyond", "XML-27", text.replace(">staff<", ">&#x110000;<"), "xml.syntax", "&#x110000;"),
        ("27e-reference-to-ffff", "XML-27", text.replace(">staff<", ">&#xFFFF;<"), "xml.syntax", "&#xFFFF;"),
        ("27f-reference-overflow", "XML-27", text.replace(">staff<", ">&#x10000000000000041;<"), "xml.syntax", "a reference that overflows"),
        ("27g-reference-negative", "XML-27", text.replace(">staff<", ">&#-65;<"), "xml.syntax", "a negative reference"),
        ("27h-reference-plus", "XML-27", text.replace(">staff<", ">&#+65;<"), "xml.syntax", "a reference with a sign"),
        ("27i-reference-capital-x", "XML-27", text.replace(">staff<", ">&#X41;<"), "xml.syntax", "&#X41;"),
        ("27j-reference-empty", "XML-27", text.replace(">staff<", ">&#;<"), "xml.syntax", "&#;"),
        ("27k-reference-unended", "XML-27", text.replace(">staff<", ">&#65<"), "xml.syntax", "a reference without an end"),
        ("27l-control-character", "XML-27", text.replace(">staff<", ">\x1f<"), "xml.syntax", "a control character"),
    ):
        family.add(
            path,
            f"Untouched, but for {title}",
            row,
            body,
            code,
        )


def encodings(family):
    text = Message("assertion").text()
    message = "<samlp:StatusMessage>{}</samlp:StatusMessage>"
    put = lambda octets: text.encode().replace(
        b'status:Success"/>',
        b'status:Success"/>' + message.format("@").encode().replace(b"@", octets),
    )
    declared = lambda **said: (
        "<?xml" + "".join(f' {k}="{v}"' for k, v in said.items()) + "?>" + text
    )
    for path, row, body, code, title in (
        ("15-invalid-utf8", "XML-15", put(b"\xff"), "xml.encoding", "an octet that UTF-8 does not have"),
        ("15b-overlong", "XML-15", put(b"\xc0\xbc"), "xml.encoding", "< in two octets"),
        ("15c-surrogate", "XML-15", put(b"\xed\xa0\xbd\xed\xb8\x80"), "xml.encoding", "surrogates in UTF-8 (CESU)"),
        ("15d-cut-sequence", "XML-15", put(b"\xe2\x82"), "xml.encoding", "half a character"),
        ("15e-beyond", "XML-15", put(b"\xf4\x90\x80\x80"), "xml.encoding", "a character beyond the last"),
        ("15f-nul-overlong", "XML-15", put(b"\xc0\x80"), "xml.encoding", "NUL in two octets"),
        ("15g-latin-1", "XML-15", put("ä".encode("latin-1")), "xml.encoding", "Latin-1"),
        ("17-utf16", "XML-17", ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"), "xml.encoding", "UTF-16 with a mark"),
        ("17b-utf16-be-no-mark", "XML-17", text.encode("utf-16-be"), "xml.syntax", "UTF-16 without a mark"),
        ("17c-utf32", "XML-17", text.encode("utf-32"), "xml.encoding", "UTF-32"),
        ("17d-utf16-declared-only", "XML-17", declared(version="1.0", encoding="UTF-16"), "xml.encoding", "UTF-16 declared, UTF-8 sent"),
        ("17e-ebcdic", "XML-17", ('<?xml version="1.0" encoding="cp037"?>' + text).encode("cp037"), "xml.encoding", "EBCDIC"),
        ("18-latin-1-declared", "XML-18", declared(version="1.0", encoding="ISO-8859-1"), "xml.encoding", "ISO-8859-1 declared"),
        ("18b-ascii-declared", "XML-18", declared(version="1.0", encoding="US-ASCII"), "xml.encoding", "US-ASCII declared"),
        ("18c-utf8-misspelt", "XML-18", declared(version="1.0", encoding="UTF8"), "xml.encoding", "UTF8 declared"),
        ("18d-empty-declared", "XML-18", declared(version="1.0", encoding=""), "xml.encoding", "nothing declared"),
        ("19-utf7-declared", "XML-19", declared(version="1.0", encoding="UTF-7"), "xml.encoding", "UTF-7 declared"),
        ("20-xml-1.1", "XML-20", declared(version="1.1"), "xml.encoding", "XML 1.1"),
        ("20b-xml-2.0", "XML-20", declared(version="2.0"), "xml.encoding", "XML 2.0"),
        ("20c-no-version", "XML-20", declared(encoding="UTF-8"), "xml.syntax", "no version"),
        ("20d-order", "XML-20", '<?xml encoding="UTF-8" version="1.0"?>' + text, "xml.syntax", "encoding in front of version"),
        ("20e-space-in-front", "XML-20", " " + declared(version="1.0"), "xml.forbidden_node", "a space in front of the declaration"),
        ("20f-two-declarations", "XML-20", '<?xml version="1.0"?>' + declared(version="1.0"), "xml.forbidden_node", "two declarations"),
        ("20g-upper-case", "XML-20", '<?XML version="1.0"?>' + text, "xml.forbidden_node", "a declaration in capitals"),
        ("20h-two-marks", "XML-20", "\ufeff\ufeff" + text, "xml.syntax", "two byte order marks"),
    ):
        family.add(
            path,
            f"Untouched, but for {title}",
            row,
            body,
            code,
        )


def namespaces(family):
    text = Message("assertion").text()
    tag = "<samlp:Response "

    def at_root(more):
        return text.replace(tag, f"{tag}{more} ", 1)

    def child_of_response(element):
        return text.replace("<samlp:Status>", element + "<samlp:Status>", 1)

    for path, row, body, code, title in (
        ("22-attribute-by-two-prefixes", "XML-22", at_root('xmlns:a="urn:x" xmlns:b="urn:x" a:x="1" b:x="2"'), "xml.namespace", "an attribute by two prefixes"),
        ("24-empty-prefix", "XML-24", at_root(':ID="_x"'), "xml.syntax", "an attribute with an empty prefix"),
        ("24b-two-colons", "XML-24", at_root('::x="_x"'), "xml.syntax", "an attribute with two colons"),
        ("24c-element-two-colons", "XML-24", child_of_response("<x::y/>"), "xml.syntax", "an element with two colons"),
        ("24d-empty-local", "XML-24", child_of_response("<samlp:/>"), "xml.syntax", "an element without a local name"),
        ("24e-three-parts", "XML-24", child_of_response("<a:b:c xmlns:a='urn:x'/>"), "xml.syntax", "a name in three parts"),
        ("24f-digit", "XML-24", child_of_response("<samlp:1/>"), "xml.syntax", "a name that begins with a digit"),
        ("25-xml-rebound", "XML-25", at_root('xmlns:xml="urn:x"'), "xml.namespace", "xml bound to something else"),
        ("25b-xmlns-bound", "XML-25", at_root('xmlns:xmlns="urn:x"'), "xml.namespace", "xmlns bound"),
        ("25c-other-prefix-for-xml", "XML-25", at_root('xmlns:x="http://www.w3.org/XML/1998/namespace"'), "xml.namespace", "another prefix for the namespace of xml"),
        ("25d-xmlns-namespace", "XML-25", at_root('xmlns:x="http://www.w3.org/2000/xmlns/"'), "xml.namespace", "a prefix for the namespace of xmlns"),
        ("25e-xml-as-default", "XML-25", child_of_response('<x xmlns="http://www.w3.org/XML/1998/namespace"/>'), "xml.namespace", "the namespace of xml as the default"),
        ("26-prefix-undeclared", "XML-26", child_of_response('<samlp:Extensions xmlns:saml=""/>'), "xml.namespace", "a prefix undeclared"),
        ("26b-unknown-prefix", "XML-26", child_of_response("<x:y/>"), "xml.namespace", "a prefix that nobody declares"),
        ("26c-unknown-attribute-prefix", "XML-26", at_root('x:y="1"'), "xml.namespace", "an attribute's prefix that nobody declares"),
        ("26d-declared-later", "XML-26", text.replace(' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', "", 1), "xml.namespace", "a prefix that is not declared any more"),
        ("26e-declared-twice", "XML-26", at_root('xmlns:saml="urn:evil"'), "xml.syntax", "a prefix declared twice in one tag"),
        ("26f-default-twice", "XML-26", at_root('xmlns="urn:a" xmlns="urn:b"'), "xml.syntax", "two default namespaces in one tag"),
    ):
        family.add(path, f"At the unsigned Response: {title}", row, body, code)


def limits(family):
    text = Message("assertion").text()
    inside = lambda content: text.replace(
        "<samlp:Status>", f"<samlp:Extensions>{content}</samlp:Extensions><samlp:Status>", 1
    )
    at_root = lambda more: text.replace("<samlp:Response ", f"<samlp:Response {more} ", 1)
    for path, row, body, code, title in (
        ("29-nested", "XML-29", inside("{{repeat 30000 <a>}}{{repeat 30000 </a>}}"), "xml.limit", "30 000 elements inside each other"),
        ("29b-nested-33", "XML-29", inside("{{repeat 31 <a>}}{{repeat 31 </a>}}"), "xml.limit", "33 elements inside each other"),
        ("29c-nested-unended", "XML-29", inside("{{repeat 80000 <a>}}"), "xml.limit", "80 000 elements that never end"),
        ("30-attributes", "XML-30", inside("<x" + "".join(f' a{n}="1"' for n in range(65)) + "/>"), "xml.limit", "65 attributes"),
        ("30b-same-attribute", "XML-30", inside('<x{{repeat 20000  a="1"}}/>'), "xml.limit", "20 000 times the same attribute"),
        ("31-declarations", "XML-31", at_root(" ".join(f'xmlns:n{n}="urn:{n}"' for n in range(31))), "xml.limit", "33 namespaces in scope"),
        ("31b-declarations-nested", "XML-31", inside("".join(f'<a xmlns:n{n}="urn:{n}" xmlns:m{n}="urn:{n}">' for n in range(20)) + "</a>" * 20), "xml.limit", "42 namespaces in scope, two each step"),
        ("31c-long-namespace", "XML-31", inside('<x xmlns="urn:{{repeat 300 x}}"/>'), "xml.limit", "a namespace of 304 bytes"),
        ("31d-amplified-namespace", "XML-31", inside('<x xmlns:n="urn:{{repeat 240 x}}">{{repeat 4000 <n:a/>}}</x>'), "xml.limit", "a long namespace used 4000 times"),
        ("32-large-text", "XML-32", text.replace('status:Success"/>', 'status:Success"/><samlp:StatusMessage>{{repeat 65537 x}}</samlp:StatusMessage>'), "xml.limit", "a text of 65 537 bytes"),
        ("32b-large", "XML-32", inside("<x>{{repeat 60000 x}}</x>" * 5), "xml.limit", "300 kB"),
        ("32c-20-mb", "XML-32", text.replace('status:Success"/>', 'status:Success"/><samlp:StatusMessage>{{repeat 20000000 x}}</samlp:StatusMessage>'), "xml.limit", "20 MB"),
        ("32d-large-attribute", "XML-32", inside('<x a="{{repeat 65537 x}}"/>'), "xml.limit", "an attribute of 65 537 bytes"),
        ("32e-long-name", "XML-32", inside("<{{repeat 300 x}}/>"), "xml.limit", "a name of 300 bytes"),
        ("32f-white-space", "XML-32", text + "{{repeat 270000  }}", "xml.limit", "270 000 spaces behind it"),
        ("33-elements", "XML-33", inside("{{repeat 5000 <a/>}}"), "xml.limit", "5000 elements"),
        ("33b-assertions", "XML-33", text.replace("<saml:Assertion ", "{{repeat 9000 <saml:Assertion/>}}<saml:Assertion ", 1), "xml.limit", "9000 empty Assertions"),
        ("33c-assertions-200", "XML-33", text.replace("<saml:Assertion ", "{{repeat 200 <saml:Assertion/>}}<saml:Assertion ", 1), "proto.assertion_count", "200 empty Assertions"),
        ("34-signatures", "XML-34", text.replace("<samlp:Status>", '{{repeat 2000 <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>}}<samlp:Status>', 1), "sig.position", "2000 Signatures in the Response"),
        ("34b-signatures-in-extensions", "XML-34", inside('{{repeat 2000 <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>}}'), "sig.position", "2000 Signatures in the Extensions"),
    ):
        if code == "accept":
            # Allowed by the limits; what counts is that it costs little.
            code = "accept"
        family.add(
            path,
            f"At the Response: {title}",
            row,
            body,
            code,
            expand=True,
        )


# Forms


def field(xml):
    return quote_plus(as_base64(xml))


def forms(family):
    honest_text = Message("assertion").text()
    encoded = as_base64(honest_text)
    evil = response(assertion(VICTIM, ID="_e"), ID="_er").write()
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = deflated.compress(honest_text.encode()) + deflated.flush()
    half = len(encoded) // 2 // 4 * 4
    add = lambda path, title, row, body, code, form="base64", **more: family.add(
        path, title, row, body, code, form=form, **more
    )
    url_safe = encoded.replace("+", "-").replace("/", "_")
    if url_safe == encoded:
        url_safe += "-_"
    for path, row, body, title in (
        ("02-url-safe", "BND-02", url_safe, "the URL-safe alphabet"),
        ("02b-no-padding", "BND-02", as_base64(honest_text + " " * ((1 - len(honest_text)) % 3)).rstrip("="), "no padding"),
        ("02c-more-padding", "BND-02", encoded.rstrip("=") + "====", "more padding"),
        ("02d-padding-inside", "BND-02", as_base64(honest_text[:100]) + as_base64(honest_text[100:]), "two base64 texts, padding between"),
        ("02e-dot", "BND-02", encoded[:half] + "." + encoded[half:], "a full stop"),
        ("02f-nul", "BND-02", encoded + "\0", "a NUL behind"),
        ("02g-no-break-space", "BND-02", encoded[:half] + "\u00a0" + encoded[half:], "a no-break space"),
        ("02h-vertical-tab", "BND-02", encoded[:half] + "\x0b" + encoded[half:], "a vertical tab"),
        ("02i-percent-twice", "BND-02", encoded.replace("=", "%3D").replace("+", "%2B") + "%", "percent-encoding twice"),
        ("02j-mime-header", "BND-02", "Content-Type: text/xml\r\n\r\n" + encoded, "a MIME header"),
        ("02k-data-url", "BND-02", "data:text/xml;base64," + encoded, "a data: URL"),
        ("02l-pem", "BND-02", "-----BEGIN SAML-----\n" + encoded + "\n-----END SAML-----", "a PEM frame"),
        ("02m-behind-padding", "BND-02", as_base64(honest_text + " " * ((1 - len(honest_text)) % 3)) + as_base64(evil), "an evil Response behind the padding"),
        ("05-empty", "BND-05", "", "nothing"),
        ("05b-white-space", "BND-05", " \r\n", "white space"),
        ("05c-padding", "BND-05", "====", "padding"),
        ("07c-xml-itself", "BND-06", honest_text, "the XML itself"),
    ):
        add(path, f"SAMLResponse is {title}" if row in ("BND-05", "BND-06") else f"Untouched, but the base64 has {title}", row, body, "binding.base64")
    spare = as_base64(honest_text + " " * ((1 - len(honest_text)) % 3))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bent = spare[:-3] + alphabet[alphabet.index(spare[-3]) | 1] + "=="
    add("02n-spare-bits", "Untouched, but the last character says more than the octets need", "BND-02", bent, "binding.base64")
    for path, row, data, code, title in (
        ("04-twice", "BND-04", as_base64(encoded), "xml.syntax", "base64 of base64"),
        ("06-not-xml", "BND-06", as_base64("hello"), "xml.syntax", "not XML"),
        ("06b-json", "BND-06", as_base64('{"NameID": "carol@example.com"}'), "xml.syntax", "JSON"),
        ("06c-empty-element", "BND-06", as_base64("<a/>"), "proto.root", "another element"),
        ("07-deflated", "BND-07", as_base64(deflated), "xml.encoding", "deflated"),
        ("07b-zlib", "BND-07", as_base64(zlib.compress(honest_text.encode())), "xml.encoding", "compressed by zlib"),
        ("07d-gzip", "BND-07", as_base64(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + deflated + bytes(8)), "xml.encoding", "compressed by gzip"),
    ):
        add(path, f"SAMLResponse is {title}", row, data, code)
    for path, row, body, code, title in (
        ("09-twice-evil-first", "BND-09", f"SAMLResponse={field(evil)}&SAMLResponse={field(honest_text)}", "binding.params", "SAMLResponse twice, the evil one first"),
        ("09b-twice-evil-last", "BND-09", f"SAMLResponse={field(honest_text)}&SAMLResponse={field(evil)}", "binding.params", "SAMLResponse twice, the evil one last"),
        ("09c-twice-the-same", "BND-09", f"SAMLResponse={field(honest_text)}&SAMLResponse={field(honest_text)}", "binding.params", "SAMLResponse twice, the same"),
        ("09d-twice-encoded-name", "BND-09", f"SAMLResponse={field(honest_text)}&SAML%52esponse={field(evil)}", "binding.params", "SAMLResponse twice, once with an encoded name"),
        ("09e-other-case", "BND-09", f"samlresponse={field(evil)}&SAMLResponse={field(honest_text)}", "accept", "samlresponse in another case, which is another parameter"),
        ("09f-array", "BND-09", f"SAMLResponse[]={field(honest_text)}", "binding.params", "SAMLResponse as an array"),
        ("09g-semicolon", "BND-09", f"x=1;SAMLResponse={field(honest_text)}", "binding.params", "a semicolon instead of &"),
        ("09h-empty-then-real", "BND-09", f"SAMLResponse=&SAMLResponse={field(honest_text)}", "binding.params", "SAMLResponse empty, then real"),
        ("09i-relay-state-twice", "BND-09", f"SAMLResponse={field(honest_text)}&RelayState=/a&RelayState=/b", "binding.params", "RelayState twice"),
        ("10-request-and-response", "BND-10", f"SAMLRequest={field(evil)}&SAMLResponse={field(honest_text)}", "binding.params", "SAMLRequest and SAMLResponse"),
        ("10b-request-behind", "BND-10", f"SAMLResponse={field(honest_text)}&SAMLRequest=x", "binding.params", "SAMLRequest behind SAMLResponse"),
        ("10c-request-alone", "BND-10", f"SAMLRequest={field(honest_text)}", "binding.params", "the Response as SAMLRequest"),
        ("10d-artifact", "BND-10", "SAMLart=AAQAAMFbLinlXaCM%2BFIxiDwGOLAy2T71gbpO7ZhNzAgEANlB90ECfpNEVLg%3D", "binding.params", "an artifact"),
        ("10e-nothing", "BND-10", "", "binding.params", "nothing"),
        ("11-query-signature", "BND-11", f"SAMLResponse={field(evil)}&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256&Signature=AAAA", "binding.params", "an unsigned Response with a signature for a query"),
        ("11b-saml-encoding", "BND-11", f"SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE&SAMLResponse={quote_plus(as_base64(deflated))}", "xml.encoding", "a deflated Response with its SAMLEncoding"),
        ("12-large-form", "XML-32", "x={{repeat 1048577 x}}&SAMLResponse=" + field(honest_text), "binding.size", "a form of more than 1 MiB"),
        ("12b-large-field", "XML-32", "SAMLResponse={{repeat 400000 A}}", "binding.size", "a message of 300 kB"),
        ("12c-many-fields", "XML-32", "{{repeat 300000 a&}}SAMLResponse=" + field(honest_text), "accept", "300 000 other parameters, which cost little"),
    ):
        add(
            path,
            f"The form has {title}",
            row,
            body,
            code,
            form="form",
            expand="{{repeat" in body,
            signed="none" if path.startswith("11-") else "assertion",
        )
