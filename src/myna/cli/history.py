"""``myna history``: the conversations that were kept, for the user to see, search, name, export and delete.

It works on the database itself, with or without a server.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import anyio
import typer
from rich.text import Text

from myna.cli.kept import JsonList, OfUser, escaped, print_json, when
from myna.cli.terminal import Json, Setting, notes, overrides
from myna.config.load import Loaded, load_settings
from myna.core.errors import BadInput, UnknownName
from myna.core.ids import OWNER, MessageId, UserId
from myna.core.messages import AssistantMessage, Conversation, Message, SystemMessage, ToolCallMessage, UserMessage
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.export import exported, read_export, take_in, title_of
from myna.server.export_markdown import headline, markdown, seen
from myna.server.keys import FILE_NAME, Keys
from myna.server.transcript import told_found, told_listed, transcript
from myna.server.users import conversation_named
from myna.store.base import ConversationStore, Found, KeptTurn, Listed, Page
from myna.store.opening import open_store

app = typer.Typer(help="The conversations that were kept: to see, search, export and delete.", no_args_is_help=True)

T = TypeVar("T")

LARGEST_FILE = 256_000_000
"""Of an import, in bytes."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The conversation, as `myna history list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]


@dataclass(frozen=True, slots=True)
class Whole:
    """A conversation with all that was said in it, the oldest first."""

    conversation: Conversation
    page: Page
    turns: Sequence[KeptTurn]

    @property
    def messages(self) -> Sequence[Message]:
        """All that was said."""
        return self.page.messages


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose conversations are meant, by which settings."""

    loaded: Loaded
    user_id: UserId

    def run(self, work: Callable[[ConversationStore], Awaitable[T]]) -> T:
        """What ``work`` gives, done with the store of this machine."""

        async def run() -> T:
            async with open_store(self.loaded.settings.store.place(self.loaded.folders.data)) as store:
                return await work(store)

        return anyio.run(run)

    def persona(self, persona_id: str) -> Persona | None:
        """The persona with this id, if there still is one."""
        personas = Personas(self.loaded.folders.config / "personas")
        return next((each for each in personas.all if each.id == persona_id), None)

    async def whole(self, store: ConversationStore, conversation_id: str) -> Whole:
        """All of a conversation.

        Raises:
            UnknownName: The user has no such conversation.
        """
        found = await store.find(conversation_named(self.user_id, conversation_id))
        if found is None or found.user_id != self.user_id:
            raise UnknownName(f"There is no conversation {conversation_id}.", hint="See: myna history list")
        return Whole(found, await store.page(found.id), await store.turns(found.id))


@app.command("list")
def list_(
    limit: Limit = 20,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Where the list is to go on: what it printed at its end.")
    ] = None,
    user: OfUser = None,
    as_json: JsonList = False,
    settings: Setting = None,
) -> None:
    """List the conversations, those that were talked in last first."""
    asked = _asked(user, settings)

    async def work(store: ConversationStore) -> Sequence[Listed]:
        return await store.list(asked.user_id, limit=limit + 1, after=after or None)

    found = asked.run(work)
    shown = found[:limit]
    if as_json:
        print_json([told_listed(each) for each in shown])
    elif not shown:
        notes.print("There are no conversations yet." if after is None else "There are no more.")
    else:
        for each in shown:
            name = each.conversation.title or f"“{each.preview}”"
            told = f"{each.messages} message{'' if each.messages == 1 else 's'} with {each.conversation.persona_id}"
            typer.echo(seen(f"{when(each.changed_at)} · {each.conversation.id} · {name} · {told}"))
    if len(found) > limit:
        notes.print(Text(f"There are more: myna history list --after {shown[-1].cursor}"), soft_wrap=True)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD…", help="All of them are to be found.")],
    limit: Limit = 20,
    user: OfUser = None,
    as_json: JsonList = False,
    settings: Setting = None,
) -> None:
    """Search all that was said, by words: 小白 finds 我的猫叫小白."""
    asked = _asked(user, settings)

    async def work(store: ConversationStore) -> Sequence[Found]:
        return await store.search(asked.user_id, " ".join(words), limit=limit)

    found = asked.run(work)
    if as_json:
        print_json([told_found(each) for each in found])
    elif not found:
        notes.print("Nothing was found.")
    for each in () if as_json else found:
        who = "You" if isinstance(each.message, UserMessage) else each.conversation.persona_id
        typer.echo(seen(f"{when(each.at)} · {each.conversation.id} · {each.conversation.title}".rstrip(" ·")))
        typer.echo(seen(f"  {who}: {each.snippet}"))


@app.command()
def show(conversation: Id, user: OfUser = None, as_json: Json = False, settings: Setting = None) -> None:
    """Show all of a conversation; `branch --after` takes the numbers."""
    asked = _asked(user, settings)
    whole = asked.run(lambda store: asked.whole(store, conversation))
    if as_json:
        told = transcript(whole.conversation, whole.page, whole.turns)
        typer.echo(escaped(told.model_dump_json(indent=2)))
        return
    persona = asked.persona(whole.conversation.persona_id)
    name = persona.name if persona else whole.conversation.persona_id
    typer.echo(seen(f"── {headline(whole.conversation, whole.messages)} · {name} · {whole.conversation.id}"))
    for number, message in enumerate(whole.messages, 1):
        typer.echo(seen(f"{number:>4}  {_line(message, name)}"))


@app.command()
def rename(
    conversation: Id,
    title: Annotated[str, typer.Argument(help="What to call it; empty: nothing, so that its beginning is shown.")],
    user: OfUser = None,
    settings: Setting = None,
) -> None:
    """Give a conversation a title."""
    asked, title = _asked(user, settings), title_of(title)
    meant = conversation_named(asked.user_id, conversation)
    asked.run(lambda store: store.rename(asked.user_id, meant, title))
    notes.print(Text(f"It is called: {title}" if title else "It has no title now."))


@app.command()
def export(
    conversation: Id,
    form: Annotated[
        Literal["markdown", "json"], typer.Option("--format", "-f", help="markdown to read, json to keep all of it.")
    ] = "markdown",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="A new file; left out, standard output.")
    ] = None,
    user: OfUser = None,
    settings: Setting = None,
) -> None:
    """Write a conversation as Markdown or JSON."""
    asked = _asked(user, settings)
    whole = asked.run(lambda store: asked.whole(store, conversation))
    if form == "json":
        text = escaped(exported(whole.conversation, whole.page, whole.turns))
    else:
        persona = asked.persona(whole.conversation.persona_id)
        text = markdown(whole.conversation, whole.page, whole.turns, persona)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise BadInput(f"There is a file {out} already.", hint="Choose another name, or remove it.") from None
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    notes.print(Text(f"Written to {out}."))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A conversation that was exported as JSON.")],
    user: OfUser = None,
    settings: Setting = None,
) -> None:
    """Keep an exported conversation as a new one, and print its id."""
    asked = _asked(user, settings)
    if not file.is_file():  # a pipe may never give anything
        raise BadInput(f"{file} is no file.", hint="Check its path.")
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{file} is larger than {LARGEST_FILE // 1_000_000} MB.", hint="No conversation is.")
        told = read_export(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", hint="Check its path.") from error
    made = asked.run(lambda store: take_in(store, asked.user_id, told))
    typer.echo(made.id)


@app.command()
def branch(
    conversation: Id,
    after: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="The last message to take, as `show` numbers them; left out, the newest."),
    ] = None,
    user: OfUser = None,
    settings: Setting = None,
) -> None:
    """Begin a new conversation as this one begins, and print its id; this one stays as it is."""
    asked = _asked(user, settings)

    async def work(store: ConversationStore) -> Conversation:
        whole = await asked.whole(store, conversation)
        return await store.branch(asked.user_id, whole.conversation.id, _meant(after, whole.messages))

    typer.echo(asked.run(work).id)


@app.command()
def delete(
    conversations: Annotated[list[str], typer.Argument(metavar="ID…", help="One or more conversations.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    user: OfUser = None,
    settings: Setting = None,
) -> None:
    """Delete conversations for good, with all that was said in them."""
    asked = _asked(user, settings)

    async def look(store: ConversationStore) -> list[Whole]:
        return [await asked.whole(store, each) for each in dict.fromkeys(conversations)]

    found = asked.run(look)
    for each in () if yes else found:
        name = seen(headline(each.conversation, each.messages))
        typer.confirm(f"Delete “{name}” with its {len(each.messages)} messages?", abort=True, err=True)

    async def work(store: ConversationStore) -> None:
        for each in found:
            await store.delete(asked.user_id, each.conversation.id)

    asked.run(work)
    notes.print("Deleted." if len(found) == 1 else f"Deleted {len(found)} conversations.")


def _asked(user: str | None, settings: list[str] | None) -> Asked:
    loaded = load_settings(overrides(settings))
    return Asked(loaded, Keys(loaded.folders.data / FILE_NAME).user(user or OWNER))


def _meant(after: str | None, messages: Sequence[Message]) -> MessageId:
    """The message that is meant: by its number, or by its id."""
    if not messages:
        raise BadInput("Nothing has been said in this conversation yet.", hint="Begin a new one.")
    if after is None:
        return messages[-1].id
    if after.isascii() and after.isdecimal() and all(message.id != after for message in messages):
        number = int(after[:20])
        if not 1 <= number <= len(messages):
            raise BadInput(f"There is no message {after}: there are {len(messages)}.", hint="See: myna history show ID")
        return messages[number - 1].id
    return MessageId(after)


def _line(message: Message, name: str) -> str:
    """A message in the numbered list; what follows its first line is put in by as much."""
    match message:
        case UserMessage(text=text):
            told = f"You: {text}"
        case AssistantMessage(reply=reply, outcome=outcome):
            ended = {"completed": "", "interrupted": " [interrupted]", "failed": " [broke off]"}[outcome]
            told = f"{name}: {reply.heard}{ended}"
        case SystemMessage(text=text):
            told = f"(instruction) {text}"
        case ToolCallMessage(call=call):
            told = f"(calls {call.name}) {call.arguments}"
        case _:
            told = f"({'failed' if message.failed else 'gave'}) {message.output}"
    return "\n      ".join(told.splitlines())
