"""The face of each room: the modules, and the names in them, that other rooms may take.

`*` is the module as a whole, by whose name its public functions are called. A name that nobody takes any more
leaves the table; one that somebody needs anew enters it, so that a wall is never widened unseen.
"""

from __future__ import annotations

#: Distribution, room, module (in the room; the room itself is empty) to the names that others take.
FACES: dict[str, dict[str, dict[str, str]]] = {
    "agent": {
        "daemon": {
            "process": "run",
        },
        "device": {
            "clock": "Clock",
            "description": "as_json describe",
            "device": "DeviceUnderTest simulation_of",
            "energy_sources": "why_none",
            "frequencies": "FrequencyLog",
            "host": "Host",
            "host_lock": "* host_lock",
            "probe": "* probe_device",
            "reboot": "*",
            "selftest_result": "*",
        },
        "hardware": {
            "boards": (
                "Board DEVICE_TREE GPUS IDS ID_FOLDERS MODULE NAMES board_ids board_names board_of "
                "has_gpu_folder is_jetson"
            ),
            "cgroups": "Throttled cpu_quota throttled",
            "core_types": "CoreTypes core_types",
            "environment": "* CPUS QUOTA_REACHED busy_ticks child_environment oom_kills process_ticks",
            "gpu": "*",
            "gpu_state": "*",
            "nvml": "* GPU_SCOPE Gpu MODULE_SCOPE gpus load stands_still",
            "processor": "processor",
            "sysfs": "INTEGER_MAX given_up integer number text",
        },
        "measure": {
            "attempt": "measure",
            "child": "Child",
            "power_session": "SAMPLER_LOST",
            "requests": "runner_command runner_request sampler_command sampler_request",
            "series": "quantile",
        },
        "power": {
            "characterise": "*",
            "energy_rails": "EnergyRails energy_rails silence",
            "estimators": "POLLING_S with_measured",
            "missing_rails": "missing_parts missing_rails",
            "polling": "MISSED_SHARE_MAX Measured failing of_request slowest_share",
            "rail_facts": "*",
            "stopping": "* Samples WindowVerdict",
            "window_energy": "WindowEnergy WindowSpan window_energy",
        },
        "runner": {
            "failure": "* one_line",
            "frame_pipes": "*",
            "frames": "*",
            "loop": "MODES",
            "process": "*",
            "runtimes.trtexec_command": "PLACES",
        },
        "sensors": {
            "": "* FindResult NO_SETTINGS Rail Readings Sensor Settings find_all within",
            "protocol": "BOXCAR COUNTER FILTERED INSTANT PART Rail Reading Readings",
        },
        "simulate": {
            "": "*",
            "power": "rail_of recorder_of",
        },
        "standalone": {
            "bench": "run",
            "run_options": "BenchRequest RunOptions mode_of options_of",
            "selftest": "run",
            "snapshot": "describe pack",
        },
        "status": {
            "": "describe read_status",
        },
        "uplink": {
            "backoff": "*",
            "chunks": "ChunkBuilder",
            "client": "CollectorClient",
            "heartbeat": "Heartbeat RunningAttempt",
            "identity": "*",
            "joining": "*",
            "model_cache": "ModelCache",
            "push": "push",
            "replies": "LeaseReply Welcome",
            "spool": "* Spool",
            "spool_file": "*",
            "upload": "*",
            "work_listener": "WorkListener",
        },
    },
    "collector": {
        "cli": {
            "": "main",
        },
        "identity": {
            "authority": "* Authority URI",
            "peers": "* LOCAL Peer check_device",
            "tokens": "*",
        },
        "jobs": {
            "choose": "UNRANKED",
            "worker": "Worker",
        },
        "lake": {
            "address": "address_of open_lake",
            "files": "Lake model_file samples_file sha256_of",
            "samples": "*",
        },
        "lifecycle": {
            "cancelling": "*",
            "chunk_faults": "crc32_of",
            "grants": "*",
            "ingest": "*",
            "notes": "notes",
            "rebuilding": "*",
            "shared_meters": "*",
            "transitions": "*",
            "staging": "*",
        },
        "models": {
            "variants": "*",
            "zoo": "*",
        },
        "planning": {
            "expansion": "plan",
            "parsing": "load_yaml parse_json spec_from_mapping",
            "protocols": "PROTOCOLS",
            "schedule": "* REBOOT_S Reboot",
            "specification": "PRECISIONS Spec",
        },
        "rpc": {
            "access_client": "AccessClient",
            "client": "Client sha256_of",
            "login": "login only_address",
            "server": "serve",
        },
        "service": {
            "access": "*",
            "agents": "*",
            "assembly": "assemble",
            "backoff": "*",
            "catalogue": "*",
            "admission": "Admission",
            "context": "Context",
            "devices": "*",
            "enrolment": "*",
            "garbage": "* Garbage",
            "home": "*",
            "in_flight": "InFlight",
            "leases": "*",
            "metrics": "CollectorMetrics",
            "reports": "*",
            "submission": "*",
            "sweeps": "*",
            "uploads": "*",
            "watching": "*",
        },
        "store": {
            "": "Store",
            "assignments": "*",
            "attempts": "*",
            "certificates": "*",
            "choices": "*",
            "chunks": "* StreamMark",
            "configurations": "*",
            "devices": "*",
            "enrolments": "*",
            "engine": "FILE_NAME failure_of is_full reading shown",
            "garbage": "* KeptAside",
            "history": "*",
            "leases": "*",
            "models": "*",
            "progress": "* EndedRun",
            "reboots": "*",
            "runs": "* CANCELLABLE ENDED_BADLY OPEN UNDER_WAY",
            "sealed": "* SealedFile",
            "sessions": "*",
            "sweeps": "*",
            "tokens": "*",
            "totals": "*",
        },
    },
    "analysis": {
        "diagnostics": {
            "canary": "*",
            "paired": "Paired compare_rows",
            "variance_levels": "Advice BALANCED LONGER_WINDOWS MORE_RUNS PROCESSES_MIN advice",
        },
        "pareto": {
            "": (
                "Absolute BlockCorrection EfficiencyIntervals FrontQuestion Shared calibrated_front "
                "dominance_probability dominator_distribution efficiency_intervals front_probability "
                "next_runs rank_interval remove_block_effects replicates"
            ),
            "block_components": "connected_blocks",
            "deterministic": "nondominated",
            "equal_runs": "DistinctRuns distinct_runs first_of_equals",
            "margins": "beaten_by in_margins tightest",
        },
        "ranking": {
            "block_components": "block_spans",
            "dominance_counts": "RANKS",
            "explanation": "Explanation Lead",
            "paced_rows": "EXTRAPOLATED PACE_MATTERS",
            "result": "NO_NEAR_FRONT RankedRow Ranking",
            "sensitivity": "SENSITIVITY_ROWS_MAX",
            "sentences": "format_probability",
            "verdicts": "BEATEN UNDECIDED",
        },
        "report": {
            "access": "Row by_block label measured_again place sampled samples start_order",
            "files": "conform",
            "schema": "COLUMNS MEASURES",
            "work_bound": "NO_WORK",
        },
        "statistics": {
            "batch_means": "ITERATIONS_MIN mean_error",
            "correlation": "effective_count",
            "intervals": "CONFIDENCE Estimate RUNS_MIN log_reach mean_interval quantile",
            "resemblance": "Resemblance resemblance",
            "moments": "moments",
            "stopping": "DEVICE_ROWS_MIN device_prior is_precise",
            "variance_prior": "VariancePrior fit_variance_prior",
        },
    },
}
