"""Grade a file with a backward function: it runs in a process of its own, within limits, and is given no trust.

    grade = graded(Path("submission.py"))
    grade.score, grade.gradients["W1"]

Found out, and given no credit: a file that ends the process, never ends, fills the memory, changes the checker, or lets
an autograd compute its gradients. It is a fence against accidents and shortcuts, not against a determined attacker:
that needs a container.
"""

from __future__ import annotations

import builtins
import importlib.util
import inspect
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .backward import BackwardReport, checked
from .recording import Output, TooMuchPrinted
from .report import AT_KINK, RIGHT, WRONG, Row
from .values import moved

AUTOGRADS = {
    "tinygrad_np",
    "autograd",
    "jax",
    "torch",
    "tensorflow",
    "mygrad",
    "micrograd",
    "tinygrad",
    "theano",
    "keras",
}
"""Packages that differentiate, whose functions a hand-written backward pass does not call."""


@dataclass(frozen=True)
class Names:
    """What the functions of a file are called, and which gradients the backward function has to return."""

    forward: str = "forward"
    backward: str = "backward"
    inputs: str = "inputs"
    gradients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How long a file may run, and how much memory it may take."""

    seconds: float = 10.0
    megabytes: int = 4000


@dataclass
class Grade:
    """What a file is worth: a `score` from 0 to 1, and for each gradient its verdict, line, credit and diagnosis.

    `checked` says whether it could be checked at all; `reason` why not; `text` is the report to be read.
    """

    score: float = 0.0
    gradients: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_wrong: dict[str, Any] | None = None
    checked: bool = False
    reason: str = ""
    text: str = ""

    @property
    def exit_code(self) -> int:
        """0 if all is right, 1 if something is wrong, 2 if it could not be checked."""
        return 2 if not self.checked else int(self.reason != "" or self.score < 1 or self.first_wrong is not None)

    def to_dict(self) -> dict[str, Any]:
        """The grade as plain data."""
        found = asdict(self)
        del found["text"], found["checked"]
        return found


def graded(
    file: Path,
    names: Names | None = None,
    limits: Limits | None = None,
    *,
    teacher: Path | None = None,
    inherited: bool = False,
) -> Grade:
    """The grade of a file; `teacher` is a file that has the inputs, and the forward pass if it has one.

    With `inherited`, what is wrong only as a consequence of an earlier mistake gets its credit all the same.
    """
    names, limits = names or Names(), limits or Limits()
    for path in (file, *([teacher] if teacher else [])):
        if not path.is_file():
            return _refused(f"{path} is not a file.")
    reading, writing = os.pipe()
    secret = secrets.token_hex(16)
    task = {
        "file": str(file.resolve()),
        "teacher": None if teacher is None else str(teacher.resolve()),
        "names": asdict(names),
        "inherited": inherited,
        "megabytes": limits.megabytes,
        "seconds": limits.seconds,
        "secret": secret,
        "pipe": writing,
    }
    root = str(Path(__file__).parents[2])
    search = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import _work; _work()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(writing,),
        env={**os.environ, "PYTHONPATH": search, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    os.close(writing)
    try:
        process.communicate(json.dumps(task).encode(), timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        return _refused(f"It did not end within {limits.seconds:g} seconds.", checked=True)
    finally:
        _ended(process)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read(50_000_000)
    return _understood(answer, secret, process.returncode)


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End the process and those that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _understood(answer: bytes, secret: str, code: int) -> Grade:
    try:
        found = json.loads(answer)
        if found.pop("secret") == secret:
            return Grade(**found)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    how = f"with the exit code {code}" if code >= 0 else f"by signal {-code}, as when memory or time is used up"
    return _refused(f"It ended the process {how} before it was checked.", checked=True)


def _refused(reason: str, *, checked: bool = False) -> Grade:
    return Grade(reason=reason, text=reason, checked=checked)


def _work() -> None:
    """What the other process does: load the file, check it, and hand back the grade."""
    task = json.loads(sys.stdin.buffer.read())
    _limit(task["megabytes"], task["seconds"])
    is_untouched = _watched()
    secret, pipe = task.pop("secret"), task.pop("pipe")
    sys.stdout = sys.stderr = Output()
    write, close, dumps, leave = os.write, os.close, json.dumps, os._exit
    try:
        grade = _checked(task)
    except SystemExit:
        grade = _refused("It called exit().", checked=True)
    except MemoryError:
        grade = _refused(f"It took more memory than {task['megabytes']} megabytes.", checked=True)
    except TooMuchPrinted as error:
        grade = _refused(f"It was stopped: {error}.", checked=True)
    except BaseException as error:
        told = " ".join(str(error).split())
        grade = _refused(f"It could not be checked: {type(error).__name__}: {told}")
    if not is_untouched():
        grade = _refused("It changes functions of the checker or of NumPy.", checked=True)
    answer = dumps({**asdict(grade), "secret": secret}).encode()
    while answer:
        answer = answer[write(pipe, answer) :]
    close(pipe)
    leave(0)


def _limit(megabytes: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Where there are no such limits, that of time holds.
        return
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))


def _watched() -> Callable[[], bool]:
    """A function that says whether the functions of this package, of NumPy and of json are still what they are now."""
    ours = [one for name, one in sys.modules.items() if name.partition(".")[0] == __name__.partition(".")[0]]
    classes = [one for module in ours for one in vars(module).values() if isinstance(one, type)]
    kept: list[Any] = [
        (vars(place), name, one, getattr(one, "__code__", None))
        for place in (*ours, np, json, os, builtins, *classes)
        for name, one in list(vars(place).items())
        if callable(one)
    ]

    missing = object()

    def is_untouched(read: Any = getattr, every: Any = all) -> bool:
        return bool(
            every(
                here.get(name, missing) is one and read(one, "__code__", None) is code for here, name, one, code in kept
            )
        )

    return is_untouched


def _checked(task: dict[str, Any]) -> Grade:
    names = Names(**{**task["names"], "gradients": tuple(task["names"]["gradients"])})
    teachers = {} if task["teacher"] is None else _loaded(Path(task["teacher"]), "teacher")
    own = _loaded(Path(task["file"]), "submission")
    known: dict[str, Any] = {}
    for role in ("forward", "backward", "inputs"):
        name = getattr(names, role)
        # What the teacher has counts; the backward function is the one that is graded.
        places = [own] if role == "backward" else [teachers, own]
        found = next((place[name] for place in places if name in place), None)
        if found is None:
            return _refused(f"{Path(task['file']).name} has no {name!r}.")
        known[role] = found
    random = np.random.default_rng(0)
    inputs = known["inputs"]
    if callable(inputs):
        inputs = inputs(random) if inspect.signature(inputs).parameters else inputs()
    report = checked(known["forward"], known["backward"], inputs)
    grade = _grade(report, names.gradients, task["inherited"])
    if report and isinstance(inputs, Mapping):
        # What was computed before, or written down, does not follow.
        again = checked(known["forward"], known["backward"], moved(inputs, random, report.returned), is_located=False)
        if any(row.verdict == WRONG for row in again.rows):
            grade = _refused("Its gradients are right for the inputs of the file alone, not for others.", checked=True)
    return grade


def _loaded(path: Path, name: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return vars(module)


def _grade(report: BackwardReport, demanded: tuple[str, ...], inherited: bool) -> Grade:
    first = report.first_wrong
    rows = {row.name: row for row in report.rows if row.name in report.returned}
    lines = {one.name: one.line for one in report.wrong_lines}
    gradients: dict[str, dict[str, Any]] = {
        name: {
            "verdict": row.verdict,
            "line": lines.get(f"d{name}") or (first.line if first is not None and row.verdict == WRONG else None),
            "credit": _credit(row, inherited),
            "diagnosis": row.diagnosis,
        }
        for name, row in rows.items()
    }
    for name in demanded:
        gradients.setdefault(name, {"verdict": "missing", "line": None, "credit": 0.0, "diagnosis": ""})
    if demanded:
        gradients = {name: gradients[name] for name in demanded}
    grade = Grade(gradients=gradients, checked=True, text=str(report))
    grade.first_wrong = None if first is None else asdict(first)
    grade.score = round(sum(one["credit"] for one in gradients.values()) / max(len(gradients), 1), 6)
    used = sorted(report.entered & AUTOGRADS) or ([] if report.is_seen else ["what it hides"])
    if used:
        grade.reason = (
            f"The backward function lets {' and '.join(used)} compute: its gradients are not written by hand."
        )
    elif not report.is_whole:
        grade.reason = " ".join(report.notes) or "The backward function returned no gradient."
    if used or not report.is_whole:
        grade.text = f"{grade.reason}\n\n{grade.text}"
        grade.score = 0.0
        for one in gradients.values():
            one["credit"] = 0.0
    return grade


def _credit(row: Row, inherited: bool) -> float:
    right = row.verdict in (RIGHT, AT_KINK) or (inherited and bool(row.follows_from))
    return 1.0 if right else 0.0
