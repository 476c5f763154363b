"""What others send samples with, each at its best: bodies built by hand, receivers that do the least.

Every peer has a `send(n)` that hands n samples to its receiver and returns when they are acknowledged. No
receiver keeps anything on a disk, so each has it easier than we have. Prometheus' remote write and the line
protocol need no library; the body of the former is snappy of literals only, the cheapest there is. OTLP is
the Python exporter, MLflow its own store in this process; they are skipped where they are not installed.
"""

from __future__ import annotations

import http.client
import http.server
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

BATCH = 4096


class _Receiver(http.server.BaseHTTPRequestHandler):
    """Reads a body and says that it has it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Takes a body."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def _posting(body: Callable[[int], bytes], path: str) -> Iterator[Callable[[int], None]]:
    """Sends bodies, each of BATCH samples, over one connection."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])

    def send(n: int) -> None:
        for first in range(0, n, BATCH):
            connection.request("POST", path, body(first))
            connection.getresponse().read()

    try:
        yield send
    finally:
        connection.close()
        server.shutdown()
        server.server_close()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _write_request() -> Any:
    """The class of Prometheus' WriteRequest, from a description of its four messages."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="bench_remote.proto", package="bench", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, str]) -> None:
        made = file.message_type.add(name=name)
        for number, (field, kind, inner) in enumerate(fields, 1):
            label = kinds.LABEL_REPEATED if inner else kinds.LABEL_OPTIONAL
            made.field.add(name=field, number=number, type=kind, label=label, type_name=inner or None)

    message("Label", ("name", kinds.TYPE_STRING, ""), ("value", kinds.TYPE_STRING, ""))
    message("Sample", ("value", kinds.TYPE_DOUBLE, ""), ("timestamp", kinds.TYPE_INT64, ""))
    series = (
        ("labels", kinds.TYPE_MESSAGE, ".bench.Label"),
        ("samples", kinds.TYPE_MESSAGE, ".bench.Sample"),
    )
    message("TimeSeries", *series)
    message("WriteRequest", ("timeseries", kinds.TYPE_MESSAGE, ".bench.TimeSeries"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.WriteRequest"))


def _remote_write_body() -> Callable[[int], bytes]:
    """Bodies of one series; a sample is a double and a time in milliseconds."""
    request_class = _write_request()

    def body(first: int) -> bytes:
        request = request_class()
        series = request.timeseries.add()
        series.labels.add(name="__name__", value="duration_seconds")
        add = series.samples.add
        for number in range(first, first + BATCH):
            add(value=number * 1e-3, timestamp=1_700_000_000_000 + number)
        data = request.SerializeToString()
        # Snappy: the length, then literals of up to 64 KiB each.
        out = bytearray(_varint(len(data)))
        for at in range(0, len(data), 1 << 16):
            piece = data[at : at + (1 << 16)]
            out += b"\xf4" + struct.pack("<H", len(piece) - 1) + piece
        return bytes(out)

    return body


def _line_body(first: int) -> bytes:
    """Line protocol; a time in nanoseconds."""
    lines = (
        f"duration,device=box value={number * 1e-3} {1_700_000_000_000_000_000 + number}\n"
        for number in range(first, first + BATCH)
    )
    return "".join(lines).encode()


@contextmanager
def remote_write() -> Iterator[Callable[[int], None]]:
    """Prometheus' remote write 1.0, built by hand."""
    with _posting(_remote_write_body(), "/api/v1/write") as send:
        yield send


@contextmanager
def line_protocol() -> Iterator[Callable[[int], None]]:
    """InfluxDB's line protocol, built by hand."""
    with _posting(_line_body, "/api/v2/write") as send:
        yield send


@contextmanager
def otlp_metrics() -> Iterator[Callable[[int], None]]:
    """OTLP over gRPC by the Python exporter: gauges with a data point a sample. Raises ImportError."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as pb
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as services
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    class Service(services.MetricsServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
            return pb.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    services.add_MetricsServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    exporter = OTLPMetricExporter(endpoint=f"http://127.0.0.1:{port}", insecure=True)

    def send(n: int) -> None:
        for first in range(0, n, BATCH):
            points = [
                export.NumberDataPoint({}, 0, 1_700_000_000_000_000_000 + number, number * 1e-3)
                for number in range(first, first + BATCH)
            ]
            metric = export.Metric("duration", "", "s", export.Gauge(points))
            scope = export.ScopeMetrics(InstrumentationScope("bench"), [metric], "")
            exporter.export(export.MetricsData([export.ResourceMetrics(Resource({}), [scope], "")]))

    try:
        yield send
    finally:
        exporter.shutdown()
        server.stop(0)


@contextmanager
def mlflow_log_batch() -> Iterator[Callable[[int], None]]:
    """MLflow's `log_batch` of 1,000 metrics into its SQLite store, in this process. Raises ImportError."""
    from mlflow.entities import Metric
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", folder)
        experiment = store.create_experiment("bench")
        run_id = store.create_run(experiment, "bench", 0, [], "bench").info.run_id

        def send(n: int) -> None:
            for first in range(0, n, 1000):
                metrics = [
                    Metric("duration", number * 1e-3, 1_700_000_000_000 + number, number)
                    for number in range(first, min(first + 1000, n))
                ]
                store.log_batch(run_id, metrics, [], [])

        yield send


#: Name to the peer and how many times slower than we it is to be.
PEERS: dict[str, tuple[Callable[[], Any], float]] = {
    "Prometheus remote write": (remote_write, 2.0),
    "InfluxDB line protocol": (line_protocol, 9.0),
    "OTLP metrics, Python exporter": (otlp_metrics, 25.0),
    "MLflow log_batch, SQLite": (mlflow_log_batch, 600.0),
}
