"""A sweep over PostgreSQL: collector, server and connections are killed in turn; nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from farm import Farm, wait_until
from grpc_health.v1 import health_pb2, health_pb2_grpc
from networks import convolution
from test_faults import check_every_sample_is_there_once, check_spool_is_empty, ended_runs, submit

pytestmark = pytest.mark.system
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def farm(tmp_path: Path, postgres) -> Iterator[Farm]:
    made = Farm(tmp_path)
    try:
        # A server is given up after 5 s of silence, not 20.
        made.start_collector(store=f"{postgres.new_database()}&tcp_user_timeout=5000&connect_timeout=3")
        yield made
    finally:
        made.close()


def health(farm: Farm) -> int | None:
    """What the collector says of itself; None where it is too busy to say anything."""
    with grpc.insecure_channel(farm.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            return stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status
        except grpc.RpcError:
            return None


def test_a_sweep_outlives_its_collector_its_server_and_its_connections(farm: Farm, postgres) -> None:
    (store,) = [
        str(part).partition("=")[2]
        for part in farm.processes[0].args
        if str(part).startswith("PARETOFLEET_COLLECTOR_STORE=")
    ]
    farm.start_agent("sim", "--simulate", "jetson-tx2", "--seed", "3")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    submit(farm, "--batch-size", "1,2,4")
    wait_until(lambda: ended_runs(farm, "s") >= 1, "a sealed run")
    farm.processes[0].kill()
    farm.processes[0].wait()
    collector = farm.start_collector(store=store)

    wait_until(lambda: ended_runs(farm, "s") >= 4, "four sealed runs")
    postgres.kill()
    wait_until(lambda: health(farm) == NOT_SERVING, "the collector's word that it cannot store")
    postgres.start()
    wait_until(lambda: health(farm) == SERVING, "the collector's recovery")

    wait_until(lambda: ended_runs(farm, "s") >= 8, "eight sealed runs")
    assert postgres.cut_connections() >= 1
    wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
    assert collector.poll() is None
    assert farm.sweep("s")["state"] == "finished"
    check_every_sample_is_there_once(farm, 15)
    check_spool_is_empty(farm, "sim")
    assert "Traceback" not in farm.log("collector")


def test_a_server_that_stands_still_costs_time_and_no_sample(farm: Farm, postgres) -> None:
    farm.start_agent("sim", "--simulate", "jetson-tx2", "--seed", "3")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    submit(farm, "--batch-size", "1,2")
    wait_until(lambda: ended_runs(farm, "s") >= 2, "two sealed runs")
    postgres.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: health(farm) == NOT_SERVING, "the collector's word that it cannot store")
    finally:
        postgres.signal(signal.SIGCONT)
    wait_until(lambda: health(farm) == SERVING, "the collector's recovery")
    wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
    assert farm.sweep("s")["state"] == "finished"
    check_every_sample_is_there_once(farm, 10)
    check_spool_is_empty(farm, "sim")
    # whoever is first to notice says so: a call in an open connection, or one that waits for a new one
    reasons = ("The collector's PostgreSQL server cannot be used now (", "The store postgresql://")
    log = farm.log("collector")
    assert "NOT_SERVING, nothing is stored: " in log
    assert any(reason in log for reason in reasons), log
