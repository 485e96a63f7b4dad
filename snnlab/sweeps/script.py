"""Whether a script may start processes: each of them begins by running the script again.

That is how ``multiprocessing`` starts one where it cannot copy a process; what stands under
``if __name__ == "__main__":`` is left out then.
"""

import ast
import sys
from multiprocessing import current_process, spawn
from pathlib import Path
from traceback import walk_stack
from types import FrameType

from snnlab.errors import SnnlabError

GUARD = "if __name__ == '__main__':"
WORKER = "Dask Worker process"
"""How Dask's name for the processes it starts begins."""


def check_script() -> None:
    """Raises :class:`SnnlabError` if processes started now would run this call again, or could not
    find the script that they have to run.

    A Dask process that runs the script again is ended without a message instead; the process that
    started it reports the error.
    """
    try:
        path = _run_again()
    except RuntimeError:  # multiprocessing's word for "I am running the script again"
        if current_process().name.startswith(WORKER):
            raise SystemExit(1) from None
        raise SnnlabError(
            f"{_name()}: a process that was started from it runs it again and starts processes in"
            f" turn: put what it does under {GUARD}"
        ) from None
    if path is None:
        return
    if not path.is_file():
        raise SnnlabError(
            f"several processes cannot start: each reads the script again, and {path.name} is no"
            " file: save the script as one, or give workers=0 to compute in this process"
        )
    statements, frame = _statements(path), _body(path)
    if frame and statements and not _looks_at_its_name(statements):
        raise SnnlabError(
            f"{path.name}, line {frame.f_lineno}: this starts processes, and each begins by running"
            f" the script again: put it under {GUARD}"
        )


def hint() -> str:
    """Advice if processes could not start; empty where no script is run again."""
    path = _run_again()
    if path is None or not _acts(_statements(path)):
        return ""
    return f" (each begins by running {path.name} again: put what it does under {GUARD})"


def _run_again():
    """The file that a new process runs first, None in a notebook or shell.

    Raises RuntimeError while this very process does that.
    """
    about = spawn.get_preparation_data("snnlab")
    if path := about.get("init_main_from_path"):
        return Path(path)
    name = about.get("init_main_from_name")
    if name is None or name.rpartition(".")[2] == "__main__":  # a package's: left out
        return None
    return Path(sys.modules["__main__"].__file__)


def _name():
    return Path(getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]).name


def _body(path: Path) -> FrameType | None:
    """The script's own lines, if it is they that led here."""
    main = vars(sys.modules["__main__"])
    return next(
        (
            frame for frame, _ in walk_stack(None)
            if frame.f_code.co_name == "<module>" and frame.f_globals is main
            and Path(frame.f_code.co_filename).name == path.name
        ), None,
    )  # fmt: skip


def _statements(path):
    """Those of a script, none if it cannot be read: compiled, or changed meanwhile."""
    try:
        return ast.parse(path.read_bytes()).body
    except (OSError, ValueError, SyntaxError):
        return []


def _looks_at_its_name(statements):
    """Whether a script may do something else when it is run again."""
    nodes = (node for statement in statements for node in ast.walk(statement))
    return any(map(_names_itself, (n for n in nodes if isinstance(n, ast.Compare | ast.Match))))


def _acts(statements):
    """Whether a script does more than to define and import, outside of its guard."""
    defines = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(
        isinstance(node, ast.Call)
        for statement in statements if not isinstance(statement, defines)
        if not (isinstance(statement, ast.If) and _names_itself(statement.test))
        for node in ast.walk(statement)
    )  # fmt: skip


def _names_itself(node):
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node))
