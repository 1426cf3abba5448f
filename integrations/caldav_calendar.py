"""A CalDAV account: found from an address, a host or a URL; read by time range, only when something changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from integrations.http import GuardedHttp, Login, Response, check, host_of, join
from integrations.several import ask_each, left
from service.domain.busy import read_busy_all
from service.domain.errors import AdapterError
from service.ports import BusyReading, CalendarRef, Fetched, ReadRequest, SyncMark, Wanted

MOST_BYTES = 32 * 1024 * 1024
DAY = timedelta(days=1)
AT_ONCE = 4  # while somebody waits; else one after another, since many of these servers are small
APPLE = ".icloud.com"
# What one address may answer although the account is at another.
ELSEWHERE_PERHAPS = frozenset({"not_found", "unexpected_status", "forbidden", "not_caldav", "redirect_elsewhere"})
DAV, CAL, SERVER = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"

PRINCIPAL = b'<d:propfind xmlns:d="DAV:"><d:prop><d:current-user-principal/><d:resourcetype/></d:prop></d:propfind>'
HOME = (
    b'<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    b"<d:prop><c:calendar-home-set/></d:prop></d:propfind>"
)
CALENDARS = (
    b'<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:resourcetype/><d:displayname/>'
    b"<c:supported-calendar-component-set/><c:schedule-calendar-transp/></d:prop></d:propfind>"
)
STATE = (
    b'<d:propfind xmlns:d="DAV:" xmlns:s="http://calendarserver.org/ns/">'
    b"<d:prop><d:sync-token/><s:getctag/></d:prop></d:propfind>"
)
QUERY = (
    '<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><c:calendar-data/></d:prop>'
    '<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">'
    '<c:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>'
    "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
)


class CalDav:
    """ports.BusyCalendar over one account (RFC 4791, 6764, 6578). The login goes to the first host only."""

    def __init__(self, http: GuardedHttp, url: str, username: str | None, password: str | None) -> None:
        self._http = http
        self._start, found = _start_url(url)
        username = username or found
        self._login = Login(username, password or "") if username else None

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """The calendars of the first address that leads to some. What stands at the others is forgiven: the front page
        of a host is often a web site, and only its well-known address a calendar server."""
        deadline = monotonic() + timeout.total_seconds()
        faults: list[AdapterError] = []
        for address in self._candidates():
            try:
                found = self._from(self._propfind(address, PRINCIPAL, "0", deadline), deadline)
            except AdapterError as fault:
                if fault.code not in ELSEWHERE_PERHAPS:
                    raise
                faults.append(fault)
            else:
                if found:
                    return found
        told = [fault for fault in faults if fault.code not in {"not_found", "unexpected_status"}]
        if told:
            raise told[0]
        raise AdapterError("no_calendars", permanent=True, host=urlsplit(self._start).hostname)

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        """None when the collection's sync-token or ctag is what it was; else one calendar-query for the window."""
        deadline = monotonic() + timeout.total_seconds()
        token = self._state(calendar.key, deadline)  # before the read: what changes in between is seen next time
        if mark is not None and token is not None and token == mark.sync_token:
            return None
        # Days and bare times have no place for the server, which may take them for UTC's: they begin up to 14 hours
        # earlier or end up to 12 hours later for their owner.
        body = QUERY.format(start=request.window.start - DAY, end=request.window.end + DAY).encode()
        response = self._send("REPORT", calendar.key, body, "1", deadline)
        spans, own, partial = read_busy_all(_resources_in(_multistatus(response)), request)
        return BusyReading(spans, own, partial, SyncMark(sync_token=token))

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        deadline = monotonic() + timeout.total_seconds()
        at_once = AT_ONCE if request.live else 1
        return ask_each(wanted, lambda each: self.fetch(each[0], request, each[1], left(deadline)), at_once)

    def _candidates(self) -> list[str]:
        """RFC 6764 5: what was given, then the well-known address of its host."""
        return [self._start, join(self._start, "/.well-known/caldav"), join(self._start, "/")]

    def _from(self, response: Response, deadline: float) -> tuple[CalendarRef, ...]:
        """The calendars that are reached from an address: itself, its children, or those of its principal's home."""
        tree = _multistatus(response)
        principal = _href_in(tree, f"{DAV}current-user-principal", response.url)
        homes = [response.url]
        if principal is not None:
            home = _href_in(
                _multistatus(self._propfind(principal, HOME, "0", deadline)), f"{CAL}calendar-home-set", principal
            )
            homes.insert(0, home or principal)
        for home in homes:
            listed = self._propfind(home, CALENDARS, "1", deadline)
            found = tuple(_calendars_in(_multistatus(listed), listed.url))
            if found:
                return found
        return ()

    def _state(self, url: str, deadline: float) -> str | None:
        tree = _multistatus(self._propfind(url, STATE, "0", deadline))
        for name in (f"{DAV}sync-token", f"{SERVER}getctag"):
            found = next((element.text for element in tree.iter(name) if element.text), None)
            if found:
                return found
        return None

    def _propfind(self, url: str, body: bytes, depth: str, deadline: float) -> Response:
        return self._send("PROPFIND", url, body, depth, deadline)

    def _send(self, method: str, url: str, body: bytes, depth: str, deadline: float) -> Response:
        if not _same_account(self._start, url):
            first, other = urlsplit(self._start).hostname, urlsplit(url).hostname
            raise AdapterError("redirect_elsewhere", permanent=True, host=first, other=other)
        headers = {"Depth": depth, "Content-Type": "application/xml; charset=utf-8"}
        left = timedelta(seconds=max(0.001, deadline - monotonic()))
        response = check(
            self._http.fetch(
                method, url, timeout=left, headers=headers, body=body, login=self._login, most_bytes=MOST_BYTES,
                same_host=True,
            )
        )  # fmt: skip
        if response.status != 207:
            raise AdapterError("not_caldav", permanent=True, host=urlsplit(url).hostname)
        return response


