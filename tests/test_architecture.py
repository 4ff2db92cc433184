"""The floors of the house: an import points only to a floor below, and no file outgrows a sitting."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import tinygrad_np

PACKAGE = Path(tinygrad_np.__file__).parent
FLOORS = [
    {"errors", "frames", "instructions"},
    {"guarded", "sentences"},
    {"advice", "hints", "reads", "warned"},
    {"primitive", "exposure"},
    {"formula"},
    {"ops"},
    {"graph"},
    {"unbroadcast"},
    {"selected"},
    {"engine", "operands"},
    {"record"},
    {"curvature", "dispatch", "methods", "reading", "updates"},
    {"operators"},
    {"tensor"},
    {"tree"},
    {"call"},
    {"transforms"},
    {"program"},
    {"check"},
    {"draw"},
    {"options"},
    {"nn", "optim", "archive", "batches"},
    {"saving"},
    {"training"},
    {"estimators"},
    {"__init__"},
    {"__main__"},
]
CHAPTERS = ["arrays", "elementwise", "reductions", "linalg", "signal", "networks"]
"""The chapters of ops/: a file imports from those before its own alone."""

ROOMS = ["ir", "state", "capture", "passes", "emit", "entry", "verify", "variant", "compiled", "__init__"]
"""The rooms of program/ and what stands beside them: a file imports from those before its own alone."""

BUDGETS = {"ops": 7730, "nn": 2381, "optim": 1499, "program": 7900, "check": 10007, "draw": 2332}
"""Lines that a folder may have; whoever needs more raises the budget, and says why in the commit's message."""

TRAINING = {"options", "archive", "batches", "saving", "training", "estimators"}
"""The files right below the package that train and keep a network, and stand on all others."""

TRAINING_BUDGET = 1245
CORE_BUDGET = 5448
"""Lines of the other files right below the package."""

LONGEST = 400
"""Lines of a file."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(module: Path) -> str:
    """The floor's name of a file: the folder or the file right below the package."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


def imported_parts(module: Path) -> set[str]:
    """The parts of the package that a file imports, inside functions too."""
    parts: set[str] = set()
    package = list(module.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            where = package[: len(package) - (node.level - 1)] + (node.module.split(".") if node.module else [])
            parts |= {where[0]} if where else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinygrad_np"):
            pytest.fail(f"{module} imports {node.module} by its full name; write a relative import")
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("tinygrad_np") for alias in node.names), module
    return parts


@pytest.mark.parametrize("module", modules(), ids=lambda module: str(module.relative_to(PACKAGE)))
def test_imports_point_downward(module: Path) -> None:
    here = part(module)
    for name in imported_parts(module) - {here}:
        assert floor(name) < floor(here), f"{module.relative_to(PACKAGE)} imports {name}, which is not below it"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapters_of_ops_import_earlier_chapters_alone(chapter: str) -> None:
    for module in (PACKAGE / "ops" / chapter).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                other = node.module.split(".")[0]
                assert CHAPTERS.index(other) < CHAPTERS.index(chapter), f"{module.name} imports {other}"


def imported_files(module: Path) -> set[Path]:
    """The files of the package that a file imports, for type checking and inside functions too."""
    files: set[Path] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            where = module.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in [where, *(where / alias.name for alias in node.names)]:
                files |= {file for file in (name.with_suffix(".py"), name / "__init__.py") if file.is_file()}
    return files


def program_modules() -> list[Path]:
    return [module for module in modules() if part(module) == "program"]


@pytest.mark.parametrize("module", program_modules(), ids=lambda module: str(module.relative_to(PACKAGE)))
def test_rooms_of_program_import_earlier_rooms_alone(module: Path) -> None:
    def room(file: Path) -> int:
        return ROOMS.index(file.relative_to(PACKAGE / "program").parts[0].removesuffix(".py"))

    for other in imported_files(module):
        if part(other) == "program" and room(other) != room(module):
            assert room(other) < room(module), f"{module.relative_to(PACKAGE)} imports {other.relative_to(PACKAGE)}"


