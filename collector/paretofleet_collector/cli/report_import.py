"""`paretofleet report import`: tables of others become report files. Local; works anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.limits import UNITS
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused, misused
from paretofleet_collector.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paretofleet_analysis.imports.plain import MappedColumn
    from paretofleet_analysis.report.published import Imported

#: Units of columns that count things, and of a share that is to be percent.
_COUNTS = {"k": 1e3, "M": 1e6, "G": 1e9}
_SHARE = {"share": 100.0}

_EXAMPLE = (
    "Example: paretofleet report import csv table.csv --map model=name --map batch_latency_mean_s=lat:ms "
    "--set device=desk --set batch_size=1 -o report.parquet"
)

app = typer.Typer(
    no_args_is_help=True,
    help="Make report files of tables that others published.",
    epilog=_EXAMPLE,
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE..", help="The tables.")]
Report = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE.parquet", help="Where to write the report.")
]


@app.command(epilog="Example: paretofleet report import timm results.csv benchmark.csv -o timm.parquet")
def timm(files: Files, output: Report) -> None:
    """Import timm's benchmark tables: one of accuracies, others of inference times."""
    from paretofleet_analysis.imports import timm as tables

    _check(files, output)
    _write(tables.import_timm(files), tables.MAPPING, output)


@app.command(epilog="Example: paretofleet report import hwnas pi5.csv -o pi5.parquet")
def hwnas(
    files: Files,
    output: Report,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="Whose accuracy: cifar10, cifar100, imagenet16_120.")
    ] = "cifar100",
    device: Annotated[
        str, typer.Option(metavar="NAME", help="The device of a table that names none.")
    ] = "raspberry-pi-5",
) -> None:
    """Import tables of NAS-Bench-201 cells on hardware, with one of accuracies where they lack it."""
    from paretofleet_analysis.imports import hwnas as tables

    _check(files, output)
    _write(tables.import_hwnas(files, dataset=dataset, device=device), tables.MAPPING, output)


@app.command(
    "csv",
    epilog=_EXAMPLE,
)
def csv_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The table, with a heading.")],
    output: Report,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=THEIRS[:UNIT]", help="A report's column, theirs. Repeatable."),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="What holds for every row. Repeatable."),
    ] = None,
) -> None:
    """Import any CSV; model, device and batch_size must be mapped or set."""
    from paretofleet_analysis.imports.plain import import_csv
    from paretofleet_analysis.report.published import Imported

    _check([file], output)
    columns = [_mapped(text) for text in mapped or ()]
    values: dict[str, str] = {}
    for text in constants or ():
        name, value = _parts("--set", text)
        if name in values:
            raise typer.BadParameter(f"--set {name} is given more than once: set each column once")
        values[name] = value
    _write(
        Imported(import_csv(file, columns, values), ()), {each.name: each.theirs for each in columns}, output
    )


def _mapped(text: str) -> MappedColumn:
    """COLUMN=THEIRS[:UNIT], the number's unit turned into that of the report's column.

    A column without units takes all behind the sign as a name, which may have a colon.
    """
    from paretofleet_analysis.imports.plain import MappedColumn

    name, value = _parts("--map", text)
    units = _units_of(name)
    theirs, colon, unit = value.rpartition(":")
    if not units or not colon:
        return MappedColumn(name, value)
    if unit not in units:
        fits = ", ".join(units)
        raise typer.BadParameter(f"--map {name}: '{unit}' is no unit of {name}; it takes {fits}")
    return MappedColumn(name, theirs.strip(), units[unit])


def _parts(option: str, text: str) -> tuple[str, str]:
    """The report's column and what stands for it; BadParameter for another column."""
    from paretofleet_analysis.report.published import GIVEN

    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not value:
        raise typer.BadParameter(f"{option} '{text}': write COLUMN=VALUE, as in model=name")
    if name not in GIVEN:
        raise typer.BadParameter(f"{option} {name}: no report has that column; {did_you_mean(name, GIVEN)}")
    return name, value


def _units_of(name: str) -> Mapping[str, float]:
    from paretofleet_analysis.report.published import WHOLE
    from paretofleet_analysis.report.schema import COLUMNS

    unit = next(column.unit for column in COLUMNS if column.name == name)
    if unit == "percent":
        return UNITS[unit] | _SHARE
    return UNITS.get(unit, _COUNTS if name in WHOLE else {})


def _check(tables: Sequence[Path], output: Path) -> None:
    for table in tables:
        if not table.is_file():
            raise misused(f"{table} is not a file; name one that holds the table.")
    if output.suffix != ".parquet" or output.is_dir():
        raise Refused(f"{output} is no name of a report: let it end in .parquet.")


def _write(imported: Imported, mapping: Mapping[str, str], output: Path) -> None:
    """Writes the report, checked as every report is, and says by which mapping it was made."""
    from paretofleet_analysis.report import files

    files.write(files.conform(imported.report, name="the table"), output)
    for name, theirs in mapping.items():
        notify(f"{name} <- {theirs}")
    for note in imported.notes:
        notify(note)
    notify(
        f"wrote {output}: {counted(imported.report.num_rows, 'row')}, each one published value of an unknown "
        "number of runs"
    )
