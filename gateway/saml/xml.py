"""Bytes become a tree only here, within bounds that keep every later step cheap.

What the bounds stop is named in `docs/explanation/sign-in-threats.md`.
"""

import re
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from typing import Any, TypeAlias

from lxml import etree

from gateway.domain.judging import Unacceptable

Element: TypeAlias = Any
"""An element of a tree; the parser comes without types."""

SIZE = 256 * 1024
ELEMENTS = 6_000
DEPTH = 40
ATTRIBUTES = 24
"""Attributes of one element."""

ATTRIBUTES_IN_ALL = 12_000
"""Attributes of all elements: canonicalising sorts each element's, once for each signature."""

IN_SCOPE = 64
"""Namespaces declared around one place."""

PREFIXES = 24_000
"""Namespaces declared around all elements, added up: what canonicalising costs."""

_DECLARATION = re.compile(rb"<\?xml\s[^<>]{0,100}?\?>")
_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([^"']*)["']""")
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY", b"<!--", b"<?")
_EVENTS = ("start-ns", "start", "end", "comment", "pi")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a document may be; `bare` refuses comments and processing instructions."""

    size: int = SIZE
    elements: int = ELEMENTS
    bare: bool = True


MESSAGE = Bounds()


def parse(document: bytes, bounds: Bounds = MESSAGE) -> Element:
    """Return the root of a document in UTF-8 without DOCTYPE.

    :raises Unacceptable: it is no such document, or beyond the bounds.
    """
    if not document or len(document) > bounds.size:
        raise Unacceptable("malformed", f"{len(document)} bytes, at most {bounds.size}")
    body = _body(document)
    for forbidden in _FORBIDDEN if bounds.bare else _FORBIDDEN[:2]:
        if forbidden in body:
            raise Unacceptable("malformed", f"contains {forbidden.decode()}")
    # Each element costs at least one "<": the parser need not see what is too much anyway.
    if body.count(b"<") > 2 * bounds.elements + 2:
        raise Unacceptable("malformed", f"more than {bounds.elements} elements")
    try:
        return _tree(body, bounds)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unacceptable("malformed", f"not well formed: {error}") from None


def _body(document: bytes) -> bytes:
    """Return the document without byte order mark and XML declaration, as proper UTF-8."""
    body = document.removeprefix(b"\xef\xbb\xbf")
    declaration = _DECLARATION.match(body)
    if declaration:
        encoding = _ENCODING.search(declaration.group())
        if encoding and encoding.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii"):
            raise Unacceptable("malformed", "not said to be UTF-8")
        body = body[declaration.end() :]
    try:
        body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Unacceptable("malformed", "not UTF-8") from None
    if b"\0" in body:
        # UTF-16 and UTF-32 without a mark look like this, and the parser would guess them.
        raise Unacceptable("malformed", "not UTF-8")
    return body


def _tree(body: bytes, bounds: Bounds) -> Element:
    events = etree.iterparse(
        BytesIO(body),
        events=_EVENTS,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=not bounds.bare,
        remove_pis=not bounds.bare,
    )
    bounds_kept = _Walk(bounds)
    for event, node in events:
        bounds_kept.saw(event, node)
    root: Element = events.root
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unacceptable("malformed", "contains a DOCTYPE")
    return root


@dataclass(slots=True)
class _Walk:
    """Counts while the parser reads, so that it stops reading at the first bound."""

    bounds: Bounds
    elements: int = 0
    attributes: int = 0
    prefixes: int = 0
    new: int = 0
    declared: list[int] = field(default_factory=lambda: [0])

    def saw(self, event: str, node: Any) -> None:
        if event == "start":
            self._start(node)
        elif event == "end":
            self.declared.pop()
        elif event == "start-ns":
            self.new += 1
        elif self.bounds.bare:
            raise Unacceptable("malformed", f"contains a {event}")

    def _start(self, node: Element) -> None:
        self.elements += 1
        self.declared.append(self.declared[-1] + self.new)
        self.prefixes += self.declared[-1]
        self.attributes += len(node.attrib)
        self.new = 0
        share = self.bounds.elements / ELEMENTS
        if self.elements > self.bounds.elements:
            raise Unacceptable("malformed", f"more than {self.bounds.elements} elements")
        if len(self.declared) > DEPTH + 1:
            raise Unacceptable("malformed", f"deeper than {DEPTH} elements")
        if len(node.attrib) > ATTRIBUTES:
            raise Unacceptable("malformed", f"more than {ATTRIBUTES} attributes of one element")
        if self.attributes > ATTRIBUTES_IN_ALL * share:
            raise Unacceptable("malformed", "too many attributes in all")
        if self.declared[-1] > IN_SCOPE or self.prefixes > PREFIXES * share:
            raise Unacceptable("malformed", "too many namespaces are declared")


def text(node: Element | None) -> str:
    """Return all text of an element that has no children, empty where there is none."""
    return "" if node is None else str(node.text or "")


def stray_text(node: Element) -> bool:
    """Whether there is text between the children of an element."""
    between: Any = chain((node.text,), (child.tail for child in node))
    return any(part and not str(part).isspace() for part in between)


def serialised(node: Element) -> bytes:
    """Return an element as UTF-8 bytes without declaration."""
    return bytes(etree.tostring(node, encoding="utf-8", xml_declaration=False, with_tail=False))
