"""What somebody wrote above the mail that they answer, and what it says where that is plain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from email.message import Message
from html.parser import HTMLParser

from service.domain.received import leaves
from service.domain.said_date import day_at_start
from service.domain.typed import clean

LONGEST_TEXT, MOST_LINES = 20_000, 400  # of what is looked at
LONGEST_ATTRIBUTION = 300
LONGEST_POINT = 300  # a point of an agenda is a line or two; a letter waits for its author
# Where the quoted mail begins when no line of it is marked: a rule, or the old mail's own headers (Outlook).
RULE = re.compile(
    r"(?i)^\s*(_{10,}|-{2,}\s*(original message|forwarded message|urspr[üu]ngliche nachricht|message d.origine"
    r"|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|oprindelig meddelelse"
    r"|ursprungligt meddelande|исходное сообщение|元のメッセージ)\s*-*)\s*$"
)
OLD_HEAD = re.compile(r"(?i)^\s*\*?(from|von|de|da|van|fra|fr[åa]n|od|от|发件人|差出人)\s?[:：]\*?\s.*[@<\[]")
# "On Tuesday Ana wrote:" in any language: a line that ends in a colon and holds an address, a clock or a year.
ATTRIBUTION = re.compile(r".*(@|\d{1,2}[:.h]\d{2}|\b20\d\d\b|年).*[:：]\s*$")
SIGNATURE = re.compile(
    r"(?i)^(--\s?|(sent|gesendet|envoy[ée]|enviado|inviato|verzonden|sendt|skickat|wysłano|отправлено)\b.{0,60}"
    r"|von meinem .{0,30} gesendet|get outlook for .*|.*から送信)\s*$"
)
STOP = frozenset(
    {
        "stop",
        "unsubscribe",
        "stop mails",
        "stop emails",
        "stop writing",
        "no more mails",
        "no more emails",
        "please stop",
        "remove me",
        "abmelden",
        "abbestellen",
        "stopp",
        "bitte keine mails mehr",
        "désabonner",
        "se désabonner",
        "arrêter",
        "baja",
        "darme de baja",
        "parar",
        "descadastrar",
        "cancellami",
        "disiscrivimi",
        "afmelden",
        "uitschrijven",
        "avsluta",
        "avregistrera",
        "wypisz",
        "отписаться",
        "стоп",
    }
)
ABOUT_AN_AGENDA = re.compile(
    r"(?i)(?:\b(?:talk about|discuss|go (?:over|through)|agenda|add|bring up|cover|besprechen|sprechen|reden|thema"
    r"|tagesordnung|parler de|discuter|aborder|ordre du jour|hablar|tratar|agenda|orden del d[ií]a|falar|discutir"
    r"|parlare|discutere|bespreken|praten|hebben over|snakke|prata|om[óo]wi|porozmawia|обсудить|поговорить)\b)"
)
ABOUT_THE_TIME = re.compile(
    r"(?i)\b(move|reschedule|postpone|cancel|another (?:day|time)|can.?t make|late|verschieben|absagen|anderer termin"
    r"|reporter|annuler|d[ée]caler|aplazar|cancelar|mover|adiar|remarcar|rimandare|spostare|annullare|verzetten|afzeggen"
    r"|flytte|flytta|avlyse|prze[łn][oó][żs]|odwo[łl]|перенести|отменить)\b"
)
STATES = {
    "done": "done|finished|did it|erledigt|fertig|gemacht|fait|terminé|hecho|listo|terminado|feito|pronto|fatto|gedaan"
    "|klaar|gjort|ferdig|klar|zrobione|gotowe|сделано|готово",
    "moving": "moving|under way|in progress|working on it|in arbeit|bin dran|en cours|en curso|em andamento|in corso"
    "|bezig|pågår|w toku|в процессе",
    "stuck": "stuck|blocked|hänge fest|komme nicht weiter|bloqué|coincé|atascada?o?|bloqueado|bloccat[oa]|vast|fast"
    "|utknęł[ae]m|застрял[а]?",
    "renegotiated": "renegotiate|let.?s change|neu verhandeln|renégocier|renegociar|rinegoziare|heronderhandelen",
}
STATE = {state: re.compile(rf"(?i)^(?:{words})(?![\w-])[\s,.;:!–-]*") for state, words in STATES.items()}


# Of something agreed, to another day; without a day after it, it could be about anything.
MOVED = re.compile(
    r"(?i)^(?:(?:i.?m )?(?:moving|moved|postponed|pushing|pushed|delayed)(?: it| this)?|(?:ich )?verschiebe(?: es)?"
    r"|verschoben|verlegt|(?:je )?reporte|report[ée]e?|d[ée]cal[ée]e?|(?:lo )?aplazo|aplazad[oa]|pospuest[oa]|movid[oa]"
    r"|adiad[oa]|adio"
    r"|rimandat[oa]|rimando|spostat[oa]|verzet|verschoven|uitgesteld|flytt(?:er|et|ar|at)|utsatt|przesuwam|przesuni[ęe]te"
    r"|prze[łl]o[żz]one|переношу|перенес(?:ено|ла|у)|延期)(?![\w-])[\s,.;:!–-]*"
)
NOT_HAPPENED = re.compile(
    r"(?i)^(?:it (?:did not|didn.t) happen|(?:the|our) meeting (?:did not|didn.t) (?:happen|take place)"
    r"|we (?:did not|didn.t) meet|es hat nicht stattgefunden|es fand nicht statt|das treffen (?:fand nicht statt|ist"
    r" ausgefallen)|wir haben uns nicht getroffen|(?:[çc]a|cela) n.a pas eu lieu"
    r"|(?:nous ne nous sommes|on ne s.est) pas vus?"
    r"|no (?:tuvo lugar|se hizo|nos reunimos|nos vimos)|n[ãa]o (?:aconteceu|nos encontr[áa]mos|nos reunimos)"
    r"|non (?:ha avuto luogo|c.[èe] stato|ci siamo vist[ie]|ci siamo incontrat[ie])|(?:het is|is) niet doorgegaan"
    r"|we hebben elkaar niet (?:gezien|gesproken)|det blev inte av|vi tr[äa]ffades inte|det ble ikke noe av"
    r"|vi m[øo]ttes ikke|nie odby[łl]o si[ęe]|nie spotka[łl](?:y[śs]my|i[śs]my) si[ęe]|(?:встреча )?не состоял[ао]сь"
    r"|мы не встретились)\s*(?=[.,;:!(–\n-]|$)"
)
BULLET = re.compile(r"^\s*(?:[-*•–·]|\d{1,2}[.)])\s+")
# A line that is for the reader and no promise.
POLITE = re.compile(
    r"(?i)^\s*(?:hi|hey|hello|dear|good (?:morning|evening)|thanks?|thank you|cheers|best|kind regards|regards|yours"
    r"|yes|no|ok(?:ay)?|great|good|nothing|hallo|liebe[rs]?|guten|danke|vielen dank|gru[ßs]"
    r"|(?:viele|liebe|beste) gr[üu]|ja|nein|nichts|bonjour|bonsoir|ch[èe]re?|merci|bien [àa]|cordialement|oui|non|rien"
    r"|hola|querid[oa]|estimad[oa]|gracias|saludos|s[íi]|nada|ol[áa]|car[oa]|obrigad[oa]|abra[çc]o|sim|ciao|buongiorno|grazie|saluti|niente|dag"
    r"|beste|bedankt|dank|groet|niets|hei|hej|takk?|tack|hilsen|h[äa]lsningar|cze[śs][ćc]|dzi[ęe]k|pozdrawiam|tak|nie|привет"
    r"|здравствуй|спасибо|да|нет)(?![\w-])"
)
MOST_PROMISES = 20


@dataclass(frozen=True, slots=True)
class About:
    """What the mail was about that is answered, and on which day its reader answers.

    `agenda`: "asked" when it asked for points, "open" while the meeting is ahead, else empty. `over`: the meeting is.
    `asked_what`: it asked what the two agreed, and nothing was noted. `month_first`: the reader writes 3/5 in March.
    """

    today: date
    agenda: str = ""
    over: bool = False
    asked_what: bool = False
    month_first: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply says where that is plain: `what` is stop, a state of a commitment, point, promises, not_happened or
    unsure; `text` the rest."""

    what: str
    text: str = ""
    due_on: date | None = None
    lines: tuple[str, ...] = ()


