"""A training is the user's command under limits: whatever it does, a sentence, and nothing is left of it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from paretofleet_agent.device import host_lock
from paretofleet_collector.errors import Refused
from paretofleet_collector.searches import keeper
from paretofleet_collector.searches.building import CandidateFailed
from paretofleet_collector.searches.trainer import TrainedMember, TrainingTask, train
from search_spaces import MEMBER, SPECIFICATION, TRAINING, built_in, written

DONE = 'shutil.copy("built.onnx", "model.onnx")'


def trained(folder: Path, training: str, *, text: str = SPECIFICATION, split: str = "validation", **options):
    search = written(folder, training=training, text=text)
    task = TrainingTask(MEMBER, built_in(folder, search), seed=3, split=split)
    return train(search, task, folder / "trial", lock_folder=folder, **options)


def says(**result: object) -> str:
    """A training that says so of itself."""
    whole = {"top1": 71.5, "top1_n": 4000, "split": "validation", **result}
    return f"import json, shutil\n{DONE}\njson.dump({whole}, open('result.json', 'w'))\n"


def test_a_training_gives_a_network_and_its_accuracy(tmp_path: Path) -> None:
    done = trained(tmp_path, TRAINING)
    assert isinstance(done, TrainedMember), done
    assert (done.top1, done.top1_n, done.split) == (71.5, 4000, "validation")
    assert done.model == tmp_path / "trial" / "model.onnx"
    assert done.model.is_file()
    assert done.wall_s > 0
    assert done.memory_peak_bytes > 2**20
    assert sorted(path.name for path in (tmp_path / "trial").iterdir()) == ["model.onnx", "training.log"]


def test_it_hears_of_member_seed_split_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARETOFLEET_TOKEN", "secret")
    look = (
        "import json, os, sys\n"
        "ours = {k: v for k, v in os.environ.items() if k.startswith('PARETOFLEET')}\n"
        "print(json.dumps([json.load(open('member.json')), os.getcwd(), sorted(os.listdir()), ours]))\n"
    )
    trained(tmp_path, look + TRAINING)
    member, folder, files, ours = json.loads((tmp_path / "trial" / "training.log").read_text())
    assert member == MEMBER
    assert set(files) == {"built.onnx", "log.txt", "member.json", "tmp"}
    assert ours == {
        "PARETOFLEET_SEED": "3",
        "PARETOFLEET_SPLIT": "validation",
        "PARETOFLEET_OUT": folder,
    }


RESULTS = [
    (says(top1=0.93), "less than one item in a hundred: let it write 93"),
    (says(top1=1), "let it write 100"),
    (says(top1=101), "no percentage from 0 to 100"),
    (says(top1=-1), "no percentage from 0 to 100"),
    (says(top1=float("nan")).replace("nan", "float('nan')"), "must not hold"),
    (says(top1="71"), "no percentage from 0 to 100"),
    (says(top1=True), "no percentage from 0 to 100"),
    (says(top1_n=0), "top1_n is 0: let it write of how many items"),
    (says(top1_n=4000.0), "let it write of how many items"),
    (says(split="test"), "is of the test split, which a search never reads"),
    (says(split="train"), "its split is 'train', but validation was asked for"),
    (f"import shutil\n{DONE}\n", "wrote no result.json"),
    (f"import shutil\n{DONE}\nopen('result.json', 'w').write('top1: 71')", "must be JSON"),
    (f"import shutil\n{DONE}\nopen('result.json', 'wb').write(bytes(range(256)))", "is no text"),
    (f"import shutil\n{DONE}\nopen('result.json', 'w').write('[' * 60000)", "its result.json must"),
    (f"import shutil\n{DONE}\nopen('result.json', 'w').write('1' * 10**6)", "has 1,000,000 bytes"),
    (f"import shutil\n{DONE}\nopen('result.json', 'w').write('{{}}')", "lacks top1, top1_n or split"),
]


@pytest.mark.parametrize(("training", "sentence"), RESULTS, ids=[each[1] for each in RESULTS])
def test_a_result_that_cannot_be_meant_fails_with_one_sentence(
    training: str, sentence: str, tmp_path: Path
) -> None:
    failed = trained(tmp_path, training)
    assert isinstance(failed, CandidateFailed), failed
    assert failed.reason == "result"
    assert sentence in failed.sentence
    assert "\n" not in failed.sentence
    assert [path.name for path in (tmp_path / "trial").iterdir()] == ["training.log"]


def test_the_test_split_is_answered_where_it_is_asked_for(tmp_path: Path) -> None:
    assert isinstance(trained(tmp_path, says(split="test"), split="test"), TrainedMember)
    failed = trained(tmp_path, says(), split="test")
    assert isinstance(failed, CandidateFailed)
    assert "but test was asked for" in failed.sentence


OTHER = "import onnx\nm = onnx.load('built.onnx')\n"
WRITTEN = "onnx.save(m, 'model.onnx')\n"
MODELS = [
    (says().replace(DONE, ""), "wrote no model.onnx"),
    (says().replace(DONE, "open('model.onnx', 'w').write('rubbish')"), "is not an ONNX file"),
    (says().replace(DONE, "import os; os.symlink('built.onnx', 'model.onnx')"), "wrote no model.onnx"),
    (
        f"{says()}{OTHER}m.graph.node[1].op_type = 'Sigmoid'\n{WRITTEN}",
        "another network than `build` wrote",
    ),
    (
        f"{says()}{OTHER}w = m.graph.initializer[0]\nw.raw_data = bytes([255]) * len(w.raw_data)\n{WRITTEN}",
        "weights that are not a number",
    ),
    (
        (
            f"{says()}{OTHER}onnx.save(m, 'model.onnx', save_as_external_data=True, location='w', "
            "size_threshold=0)\n"
        ),
        "in another file",
    ),
    (
        f"{says()}{OTHER}m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4\n{WRITTEN}",
        "has no batch axis",
    ),
]


@pytest.mark.parametrize(("training", "sentence"), MODELS, ids=[each[1] for each in MODELS])
def test_a_network_that_was_not_measured_is_refused(training: str, sentence: str, tmp_path: Path) -> None:
    failed = trained(tmp_path, training)
    assert isinstance(failed, CandidateFailed), failed
    assert failed.reason == "model"
    assert sentence in failed.sentence


def test_what_fails_is_shown_by_its_last_lines(tmp_path: Path) -> None:
    failed = trained(tmp_path, "print('epoch 1')\nraise SystemExit('no such set: fashion')")
    assert failed == CandidateFailed(
        "crashed", "Training failed with code 1: epoch 1 / no such set: fashion."
    )
    failed = trained(tmp_path, "import os; os.kill(os.getpid(), 11)")
    assert failed == CandidateFailed("crashed", "Training was ended by signal 11: it printed nothing.")


def test_rubbish_that_is_printed_does_no_harm(tmp_path: Path) -> None:
    rubbish = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000 + b'\\x1b[2Jend')\n"
    failed = trained(tmp_path, f"{rubbish}sys.exit(3)")
    assert isinstance(failed, CandidateFailed)
    assert failed.sentence.startswith("Training failed with code 3: ")
    assert failed.sentence.isprintable()
    assert len(failed.sentence) < 500
    done = trained(tmp_path, f"{rubbish}sys.stdout.flush()\n{TRAINING}")
    assert isinstance(done, TrainedMember), "what it wrote counts"


def test_a_training_that_somebody_kills_is_told_from_one_that_fails(tmp_path: Path) -> None:
    failed = trained(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert isinstance(failed, CandidateFailed)
    assert failed.reason == "killed"


def test_a_program_that_is_missing_ends_the_search(tmp_path: Path) -> None:
    text = SPECIFICATION.replace("[python, train.py]", "[nosuchprogram, train.py]")
    with pytest.raises(Refused, match="nosuchprogram is no program here"):
        trained(tmp_path, TRAINING, text=text)


def test_what_cannot_be_started_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    text = SPECIFICATION.replace("[python, train.py]", "[./broken]")
    with pytest.raises(Refused, match="cannot be started"):
        trained(tmp_path, TRAINING, text=text)


def pids_in(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


#: Starts a child, and one that leaves its session and its parent, writes down who they are and waits.
FAMILY = """
import os, subprocess, sys, time
out = os.environ["FAMILY"]
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
daemon = "import subprocess, sys; print(subprocess.Popen(%r, start_new_session=True, stdout=2).pid)" % sleep
child = subprocess.Popen(sleep)
orphan = subprocess.run([sys.executable, "-c", daemon], stdout=subprocess.PIPE, text=True).stdout
open(out + ".new", "w").write(f"{os.getpid()} {child.pid} {orphan}")
os.rename(out + ".new", out)
"""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a training of FAMILY writes its processes."""
    monkeypatch.setenv("FAMILY", str(tmp_path / "family"))
    return tmp_path / "family"


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path, family: Path) -> None:
    for seconds in (3, 10, 40):  # a busy machine starts the three processes late
        text = SPECIFICATION.replace("timeout: 5m", f"timeout: {seconds}s")
        failed = trained(tmp_path, f"{FAMILY}\ntime.sleep(600)", text=text)
        assert isinstance(failed, CandidateFailed)
        assert failed.reason == "timeout"
        assert f"takes longer than {seconds} s" in failed.sentence
        if pids := pids_in(family):
            break
    assert len(pids) == 3
    assert not [pid for pid in pids if is_alive(pid)]


