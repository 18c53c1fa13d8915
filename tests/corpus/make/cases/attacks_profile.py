"""Well signed, and still not for us, not now, not in answer to us; strange names; strange pages."""

from urllib.parse import quote_plus

from attack import (
    ACS,
    ATTACKER,
    BEFORE,
    CM,
    EMAIL,
    ENTITY_ID,
    ISSUED,
    PLACES,
    STATUS,
    UNTIL,
    VICTIM,
    Family,
    Message,
    assertion,
    attribute,
    attributes,
    audience,
    authn,
    bare,
    child,
    conditions,
    confirmation,
    honest,
    name_id,
    odd_signed,
    response,
    signed,
    status,
    subject,
)
from case import as_base64
from saml import IDP as CORP
from saml import OTHER_IDP
from sign import read
from tree import E, declare

ELSEWHERE = "attacker.example.net"
OTHER_ACS = "https://other-sp.example.com/saml/acs"
OTHER_SP = "https://other-sp.example.com/saml/metadata"


def cases():
    for folder, fill in (
        ("pro", (audiences, addresses, times, answers, issuers, states, subjects, envelopes)),
        ("vlu", (values,)),
        ("rly", (relay_states,)),
    ):
        family = Family(folder)
        for one in fill:
            one(family)
        yield from family.made


def said(*parts, **changes):
    """A Response with an Assertion of these parts; those that are missing are the usual ones."""
    usual = [subject(), conditions(), authn(), attributes()]
    given = {one.local: one for one in parts if one is not None}
    whole = [given.pop(one.local, one) for one in usual]
    return response(assertion(parts=whole + list(given.values()), **changes))


def without(local):
    """A Response whose Assertion lacks a part."""
    root = said()
    root.find("Assertion").without(local)
    return root


def everywhere(family, path, title, row, make, code, places=PLACES, **more):
    """The same, signed in each of the places. `make` builds the Response."""
    for where in places:
        extra = more
        if code == "accept":
            extra = honest() | more
        family.add(
            f"{path}-{where}",
            title,
            row,
            signed(make(), where),
            code,
            signed=where,
            **extra,
        )


TWO = ("response", "assertion")


def audiences(family):
    for path, row, names, title in (
        ("01-other-audience", "PRO-01", (OTHER_SP,), "another service provider"),
        ("05-audience-suffix", "PRO-05", (ENTITY_ID + "/extra",), "our entityID and more"),
        ("05b-audience-query", "PRO-05", (ENTITY_ID + "?x",), "our entityID with a query"),
        ("05c-audience-slash", "PRO-05", (ENTITY_ID + "/",), "our entityID with a slash"),
        ("05d-audience-space", "PRO-05", (f" {ENTITY_ID} ",), "our entityID with spaces"),
        ("05e-audience-list", "PRO-05", (f"{OTHER_SP} {ENTITY_ID}",), "two in one, by a space"),
        ("06-audience-case", "PRO-06", (ENTITY_ID.upper(),), "our entityID in capitals"),
        ("06b-audience-host-case", "PRO-06", (ENTITY_ID.replace("sp.", "SP."),), "our host in capitals"),
        ("07-audience-prefix", "PRO-07", (ENTITY_ID[:-8],), "the beginning of our entityID"),
        ("07b-audience-host", "PRO-07", ("sp.example.com",), "our host"),
        ("07c-audience-empty", "PRO-07", ("",), "nobody"),
        ("07d-audience-port", "PRO-07", (ENTITY_ID.replace(".com", ".com:443"),), "our entityID with the usual port"),
        ("07e-audience-encoded", "PRO-07", (ENTITY_ID.replace("saml", "%73aml"),), "our entityID, percent-encoded"),
        ("07f-audience-wildcard", "PRO-07", ("*",), "everybody"),
        ("07g-audience-acs", "PRO-07", (ACS,), "our ACS"),
    ):
        everywhere(
            family,
            path,
            f"The audience is {title}",
            row,
            lambda: said(conditions(audience(*names))),
            "proto.audience",
            TWO if path.startswith("01") else ("assertion",),
        )
    for path, row, make, title in (
        ("03-no-conditions", "PRO-03", lambda: without("Conditions"), "no Conditions"),
        ("03b-empty-conditions", "PRO-03", lambda: said(E("saml:Conditions")), "empty Conditions"),
        ("03c-no-audience-restriction", "PRO-03", lambda: said(conditions(E("saml:OneTimeUse"))), "no AudienceRestriction"),
        ("03d-empty-audience-restriction", "PRO-03", lambda: said(conditions(audience())), "an empty AudienceRestriction"),
        ("04-two-restrictions", "PRO-04", lambda: said(conditions(audience(ENTITY_ID), audience(OTHER_SP))), "two AudienceRestrictions, the second for another"),
        ("04b-two-restrictions-ours-last", "PRO-04", lambda: said(conditions(audience(OTHER_SP), audience(ENTITY_ID))), "two AudienceRestrictions, the first for another"),
        ("04c-empty-restriction-too", "PRO-04", lambda: said(conditions(audience(ENTITY_ID), audience())), "two AudienceRestrictions, one of them empty"),
    ):
        everywhere(family, path, f"There are {title}" if title[0] in "te" else f"There is {title}", row, make, "proto.audience", TWO)


