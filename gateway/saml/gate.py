"""What is let in at all: looked at before any library of SAML or XML Security sees it.

What passes has one shape: one assertion in one place, signatures that can only mean their parent,
algorithms of a short list, and no place where anything else could hide.
"""

import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass

from gateway.domain.judging import Unacceptable
from gateway.saml import xml
from gateway.saml.grammar import GRAMMAR, OPEN, is_protected
from gateway.saml.names import (
    ASSERTION,
    CANONICALISATIONS,
    CBC,
    DIGESTS,
    DS,
    ENCRYPTED_ASSERTION,
    ENCRYPTED_KEY,
    ENVELOPED,
    EXC_C14N,
    GCM,
    INCLUSIVE_NAMESPACES,
    KEY_INFO,
    OAEP,
    OAEP_DIGESTS,
    OAEP_MASKS,
    OAEP_MGF1P,
    SAMLP,
    SIGNATURE,
    SIGNATURES,
    SUCCESS,
    XENC,
    XENC11,
    tag,
)
from gateway.saml.xml import Element

BASE64_SIZE = xml.SIZE // 3 * 4 + 16_384
"""Characters of a message in base64, line ends included."""

_ID = re.compile(r"[A-Za-z_][\w.-]{0,254}", re.ASCII)
_PREFIXES = re.compile(r"[\w .#-]{0,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """A tree that the gate let in; `signatures` are those of the root and of the assertion."""

    root: Element
    assertion: Element | None
    encrypted: Element | None
    signatures: tuple[Element, ...]


def decoded(field: str, size: int = BASE64_SIZE) -> bytes:
    """Return the bytes of a base64 field: the plain alphabet, padded, line ends allowed.

    :raises Unacceptable: it is none, or too long.
    """
    if len(field) > size:
        raise Unacceptable("malformed", f"{len(field)} characters, at most {size}")
    try:
        return base64.b64decode(field.replace("\r", "").replace("\n", ""), validate=True)
    except (ValueError, binascii.Error):
        raise Unacceptable("malformed", "not base64") from None


def response(document: bytes, *, plain: bool = False, allow_cbc: bool = False) -> Message:
    """Let in a Response with one assertion; `plain` is after decryption, when none is left.

    :raises Unacceptable: it has another shape, or the provider answers with an error.
    """
    message = _let_in(document, tag(SAMLP, "Response"))
    _require_success(message.root)
    if (message.assertion is None) == (message.encrypted is None):
        raise Unacceptable("malformed", "not exactly one assertion")
    if message.encrypted is not None:
        if plain:
            raise Unacceptable("malformed", "encrypted twice")
        _check_encryption(message.encrypted, allow_cbc=allow_cbc)
    return message


def logout(document: bytes, name: str) -> Message:
    """Let in a LogoutRequest or LogoutResponse.

    :raises Unacceptable: it has another shape.
    """
    return _let_in(document, tag(SAMLP, name))


def status_of(root: Element) -> str:
    """Return the status codes of a message as one line, empty for plain success.

    A success that a second code takes back is none.
    """
    codes = [str(node.get("Value", "")) for node in root.iter(tag(SAMLP, "StatusCode"))]
    return "" if codes == [SUCCESS] else " / ".join(code.rpartition(":")[2] for code in codes)


# -- inside -----------------------------------------------------------------------


def _let_in(document: bytes, name: str) -> Message:
    root = xml.parse(document)
    if root.tag != name:
        raise Unacceptable("malformed", f"the root is {root.tag}")
    ids: Counter[str] = Counter()
    _walk(root, ids)
    for node in (root, *root.iterchildren(ASSERTION)):
        if not _ID.fullmatch(node.get("ID", "")):
            raise Unacceptable("malformed", f"{node.tag} has no proper ID")
    twice = [value for value, times in ids.items() if times > 1]
    if twice or "" in ids:
        raise Unacceptable("malformed", f"the ID {twice[:1]} is not unique")
    signatures = tuple(root.iter(SIGNATURE))
    for signature in signatures:
        _check_signature(signature)
    return Message(root, root.find(ASSERTION), root.find(ENCRYPTED_ASSERTION), signatures)


def _walk(root: Element, ids: Counter[str]) -> None:
    """Hold every element to the grammar, without recursion; collect everything called an ID."""
    waiting: list[tuple[Element, frozenset[str] | None]] = [(root, None)]
    while waiting:
        node, freed = waiting.pop()
        ids.update(
            str(value) for key, value in node.attrib.items() if _local(str(key)).lower() == "id"
        )
        name = str(node.tag)
        if freed is None and name not in OPEN:
            _check_children(node, name)
            waiting += [(child, None) for child in node]
            continue
        allowed = OPEN[name] if freed is None else freed
        for child in node:
            if name == KEY_INFO and child.tag == ENCRYPTED_KEY and _in_encrypted(node):
                waiting.append((child, None))
            elif is_protected(str(child.tag)) and child.tag not in allowed:
                raise Unacceptable("malformed", f"{child.tag} inside {name}")
            else:
                waiting.append((child, allowed))


def _check_children(node: Element, name: str) -> None:
    counts = Counter(str(child.tag) for child in node)
    allowed = GRAMMAR.get(name, {})
    for child, count in counts.items():
        if count > allowed.get(child, (0, 0))[1]:
            raise Unacceptable("malformed", f"{count} × {child} inside {name}")
    for child, (least, _) in allowed.items():
        if counts[child] < least:
            raise Unacceptable("malformed", f"no {child} inside {name}")
    if allowed and xml.stray_text(node):
        raise Unacceptable("malformed", f"text between the elements of {name}")


def _in_encrypted(key_info: Element) -> bool:
    parent = key_info.getparent()
    return parent is not None and parent.tag == tag(XENC, "EncryptedData")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _require_success(root: Element) -> None:
    said = status_of(root)
    if said:
        raise Unacceptable("provider_refused", said)


def _check_signature(signature: Element) -> None:
    # The grammar has seen to it that each of these parts is there once.
    parts = {str(node.tag): node for node in signature.iterfind(f"{tag(DS, 'SignedInfo')}//*")}
    canonical = parts[tag(DS, "CanonicalizationMethod")]
    if canonical.get("Algorithm") not in CANONICALISATIONS:
        raise Unacceptable("algorithm_refused", f"canonicalisation {canonical.get('Algorithm')}")
    method = parts[tag(DS, "SignatureMethod")]
    if method.get("Algorithm") not in SIGNATURES:
        raise Unacceptable("algorithm_refused", f"signature {method.get('Algorithm')}")
    digest = parts[tag(DS, "DigestMethod")]
    if digest.get("Algorithm") not in DIGESTS:
        raise Unacceptable("algorithm_refused", f"digest {digest.get('Algorithm')}")
    reference = parts[tag(DS, "Reference")]
    parent = signature.getparent()
    own = "" if parent is None else parent.get("ID", "")
    if not own or reference.get("URI") != f"#{own}":
        raise Unacceptable("malformed", "a signature refers to something else than its parent")
    _check_transforms([node.get("Algorithm", "") for node in parts[tag(DS, "Transforms")]])
    for prefixes in signature.iter(INCLUSIVE_NAMESPACES):
        _check_prefixes(prefixes)


def _check_transforms(algorithms: list[str]) -> None:
    """Take the signature out, then canonicalise: nothing else, in no other order."""
    if algorithms[0] != ENVELOPED or not set(algorithms[1:]) <= CANONICALISATIONS:
        raise Unacceptable("algorithm_refused", f"transforms {', '.join(algorithms)}")


def _check_prefixes(prefixes: Element) -> None:
    parent = prefixes.getparent()
    method = "" if parent is None else parent.get("Algorithm", "")
    proper = _PREFIXES.fullmatch(prefixes.get("PrefixList", ""))
    if not method.startswith(EXC_C14N) or not proper or len(prefixes.attrib) > 1:
        raise Unacceptable("algorithm_refused", "a transform with content")


def _check_encryption(encrypted: Element, *, allow_cbc: bool) -> None:
    keys = list(encrypted.iter(ENCRYPTED_KEY))
    if len(keys) != 1:
        raise Unacceptable("encryption_refused", f"{len(keys)} encrypted keys")
    content = encrypted.find(f"{tag(XENC, 'EncryptedData')}")
    content_method = _method(content)
    algorithm = content_method.get("Algorithm", "")
    if algorithm not in GCM and not (allow_cbc and algorithm in CBC):
        raise Unacceptable("encryption_refused", f"content {algorithm}")
    if content is not None and content.get("Type", f"{XENC}Element") != f"{XENC}Element":
        raise Unacceptable("encryption_refused", f"type {content.get('Type')}")
    _check_key_transport(_method(keys[0]))


def _check_key_transport(method: Element) -> None:
    transport = method.get("Algorithm", "")
    if transport not in (OAEP_MGF1P, OAEP):
        raise Unacceptable("encryption_refused", f"key transport {transport}")
    for node in method.iter(tag(DS, "DigestMethod")):
        if node.get("Algorithm") not in OAEP_DIGESTS:
            raise Unacceptable("encryption_refused", f"digest {node.get('Algorithm')}")
    for node in method.iter(tag(XENC11, "MGF")):
        if transport != OAEP or node.get("Algorithm") not in OAEP_MASKS:
            raise Unacceptable("encryption_refused", f"mask {node.get('Algorithm')}")


def _method(node: Element | None) -> Element:
    found = None if node is None else node.find(tag(XENC, "EncryptionMethod"))
    if found is None:
        raise Unacceptable("malformed", "no encryption method")
    return found
