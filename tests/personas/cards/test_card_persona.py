import json
from typing import Any

import pytest
from tests.personas.cards.wild import V1, V2, V3

from myna.core.emotion import Emotions
from myna.core.errors import BadInput
from myna.engines.base import LLMMessage
from myna.personas.cards.card import Card, read_card
from myna.personas.cards.persona import card_notes, card_of, persona_fields
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.personas.reading import checked
from myna.personas.slug import slug_of
from myna.session.history import History
from myna.session.prompt import build_prompt


def persona(document: dict[str, Any], **settings: Any) -> Persona:
    card = read_card(json.dumps(document).encode(), "x")
    return checked({**persona_fields(card, **settings), "id": "x"}, "x")


def prompt(who: Persona, text: str, *, template: str | None = None) -> tuple[LLMMessage, ...]:
    return build_prompt(who, History(), text, emotions=Emotions(), template=template).messages


def test_a_card_is_greeted_prompted_and_shown_as_its_maker_meant() -> None:
    lamp = persona(V2)
    assert (lamp.name, lamp.language, lamp.voice.voice) == ("阿灯", "zh", {"zf_xiaobei": 1.0})
    assert lamp.greeting == "用户，你来啦。今晚雾大，陪我数灯吧？"
    assert lamp.greetings == ("船长，收音机又响了。", "用户？是你吗？")
    assert lamp.about.tags == ("海", "Slice of Life")
    assert (lamp.about.creator, lamp.about.version) == ("the tests", "1.2")
    system, *examples, newest = prompt(lamp, "灯塔里有鬼吗？")
    assert system.content.startswith("你就是阿灯，正在和对方当面说话。")
    for part in (
        "说话轻一点。",
        "阿灯守着海边的灯塔",
        "叫“船长”",
        "阿灯的性格：安静",
        "场景：夜里",
        "镇上只有一家面馆。",
    ):
        assert part in system.content
    assert [message.content for message in examples] == ["你怕黑吗？", "[平静] 有灯就不怕。"]
    assert newest.content.startswith("（你知道：\n记住：你是阿灯。\n阿灯说话很短。\n")
    assert "名叫阿潮" in newest.content
    assert newest.content.endswith("灯塔里有鬼吗？")


def test_what_the_maker_says_to_people_never_reaches_the_model() -> None:
    for document in (V2, V3):
        told = "".join(message.content for message in prompt(persona(document), "灯塔有鬼吗 lighthouse ghost"))
        for private in ("Not for the prompt", "Slice of Life", "the tests", "script", "@@", "{{"):
            assert private not in told


def test_original_is_the_configured_prompt_where_there_is_one() -> None:
    assert prompt(persona(V2), "hi", template="T {name}")[0].content.startswith(
        "T 阿灯\n镇上只有一家面馆。\n说话轻一点。"
    )
    assert prompt(persona(V1), "hi", template="T")[0].content.startswith("T\nJuniper keeps")
    own = {**V2["data"], "system_prompt": "Only this."}
    told = prompt(persona({**V2, "data": own}), "hi", template="T")[0].content
    assert "Only this." in told
    assert not told.startswith("T")


def test_original_elsewhere_is_never_said() -> None:
    fields = ("description", "personality", "scenario", "first_mes", "mes_example", "post_history_instructions")
    own = {**V2["data"], **{field: f"{{{{ORIGINAL}}}} {V2['data'].get(field) or 'x'}" for field in fields}}
    told = persona({**V2, "data": own})
    assert told.system_prompt.count("{{original}}") == 1
    assert not [text for text in (told.greeting, told.reminder, str(told.examples)) if "original" in text.lower()]


def test_a_nickname_is_who_char_is_and_the_name_stays() -> None:
    owl = persona(V3, user="Ann")
    assert owl.name == "Brass Owl"
    assert "Owl is a clockwork owl. Owl counts hours for Ann." in owl.system_prompt
    assert owl.greeting in ("Tick. Good evening, Ann.", "Tick. Hello, Ann.")


def test_another_greeting_may_be_the_first() -> None:
    lamp = persona(V2, greeting=1)
    assert lamp.greeting == "船长，收音机又响了。"
    assert lamp.greetings[0].startswith("用户，你来啦")
    with pytest.raises(BadInput, match="no greeting 3") as told:
        persona(V2, greeting=3)
    assert "0 to 2" in told.value.hint


def test_a_card_may_bring_its_voice_and_emotions_but_no_tools() -> None:
    own = {"voice": {"voice": "zm_yunxi", "speed": 0.9}, "avatar": "🏮", "tools": ["*"], "memory_scope": "shared"}
    lamp = persona({**V2, "data": {**V2["data"], "extensions": {"myna": {**own, "unheard_of": 1}}}})
    assert (lamp.voice.speed, lamp.avatar, lamp.tools) == (0.9, "🏮", ())
    with pytest.raises(BadInput, match=r"voice\.speed"):
        persona({**V2, "data": {**V2["data"], "extensions": {"myna": {"voice": {"voice": "x", "speed": 9}}}}})


def test_what_is_kept_and_not_used_is_told() -> None:
    data = {
        **V2["data"],
        "description": "It is {{time}}.",
        "mes_example": "<START>\n{{user}}: a\n{{char}}: b\n" * 13,
        "character_book": {"entries": [{"keys": ["(?=x)"], "use_regex": True, "content": "@@what 1\nx"}]},
    }
    told = card_notes(Card({**V2, "data": data}, None, {"a.bin": b"x"}))
    assert told == (
        "{{time}} is left as it stands.",
        "Of its 13 examples the first 12 are used.",
        "Its regex_scripts are kept and never run.",
        "Its 1 files are kept; none but its picture is ever opened.",
        "The key '(?=x)' of its lorebook is no pattern that Myna understands, and finds nothing.",
        "The decorator @@what in its lorebook is not known, and left out.",
    )


@pytest.mark.parametrize("who", Personas().all, ids=lambda who: who.id)
def test_a_persona_that_became_a_card_becomes_the_same_persona_again(who: Persona) -> None:
    again = checked({**persona_fields(card_of(who)), "id": who.id}, "x")
    expected = who if who.system_prompt else who.model_copy(update={"system_prompt": "{{original}}"})
    assert again == expected


def test_a_lorebook_survives_becoming_a_card() -> None:
    lamp = persona(V2)
    again = checked({**persona_fields(card_of(lamp)), "id": "x"}, "x")
    assert again.lorebook == lamp.lorebook


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Juniper", "juniper"),
        ("阿灯", "a-deng"),
        ("Brass  Owl!", "brass-owl"),
        ("Éloïse", "eloise"),
        ("🦉", "persona-"),
        ("Ольга", "persona-"),
        ("x" * 90, "x" * 40),
    ],
)
def test_an_id_is_made_of_a_name(name: str, slug: str) -> None:
    assert slug_of(name).startswith(slug)
    assert slug_of(name) == slug_of(name)
