"""Words that may sound like a judgment, and what to say instead: a mentor's helper, which never blocks and keeps
nothing."""

from __future__ import annotations

import re

# Each rule's words are in the catalogue under `wording.<its key>`. The order is that of the page.
_RULES = {
    "should": r"\byou (?:really |just )?(?:should(?:n['’]t)?|ought to|must(?:n['’]t)?|have to|need to)\b",
    "why": r"\bwhy (?:did|do|are|were|have|would|could)(?:n['’]t)? you\b|\bwhy did you not\b",
    "always": r"\byou (?:always|never)\b",
    "in_your_place": r"\bif I were you\b|\bin your (?:place|shoes)\b",
    "i_would_never": r"\bI would(?:n['’]t| never| not)\b|\bI['’]d never\b",
    "obviously": r"\bobviously\b|\bof course you\b|\bsimply\b|\bit['’]s easy\b",
    "person": r"\byou(?:['’]re| are) (?:too |so |not )?(?:good|bad|lazy|weak|slow|wrong|shy|careless|disorganised)\b",
}
RULES = {key: re.compile(pattern, re.IGNORECASE) for key, pattern in _RULES.items()}


def heard(text: str) -> list[tuple[str, str]]:
    """The words that a rule heard and the rule's key, each rule once, as they stand in the text."""
    found = [(match.start(), match.group(), key) for key, rule in RULES.items() if (match := rule.search(text))]
    return [(said, key) for _, said, key in sorted(found)]
