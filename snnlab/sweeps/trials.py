"""The trials of a sweep as a queue in Optuna's storage, from which any number of processes take.

All trials are entered at the start: with their values for a grid or at random, so that values do
not depend on who finishes first, or empty for TPE, which chooses when a trial is taken. Taking one
is a compare-and-set in the storage. A trial whose process died is taken over by another.

Optuna's own heartbeat (5.0) is not used: journal files have none, it writes once per trial and
interval instead of once per process, and it fails a stale trial and enters a copy, so that a late
result is lost and numbers no longer agree with the plan.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from uuid import uuid4

from snnlab.errors import SnnlabError
from snnlab.process import is_running
from snnlab.quantities import objectives
from snnlab.sweeps.cluster import Failed
from snnlab.sweeps.plan import Plan
from snnlab.sweeps.storage import Traces, open_storage, optuna, said

BEAT, LEASE = 10.0, 60.0
"""Seconds between a process's signs of life, and after which silence means death."""
STARTUP = 10
"""Trials that TPE begins with at random."""
DIRECTIONS = {"up": "maximize", "down": "minimize"}
"""What Optuna calls the better direction of a quantity."""
_HERE: set[str] = set()
"""Queues at work in this process."""


class TrialQueue:
    """A study in a storage, seen by one of the processes that work on it.

    Opens or creates it. The context manager sends signs of life, and after an error before any
    trial has ended removes what it created. Raises :class:`SnnlabError` if the storage cannot be
    used or holds a sweep of this name with another plan.
    """

    def __init__(self, plan: Plan, where: str):
        self.plan, self.where = plan, where
        self.me = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._mine, self._traces, self._storage = False, Traces(where), None
        try:
            self._storage = open_storage(where)
            with said(where):
                self.study = self._begun(self._storage)
                with self._living():  # thousands of trials take longer than LEASE
                    self._fill()
        except BaseException:
            self._undo()
            raise

    def __enter__(self) -> "TrialQueue":
        self._life = self._living()
        self._life.__enter__()
        return self

    def __exit__(self, kind, *_):
        self._life.__exit__(None, None, None)
        if kind is not None:
            self._undo()

    def _undo(self):
        """Delete the study that was begun here, if it has no result and nobody else uses it."""
        library = optuna()
        with suppress(Exception):  # the storage fails: then what it holds stays
            if (self._mine or self._traces.new) and self._storage:
                with suppress(KeyError):  # not begun yet
                    study = library.load_study(study_name=self.plan.name, storage=self._storage)
                    if self._is_unused(study):
                        library.delete_study(study_name=self.plan.name, storage=self._storage)
            self._traces.remove(self._storage)

    def _is_unused(self, study):
        others = study.user_attrs.keys() - {f"alive {self.me}"}
        ended = any(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
        return not ended and not any(name.startswith("alive ") for name in others)

    @contextmanager
    def _living(self):
        """Send signs of life meanwhile."""
        over = Event()
        thread = Thread(target=self._live, args=(over,), daemon=True)
        _HERE.add(self.me)
        thread.start()
        try:
            yield
        finally:
            _HERE.discard(self.me)
            over.set()
            thread.join()

    def _live(self, over):
        while True:
            try:
                self.study.set_user_attr(f"alive {self.me}", time.time())
            except Exception:  # the storage fails: whoever writes results will say so
                return
            if over.wait(BEAT):
                return

    def _begun(self, storage):
        library, plan = optuna(), self.plan
        sampler = library.samplers.RandomSampler(plan.seed)
        try:
            study = library.create_study(
                storage=storage, study_name=plan.name, sampler=sampler,
                directions=[DIRECTIONS[objectives()[name].better] for name in plan.objectives],
            )  # fmt: skip
            self._mine = True
            self._introduce(study)
        except library.exceptions.DuplicatedStudyError:
            study = library.load_study(storage=storage, study_name=plan.name, sampler=sampler)
            self._check_plan(study)
            study.set_user_attr(f"alive {self.me}", time.time())  # or whoever began it undoes it
        if plan.sampler == "tpe":
            seed = plan.seed + len(study.get_trials(deepcopy=False))
            study.sampler = library.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP, multivariate=True, constant_liar=True
            )
        if plan.prune:
            study.pruner = library.pruners.MedianPruner(n_startup_trials=5)
        return study

    def _introduce(self, study):
        study.set_user_attr(f"alive {self.me}", time.time())
        study.set_metric_names(list(self.plan.objectives))
        study.set_user_attr("filler", self.me)
        study.set_user_attr("plan", self.plan.values())

    def _check_plan(self, study):
        for _ in range(50):  # whoever begins it writes the plan a moment later
            if "plan" in study.user_attrs:
                break
            time.sleep(0.1)
        there, mine = study.user_attrs.get("plan"), self.plan.values()
        if there is None:
            raise SnnlabError(
                f"study {study.study_name!r} in {self.where} is not one of snnlab's: give this one"
                " another --name"
            )
        for name, value in mine.items():
            if name != "trials" and (other := there.get(name)) != value:
                raise SnnlabError(
                    f"sweep {study.study_name!r} in {self.where} has {name} = {other}, not {value}:"
                    " give this one another --name"
                )

    def _fill(self):
        """Enter the trials that are not there yet; one process at a time."""
        while len(self._entered()) < self.plan.trials:
            filler = self.study.user_attrs.get("filler")
            if filler == self.me:
                break
            if not self._alive(filler):
                self.study.set_user_attr("filler", self.me)
            time.sleep(0.5)  # another may claim it at the same moment: the last one has it
        entered, points = self._entered(), self._points()
        for index in range(self.plan.trials):
            if index not in entered:
                self.study.enqueue_trial(points.get(index, {}), user_attrs={"index": index})

    def _entered(self):
        trials = self.study.get_trials(deepcopy=False)
        return {trial.user_attrs["index"] for trial in trials if "index" in trial.user_attrs}

    def _points(self):
        """Values of trials by index, as far as they are known from the start."""
        plan = self.plan
        if plan.sampler == "grid":
            return dict(enumerate(plan.grid()))
        library = optuna()
        count = min(STARTUP, plan.trials) if plan.sampler == "tpe" else plan.trials
        dice = library.create_study(sampler=library.samplers.RandomSampler(plan.seed))
        drawn = [dice.ask() for _ in range(count)]
        return {k: {knob.name: knob.suggest(t) for knob in plan.space} for k, t in enumerate(drawn)}

    def take(self) -> Iterator:
        """Trials to do: those that wait, then those whose process died."""
        while (trial := self._pop()) is not None:
            yield trial
        with said(self.where):
            orphans = self._orphans()
        for number in orphans:
            if (trial := self._taken_over(number)) is not None:
                yield trial

    def _pop(self):
        with said(self.where):
            # What study.ask() does first; but ask() would begin a new trial if none waits.
            number = self.study._pop_waiting_trial_id()
            return None if number is None else self._taken(number)

    def _taken(self, number):
        trial = optuna().trial.Trial(self.study, number)
        trial.set_user_attr("owner", self.me)
        for knob in self.plan.space:
            knob.suggest(trial)
        return trial

    def _orphans(self):
        return [t._trial_id for t in self.study.get_trials(deepcopy=False) if self._is_orphan(t)]

    def _is_orphan(self, trial):
        if trial.state != optuna().trial.TrialState.RUNNING:
            return False
        owner = trial.user_attrs.get("owner")
        age = time.time() - trial.datetime_start.timestamp()
        return not self._alive(owner) and bool(owner or age > LEASE)

    def _taken_over(self, number):
        """An orphan as a trial of this process, unless another has it or has finished it."""
        finished = optuna().exceptions.UpdateFinishedTrialError
        with said(self.where), suppress(finished):
            if self._is_orphan(self.study._storage.get_trial(number)):
                return self._taken(number)
        return None

    def _alive(self, owner):
        if owner is None or owner == self.me:
            return owner == self.me
        host, process, _ = owner.rsplit(":", 2)
        if host == socket.gethostname():
            if int(process) == os.getpid():
                return owner in _HERE
            if not is_running(int(process)):
                return False
        last = self.study.user_attrs.get(f"alive {owner}")
        return last is not None and time.time() - last < LEASE

    def tell(self, trial, outcome: dict | Failed) -> str:
        """Store the result of a trial, unless another process has; returns its state."""
        library = optuna()
        states, values = library.trial.TrialState, None
        if isinstance(outcome, Failed):
            state, note = states.FAIL, ("error", outcome.why)
        elif outcome.get("pruned"):
            state, note = states.PRUNED, ("measured", outcome)
        else:
            state, note = states.COMPLETE, ("measured", outcome)
            values = [outcome[name] for name in self.plan.objectives]
        with said(self.where):
            try:
                trial.set_user_attr(*note)
                if values is not None:
                    self._limit(trial, outcome)
            except library.exceptions.UpdateFinishedTrialError:
                return "done elsewhere"
            self.study.tell(trial, values, state=state, skip_if_finished=True)
        return state.name.lower()

    def _limit(self, trial, outcome):
        for name, most in self.plan.limits.items():
            sign = -1 if objectives()[name].better == "up" else 1
            trial.set_constraint(name, sign * (outcome[name] - most))

    def counts(self) -> dict[str, int]:
        """How many trials are in each state."""
        with said(self.where):
            states = [t.state.name.lower() for t in self.study.get_trials(deepcopy=False)]
        return {name: states.count(name) for name in dict.fromkeys(states)}
