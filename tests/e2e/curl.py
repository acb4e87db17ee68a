"""The few things of curl that the tutorials use, for a machine that has none."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

FLAGS = {"-s", "-sS", "--fail-with-body"}


def parsed(words: Iterator[str]) -> tuple[str, str, dict[str, str], bytes | None, set[str]]:
    """Return URL, method, headers, body and the rest of the options."""
    url, method, headers, body, others = "", "", dict[str, str](), None, set[str]()
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(words)
        elif word == "-d":
            body = next(words).encode()
        elif word in ("-o", "-w"):
            others.add(f"{word} {next(words)}")
        elif word not in FLAGS:
            url = word
    return url, method or ("POST" if body else "GET"), headers, body, others


def main() -> int:
    """Send one request; print its answer, or its status where that is asked for."""
    url, method, headers, body, others = parsed(iter(sys.argv[1:]))
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        status, content = refusal.code, refusal.read()
    if any(other.startswith("-w") for other in others):
        sys.stdout.write(f"{status}\n")
        return 0
    sys.stdout.write(content.decode())
    return 22 if status >= 400 else 0


if __name__ == "__main__":
    sys.exit(main())
