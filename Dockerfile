# Builds the server, then ships it with its production packages only. A start never makes a log; make one once:
#   docker run --rm -v stele-data:/data -v stele-guard:/data.guard IMAGE init --origin NAME
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 \
#     -v stele-data:/data -v stele-guard:/data.guard --stop-timeout 30 IMAGE
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:22-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM node:22-slim
ENV NODE_ENV=production STELE_DATA=/data STELE_GUARD=/data.guard STELE_LISTEN=0.0.0.0:8080 MALLOC_ARENA_MAX=2
WORKDIR /app
# A fixed number, so that the owner of mounted volumes can be set from outside.
RUN groupadd --gid 10001 stele \
  && useradd --uid 10001 --gid stele --no-create-home --shell /usr/sbin/nologin stele \
  && install -d -o stele -g stele -m 700 /data /data.guard
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
USER 10001:10001
# Data and guard are two volumes: put them on local filesystems, and never restore both from one snapshot.
VOLUME ["/data", "/data.guard"]
EXPOSE 8080
# Finishes what waits, marks a clean stop and closes, within 10 s; give it that before a kill.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=16", "dist/cli/main.js"]
CMD ["serve"]
