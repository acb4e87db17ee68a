"""Names, titles and departments from which a simulated directory is drawn.

**Invariant:** a draw depends on its seed and its position alone, so that two runs, and two
machines, meet the same people.
"""

import hashlib
import unicodedata

GIVEN = (
    "Aigerim", "Alina", "Amara", "Anders", "Aruzhan", "Beatriz", "Björn", "Camille", "Carlos",
    "Chiara", "Chloé", "Dana", "Daniyar", "David", "Diego", "Elena", "Emeka", "Erlan", "Esther",
    "Farah", "Fatima", "Felix", "Grace", "Hana", "Henrik", "Hiroshi", "Ibrahim", "Ingrid", "Ivan",
    "Jakub", "Jasmine", "João", "Johanna", "Karim", "Katarzyna", "Kenji", "Lars", "Leila", "Liam",
    "Łucja", "Madina", "Maya", "Marek", "Mei", "Miguel", "Nadia", "Niamh", "Noah", "Olga", "Omar",
    "Paula", "Priya", "Rahul", "Renée", "Samuel", "Saule", "Sofia", "Søren", "Tariq", "Timur",
    "Tomáš", "Valentina", "Yerlan", "Yusuf", "Zoë",
)  # fmt: skip
FAMILY = (
    "Abenov", "Adeyemi", "Alvarez", "Andersson", "Bauer", "Becker", "Bianchi", "Boateng", "Brandt",
    "Castro", "Chen", "Cohen", "Costa", "Dubois", "Eriksen", "Fernández", "Fischer", "Fontaine",
    "García", "Greene", "Haddad", "Hansen", "Hoffmann", "Iskakova", "Ivanova", "Jansen", "Kang",
    "Kapoor", "Kim", "Kowalska", "Kumar", "Laurent", "Lindqvist", "Lopes", "Mancini", "Markovic",
    "Mensah", "Meyer", "Murphy", "Müller", "Nakamura", "Nguyen", "Novák", "O'Brien", "Okafor",
    "Omarova", "Papadopoulos", "Patel", "Pereira", "Petrov", "Quinn", "Reyes", "Rossi", "Sadykova",
    "Santos", "Sato", "Schneider", "Seitkali", "Silva", "Singh", "Sørensen", "Tanaka", "Taylor",
    "Van Dijk", "Wójcik", "Yildiz", "Zhang",
)  # fmt: skip
DEPARTMENTS = (
    "Support", "Sales", "Engineering", "Marketing", "Finance", "People", "Product", "Design",
    "Legal", "Operations", "Security", "Success",
)  # fmt: skip
REGIONS = ("EU", "US", "APAC", "LATAM", "MENA", "Nordics", "DACH", "Central Asia")
TITLES = (
    "Specialist", "Senior Specialist", "Analyst", "Team Lead", "Director", "Coordinator", "Partner",
)  # fmt: skip

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STUBBORN = str.maketrans({"ø": "o", "ł": "l", "Ø": "O", "Ł": "L", "ß": "ss"})


def draw(seed: str, *position: object) -> int:
    """Return the large number that belongs to this seed and position, always the same one."""
    text = ":".join([seed, *(str(part) for part in position)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def okta_id(seed: str, kind: str, number: int) -> str:
    """Return an id in Okta's form: a type prefix such as `00u` and seventeen letters or digits."""
    value, letters = draw(seed, kind, number), []
    for _ in range(17):
        value, rest = divmod(value, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return kind + "".join(letters)


def mailbox(given: str, family: str) -> str:
    """Return the ASCII local part of a person's address: `Zoë`, `Van Dijk` → `zoe.vandijk`."""
    return f"{_ascii(given)}.{_ascii(family)}"


def group_name(number: int) -> str:
    """Return the name of the nth group: departments first, then each in its regions."""
    departments = len(DEPARTMENTS)
    if number < departments:
        return DEPARTMENTS[number]
    round_, place = divmod(number - departments, departments)
    cycle, region = divmod(round_, len(REGIONS))
    name = f"{DEPARTMENTS[place]} {REGIONS[region]}"
    return f"{name} {cycle + 1}" if cycle else name


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.translate(_STUBBORN))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())
