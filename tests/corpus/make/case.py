"""The writer of .case files; tests/it/corpus/case.rs is the reader."""

import base64
import dataclasses
import inspect
import pathlib

from keys import SAML

MARK = "# Made by tests/corpus/make/"


@dataclasses.dataclass
class Case:
    """One file. `path` is relative to tests/corpus/saml and has no ending."""

    path: str
    title: str
    row: str
    body: object  # str or bytes
    expect: str  # "accept" or "refuse CODE|CODE"
    kind: str = "response"
    form: str = "xml"  # xml | base64 | form | query
    idp: str = "corp"
    at: str = "2026-11-21T12:00:00Z"
    in_response_to: str = "_request"
    unsolicited: bool = False
    set: tuple = ()
    decrypt_key: tuple = ()
    signed: str = None
    name_id: str = None
    format: str = None
    session_index: str = None
    attributes: tuple = ()  # (name, value) pairs, one for each value
    expand: bool = False
    more: tuple = ()  # (key, value) pairs of other header lines
    note: str = None  # a comment for the reader

    def __post_init__(self):
        self.maker = next(
            pathlib.Path(frame.filename).name
            for frame in inspect.stack()[1:]
            if pathlib.Path(frame.filename).name not in ("case.py", "attack.py", "<string>", "dataclasses.py")
        )

    def data(self):
        """The file's bytes."""
        lines = [f"{MARK}cases/{self.maker}"]
        if self.note:
            lines += [f"# {line}" for line in self.note.splitlines()]
        put = lambda key, value: value is not None and lines.append(f"{key}: {value}")
        put("title", self.title)
        put("row", self.row)
        put("kind", self.kind)
        put("body", self.form)
        put("idp", self.idp)
        put("at", self.at)
        if self.unsolicited:
            put("unsolicited", "yes")
        elif self.kind == "response":
            put("in_response_to", self.in_response_to)
        for setting in self.set:
            put("set", setting)
        for key in self.decrypt_key:
            put("decrypt_key", key)
        put("signed", self.signed)
        if self.expand:
            put("expand", "yes")
        for key, value in self.more:
            put(key, value)
        put("expect", self.expect)
        put("name_id", self.name_id)
        put("format", self.format)
        put("session_index", self.session_index)
        for key, value in self.attributes:
            put("attribute", quote(f"{key} = {value}"))
        for line in lines:
            assert "\n" not in line, line
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return "\n".join(lines).encode() + b"\n---\n" + body + b"\n"


def quote(text):
    """Header values are one line: control characters are written as in Rust, `\\u{d}`."""
    odd = lambda c: c == "\\" or ord(c) < 32 or ord(c) == 127
    return "".join(f"\\u{{{ord(c):x}}}" if odd(c) else c for c in text)


def as_base64(xml, wrap=None, eol="\r\n"):
    """The message as the form field has it, `body: base64`."""
    data = xml.encode() if isinstance(xml, str) else xml
    text = base64.b64encode(data).decode()
    if wrap:
        text = eol.join(text[at : at + wrap] for at in range(0, len(text), wrap)) + eol
    return text


def write(cases):
    """Writes all, and removes what an earlier run made and this one does not."""
    written = set()
    for case in cases:
        path = SAML / f"{case.path}.case"
        assert path not in written, f"{case.path} twice"
        written.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != case.data():
            path.write_bytes(case.data())
    for path in SAML.rglob("*.case"):
        if path not in written and path.read_bytes().startswith(MARK.encode()):
            path.unlink()
    return len(written)
