"""Makes the corpus again: `make corpus`. The same files come out every time."""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import case  # noqa: E402
import keys  # noqa: E402
import trust  # noqa: E402


def main():
    keys.make()
    trust.make()
    cases = []
    for path in sorted((HERE / "cases").glob("*.py")):
        if path.name == "__init__.py":
            continue
        cases += list(importlib.import_module(f"cases.{path.stem}").cases())
    print(f"{case.write(cases)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
