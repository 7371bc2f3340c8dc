"""The page a file is fetched from, for KakaoTalk, which takes none into a chat.

Looking at it shows and spends nothing, not even a name: previews fetch links before their reader does. KakaoTalk's own
browser does not save files, so there the page first leads out of it.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.channels.kakao.answering import Kakao
from bot.channels.kakao.files import PATH
from bot.web.room import Room, outside_kakaotalk


class KakaoFiles:
    def __init__(self, room: Room, kakao: Kakao) -> None:
        self.room, self.kakao = room, kakao
        path = f"{PATH}{{token}}"
        self.routes = [Route(path, self.show), Route(path, self.fetch, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """The same page for every address, known or not."""
        locale = await self.room.locale_of(request)
        here = f"{self.kakao.service.pages_at}{request.url.path}"
        page = self.room.templates.get_template("kakao_file.html").render(
            texts=self.room.texts(locale), locale=locale, outside=outside_kakaotalk(request, here)
        )
        return HTMLResponse(page, headers={"X-Robots-Tag": "noindex"})

    async def fetch(self, request: Request) -> Response:
        if self.room.door.foreign(request):
            return Response(status_code=403)
        token = request.path_params["token"][:128]
        if not self.room.door.pace.allows(f"file:{token}"):
            return Response(status_code=429, headers={"Retry-After": "2"})
        found = await self.kakao.files.content(token, self.kakao.service.clock())
        if found is None:
            text = self.room.texts(await self.room.locale_of(request))("kakao.file.gone")
            return Response(text, 404, media_type="text/plain")
        document, content = found
        # RFC 6266 §4.3: the name in UTF-8.
        disposition = f"attachment; filename*=UTF-8''{quote(document.filename, safe='')}"
        return Response(content, media_type=document.media_type, headers={"Content-Disposition": disposition})