def own_words(message: Message) -> str:
    """The text above what is quoted, without the signature, whatever language its mail program speaks."""
    lines = _text(message)[:LONGEST_TEXT].splitlines()[:MOST_LINES]
    kept: list[str] = []
    for at, line in enumerate(lines):
        if line.lstrip().startswith((">", "＞")) or RULE.match(line) or OLD_HEAD.match(line) or SIGNATURE.match(line):
            break
        if _attributes(lines, at):
            break
        kept.append(line)
    return clean("\n".join(kept))


def understood(text: str, about: About) -> Said:
    """Nothing is guessed: what could be meant otherwise is unsure."""
    bare = re.sub(r"[\s.!,]+", " ", text).strip().lower()
    if bare in STOP:
        return Said("stop")
    if about.over:
        return _of_the_past(text, about)
    short = len(text) <= LONGEST_POINT and text.count("\n") <= 2 and not ABOUT_THE_TIME.search(text)
    if any(begins.match(text) for begins in STATE.values()):
        return Said("unsure", text)  # a point, or what became of something agreed before
    asked = about.agenda == "asked" or (about.agenda == "open" and ABOUT_AN_AGENDA.search(text))
    return Said("point", " ".join(text.split())) if text and short and asked else Said("unsure", text)


def promises_in(text: str) -> tuple[str, ...]:
    """One a line."""
    return tuple(BULLET.sub("", line).strip() for line in text.splitlines() if line.strip())