def test_nothing_is_left_of_a_training_that_ended_well(tmp_path: Path, family: Path) -> None:
    assert isinstance(trained(tmp_path, FAMILY + TRAINING), TrainedMember)
    assert not [pid for pid in pids_in(family) if is_alive(pid)]


def test_memory_counts_together_and_is_limited(tmp_path: Path) -> None:
    text = SPECIFICATION.replace("memory: 1GiB", "memory: 200MiB")
    hold = "import time; held = bytearray(120 << 20); time.sleep(600)"
    training = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {hold!r}])\n{hold}"
    failed = trained(tmp_path, training, text=text)
    assert isinstance(failed, CandidateFailed)
    assert failed.reason == "memory"
    assert "needs more than 200 MiB" in failed.sentence


@pytest.mark.parametrize(
    "training",
    [
        "open('big', 'wb').write(bytes(80 << 20))",
        "import time\nfor i in range(8):\n    open(f'part{i}', 'wb').write(bytes(10 << 20))\ntime.sleep(600)",
        "import time\nfor i in range(8):\n    print('x' * (10 << 20), flush=True)\ntime.sleep(600)",
        "import tempfile, time\nf = tempfile.NamedTemporaryFile()\nf.write(bytes(80 << 20))\ntime.sleep(600)",
    ],
    ids=["one file", "many files", "what it prints", "files for a time"],
)
def test_what_fills_the_disk_is_ended(training: str, tmp_path: Path) -> None:
    failed = trained(tmp_path, training)
    assert isinstance(failed, CandidateFailed)
    assert failed.reason == "disk", failed
    assert "writes more than 48 MiB" in failed.sentence