def addresses(family):
    for path, row, found, code, title in (
        ("08-other-recipient", "PRO-08", OTHER_ACS, "subject.recipient", "another service provider's"),
        ("08b-recipient-suffix", "PRO-08", f"{ACS}.{ELSEWHERE}", "subject.recipient", "ours with a suffix"),
        ("08c-recipient-prefix", "PRO-08", ACS[:-1], "subject.recipient", "ours without its last letter"),
        ("08d-recipient-case", "PRO-08", ACS.upper(), "subject.recipient", "ours in capitals"),
        ("08e-recipient-http", "PRO-08", ACS.replace("https", "http"), "subject.recipient", "ours without TLS"),
        ("08f-recipient-query", "PRO-08", ACS + "?x=1", "subject.recipient", "ours with a query"),
        ("08g-recipient-empty", "PRO-08", "", "subject.recipient", "empty"),
        ("08h-recipient-missing", "PRO-08", None, "subject.recipient", "missing"),
        ("08i-recipient-space", "PRO-08", f" {ACS}", "subject.recipient", "ours with a space"),
        ("08j-recipient-userinfo", "PRO-08", ACS.replace("//", "//x@"), "subject.recipient", "ours with a user"),
        ("08k-recipient-dot-segments", "PRO-08", ACS.replace("/saml/", "/x/../saml/"), "subject.recipient", "ours by a detour"),
    ):
        everywhere(
            family,
            path,
            f"Recipient is {title}",
            row,
            lambda: said(subject(ATTACKER, name_id(), confirmation(Recipient=found))),
            code,
            TWO if path.startswith("08-") else ("assertion",),
        )
    for path, row, found, title in (
        ("10-other-destination", "PRO-10", OTHER_ACS, "another service provider's"),
        ("11-empty-destination", "PRO-11", "", "empty"),
        ("12-no-destination", "PRO-12", None, "missing, and the Response is signed"),
        ("13-destination-suffix", "PRO-13", f"{ACS}.{ELSEWHERE}", "ours with a suffix"),
        ("13b-destination-query", "PRO-13", ACS + "?x=1", "ours with a query"),
        ("13c-destination-case", "PRO-13", ACS.upper(), "ours in capitals"),
        ("13d-destination-slash", "PRO-13", ACS + "/", "ours with a slash"),
        ("13e-destination-http", "PRO-13", ACS.replace("https", "http"), "ours without TLS"),
        ("13f-destination-space", "PRO-13", ACS + " ", "ours with a space"),
        ("13g-destination-port", "PRO-13", ACS.replace(".com", ".com:443"), "ours with the usual port"),
    ):
        places = ("response", "both") if found is None else (PLACES if path[:2] in ("10", "11") else TWO)
        everywhere(
            family,
            path,
            f"Destination is {title}",
            row,
            lambda: response(assertion(), Destination=found),
            "proto.destination",
            places,
        )


def times(family):
    past, future = "2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z"
    data = lambda **changes: said(subject(ATTACKER, name_id(), confirmation(**changes)))
    window = lambda **changes: said(conditions(**changes))
    for path, row, make, code, title in (
        ("15-no-end", "PRO-15", lambda: data(NotOnOrAfter=None), "subject.expired", "the confirmation has no end"),
        ("15b-no-data", "PRO-15", lambda: said(subject(ATTACKER, name_id(), E("saml:SubjectConfirmation", {"Method": CM + "bearer"}))), "subject.recipient", "the confirmation has no data"),
        ("16-confirmation-over", "PRO-15", lambda: data(NotOnOrAfter=past), "subject.expired", "the confirmation is over"),
        ("16b-confirmation-over-exactly", "PRO-15", lambda: data(NotOnOrAfter="2026-11-21T11:57:00Z"), "subject.expired", "the confirmation is over since this second, skew included"),
        ("16c-confirmation-begins", "PRO-15", lambda: data(NotBefore=BEFORE), "subject.not_before", "the confirmation has a beginning"),
        ("17-conditions-over", "PRO-17", lambda: window(NotOnOrAfter=past, NotBefore=None), "time.expired", "the Conditions are over"),
        ("17b-conditions-over-exactly", "PRO-17", lambda: window(NotOnOrAfter="2026-11-21T11:57:00Z", NotBefore=None), "time.expired", "the Conditions are over since this second, skew included"),
        ("18-conditions-not-yet", "PRO-18", lambda: window(NotBefore=future, NotOnOrAfter="2026-11-21T14:00:00Z"), "time.not_yet", "the Conditions have not begun"),
        ("18b-conditions-not-yet-exactly", "PRO-18", lambda: window(NotBefore="2026-11-21T12:03:01Z"), "time.not_yet", "the Conditions begin a second too late, skew included"),
        ("19-a-day-old", "PRO-19", lambda: response(assertion(IssueInstant="2026-11-20T12:00:00Z")), "time.issue_instant", "the Assertion is a day old"),
        ("19b-response-a-day-old", "PRO-19", lambda: response(assertion(), IssueInstant="2026-11-20T12:00:00Z"), "time.issue_instant", "the Response is a day old"),
        ("20-in-an-hour", "PRO-20", lambda: response(assertion(IssueInstant=future)), "time.issue_instant", "the Assertion was made in an hour"),
        ("20b-response-in-an-hour", "PRO-20", lambda: response(assertion(), IssueInstant=future), "time.issue_instant", "the Response was made in an hour"),
        ("21-authn-in-an-hour", "PRO-20", lambda: said(authn(AuthnInstant=future)), "time.issue_instant", "the sign-in was in an hour"),
        ("21b-session-over", "PRO-17", lambda: said(authn(SessionNotOnOrAfter=past)), "time.session", "the session is over"),
        ("55-window-inverted", "PRO-55", lambda: window(NotBefore=UNTIL, NotOnOrAfter=BEFORE), "time.not_yet", "the Conditions end before they begin"),
        ("55b-window-inverted-within-skew", "PRO-55", lambda: window(NotBefore="2026-11-21T12:01:00Z", NotOnOrAfter="2026-11-21T12:00:30Z"), "time.expired", "the Conditions end before they begin, both within the skew"),
        ("55c-window-empty", "PRO-55", lambda: window(NotBefore=BEFORE, NotOnOrAfter=BEFORE), "time.expired", "the Conditions end when they begin"),
    ):
        everywhere(family, path, title[0].upper() + title[1:], row, make, code, ("assertion", "response"))
    for number, (row, text) in enumerate(
        (
            ("PRO-22", "2026-11-21T23:00:00+14:00"),
            ("PRO-22", "2026-11-21T12:05:00+00:00"),
            ("PRO-22", "2026-11-21T12:05:00-00:00"),
            ("PRO-22", "2026-11-21T12:05:00"),
            ("PRO-22", "2026-11-21T12:05:00z"),
            ("PRO-22", "2026-11-21t12:05:00Z"),
            ("PRO-22", "2026-11-21 12:05:00Z"),
            ("PRO-24", "never"),
            ("PRO-24", ""),
            ("PRO-24", "1795262700"),
            ("PRO-24", "2026-11-21"),
            ("PRO-24", "Sat, 21 Nov 2026 12:05:00 GMT"),
            ("PRO-24", " 2026-11-21T12:05:00Z"),
            ("PRO-24", "2026-11-21T12:05:00Z "),
            ("PRO-24", "2026-11-21T12:05Z"),
            ("PRO-24", "26-11-21T12:05:00Z"),
            ("PRO-24", "2026-11-21T12:05:00.Z"),
            ("PRO-24", "2026-11-21T12:05:00,5Z"),
            ("PRO-24", "+2026-11-21T12:05:00Z"),
            ("PRO-24", "-2026-11-21T12:05:00Z"),
            ("PRO-24", "２０２６-11-21T12:05:00Z"),
            ("PRO-25", "99999-13-45T99:99:99Z"),
            ("PRO-25", "2026-13-21T12:05:00Z"),
            ("PRO-25", "2026-02-30T12:05:00Z"),
            ("PRO-25", "2027-02-29T12:05:00Z"),
            ("PRO-25", "2026-11-21T24:00:00Z"),
            ("PRO-25", "2026-11-21T25:00:00Z"),
            ("PRO-25", "2026-11-21T12:60:00Z"),
            ("PRO-25", "2026-11-21T12:05:60Z"),
            ("PRO-25", "0000-00-00T00:00:00Z"),
            ("PRO-25", "9999999999-01-01T00:00:00Z"),
            ("PRO-25", "2026-11-21T12:05:00.0123456789012345678901234567890Z"),
        )
    ):
        everywhere(
            family,
            f"{row[4:]}-time-{number:02}",
            f"The end of the Conditions is {text!r}",
            row,
            lambda: window(NotOnOrAfter=text),
            "time.syntax",
            ("assertion",),
        )
    for path, make in (
        ("25b-issue-instant", lambda: response(assertion(IssueInstant="now"))),
        ("25c-response-issue-instant", lambda: response(assertion(), IssueInstant="now")),
        ("25d-authn-instant", lambda: said(authn(AuthnInstant="now"))),
        ("25e-confirmation-end", lambda: data(NotOnOrAfter="never")),
        ("25f-session-end", lambda: said(authn(SessionNotOnOrAfter="never"))),
        ("25g-second-confirmation", lambda: said(subject(ATTACKER, name_id(), confirmation(), confirmation(NotOnOrAfter="never")))),
    ):
        everywhere(family, path, "A time that is none", "PRO-24", make, "time.syntax", TWO)
    for path, make, code in (
        ("25h-no-issue-instant", lambda: response(assertion(IssueInstant=None)), "xml.schema"),
        ("25i-no-response-issue-instant", lambda: response(assertion(), IssueInstant=None), "xml.schema"),
        ("25j-no-authn-instant", lambda: said(authn(AuthnInstant=None)), "xml.schema"),
    ):
        everywhere(family, path, "A time that is missing", "PRO-24", make, code, TWO)


