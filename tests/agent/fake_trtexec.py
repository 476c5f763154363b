"""Stands in for trtexec: its documented lines, times file and output file. MODE in the environment.

The lines and keys are those of TensorRT's samples/trtexec and sampleReporting, releases 8 to 11;
`old` is one before 8.5.1. `layers:fp16` is a release that tells of its layers and keeps a timing cache.
"""

# ruff: noqa: T201
import array
import json
import os
import sys
import time

mode, _, amount = os.environ.get("FAKE_TRTEXEC", "").partition(":")
old = ["--fp16", "--noTF32", "--useSpinWait", "--useCudaGraph", "--noDataTransfers", "--buildOnly"]
new = ["--noTF32", "--includeDataTransfers", "--noSpinWait", "--noCudaGraph", "--skipInference"]
late = [*new, "--exportLayerInfo", "--profilingVerbosity", "--timingCacheFile", "--fp16"]
common = ["--exportTimes", "--exportOutput", "--exposeDMA", "--shapes", "--loadInputs"]
flags = dict(part.partition("=")[::2] for part in sys.argv[1:])
with open(os.path.join(os.path.dirname(sys.argv[0]), "calls"), "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\n")
print("&&&& RUNNING TensorRT.trtexec [TensorRT v8201] # " + " ".join(sys.argv))
while mode == "spin" and time.process_time() < float(amount):
    pass
if "--help" in flags:
    print(
        "\n".join(f"  {flag}=<file>    ..." for flag in common + {"new": new, "layers": late}.get(mode, old))
    )
    sys.exit(0)
NOW = "[11/21/2026-12:00:00]"
CAUSES = {
    "oom": [
        "[E] Error[1]: [defaultAllocator.cpp::allocate::20] Error Code 1: Cuda Runtime (out of memory)",
        "[E] Error[2]: [virtualMemoryBuffer.cpp::resizePhysical::145] Error Code 2: OutOfMemory (no details)",
        "[E] Error[10]: Could not find any implementation for node Conv_0.",
    ],
    "operator": [
        '[E] [TRT] ModelImporter.cpp:720: While parsing node number 0 [NoSuchOperator -> "y"]:',
        "[E] [TRT] ModelImporter.cpp:721: --- Begin node ---",
        '[E] [TRT] ModelImporter.cpp:722: input: "x"',
        "[E] [TRT] ModelImporter.cpp:723: --- End node ---",
        "[E] [TRT] ModelImporter.cpp:726: ERROR: builtin_op_importers.cpp:4951 In function importFallback:",
        "\n[8] Assertion failed: creator && No importer registered for op: NoSuchOperator",
        "[E] Failed to parse onnx file",
        "[I] Finish parsing network model",
        "[E] Parsing model failed",
    ],
}
if mode in CAUSES:
    for line in CAUSES[mode]:
        print(line.strip() if line.startswith("\n") else f"{NOW} {line}")
    print(f"{NOW} [E] Failed to create engine from model or file.")
    print(f"{NOW} [E] Engine set up failed")
    print("&&&& FAILED TensorRT.trtexec [TensorRT v8201] # " + " ".join(sys.argv))
    sys.exit(1)
if "--saveEngine" in flags:
    builder_memory = b"x" * int(float(amount) * 2**20) if mode == "large" else b""
    # Tactics are timed, and so are other ones in each build, unless a cache remembers them.
    tactics, cache = os.urandom(8), flags.get("--timingCacheFile")
    if cache and os.path.exists(cache):
        with open(cache, "rb") as kept:
            tactics = kept.read()
    elif cache:
        with open(cache, "wb") as kept:
            kept.write(tactics)
    with open(flags["--saveEngine"], "wb") as engine:
        engine.write(b"engine" + tactics)
    print("&&&& PASSED TensorRT.trtexec")
    sys.exit(0)
with open(flags["--loadEngine"], "rb") as engine:
    if not engine.read().startswith(b"engine") or mode == "upgraded":
        print(f"{NOW} [E] Error[1]: [stdArchiveReader.cpp::StdArchiveReader::40] Version tag does not match")
        print(f"{NOW} [E] Engine set up failed")
        sys.exit(1)
if "--exportLayerInfo" in flags:
    tensor = [{"Name": "x", "Format/Datatype": f"Row major linear {amount.upper()}"}]
    layer = {"Name": "Conv_0", "LayerType": "CaskConvolution", "Inputs": tensor, "Outputs": tensor}
    shuffle = {"Name": "r", "LayerType": "Reformat", "Inputs": [{"Format/Datatype": "Row major linear FP32"}]}
    with open(flags["--exportLayerInfo"], "w") as layers:
        json.dump({"Layers": [layer, layer, shuffle], "Bindings": ["x", "y"]}, layers)
name, file = flags["--loadInputs"].split(":", 1)
if os.path.getsize(file) != 2 * 16 * 4:
    sys.exit(2)
with open(file, "rb") as given:
    values = [max(value, 0.0) for value in array.array("f", given.read())]
print(f"{NOW} [I] Starting inference", flush=True)
warm_up, wanted_s = float(flags["--warmUp"]), float(flags["--duration"])
rows = []
# Releases before 8.5.1 write the iterations of the warm-up down, too, which are slower.
at = 0.0 if mode == "old" else warm_up
while sum(row["startComputeMs"] >= warm_up for row in rows) < int(flags["--iterations"]) or (
    at - warm_up < wanted_s * 1000
):
    slow = 10 if at < warm_up else 0
    edges = {"startEnqMs": at, "endEnqMs": at + 0.1, "startH2dMs": at, "endH2dMs": at + 1}
    edges.update(startComputeMs=at + 1, endComputeMs=at + 8 + slow)
    edges.update(startD2hMs=at + 8 + slow, endD2hMs=at + 9 + slow)
    rows.append(dict(edges, h2dMs=1, computeMs=7 + slow, d2hMs=1, latencyMs=9 + slow))
    at += 10 + slow
time.sleep(at / 1000)
with open(flags["--exportTimes"], "w") as times:
    json.dump([{key: float(f"{value:.6g}") for key, value in row.items()} for row in rows], times)
shape, factor = ("4x8" if mode == "shape" else "2x16"), {"wrong": 1.5, "idle": 0.0}.get(mode, 1.0)
printed = [f"{value * factor:g}" for value in values]
if mode == "nan":
    printed[1] = "nan"
with open(flags["--exportOutput"], "w") as outputs:
    outputs.write(f'[\n  {{ "name" : "y"\n  , "dimensions" : "{shape}"\n')
    outputs.write(f'  , "values" : [ {", ".join(printed)} ]\n  }}\n]\n')
print("[11/21/2026-12:00:01] [I] Throughput: 100 qps")
print("&&&& PASSED TensorRT.trtexec")
