"""Which proxy leads to a host, as the environment says.

aiohttp can ask the environment itself, with ``trust_env``; it does so for every request, in a thread, after it has
looked for ``.netrc`` in another, and that takes longer than the request.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_of(url: str) -> str | None:
    """URL of the proxy that leads to a URL's host, or ``None`` where it is reached without one.

    Args:
        url: Where to.

    Source: ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` as ``urllib.request`` reads them, and aiohttp by it.
    """
    parts = urlsplit(url)
    found = getproxies().get(parts.scheme)
    return found if found and not proxy_bypass(parts.hostname or "") else None
