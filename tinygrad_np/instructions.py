"""What a line of the user's code does with a value, seen in its bytecode.

    reader = reader_at(frame)               what has just asked a Tensor for its number
    reader.on_purpose                       whether that is written out, as in float(t)
    reader.name                             what to call it: "math.exp", "an assignment to an element"
    called_at(code, instruction)            what is called there: "np.mean", "a.dot"
    is_printed(frame)                       whether it is print that is being called, to print as usual
    is_discarded(frame)                     whether the result of the call there is used for nothing
    is_computed_with(frame)                 whether the attribute read there goes straight into arithmetic
    is_operation(frame)                     whether that is an operator, or a call of NumPy's
    is_only_looked_at(code, instruction)    whether the value read there ends in a comparison or in a print

A call's callee, and the instruction that takes a value, are found by the depth of the stack before each instruction.
Only how depths differ within one expression matters, so that where a block starts is of no account.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from types import CodeType, FrameType
from typing import NamedTuple

READERS = ("float", "int", "bool")
"""What reads a number on purpose, where it is called by this name."""

TRUTHS = ("isnan", "isinf", "isfinite", "isclose")
"""Functions, of `math` say, that give no more than a truth."""

_ORDERING = ("sorted", "sort", "max", "min")
"""What takes `key=float`: it hands the tensors on, in the order of their values."""

_HANDING_ON = ("abs", "round", "len", "str", "repr", "format", *READERS)
_SHUFFLING = ("SWAP", "COPY", "DUP_TOP", "ROT_TWO", "ROT_THREE")
_LOOKING = ("COMPARE_OP", "IS_OP", "CONTAINS_OP", "TO_BOOL", "UNARY_NOT", "BUILD_STRING")
_STORING = ("STORE_FAST", "STORE_DEREF", "STORE_GLOBAL")
_LOADING = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_GLOBAL")
_SILENT = ("NOP", "CACHE", "EXTENDED_ARG", "PUSH_NULL", "PRECALL", "KW_NAMES", "NOT_TAKEN")


class Reader(NamedTuple):
    """What asks a Tensor for its number: whether it is written out to do so, and what to call it."""

    on_purpose: bool
    name: str


class _Instructions:
    """The instructions of a code, with the depth of the stack before and after each."""

    def __init__(self, code: CodeType) -> None:
        self.all = list(dis.get_instructions(code))
        self.offsets = [instruction.offset for instruction in self.all]
        self.readers: dict[int, Reader] = {}
        self.computed_with: dict[int, bool] = {}
        self.operations: dict[int, bool] = {}
        self.before: list[int] = []
        self.after: list[int] = []
        at_target: dict[int, int] = {}
        depth = 0
        for instruction in self.all:
            depth = at_target.get(instruction.offset, depth)
            self.before.append(depth)
            if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
                at_target.setdefault(instruction.argval, depth + _effect(instruction, jump=True))
            depth += _effect(instruction, jump=False)
            self.after.append(depth)

    def at(self, offset: int) -> int:
        """The index of the instruction at an offset, which may be that of its last cache."""
        return bisect_right(self.offsets, offset) - 1

    def call_at(self, index: int) -> int | None:
        """The instruction that starts the call here (Python 3.11 has two for each), or None if there is none."""
        if self.all[index].opname == "CALL" and self.all[index - 1].opname == "PRECALL":
            return index - 1
        return index if self.all[index].opname.startswith(("CALL", "PRECALL")) else None

    def callee(self, call: int) -> int | None:
        """The instruction that loads what is called."""
        operation = self.all[call]
        if operation.arg is None or "INTRINSIC" in operation.opname:
            return None
        unpacked = "_EX" in operation.opname  # f(*args): one tuple, and a dict where the lowest bit says so.
        above = 1 + (operation.arg & 1) if unpacked else operation.arg + ("_KW" in operation.opname)
        level = self.before[call] - above
        return next(
            (
                index
                for index in range(call - 1, -1, -1)
                if (self.before[index] < level or self.after[index] == level)
                and self.all[index].opname not in _SILENT
                and "JUMP" not in self.all[index].opname
            ),
            None,
        )

    def loaded(self, index: int | None) -> str:
        """The name that is loaded here, with the object of which it is an attribute: "float", "math.exp"."""
        if index is None or not self.all[index].opname.startswith("LOAD_"):
            return ""
        operation = self.all[index]
        names = operation.argval if isinstance(operation.argval, tuple) else (operation.argval,)
        if operation.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            return f"{self.loaded(index - 1) if index else ''}.{names[-1]}"
        return names[-1] if isinstance(names[-1], str) else ""

    def reader(self, index: int) -> Reader:
        operation = self.all[index]
        call = self.call_at(index)
        if operation.opname == "STORE_SUBSCR":
            return Reader(False, "an assignment to an element of an array")
        if self._formats(index):
            return Reader(True, "formatting")
        if call is None:
            mapped = self._mapped(0, index)
            return Reader(mapped in READERS, mapped)
        start = self.callee(call)
        name = self.loaded(start)
        last = name.rpartition(".")[2]
        arguments = [self.loaded(position) for position in range(start or 0, call)]
        by_order = last in _ORDERING and any(argument in READERS for argument in arguments)
        mapped = self._mapped(start or 0, call)
        on_purpose = name in READERS or last in TRUTHS or by_order or mapped in READERS
        return Reader(on_purpose, mapped or name)

    def _formats(self, index: int) -> bool:
        """Whether this may be `"%.3f" % value`."""
        operation = self.all[index]
        return operation.opname in ("BINARY_MODULO", "INPLACE_MODULO") or operation.argrepr in ("%", "%=")

    def _mapped(self, start: int, stop: int) -> str:
        """What the last `map` between two instructions calls, or nothing."""
        loads = [name for position in range(start, stop) if (name := self.loaded(position))]
        mapped = loads[len(loads) - loads[::-1].index("map") :] if "map" in loads else []
        attributes = [name for name in mapped if name.startswith(f"{mapped[0]}.")]
        return [*mapped[:1], *attributes][-1] if mapped else ""

    def taker(self, index: int, depth: int) -> int | None:
        """The instruction that takes the value which, after the one at `index`, is on the stack at this depth."""
        for position in range(index + 1, len(self.all)):
            if self.before[position] == depth:
                name = self.all[position].opname
                if name not in _SILENT and (not name.startswith("LOAD_") or name in ("LOAD_ATTR", "LOAD_METHOD")):
                    return position
            elif self.after[position] <= depth:
                return position
        return None

    def is_only_looked_at(self, index: int, depth: int, seen: set[int]) -> bool:
        """Whether a value ends in a comparison, a print or nothing, however it is computed with on the way."""
        position = self.taker(index, depth)
        if position is None or position in seen:
            return position is not None
        seen.add(position)
        operation = self.all[position]
        name = operation.opname
        if name in _SHUFFLING:
            return any(following.opname == "COMPARE_OP" for following in self.all[position : position + 4])
        if name in _LOOKING or name.startswith(("POP_JUMP", "JUMP_IF", "FORMAT")) or name == "POP_TOP":
            return True
        if name.startswith(_STORING):
            stored = operation.argval[0] if isinstance(operation.argval, tuple) else operation.argval
            in_an_assertion = stored.startswith("@py_")  # As pytest rewrites it.
            return in_an_assertion or all(self.is_only_looked_at(load, at, seen) for load, at in self._loads_of(stored))
        call = self.call_at(position)
        if call is not None:
            callee = self.callee(call)
            last = self.loaded(callee).rpartition(".")[2]
            if last in ("print", "range", *TRUTHS):
                return True
            if last == "backward" or (last not in _HANDING_ON and callee != index):
                return False
            position += self.all[position].opname == "PRECALL"
        elif not name.startswith(("BINARY_", "INPLACE_", "UNARY_", "LOAD_ATTR", "LOAD_METHOD")):
            return False
        return self.is_only_looked_at(position, self.after[position], seen)

    def _loads_of(self, name: str) -> list[tuple[int, int]]:
        """The instructions that load a variable, each with the depth of the stack once it is there."""
        loads = []
        for index, operation in enumerate(self.all):
            if operation.opname.startswith(_LOADING):
                names = operation.argval if isinstance(operation.argval, tuple) else (operation.argval,)
                loads += [
                    (index, self.after[index] - len(names) + 1 + at)
                    for at, loaded in enumerate(names)
                    if loaded == name
                ]
            elif operation.opname == "STORE_FAST_LOAD_FAST" and operation.argval[1] == name:
                loads.append((index, self.after[index]))
        return loads

    def is_computed_with(self, index: int) -> bool:
        """Whether an attribute that is read here goes straight into an operator, an index or an attribute."""
        position = self.taker(index, self.after[index]) if self.all[index].opname == "LOAD_ATTR" else None
        name = "" if position is None or self._formats(position) else self.all[position].opname
        return name.startswith(("BINARY_", "INPLACE_", "UNARY_NEG", "LOAD_ATTR", "LOAD_METHOD"))


_analysed: dict[int, tuple[CodeType, _Instructions]] = {}
"""By the identity of a code (its hash takes as long as it is): at most so many that a session's cells are let go."""

