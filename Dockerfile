# Two stages: built on Debian, run on Debian with nothing but the program and OpenSSL.
#
#     docker build -t samlgate .
#     docker run -p 8080:8080 -v ./samlgate.toml:/etc/samlgate/samlgate.toml:ro \
#         -v samlgate-data:/var/lib/samlgate/data -v samlgate-certs:/var/lib/samlgate/certs samlgate

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Without the demo: its identity provider signs for anybody who asks.
RUN cargo build --locked --release --no-default-features

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home \
        --home-dir /var/lib/samlgate --shell /usr/sbin/nologin samlgate \
    && install -d -o samlgate -g samlgate -m 0700 \
        /var/lib/samlgate /var/lib/samlgate/data /var/lib/samlgate/certs \
    && install -d -m 0755 /etc/samlgate
COPY --from=build /src/target/release/samlgate /usr/local/bin/samlgate
# Relative paths of the configuration start here: data/samlgate.db, certs.
WORKDIR /var/lib/samlgate
USER samlgate
VOLUME ["/var/lib/samlgate/data", "/var/lib/samlgate/certs"]
# The public listener. The one for operators (9090) stays on loopback unless the configuration says
# otherwise; do not publish it.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["samlgate", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["samlgate"]
CMD ["serve"]