def test_the_lock_is_the_agents(tmp_path: Path) -> None:
    assert (keeper.LOCK_FOLDERS, keeper.LOCK_FILE) == (host_lock.FOLDERS, host_lock.FILE)
    assert keeper.default_lock_folder() == host_lock.default_folder()
    assert isinstance(trained(tmp_path, TRAINING), TrainedMember)
    assert (tmp_path / host_lock.FILE).is_file()


def test_it_waits_while_this_host_measures_and_holds_the_lock_while_it_trains(
    tmp_path: Path, family: Path
) -> None:
    search = written(tmp_path, training=f"{FAMILY}\ntime.sleep(1)\n{TRAINING}")
    built = built_in(tmp_path, search)
    results: list[object] = []
    waits: list[bool] = []

    def run() -> None:
        task = TrainingTask(MEMBER, built, seed=1)
        results.append(
            train(
                search,
                task,
                tmp_path / "trial",
                lock_folder=tmp_path,
                on_wait=lambda: waits.append(family.exists()),
            )
        )

    thread = threading.Thread(target=run)
    with host_lock.host_lock(tmp_path) as is_held:
        assert is_held
        thread.start()
        wait_for(lambda: waits)
        assert waits == [False], "it waits before it starts anything"
    wait_for(family.exists)
    with (tmp_path / host_lock.FILE).open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    thread.join()
    assert isinstance(results[0], TrainedMember)
    with host_lock.host_lock(tmp_path, lambda: True) as is_held:
        assert is_held