_MOST = 1000


def _instructions(code: CodeType) -> _Instructions:
    found = _analysed.get(id(code))
    if found is None:
        if len(_analysed) >= _MOST:
            _analysed.clear()
        found = _analysed[id(code)] = (code, _Instructions(code))
    return found[1]


def reader_at(frame: FrameType) -> Reader:
    """What asks a Tensor for its number, at the running instruction of a frame."""
    instructions, instruction = _instructions(frame.f_code), frame.f_lasti
    reader = instructions.readers.get(instruction)
    if reader is None:
        reader = instructions.readers[instruction] = instructions.reader(instructions.at(instruction))
    return reader


def called_at(code: CodeType, instruction: int) -> str:
    """What an instruction calls, as it is written: "np.mean", ".dot"; nothing without a call."""
    instructions = _instructions(code)
    call = instructions.call_at(instructions.at(instruction))
    return "" if call is None else instructions.loaded(instructions.callee(call))


def is_operation(frame: FrameType) -> bool:
    """Whether the running instruction is an operator, or calls a function of NumPy's with the arguments that it has."""
    instructions, instruction = _instructions(frame.f_code), frame.f_lasti
    known = instructions.operations
    if instruction not in known:
        name = instructions.all[instructions.at(instruction)].opname
        # The arguments of np.add(*pair) have another owner: the tuple.
        is_call = "_EX" not in name and called_at(frame.f_code, frame.f_lasti).startswith(("np.", "numpy."))
        known[instruction] = is_call or name.startswith("BINARY_")
    return known[instruction]