def answers(family):
    data = lambda *more, **changes: said(subject(ATTACKER, name_id(), confirmation(**changes), *more))
    for path, row, make, title in (
        ("26-response-answers-another", "PRO-26", lambda: response(assertion(), InResponseTo="_another"), "The Response answers another request"),
        ("26b-both-answer-another", "PRO-26", lambda: moved(data(InResponseTo="_another"), "_another"), "Response and confirmation answer another request"),
        ("26c-response-answers-nothing", "PRO-26", lambda: response(assertion(), InResponseTo=""), "The Response answers the empty request"),
        ("27-confirmation-answers-another", "PRO-27", lambda: data(InResponseTo="_another"), "The confirmation answers another request"),
        ("27b-confirmation-answers-nothing", "PRO-27", lambda: data(InResponseTo=""), "The confirmation answers the empty request"),
        ("27c-confirmation-case", "PRO-27", lambda: data(InResponseTo="_REQUEST"), "The confirmation answers the request in capitals"),
        ("27d-confirmation-prefix", "PRO-27", lambda: data(InResponseTo="_reques"), "The confirmation answers the beginning of the request"),
        ("27e-confirmation-space", "PRO-27", lambda: data(InResponseTo=" _request"), "The confirmation answers the request with a space"),
        ("29-only-on-response", "PRO-29", lambda: data(InResponseTo=None), "Only the Response says which request it answers"),
    ):
        everywhere(family, path, title, row, make, "proto.in_response_to", TWO)
    unsolicited = {"unsolicited": True, "set": ("allow_idp_initiated=true",)}
    nothing = lambda: moved(data(InResponseTo=None), None)
    for where in TWO:
        for path, make, code, title in (
            ("28-unsolicited-answers", lambda: said(), "proto.in_response_to", "An answer to a request that nobody sent"),
            ("28b-unsolicited-response-answers", lambda: moved(data(InResponseTo=None), "_request"), "proto.in_response_to", "The Response alone answers a request that nobody sent"),
            ("28c-unsolicited-confirmation-answers", lambda: moved(said(), None), "proto.in_response_to", "The confirmation alone answers a request that nobody sent"),
        ):
            family.add(f"{path}-{where}", title, "PRO-26", signed(make(), where), code, signed=where, **unsolicited)
        family.add(
            f"28d-unsolicited-not-allowed-{where}",
            "Nothing is answered, and nobody has allowed that",
            "PRO-26",
            signed(nothing(), where),
            "proto.unsolicited",
            signed=where,
            unsolicited=True,
        )
        family.add(
            f"28e-unsolicited-to-a-request-{where}",
            "Nothing is answered, although a request was sent",
            "PRO-29",
            signed(nothing(), where),
            "proto.in_response_to",
            signed=where,
            set=("allow_idp_initiated=true",),
        )