def test_a_lock_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    search = written(tmp_path)
    built = built_in(tmp_path, search)
    with pytest.raises(Refused, match="The lock of this host cannot be used"):
        train(search, TrainingTask(MEMBER, built, 1), tmp_path / "trial", lock_folder=tmp_path / "none")


def test_a_stop_ends_it_and_leaves_nothing(tmp_path: Path, family: Path) -> None:
    done = trained(tmp_path, f"{FAMILY}\ntime.sleep(600)", is_stopped=family.exists)
    assert done is None
    assert not [pid for pid in pids_in(family) if is_alive(pid)]


#: Stands for a search: trains in a process that the test can kill.
SEARCH = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from search_spaces import MEMBER, built_in
from paretofleet_collector.searches.parsing import parse_search
from paretofleet_collector.searches.trainer import TrainingTask, train
folder = Path(sys.argv[1])
search = parse_search((folder / "space.yaml").read_text(), folder)
task = TrainingTask(MEMBER, built_in(folder, search), seed=1)
train(search, task, folder / "trial", lock_folder=folder)
"""


@pytest.mark.parametrize("victim", ["search", "keeper"])
def test_a_killed_search_or_keeper_leaves_no_process_and_no_lock(
    victim: str, tmp_path: Path, family: Path
) -> None:
    written(tmp_path, training=f"{FAMILY}\ntime.sleep(600)")
    (tmp_path / "space.yaml").write_text(SPECIFICATION)
    helpers = str(Path(__file__).parents[1])
    search = subprocess.Popen([sys.executable, "-c", SEARCH, str(tmp_path), helpers], stderr=subprocess.PIPE)
    wait_for(family.exists)
    trainer, child, orphan = pids_in(family)
    kept_by = int(Path("/proc", str(trainer), "stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(search.pid if victim == "search" else kept_by, signal.SIGKILL)
    try:
        wait_for(lambda: not is_alive(trainer) and not is_alive(child) and not is_alive(kept_by))
        if victim == "search":
            wait_for(lambda: not is_alive(orphan))
        with host_lock.host_lock(tmp_path, lambda: True) as is_held:
            assert is_held
    finally:
        search.kill()
        search.communicate()
        if is_alive(orphan):  # what left both its parent and its session, when its keeper was killed
            os.kill(orphan, signal.SIGKILL)


def test_what_a_killed_training_left_is_no_part_of_the_next(tmp_path: Path) -> None:
    left = tmp_path / "trial" / "training"
    left.mkdir(parents=True)
    (left / "result.json").write_text('{"top1": 99.0, "top1_n": 4000, "split": "validation"}')
    failed = trained(tmp_path, f"import shutil\n{DONE}\n")
    assert isinstance(failed, CandidateFailed)
    assert "wrote no result.json" in failed.sentence
