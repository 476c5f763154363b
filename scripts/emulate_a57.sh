#!/bin/sh
# Makes build/a57/python: CPython for aarch64 on an emulated Cortex-A57, the ARMv8.0 core of Jetson TX1, TX2 and
# Nano, with what the agent needs and ONNX Runtime. On Debian, from its packages and from wheels; nothing is installed.
set -eu
out=$(pwd)/build/a57
# The newest versions for CPython 3.8, which a board's agent gets; the interpreter here is Debian's own 3.11.
wheels="grpcio==1.70.0 protobuf==5.29.6 psutil==7.2.2 nvidia-ml-py numpy==1.24.4 onnxruntime==1.19.2"
parts="python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 zlib1g libssl3 libexpat1 libffi8 libstdc++6
libgcc-s1 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libcrypt1 libgomp1"
[ -e "$out/python" ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "emulate_a57: this needs apt-get and dpkg-deb, as on Debian; nothing was made." >&2
    exit 1
fi
rm -rf "$out" && mkdir -p "$out/apt/lists/partial" "$out/apt/cache/archives/partial" "$out/debs" "$out/site"
touch "$out/apt/status"
# Package lists of another architecture in a folder of their own: the machine's apt does not change.
cat >"$out/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$out/apt";
Dir::State::status "$out/apt/status";
Dir::Cache "$out/apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
cd "$out/debs"
apt-get -qq -o APT::Sandbox::User=root download qemu-user-static
dpkg-deb -x qemu-user-static_*.deb "$out/qemu"
APT_CONFIG="$out/apt.conf" apt-get -qq update
# shellcheck disable=SC2086  # the names are words
APT_CONFIG="$out/apt.conf" apt-get -qq download $parts
for deb in *_arm64.deb; do
    dpkg-deb -x "$deb" "$out/root"
done
cd "$out"
# shellcheck disable=SC2086
"${PYTHON:-../../.venv/bin/python}" -m pip download -qq --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform manylinux_2_17_aarch64 --platform manylinux_2_28_aarch64 --implementation cp --python-version 311 \
    -d wheels $wheels
for wheel in wheels/*.whl; do
    "${PYTHON:-../../.venv/bin/python}" -m zipfile -e "$wheel" site
done
rm -rf debs wheels apt
cat >python.new <<END
#!/bin/sh
PYTHONPATH="$out/site:\${PYTHONPATH:-}" exec "$out/qemu/usr/bin/qemu-aarch64-static" -cpu cortex-a57 -L "$out/root" \\
    "$out/root/usr/bin/python3.11" "\$@"
END
chmod +x python.new && mv python.new python
