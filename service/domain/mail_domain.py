"""What a domain's DNS says about mail in its name: SPF, DKIM and DMARC, judged from their text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_RSA = 140  # octets of a 1024-bit RSAPublicKey; verifiers take no shorter key (RFC 8301 3.2)
POLICIES = ("none", "quarantine", "reject")
RESERVED = frozenset({"localhost", "test", "invalid", "example"})  # RFC 6761: nobody outside knows these


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` as the doctor says it: well, look or broken. `code` is the end of the sentence's key."""

    state: str
    code: str
    policy: str = ""


def is_reserved(domain: str) -> bool:
    return domain.rpartition(".")[2].lower() in RESERVED


def spf(texts: Sequence[str]) -> Finding:
    """RFC 7208. Whether the mail server is among those named cannot be told from here: it may send from any address."""
    records = [text.lower().split() for text in texts if text.lower().split()[:1] == ["v=spf1"]]
    if not records:
        return Finding("look", "missing")
    if len(records) > 1:
        return Finding("broken", "several")  # 4.5: a permanent error, as if there were none
    terms = records[0]
    if {"all", "+all"} & set(terms):
        return Finding("look", "anyone")
    if {"-all", "~all"} & set(terms) or any(term.startswith("redirect=") for term in terms):
        return Finding("well", "there")
    return Finding("look", "open")  # 4.7: without a match the answer is neutral


def dkim(texts: Sequence[str]) -> Finding:
    """RFC 6376 3.6.1: the public key at a selector."""
    records = [tags for text in texts if "p" in (tags := _tags(text))]
    if not records:
        return Finding("broken", "missing")
    tags = records[0]
    if not tags["p"]:
        return Finding("broken", "revoked")
    try:
        key = base64.b64decode("".join(tags["p"].split()), validate=True)
    except binascii.Error:
        return Finding("broken", "damaged")
    if tags.get("k", "rsa") == "rsa" and len(key) < SHORTEST_RSA:
        return Finding("broken", "short")
    return Finding("well", "there")


def dmarc(texts: Sequence[str]) -> Finding | None:
    """RFC 7489 6.3; None where there is no record, so that the domain above may have one."""
    records = [text for text in texts if _tags(text).get("v") == "DMARC1"]
    if not records:
        return None
    policy = _tags(records[0]).get("p", "").lower()
    if len(records) > 1:
        return Finding("broken", "several")  # 6.6.3: as if there were none
    return Finding("well", "there", policy) if policy in POLICIES else Finding("broken", "damaged")


def dmarc_names(domain: str) -> list[str]:
    """Where a record for this domain may stand, nearest first: its own, then the domains above it (RFC 7489 6.6.3),
    without the top one."""
    labels = domain.split(".")
    return ["_dmarc." + ".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]


def _tags(text: str) -> dict[str, str]:
    """`v=DMARC1; p=none` as a dict; what is no tag is left out."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}
