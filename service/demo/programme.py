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
PAIRS: tuple[Two, ...] = (
    ANA_AND_BEN,
    Two(chiara, dilip, "https://video.example.org/dilip", Matter("interview", 16, "11:00", "Second round, Turin")),
    EMMA_AND_FARID,
    Two(grace, hana, "https://video.example.org/hana", Matter("exam", 30, "10:00", "Qualifying exam")),
    Two(iris, ben, "Ben's video room, https://video.example.org/ben", Matter("conversation", 12, "16:00", "The raise")),
    Two(jonas, maria, None),
)

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
    "jonas": Diary(jonas, (Weekly("Clinic", 1, "13:00", "17:00"), Weekly("Journal club", 3, "16:00", "17:00"))),
}