def is_printed(frame: FrameType) -> bool:
    """Whether the running instruction is a call of print, with no keyword, such as a file."""
    instructions = _instructions(frame.f_code)
    index = instructions.at(frame.f_lasti)
    has_keywords = any("KW" in operation.opname for operation in instructions.all[max(index - 2, 0) : index + 1])
    return called_at(frame.f_code, frame.f_lasti) == "print" and not has_keywords


def is_discarded(frame: FrameType) -> bool:
    """Whether the result of the running call is used for nothing: the call is a statement by itself."""
    instructions = _instructions(frame.f_code)
    following = instructions.all[instructions.at(frame.f_lasti) + 1 :]
    return (
        next((operation.opname for operation in following if operation.opname not in (*_SILENT, "CALL")), "")
        == "POP_TOP"
    )


def is_computed_with(frame: FrameType) -> bool:
    """Whether the attribute that is being read goes straight into an operator, an index or an attribute."""
    instructions, instruction = _instructions(frame.f_code), frame.f_lasti
    known = instructions.computed_with
    if instruction not in known:
        known[instruction] = instructions.is_computed_with(instructions.at(instruction))
    return known[instruction]


def is_only_looked_at(code: CodeType, instruction: int) -> bool:
    """Whether the value that this instruction gives ends in a comparison, in text or in nothing at all."""
    instructions = _instructions(code)
    index = instructions.at(instruction)
    index += instructions.all[index].opname == "PRECALL"
    return instructions.is_only_looked_at(index, instructions.after[index], set())


def _effect(instruction: dis.Instruction, jump: bool) -> int:
    argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
    try:
        return dis.stack_effect(instruction.opcode, argument, jump=jump)
    except ValueError:
        return 0
