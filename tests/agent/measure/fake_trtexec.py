"""Stands in for trtexec: its documented lines, times file and output file. MODE in the environment.

The lines and keys are those of TensorRT's samples/trtexec and sampleReporting, releases 8 to 11.
"""

# ruff: noqa: T201
import json
import os
import sys
import time

mode, _, amount = os.environ.get("FAKE_TRTEXEC", "").partition(":")
old = ["--fp16", "--noTF32", "--useSpinWait", "--useCudaGraph", "--noDataTransfers", "--buildOnly"]
new = ["--noTF32", "--includeDataTransfers", "--noSpinWait", "--noCudaGraph", "--skipInference"]
common = ["--exportTimes", "--exportOutput", "--exposeDMA", "--shapes", "--loadInputs"]
flags = dict(part.partition("=")[::2] for part in sys.argv[1:])
with open(os.path.join(os.path.dirname(sys.argv[0]), "calls"), "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\n")
print("&&&& RUNNING TensorRT.trtexec [TensorRT v8201] # " + " ".join(sys.argv))
while mode == "spin" and time.process_time() < float(amount):
    pass
if "--help" in flags:
    print("\n".join(f"  {flag}=<file>    ..." for flag in common + (new if mode == "new" else old)))
    sys.exit(0)
if mode == "oom":
    print("[11/21/2026-12:00:00] [E] [TRT] 2: [virtualMemoryBuffer.cpp] OutOfMemory (no details)")
    sys.exit(1)
if mode == "operator":
    print("[11/21/2026-12:00:00] [E] ModelImporter.cpp:720: No importer registered for op: NoSuchOperator")
    sys.exit(1)
if "--saveEngine" in flags:
    with open(flags["--saveEngine"], "wb") as engine:
        engine.write(b"engine")
    print("&&&& PASSED TensorRT.trtexec")
    sys.exit(0)
name, file = flags["--loadInputs"].split(":", 1)
if os.path.getsize(file) != 2 * 16 * 4:
    sys.exit(2)
print("[11/21/2026-12:00:00] [I] Starting inference", flush=True)
warm_up, wanted_s = float(flags["--warmUp"]), float(flags["--duration"])
rows = []
at = warm_up
while len(rows) < int(flags["--iterations"]) or at - warm_up < wanted_s * 1000:
    edges = {"startEnqMs": at, "endEnqMs": at + 0.1, "startH2dMs": at, "endH2dMs": at + 1}
    edges.update(startComputeMs=at + 1, endComputeMs=at + 8, startD2hMs=at + 8, endD2hMs=at + 9)
    rows.append(dict(edges, h2dMs=1, computeMs=7, d2hMs=1, latencyMs=9))
    at += 10
time.sleep(at / 1000)
with open(flags["--exportTimes"], "w") as times:
    json.dump(rows, times)
with open(flags["--exportOutput"], "w") as outputs:
    values = "1.5, nan" if mode == "nan" else "1.5, 2.5"
    outputs.write(f'[\n  {{ "name" : "y"\n  , "dimensions" : "2x16"\n  , "values" : [ {values} ]\n  }}\n]\n')
print("[11/21/2026-12:00:01] [I] Throughput: 100 qps")
print("&&&& PASSED TensorRT.trtexec")
