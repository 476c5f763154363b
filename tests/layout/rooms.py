"""The table of rooms: whom each may import. A room is a folder, or a file that stands alone."""

from __future__ import annotations

#: The files on which everything may stand; they import nothing but one another.
GROUND = {
    "graph": {"errors", "model"},
    "agent": {"config", "errors", "files", "model", "suggest", "terminal"},
    "collector": {"bounded_json", "config", "errors", "interpreter", "model", "plain_text", "suggest"},
    "analysis": {"bare_module", "errors", "numbers", "objectives", "special_functions", "whole_file"},
}

#: Distributions whose own `__init__` is their face: it takes from every room.
WHOLE = {"graph", "analysis"}

#: Room to the rooms that it may import, beside the ground and itself; from the top of the house down.
ROOMS: dict[str, dict[str, set[str]]] = {
    "graph": {
        "__main__": {"apart"},
        "apart": {"description", "tflite_counts"},
        "description": {
            "counts",
            "flow",
            "laws",
            "operators",
            "precision",
            "axes",
            "onnx_file",
            "tflite_counts",
            "tflite_file",
        },
        "counts": {"precision", "onnx_file"},
        "tflite_counts": {"tflite", "tflite_file", "onnx_file"},
        "tflite": {"axes", "laws", "lookups", "precision", "onnx_file", "tflite_file"},
        "tflite_file": {"flatbuffer", "onnx_file"},
        "flatbuffer": set(),
        "flow": {"domains", "facts", "lookups", "mixing", "operators", "precision", "onnx_file"},
        "laws": {"lookups"},
        "lookups": {"domains", "facts", "operators", "onnx_file"},
        "domains": {"facts", "operators", "onnx_file"},
        "mixing": {"facts", "onnx_file"},
        "facts": {"onnx_file"},
        "operators": set(),
        "values": {"sizes"},
        "sizes": {"axes"},
        "precision": {"onnx_file"},
        "axes": set(),
        "onnx_file": {"wire"},
        "wire": set(),
    },
    "agent": {
        "main": {"daemon", "doctor", "status", "standalone", "device", "power", "uplink"},
        "doctor": {"uplink", "device"},
        "status": {"uplink", "device", "power"},
        "daemon": {"measure", "uplink", "device"},
        "standalone": {"measure", "device", "power", "hardware", "sensors", "runner"},
        "measure": {"device", "power", "sensors", "hardware", "runner"},
        "device": {"power", "simulate", "sensors", "hardware", "runner"},
        "power": {"simulate", "sensors", "hardware", "runner"},
        "simulate": {"sensors"},
        "sensors": {"hardware"},
        "hardware": set(),
        "uplink": set(),
        "runner": set(),
    },
    "collector": {
        "__main__": {"cli"},
        # What works on a home without a running collector is called without the wire.
        "cli": {
            "searches",
            "rpc",
            "web",
            "planning",
            "datasets",
            "service",
            "identity",
            "libraries",
            "training",
        },
        # Runs the user's code, so beside the command and not in the collector.
        "searches": {"rpc", "planning", "models"},
        "rpc": {"service", "identity"},
        "web": {"service", "identity"},
        "service": {"identity", "jobs", "lifecycle", "planning", "models", "store", "lake"},
        "jobs": {"lifecycle", "models", "planning", "store", "lake"},
        "lifecycle": {"planning", "store"},
        "models": {"lake"},
        "training": {"datasets"},
        "datasets": set(),
        "planning": set(),
        "identity": set(),
        "libraries": set(),
        "store": set(),
        "lake": set(),
    },
    "analysis": {
        "interface": {"present", "ranking", "report"},
        "page": {"figures", "present", "studies", "ranking", "report"},
        "figures": {"present", "studies", "ranking"},
        "present": {"ranking", "diagnostics", "statistics"},
        "studies": {"search", "ranking", "report", "pareto"},
        "search": {"ranking", "pareto"},
        "imports": {"report"},
        "exports": {"report"},
        "ranking": {"diagnostics", "report", "pareto", "statistics"},
        "diagnostics": {"report", "statistics"},
        "report": {"statistics"},
        "runs": {"statistics"},
        "pareto": {"statistics"},
        "statistics": set(),
    },
}
