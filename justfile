# The verbs of `cargo xtask`, for those who type `just`.

# every check that CI makes
ci *STEPS:
    cargo xtask ci {{STEPS}}

# every test
test *ARGS:
    cargo xtask test {{ARGS}}

# install what the tests need (root)
setup:
    cargo xtask setup

# run the fuzz targets
fuzz *ARGS:
    cargo xtask fuzz {{ARGS}}

# measure Linx beside its peers
bench *ARGS:
    cargo xtask bench {{ARGS}}

# format, then lint as CI does
lint:
    cargo fmt --all
    cargo xtask ci house typos clippy

# the command, on this host
monitor *ARGS:
    cargo run --release -- monitor {{ARGS}}