def moved(root, request):
    """The Response answers this request."""
    return root.set("InResponseTo", request)


def issuers(family):
    unknown = "https://unknown.example.com/metadata"
    for path, row, make, code, title in (
        ("30-unknown-issuer", "PRO-30", lambda: response(assertion(issuer=unknown)), "proto.issuer", "The Assertion's Issuer is unknown"),
        ("30b-unknown-issuer-no-other", "PRO-30", lambda: response(assertion(issuer=unknown), issuer=None), "proto.issuer", "The only Issuer is unknown"),
        ("30c-issuer-suffix", "PRO-30", lambda: response(assertion(issuer=CORP + "/x")), "proto.issuer", "The Issuer has a suffix"),
        ("30d-issuer-case", "PRO-30", lambda: response(assertion(issuer=CORP.upper())), "proto.issuer", "The Issuer is in capitals"),
        ("30e-issuer-space", "PRO-30", lambda: response(assertion(issuer=f" {CORP} ")), "proto.issuer", "The Issuer has spaces around it"),
        ("30f-issuer-empty", "PRO-30", lambda: response(assertion(issuer="")), "proto.issuer", "The Issuer is empty"),
        ("30g-response-issuer-unknown", "PRO-31", lambda: response(assertion(), issuer=unknown), "proto.issuer", "The Response's Issuer is unknown"),
        ("31-response-of-another", "PRO-31", lambda: response(assertion(), issuer=OTHER_IDP), "proto.mix_up", "The Response's Issuer is another identity provider"),
        ("31b-assertion-of-another", "PRO-31", lambda: response(assertion(issuer=OTHER_IDP)), "proto.issuer", "The Assertion's Issuer is another identity provider"),
        ("32-both-of-another", "PRO-32", lambda: response(assertion(issuer=OTHER_IDP), issuer=OTHER_IDP), "proto.mix_up", "Both Issuers are another identity provider"),
        ("32b-only-issuer-of-another", "PRO-32", lambda: response(assertion(issuer=OTHER_IDP), issuer=None), "proto.mix_up", "The only Issuer is another identity provider"),
        ("34-issuer-format", "PRO-34", lambda: response(assertion(issuer=E("saml:Issuer", {"Format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}, CORP))), "proto.issuer", "The Issuer is a persistent NameID"),
        ("34b-issuer-format-empty", "PRO-34", lambda: response(assertion(issuer=E("saml:Issuer", {"Format": ""}, CORP))), "proto.issuer", "The Issuer's Format is empty"),
        ("35-issuer-with-element", "PRO-34", lambda: response(assertion(issuer=E("saml:Issuer", [], CORP, E("x", []), "x"))), "xml.schema", "The Issuer has an element in it"),
        ("36-two-issuers", "PRO-36", lambda: twice(said(), "Issuer", E("saml:Issuer", [], OTHER_IDP)), "xml.schema", "Two Issuers"),
    ):
        for where in TWO:
            if row == "PRO-30" and where == "response" and path == "30b-unknown-issuer-no-other":
                continue
            if path.startswith("32b") and where == "response":
                continue
            family.add(f"{path}-{where}", title, row, signed(make(), where), code, signed=where)
    family.add(
        "33-no-issuer-response",
        "The Assertion has no Issuer",
        "PRO-33",
        signed(response(assertion(issuer=None)), "response"),
        "xml.schema",
        signed="response",
    )
    root = response(assertion(issuer=None))
    family.add(
        "33b-no-issuer-assertion",
        "The Assertion has no Issuer, its Signature comes first",
        "PRO-33",
        odd_signed(root, root.find("Assertion"), {}, place=None),
        "sig.position",
    )
    # Another trusted identity provider
    theirs = response(assertion(VICTIM, issuer=OTHER_IDP))
    family.add(
        "60-assertion-of-another-idp",
        "An Assertion that another identity provider made and signed, in a Response of this one",
        "PRO-60",
        odd_signed(theirs, theirs.find("Assertion"), {"key": "other"}),
        "sig.invalid",
    )
    theirs = response(assertion(VICTIM, issuer=OTHER_IDP), issuer=None)
    family.add(
        "60b-assertion-of-another-idp-alone",
        "An Assertion that another identity provider made and signed, in a Response of nobody",
        "PRO-60",
        odd_signed(theirs, theirs.find("Assertion"), {"key": "other"}),
        "proto.mix_up",
    )
    loose = lambda issuer: response(
        assertion(
            VICTIM,
            issuer=OTHER_IDP,
            parts=[subject(VICTIM, name_id(VICTIM), confirmation(InResponseTo=None)), conditions(), authn()],
        ),
        issuer=issuer,
    )
    for path, issuer, idp, code in (
        ("62-unsigned-in-response-to", OTHER_IDP, "corp", "proto.mix_up"),
        ("62b-unsigned-in-response-to-no-issuer", None, "corp", "proto.mix_up"),
        ("62c-unsigned-in-response-to-own-request", OTHER_IDP, "other", "proto.in_response_to"),
    ):
        root = loose(issuer)
        family.add(
            path,
            "An unsolicited Assertion of another identity provider; only the unsigned Response answers",
            "PRO-62",
            odd_signed(root, root.find("Assertion"), {"key": "other"}),
            code,
            idp=idp,
        )
    family.add(
        "63-unsolicited-unknown",
        "Unsolicited, by somebody whom nobody imported",
        "PRO-30",
        signed(moved(response(assertion(issuer=unknown), issuer=unknown), None), "assertion", key="attacker"),
        "idp.unknown",
        unsolicited=True,
        set=("allow_idp_initiated=true",),
    )
    family.add(
        "63b-unsolicited-no-issuer-at-all",
        "Unsolicited, and nothing says by whom",
        "PRO-33",
        response(assertion(issuer=None), issuer=None).write(),
        "idp.unknown",
        signed="none",
        unsolicited=True,
        set=("allow_idp_initiated=true",),
    )


def twice(root, local, new):
    """One more in front of the first."""
    one = root.find("Assertion")
    at = next(at for at, c in enumerate(one.children) if c.local == local)
    # Behind the first, if it is the Issuer: a Signature stands behind the first.
    one.children.insert(at + (local == "Issuer"), new)
    return root


def states(family):
    nested = E("samlp:StatusCode", {"Value": STATUS + "Success"})
    for path, row, state, code, title in (
        ("38-success-nested", "PRO-38", lambda: status("Requester", nested), "idp.status", "Success below Requester"),
        ("38b-failure", "PRO-38", lambda: status("Responder"), "idp.status", "Responder"),
        ("38c-failure-nested", "PRO-38", lambda: status("Responder", E("samlp:StatusCode", {"Value": STATUS + "AuthnFailed"})), "idp.status", "AuthnFailed below Responder"),
        ("38d-success-case", "PRO-38", lambda: status("success"), "idp.status", "success in small letters"),
        ("38e-success-suffix", "PRO-38", lambda: status("SuccessX"), "idp.status", "SuccessX"),
        ("38f-empty", "PRO-38", lambda: E("samlp:Status", [], E("samlp:StatusCode", {"Value": ""})), "idp.status", "empty"),
        ("38g-saml-1", "PRO-38", lambda: E("samlp:Status", [], E("samlp:StatusCode", {"Value": "samlp:Success"})), "idp.status", "that of SAML 1.1"),
        ("39-none", "PRO-39", lambda: (), "xml.schema", "missing"),
        ("39b-no-code", "PRO-39", lambda: E("samlp:Status"), "xml.schema", "without a StatusCode"),
        ("39c-no-value", "PRO-39", lambda: E("samlp:Status", [], E("samlp:StatusCode")), "xml.schema", "without a Value"),
        ("39d-two-codes", "PRO-39", lambda: E("samlp:Status", [], E("samlp:StatusCode", {"Value": STATUS + "Success"}), E("samlp:StatusCode", {"Value": STATUS + "Requester"})), "xml.schema", "two at once"),
    ):
        for where in PLACES:
            root = response(assertion(), state=state())
            family.add(f"{path}-{where}", f"The Status is {title}", row, signed(root, where), code, signed=where)
    root = response(assertion())
    root.children.insert(1, status("Requester"))
    family.add(
        "39e-two-states",
        "Two Statuses, the first a failure",
        "PRO-39",
        signed(root, "response"),
        "xml.schema",
        signed="response",
    )


def subjects(family):
    for path, row, make, code, title in (
        ("41-holder-of-key", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation("holder-of-key"))), "subject.confirmation", "The only confirmation is holder-of-key"),
        ("41b-sender-vouches", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation("sender-vouches"))), "subject.confirmation", "The only confirmation is sender-vouches"),
        ("41c-bearer-case", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation("Bearer"))), "subject.confirmation", "The confirmation's method is Bearer"),
        ("41d-no-confirmation", "PRO-41", lambda: said(subject(ATTACKER, name_id())), "subject.confirmation", "There is no confirmation"),
        ("41e-no-method", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation().set("Method", None))), "xml.schema", "The confirmation has no method"),
        ("41f-halves", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation(Recipient=OTHER_ACS), confirmation(InResponseTo="_another"))), "subject.recipient", "Two bearer confirmations, each with another fault"),
        ("41g-saml-1-bearer", "PRO-41", lambda: said(subject(ATTACKER, name_id(), confirmation().set("Method", "urn:oasis:names:tc:SAML:1.0:cm:bearer"))), "subject.confirmation", "The confirmation's method is that of SAML 1.1"),
        ("43-no-subject", "PRO-43", lambda: without("Subject"), "subject.confirmation", "There is no Subject"),
        ("43b-empty-subject", "PRO-43", lambda: said(E("saml:Subject")), "subject.confirmation", "The Subject is empty"),
        ("44-no-authn-statement", "PRO-44", lambda: without("AuthnStatement"), "authn.missing", "There is no AuthnStatement"),
        ("44b-no-authn-context", "PRO-44", lambda: said(E("saml:AuthnStatement", {"AuthnInstant": BEFORE})), "xml.schema", "The AuthnStatement has no AuthnContext"),
        ("45-empty-name-id", "PRO-45", lambda: said(subject(ATTACKER, name_id(""), confirmation())), "value.refused", "The NameID is empty"),
        ("46-two-name-ids", "PRO-46", lambda: said(subject(ATTACKER, name_id(VICTIM), name_id(), confirmation())), "xml.schema", "Two NameIDs, the victim's first"),
        ("46b-two-name-ids-victim-last", "PRO-46", lambda: said(subject(ATTACKER, name_id(), name_id(VICTIM), confirmation())), "xml.schema", "Two NameIDs, the victim's last"),
        ("46c-name-id-behind-confirmation", "PRO-46", lambda: said(subject(ATTACKER, confirmation(), name_id())), "xml.schema", "The NameID stands behind the confirmation"),
        ("46d-name-id-in-name-id", "PRO-46", lambda: said(subject(ATTACKER, name_id(ATTACKER + name_id(VICTIM).write()), confirmation())), "xml.schema", "A NameID inside of the NameID"),
        ("46e-base-id-too", "PRO-46", lambda: said(subject(ATTACKER, name_id(), E("saml:BaseID"), confirmation())), "xml.schema", "A NameID and a BaseID"),
        ("46f-text-in-subject", "PRO-46", lambda: said(subject(ATTACKER, VICTIM, name_id(), confirmation())), "xml.schema", "Text in the Subject"),
        ("47-two-subjects", "PRO-47", lambda: twice(said(), "Subject", subject(VICTIM)), "xml.schema", "Two Subjects, the victim's first"),
        ("47b-two-conditions", "PRO-47", lambda: twice(said(), "Conditions", conditions(audience(OTHER_SP))), "xml.schema", "Two Conditions"),
        ("47c-subject-last", "PRO-47", lambda: last(said(), "Subject"), "xml.schema", "The Subject comes last"),
        ("48-unknown-condition", "PRO-48", lambda: said(conditions(audience(ENTITY_ID), E("saml:Condition", [declare("xsi", "xsi"), ("xmlns:x", "urn:x"), ("xsi:type", "x:Odd")]))), "proto.condition", "A Condition of an unknown type"),
        ("48b-foreign-condition", "PRO-48", lambda: said(conditions(audience(ENTITY_ID), E("x:Odd", [("xmlns:x", "urn:x")]))), "xml.schema", "A Condition of a foreign namespace"),
        ("48c-condition-typed-audience", "PRO-48", lambda: said(conditions(E("saml:Condition", [declare("xsi", "xsi"), ("xsi:type", "saml:AudienceRestrictionType")], E("saml:Audience", [], ENTITY_ID)))), "proto.condition", "A Condition that is an AudienceRestriction by xsi:type"),
        ("48d-attribute-on-conditions", "PRO-48", lambda: said(conditions(NotOnOrAfterX=UNTIL)), "xml.schema", "An unknown attribute on Conditions"),
        ("51-other-sp-qualifier", "PRO-51", lambda: said(subject(ATTACKER, name_id(SPNameQualifier=OTHER_SP), confirmation())), "subject.qualifier", "SPNameQualifier is another service provider"),
        ("51b-other-qualifier", "PRO-51", lambda: said(subject(ATTACKER, name_id(NameQualifier=OTHER_IDP), confirmation())), "subject.qualifier", "NameQualifier is another identity provider"),
        ("52-id-not-a-name", "PRO-52", lambda: response(assertion(ID="1 2")), "xml.id", "The Assertion's ID is '1 2'"),
        ("52b-id-digit", "PRO-52", lambda: response(assertion(ID="1a")), "xml.id", "The Assertion's ID begins with a digit"),
        ("52c-id-colon", "PRO-52", lambda: response(assertion(ID="a:b")), "xml.id", "The Assertion's ID has a colon"),
        ("52d-response-id", "PRO-52", lambda: response(assertion(), ID="a/b"), "xml.id", "The Response's ID has a slash"),
        ("52e-id-quote", "PRO-52", lambda: response(assertion(ID="a')]|//*[('")), "xml.id", "The Assertion's ID is XPath"),
        ("53-shared-id", "PRO-53", lambda: response(assertion(ID="_same"), ID="_same"), "xml.id", "Response and Assertion share an ID"),
        ("54-version", "PRO-39", lambda: response(assertion(Version="1.1")), "proto.version", "The Assertion's Version is 1.1"),
        ("54b-version-response", "PRO-39", lambda: response(assertion(), Version="2.1"), "proto.version", "The Response's Version is 2.1"),
        ("54c-version-missing", "PRO-39", lambda: response(assertion(Version=None)), "xml.schema", "The Assertion has no Version"),
        ("54d-unknown-attribute", "PRO-39", lambda: response(assertion(Evil="1")), "xml.schema", "An unknown attribute on the Assertion"),
        ("54e-unknown-element", "PRO-39", lambda: last(said(E("saml:Evil")), "Evil"), "xml.schema", "An unknown element in the Assertion"),
        ("54f-text-in-assertion", "PRO-39", lambda: texted(said()), "xml.schema", "Text in the Assertion"),
    ):
        places = TWO
        if path.startswith("52d") or path == "54b-version-response":
            places = TWO
        everywhere(family, path, title, row, make, code, places)


