#!/bin/sh
# Generates the wire from the .proto files, in an environment of its own (grpcio-tools would downgrade protobuf).
# With --check: fails when the committed files differ from what would be generated.
set -eu
tools=1.62.3
env=build/protoenv
if [ ! -e "$env/.installed" ]; then
    mkdir -p build
    .venv/bin/python -m venv "$env"
    install="$env/bin/pip install --quiet --disable-pip-version-check"
    # An index that fails for a moment costs another try.
    $install "grpcio-tools==$tools" "setuptools<80" || $install "grpcio-tools==$tools" "setuptools<80"
    touch "$env/.installed"
fi
out=proto
if [ "${1:-}" = "--check" ]; then
    out=build/proto-check
    rm -rf "$out" && mkdir -p "$out"
fi
"$env/bin/python" -m grpc_tools.protoc -I proto --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
    proto/paretofleet_proto/v1/*.proto
[ "$out" = proto ] && exit 0
for file in "$out"/paretofleet_proto/v1/*; do
    cmp -s "$file" "proto/paretofleet_proto/v1/${file##*/}" || {
        echo "proto: ${file##*/} is not what the .proto files generate; run make proto and commit" >&2
        exit 1
    }
done
