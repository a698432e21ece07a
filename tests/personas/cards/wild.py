"""Cards as they are found in the wild, made up for these tests, with the fields that programs leave in them."""

import base64
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image

V1: dict[str, Any] = {
    "name": "Juniper",
    "description": "{{char}} keeps a mountain hut above the clouds and talks to {{user}} like an old friend.",
    "personality": "warm, dry humour",
    "scenario": "A storm has closed the pass.",
    "first_mes": "*opens the door* Come in, {{user}}, before the wind takes you.",
    "mes_example": "<START>\n{{user}}: Is it safe here?\n{{char}}: These walls are older than the storm.\n",
    "avatar": "none",
    "chat": "Juniper - 2023-6-1",
    "create_date": "2023-6-1 @10h",
}

BOOK: dict[str, Any] = {
    "name": "灯塔镇",
    "description": "",
    "scan_depth": 3,
    "token_budget": 200,
    "recursive_scanning": True,
    "extensions": {"made_by": "hand"},
    "entries": [
        {
            "id": 1,
            "keys": ["灯塔", "lighthouse"],
            "secondary_keys": ["鬼", "ghost"],
            "comment": "gespenst",
            "content": "灯塔里据说有一个不伤人的鬼，名叫阿潮。",
            "constant": False,
            "selective": True,
            "insertion_order": 50,
            "enabled": True,
            "position": "after_char",
            "case_sensitive": None,
            "extensions": {
                "position": 4,
                "depth": 2,
                "selectiveLogic": 0,
                "exclude_recursion": False,
                "probability": 100,
                "useProbability": True,
                "display_index": 1,
                "match_whole_words": None,
            },
        },
        {
            "keys": ["/阿潮|A-?Chao/i"],
            "content": "@@depth 1\n@@unheard_of 3\n阿潮只在退潮时出现。",
            "enabled": True,
            "insertion_order": 10,
            "use_regex": True,
            "extensions": {},
        },
        {
            "keys": [],
            "content": "镇上只有一家面馆。",
            "enabled": True,
            "insertion_order": 1,
            "constant": True,
            "extensions": {},
        },
        {
            "keys": ["面馆"],
            "content": "",
            "enabled": False,
            "insertion_order": 2,
            "extensions": {"x": [1, {"y": None}]},
        },
    ],
}

V2: dict[str, Any] = {
    "name": "阿灯",  # SillyTavern repeats the fields of V1 outside
    "description": "守灯塔的姑娘",
    "first_mes": "",
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "阿灯",
        "description": "{{char}}守着海边的灯塔，会修收音机。她管{{user}}叫“船长”。",
        "personality": "安静、好奇",
        "scenario": "夜里，灯塔的灯室。",
        "first_mes": "{{user}}，你来啦。今晚雾大，陪我数灯吧？",
        "mes_example": "<START>\n{{user}}: 你怕黑吗？\n{{char}}: 有灯就不怕。\n"
        "<START>\n{{char}}: 滴、滴滴，听见了吗？\n",
        "creator_notes": "Best with a quiet voice. **Not for the prompt.**",
        "system_prompt": "{{original}}\n说话轻一点。",
        "post_history_instructions": "记住：你是{{char}}。",
        "alternate_greetings": ["船长，收音机又响了。", "<USER>？是你吗？"],
        "character_book": BOOK,
        "tags": ["海", "Slice of Life"],
        "creator": "the tests",
        "character_version": "1.2",
        "extensions": {
            "talkativeness": "0.5",
            "fav": False,
            "world": "灯塔镇",
            "depth_prompt": {"prompt": "{{char}}说话很短。", "depth": 4, "role": "system"},
            "regex_scripts": [{"scriptName": "x", "findRegex": "/(a+)+/g", "replaceString": "<script>"}],
            "risuai": {"bias": [], "utilityBot": False},
        },
    },
    "create_date": 1700000000000,
    "talkativeness": 0.5,
}

V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2["data"],
        "name": "Brass Owl",
        "nickname": "Owl",
        "description": "{{char}} is a clockwork owl. <BOT> counts hours for {{user}}.",
        "first_mes": "Tick. {{random:Good evening,Hello}}, {{USER}}.",
        "system_prompt": "",
        "mes_example": "",
        "assets": [
            {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"},
            {"type": "emotion", "uri": "embeded://assets/emotion/images/joy.png", "name": "joy", "ext": "png"},
            {"type": "background", "uri": "https://example.invalid/night.png", "name": "main", "ext": "png"},
            {"type": "x-live2d", "uri": "embeded://assets/other/other/model.bin", "name": "m", "ext": "bin"},
        ],
        "creator_notes_multilingual": {"zh": "安静的夜晚。"},
        "source": ["https://example.invalid/owl"],
        "group_only_greetings": ["All of you!"],
        "creation_date": 1735689600,
        "modification_date": 1735689601,
    },
}


def picture(width: int = 40, height: int = 60, form: str = "PNG", **options: Any) -> bytes:
    """A small picture with more than one colour."""
    image = Image.new("RGB", (width, height), (20, 40, 90))
    image.paste((230, 220, 120), (5, 5, 15, 25))
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(keyword: str, text: bytes, kind: str = "tEXt") -> bytes:
    name = keyword.encode() + b"\0"
    match kind:
        case "zTXt":
            return chunk(b"zTXt", name + b"\0" + zlib.compress(text))
        case "iTXt":
            return chunk(b"iTXt", name + b"\0\0" + b"\0\0" + text)
        case "iTXt packed":
            return chunk(b"iTXt", name + b"\1\0" + b"en\0\0" + zlib.compress(text))
        case _:
            return chunk(b"tEXt", name + text)


def encoded(card: Mapping[str, Any]) -> bytes:
    return base64.b64encode(json.dumps(card, ensure_ascii=False).encode())


def png(*chunks: bytes, image: bytes | None = None) -> bytes:
    """A PNG file with chunks behind its header, as programs of all kinds write them."""
    image = image or picture()
    return image[:33] + b"".join(chunks) + image[33:]


def png_card(card: Mapping[str, Any], keyword: str = "chara", kind: str = "tEXt") -> bytes:
    return png(text_chunk(keyword, encoded(card), kind))


def charx(card: Mapping[str, Any] | bytes, files: Iterable[tuple[str, bytes]] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", card if isinstance(card, bytes) else json.dumps(card, ensure_ascii=False))
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


OWL_FILES = (
    ("assets/icon/images/main.png", picture(64, 64)),
    ("assets/emotion/images/joy.png", picture(8, 8)),
    ("assets/other/other/model.bin", bytes(range(256))),
)
