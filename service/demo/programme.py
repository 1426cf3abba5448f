"""Who is in the made-up programme, and what stands in their calendars. Data only; dates are counted from the day it is
made."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMME = "Open Doors"
BEN = "ben"  # his user name at the demo's own calendar server


@dataclass(frozen=True, slots=True)
class Someone:
    name: str
    email: str
    zone: str
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class Weekly:
    """An event that comes back every week: on which weekday (0 is Monday), from when to when on the owner's clock."""

    title: str
    weekday: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Away:
    """Whole days, counted from the day the programme is made; `free` ones do not take time."""

    title: str
    first_day: int
    days: int
    free: bool = False


@dataclass(frozen=True, slots=True)
class Diary:
    """One calendar of one person."""

    owner: Someone
    weekly: tuple[Weekly, ...]
    away: tuple[Away, ...] = ()


@dataclass(frozen=True, slots=True)
class Matter:
    """A date that matters to a mentee: in how many days (moved to `weekday`, if given), and when on their clock."""

    kind: str
    days: int
    at: str
    label: str
    weekday: int | None = None
    run_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """One that says how its owner will know is for the day of the talk; a draft says neither."""

    text: str
    worked_when: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A meeting that is over: on the best of those days, counted back from the day the programme is made, the last not
    included; what was asked, and what was agreed: the words, whose they are, due how many days later (None: before they
    meet again)."""

    session: str
    first_day: int
    last_day: int
    ask: str
    agreed: tuple[tuple[str, Someone, int | None], ...]
    reflection: str


@dataclass(frozen=True, slots=True)
class Two:
    mentee: Someone
    mentor: Someone
    place: str | None
    matter: Matter | None = None


ana = Someone("Ana Lima", "ana@example.org", "Europe/Lisbon")
ben = Someone("Ben Okafor", "ben@example.org", "America/New_York", "en_US")
chiara = Someone("Chiara Rossi", "chiara@example.org", "Europe/Rome")
dilip = Someone("Dilip Rao", "dilip@example.org", "Asia/Kolkata")
emma = Someone("Emma Lund", "emma@example.org", "Europe/Copenhagen")
farid = Someone("Farid Haddad", "farid@example.org", "Europe/London")
grace = Someone("Grace Kim", "grace@example.org", "Asia/Seoul")
hana = Someone("Hana Tan", "hana@example.org", "Pacific/Auckland")
iris = Someone("Iris Costa", "iris@example.org", "America/Sao_Paulo")
jonas = Someone("Jonas Weber", "jonas@example.org", "Europe/Zurich")
cleo = Someone("Cleo Park", "cleo@example.org", "Europe/Lisbon")  # who coordinates
maria = Someone("Maria Garcia", "maria@example.org", "America/Chicago", "en_US")

CONTACT = f"{cleo.name} <{cleo.email}>"
ANA_AND_BEN = Two(
    ana,
    ben,
    "Ben's video room, https://video.example.org/ben",
    Matter("presentation", 28, "15:00", "First talk in the group seminar", weekday=3, run_minutes=15),
)
EMMA_AND_FARID = Two(emma, farid, "Farid phones Emma", Matter("review", 24, "13:30", "Half-year review"))
JONAS_AND_MARIA = Two(jonas, maria, None)  # at their very start: paired, and nothing else
PAIRS: tuple[Two, ...] = (
    ANA_AND_BEN,
    Two(chiara, dilip, "https://video.example.org/dilip", Matter("interview", 16, "11:00", "Second round, Turin")),
    EMMA_AND_FARID,
    Two(grace, hana, "https://video.example.org/hana", Matter("exam", 30, "10:00", "Qualifying exam")),
    Two(iris, ben, "Ben's video room, https://video.example.org/ben", Matter("conversation", 12, "16:00", "The raise")),
    JONAS_AND_MARIA,
)

# What each answers alone; what is left out is the default. They differ in one thing, and so have one to talk about.
ANSWERS = (
    (ana, {"hope": "To speak without reading from my slides.", "day_word": "yes"}),
    (ben, {"hope": "To hear how a group looks from where you stand.", "cadence": "light", "pledge": "2"}),
)
KICK_OFF = Held(
    "kick-off", 29, 26, "How did you find out what you are good at?",
    (("Ask two people how their first talk went", ana, None), ("Send the list of open seminars", ben, 3)),
    "I talked more than I had planned. He asked, and waited.",
)  # fmt: skip
GOALS = (
    Goal("Give the seminar talk without reading it out", "I look at people more than at my slides"),
    Goal("Say no to one thing a month"),
)
SHAPE = Held(
    "shape", 9, 5,
    "How do you prepare a talk when you have never given one? And what was your own first one like?",
    (("Write the talk's message in one sentence and send it", ana, 14),
     ("Look for the slides of my own first talk", ben, 14)),
    "He was nervous too. I had not expected that, and it helped more than the advice.",
)  # fmt: skip

BENS_WORK = Diary(
    ben,
    (
        Weekly("Group leaders", 0, "09:00", "10:30"),
        Weekly("Open door", 1, "09:00", "10:00"),
        Weekly("Lecture: statistical physics", 2, "10:00", "11:00"),
        Weekly("Lecture: statistical physics", 3, "09:00", "11:00"),
        Weekly("Faculty meeting", 4, "09:00", "10:00"),
        Weekly("Reading group", 1, "14:00", "16:00"),
    ),
    (Away("Review panel", 9, 2),),
)
BENS_HOME = Diary(ben, (Weekly("Choir", 3, "19:00", "21:00"),), (Away("Zora's birthday", 15, 1, free=True),))

FEEDS: dict[str, Diary] = {
    "ana": Diary(
        ana,
        (
            Weekly("Lab meeting", 0, "10:00", "12:00"),
            Weekly("Department seminar", 2, "14:00", "15:00"),
            Weekly("Teaching", 3, "09:30", "11:00"),
            Weekly("Cake", 4, "14:00", "15:00"),
        ),
        (Away("Rita visits", 20, 3, free=True),),
    ),
    "dilip": Diary(
        dilip,
        (
            Weekly("Stand-up", 0, "14:00", "14:30"),
            Weekly("Design review", 2, "13:00", "15:00"),
            Weekly("School run", 4, "15:30", "16:30"),
        ),
        (Away("Pune", 5, 2),),
    ),
}
