from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.emotion import DEFAULT_EMOTIONS, Emotions
from myna.core.ids import new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.engines.base import LLMMessage
from myna.personas.load import Personas
from myna.personas.lore.model import Lorebook, LoreEntry
from myna.personas.model import Example, Persona
from myna.session.history import recent
from myna.session.prompt import build_prompt, system_prompt

MINA = Persona.model_validate(
    {
        "id": "mina",
        "name": "Mina",
        "language": "en",
        "system_prompt": "You are Mina, a lighthouse keeper.",
        "examples": [{"user": "Who are you?", "assistant": "[Calm] Mina. I keep the light."}],
        "voice": {"voice": "af_heart"},
    }
)
PLAIN = MINA.model_copy(update={"system_prompt": "", "examples": ()})
EMOTIONS = Emotions()
TAGS = "[Happy] [Angry] [Sad] [Surprised] [Coquettish] [Calm]"


def user(text: str) -> UserMessage:
    return UserMessage(new_message_id(), new_turn_id(), text)


def assistant(raw: str, display: str = "") -> AssistantMessage:
    return AssistantMessage(new_message_id(), new_turn_id(), Reply(raw, display, display), "completed")


def prompt_of(
    persona: Persona,
    messages: Sequence[Message],
    text: str,
    *,
    template: str | None = None,
    system: str | None = None,
    beside: Sequence[str] = (),
) -> tuple[LLMMessage, ...]:
    history = recent(messages, 10)
    prompt = build_prompt(persona, history, text, emotions=EMOTIONS, template=template, system=system, beside=beside)
    return prompt.messages


# ---------------------------------------------------------------------------------------------------- system prompt


def test_a_request_goes_before_the_persona_the_template_and_the_built_in() -> None:
    assert system_prompt(MINA, EMOTIONS, template="T", system="Be brief.").startswith("Be brief.\n")
    assert system_prompt(MINA, EMOTIONS, template="T").startswith("You are Mina, a lighthouse keeper.\n")
    assert system_prompt(PLAIN, EMOTIONS, template="T").startswith("T\n")
    assert system_prompt(PLAIN, EMOTIONS, template=None).startswith("You are Mina, a friendly")


@pytest.mark.parametrize("empty", ["", None])
def test_what_is_empty_is_passed_over(empty: str | None) -> None:
    assert system_prompt(PLAIN, EMOTIONS, template=empty, system=empty) == system_prompt(PLAIN, EMOTIONS, template=None)


@pytest.mark.parametrize(("persona", "template", "system"), [(MINA, None, "R"), (MINA, None, None), (PLAIN, "T", None)])
def test_the_emotion_rules_are_added_to_whichever_applies(
    persona: Persona, template: str | None, system: str | None
) -> None:
    assert system_prompt(persona, EMOTIONS, template=template, system=system).count(TAGS) == 1


@pytest.mark.parametrize(
    "own", ["Start with [Happy] or [Sad].", "写【开心】", "tags: ［ calm ］", "One of {emotions}!"]
)
def test_a_prompt_that_states_its_own_rules_gets_no_others(own: str) -> None:
    assert system_prompt(MINA, EMOTIONS, template=None, system=own) == own.replace("{emotions}", TAGS)


@pytest.mark.parametrize("other", ["See [1].", "[Note] be kind.", "Happy people.", "[]", "Use {emotion}."])
def test_other_brackets_are_no_rules(other: str) -> None:
    assert TAGS in system_prompt(MINA, EMOTIONS, template=None, system=other)


def test_a_template_takes_the_persona_s_name() -> None:
    assert system_prompt(PLAIN, EMOTIONS, template="I am {name}. {emotions}") == f"I am Mina. {TAGS}"


@pytest.mark.parametrize("text", ["Answer as {name} in {json: [1]}.", "{{user}} and {{char}}", "100% {0}"])
def test_braces_of_a_request_stay_as_they_are(text: str) -> None:
    assert system_prompt(MINA, EMOTIONS, template=None, system=text).startswith(text)


