"""What a request brings to an address: each parameter once, of bounded length."""

from werkzeug.datastructures import MultiDict

from gateway.domain.judging import Unacceptable

LONGEST = 4_096


def single(values: MultiDict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those of the named parameters that came; RFC 6749 §3.1 lets none come twice.

    :raises Unacceptable: one came twice, or is too long.
    """
    for name in names:
        if len(values.getlist(name)) > 1:
            raise Unacceptable("malformed", f"{name} more than once")
    sent = {name: values[name] for name in names if name in values}
    if any(len(value) > LONGEST for value in sent.values()):
        raise Unacceptable("malformed", "a parameter is too long")
    return sent
