"""The walk: every site that a scenario passes fails once, in every way that it can.

`Walk.sites()` has a scenario twice, so that what is only done the first time (a pipe, a cache) is
there, and reads which sites the second passed. `Walk.fail()` has it once more with one fault, and
checks what must hold: the program lives; a harmless fault is not felt; a session that was hit has
ended; an honest conversation works; gauges and descriptors are back.
"""

import dataclasses
import time

from support import clients

from .control import where
from .plausible import FAULTS
from .scenarios import SCENARIOS

# What a conversation that was hit may end with. A TimeoutError is an OSError, but no outcome.
OUTCOMES = (OSError, AssertionError, clients.Refused, IndexError, ValueError, AttributeError)


# What c-ares tries has an end, and so has what Lua does about memory.
TRIED_ONCE = ("connect", "sendmsg", "recvfrom", "realloc")


@dataclasses.dataclass(frozen=True)
class Case:
    scenario: str
    site: object
    fault: object
    nth: int
    times: int

    def __str__(self):
        often = f" {self.times} times" if self.times > 1 else ""
        return f"{self.scenario}: {self.site.call} {self.fault} at passage {self.nth}{often}"


class Walk:
    def __init__(self, world):
        self.world = world
        self.failed = []
        self.count = self.missed = self.felt = 0
        self._sites = set()

    def converse(self, name):
        family, function = SCENARIOS[name]
        function(self.world, self.world.place(family))

    def sites(self, name):
        place = self.world.place(SCENARIOS[name][0])
        self.converse(name)
        self.converse(name)
        place.measure()
        place.control.forget()
        self.converse(name)
        found = place.control.sites()
        place.settle()
        self._sites.update((site.call, site.frames[:1], site.key) for site in found)
        return found

    def cases(self, name, passages=2):
        """Every fault of every site, at its first passages and its last one."""
        for site in self.sites(name):
            numbers = {*range(min(passages, site.passages)), site.passages - 1}
            if site.call == "realloc":  # the place in the script is what makes a difference
                numbers = set(range(0, site.passages, max(1, site.passages // 40)))
            numbers = sorted(numbers)
            for fault in FAULTS[site.call]:
                for nth in numbers:
                    yield Case(name, site, fault, nth, 1)
                if fault.harmless and site.call not in TRIED_ONCE:
                    yield Case(name, site, fault, 0, 7)

    def site_count(self):
        return len(self._sites)

    def fail(self, case, tries=3):
        """Raises what is wrong, with the place."""
        family, _ = SCENARIOS[case.scenario]
        place = self.world.place(family)
        mark = place.proxy.mark()
        started = time.monotonic()
        place.control.arm(case.site, case.fault, case.nth, case.times)
        try:
            felt = None
            try:
                self.converse(case.scenario)
            except TimeoutError as error:
                raise AssertionError(f"somebody was left waiting: {error}") from error
            except OUTCOMES as error:
                felt = error
            hit = place.control.fired()
            place.control.disarm()
            if not hit and tries > 1:  # not every conversation takes exactly the same way
                return self.fail(case, tries - 1)
            self.count += hit > 0
            self.missed += hit == 0
            self.felt += felt is not None
            assert place.proxy.running(), f"the program is gone with {place.proxy.process.poll()}"
            if felt and (case.fault.harmless or not hit):
                raise AssertionError(f"felt, though harmless: {felt!r}") from felt
            try:
                self.converse(case.scenario)
            except OUTCOMES as error:
                raise AssertionError(f"an honest conversation after it failed: {error!r}") \
                    from error
            place.settle(several=case.scenario.startswith("http_get"))
        except BaseException as error:
            place.control.disarm()
            error.add_note(f"{case} ({time.monotonic() - started:.1f} s)\n"
                           f"    {where(case.site)}")
            error.add_note("\n".join(text for _, text in place.proxy.lines[mark:][-25:]))
            raise

    def try_to_fail(self, case):
        """The same, and what is wrong is kept: the walk goes on with a new program."""
        try:
            self.fail(case)
        except AssertionError as error:
            self.failed.append((case, error))
            place = self.world.restart(SCENARIOS[case.scenario][0])
            self.converse(case.scenario)
            place.measure()