def texted(root):
    root.find("Assertion").children.append("text")
    return root


def last(root, local):
    """A part of the Assertion comes last."""
    one = root.find("Assertion")
    part = child(one, local)
    one.children = [c for c in one.children if c is not part] + [part]
    return root


def envelopes(family):
    for path, row, make, code, title in (
        ("50-no-assertion", "PRO-50", lambda: response(), "proto.assertion_count", "Success without an Assertion"),
    ):
        family.add(f"{path}-response", title, row, signed(make(), "response"), code, signed="response")
        family.add(f"{path}-unsigned", title, row, make().write(), code, signed="none")
    m = Message("assertion")
    bare_root = m.assertion.copy()
    bare_root.attributes.insert(0, declare("saml", "saml"))
    family.add(
        "58-bare-assertion",
        "The signed Assertion is the document element",
        "PRO-58",
        bare_root.write(),
        "proto.root",
    )
    for path, name, inside in (
        ("59-artifact-response", "samlp:ArtifactResponse", True),
        ("59b-soap", "soap:Envelope", True),
        ("59c-authn-request", "samlp:AuthnRequest", False),
        ("59d-logout-response", "samlp:LogoutResponse", False),
        ("59e-response-of-saml-1", "Response", False),
        ("59f-lower-case", "samlp:response", False),
        ("59g-request-security-token-response", "t:RequestSecurityTokenResponse", True),
    ):
        good = Message("response").root
        said = [
            declare("samlp", "samlp"),
            declare("saml", "saml"),
            ("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"),
            ("xmlns:t", "http://schemas.xmlsoap.org/ws/2005/02/trust"),
            ("xmlns", "urn:oasis:names:tc:SAML:1.0:protocol"),
            ("ID", "_outer"),
            ("Version", "2.0"),
            ("IssueInstant", ISSUED),
        ]
        if inside:
            root = E(name, said, good)
        else:
            root = good
            root.name = name
            if name == "Response":
                root.attributes.insert(0, ("xmlns", "urn:oasis:names:tc:SAML:1.0:protocol"))
        family.add(
            path,
            f"The document element is {name}",
            "PRO-59",
            root.write(),
            "proto.root",
            signed="response",
        )
    m = Message("assertion")
    m.root.set("ID", "_another_response")
    family.add(
        "57-another-wrapper",
        "The same Assertion in a Response with another ID",
        "PRO-57",
        m.text(),
        "accept",
        note="Accepted once. The second time is proto.replay, which needs a store:\n"
        "the_same_assertion_in_another_response_is_proto_replay.",
    )


