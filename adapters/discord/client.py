"""The gateway client: Discord's events on their way to the Inbox."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import discord
import structlog

from adapters.discord.attachments import MOST_BYTES, MOST_FILES
from adapters.discord.failures import translated
from adapters.discord.hearing import Hearing
from adapters.discord.inbound import addressed, said_by_person, spoken, visible
from adapters.discord.missed import Missed
from adapters.discord.places import PLATFORM, known_channel, place_of
from adapters.discord.taken_back import TakenBack
from adapters.discord.threads import Threads, places_of
from bot.control.words import say, told
from bot.errors import PlatformError, QuipuError, StorageError, Undeliverable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence

    import aiohttp
    from discord.gateway import DiscordWebSocket

    from adapters.discord.attachments import Attachments
    from adapters.discord.budget import Budget
    from adapters.discord.hearing import Heard
    from adapters.discord.interactions import Interactions
    from adapters.discord.shared import SharedRoles
    from bot.control.ports import Behaviours, Locales
    from bot.ports import Absences, Inbox
    from bot.values import Inbound, Place

    Tell = Callable[[Inbound, str, str], Awaitable[None]]
    """Says something of the program's own under a message, once for each nonce."""
    Kept = Callable[[Sequence[Place], str], Awaitable[Place | None]]
    """The first of these Places of whose conversation a message is."""

log = structlog.get_logger(__name__)

