"""Files: where people's lie, and how the app sends its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.loopback.slack import payloads
from tests.loopback.slack.drafts import Draft
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.model import Upload

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Json, Workspace
    from tests.loopback.slack.world import World

READ, WRITE = "/files-pri/{id}", "/upload/v1/{id}"


class Uploads:
    """All files, by id. One that the app announced has no content until it is posted."""

    def __init__(self, world: World, base_url: str) -> None:
        self.files: dict[str, Upload] = {}
        self.read: list[str] = []
        """The ids of the files that the app has fetched."""
        self._world = world
        self._base_url = base_url
        self._announced: dict[str, int] = {}
        world.uploads = self

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "files.getUploadURLExternal": self.announce,
            "files.completeUploadExternal": self.complete,
            "files.info": self.info,
        }

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        return [web.get(READ, self.serve), web.post(WRITE, self.take)]

    def put(self, workspace: Workspace, name: str, content: bytes, mimetype: str) -> Upload:
        """A file of somebody's."""
        upload = Upload(self._world.ids.next("F"), name, content, mimetype, workspace=workspace)
        upload.url = f"{self._base_url}/files-pri/{upload.id}"
        self.files[upload.id] = upload
        return upload

    def announce(self, call: Call) -> Json:
        """The app is about to send a file."""
        length = int(call.args.get("length") or 0)
        if not length or not call.args.get("filename"):
            raise ApiError("missing_argument")
        upload = self.put(call.workspace, call.text("filename"), b"", "application/octet-stream")
        self._announced[upload.id] = length
        return {"upload_url": f"{self._base_url}/upload/v1/{upload.id}", "file_id": upload.id}

    def complete(self, call: Call) -> Json:
        """The app has sent it, and says where it belongs."""
        files = [self.files.get(str(each.get("id"))) for each in call.listed("files")]
        if not files or not all(each and each.content for each in files):
            raise ApiError("file_not_found")
        found = [each for each in files if each]
        channel = call.workspace.channels.get(call.args.get("channel_id") or "")
        if channel is None or not channel.bot_is_in:
            raise ApiError("channel_not_found")
        self._world.post(channel, call.workspace.bot, Draft("", files=found))
        return {"files": [{"id": each.id, "title": each.name} for each in found]}

    def info(self, call: Call) -> Json:
        """A file, where only its id is known."""
        upload = self.files.get(call.text("file"))
        if upload is None or upload.deleted or upload.workspace is not call.workspace:
            raise ApiError("file_not_found")
        return {"file": payloads.file(upload)}

    async def serve(self, request: web.Request) -> web.Response:
        """A file's content, for whoever brings a token that may read it; else a page to log in."""
        upload = self.files.get(request.match_info["id"])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        reader = self._world.by_token(token)
        if upload is None or upload.deleted or reader is None or reader is not upload.workspace:
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if "files:read" not in reader.scopes:
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        self.read.append(upload.id)
        return web.Response(body=upload.content, content_type=upload.mimetype)

    async def take(self, request: web.Request) -> web.Response:
        """The content of an announced file."""
        upload_id = request.match_info["id"]
        content = await request.read()
        if self._announced.pop(upload_id, None) != len(content):
            return web.Response(status=400)
        self.files[upload_id].content = content
        return web.Response(text="OK")
