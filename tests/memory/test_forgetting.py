from pathlib import Path

import pytest

from myna.core.ids import OWNER, MessageId
from myna.memory.base import NewMemory, Scope
from myna.memory.forgetting import Last, Request, forget_by_word, is_about, meant_by_word, request_in
from myna.testing.memory import open_memories_in

SCOPE = Scope(OWNER)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("忘掉我说的生日", "生日"),
        ("請忘記我的名字", "名字"),
        ("把我的地址忘了吧", "地址"),
        ("forget what I said about my birthday", "birthday"),
        ("please forget my name", "name"),
        ("Delete my birthday from memory", "birthday"),
        ("Forget that I like sushi", "like sushi"),
    ],
)
def test_a_topic_is_to_be_forgotten(said: str, about: str) -> None:
    assert request_in(said) == Request("topic", about)


@pytest.mark.parametrize(
    "said", ["别记住这个", "这个别记", "忘掉刚才说的", "don't remember that", "Please forget that."]
)
def test_this_is_not_to_be_remembered(said: str) -> None:
    assert request_in(said) == Request("this")


@pytest.mark.parametrize(
    "said", ["我住在北京，这个别记", "别记住这个，我住在郊区", "Don't save this, but I live in Rome"]
)
def test_this_may_be_what_is_said_in_the_same_breath(said: str) -> None:
    assert request_in(said) == Request("this", itself=True)


@pytest.mark.parametrize(
    "said", ["forget everything about me", "忘掉关于我的一切", "清空你的记忆", "Delete all my memories"]
)
def test_everything_is_to_be_forgotten(said: str) -> None:
    assert request_in(said) == Request("everything")


@pytest.mark.parametrize(
    "said",
    [
        "别忘了我的生日",
        "我忘了我的密码",
        "你忘了我的生日吗？",
        "don't forget my birthday",
        "I forgot my keys",
        "I'll never forget my first dog",
        "forget it",
        "忘了吧",
        "how do I forget my ex?",
        "forget that, what time is it?",
        "yes",
    ],
)
def test_not_every_forget_is_an_order(said: str) -> None:
    assert request_in(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "帮我删除所有闹钟",
        "把所有待办事项都删掉",
        "请把全部提醒清除",
        "delete everything",
        "忘掉所有烦恼",
        "忘掉所有闹钟",
        "把猫的照片删掉",
        "删掉我的工作邮件",
        "delete my work email from the list",
        "remove my dog from the photo",
        "clear my home screen",
        "remember to delete my work email",
        "清空记忆卡",
    ],
)
def test_alarms_and_photos_are_no_memories(said: str) -> None:
    assert request_in(said) is None


@pytest.mark.parametrize(
    "said",
    ["把关于我的一切都忘掉", "删除关于我的所有信息", "忘掉我说过的所有话", "delete everything you know about me"],
)
def test_what_is_deleted_is_said_to_be_memories(said: str) -> None:
    assert request_in(said) == Request("everything")


def test_a_plain_yes_counts_only_after_the_question() -> None:
    assert request_in("是的", asked_everything=True) == Request("yes")
    assert request_in("是的，不过等等", asked_everything=True) is None


@pytest.mark.parametrize(
    ("text", "about", "fits"),
    [
        ("用户出生于1990年", "生日", True),
        ("The user's birthday is May 3", "生日", True),
        ("用户的猫叫小白", "cat", True),
        ("用户住在北京", "地址", True),
        ("用户喜欢火锅", "火锅", True),
        ("用户喜欢火锅", "生日", False),
        ("用户的猫叫小白", "猫的照片", False),
        ("用户的猫叫小白", "猫的名字", True),
        ("The user lives in Rome", "home screen", False),
        ("The user lives in Rome", "home address", True),
        ("The user is allergic to nuts", "allergies", True),
        ("The user likes sushi", "like sushi", True),
        ("The user likes tennis", "like sushi", False),
    ],
)
def test_what_a_topic_means(text: str, about: str, *, fits: bool) -> None:
    assert is_about(text, about) is fits


@pytest.mark.anyio
async def test_what_is_meant_goes_and_the_rest_stays(tmp_path: Path) -> None:
    async with open_memories_in(tmp_path) as memories:
        for text in ("用户的生日是5月3日", "用户喜欢火锅"):
            await memories.add(SCOPE, NewMemory(text))
        meant = await meant_by_word("忘掉我说的生日", memories, SCOPE, Last())
        assert meant is not None
        assert meant.texts == ("用户的生日是5月3日",)
        assert len(await memories.all(SCOPE)) == 2
        forgotten = await forget_by_word("忘掉我说的生日", memories, SCOPE, Last())
        assert forgotten is not None
        assert forgotten == meant
        assert "5月3日" not in forgotten.note
        assert [each.text for each in await memories.all(SCOPE)] == ["用户喜欢火锅"]


@pytest.mark.anyio
async def test_everything_goes_after_yes_alone(tmp_path: Path) -> None:
    async with open_memories_in(tmp_path) as memories:
        await memories.add(SCOPE, NewMemory("用户喜欢火锅", source=MessageId("msg_1")))
        asked = await forget_by_word("忘掉关于我的一切", memories, SCOPE, Last())
        assert asked is not None
        assert asked.asks
        assert len(await memories.all(SCOPE)) == 1
        await forget_by_word("确定", memories, SCOPE, Last(asked_everything=True))
        assert await memories.all(SCOPE) == []