# discord.py's least; beyond it a request fails at once and is ours to schedule again.
RATELIMIT_PATIENCE = 30.0
# Without a word from the gateway for so long, not even to our heartbeats, the line is dead.
SILENCE = 60.0
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds after which a channel is asked for again, while what came in it waits."""


def intents_for(*, message_content: bool) -> discord.Intents:
    """No more than the bot needs: guilds, their messages, and direct messages."""
    return discord.Intents(
        guilds=True, guild_messages=True, dm_messages=True, message_content=message_content
    )


def keep_quiet_about_voice() -> None:
    """Stop discord.py from warning of voice libraries that this bot has no use for."""
    discord.VoiceClient.warn_nacl = False
    discord.VoiceClient.warn_dave = False


class GatewayClient(discord.Client):
    """discord.py's client with the events that concern a conversation.

    Hands every message on as it comes; that Discord may send one twice is the Inbox's to notice.
    """

    def __init__(
        self,
        inbox: Inbox,
        tell: Tell,
        kept: Kept,
        *,
        message_content: bool,
        http_trace: aiohttp.TraceConfig,
        files: Attachments,
        interactions: Interactions,
        absences: Absences,
        budget: Budget,
        behaviours: Behaviours | None = None,
        locales: Locales | None = None,
        admin_roles: Collection[str] = (),
        shared: SharedRoles,
    ) -> None:
        keep_quiet_about_voice()
        super().__init__(
            intents=intents_for(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=RATELIMIT_PATIENCE,
            heartbeat_timeout=SILENCE,
            http_trace=http_trace,
        )
        self._inbox = inbox
        self._tell = tell
        self._kept = kept
        self._interactions = interactions
        self.threads = Threads(self)
        self.taken_back = TakenBack()
        self._hearing = Hearing(files, self.threads, shared, behaviours, admin_roles, locales)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._order: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._absences = absences
        self._missed = Missed(self, inbox, self._hearing, absences, budget, self._turn)
        self.listening = True

    @property
    def socket(self) -> DiscordWebSocket | None:
        """The gateway's socket; None, whatever discord.py declares, until the first connection."""
        return self.ws

    def forget_global_limit(self) -> None:
        """Let requests pass again. discord.py does so itself after a global 429, unless the request
        that met it was given up meanwhile: then all others would wait for ever.
        """
        self.http._global_over.set()

    async def on_ready(self) -> None:
        """Say so in the log; happens again whenever a session could not be resumed."""
        log.info(
            "discord.ready",
            user=str(self.user),
            guilds=len(self.guilds),
            # Without the message-content intent Discord blanks everything else.
            reads="all messages"
            if self.intents.message_content
            else "mentions, replies to the bot and direct messages",
        )

    async def on_connect(self) -> None:
        """A new session: of what was said before it, the gateway tells nothing."""
        if self.listening:
            self._missed.connected()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Note at once that the line is gone, and pass nothing on after the end.

        discord.py tells that it is ready up to two seconds after it was closed, and trips over it.
        """
        if event == "disconnect":
            self._absences.lost(PLATFORM)
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    async def on_resumed(self) -> None:
        """The session goes on, and everything said meanwhile has been told."""
        self._absences.kept(PLATFORM)

    async def on_message(self, message: discord.Message) -> None:
        """Hand a message for the bot to the Inbox."""
        if not self.listening or self.user is None or not spoken(message, self.user):
            return
        with self._missed.hearing(message.channel, message.id, said_at=message.created_at):
            # Without the message-content intent most messages end here, and nobody is asked.
            if not addressed(message, self.user) and not visible(message):
                return
            with self._counted():
                await self._hear(message, self.user)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Hand on the use of a command, menu, button or form."""
        with self._counted():
            await self._interactions.handle(interaction)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Pass on new words; Discord also reports its own additions, such as link previews.

        Words that an edit has hidden from the bot, or that are gone, were taken back.
        """
        message = event.message
        if self.user is None or not said_by_person(message) or message.edited_at is None:
            return
        if visible(message):
            await self._amend(message, self.user)
        elif self._missed.is_news(message):
            await self._hidden(message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Pass on that a message is gone."""
        await self._withdraw(event.channel_id, event.guild_id, [event.message_id])

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Pass on that many messages are gone."""
        await self._withdraw(event.channel_id, event.guild_id, sorted(event.message_ids))

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        """Log what an event's handler let through, with its traceback."""
        # discord.py calls this from within its own `except`.
        log.exception("discord.event_failed", handler=event_method)  # noqa: LOG004

    async def stop_listening(self) -> None:
        """Take no more events, and look for no missed messages."""
        self.listening = False
        await self._missed.close()

    async def settled(self, deadline: float) -> None:
        """Let what people have just done come to its end, for so many seconds."""
        if self._under_way:
            _, left = await asyncio.wait(self._under_way, timeout=deadline)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _hear(self, message: discord.Message, me: discord.abc.User) -> None:
        async with self._turn(message.channel.id):
            await self._missed.before(message)
            channel = await self._known(message.channel)
            heard = await self._hearing.hear(message, me, channel)
            if heard is not None:
                await self._hand_on(heard)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)

    async def _amend(self, message: discord.Message, me: discord.abc.User) -> None:
        channel = message.channel
        with self._counted():
            async with self._turn(channel.id):
                with self._missed.hearing(channel, message.id):
                    place = place_of(await self._known(channel))
                    # One that was saved nowhere changes nothing.
                    if place is None:
                        return
                    words = await self._hearing.words(message, me)
                    for where in places_of(place, str(message.id)):
                        await self._inbox.amend(where, str(message.id), words)

    async def _hidden(self, message: discord.Message) -> None:
        """Take words back that are not seen any more; most were never the bot's to see."""
        channel, message_id = message.channel, str(message.id)
        with self._counted():
            async with self._turn(channel.id):
                with self._missed.hearing(channel, message.id):
                    place = place_of(await self._known(channel))
                    if place is None:
                        return
                    kept = await self._kept(places_of(place, message_id), message_id)
                    if kept is not None:
                        await self._inbox.withdraw(kept, message_id)

    async def _withdraw(self, channel_id: int, guild_id: int | None, ids: Iterable[int]) -> None:
        with self._counted():
            async with self._turn(channel_id):
                left = [one for one in ids if one not in self.taken_back]
                if left:
                    await self._withdraw_all(self._channel(channel_id, guild_id), left)

    async def _withdraw_all(self, channel: Any, ids: Sequence[int]) -> None:
        place = None
        # Where Discord does not tell of the channel, the whole event is owed.
        with self._missed.hearing(channel, *ids):
            place = place_of(await self._known(channel))
        if place is None:
            return
        for one in ids:
            with self._missed.hearing(channel, one):
                for where in places_of(place, str(one)):
                    await self._inbox.withdraw(where, str(one))

    async def _hand_on(self, heard: Heard) -> None:
        inbound = heard.inbound
        try:
            inbound = await self._hearing.vouched(self, inbound)
            # A file that cannot be read, and not a word with it, leaves nothing to answer.
            claimed = bool(inbound.text or not heard.declined) and await self._inbox.accept(inbound)
            log.debug("discord.message", id=inbound.message_id, claimed=claimed)
        except StorageError:
            raise
        except QuipuError as error:
            log.exception("discord.message_not_accepted", id=inbound.message_id)
            await self._tell(inbound, told(error, inbound.locale), f"sorry-{inbound.message_id}")
            return
        if heard.declined and (claimed or (inbound.mentioned and not inbound.text)):
            words = declined(heard.declined, inbound.locale)
            await self._tell(inbound, words, f"files-{inbound.message_id}")

    def _turn(self, channel_id: int) -> asyncio.Lock:
        # discord.py runs every event as a task of its own; the lock is fair and so keeps the
        # order in which a channel's events came.
        return self._order.setdefault(channel_id, asyncio.Lock())

    def _channel(self, channel_id: int, guild_id: int | None) -> Any:
        found = self.get_channel(channel_id)
        return found or self.get_partial_messageable(channel_id, guild_id=guild_id)

    async def _known(self, channel: Any) -> Any:
        """None for one that is gone or closed to the bot; PlatformError if nobody says.

        Nobody is waited for once the bot stops: the next start looks for what came here.
        """
        for pause in PAUSES:
            try:
                return await self._fetched(channel)
            except Undeliverable as error:
                log.warning("discord.channel_unknown", channel=channel.id, reason=str(error))
                return None
            except PlatformError as error:
                if not self.listening:
                    raise
                log.info("discord.channel_not_told", channel=channel.id, reason=str(error))
                await asyncio.sleep(pause)
        return await self._fetched(channel)

    async def _fetched(self, channel: Any) -> Any:
        with translated(f"channel {channel.id}"):
            return await known_channel(channel, self.fetch_channel)


def declined(names: Sequence[str], locale: str) -> str:
    """Why these files were not read, in one sentence."""
    shown = ", ".join(f"`{name.replace('`', '')}`" for name in names)
    most = MOST_BYTES // 1000
    return say("discord.file_declined", locale, names=shown, most=most, count=MOST_FILES)