def values(family):
    def named(value):
        return lambda: said(subject(ATTACKER, name_id(value), confirmation()))

    def mailed(value):
        return lambda: said(E("saml:AttributeStatement", [], attribute("email", value)))

    def noted(value):
        return lambda: said(E("saml:AttributeStatement", [], attribute("note", value)))

    where = ("assertion",)
    strange = (
        ("01-cr-lf", "VLU-01", f"x&#13;&#10;X-Remote-User: {VICTIM}", "CR LF and a header"),
        ("01b-cr", "VLU-01", f"x&#13;{VICTIM}", "a carriage return"),
        ("02-lf", "VLU-02", f"x&#10;{VICTIM}", "a line feed"),
        ("02b-tab", "VLU-02", f"x&#9;{VICTIM}", "a tab"),
        ("02c-del", "VLU-02", f"x&#127;{VICTIM}", "DEL"),
        ("02d-next-line", "VLU-02", f"x&#133;{VICTIM}", "NEL"),
        ("02e-line-separator", "VLU-02", f"x&#x2028;{VICTIM}", "a line separator"),
        ("02f-csi", "VLU-02", f"x&#x9b;31m{VICTIM}", "a terminal's escape"),
        ("03-spaces", "VLU-03", f" {VICTIM} ", "spaces around it"),
        ("03b-no-break-space", "VLU-03", f"{VICTIM}&#160;", "a no-break space behind it"),
        ("03c-line-breaks", "VLU-03", f"\n{VICTIM}\n", "line breaks around it"),
        ("03d-ideographic-space", "VLU-03", f"&#x3000;{VICTIM}", "an ideographic space in front of it"),
        ("04-right-to-left", "VLU-03", f"&#x202e;{VICTIM}", "an override of direction"),
        ("04b-isolate", "VLU-03", f"x&#x2066;{VICTIM}", "an isolate"),
        ("04c-mark", "VLU-03", f"{VICTIM}&#x200f;x", "a mark of direction"),
        ("13-tag-character", "VLU-13", VICTIM + "&#xE0001;", "a tag character behind it"),
        ("13d-zero-width", "VLU-13", VICTIM + "&#x200B;", "a zero-width space behind it"),
        ("08-white-space", "VLU-08", " &#9;&#10;", "white space alone"),
        ("08b-no-break-spaces", "VLU-08", "&#160;&#160;", "no-break spaces alone"),
    )
    for path, row, value, title in strange:
        everywhere(family, f"{path}-name-id", f"The NameID has {title}", row, named(value), "value.refused", where)
        everywhere(family, f"{path}-email", f"The e-mail address has {title}", row, mailed(value), "value.refused", where)
    # What nobody is told apart by goes on verbatim; the header layer encodes it.
    everywhere(
        family,
        "02-lf-other-attribute",
        "An attribute that is no identifier has a line feed",
        "VLU-02",
        noted("a&#10;b"),
        "accept",
        where,
        attributes=(("note", "a\nb"),),
    )
    # Verbatim: neither trimmed, nor folded, nor normalised.
    for path, row, value, text in (
        ("05-upper-case", "VLU-05", VICTIM.upper(), VICTIM.upper()),
        ("05b-long-s", "VLU-05", "carol@example.com".replace("e", "\u0435"), "carol@example.com".replace("e", "\u0435")),
        ("05c-full-width", "VLU-05", "\uff43arol@example.com", "\uff43arol@example.com"),
        ("05d-decomposed", "VLU-05", "caro&#x301;l@example.com", "caro\u0301l@example.com"),
        ("05e-plus", "VLU-05", "carol+x@example.com", "carol+x@example.com"),
        ("05f-dot", "VLU-05", "carol@example.com.", "carol@example.com."),
        ("13b-unassigned", "VLU-13", VICTIM + "&#x378;", VICTIM + "\u0378"),
        ("13c-emoji", "VLU-13", VICTIM + "&#x1F600;", VICTIM + "\U0001f600"),
    ):
        everywhere(
            family,
            path,
            "A NameID that another reader might fold to the victim's: it stays as it is",
            row,
            named(value),
            "accept",
            where,
            name_id=text,
        )
    long = "x" * 65000
    for path, value, code in (("07-long", long, "value.refused"), ("07b-257", "x" * 257, "value.refused")):
        text = signed(named(value)(), "assertion")
        family.add(
            path,
            f"A NameID of {len(value)} letters",
            "VLU-07",
            text.replace(value, "{{repeat %d x}}" % len(value)),
            code,
            expand=True,
        )
    everywhere(
        family,
        "09-named-like-a-header",
        "An attribute is called X-Forwarded-User: a name like any other, which no header gets",
        "VLU-09",
        lambda: said(E("saml:AttributeStatement", [], attribute("X-Forwarded-User", VICTIM))),
        "accept",
        where,
        attributes=(("X-Forwarded-User", VICTIM),),
    )
    everywhere(
        family,
        "11-twice",
        "The e-mail address twice, the victim's last",
        "VLU-11",
        lambda: said(E("saml:AttributeStatement", [], attribute("email", ATTACKER), attribute("email", VICTIM))),
        "value.duplicate",
        where,
    )
    everywhere(
        family,
        "11b-twice-victim-first",
        "The e-mail address twice, the victim's first",
        "VLU-11",
        lambda: said(E("saml:AttributeStatement", [], attribute("email", VICTIM), attribute("email", ATTACKER))),
        "value.duplicate",
        where,
    )
    everywhere(
        family,
        "11c-two-values",
        "Two values of the e-mail address",
        "VLU-11",
        mailed_twice,
        "value.duplicate",
        where,
    )
    everywhere(
        family,
        "11d-two-statements",
        "Two AttributeStatements with an e-mail address each",
        "VLU-11",
        two_statements,
        "value.duplicate",
        where,
    )
    for path, inside, title in (
        ("14-markup", [E("b", [], VICTIM), E("i", [], "x")], "two elements"),
        ("14b-text-and-markup", [ATTACKER, E("b", [], VICTIM)], "text and an element"),
        ("14c-two-name-ids", [name_id(VICTIM), name_id()], "two NameIDs"),
        ("14d-nested-value", [E("saml:AttributeValue", [], VICTIM)], "an AttributeValue"),
    ):
        everywhere(
            family,
            path,
            f"The e-mail address is {title}",
            "VLU-14",
            lambda: said(
                E(
                    "saml:AttributeStatement",
                    [],
                    attribute("email", E("saml:AttributeValue", [], *[c.copy() if isinstance(c, E) else c for c in inside])),
                )
            ),
            "value.complex",
            where,
        )
    everywhere(
        family,
        "14e-whole-assertion",
        "The e-mail address is an Assertion",
        "VLU-14",
        lambda: said(
            E(
                "saml:AttributeStatement",
                [],
                attribute("email", E("saml:AttributeValue", [], bare(assertion(VICTIM, ID="_evil")))),
            )
        ),
        "proto.assertion_count",
        where,
    )
    everywhere(
        family,
        "15-friendly-name",
        "Another attribute has the FriendlyName email, which is never looked at",
        "VLU-11",
        lambda: said(
            E("saml:AttributeStatement", [], attribute("urn:x", VICTIM, FriendlyName="email"), attribute("email", ATTACKER))
        ),
        "accept",
        where,
        attributes=(("urn:x", VICTIM), ("email", ATTACKER)),
    )
    for path, value in (("16-foreign-scope", f"carol@{ELSEWHERE}"), ("16b-scope-suffix", "carol@evil-example.com"), ("16c-no-scope", "carol"), ("16d-two-scopes", f"carol@example.com@{ELSEWHERE}"), ("16e-subdomain", "carol@x.example.com")):
        everywhere(
            family,
            path,
            "eduPersonPrincipalName with a scope that the metadata does not list",
            "VLU-09",
            lambda: said(E("saml:AttributeStatement", [], attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", value))),
            "value.scope",
            where,
            idp="corp-scoped",
        )


def mailed_twice():
    return said(E("saml:AttributeStatement", [], attribute("email", ATTACKER, VICTIM)))


def two_statements():
    root = said()
    root.find("Assertion").children.append(
        E("saml:AttributeStatement", [], attribute("email", VICTIM))
    )
    return root


def relay_states(family):
    text = quote_plus(as_base64(Message("assertion").text()))
    for path, row, state, taken_for in (
        ("01-absolute", "RLY-01", "https://evil.example/", "ignored"),
        ("01b-http", "RLY-01", "http://evil.example/", "ignored"),
        ("01c-upper-case", "RLY-01", "HTTPS://evil.example/", "ignored"),
        ("01d-no-slashes", "RLY-01", "https:evil.example", "ignored"),
        ("01e-one-slash", "RLY-01", "https:/evil.example", "ignored"),
        ("01f-host-alone", "RLY-01", "evil.example", "ignored"),
        ("02-protocol-relative", "RLY-02", "//evil.example/", "ignored"),
        ("02b-backslash-slash", "RLY-02", "\\/evil.example/", "ignored"),
        ("03-triple-slash", "RLY-03", "///evil.example/", "ignored"),
        ("03b-four-slashes", "RLY-03", "////evil.example/", "ignored"),
        ("04-backslash", "RLY-04", "/\\evil.example/", "ignored"),
        ("04b-two-backslashes", "RLY-04", "\\\\evil.example/", "ignored"),
        ("04c-tab", "RLY-04", "/\t/evil.example/", "ignored"),
        ("04d-line-feed", "RLY-04", "/\n/evil.example/", "ignored"),
        ("04e-leading-space", "RLY-04", " //evil.example/", "ignored"),
        ("04f-dot-segments", "RLY-04", "/.//evil.example/", "ignored"),
        ("04g-dot-dot", "RLY-04", "/x/..//evil.example/", "ignored"),
        ("06-javascript", "RLY-06", "javascript:alert(1)", "ignored"),
        ("06b-data", "RLY-06", "data:text/html,<script>alert(1)</script>", "ignored"),
        ("06c-vbscript", "RLY-06", "vbscript:x", "ignored"),
        ("08-userinfo", "RLY-08", "https://sp.example.com@evil.example/", "ignored"),
        ("08b-suffix", "RLY-08", "https://sp.example.com.evil.example/", "ignored"),
        ("08c-port", "RLY-08", "https://sp.example.com:1@evil.example/", "ignored"),
        ("09-cr-lf", "RLY-09", "/ok\r\nSet-Cookie: a=b", "ignored"),
        ("09b-nul", "RLY-09", "/ok\0", "ignored"),
        ("10-markup", "RLY-10", '"><script>alert(1)</script>', "ignored"),
        ("12-encoded-slashes", "RLY-12", "/%2F%2Fevil.example", "ignored"),
        ("12b-encoded-backslash", "RLY-12", "/%5Cevil.example", "ignored"),
        ("12c-encoded-dots", "RLY-12", "/%2e%2e//evil.example", "ignored"),
        ("13-own-gateway-page", "RLY-12", "/saml/logout", "ignored"),
        ("13b-empty", "RLY-01", "", "ignored"),
        ("14-own-page", "RLY-01", "/reports?q=1", "page /reports?q=1"),
        ("14b-long", "RLY-01", "/" + "x" * 5000, "ignored"),
        ("15-gateway-page-by-detour", "RLY-12", "/x/../.samlgate/sign_out", "ignored"),
        ("15b-gateway-page-by-encoded-detour", "RLY-12", "/x/%2E%2e/.samlgate/sign_out", "ignored"),
        ("15c-gateway-page-by-dot", "RLY-12", "/./saml/logout", "ignored"),
        ("15d-gateway-page-by-encoded-dot", "RLY-12", "/%2e/saml/logout", "ignored"),
    ):
        body = f"SAMLResponse={text}&RelayState={quote_plus(state)}"
        family.add(
            path,
            f"RelayState is {state[:60]!r}",
            row,
            body,
            "accept",
            form="form",
            more=(("relay_state", taken_for),),
        )
