"""libxml2 itself, by ctypes: reads documents from stdin and answers with canonical bytes.

One process for thousands of documents. A question is one line and the document:

    METHOD APEX HIDDEN PREFIXES LENGTH\n DOCUMENT

METHOD is exclusive, 1.0 or 1.1; APEX the number of the element (in document order, from 1) whose
subtree is written; HIDDEN that of an element to leave out, or 0; PREFIXES the PrefixList with
commas, or "-". The answer is "ok LENGTH\n" and the bytes, or "error LENGTH\n" and the reason.

lxml would be simpler, but canonicalises copies of subtrees, which have lost the namespaces that
are declared around them. These node-sets are what xmlsec1 uses too.
"""
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p


def load():
    for name in ("libxml2.so.2", "libxml2.so.16", "libxml2.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    sys.exit("libxml2 is not installed")


class NodeSet(ctypes.Structure):
    _fields_ = [("count", c_int), ("room", c_int), ("nodes", POINTER(c_void_p))]


class XPathObject(ctypes.Structure):
    _fields_ = [("type", c_int), ("nodes", POINTER(NodeSet))]


xml = load()
xml.xmlReadMemory.restype = c_void_p
xml.xmlReadMemory.argtypes = [c_char_p, c_int, c_char_p, c_char_p, c_int]
xml.xmlXPathNewContext.restype = c_void_p
xml.xmlXPathNewContext.argtypes = [c_void_p]
xml.xmlXPathFreeContext.argtypes = [c_void_p]
xml.xmlXPathEvalExpression.restype = POINTER(XPathObject)
xml.xmlXPathEvalExpression.argtypes = [c_char_p, c_void_p]
xml.xmlXPathFreeObject.argtypes = [POINTER(XPathObject)]
xml.xmlC14NDocDumpMemory.argtypes = [
    c_void_p, POINTER(NodeSet), c_int, POINTER(c_char_p), c_int, POINTER(c_void_p),
]
xml.xmlFreeDoc.argtypes = [c_void_p]
# What it complains about is in the answer; nothing goes to stderr.
SILENT = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)(lambda *_: None)
xml.xmlSetStructuredErrorFunc(None, SILENT)
xml_free = ctypes.CFUNCTYPE(None, c_void_p).in_dll(xml, "xmlFree")

QUIET = 32 | 64  # XML_PARSE_NOERROR, XML_PARSE_NOWARNING
NO_NETWORK = 2048
# It takes no namespace name that is not an absolute URI by RFC 3986.
REFUSED = (b"error", b"namespace name")
METHODS = {"1.0": 0, "exclusive": 1, "1.1": 2}


def answer(method, apex, hidden, prefixes, document):
    doc = xml.xmlReadMemory(document, len(document), None, None, QUIET | NO_NETWORK)
    if not doc:
        return b"error", b"not well-formed"
    context = xml.xmlXPathNewContext(doc)
    nodes = xml.xmlXPathEvalExpression(selection(apex, hidden).encode(), context)
    out = c_void_p()
    length = xml.xmlC14NDocDumpMemory(
        doc, nodes.contents.nodes, METHODS[method], prefix_array(prefixes), 0, byref(out)
    )
    result = (b"ok", ctypes.string_at(out, length)) if length >= 0 else REFUSED
    if out:
        xml_free(out)
    xml.xmlXPathFreeObject(nodes)
    xml.xmlXPathFreeContext(context)
    xml.xmlFreeDoc(doc)
    return result


def selection(apex, hidden):
    """The subtree of the one without that of the other: nodes, attributes, namespaces."""
    top = f"(//*)[{apex}]/descendant-or-self::"
    if hidden:
        out = f"(//*)[{hidden}]/descendant-or-self::node()"
        kept = f"[count(. | {out}) != count({out})]"
    else:
        kept = ""
    return f"{top}node(){kept} | {top}*{kept}/@* | {top}*{kept}/namespace::*"


def prefix_array(prefixes):
    if prefixes == "-":
        return None
    names = [name.encode() for name in prefixes.split(",")]
    return (c_char_p * (len(names) + 1))(*names, None)


def main():
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while line := stdin.readline():
        method, apex, hidden, prefixes, length = line.decode().split()
        document = stdin.read(int(length))
        verdict, data = answer(method, int(apex), int(hidden), prefixes, document)
        stdout.write(b"%s %d\n%s" % (verdict, len(data), data))
        stdout.flush()


main()
