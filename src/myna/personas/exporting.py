"""A persona as a file that others can use, and its picture."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from myna.core.errors import BadInput
from myna.personas.cards.card import Card, Version, as_version, picture_of, read_card, read_card_file, write_card
from myna.personas.cards.limits import LARGEST_FILE
from myna.personas.cards.persona import card_of
from myna.personas.cards.picture import AVATAR_PIXELS, redraw
from myna.personas.model import Persona
from myna.personas.reading import Written
from myna.personas.toml_text import persona_toml

ExportFormat: TypeAlias = Literal["json", "png", "charx", "toml"]

MEDIA_TYPES: Mapping[ExportFormat, str] = {
    "json": "application/json",
    "png": "image/png",
    "charx": "application/zip",
    "toml": "application/toml",
}


def export(persona: Persona, written: Written | None, form: ExportFormat, version: Version | None = None) -> bytes:
    """``persona`` as a file.

    A card that was imported comes out as it came in, in whatever form; what a TOML file sets on top of it stays behind.
    Any other persona becomes a card of version 3. As TOML it is all that the persona is now.

    Args:
        persona: Who.
        written: Where it is written; None for one that comes with Myna.
        form: The kind of file.
        version: The version of the specification; None leaves a card as it is.

    Raises:
        BadInput: The card is gone or damaged, or does not fit into the form or the version.
    """
    if form == "toml":
        if version is not None:
            raise BadInput("TOML has no versions of cards.", hint="Leave the version out, or export a card.")
        return persona_toml(persona).encode()
    card = card_as_kept(persona, written)
    return write_card(card if version is None else as_version(card, version), form)


def card_as_kept(persona: Persona, written: Written | None) -> Card:
    """The card that ``persona`` is made of, with all that it brought; else one that is made of the persona."""
    if written is not None and written.card is not None:
        return read_card_file(written.card)
    card = card_of(persona)
    picture = avatar(written)
    if picture is None:
        return card
    return Card(card.document, picture)


def avatar(written: Written | None) -> bytes | None:
    """The picture of a persona, small and drawn anew, as PNG; None where its avatar is an emoji.

    Raises:
        BadInput: There is a picture, and it cannot be read.
    """
    if written is None:
        return None
    if (path := written.picture) is not None:
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise BadInput(f"The picture {path.name} is too large.", hint="Make it smaller.")
            return redraw(path.read_bytes(), path.name, longest_side=AVATAR_PIXELS)
        except OSError as error:
            raise BadInput(f"The picture {path.name} cannot be read: {error.strerror}.") from error
    if written.card is None:
        return None
    return picture_of(read_card_file(written.card), longest_side=AVATAR_PIXELS)


def imported(data: bytes, what: str) -> Card:
    """The card in a file from somebody else, its picture drawn anew, so that nothing else of it is kept.

    Raises:
        BadCard: It is none, or is damaged; see `read_card`.
    """
    card = read_card(data, what)
    picture = redraw(card.picture, what) if card.picture is not None else None
    return Card(card.document, picture, card.files, card.notes)
