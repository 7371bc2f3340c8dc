"""Where a certificate is registered: a list to tick off, remembered, so that a reissue says where to go again.

Nobody but the customer knows these places, so whatever they name is taken as it is. The usual ones are `places.NAME`.
"""

from typing import Any, Final

from handlers import masking
from handlers.effects import TickPlace
from handlers.flow import Again, Ask, Goto, Taken, Turn
from handlers.owned import Places
from handlers.owning import Owning
from handlers.texts import Texts

USUAL: Final = ("hometax", "gov24", "banks", "cards", "securities", "insurance", "nhis")
LONGEST: Final = 30
MOST: Final = 20


def place_name(place: str, texts: Texts) -> str:
    key = f"places.{place}"
    return texts(key) if key in texts else place


class Registering(Owning):
    """The step `places` of a journey that knows its certificate (`data["serial"]`)."""

    async def begin_places(self, turn: Turn) -> Any:
        if turn.data.get("ticked_of") == turn.data["serial"]:
            return None  # each tick comes back here before it is written
        turn.data["ticked_of"] = turn.data["serial"]
        known = await self.office.owners.places(turn.data["serial"])
        turn.data["ticked"] = list(known.ticked)
        turn.data["places"] = _listed(known)
        turn.data["again"] = bool(known.before)
        return None

    async def ask_places(self, turn: Turn) -> Ask:
        t = self.office.texts[turn.locale]
        labels = {
            str(number): t(
                "places.ticked" if place in turn.data["ticked"] else "places.open", place=place_name(place, t)
            )
            for number, place in enumerate(turn.data["places"], 1)
        }
        return Ask((*labels, "done"), labels=labels, variant="again" if turn.data["again"] else None)

    async def take_places(self, turn: Turn, answer: str) -> Taken:
        if answer == "done":
            return None
        listed, ticked = turn.data["places"], turn.data["ticked"]
        if answer.isdecimal():
            if not 1 <= int(answer[:3]) <= len(listed):
                return Again("not_offered")
            place = listed[int(answer[:3]) - 1]
        else:
            place = " ".join(masking.text(answer).split())
            if not 2 <= len(place) <= LONGEST or len(listed) >= MOST:
                return Again("too_long" if len(place) > LONGEST else "not_offered")
            t = self.office.texts[turn.locale]
            place = next((one for one in listed if place_name(one, t) == place), place)
            if place not in listed:
                listed.append(place)
            elif place in ticked:
                return Goto("places")
        registered = place not in ticked
        turn.effect(TickPlace(turn.data["serial"], place, registered))
        if registered:
            ticked.append(place)
        else:
            ticked.remove(place)
        return Goto("places")


def _listed(known: Places) -> list[str]:
    """Where it was registered before comes first, then the usual places."""
    return list(dict.fromkeys((*known.before, *known.ticked, *USUAL)))[:MOST]