def _of_the_past(text: str, about: About) -> Said:
    """What became of the meeting, of something agreed, or what was agreed."""
    if NOT_HAPPENED.match(text):
        return Said("not_happened")
    moved = MOVED.match(text)
    to = day_at_start(text[moved.end() :], about.today, month_first=about.month_first) if moved is not None else None
    if to is not None:
        return Said("moving", to[1], to[0])
    for state, begins in STATE.items():
        found = begins.match(text)
        if found is not None:
            return Said(state, text[found.end() :].strip())
    lines = [line for line in text.splitlines() if line.strip()]
    promises = promises_in(text)
    bulleted = all(BULLET.match(line) for line in lines)
    plain = about.asked_what and not any(POLITE.match(line) or line.rstrip().endswith(("?", ",")) for line in lines)
    fits = 1 <= len(lines) <= MOST_PROMISES and all(0 < len(line) <= LONGEST_POINT for line in promises)
    return Said("promises", lines=promises) if fits and (bulleted or plain) else Said("unsure", text)


def _attributes(lines: list[str], at: int) -> bool:
    """Whether this line, with up to two that follow it, introduces a quotation; some programs mark no line of it, and
    some leave an empty line between."""
    if not lines[at].strip():
        return False
    for more in range(min(3, len(lines) - at)):
        last = lines[at + more]
        if more and (not last.strip() or ATTRIBUTION.match(last)):
            return False  # what stands above it is somebody's own
        told = " ".join(lines[at : at + more + 1])
        if len(told) <= LONGEST_ATTRIBUTION and ATTRIBUTION.match(told):
            rest = next((line for line in lines[at + more + 1 :] if line.strip()), ">")
            return more == 0 or rest.lstrip().startswith((">", "＞"))
    return False


def _text(message: Message) -> str:
    found: dict[str, str] = {}
    for leaf in leaves(message):
        kind = leaf.get_content_type()
        if kind in {"text/plain", "text/html"} and kind not in found and not leaf.get_filename():
            payload = leaf.get_payload(decode=True)
            found[kind] = _decoded(payload, str(leaf.get_param("charset") or "")) if isinstance(payload, bytes) else ""
    if found.get("text/plain", "").strip() or "text/html" not in found:
        return found.get("text/plain", "")
    return _Shown.of(found["text/html"])


def _decoded(payload: bytes, charset: str) -> str:
    try:
        return payload.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


class _Shown(HTMLParser):
    """The text of a mail that was written in HTML alone, up to what it quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.over, self._hidden = False, 0

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        parser.feed(html[: 10 * LONGEST_TEXT])
        return "".join(parser.kept)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = " ".join(value or "" for name, value in attrs if name in {"class", "id"}).lower()
        if tag == "blockquote" or "gmail_quote" in about or "divrplyfwdmsg" in about or "appendonsend" in about:
            self.over = True
        self._hidden += tag in {"style", "script", "head", "title"}
        if tag in {"br", "p", "div", "tr", "li"}:
            self.kept.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "script", "head", "title"} and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self.over and not self._hidden:
            self.kept.append(" ".join(data.split()) if data.strip() else "")