@pytest.mark.parametrize(("language", "listed"), [("zh", 0), ("zh-CN", 0), ("en", 6), ("de", 6)])
def test_the_rules_list_one_name_per_emotion_in_the_persona_s_language(language: str, listed: int) -> None:
    text = system_prompt(PLAIN.model_copy(update={"language": language}), EMOTIONS, template=None)
    assert all((f"[{name}]" in text) == (index // 6 == listed // 6) for index, name in enumerate(DEFAULT_EMOTIONS))


def test_the_rules_list_an_emotion_that_a_user_added() -> None:
    assert "[紧张]" in system_prompt(MINA, Emotions((*DEFAULT_EMOTIONS, "紧张")), template=None)


# ----------------------------------------------------------------------------------------------------- the messages


def test_the_order_is_system_examples_history_and_the_newest_utterance() -> None:
    history = [user("Is it windy?"), assistant("[Happy] Very!", "Very!")]
    assert prompt_of(MINA, history, "And cold?") == (
        LLMMessage("system", system_prompt(MINA, EMOTIONS, template=None)),
        LLMMessage("user", "Who are you?"),
        LLMMessage("assistant", "[Calm] Mina. I keep the light."),
        LLMMessage("user", "Is it windy?"),
        LLMMessage("assistant", "[Happy] Very!"),
        LLMMessage("user", "And cold?"),
    )


def test_a_request_s_system_prompt_takes_the_place_of_the_examples_too() -> None:
    prompt = prompt_of(MINA, (), "Hi", system="You are a pirate.")
    assert [message.content for message in prompt[1:]] == ["Hello!", "[Happy] Hello! How can I help you?", "Hi"]


def test_a_persona_with_a_prompt_and_no_examples_gets_one_unless_the_prompt_states_the_rules() -> None:
    bare = MINA.model_copy(update={"examples": ()})
    assert [message.content for message in prompt_of(bare, (), "Hi")[1:-1]] == [
        "Hello!",
        "[Happy] Hello! How can I help you?",
    ]
    stating = bare.model_copy(update={"system_prompt": "You are Mina. Tags: {emotions}"})
    assert [message.role for message in prompt_of(stating, (), "Hi")] == ["system", "user"]


def test_a_request_that_states_its_own_rules_gets_no_example_either() -> None:
    prompt = prompt_of(MINA, (), "Hi", system="You are a pirate. Tags: {emotions}")
    assert [message.role for message in prompt] == ["system", "user"]


def test_an_utterance_that_was_never_answered_is_joined_to_the_next() -> None:
    prompt = prompt_of(PLAIN, [user("Hello?"), user("Anybody?")], "Hi!")
    assert prompt[1:] == (LLMMessage("user", "Hello?\nAnybody?\nHi!"),)


def test_an_utterance_that_is_said_again_since_nothing_answered_it_is_sent_once() -> None:
    prompt = prompt_of(PLAIN, [user("Hello?"), user("Hi!"), user("Hi!")], "Hi!")
    assert prompt[1:] == (LLMMessage("user", "Hello?\nHi!"),)


turns = st.lists(st.tuples(st.text(min_size=1), st.none() | st.text(min_size=1)), min_size=1, max_size=8)


@given(st.sampled_from(Personas().all), turns)
def test_each_prompt_goes_on_where_the_one_before_ended(persona: Persona, said: list[tuple[str, str | None]]) -> None:
    history: list[Message] = []
    before = ""
    for text, reply in said:
        prompt = prompt_of(persona, history, text)
        written = "".join(f"{message.role}:{message.content}\n" for message in prompt)
        assert written.startswith(before)
        before = written
        history.append(user(text))
        if reply is not None:
            history.append(assistant(reply))


@given(st.sampled_from(Personas().all), turns)
def test_after_the_system_prompt_user_and_assistant_take_turns(
    persona: Persona, said: list[tuple[str, str | None]]
) -> None:
    history: list[Message] = []
    for text, reply in said:
        history.append(user(text))
        if reply is not None:
            history.append(assistant(reply))
    prompt = prompt_of(persona, history, "42?")
    assert prompt[0].role == "system"
    assert all(message.role == ("user", "assistant")[index % 2] for index, message in enumerate(prompt[1:]))
    assert prompt[-1].role == "user"
    assert "42?" in prompt[-1].content


# ------------------------------------------------------------------------------------------------- language hints

BILINGUAL = PLAIN.model_copy(update={"language_hints": True})
CHINESE = BILINGUAL.model_copy(update={"language": "zh"})
EN, ZH = "(Answer in English)", "（用中文回答）"


def newest(persona: Persona, text: str, template: str | None = None, system: str | None = None) -> str:
    return prompt_of(persona, (), text, template=template, system=system)[-1].content


@pytest.mark.parametrize("text", ["Hello", "Guess what, I won the lottery!", "Tell me about your home.", "YOU DID IT"])
def test_a_persona_is_told_to_answer_english_in_english(text: str) -> None:
    assert newest(CHINESE, text) == newest(BILINGUAL, text) == f"{text} {EN}"


@pytest.mark.parametrize("text", ["你好", "帮我用Python写一个排序。", "“Hello, how are you”是什么意思？"])
def test_a_persona_is_told_to_answer_chinese_in_chinese(text: str) -> None:
    assert newest(CHINESE, text) == newest(BILINGUAL, text) == text + ZH


@pytest.mark.parametrize(
    "text", ["OK", "3.14", "👍", "Python", "Bonjour, ça va ?", "Wo ist der Bahnhof?", "日本語です", "Hola"]
)
def test_what_is_neither_gets_no_hint(text: str) -> None:
    assert newest(CHINESE, text) == newest(BILINGUAL, text) == text


def test_hints_are_given_only_beside_a_prompt_that_was_written_with_them() -> None:
    assert newest(PLAIN, "你好") == "你好"
    assert newest(BILINGUAL, "你好", system="Translate into English.") == "你好"
    assert newest(BILINGUAL, "你好", template="Translate into English.") == "你好"


def test_history_and_examples_get_the_hints_that_they_had_as_newest() -> None:
    persona = Personas().find("wukong")
    prompt = prompt_of(persona, [user("Who are you?"), assistant("[开心] Old Sun!")], "你好")
    assert [message.content for message in prompt if EN in message.content] == [
        f"What is a computer? {EN}",
        f"Who are you? {EN}",
    ]


# ---------------------------------------------------------------------- what stands beside the newest utterance, lore

BESIDE = "(You know:\n{})\n"
LORE = Lorebook(
    recursive=True,
    entries=(
        LoreEntry(keys=("lamp",), content="The lamp is red."),
        LoreEntry(keys=("red",), content="Red is for danger."),
        LoreEntry(constant=True, content="The sea is near."),
        LoreEntry(keys=("old",), content="It is old.", after_replies=2),
    ),
)
LIT = MINA.model_copy(update={"lorebook": LORE, "reminder": "Be brief."})


def test_what_is_to_be_known_stands_before_the_newest_utterance_alone() -> None:
    history = [user("Is it windy?"), assistant("[Happy] Very!", "Very!")]
    plain = prompt_of(MINA, history, "And cold?")
    told = prompt_of(MINA, history, "And cold?", beside=["Ann likes tea.", "Ann has a cat."])
    assert told[:-1] == plain[:-1]
    assert told[-1].content == BESIDE.format("Ann likes tea.\nAnn has a cat.") + "And cold?"
    chinese = prompt_of(CHINESE, (), "你好", beside=["她叫安。"])
    assert chinese[-1].content == "（你知道：\n她叫安。）\n你好（用中文回答）"


def test_a_persona_without_any_gets_none() -> None:
    assert prompt_of(MINA, (), "Hi")[-1].content == "Hi"


def test_lore_is_called_up_by_the_newest_messages_and_stands_after_reminder_and_memories() -> None:
    told = prompt_of(LIT, (), "Is the lamp lit?", beside=["Ann likes tea."])
    lore = "Be brief.\nAnn likes tea.\nThe lamp is red.\nRed is for danger."
    assert told[-1].content == BESIDE.format(lore) + "Is the lamp lit?"
    before = [user("The lamp?"), assistant("[Calm] Yes.", "Yes.")]
    assert "The lamp is red." in prompt_of(LIT, before, "Good.")[-1].content
    assert (
        "The lamp is red." not in prompt_of(LIT, [*before * 3, *[user("x"), assistant("y", "y")] * 3], "x")[-1].content
    )


def test_replies_that_were_left_out_of_the_history_count_for_lore() -> None:
    said = [user("x"), assistant("[Calm] y", "y")]
    assert "It is old." not in prompt_of(LIT, said, "old?")[-1].content
    assert "It is old." in prompt_of(LIT, said * 2, "old?")[-1].content
    assert "It is old." in prompt_of(LIT, said * 40, "old?")[-1].content


def test_what_a_lorebook_always_tells_stands_in_the_system_prompt() -> None:
    text = system_prompt(LIT, EMOTIONS, template=None)
    assert text.startswith("The sea is near.\nYou are Mina, a lighthouse keeper.\n")
    bare = LIT.model_copy(update={"system_prompt": ""})
    assert system_prompt(bare, EMOTIONS, template="T {name}").startswith("T Mina\nThe sea is near.\n")


def test_a_request_s_own_prompt_leaves_lore_and_reminder_out_but_no_memories() -> None:
    told = prompt_of(LIT, (), "The lamp?", system="Be a pirate.", beside=["Ann likes tea."])
    assert told[-1].content == BESIDE.format("Ann likes tea.") + "The lamp?"
    assert "sea" not in told[0].content


def test_before_anything_is_said_only_what_is_always_the_same_is_read_ahead() -> None:
    said = [user("The lamp?"), assistant("[Calm] Yes.", "Yes.")]
    ahead, told = prompt_of(LIT, said, ""), prompt_of(LIT, said, "Hm.", beside=["Ann likes tea."])
    assert ahead[:-1] == told[:-1]
    assert ahead[-1].content == BESIDE.format("Be brief.")
    assert told[-1].content.startswith("(You know:\nBe brief.\n")


def test_what_stands_beside_is_not_lost_when_an_utterance_is_said_again() -> None:
    told = prompt_of(PLAIN, [user("Hello?"), user("Hi!"), user("Hi!")], "Hi!", beside=["Ann."])
    assert [message.content for message in told[1:]] == ["Hello?\n" + BESIDE.format("Ann.") + "Hi!"]
    assert told[-1].said == "Hi!"
    told = prompt_of(PLAIN, [user("Hi!")], "Hi!", beside=["Ann."])
    assert [message.content for message in told[1:]] == [BESIDE.format("Ann.") + "Hi!"]


@given(turns, st.lists(st.sampled_from(["lamp", "old", "red", "tea"]), max_size=3))
def test_whatever_stands_beside_the_prompt_goes_on_where_the_last_round_began(
    said: list[tuple[str, str | None]], beside: list[str]
) -> None:
    history: list[Message] = []
    before: tuple[LLMMessage, ...] = ()
    for text, reply in said:
        told = prompt_of(LIT, history, f"{text} lamp", beside=beside)
        assert told[: len(before)] == before
        history += [user(f"{text} lamp"), assistant(f"[Calm] {reply}", reply or "")]
        before = told[:-1]


def test_examples_without_a_tag_get_that_of_the_default_emotion() -> None:
    bare = MINA.model_copy(update={"examples": (Example(user="Who?", assistant="Mina."),)})
    assert prompt_of(bare, (), "Hi")[2].content == "[Calm] Mina."
    mixed = bare.model_copy(update={"examples": (*bare.examples, *MINA.examples)})
    assert prompt_of(mixed, (), "Hi")[2].content == "Mina."
