"""Whether messages are as the OASIS schemas say: those that come with pysaml2.

In: documents, with a NUL behind each. Out: a line for each, "ok" or the first thing that is wrong.
"""
import io
import pathlib
import sys

import saml2.data.schemas
from saml2.xml.schema import _create_xml_schema_validator

FOLDER = pathlib.Path(saml2.data.schemas.__path__[0])
envelope = _create_xml_schema_validator(str(FOLDER / "envelope.xsd"))
message = _create_xml_schema_validator()

for document in sys.stdin.buffer.read().split(b"\0")[:-1]:
    text = document.decode()
    validator = envelope if text.startswith("<soap:") else message
    errors = [str(error.reason) for error in validator.iter_errors(io.StringIO(text))]
    if validator is envelope and "<soap:Fault>" not in text:
        # The envelope's schema lets everything into the Body.
        inner = text[text.index("<soap:Body>") + len("<soap:Body>") : text.index("</soap:Body>")]
        errors += [str(error.reason) for error in message.iter_errors(io.StringIO(inner))]
    print(" ".join(errors[0].split()) if errors else "ok")