def _same_account(start: str, url: str) -> bool:
    """Whether the login may go there: to the host that it was given for. Apple alone keeps calendars on others of its
    own (caldav.icloud.com names p34-caldav.icloud.com; November 2026)."""
    first, here = host_of(start), host_of(url)
    return first == here or (first.endswith(APPLE) and here.endswith(APPLE))


def _start_url(given: str) -> tuple[str, str | None]:
    """The URL to begin at, and the user name that an address (ana@example.org) carries."""
    given = given.strip()
    if "://" in given:
        return given, None
    if "@" in given and "/" not in given:
        return f"https://{given.rpartition('@')[2]}/", given
    return f"https://{given}" if "/" in given else f"https://{given}/", None


def _multistatus(response: Response) -> Element:
    """The answer as XML, read without entities or DTDs: it comes from a server that somebody named."""
    try:
        tree: Element = fromstring(response.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as fault:
        raise AdapterError("not_caldav", permanent=True, host=urlsplit(response.url).hostname) from fault
    if tree.tag != f"{DAV}multistatus":
        raise AdapterError("not_caldav", permanent=True, host=urlsplit(response.url).hostname)
    _check_itself(tree, response.url)
    return tree


def _check_itself(tree: Element, url: str) -> None:
    """Raises AdapterError when a 207 says of the very address that was asked that it failed (RFC 4918 9.1, 13).
    Xandikos 0.4 answers PROPFIND so for a calendar that is gone, Radicale 3.9 with a plain 404 (November 2026)."""
    for resource in tree.iter(f"{DAV}response"):
        status = (resource.findtext(f"{DAV}status") or "").split()[1:2]
        href = join(url, resource.findtext(f"{DAV}href", "").strip())
        if status and status[0].isdecimal() and _path(href) == _path(url):
            check(Response(int(status[0]), {}, b"", url))


def _path(url: str) -> str:
    """RFC 4918 5.2: a collection is the same with its last slash and without."""
    return unquote(urlsplit(url).path).rstrip("/")


def _href_in(tree: Element, name: str, base: str) -> str | None:
    for element in tree.iter(name):
        href = element.find(f"{DAV}href")
        if href is not None and href.text:
            return join(base, href.text.strip())
    return None


def _resources_in(tree: Element) -> Iterator[bytes]:
    """The calendar objects of a report. Raises AdapterError when one is missing: what was not sent would look free.
    One that has gone meanwhile (404, RFC 6578 3.5) is missed by nobody."""
    for resource in tree.iter(f"{DAV}response"):
        data = resource.findtext(f".//{CAL}calendar-data") or ""
        status = (resource.findtext(f"{DAV}status") or "").split()
        if data.strip():
            yield data.encode()
        elif "404" not in status and "410" not in status:
            raise AdapterError("incomplete", permanent=False)  # 507: the server's own limit (RFC 4791 7.8)


def _calendars_in(tree: Element, base: str) -> Iterator[CalendarRef]:
    for resource in tree.iter(f"{DAV}response"):
        href = resource.findtext(f"{DAV}href", "").strip()
        kinds = resource.find(f".//{DAV}resourcetype")
        if not href or kinds is None or kinds.find(f"{CAL}calendar") is None:
            continue
        components = {comp.get("name") for comp in resource.iter(f"{CAL}comp")}
        if components and "VEVENT" not in components:
            continue
        transparent = resource.find(f".//{CAL}schedule-calendar-transp/{CAL}transparent") is not None
        subscribed = kinds.find(f"{SERVER}subscribed") is not None  # somebody else's: holidays, a team's matches
        name = resource.findtext(f".//{DAV}displayname") or href.rstrip("/").rpartition("/")[2]
        yield CalendarRef(key=join(base, href), name=name, counts=not (transparent or subscribed))