def circle(imports: dict[Path, set[Path]]) -> list[Path]:
    """Files that import each other in a circle: what is left when all that import nothing left are taken away."""
    left = dict(imports)
    while free := [file for file, others in left.items() if not others & left.keys() - {file}]:
        for file in free:
            del left[file]
    return sorted(left)


def test_no_files_of_program_import_each_other_in_a_circle() -> None:
    files = {module: imported_files(module) for module in program_modules() if module.name != "__init__.py"}
    assert not circle(files)
    a, b, c = Path("a.py"), Path("b.py"), Path("c.py")
    assert circle({a: {b}, b: {a}, c: {a}}) == [a, b, c]


def test_no_class_of_program_has_the_name_of_another() -> None:
    names = [
        node.name
        for module in program_modules()
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", modules(), ids=lambda module: str(module.relative_to(PACKAGE)))
def test_a_file_fits_in_a_sitting(module: Path) -> None:
    lines = len(module.read_text().splitlines())
    assert lines <= LONGEST


def lines_of(files: Iterable[Path]) -> int:
    return sum(len(file.read_text().splitlines()) for file in files)


@pytest.mark.parametrize("folder", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()))
def test_a_folder_keeps_its_budget(folder: str) -> None:
    assert lines_of((PACKAGE / folder).rglob("*.py")) <= BUDGETS[folder]


def test_the_core_keeps_its_budget() -> None:
    assert lines_of(file for file in PACKAGE.glob("*.py") if file.stem not in TRAINING) <= CORE_BUDGET
    assert lines_of(PACKAGE / f"{name}.py" for name in TRAINING) <= TRAINING_BUDGET


def statements(tree: ast.AST) -> int:
    """How many statements there are, apart from imports and docstrings, whatever lines they are spread over."""
    counted = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    texts = [node for node in counted if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return len(counted) - len(texts) - sum(isinstance(node, ast.Import | ast.ImportFrom) for node in counted)


def test_networks_and_their_training_are_fewer_than_2000_statements() -> None:
    parts = {"nn", "optim", *TRAINING} - {"estimators"}
    assert sum(statements(ast.parse(file.read_text())) for file in modules() if part(file) in parts) < 2000


def test_no_layer_has_more_than_30_statements() -> None:
    trees = [ast.parse(file.read_text()) for file in modules() if part(file) == "nn" and file.stem != "containers"]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) and node.name != "Module"]
    assert {node.name for node in classes} >= {"LSTM", "MultiheadAttention", "Conv2d", "BatchNorm1d"}
    assert not [node.name for node in classes if statements(node) - 1 > 30]


@pytest.mark.parametrize("module", modules(), ids=lambda module: str(module.relative_to(PACKAGE)))
def test_a_file_opens_with_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))


def test_the_check_sees_an_upward_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    bad = tmp_path / "graph.py"
    bad.write_text("from .tensor import Tensor\n")
    assert imported_parts(bad) == {"tensor"}
    with pytest.raises(AssertionError, match="not below"):
        test_imports_point_downward(bad)


def test_an_import_waits_for_what_is_asked_for() -> None:
    """Checks, drawings, networks and compiled programs, of which a script needs a few, are most of the package."""
    script = "import sys, tinygrad_np as tg; print(*sys.modules); [getattr(tg, name) for name in tg.__all__]"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    loaded = shown.stdout.split()
    assert "tinygrad_np.transforms" in loaded
    later = ("check", "draw", "nn", "optim", "program", "saving", "training")
    assert not [name for name in loaded if name.startswith(tuple(f"tinygrad_np.{part}" for part in later))]
    assert not {"numpy.random", "numpy.ma", "numpy.testing", "sklearn", "pydot"} & {*loaded}
