"""A character card, kept whole: its JSON as it came, its picture and the files that it brought.

Character Card V1 is a flat object of six texts; V2 (``spec`` is ``chara_card_v2``) and V3 (``chara_card_v3``) keep them
under ``data``, with more. What a version does not know is left where it stands.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from myna.core.errors import BadCard, BadInput
from myna.personas.cards.charx import read_charx, write_charx
from myna.personas.cards.json_text import Parsed, as_list, as_object, parse_json, write_json
from myna.personas.cards.limits import LARGEST_FILE, LARGEST_MEMBER, MB
from myna.personas.cards.picture import blank, redraw
from myna.personas.cards.png import LONGEST_KEYWORD, SIGNATURE, read_png, write_png

JSONObject: TypeAlias = dict[str, Any]
Version: TypeAlias = Literal[1, 2, 3]
Format: TypeAlias = Literal["json", "png", "charx"]

FORMATS: tuple[Format, ...] = ("json", "png", "charx")
V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")

_V3_CHUNK, _CHUNK, _FILE_CHUNK = "ccv3", "chara", "chara-ext-asset_:"
_KEYWORDS = re.compile(rf"(?s){_V3_CHUNK}|{_CHUNK}|{_FILE_CHUNK}.+")
_EMBEDDED = re.compile(r"(?:embeded|embedded)://|__asset:")
"""How a card names a file that it brings; the first is how the specification spells it."""


class NoCard(BadCard):
    """A whole picture or text that is something else than a card."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        document: All of its JSON.
        picture: That of the PNG file that it came in, which is not safe to show: `picture_of` is.
        files: What it brought besides, by path; never looked into.
        notes: What was odd about it, a sentence each.
    """

    document: JSONObject
    picture: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> Version:
        """Which specification it follows. One that is newer than all that we know is read as V3."""
        if not isinstance(self.document.get("data"), dict):
            return 1
        return 2 if self.document.get("spec") in ("chara_card_v2", None) else 3

    @property
    def data(self) -> JSONObject:
        """Where its texts are."""
        return self.document if self.version == 1 else cast("JSONObject", self.document["data"])


def read_card(data: bytes, what: str, *, whole: bool = True) -> Card:
    """The card in a JSON, PNG or CHARX file; which of them it is shows in the bytes. ``what`` names it to the user.

    Args:
        data: The file.
        what: Its name.
        whole: Whether the files that it brings are wanted; else they are told as empty.

    Raises:
        NoCard: It is something else.
        BadCard: It is damaged, or larger than cards are.
    """
    if len(data) > LARGEST_FILE:
        raise BadCard(f"{what} is {len(data) / MB:.0f} MB, and at most {LARGEST_FILE // MB} MB are read.")
    form = form_of(data)
    if form == "png":
        return _from_png(data, what)
    if form == "charx":
        text, files = read_charx(data, what, whole=whole)
        picture = files.pop(_PICTURE_PATH, None) if _PICTURE_PATH.encode() not in text else None  # we put it there
        return _card(parse_json(text, f"The card in {what}"), what, picture=picture, files=files)
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        raise NoCard(f"{what} is no character card.", hint="Cards are JSON, PNG or CHARX files.")
    return _card(parse_json(data, what), what)


def form_of(data: bytes) -> Format:
    """What kind of file it is, if it is a card. An archive may hide behind a JPEG picture."""
    if data.startswith(SIGNATURE):
        return "png"
    if data.startswith(b"PK") or (data.startswith(b"\xff\xd8") and b"PK\x05\x06" in data[-70_000:]):
        return "charx"
    return "json"


def read_card_file(path: Path, *, whole: bool = True) -> Card:
    """The card in a file; raises `BadCard` as `read_card` does, also when there is no such file."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadCard(f"{path} is too large for a card: at most {LARGEST_FILE // MB} MB are read.")
        return read_card(path.read_bytes(), str(path), whole=whole)
    except OSError as error:
        raise BadCard(f"The card {path} cannot be read: {error.strerror}.") from error


def write_card(card: Card, form: Format) -> bytes:
    """``card`` as a file: its JSON as it is, its picture drawn anew, and the files that it brought as they are.

    As JSON it goes without its picture and its files.

    Raises:
        BadInput: The form has no room for something.
    """
    text = write_json(card.document, readable=form == "json")
    match form:
        case "json":
            return text + b"\n"
        case "charx":
            return write_charx(text, _with_picture(card))
        case "png":
            texts = [(_V3_CHUNK, _encoded(text))] if card.version == 3 else []
            older = as_version(card, 2) if card.version == 3 else card  # for programs that know no V3
            texts.append((_CHUNK, _encoded(write_json(older.document))))
            texts += [(_keyword(path), base64.b64encode(content)) for path, content in card.files.items()]
            name = str(card.data.get("name"))
            own = redraw(card.picture, name[:80]) if card.picture is not None else picture_of(card)
            return write_png(own or blank(name), texts)


def as_version(card: Card, version: Version) -> Card:
    """``card`` as another version of the specification. Nothing is left out.

    Raises:
        BadInput: It is to become V1, which has no room for what newer cards hold.
    """
    if card.version == version:
        return card
    if version == 1:
        raise BadInput(
            f"A card of version {card.version} does not fit into version 1.", hint="Export it as version 2 or 3."
        )
    outer, data = dict(card.document), dict(card.data)
    if card.version == 1:
        defaults: JSONObject = dict.fromkeys(V1_FIELDS, "")
        defaults |= dict.fromkeys(("creator_notes", "system_prompt", "post_history_instructions"), "")
        defaults |= {"alternate_greetings": [], "tags": [], "creator": "", "character_version": "", "extensions": {}}
        outer, data = {}, {**defaults, **data}
    outer |= {"spec": f"chara_card_v{version}", "spec_version": f"{version}.0"}
    if version == 3:
        data.setdefault("group_only_greetings", [])
        _complete_book(data)
    return replace(card, document=outer | {"data": data})


def picture_of(card: Card, *, longest_side: int | None = None) -> bytes | None:
    """The card's picture as a PNG file that is safe to show, or None if it brings none.

    Pictures elsewhere (``https://…``) are never fetched.

    Raises:
        BadCard: There is one, and it is damaged or too large.
    """
    raw = _icon(card)
    return redraw(raw, str(card.data.get("name"))[:80], longest_side=longest_side) if raw is not None else None


def _from_png(data: bytes, what: str) -> Card:
    png = read_png(data, _KEYWORDS, what)
    known: dict[str, bytes] = {}
    notes: list[str] = []
    for keyword, text in png.texts:
        if known.setdefault(keyword, text) != text:
            notes.append(f"It holds {keyword} more than once; the first counts.")
    text = known.pop(_V3_CHUNK, None)
    if text is None and (text := known.pop(_CHUNK, None)) is None:
        raise NoCard(
            f"{what} is a picture without a card.",
            hint="Pages that show pictures often take the card out: get the original file.",
        )
    known.pop(_CHUNK, None)
    files = {name.removeprefix(_FILE_CHUNK): _decoded(text, what) for name, text in known.items()}
    parsed = parse_json(_decoded(text, what), f"The card in {what}")
    return _card(parsed, what, picture=png.picture, files=files, notes=notes)


def _card(
    parsed: Parsed,
    what: str,
    *,
    picture: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    notes: list[str] | None = None,
) -> Card:
    document: Any = parsed.value
    if isinstance(document, dict):
        twice = [f"{name!r} stands twice in one object; the last counts." for name in parsed.twice]
        card = Card(cast("JSONObject", document), picture, files or {}, (*(notes or ()), *twice))
        if isinstance(card.data.get("name"), str) and (card.version > 1 or len(card.data.keys() & {*V1_FIELDS}) > 1):
            return card
    raise NoCard(
        f"{what} holds JSON that is no character card.",
        hint="A card has a name and a description, by themselves (V1) or under data (V2 and V3).",
    )


def _encoded(text: bytes) -> bytes:
    return base64.b64encode(text)


def _decoded(text: bytes, what: str) -> bytes:
    if text.lstrip().startswith(b"{"):  # some programs write the JSON as it is
        return text
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise BadCard(f"The card in {what} is damaged: it is no base64.", hint="Get the file again.") from error


def _keyword(path: str) -> str:
    keyword = _FILE_CHUNK + path
    if not path.isascii() or len(keyword) > LONGEST_KEYWORD:
        raise BadInput(f"A PNG has no room for the path {path[:80]!r}.", hint="Export it as CHARX.")
    return keyword


def icons_of(card: Card) -> list[JSONObject]:
    """What a card of version 3 says of pictures of itself."""
    return [each for asset in as_list(card.data.get("assets")) if (each := as_object(asset)).get("type") == "icon"]


def _icon(card: Card) -> bytes | None:
    """The picture that stands for the card, untouched."""
    for icon in sorted(icons_of(card), key=lambda each: each.get("name") != "main"):
        found = _at(card, str(icon.get("uri", "")))
        if found is not None:
            return found
    return card.picture


def _at(card: Card, uri: str) -> bytes | None:
    if uri == "ccdefault:":
        return card.picture
    if found := _EMBEDDED.match(uri):
        return card.files.get(uri[found.end() :])
    if uri.startswith("data:image/") and ";base64," in uri[:100]:
        encoded = uri.partition(",")[2]
        try:
            return base64.b64decode(encoded, validate=True) if len(encoded) < 2 * LARGEST_MEMBER else None
        except binascii.Error:
            return None
    return None


_PICTURE_PATH = "assets/icon/images/main.png"


def _with_picture(card: Card) -> Mapping[str, bytes]:
    """The files, with the PNG's picture among them where nothing else keeps it."""
    if card.picture is None or _PICTURE_PATH in card.files:
        return card.files
    return {_PICTURE_PATH: redraw(card.picture, str(card.data.get("name"))[:80]), **card.files}


def _complete_book(data: JSONObject) -> None:
    """What V3 asks of each entry of a lorebook, and V2 does not know."""
    book = as_object(data.get("character_book"))
    if isinstance(book.get("entries"), list):
        listed = as_list(book["entries"])
        entries = [{"use_regex": False, **entry} if (entry := as_object(each)) else each for each in listed]
        data["character_book"] = {**book, "entries": entries}
