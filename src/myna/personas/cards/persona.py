"""What a card says of a persona, and what a persona is as a card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from myna.core.errors import BadCard, BadInput
from myna.personas.cards.book import book_notes, lorebook_of, raw_of
from myna.personas.cards.card import Card, JSONObject
from myna.personas.cards.dialogue import read_dialogue
from myna.personas.cards.json_text import as_list, as_object, plain_text
from myna.personas.cards.language import guess_language
from myna.personas.cards.limits import LONGEST_JSON, LONGEST_NAME, LONGEST_TEXT, MOST_EXAMPLES, MOST_GREETINGS
from myna.personas.cards.macros import ORIGINAL, Names, unfilled
from myna.personas.model import Persona
from myna.text.neutral import neutralise

USER = {"zh": "用户", "en": "User"}
"""Whom the character talks with, as long as nobody says who that is."""
VOICES = {"zh": "zf_xiaobei", "en": "af_heart"}
AVATAR = "🎭"

OWN = "myna"
"""Our part of a card's ``extensions``."""
OWN_FIELDS = ("language", "avatar", "language_hints", "acknowledgements", "emotions", "voice", "llm")
"""What is taken from there. Not the tools: a card from somebody else must not choose what it may run."""

_LABELS = {
    "zh": {"personality": "{char}的性格：", "scenario": "场景：", "lines": "{char}会这样说话："},
    "en": {"personality": "{char}'s personality: ", "scenario": "Scenario: ", "lines": "{char} talks like this:"},
}


def persona_fields(card: Card, *, user: str | None = None, greeting: int | None = None) -> dict[str, Any]:
    """The fields of the persona that ``card`` describes, all but its id.

    Args:
        card: The card.
        user: What ``{{user}}`` becomes.
        greeting: Which greeting is the first: 0 the card's own, 1 the first of the alternate ones.

    Raises:
        BadCard: A text or a list of it is longer than a persona's can be.
        BadInput: There is no such greeting.
    """
    data = card.data
    own = as_object(_tidy(_own(data)))
    language = str(own.get("language") or _language(data))
    chinese = language.startswith("zh")
    name = _name(data, "name")
    if not name:
        raise BadCard("The card has no name.", hint="Write one into its field `name`.")
    names = Names.of(_name(data, "nickname") or name, user or USER["zh" if chinese else "en"], name)
    labels = {part: label.replace("{char}", names.char) for part, label in _LABELS["zh" if chinese else "en"].items()}
    filling = _Filling(names)
    fill = filling.fill
    greetings = [fill(text) for text in (_text(data, "first_mes"), *_texts(data, "alternate_greetings"))]
    if greeting is not None:
        if not 0 <= greeting < len(greetings):
            raise BadInput(f"The card has no greeting {greeting}.", hint=f"It has 0 to {len(greetings) - 1}.")
        greetings.insert(0, greetings.pop(greeting))
    dialogue = read_dialogue(_text(data, "mes_example"), names)
    lines = [filling.kept(line) for line in dialogue.lines[:MOST_EXAMPLES]]
    pairs = [(filling.kept(asked), filling.kept(said)) for asked, said in dialogue.pairs[:MOST_EXAMPLES]]
    return {
        "name": name,
        "language": language,
        "avatar": AVATAR,
        "voice": {"voice": VOICES["zh" if chinese else "en"]},
        "greeting": greetings[0],
        "greetings": [text for text in greetings[1:] if text.strip()],
        "system_prompt": _prompt(data, filling, lines, labels),
        "reminder": _reminder(data, fill),
        "examples": [{"user": asked, "assistant": said} for asked, said in pairs],
        "lorebook": lorebook_of(data.get("character_book"), fill),
        "about": {
            "creator": _text(data, "creator")[:LONGEST_NAME],
            "version": _text(data, "character_version")[:LONGEST_NAME],
            "notes": _text(data, "creator_notes"),
            "tags": [tag for text in _texts(data, "tags") if (tag := text.strip()[:LONGEST_NAME])],
        },
        **{field: value for field, value in own.items() if field in OWN_FIELDS},
    }


def card_notes(card: Card) -> tuple[str, ...]:
    """What is odd about a card, and what of it is kept but not used, a sentence each."""
    data = card.data
    used = [_text(data, field) for field in ("description", "personality", "scenario", "first_mes", "system_prompt")]
    macros = dict.fromkeys(macro for text in used for macro in unfilled(text))
    dialogue = read_dialogue(_text(data, "mes_example"), Names("{{char}}", "{{user}}"))
    scripts = bool(as_object(data.get("extensions")).get("regex_scripts"))
    notes = [*card.notes, *(f"{macro[:60]} is left as it stands." for macro in macros)]
    if len(dialogue.pairs) > MOST_EXAMPLES:
        notes.append(f"Of its {len(dialogue.pairs)} examples the first {MOST_EXAMPLES} are used.")
    if scripts:
        notes.append("Its regex_scripts are kept and never run.")
    if card.files:
        notes.append(f"Its {len(card.files)} files are kept; none but its picture is ever opened.")
    return (*notes, *book_notes(data.get("character_book")))


