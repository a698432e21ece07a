from rdk_chat.conversations import MOST_CHARACTERS, MOST_MESSAGES, Conversations


def told(conversations: Conversations, client: str = "") -> list[str]:
    return [one["content"] for one in conversations.told(client).messages]


def test_a_node_has_one_conversation() -> None:
    node = Conversations("node")
    node.add(node.told("kitchen"), "Hi", "Hello")
    assert told(node, "garden") == ["Hi", "Hello"]


def test_each_named_client_has_its_own_and_strangers_have_none() -> None:
    clients = Conversations("client")
    for name in ("kitchen", "garden", ""):
        clients.add(clients.told(name), name, name)
    assert told(clients, "kitchen") == ["kitchen"] * 2
    assert told(clients, "garden") == ["garden"] * 2
    assert told(clients, "") == []


def test_none_remembers_nothing() -> None:
    none = Conversations("none")
    none.add(none.told("kitchen"), "Hi", "Hello")
    assert told(none, "kitchen") == []


def test_a_reset_forgets_also_what_is_still_being_answered() -> None:
    node = Conversations("node")
    before = node.told("")
    node.reset()
    node.add(before, "old", "old")
    assert told(node) == []
    node.add(node.told(""), "new", "new")
    assert told(node) == ["new", "new"]


def test_it_stays_bounded_and_keeps_whole_turns_of_the_newest() -> None:
    node = Conversations("node")
    for number in range(3 * MOST_MESSAGES):
        node.add(node.told(""), f"ask {number}", f"answer {number}")
        said = told(node)
        assert len(said) <= MOST_MESSAGES
        assert said[0].startswith("ask")
        assert said[-1] == f"answer {number}"
    node.add(node.told(""), "x" * MOST_CHARACTERS, "too much")
    assert told(node) == []
