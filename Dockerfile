# Fairlead in a container: the controller, the host and whatever stdio or HTTP services its manifests start inside it.
#
#   docker build -t fairlead .          (podman: `podman build --format docker`, or the image has no health check)
#   docker run --rm --init -p 127.0.0.1:7400:7400 -p 127.0.0.1:7401:7401 -v "$PWD/manifests:/manifests:ro" -v fairlead:/data fairlead
#
# With a fairlead.yaml, such as one that names a git repository, mount it and the secrets that it refers to, and say `up -c`:
#
#   docker run --rm --init -p … -v "$PWD/fairlead.yaml:/etc/fairlead/fairlead.yaml:ro" -e PLATFORM_TOKEN -v fairlead:/data fairlead \
#     up -c /etc/fairlead/fairlead.yaml

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/node-runtime/package.json tools/node-runtime/package.json
# The image has its own Node: the binaries that tools/node-runtime brings along as optional packages stay out.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
# git for repositories, ssh for those behind it and for signatures of its keys, gpg for signatures of OpenPGP keys.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git gnupg openssh-client && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY schemas schemas
COPY src src
RUN mkdir /data /manifests && chown node:node /data && chmod 0700 /data
USER node

# Inside, the container's network is the border, so it listens on all of its interfaces; publish on a loopback address, as above,
# until something in front asks callers who they are.
ENV FAIRLEAD_DATA_DIR=/data \
    FAIRLEAD_GATEWAY=0.0.0.0:7400 \
    FAIRLEAD_STATUS=0.0.0.0:7401 \
    FAIRLEAD_INSECURE_LISTEN=true
EXPOSE 7400 7401
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7401/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "bin/fairlead.cjs"]
CMD ["up", "/manifests"]