def card_of(persona: Persona) -> Card:
    """``persona`` as a card of version 3. Its tools stay behind; what a card has no field for is in its extensions."""
    spoken = "".join(
        f"<START>\n{{{{user}}}}: {each.user}\n{{{{char}}}}: {each.assistant}\n" for each in persona.examples
    )
    own = persona.model_dump(mode="json", include=set(OWN_FIELDS), exclude_none=True)
    data: JSONObject = {
        "name": persona.name,
        "description": "",
        "personality": "",
        "scenario": "",
        "first_mes": persona.greeting,
        "mes_example": spoken,
        "creator_notes": persona.about.notes,
        "system_prompt": persona.system_prompt,
        "post_history_instructions": persona.reminder,
        "alternate_greetings": list(persona.greetings),
        "tags": list(persona.about.tags),
        "creator": persona.about.creator,
        "character_version": persona.about.version,
        "extensions": {OWN: own},
        "group_only_greetings": [],
    }
    if persona.lorebook is not None:
        data["character_book"] = raw_of(persona.lorebook)
    return Card({"spec": "chara_card_v3", "spec_version": "3.0", "data": data})


def _prompt(data: Mapping[str, Any], filling: "_Filling", lines: list[str], labels: Mapping[str, str]) -> str:
    def labelled(label: str, text: str) -> str:
        return labels[label] + text if text else ""

    parts = [
        filling.kept(filling.names.fill(_text(data, "system_prompt"))).strip() or ORIGINAL,
        filling.fill(_text(data, "description")).strip(),
        labelled("personality", filling.fill(_text(data, "personality")).strip()),
        labelled("scenario", filling.fill(_text(data, "scenario")).strip()),
        labelled("lines", "".join(f"\n{line}" for line in lines)),
    ]
    return "\n".join(part for part in parts if part)


def _reminder(data: Mapping[str, Any], fill: Callable[[str], str]) -> str:
    """What is to stand near the end of every prompt: instructions after the history, and SillyTavern's note."""
    note = as_object(as_object(data.get("extensions")).get("depth_prompt"))
    texts = (_text(data, "post_history_instructions"), _text(note, "prompt"))
    return "\n".join(filled for text in texts if (filled := fill(text).strip()))


@dataclass(slots=True)
class _Filling:
    """Makes texts of the card the model's: macros filled, and nothing in them that a chat template takes for a role."""

    names: Names
    left: int = LONGEST_JSON

    def fill(self, text: str) -> str:
        """``text`` with its macros filled, as `kept`; the configured prompt is meant in a system prompt alone."""
        return self.kept(self.names.fill(text).replace(ORIGINAL, ""))

    def kept(self, filled: str) -> str:
        """A text as the model is given it.

        Raises:
            BadCard: Macros made it, or all of them together, longer than texts of a card may be.
        """
        self.left -= len(filled)
        if len(filled) > LONGEST_TEXT or self.left < 0:
            raise BadCard(
                f"With its macros filled a text of the card has more than {LONGEST_TEXT:,} characters, or all of them"
                f" have more than {LONGEST_JSON:,}.",
                hint="Take macros out of it.",
            )
        return neutralise(filled)


def _tidy(value: object) -> object:
    """A value of our own part of a card, its texts without control characters and marks of roles."""
    match value:
        case str():
            return neutralise(plain_text(value))
        case dict():
            return {_tidy(name): _tidy(each) for name, each in cast("JSONObject", value).items()}
        case list():
            return [_tidy(each) for each in cast("list[Any]", value)]
        case _:
            return value


def _own(data: Mapping[str, Any]) -> JSONObject:
    return as_object(as_object(data.get("extensions")).get(OWN))


def _language(data: Mapping[str, Any]) -> str:
    return guess_language(*(_text(data, field) for field in ("first_mes", "description", "mes_example", "name")))


def _name(data: Mapping[str, Any], field: str) -> str:
    return neutralise(" ".join(_text(data, field).split())[:LONGEST_NAME])


def _text(data: Mapping[str, Any], field: str) -> str:
    return _clean(data.get(field), field)


def _texts(data: Mapping[str, Any], field: str) -> list[str]:
    texts = as_list(data.get(field))
    if len(texts) > MOST_GREETINGS:
        raise BadCard(
            f"The card has {len(texts)} {field}, and at most {MOST_GREETINGS} are used.", hint="Take some out."
        )
    return [_clean(text, field) for text in texts]


def _clean(raw: object, field: str) -> str:
    text = plain_text(raw)
    if len(text) > LONGEST_TEXT:
        raise BadCard(
            f"The card's {field} has {len(text):,} characters, and at most {LONGEST_TEXT:,} are used.",
            hint="Shorten it.",
        )
    return text
