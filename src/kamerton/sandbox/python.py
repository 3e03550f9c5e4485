"""The Python that a box sees: an interpreter and its standard library, never installed packages."""

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kamerton.formats.errors import InputError

FLAGS = ("-S", "-s", "-P", "-B")
"""No site, no user site, no folder of the script on the path, no bytecode written."""
_CACHE = Path("/var/cache/kamerton")
_LEFT_OUT = ("site-packages", "dist-packages", "test", "idlelib", "tkinter", "ensurepip")


@dataclass(frozen=True)
class Interpreter:
    """A Python for boxes."""

    executable: str
    """Its path in the box, which is also its path here."""
    binds: tuple[tuple[str, str], ...]
    """What must be seen beside /usr: path here, path in the box."""
    hidden: tuple[str, ...]
    """Folders of installed packages, which are covered by empty ones."""

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs it."""
        return [self.executable, *FLAGS, *arguments]


@cache
def interpreter() -> Interpreter:
    """The Python that this process is made of, as a box can have it.

    One under /usr is there already. Another is bound as it lies; where root runs it out of a folder
    that nobody else may enter (pyenv and uv put it into the home), its standard library is copied
    once to /var/cache/kamerton, because the box is put up by an ordinary user.
    """
    prefix = Path(sys.base_prefix).resolve()
    executable = prefix / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)})).resolve()
    if not executable.exists() or not library.is_dir():
        raise InputError("sandbox.no_python", where=str(prefix))
    if prefix.is_relative_to("/usr"):
        return Interpreter(str(executable), (), _packages(Path("/usr")))
    if os.geteuid() != 0 or (_open_to_all(executable) and _open_to_all(library)):
        seen = ((str(prefix / "lib"), str(prefix / "lib")), (str(executable), str(executable)))
        return Interpreter(str(executable), seen, _packages(Path("/usr")) + _packages(prefix))
    copy = _copied(prefix, executable, library)
    return Interpreter(str(executable), ((str(copy), str(prefix)),), _packages(Path("/usr")))


def _packages(root: Path) -> tuple[str, ...]:
    """Folders of installed packages below `root`."""
    found = [
        path
        for kind in ("site-packages", "dist-packages")
        for place in ("lib", "lib64", "local/lib")
        for path in root.glob(f"{place}/python3*/{kind}")
        if not path.is_symlink()
    ]
    return tuple(sorted({str(path.resolve()) for path in found}))


def _open_to_all(path: Path) -> bool:
    """Whether anyone may enter all folders above, and read the path itself."""
    above = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return above and bool(path.stat().st_mode & 0o004)


def _copied(prefix: Path, executable: Path, library: Path) -> Path:
    """A copy of interpreter and standard library that anyone can read, made once for each build."""
    build = f"{prefix}:{sys.version}:{executable.stat().st_mtime_ns}:{library.stat().st_mtime_ns}"
    target = _CACHE / f"python-{hashlib.sha256(build.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return _trusted(target)
    try:
        _CACHE.mkdir(parents=True, exist_ok=True)
        _CACHE.chmod(0o755)
        made = Path(tempfile.mkdtemp(dir=_CACHE, prefix="."))
        _fill(made, prefix, executable, library)
        try:
            made.rename(target)
        except OSError:  # another process may have been first, and its copy is as good
            if not target.is_dir():
                raise
            shutil.rmtree(made)
    except OSError as error:
        raise InputError("sandbox.no_copy", where=str(target), why=error) from error
    return _trusted(target)


def _fill(made: Path, prefix: Path, executable: Path, library: Path) -> None:
    made.chmod(0o755)
    for folder in ("bin", "lib"):
        (made / folder).mkdir()
        (made / folder).chmod(0o755)
    shutil.copy2(executable.resolve(), made / "bin" / executable.name)
    for shared in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, made / "lib" / shared.name)
    left_out = shutil.ignore_patterns(*_LEFT_OUT, "config-*")
    shutil.copytree(library, made / library.relative_to(prefix), ignore=left_out)


def _trusted(target: Path) -> Path:
    """The copy, where only we could have written it."""
    state = target.stat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise InputError("sandbox.foreign_copy", where=str(target))
    return target
